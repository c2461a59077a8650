// REPLACE CERTIFICATES: the manual's three fields, or any pile of files dropped on the page. Every change of the files is
// preflighted at once; what would happen is shown before anything does.
import { useEffect, useState } from "preact/hooks";
import { call, formOf, type Outcome, Problem, type Rehearsal } from "../api";
import { breakageOf, LiveSteps, PlanView, RehearsalView, undoTo, useChange } from "../change";
import { AcceptOption, isAcceptable, DropZone, largest } from "../drop";
import { Chain, Field, Findings, Loading, Note, Page, ProblemNote, Section } from "../ui";
import type { SessionInfo } from "../api";
import { groupOf, plural, titleOf } from "../words";

interface Files { certificate: File[]; key: File[]; intermediate: File[]; also_trust: File[] }
const mostFiles = 64;  // of the certificate manager
const none: Files = { certificate: [], key: [], intermediate: [], also_trust: [] };

function FileField({ label, hint, files, set }: { label: string; hint: string; files: File[]; set: (files: File[]) => void }) {
  return (
    <Field label={label} hint={files.length > 0 ? files.map((file) => file.name).join(", ") : hint}>
      <input type="file" multiple onChange={(event) => set([...(event.currentTarget.files ?? [])])} />
    </Field>
  );
}

