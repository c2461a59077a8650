// What changes while the page is open: Server-Sent Events, and hooks that follow them.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { Loaded } from "./answers";
import { get, Problem } from "./api";
import { store } from "./store";
import { openStream } from "./stream";

export interface Progress { number: number; time: string; kind: "begun" | "step" | "ended" | "recorded" | "moved"; verb?: string; who?: string; step?: string; outcome?: string; code?: string; generation?: number }
export interface LiveState { connected: boolean; manager: boolean; version: number }

const progressListeners = new Set<(event: Progress) => void>();
const live = store<LiveState>({ connected: false, manager: true, version: 0 });
export const useLive = live.use;
let stream: ReturnType<typeof openStream> | undefined;

export function refreshAll() { live.set({ version: live.now().version + 1 }); }

export function startLive() {
  stopLive();
  stream = openStream("/api/v1/events", {
    // The next one comes after an interruption: what is shown may be old then.
    hello: ({ manager }: { manager: boolean }, isAgain) => live.set({ manager, version: live.now().version + (isAgain ? 1 : 0) }),
    manager: ({ running }: { running: boolean }) => live.set({ manager: running, version: live.now().version + 1 }),
    progress: (progress: Progress) => {
      for (const listener of progressListeners) listener(progress);
      if (progress.kind === "ended" || progress.kind === "recorded" || progress.kind === "moved") refreshAll();
    },
  },
    // A signed-out page learns it from the next question it asks.
    (connected) => live.set({ connected }), () => { get("/session").catch(() => {}); });
}

export function stopLive() { stream?.close(); stream = undefined; }

window.addEventListener("offline", () => live.set({ connected: false }));
window.addEventListener("online", () => stream?.reopen());

export function useProgress(listener: (event: Progress) => void) {
  const latest = useRef(listener);
  latest.current = listener;
  useEffect(() => {
    const forward = (event: Progress) => latest.current(event);
    progressListeners.add(forward);
    return () => { progressListeners.delete(forward); };
  }, []);
}

// Asked anew when something changed.
export function useData<T>(path: string | null): Loaded<T> {
  const { version } = useLive();
  const [answer, setAnswer] = useState<{ path: string; data: T } | undefined>();
  const [problem, setProblem] = useState<Problem | undefined>();
  const [asked, setAsked] = useState(0);
  useEffect(() => {
    if (path === null) return undefined;
    let isWanted = true;
    get<T>(path).then(
      (data) => { if (isWanted) { setAnswer({ path, data }); setProblem(undefined); } },
      (failure: Problem) => { if (isWanted) setProblem(failure); },
    );
    return () => { isWanted = false; };
  }, [path, version, asked]);
  const reload = useCallback(() => setAsked((n) => n + 1), []);
  const isThis = answer !== undefined && answer.path === path;
  return { data: isThis ? answer.data : undefined, problem, reload };
}
