// What the APIs of console and portal have in common: certificates, findings, and problems (RFC 9457).
export interface Finding { code: string; severity: "error" | "warning" | "info"; subject: string; message: string; hint: string }
export interface Certificate {
  subject: string; issuer: string; serial: string; sans: string[]; not_before: string; not_after: string; sha256: string;
  key: { type: string; bits: number }; ca: boolean; self_issued: boolean; alias?: string; source?: string;
}
export interface Report { verdict: "accept" | "warn" | "refuse"; findings: Finding[]; chain: Certificate[] }

export class Problem extends Error {
  constructor(public status: number, public code: string, public title: string, public detail: string, public data: Record<string, unknown> = {}) {
    super(title);
  }
  get report(): Report | undefined { return this.data.report as Report | undefined; }
}

export async function problemOf(answer: Response, who: string): Promise<Problem> {
  let data: Record<string, unknown> = {};
  try { data = await answer.json(); } catch { /* not one of ours: the status has to do */ }
  const text = (name: string, otherwise: string) => (typeof data[name] === "string" && data[name] ? String(data[name]) : otherwise);
  return new Problem(answer.status, text("code", "unknown"), text("title", `${who} answered ${answer.status}`), text("detail", ""), data);
}

// What an address answers; the old answer stays until the new one is there.
export interface Loaded<T> { data: T | undefined; problem: Problem | undefined; reload: () => void }
