// Where files are dropped or chosen, folders with what is in them too: each file by its path as it was dropped. And what
// pages that take files have in common.
import { useRef, useState } from "preact/hooks";
import type { Finding } from "./api";

export interface Dropped { path: string; file: File }
export const largest = 4 * 1024 * 1024;
// Errors of preflight that --accept takes (preflight/finding.cpp).
const acceptable = ["expired", "not-yet-valid", "name-mismatch", "no-san", "malformed-san", "ca-as-leaf", "self-signed", "eku-mismatch", "key-usage", "key-weak", "signature-weak", "unknown-critical-extension", "malformed-certificate", "missing-intermediate", "untrusted-root", "key-id-mismatch", "policy-constraint", "refused-by-openssl"];
export const isAcceptable = (finding: Finding) => finding.severity === "error" && acceptable.includes(finding.code);

async function walked(entry: FileSystemEntry): Promise<Dropped[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((done, failed) => (entry as FileSystemFileEntry).file(done, failed));
    return [{ path: entry.fullPath.slice(1), file }];
  }
  // What a file manager keeps for itself (.DS_Store) is nothing that anybody meant to drop.
  if (entry.name.startsWith(".")) return [];
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: Dropped[] = [];
  for (;;) {  // a hundred at a time
    const some = await new Promise<FileSystemEntry[]>((done, failed) => reader.readEntries(done, failed));
    if (some.length === 0) return found;
    for (const each of some) if (!each.name.startsWith(".")) found.push(...(await walked(each)));
  }
}

const chosen = (files: FileList | null): Dropped[] => [...(files ?? [])].map((file) => ({ path: file.webkitRelativePath || file.name, file }));

export function DropZone({ label, hint, folders = false, add }: { label: string; hint: string; folders?: boolean; add: (files: Dropped[]) => void }) {
  const [isOver, setOver] = useState(false);
  const [isLost, setLost] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    setLost(false);
    const data = event.dataTransfer;
    const entries = [...(data?.items ?? [])].map((item) => item.webkitGetAsEntry?.()).filter((entry) => entry !== null && entry !== undefined);
    if (entries.length === 0) { add(chosen(data?.files ?? null)); return; }
    Promise.all(entries.map(walked)).then((all) => add(all.flat()), () => setLost(true));
  };
  const take = (event: { currentTarget: HTMLInputElement }) => { add(chosen(event.currentTarget.files)); event.currentTarget.value = ""; };
  return (
    <div class={isOver ? "drop over" : "drop"} onDragOver={(event) => { event.preventDefault(); setOver(true); }} onDragLeave={() => setOver(false)} onDrop={drop}>
      <p><strong>Drop the files here</strong></p>
      <p class="soft">{hint}</p>
      {isLost && <p role="alert">Something of that could not be read. Drop it again, or choose the files.</p>}
      <button type="button" class="secondary" onClick={() => input.current?.click()}>Choose files…</button>
      {folders && <> <button type="button" class="secondary" onClick={() => folder.current?.click()}>Choose a folder…</button><input ref={folder} type="file" {...{ webkitdirectory: true }} hidden aria-label={`${label}: a folder`} onChange={take} /></>}
      <input ref={input} type="file" multiple hidden aria-label={label} onChange={take} />
    </div>
  );
}

export function AcceptOption({ code, accepted, set }: { code: string; accepted: string[]; set: (codes: string[]) => void }) {
  return <label><input type="checkbox" checked={accepted.includes(code)} onChange={(event) => set(event.currentTarget.checked ? [...accepted, code] : accepted.filter((each) => each !== code))} /> Accept <code>{code}</code> although it is an error</label>;
}
