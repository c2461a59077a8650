// What several pages of the portal show alike.
import type { ComponentChildren } from "preact";
import type { Authority, Device, Held, Silent } from "./api";
import type { Certificate } from "./answers";
import { Badge, Fingerprint, Mark, Note } from "./ui";
import { commonName, plural, titleOf } from "./words";

// How much of the whole, as a bar with its words.
export function Share({ part, whole, children }: { part: number; whole: number; children: ComponentChildren }) {
  const width = whole > 0 ? Math.min(100, (part / whole) * 100) : 0;
  return <span class="share"><span>{children}</span><span class="bar" aria-hidden="true"><span style={{ width: `${width}%` }} /></span></span>;
}

export function SilentEngines({ silent, what }: { silent: Silent[]; what: string }) {
  if (silent.length === 0) return null;
  return (
    <Note tone="warn" title={`${plural(silent.length, "engine does", "engines do")} not answer`}>
      <p>{what}</p>
      <ul>{silent.map((each) => <li key={each.engine}><strong>{each.engine}</strong>: {each.problem}</li>)}</ul>
    </Note>
  );
}

export function DeviceState({ device }: { device: Device }) {
  if (device.blocked) return <Mark tone="bad">blocked</Mark>;
  return device.connected ? <Mark tone="good">connected</Mark> : <Mark tone="plain">away</Mark>;
}

export const trustTitles: Record<string, string> = { pinned: "pinned root", "operating-system": "system's store", none: "nobody" };
export const trustTitle = (trust: string) => trustTitles[trust] ?? "not told yet";

export function Tags({ tags }: { tags: string[] }) {
  if (tags.length === 0) return null;
  return <span class="tags">{tags.map((tag) => <Badge key={tag}>{tag}</Badge>)}</span>;
}

// A certificate of the federation, whoever has it.
export interface Ending { key: string; where: string; what: string; badge: string; certificate: Certificate; told: string | undefined }
export function endingsOf(held: Held[], authorities: Authority[]): Ending[] {
  const leaves = held.map((each) => ({ key: `${each.member}/${each.identity}`, where: each.member, what: titleOf(each.identity), badge: each.source, certificate: each.certificate, told: each.told }));
  const above = authorities.map(({ certificate, members }) => ({
    key: certificate.sha256, where: members.length === 0 ? "Federation" : members.length > 2 ? `${members.length} appliances` : members.join(", "),
    what: commonName(certificate.subject), badge: certificate.self_issued ? "root" : "intermediate", certificate, told: undefined,
  }));
  return [...leaves, ...above].sort((a, b) => a.certificate.not_after.localeCompare(b.certificate.not_after));
}

// A root by its name, where the federation knows it.
export function Root({ sha256, authorities }: { sha256: string; authorities: Authority[] }) {
  const known = authorities.find((each) => each.certificate.sha256 === sha256);
  return <span>{known ? commonName(known.certificate.subject) : <span class="soft">not one of the federation's</span>} <Fingerprint sha256={sha256} /></span>;
}
