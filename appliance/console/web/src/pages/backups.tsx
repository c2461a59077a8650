import { useState } from "preact/hooks";
import { call, download, formOf, type Outcome, type Problem, saveAs } from "../api";
import { ChangeDialog, type ChangeRequest, undoTo } from "../change";
import { useData } from "../live";
import { Await, Badge, Cell, Empty, Field, Loading, Mark, Note, Page, ProblemNote, Section, Table, Time, sentence } from "../ui";
import { commonName, plural, titleOf } from "../words";
import type { Certificate } from "../api";

interface Generation { number: number; in_force: boolean; parent: number; reason: string; who: string; when: string; drift: number; problem?: string }
interface BackupSet { id: string; created: string; generation: number | null; component: string; components: string[]; reason: string; certificate: Certificate | null; verified: boolean; who: string }
interface Difference { kind: string; path: string }

const kinds: Record<string, string> = { "+": "added", "-": "removed", "~": "changed", m: "changed", M: "changed", "*": "changed" };

function Diff({ generation }: { generation: Generation }) {
  const diff = useData<{ a: number; b: number; differences: Difference[] }>(`/generations/diff?a=${generation.parent}&b=${generation.number}`);
  return (
    <Await of={diff} what="Comparing">
      {(data) => data.differences.length === 0 ? <p class="soft">No file differs from generation {data.a}.</p> : (
        <ul class="files">{data.differences.map((each) => <li key={each.path}><Badge tone={each.kind === "+" ? "good" : each.kind === "-" ? "bad" : "plain"}>{kinds[each.kind] ?? "changed"}</Badge> <code>{each.path}</code></li>)}</ul>
      )}
    </Await>
  );
}

function Timeline({ generations, ask }: { generations: Generation[]; ask: (request: ChangeRequest) => void }) {
  const [open, setOpen] = useState(0);
  const newest = [...generations].sort((a, b) => b.number - a.number);
  const known = new Set(generations.map((each) => each.number));
  const rollback = (generation: Generation): ChangeRequest => ({
    title: `Go back to generation ${generation.number}`, button: `Put generation ${generation.number} in force`,
    text: <p>Certificates, trust and policy become what they were then. The databases of the appliance stay: what was issued, revoked and used stays so.</p>,
    work: (dry, accepted) => (dry ? call<Outcome>("POST", "/generations/rollback", { number: generation.number, dry_run: true, ...accepted }) : undoTo(generation.number, accepted)()),
  });
  return (
    <ol class="timeline">
      {newest.map((generation) => (
        <li key={generation.number} class={generation.in_force ? "now" : ""}>
          <div class="link-head"><strong>Generation {generation.number}</strong>{generation.in_force && <Badge tone="good">in force</Badge>}{generation.drift > 0 && <Badge tone="warn">{plural(generation.drift, "edit")} by hand</Badge>}</div>
          <div>{generation.problem ? <Mark tone="bad">{generation.problem}</Mark> : sentence(generation.reason)}</div>
          <div class="soft"><Time at={generation.when} /> · {generation.who}</div>
          <div class="row-actions">
            {generation.parent > 0 && known.has(generation.parent) && <button type="button" class="link" aria-expanded={open === generation.number} onClick={() => setOpen(open === generation.number ? 0 : generation.number)}>{open === generation.number ? "Hide the changes" : `What changed since ${generation.parent}`}</button>}
            {!generation.in_force && <button type="button" class="link" onClick={() => ask(rollback(generation))}>Go back to {generation.number}</button>}
          </div>
          {open === generation.number && <Diff generation={generation} />}
        </li>
      ))}
    </ol>
  );
}

function ExportForm({ set, close }: { set: BackupSet; close: () => void }) {
  const [problem, setProblem] = useState<Problem>();
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    setBusy(true);
    try {
      saveAs(await download(`/backups/${encodeURIComponent(set.id)}/export`, fields), `${set.id}.chancery`);
      close();
    } catch (failure) {
      setProblem(failure as Problem);
      setBusy(false);
    }
  };
  return (
    <form class="inline" onSubmit={(event) => { void submit(event); }} aria-label={`Export ${set.id}`}>
      <p>The file holds private keys: it is encrypted under the passphrase, and your password is asked once more.</p>
      {problem && <ProblemNote problem={problem} />}
      <Field label="Passphrase for the file"><input type="password" name="passphrase" required minLength={8} autocomplete="new-password" /></Field>
      <Field label="Your password"><input type="password" name="password" required autocomplete="current-password" /></Field>
      <div class="actions"><button type="button" class="secondary" onClick={close}>Cancel</button><button type="submit" aria-busy={isBusy} disabled={isBusy}>Export</button></div>
    </form>
  );
}

