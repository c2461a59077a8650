// The portal's API (portal/openapi.cpp), as types, and the one question there is: GET. Errors are Problems (RFC 9457).
import type { Rule } from "./rule_table";
import { Problem, problemOf, type Certificate } from "./answers";

export interface Engine {
  name: string; internal_name: string; host: string; port: number; version: string; last_seen: string; reachable: boolean; verified: boolean;
  problem: string; devices: number; connected: number;
}
export interface Held { member: string; identity: string; source: "default" | "custom" | ""; told: string; certificate: Certificate }
export interface Authority { certificate: Certificate; members: string[] }
export interface Silent { engine: string; problem: string }
export interface Certificates { certificates: Held[]; authorities: Authority[]; unreachable: Silent[] }
export interface Device {
  id: string; host: string; engine: string; system: string; addresses: string[]; version: string; trust: "pinned" | "operating-system" | "none" | "";
  trust_roots: string[]; presented: string; tags: string[]; customer_key: string; held_roots: string[]; proven_roots: string[]; first_seen: string;
  last_seen: string; connected: boolean; blocked: boolean;
}
export interface DevicePage { devices: Device[]; next: string | null; total: number; unreachable: Silent[] }
type Counts = Record<string, number>;
export interface Kinds { total: number; connected: number; systems: Counts; versions: Counts; trust: Counts; roots: Counts; tags: Counts }
export interface Summary extends Kinds { engines: Record<string, Kinds>; unreachable: Silent[] }
export interface Sent { id: string; host: string; engine: string; rule: string; seen: string }
export interface Rules { rules: Rule[]; collectors: Sent[] }

export async function get<T>(path: string): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch("/api/v1" + path, { headers: { Accept: "application/json" }, credentials: "same-origin", cache: "no-store" });
  } catch {
    throw new Problem(0, "offline", "The portal cannot be reached",
      "Check the connection. Where the portal's certificate was replaced by one that this browser does not trust, reload the page.");
  }
  if (answer.ok) return (await answer.json()) as T;
  throw await problemOf(answer, "The portal");
}
