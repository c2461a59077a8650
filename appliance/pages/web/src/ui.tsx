// The small parts that every page is made of.
import { cloneElement, type ComponentChildren, type VNode } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import type { Certificate, Finding, Loaded, Problem } from "./answers";
import { ago, colons, commonName, daysUntil, forPages, inDays, localDate, localTime, toneOfDays, utc, type Tone } from "./words";

const marks: Record<Tone, string> = { good: "✓", warn: "!", bad: "✗", plain: "•" };
export function Mark({ tone, children }: { tone: Tone; children: ComponentChildren }) {
  return <span class={`mark ${tone}`}><span class="sign" aria-hidden="true">{marks[tone]}</span><span>{children}</span></span>;
}

export function Badge({ tone = "plain", children }: { tone?: Tone; children: ComponentChildren }) {
  return <span class={`badge ${tone}`}>{children}</span>;
}

export function Time({ at, relative = false }: { at: string | null | undefined; relative?: boolean }) {
  if (!at) return <span class="soft">never</span>;
  return <time dateTime={at} title={`${localTime(at)} · ${utc(at)}`}>{relative ? ago(at) : localTime(at)}</time>;
}

// What programs say has its times in UTC: shown as every other time of a page.
export const Timed = ({ text }: { text: string }) => <>{text.split(/(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)/).map((part, at) => (at % 2 === 1 ? <Time key={at} at={part} /> : part))}</>;

export function Copy({ text, label }: { text: string; label: string }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return undefined;
    const timer = window.setTimeout(() => setCopied(false), 1500);
    return () => window.clearTimeout(timer);
  }, [copied]);
  const copy = () => { navigator.clipboard.writeText(text).then(() => setCopied(true), () => {}); };
  return <button type="button" class="link" onClick={copy} aria-label={`Copy ${label}`} title={`Copy ${label}`}>{copied ? "copied" : "copy"}</button>;
}

// The first digits tell certificates apart; a click has the whole of it.
export function Fingerprint({ sha256, whole = false }: { sha256: string; whole?: boolean }) {
  return (
    <span class="fingerprint">
      <code title={colons(sha256)}>{whole ? colons(sha256) : sha256.slice(0, 12)}</code> <Copy text={sha256} label="SHA-256" />
    </span>
  );
}

// A year is the whole bar: what is left of a certificate's last year is what people have to act on.
export function DaysLeft({ until }: { until: string }) {
  const days = daysUntil(until);
  const tone = toneOfDays(days);
  const share = Math.max(2, Math.min(100, (days / 365) * 100));
  return (
    <span class="days">
      <Mark tone={tone}>{inDays(days)}</Mark>
      <span class="bar" aria-hidden="true"><span class={tone} style={{ width: `${share}%` }} /></span>
      <span class="soft" title={utc(until)}>{localDate(until)}</span>
    </span>
  );
}

export function Names({ names }: { names: string[] }) {
  if (names.length === 0) return <span class="soft">no names</span>;
  const shown = names.slice(0, 3);
  return (
    <ul class="names">
      {shown.map((name) => <li key={name}>{name}</li>)}
      {names.length > shown.length && <li><details><summary>{names.length - shown.length} more</summary>{names.slice(3).map((name) => <div key={name}>{name}</div>)}</details></li>}
    </ul>
  );
}

export function Note({ tone = "plain", title, children, actions }: { tone?: Tone; title?: ComponentChildren; children?: ComponentChildren; actions?: ComponentChildren }) {
  return (
    <div class={`note ${tone}`} role={tone === "bad" ? "alert" : "status"}>
      {title && <p class="title"><Mark tone={tone}>{title}</Mark></p>}
      {children}
      {actions && <div class="actions">{actions}</div>}
    </div>
  );
}

export function ProblemNote({ problem, retry }: { problem: Problem; retry?: () => void }) {
  return (
    <Note tone="bad" title={sentence(problem.title)} actions={retry && <button type="button" class="secondary" onClick={retry}>Try again</button>}>
      {problem.detail && <p><Timed text={sentence(problem.detail)} /></p>}
      {problem.report && <Findings findings={problem.report.findings} />}
    </Note>
  );
}

export function Loading({ what = "Loading" }: { what?: string }) {
  return <p class="loading" aria-busy="true" role="status">{what}…</p>;
}

export function Empty({ title, children, actions }: { title: string; children?: ComponentChildren; actions?: ComponentChildren }) {
  return <div class="empty"><p class="title">{title}</p>{children && <div class="soft">{children}</div>}{actions && <div class="actions">{actions}</div>}</div>;
}

export function Await<T>({ of, children, what }: { of: Loaded<T>; children: (data: T) => ComponentChildren; what?: string }) {
  if (of.data !== undefined) return <>{of.problem && <ProblemNote problem={of.problem} retry={of.reload} />}{children(of.data)}</>;
  // Without a subject it is the manager: the frame says it, once, and it comes by itself when that runs again.
  if (of.problem?.code === "not-running" && !of.problem.data.subject) return <Loading what="Waiting for the certificate manager" />;
  if (of.problem) return <ProblemNote problem={of.problem} retry={of.reload} />;
  return <Loading what={what} />;
}

