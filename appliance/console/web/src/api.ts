// The API of the console (../../verb_table.h), as functions. Errors are Problems (RFC 9457).
import { problemOf, Problem, type Certificate, type Report } from "./answers";
export { Problem };
export type { Certificate, Finding, Report } from "./answers";

export interface Served { endpoint: string; host: string; port: number; sha256: string; ok: boolean }
export interface Identity {
  identity: string; source: "default" | "custom"; certificate: Certificate; intermediates: Certificate[]; served: Served[];
  expires_in_days: number; default?: Certificate; files?: string[];
}
// Of a change of the generation; steps of a rotation and tokens have plans with fewer of these.
export interface Plan {
  base?: number; components?: string[]; endpoints?: { endpoint: string; identity: string; host: string; port: number }[];
  files?: { change: string; path: string }[]; foreign?: { path?: string }[]; identities?: { identity: string; before: string; after: string }[];
}
export interface Outcome {
  outcome: "done" | "planned" | "unchanged" | "refused"; generation: number; backup_set?: string; report?: Report; plan?: Plan;
  proofs?: { endpoint: string; identity: string; sha256: string; ok: boolean }[]; milliseconds?: Record<string, number>;
  changes?: { key: string; before: string; after: string }[]; warnings?: string[]; rehearsal?: Rehearsal; [more: string]: unknown;
}
export interface Rehearsal {
  asked: number; would_trust: number; would_break: { who: string; kind: string; reason: string; name?: string }[];
  silent: { who: string; name?: string; predicted?: string; counts?: boolean }[];
}
export interface SessionInfo {
  person: string; csrf: string; idle_minutes: number; second_factor: boolean; version: string;
  appliance: { name: string; role: "primary" | "secondary" | "single"; names: string[] };
}

let csrf = "";
let onSignedOut: () => void = () => {};
export const rememberSession = (info: SessionInfo | null) => { csrf = info?.csrf ?? ""; };
export const whenSignedOut = (action: () => void) => { onSignedOut = action; };

const offline = () => new Problem(0, "offline", "The console cannot be reached",
  "Check the connection. Where the console's own certificate was replaced by one that this browser does not trust, reload the page.");

export function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function send(method: string, path: string, body?: object): Promise<Response> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (method !== "GET") {
    headers["X-CSRF-Token"] = csrf;
    headers["Idempotency-Key"] = randomKey();
  }
  const init: RequestInit = { method, headers, credentials: "same-origin", cache: "no-store" };
  if (body instanceof FormData) init.body = body;
  else if (method !== "GET") {
    headers["Content-Type"] = "application/json";
    init.body = JSON.stringify(body ?? {});
  }
  try {
    return await fetch("/api/v1" + path, init);
  } catch {
    throw offline();
  }
}

export async function call<T>(method: string, path: string, body?: object): Promise<T> {
  const answer = await send(method, path, body);
  if (answer.ok) return (await answer.json()) as T;
  const problem = await problemOf(answer, "The console");
  if (answer.status === 401 && !(method === "POST" && path === "/session")) onSignedOut();
  throw problem;
}

export async function download(path: string, body: FormData): Promise<Blob> {
  const answer = await send("POST", path, body);
  if (answer.ok) return answer.blob();
  throw await problemOf(answer, "The console");
}

export const get = <T,>(path: string) => call<T>("GET", path);

// Parts of a form: lists become several parts, what is empty stays out.
export function formOf(fields: Record<string, string | boolean | number | string[] | File | File[] | undefined>): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined || value === "" || value === false) continue;
    for (const each of Array.isArray(value) ? value : [value]) form.append(name, each instanceof File ? each : String(each));
  }
  return form;
}

export function saveAs(blob: Blob, name: string) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