function Sets({ sets, ask }: { sets: BackupSet[]; ask: (request: ChangeRequest) => void }) {
  const [verified, setVerified] = useState<Record<string, boolean | Problem>>({});
  const [exported, setExported] = useState<BackupSet>();
  const [shown, setShown] = useState(20);
  const restore = (set: BackupSet): ChangeRequest => ({
    title: "Restore a backup", button: "Restore", text: <p>Puts {set.components.map(titleOf).join(", ")} back as {set.components.length === 1 ? "it was" : "they were"} before “{set.reason}”, <Time at={set.created} />.</p>,
    work: (dry, accepted) => call<Outcome>("POST", `/backups/${encodeURIComponent(set.id)}/restore`, { dry_run: dry, ...accepted }),
  });
  const verify = (set: BackupSet) => {
    call<{ verified?: boolean }>("GET", `/backups/${encodeURIComponent(set.id)}/verification`).then(
      (reply) => setVerified((before) => ({ ...before, [set.id]: reply.verified !== false })),
      (problem: Problem) => setVerified((before) => ({ ...before, [set.id]: problem })));
  };
  const own = sets.filter((set) => set.generation !== null);
  if (own.length === 0) return <Empty title="No backups yet">Every change makes one first, by itself.</Empty>;
  return (
    <>
      <Table caption="Backup sets" heads={["Made before", "Holds", "Generation", "Whole", ""]}>
        {own.slice(0, shown).map((set) => {
          const state = verified[set.id];
          return (
            <tr key={set.id}>
              <Cell label="Made before" head>{sentence(set.reason)}<div class="soft"><Time at={set.created} /></div></Cell>
              <Cell label="Holds">{set.components.map(titleOf).join(", ")}{set.certificate && <div class="soft">{commonName(set.certificate.issuer)}</div>}</Cell>
              <Cell label="Generation">{set.generation}</Cell>
              <Cell label="Whole">{typeof state === "object" ? <Mark tone="bad">{state.title}</Mark> : state ?? set.verified ? <Mark tone="good">sealed and whole</Mark> : <Mark tone="bad">damaged</Mark>}</Cell>
              <Cell label=""><div class="row-actions">
                <button type="button" class="secondary" aria-label={`Restore ${set.id}`} onClick={() => ask(restore(set))}>Restore</button>
                <button type="button" class="link" aria-label={`Verify ${set.id}`} onClick={() => verify(set)}>Verify</button>
                <button type="button" class="link" aria-label={`Export ${set.id}`} onClick={() => setExported(set)}>Export</button>
              </div></Cell>
            </tr>
          );
        })}
      </Table>
      {own.length > shown && <button type="button" class="secondary" onClick={() => setShown(shown + 50)}>Show more of {own.length}</button>}
      {exported && <ExportForm set={exported} close={() => setExported(undefined)} />}
    </>
  );
}

function ImportForm({ ask }: { ask: (request: ChangeRequest) => void }) {
  const submit = (event: Event) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    const [file, passphrase] = [fields.get("file") as File, String(fields.get("passphrase"))];
    ask({ title: `Import ${file.name}`, button: "Import", undoable: false, work: (dry) => call<Outcome>("POST", "/backups/import", formOf({ file, passphrase, dry_run: dry })),
      done: () => <Note tone="good" title="The set is in the list now" /> });
  };
  return (
    <details><summary>Import an exported set</summary>
      <form class="inline" onSubmit={submit}>
        <Field label="File"><input type="file" name="file" required /></Field>
        <Field label="Its passphrase"><input type="password" name="passphrase" autocomplete="off" required /></Field>
        <div class="actions"><button type="submit">Import</button></div>
      </form>
    </details>
  );
}

export function BackupsPage() {
  const generations = useData<{ generations: Generation[] }>("/generations");
  const sets = useData<{ sets: BackupSet[] }>("/backups");
  const [request, setRequest] = useState<ChangeRequest>();
  return (
    <Page title="Backups" lead="Every state that ever was in force is kept as a generation, and every change backs up first what it replaces.">
      <div class="columns uneven">
        <Section title="Generations"><Await of={generations}>{(data) => <Timeline generations={data.generations} ask={setRequest} />}</Await></Section>
        <Section title="Backup sets">
          {sets.data === undefined && !sets.problem ? <Loading /> : <Await of={sets}>{(data) => <Sets sets={data.sets} ask={setRequest} />}</Await>}
          <ImportForm ask={setRequest} />
        </Section>
      </div>
      {request && <ChangeDialog request={request} close={() => setRequest(undefined)} />}
    </Page>
  );
}