export function Page({ title, lead, actions, children }: { title: string; lead?: ComponentChildren; actions?: ComponentChildren; children: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Chancery`;
    // Who does not see the page change is told where they are now.
    heading.current?.focus({ preventScroll: true });
  }, [title]);
  return (
    <>
      <div class="page-head">
        <div><h1 tabIndex={-1} ref={heading}>{title}</h1>{lead && <p class="lead">{lead}</p>}</div>
        {actions && <div class="actions">{actions}</div>}
      </div>
      {children}
    </>
  );
}

export function Section({ title, lead, actions, children, id }: { title: string; lead?: ComponentChildren; actions?: ComponentChildren; children: ComponentChildren; id?: string }) {
  return (
    <section class="part" id={id} aria-label={title}>
      <div class="part-head"><div><h2>{title}</h2>{lead && <p class="soft">{lead}</p>}</div>{actions && <div class="actions">{actions}</div>}</div>
      {children}
    </section>
  );
}

const toneOf: Record<Finding["severity"], Tone> = { error: "bad", warning: "warn", info: "plain" };
const severity: Record<Finding["severity"], string> = { error: "Error", warning: "Warning", info: "Note" };
export function Findings({ findings }: { findings: Finding[] }) {
  if (findings.length === 0) return null;
  const order = { error: 0, warning: 1, info: 2 };
  const sorted = [...findings].sort((a, b) => order[a.severity] - order[b.severity]);
  return (
    <ul class="findings" aria-label="Findings">
      {sorted.map((finding, at) => (
        <li key={at} class={toneOf[finding.severity]}>
          <Mark tone={toneOf[finding.severity]}><span class="visually-hidden">{severity[finding.severity]}: </span><strong><Timed text={sentence(finding.message)} /></strong></Mark>
          <div class="soft">{finding.subject && <>{finding.subject} · </>}<code>{finding.code}</code></div>
          {finding.hint && <div><Timed text={sentence(forPages(finding.hint))} /></div>}
        </li>
      ))}
    </ul>
  );
}
export const sentence = (text: string) => (text ? text[0]!.toUpperCase() + text.slice(1) : text);

// The chain as it is sent, leaf first, drawn as links.
export function Chain({ chain, anchored = false, broken = false }: { chain: Certificate[]; anchored?: boolean; broken?: boolean }) {
  return (
    <ol class="chain" aria-label="Certificate chain, the server's own certificate first">
      {chain.map((certificate, at) => (
        <li key={certificate.sha256 + at}>
          <div class="link-head">
            <strong>{commonName(certificate.subject)}</strong>
            <Badge>{certificate.self_issued && certificate.ca ? "root" : certificate.ca ? "intermediate" : "server certificate"}</Badge>
          </div>
          <div class="soft">issued by {commonName(certificate.issuer)} · {certificate.key.type.startsWith("EC") ? certificate.key.type : `${certificate.key.type} ${certificate.key.bits}`}</div>
          {certificate.sans.length > 0 && <div>{certificate.sans.join(", ")}</div>}
          <div class="link-foot"><DaysLeft until={certificate.not_after} /> <Fingerprint sha256={certificate.sha256} /></div>
        </li>
      ))}
      {!anchored && chain.length > 0 && !chain[chain.length - 1]!.self_issued && (
        <li class="anchor"><strong>{commonName(chain[chain.length - 1]!.issuer)}</strong> <Badge tone={broken ? "bad" : "plain"}>{broken ? "missing" : "trust anchor"}</Badge><div class="soft">{broken ? "Neither in the files nor known here." : "Not sent: whoever connects has to know it."}</div></li>
      )}
    </ol>
  );
}

// The hint describes the field and is no part of its name.
export function Field({ label, hint, children }: { label: string; hint?: ComponentChildren; children: VNode }) {
  const id = useId();
  const field = cloneElement(children, { id, ...(hint ? { "aria-describedby": `${id}-hint` } : {}) });
  return <div class="field"><label class="label" htmlFor={id}>{label}</label>{field}{hint && <small id={`${id}-hint`}>{hint}</small>}</div>;
}

// On narrow screens each row becomes a card: `data-label` names the cell.
export function Table({ caption, heads, children }: { caption: string; heads: string[]; children: ComponentChildren }) {
  return (
    <div class="scroll">
      <table>
        <caption class="visually-hidden">{caption}</caption>
        <thead><tr>{heads.map((head) => <th scope="col" key={head}>{head || <span class="visually-hidden">Actions</span>}</th>)}</tr></thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}
export function Cell({ label, children, head = false }: { label: string; children?: ComponentChildren; head?: boolean }) {
  if (head) return <th scope="row" data-label={label}>{children}</th>;
  return <td data-label={label}>{children && <div class="cell">{children}</div>}</td>;
}
