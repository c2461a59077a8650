// What changes while a page is open: the portal tells when to look again (portal/news.h), and pages ask anew as long as
// somebody looks at them. Where its events do not come through, pages ask by themselves.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { Loaded, Problem } from "./answers";
import { get } from "./api";
import { store } from "./store";
import { openStream } from "./stream";

const interval = 5000;
const longestSilence = 75_000;  // it tells twice a minute in any case
const live = store({ connected: true, version: 0 });
export const useLive = live.use;
let heard = 0;
const look = () => { if (document.visibilityState === "visible") live.set({ version: live.now().version + 1 }); };

export function startLive(): () => void {
  const told = () => { heard = Date.now(); look(); };
  const state = (connected: boolean) => {
    if (live.now().connected === connected) return;
    live.set({ connected });
    look();
  };
  const stream = openStream("/api/v1/events", { hello: (_, isAgain) => { heard = Date.now(); if (isAgain) look(); }, changed: told }, state, () => {});
  heard = Date.now();
  const timer = window.setInterval(() => {
    if (Date.now() - heard > longestSilence) { heard = Date.now(); stream.reopen(); }
    if (!live.now().connected) look();
  }, interval);
  const offline = () => state(false);
  document.addEventListener("visibilitychange", look);
  window.addEventListener("online", stream.reopen);
  window.addEventListener("offline", offline);
  return () => {
    stream.close();
    window.clearInterval(timer);
    document.removeEventListener("visibilitychange", look);
    window.removeEventListener("online", stream.reopen);
    window.removeEventListener("offline", offline);
  };
}

// Asked anew when told so. What is told while a question is under way is asked for right after it.
export function useData<T>(path: string | null): Loaded<T> {
  const { version } = useLive();
  const [answer, setAnswer] = useState<{ path: string; data: T }>();
  const [failure, setFailure] = useState<{ path: string; problem: Problem }>();
  const [asked, setAsked] = useState(0);
  const underway = useRef<string>();
  const wanted = useRef<string | null>();
  const missed = useRef(false);
  wanted.current = path;
  useEffect(() => {
    if (path === null) return;
    if (underway.current === path) { missed.current = true; return; }
    underway.current = path;
    const over = () => {
      if (underway.current !== path) return;
      underway.current = undefined;
      if (missed.current && wanted.current === path) { missed.current = false; setAsked((n) => n + 1); }
    };
    get<T>(path).then(
      (data) => { over(); if (wanted.current === path) { setAnswer({ path, data }); setFailure(undefined); } },
      (problem: Problem) => { over(); if (wanted.current === path) setFailure({ path, problem }); },
    );
  }, [path, version, asked]);
  useEffect(() => () => { wanted.current = undefined; }, []);
  const reload = useCallback(() => setAsked((n) => n + 1), []);
  return { data: answer?.path === path ? answer?.data : undefined, problem: failure?.path === path ? failure?.problem : undefined, reload };
}
