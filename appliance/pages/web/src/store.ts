// A state that components follow: each that uses it is drawn anew when it changes.
//
//   const live = store({ connected: true, version: 0 });
//   live.set({ connected: false });            // live.now().connected
//   export const useLive = live.use;
import { useEffect, useState } from "preact/hooks";

export function store<State extends object>(first: State) {
  const listeners = new Set<() => void>();
  let state = first;
  return {
    now: () => state,
    set(change: Partial<State>) {
      state = { ...state, ...change };
      for (const listener of listeners) listener();
    },
    use(): State {
      const [, redraw] = useState(0);
      useEffect(() => {
        const listener = () => redraw((n) => n + 1);
        listeners.add(listener);
        return () => { listeners.delete(listener); };
      }, []);
      return state;
    },
  };
}
