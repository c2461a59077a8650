import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { call, type Certificate, type Identity, type Outcome, type SessionInfo } from "../api";
import { ChangeDialog, type ChangeRequest } from "../change";
import { useData } from "../live";
import { Await, DaysLeft, Empty, Mark, Note, Page, Section, sentence, Timed } from "../ui";
import { commonName, daysUntil, groupOf, isReplaceable, plural, titleOf, toneOfDays, type Tone } from "../words";

interface Check { check: string; status: "ok" | "warning" | "critical" | "unknown"; message: string; hint?: string; replace?: string }
interface Doctor { status: number; checks: Check[] }
interface Program { program: string; running: boolean; answering: boolean; generation: number; conditions?: { name: string; message: string; hint: string }[] }
interface Status {
  appliance: { name: string; role: string }; generation: number; drift: number; in_doubt: { from?: number; to?: number } | null; programs: Program[];
  federation: { id?: string; state?: string } | null;
}
interface Member { name: string; role: string; state: string; last_seen: string | null; certificates: Certificate[]; problems: unknown[] }

export const checkTone: Record<string, Tone> = { ok: "good", warning: "warn", critical: "bad", unknown: "warn" };

// Of a server certificate that ends: whose it is. The page's own way out is better then than that of the command line.
const endingOf = ({ replace }: Check) => replace && isReplaceable(replace) ? replace : "";

function Headline({ doctor, role }: { doctor: Doctor; role: string }) {
  const bad = doctor.checks.filter((check) => check.status === "critical").length;
  const warn = doctor.checks.filter((check) => check.status === "warning" || check.status === "unknown").length;
  if (bad + warn === 0) return <Note tone="good" title="Everything is in order"><p>{plural(doctor.checks.length, "check")} passed: keys, permissions, expiry, what is served and what is installed.</p></Note>;
  const text = [bad > 0 && plural(bad, "critical finding"), warn > 0 && plural(warn, "warning")].filter(Boolean).join(" and ");
  const check = doctor.checks.find(endingOf);
  const ending = check && endingOf(check);
  return (
    <Note tone={bad > 0 ? "bad" : "warn"} title={text}
      actions={ending && <a role="button" href={`#/certificates/replace${groupOf(role).includes(ending) ? "" : `?identity=${ending}`}`}>Replace {groupOf(role).includes(ending) ? "certificates" : "its certificate"}</a>}>
      <p>{ending && <>The certificate of {titleOf(ending)} <Timed text={check.message} />. </>}{doctor.checks.length - bad - warn} other checks passed.</p>
    </Note>
  );
}

function DoctorFindings({ doctor }: { doctor: Doctor }) {
  const rank = { critical: 0, unknown: 1, warning: 2, ok: 3 };
  const wrong = doctor.checks.filter((check) => check.status !== "ok").sort((a, b) => rank[a.status] - rank[b.status]);
  const fine = doctor.checks.filter((check) => check.status === "ok");
  return (
    <>
      {wrong.length > 0 && (
        <ul class="findings">
          {wrong.map((check) => (
            <li key={check.check + check.message} class={checkTone[check.status]}>
              <Mark tone={checkTone[check.status]!}><strong>{sentence(check.check)}: <Timed text={check.message} /></strong></Mark>
              {endingOf(check)
                ? <div><a href={`#/certificates/replace?identity=${endingOf(check)}`}>Replace it</a>, or <a href={`#/certificates/${endingOf(check)}/request`}>make a signing request</a> for your CA</div>
                : check.hint && <div>{sentence(check.hint)}</div>}
            </li>
          ))}
        </ul>
      )}
      <details><summary>{plural(fine.length, "check")} passed</summary>
        <ul class="checks">{fine.map((check) => <li key={check.check + check.message}><Mark tone="good"><strong>{check.check}</strong>: <Timed text={check.message} /></Mark></li>)}</ul>
      </details>
    </>
  );
}

interface Ending { key: string; title: string; detail: string; until: string; href: string }
function Endings({ identities, members }: { identities: Identity[]; members: Member[] }) {
  const own: Ending[] = identities.map((each) => ({
    key: each.identity, title: titleOf(each.identity), detail: `${commonName(each.certificate.issuer)} · ${each.source}`, until: each.certificate.not_after, href: `#/certificates/${each.identity}`,
  }));
  // Of another member the first to end is what matters here.
  const others: Ending[] = members.flatMap((member) => {
    const first = member.certificates.filter((certificate) => !certificate.ca).sort((a, b) => a.not_after.localeCompare(b.not_after))[0];
    return first ? [{ key: member.name, title: member.name, detail: `${member.role}, the first of its certificates to end`, until: first.not_after, href: "#/federation" }] : [];
  });
  const all = [...own, ...others].sort((a, b) => a.until.localeCompare(b.until));
  const soon = all.filter((each) => toneOfDays(daysUntil(each.until)) !== "good").length;
  return (
    <Section title="What will expire" lead={soon > 0 ? `${plural(soon, "certificate")} within 30 days` : "Nothing within 30 days"} actions={<a href="#/certificates" role="button" class="secondary">All certificates</a>}>
      <ul class="endings">
        {all.map((each) => (
          <li key={each.key}><div><a href={each.href}><strong>{each.title}</strong></a><div class="soft">{each.detail}</div></div><DaysLeft until={each.until} /></li>
        ))}
      </ul>
    </Section>
  );
}

