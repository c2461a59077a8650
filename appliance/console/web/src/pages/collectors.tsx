import { useState } from "preact/hooks";
import { call, download, formOf, type Outcome, Problem, saveAs, type SessionInfo } from "../api";
import { ChangeDialog, type ChangeRequest } from "../change";
import { useData } from "../live";
import { Await, Field, Findings, Note, Page, ProblemNote, Section, Time } from "../ui";
import { plural } from "../words";
import { KnownCollectors } from "./known_collectors";

interface Keys {
  number: number; id: string; since: string | null; former: { id: string; admits: boolean; admits_until: string }[];
  collectors?: { id: string; count: number }[];
}

// One stolen installer does not let anybody in for good: the key is made anew, and for a while both admit.
function CustomerKey() {
  const keys = useData<Keys>("/customer-key");
  const [days, setDays] = useState("7");
  const [request, setRequest] = useState<ChangeRequest>();
  const rotate: ChangeRequest = {
    title: "Make a new Customer Key", button: "Make a new key", undoable: false,
    text: <p>Every member gets it by itself, and connected collectors as well. The present one admits for {plural(Number(days), "day")} more; whoever was not there by then needs a new installer.</p>,
    work: (dry) => call<Outcome>("POST", "/customer-key/rotate", { overlap_seconds: Number(days) * 86_400, dry_run: dry }),
  };
  const end: ChangeRequest = {
    title: "End the overlap now", button: "End the overlap", danger: true, undoable: false, text: <p>Only the present key admits from then on. Collectors that were never connected since it was made need a new installer.</p>,
    work: (dry) => call<Outcome>("POST", "/customer-key/rotate", { end_overlap: true, dry_run: dry }),
  };
  return (
    <Section title="Customer Key" lead="It admits collectors at first contact; then each has a key of its own.">
      <Await of={keys}>
        {(data) => (
          <>
            <p>Key number {data.number + 1}, <code>{data.id.slice(0, 12)}</code>{data.since && <>, since <Time at={data.since} /></>}{data.collectors && data.collectors.length > 0 && <>. Held by {data.collectors.map((each) => `${plural(each.count, "collector")} (${each.id.slice(0, 12)})`).join(", ")}</>}.</p>
            {data.former.filter((each) => each.admits).map((each) => <Note key={each.id} tone="warn" title={`The former key ${each.id.slice(0, 12)} still admits`}><p>Until <Time at={each.admits_until} />.</p></Note>)}
            <Field label="The present key still admits for"><select value={days} onChange={(event) => setDays(event.currentTarget.value)}><option value="1">1 day</option><option value="7">7 days</option><option value="30">30 days</option></select></Field>
            <div class="actions"><button type="button" class="secondary" onClick={() => setRequest(rotate)}>Make a new key…</button>{data.former.some((each) => each.admits) && <button type="button" class="secondary" onClick={() => setRequest(end)}>End the overlap…</button>}</div>
          </>
        )}
      </Await>
      {request && <ChangeDialog request={request} close={() => setRequest(undefined)} />}
    </Section>
  );
}

interface Planned extends Outcome { trust: string; servers: string[]; portal: string; files?: { path: string; bytes: number }[] }

export function CollectorsPage({ session }: { session: SessionInfo }) {
  const [planned, setPlanned] = useState<Planned>();
  const [problem, setProblem] = useState<Problem>();
  const [isBusy, setBusy] = useState(false);
  const [isDone, setDone] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    const list = (name: string) => String(fields.get(name) ?? "").split(/[\s,]+/).filter(Boolean);
    const asked = { trust: String(fields.get("trust")), portal: String(fields.get("portal")).trim(), engines: list("engines"), tags: list("tags") };
    setBusy(true); setProblem(undefined); setDone(false);
    try {
      setPlanned(await call<Planned>("POST", "/collectors/installer", formOf({ ...asked, password: String(fields.get("password")), dry_run: true })));
      saveAs(await download("/collectors/installer", formOf({ ...asked, password: String(fields.get("password")) })), "collector-installer.zip");
      setDone(true);
    } catch (failure) {
      setPlanned(undefined);
      setProblem(failure instanceof Problem ? failure : new Problem(0, "unknown", "The page failed", String(failure)));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Page title="Collectors" lead="The endpoints of this federation, and what one needs to join them.">
      <KnownCollectors />
      <div class="columns">
        <Section title="Make an installer">
          <form onSubmit={(event) => { void submit(event); }}>
            <Field label="Whom its collectors trust">
              <select name="trust"><option value="">Chosen by what is served now</option><option value="with-root">The federation's root, in the installer</option><option value="os-trust">The operating system's trust store</option></select>
            </Field>
            <Field label="Portal" hint={`Empty: ${session.appliance.name}. The portal assigns each collector to an engine`}><input name="portal" placeholder={`${session.appliance.name}:443`} autocapitalize="none" spellcheck={false} /></Field>
            <Field label="Or engines, tried in this order" hint="host:port, separated by commas; leave the portal empty then"><input name="engines" autocapitalize="none" spellcheck={false} /></Field>
            <Field label="Tags" hint="For rules of assignment, separated by commas"><input name="tags" autocapitalize="none" spellcheck={false} /></Field>
            <Field label="Your password" hint="The installer holds the Customer Key, which admits collectors"><input type="password" name="password" required autocomplete="current-password" /></Field>
            <button type="submit" aria-busy={isBusy} disabled={isBusy}>Make and download</button>
          </form>
        </Section>
        <div>
          {problem && <ProblemNote problem={problem} />}
          {planned?.report && planned.report.findings.length > 0 && <Section title="What was looked at"><Findings findings={planned.report.findings} /></Section>}
          {isDone && planned && (
            <Note tone="good" title="The installer is downloaded">
              <p>{planned.files ? plural(planned.files.length, "file") : "A zip"}, trusting {planned.trust === "with-root" ? "the federation's root" : "the operating system's store"}. Keep it as secret as a password: whoever has it may report as a collector.</p>
            </Note>
          )}
          {!planned && !problem && <Note title="What an installer is"><p>A zip for endpoints: program, settings, Customer Key. Before it is made, portal and engines are asked what they serve, so that no collector gets a root that does not fit.</p></Note>}
          <CustomerKey />
        </div>
      </div>
    </Page>
  );
}
