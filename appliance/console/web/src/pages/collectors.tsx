import { useState } from "preact/hooks";
import { call, download, formOf, type Outcome, Problem, saveAs, type SessionInfo } from "../api";
import { Field, Findings, Note, Page, ProblemNote, Section } from "../ui";
import { plural } from "../words";

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
    <Page title="Collectors" lead="What an endpoint needs to become one of this federation, in one file.">
      <div class="columns">
        <Section title="Make an installer">
          <form onSubmit={(event) => { void submit(event); }}>
            <Field label="Whom its collectors trust">
              <select name="trust"><option value="">What fits what is served now</option><option value="with-root">The federation's root, in the installer</option><option value="os-trust">The operating system's trust store</option></select>
            </Field>
            <Field label="Portal" hint={`Empty: ${session.appliance.name}. The portal assigns each collector to an engine`}><input name="portal" placeholder={`${session.appliance.name}:443`} autocapitalize="none" spellcheck={false} /></Field>
            <Field label="Or engines, tried in this order" hint="host:port, separated by commas; leave the portal empty then"><input name="engines" autocapitalize="none" spellcheck={false} /></Field>
            <Field label="Tags" hint="For rules of assignment, separated by commas"><input name="tags" autocapitalize="none" spellcheck={false} /></Field>
            <Field label="Your password" hint="The installer holds the Customer Key, which admits collectors"><input type="password" name="password" required autocomplete="current-password" /></Field>
            <button type="submit" aria-busy={isBusy} disabled={isBusy}>Make and download</button>
          </form>
        </Section>
        <div aria-live="polite">
          {problem && <ProblemNote problem={problem} />}
          {planned?.report && planned.report.findings.length > 0 && <Section title="What was looked at"><Findings findings={planned.report.findings} /></Section>}
          {isDone && planned && (
            <Note tone="good" title="The installer is downloaded">
              <p>{planned.files ? plural(planned.files.length, "file") : "A zip"}, trusting {planned.trust === "with-root" ? "the federation's root" : "the operating system's store"}. Keep it as secret as a password: whoever has it may report as a collector.</p>
            </Note>
          )}
          {!planned && !problem && <Note title="What it does"><p>Before it is made, what portal and engines serve is probed, so that nobody is given a root that the servers do not fit.</p></Note>}
        </div>
      </div>
    </Page>
  );
}
