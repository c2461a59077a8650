// Server-Sent Events of the program that these pages are of. A stream that breaks is opened again: by the browser, or by
// us where the server refused it (signed out, or too many pages listen).
//
//   const stream = openStream("/api/v1/events", { hello: (data, isAgain) => …, changed: () => … }, (isConnected) => …, () => …);
//   stream.reopen(); stream.close();
//
// Breaks that are over within two seconds are told to nobody: streams end now and then, and come again at once.
type Listener = (data: never, isAgain: boolean) => void;
const patience = 2000, refusedPatience = 5000;

export function openStream(path: string, listeners: { hello: Listener } & Record<string, Listener>, onState: (isConnected: boolean) => void, onRefused: () => void) {
  let source: EventSource | undefined;
  let breaking: number | undefined;
  let retry: number | undefined;
  let isAgain = false;
  const close = () => {
    window.clearTimeout(breaking);
    window.clearTimeout(retry);
    source?.close();
  };
  const reopen = () => {
    close();
    source = new EventSource(path);
    for (const [name, listener] of Object.entries(listeners)) {
      source.addEventListener(name, (event) => {
        if (name === "hello") {
          window.clearTimeout(breaking);
          breaking = undefined;
          onState(true);
        }
        listener(JSON.parse((event as MessageEvent<string>).data) as never, isAgain);
        if (name === "hello") isAgain = true;
      });
    }
    source.onerror = () => {
      breaking ??= window.setTimeout(() => onState(false), patience);
      if (source?.readyState !== EventSource.CLOSED) return;
      retry = window.setTimeout(reopen, refusedPatience);
      onRefused();
    };
  };
  reopen();
  return { reopen, close };
}
