// What changes while a page is open: the portal itself asks its engines every 5 seconds, and so do the pages ask it, as long
// as somebody looks at them.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { Loaded, Problem } from "./answers";
import { get } from "./api";
import { store } from "./store";

const interval = 5000;
const live = store({ connected: true, version: 0 });
export const useLive = live.use;
const look = () => { if (document.visibilityState === "visible") live.set({ version: live.now().version + 1 }); };

export function startLive(): () => void {
  const timer = window.setInterval(look, interval);
  document.addEventListener("visibilitychange", look);
  window.addEventListener("online", look);
  return () => {
    window.clearInterval(timer);
    document.removeEventListener("visibilitychange", look);
    window.removeEventListener("online", look);
  };
}

// Asked anew every few seconds, and not again before the last question is answered.
export function useData<T>(path: string | null): Loaded<T> {
  const { version } = useLive();
  const [answer, setAnswer] = useState<{ path: string; data: T }>();
  const [failure, setFailure] = useState<{ path: string; problem: Problem }>();
  const [asked, setAsked] = useState(0);
  const underway = useRef<string>();
  const wanted = useRef<string | null>();
  wanted.current = path;
  useEffect(() => {
    if (path === null || underway.current === path) return;
    underway.current = path;
    const over = () => { if (underway.current === path) underway.current = undefined; };
    get<T>(path).then(
      (data) => { over(); if (!live.now().connected) live.set({ connected: true }); if (wanted.current === path) { setAnswer({ path, data }); setFailure(undefined); } },
      (problem: Problem) => { over(); if (problem.status === 0 && live.now().connected) live.set({ connected: false }); if (wanted.current === path) setFailure({ path, problem }); },
    );
  }, [path, version, asked]);
  useEffect(() => () => { wanted.current = undefined; }, []);
  const reload = useCallback(() => setAsked((n) => n + 1), []);
  return { data: answer?.path === path ? answer?.data : undefined, problem: failure?.path === path ? failure?.problem : undefined, reload };
}