export function ReplacePage({ session, scope }: { session: SessionInfo; scope: string }) {
  const identities = scope ? [scope] : groupOf(session.appliance.role);
  const [files, setFiles] = useState<Files>(none);
  const [passphrase, setPassphrase] = useState("");
  const [trustRoot, setTrustRoot] = useState(false);
  const [keepRoot, setKeepRoot] = useState(false);
  const [accepted, setAccepted] = useState<string[]>([]);
  const [breakage, setBreakage] = useState(0);
  const [planned, setPlanned] = useState<Outcome>();
  const [refusal, setRefusal] = useState<Problem>();
  const [isLooking, setLooking] = useState(false);
  const change = useChange();
  const undo = useChange();
  const count = files.certificate.length + files.key.length + files.intermediate.length;

  const form = (dry: boolean) => {
    const all = [...files.certificate, ...files.key, ...files.intermediate];
    return formOf({
      // Without a certificate in its field the pile is told apart by content.
      certificate: files.certificate.length > 0 ? files.certificate : all,
      key: files.certificate.length > 0 ? files.key : [],
      intermediate: files.certificate.length > 0 ? files.intermediate : [],
      also_trust: trustRoot ? [...all, ...files.also_trust] : files.also_trust,
      passphrase, identities, accept: accepted, keep_root: keepRoot, accept_breakage: breakage > 0 ? breakage : undefined, dry_run: dry,
    });
  };
  useEffect(() => {
    if (count === 0) { setPlanned(undefined); setRefusal(undefined); return undefined; }
    let isWanted = true;
    setLooking(true);
    const timer = window.setTimeout(() => {
      call<Outcome>("POST", "/certificates/replace", form(true)).then(
        (outcome) => { if (isWanted) { setPlanned(outcome); setRefusal(undefined); setLooking(false); } },
        (problem: Problem) => { if (isWanted) { setPlanned(undefined); setRefusal(problem); setLooking(false); } });
    }, 250);
    return () => { isWanted = false; window.clearTimeout(timer); };
  }, [files, passphrase, trustRoot, keepRoot, accepted.join(), breakage, scope]);

  const add = (more: File[]) => {
    const taken = more.filter((file) => file.size <= largest);
    if (taken.length < more.length) setRefusal(new Problem(413, "too-large", "A file is larger than 4 MiB", "That is no certificate or key."));
    if (count + taken.length > mostFiles) { setRefusal(new Problem(413, "too-many-files", `Those are ${count + taken.length} files, and at most ${mostFiles} are looked at`, "Drop what belongs to one delivery, or put the certificates into one file.")); return; }
    if (taken.length > 0) { change.reset(); setFiles((before) => ({ ...before, certificate: [...before.certificate, ...taken] })); }
  };
  const remove = (file: File) => setFiles((before) => Object.fromEntries(Object.entries(before).map(([field, list]) => [field, (list as File[]).filter((each) => each !== file)])) as unknown as Files);
  const clear = () => { setFiles(none); setPassphrase(""); setAccepted([]); setTrustRoot(false); setBreakage(0); change.reset(); undo.reset(); };
  const report = planned?.report ?? refusal?.report;
  const rehearsal = planned?.rehearsal ?? (refusal?.data.rehearsal as Rehearsal | undefined);
  const broken = rehearsal ? breakageOf(rehearsal) : 0;
  const errors = report?.findings.filter(isAcceptable).map((finding) => finding.code) ?? [];
  const needsPassphrase = report?.findings.some((finding) => finding.code === "key-encrypted") ?? false;
  const offered = [...new Set([...errors, ...accepted])];
  const base = planned?.plan?.base;
  const names = identities.map(titleOf).join(", ");
  const start = () => { void change.run(() => call<Outcome>("POST", "/certificates/replace", form(false))); };

  return (
    <Page title="Replace certificates" lead={<>For <strong>{names}</strong>{!scope && <>. The custom port of the collectors keeps its own</>}. <a href="#/certificates">All certificates</a></>}>
      {!change.outcome && (
        <div class="columns">
          <div>
            <DropZone label="Files to replace the certificates with" hint="Certificate, key and intermediates, in any order and form: PEM, DER, PKCS#7, PKCS#12. Their content tells which is which." add={(dropped) => add(dropped.map(({ file }) => file))} />
            <details class="fields" open={files.key.length + files.intermediate.length > 0}>
              <summary>Or name each file</summary>
              <FileField label="Certificate" hint="The server's certificate" files={files.certificate} set={(list) => setFiles({ ...files, certificate: list })} />
              <FileField label="Private key" hint="Not needed where a signing request of this appliance made it" files={files.key} set={(list) => setFiles({ ...files, key: list })} />
              <FileField label="Intermediate certificates" hint="From your CA, in any order" files={files.intermediate} set={(list) => setFiles({ ...files, intermediate: list })} />
            </details>
            {count > 0 && (
              <Section title={plural(count, "file")} actions={<button type="button" class="link" onClick={clear}>Clear</button>}>
                <ul class="files">{[...files.certificate, ...files.key, ...files.intermediate].map((file, at) => <li key={file.name + at}>{file.name} <span class="soft">{file.size} bytes</span> <button type="button" class="link" aria-label={`Remove ${file.name}`} onClick={() => remove(file)}>remove</button></li>)}</ul>
              </Section>
            )}
            {(needsPassphrase || passphrase) && <Field label="Passphrase" hint="Of the key or the PKCS#12 file"><input type="password" autocomplete="off" value={passphrase} onInput={(event) => setPassphrase(event.currentTarget.value)} /></Field>}
            {count > 0 && (
              <fieldset>
                <legend class="visually-hidden">Options</legend>
                <label><input type="checkbox" checked={trustRoot} onChange={(event) => setTrustRoot(event.currentTarget.checked)} /> Also trust the root in these files</label>
                <label><input type="checkbox" checked={keepRoot} onChange={(event) => setKeepRoot(event.currentTarget.checked)} /> Send the root along (few clients want that)</label>
                {offered.map((code) => <AcceptOption key={code} code={code} accepted={accepted} set={setAccepted} />)}
                {(broken > 0 || breakage > 0) && <label><input type="checkbox" checked={breakage > 0} onChange={(event) => setBreakage(event.currentTarget.checked ? broken : 0)} /> Replace although {plural(Math.max(broken, breakage), "of those asked", "of those asked")} will be locked out</label>}
              </fieldset>
            )}
          </div>
          <div aria-live="polite">
            {count === 0 && <Note title="Nothing chosen yet"><p>As soon as files are here, they are checked: whether key and certificate belong together, the chain, names, dates and trust. Nothing is changed before you say so.</p></Note>}
            {isLooking && <Loading what="Checking the files" />}
            {!isLooking && refusal && !refusal.report && <ProblemNote problem={refusal} />}
            {report && (
              <Section title="Preflight">
                {report.verdict === "refuse"
                  ? <Note tone="bad" title="These would be refused"><p>Nothing has changed. Remove what is wrong, or drop what is missing beside it.</p></Note>
                  : <Note tone={report.verdict === "accept" ? "good" : "warn"} title={report.verdict === "accept" ? "These fit" : "These can be used, with warnings"}
                      actions={planned?.outcome === "planned" && <button type="button" onClick={start} disabled={change.isRunning || isLooking} aria-busy={change.isRunning}>Replace certificates of {names}</button>} />}
                <Findings findings={report.findings} />
                {report.chain.length > 0 && <Chain chain={report.chain} broken={errors.includes("missing-intermediate")} />}
              </Section>
            )}
            {rehearsal && <RehearsalView rehearsal={rehearsal} />}
            {planned?.plan && <Section title="What would happen"><PlanView plan={planned.plan} /></Section>}
            {planned?.outcome === "unchanged" && <Note title="These are in force already" />}
          </div>
        </div>
      )}
      <LiveSteps change={change} what="Replacing the certificates"
        undo={change.outcome?.outcome === "done" && base !== undefined && !undo.outcome ? () => { void undo.run(undoTo(base)); } : undefined} />
      <LiveSteps change={undo} what="Going back to the certificates before" />
      {change.outcome && <div class="actions"><a role="button" href="#/certificates">All certificates</a><button type="button" class="secondary" onClick={clear}>Replace again</button></div>}
    </Page>
  );
}