function Programs({ status }: { status: Status }) {
  const conditions = status.programs.flatMap((program) => (program.conditions ?? []).map((condition) => ({ ...condition, program: program.program })));
  return (
    <Section title="Programs" lead={`Generation ${status.generation} is in force`}>
      <ul class="programs">
        {status.programs.map((program) => (
          <li key={program.program}>
            <Mark tone={program.running && program.answering ? "good" : program.running ? "warn" : "plain"}>
              <strong>{program.program}</strong> {program.running ? (program.answering ? `runs with generation ${program.generation}` : "runs and does not answer") : "is stopped"}
            </Mark>
          </li>
        ))}
      </ul>
      {conditions.map((condition) => <Note key={condition.program + condition.name} tone="warn" title={`${condition.program}: ${condition.message}`}><p>{sentence(condition.hint)}</p></Note>)}
    </Section>
  );
}

function Step({ done, title, children }: { done: boolean; title: string; children: ComponentChildren }) {
  return <li class={done ? "done" : ""}><span class="sign" aria-hidden="true">{done ? "✓" : ""}</span><div><strong>{title}</strong>{done && <span class="visually-hidden"> (done)</span>}<div class="soft">{children}</div></div></li>;
}

// The first run: what is left to do, told by how things are, so that it needs no memory and never lies.
function FirstSteps({ session, identities, members, joined }: { session: SessionInfo; identities: Identity[]; members: Member[]; joined: boolean }) {
  const isSecondary = session.appliance.role === "secondary";
  const isCustom = identities.some((each) => each.source === "custom");
  const done = [isSecondary ? joined : members.length > 1 || session.appliance.role === "single", isCustom, session.second_factor];
  const [isHidden, setHidden] = useState(() => localStorage.getItem("first-steps") === "hidden");
  if (isHidden || done.every(Boolean)) return null;
  const hide = () => { localStorage.setItem("first-steps", "hidden"); setHidden(true); };
  return (
    <Section title="First steps" lead="A new appliance works with certificates of its own. These make it yours." actions={<button type="button" class="link" onClick={hide}>Hide</button>}>
      <ol class="first-steps">
        <Step done={false} title="Make this browser trust the federation"><a href="#/root">Download the root</a> and compare its SHA-256, so that no page of the federation warns any more.</Step>
        {isSecondary
          ? <Step done={joined} title="Join the federation"><a href="#/federation">Join with a token</a> that the primary's console makes.</Step>
          : session.appliance.role === "primary" && <Step done={members.length > 1} title="Let secondaries join"><a href="#/federation">Make a join token</a> for each of them.</Step>}
        <Step done={isCustom} title="Put in your company's certificates"><a href="#/certificates/replace">Replace the certificates</a>, or <a href={`#/certificates/${session.appliance.role === "secondary" ? "engine" : "portal"}/request`}>make a signing request</a> for your CA. The ad-hoc ones renew themselves, so this can wait.</Step>
        <Step done={session.second_factor} title="Protect this console"><a href="#/access">Set up a second factor</a> for signing in.</Step>
      </ol>
    </Section>
  );
}

export function OverviewPage({ session }: { session: SessionInfo }) {
  const isPrimary = session.appliance.role !== "secondary";
  const doctor = useData<Doctor>("/doctor");
  const status = useData<Status>("/status");
  const list = useData<{ identities: Identity[] }>("/certificates?probe=false");
  const federation = useData<{ members: Member[] }>(isPrimary ? "/federation/members" : null);
  const [request, setRequest] = useState<ChangeRequest>();
  const members = federation.data?.members ?? [];
  const drift: ChangeRequest[] = [
    { title: "Adopt the edits by hand", button: "Adopt", work: (dry, accepted) => call<Outcome>("POST", "/generations/adopt", { dry_run: dry, ...accepted }) },
    { title: "Undo the edits by hand", button: "Undo the edits", danger: true, work: (dry) => call<Outcome>("POST", "/generations/undo", { dry_run: dry }) },
  ];
  return (
    <Page title="Overview" lead={`${session.appliance.name}, a ${session.appliance.role} appliance`}>
      <Await of={doctor} what="Examining the appliance">{(data) => <Headline doctor={data} role={session.appliance.role} />}</Await>
      {status.data?.in_doubt && <Note tone="bad" title="A change was cut short" actions={<button type="button" onClick={() => { void call("POST", "/resolution", {}).finally(status.reload); }}>Resolve it now</button>}><p>It is proven and committed, or taken back.</p></Note>}
      {(status.data?.drift ?? 0) > 0 && (
        <Note tone="warn" title={`${plural(status.data!.drift, "file")} in force ${status.data!.drift === 1 ? "was" : "were"} edited by hand`}
          actions={drift.map((each) => <button type="button" key={each.title} class="secondary" onClick={() => setRequest(each)}>{each.title}</button>)} />
      )}
      {list.data && <FirstSteps session={session} identities={list.data.identities} members={members} joined={Boolean(status.data?.federation?.id)} />}
      <div class="columns">
        <div>
          <Await of={list}>{(data) => data.identities.length > 0
            ? <Endings identities={data.identities} members={members.filter((member) => member.name !== session.appliance.name)} />
            : <Empty title="No certificates yet" />}</Await>
        </div>
        <div>
          {doctor.data && <Section title="What the doctor found"><DoctorFindings doctor={doctor.data} /></Section>}
          <Await of={status}>{(data) => <Programs status={data} />}</Await>
        </div>
      </div>
      {request && <ChangeDialog request={request} close={() => setRequest(undefined)} />}
    </Page>
  );
}
