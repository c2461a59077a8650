// Certificates for many members at once: files are dropped, every member says what it thinks of them, and only then are
// they put in force, wave by wave. The manager keeps where a rollout stands: this page asks it for one step after the
// other, and any page can go on with what another one left.
import { useEffect, useRef, useState } from "preact/hooks";
import { call, formOf, Problem, type Report } from "../api";
import { AcceptOption, isAcceptable, type Dropped, DropZone, largest } from "../drop";
import { refreshAll, useData } from "../live";
import { Await, Badge, Cell, Empty, Field, Findings, Loading, Mark, Note, Page, ProblemNote, Section, sentence, Table, Time } from "../ui";
import { plural, type Tone } from "../words";

interface Fault { code: string; message: string; hint: string }
interface Member { name: string; wave: number; state: string; backup_set?: string; error?: Fault | null; note?: string | null }
interface Rollout { id: string; state: string; who: string; created: string; wave: number; waves: number; members: Member[] }
interface Step extends Rollout { outcome: string }
interface Judged { name: string; wave?: number; verdict: string; unchanged?: boolean; error?: Fault; report?: Report; note?: string }
interface Entry { label: string; members: string[]; files: string[] }
interface Plan { outcome: string; waves: number; entries: Entry[]; members: Judged[] }

const tones: Record<string, Tone> = { done: "good", running: "warn", "going-back": "warn", stopped: "plain", failed: "bad", "needs-person": "bad", undoing: "warn", waiting: "plain", replacing: "warn", replaced: "good", unchanged: "good", undone: "plain", unreachable: "bad", stuck: "bad" };
const titles: Record<string, string> = { running: "Under way", "going-back": "Going back", done: "Done", stopped: "Stopped", failed: "Failed: its wave was taken back", "needs-person": "Somebody has to look", undoing: "Every member goes back", undone: "Undone: members have again what they had before" };
const isOver = (rollout: Rollout) => !["running", "going-back", "undoing"].includes(rollout.state);
const hasIt = (member: Member) => member.state === "replaced" || member.state === "stuck";

function RolloutMembers({ rollout }: { rollout: Rollout }) {
  const isBack = rollout.state === "undoing" || rollout.state === "undone";
  const done = rollout.members.filter((member) => (isBack ? member.state === "undone" : member.state === "replaced" || member.state === "unchanged")).length;
  return (
    <>
      <p aria-live="polite"><Mark tone={tones[rollout.state] ?? "plain"}><strong>{titles[rollout.state] ?? rollout.state}</strong></Mark>{rollout.state !== "undone" && <> · wave {rollout.wave} of {rollout.waves}</>} · {done} of {plural(rollout.members.length, "member")}{isBack && " back"} <span class="soft">by {rollout.who}, <Time at={rollout.created} /></span></p>
      <span class="bar" aria-hidden="true"><span class={tones[rollout.state]} style={{ width: `${(done / rollout.members.length) * 100}%` }} /></span>
      <Table caption={`Members of the rollout ${rollout.id}`} heads={["Member", "Wave", "State", "To go back there"]}>
        {rollout.members.map((member) => (
          <tr key={member.name}>
            <Cell label="Member" head>{member.name}</Cell>
            <Cell label="Wave">{member.wave}</Cell>
            <Cell label="State"><Mark tone={tones[member.state] ?? "plain"}>{member.state}</Mark>{member.error && <div>{sentence(member.error.message)}<div class="soft">{sentence(member.error.hint)}</div></div>}{member.note && <div class="soft">Before: {member.note}</div>}</Cell>
            <Cell label="To go back there">{member.backup_set && member.state !== "undone" && <code>{member.backup_set}</code>}</Cell>
          </tr>
        ))}
      </Table>
    </>
  );
}

// What is under way: asked for its next step by whoever began it or goes on with it.
function UnderWay({ rollout, driving, go, stop }: { rollout: Rollout; driving: boolean; go: () => void; stop: () => void }) {
  return (
    <Section title="The rollout" actions={<>
      {!driving && <button type="button" onClick={go}>{rollout.state === "needs-person" ? "Try again" : "Go on"}</button>}
      {rollout.state === "running" && <button type="button" class="danger" onClick={stop}>Stop and take this wave back</button>}
      {rollout.state === "undoing" && <button type="button" class="danger" onClick={stop}>Stop here</button>}
    </>}>
      {!driving && !isOver(rollout) && <Note tone="warn" title="No page of this browser is at it"><p>Another page or command may be. Where none is, it waits at this point, and you can go on with it.</p></Note>}
      <RolloutMembers rollout={rollout} />
    </Section>
  );
}

function Judgement({ judged }: { judged: Judged }) {
  const isBad = judged.verdict === "refuse";
  return (
    <tr>
      <Cell label="Member" head>{judged.name}</Cell>
      <Cell label="Wave">{judged.wave}</Cell>
      <Cell label="What it says">
        <Mark tone={isBad ? "bad" : judged.verdict === "warn" ? "warn" : "good"}>{isBad ? "refuses" : judged.unchanged ? "has it already" : "accepts"}</Mark>
        {judged.error && <div>{sentence(judged.error.message)}<div class="soft">{sentence(judged.error.hint)}</div></div>}
        {judged.report?.findings && judged.report.findings.length > 0 && <details open={isBad}><summary>{plural(judged.report.findings.length, "finding")}</summary><Findings findings={judged.report.findings} /></details>}
      </Cell>
    </tr>
  );
}

// A rollout that is over, taken back whole: everybody is asked first, and whoever cannot go back may be left as it is.
function Undo({ rollout, begun }: { rollout: Rollout; begun: (step: Step) => void }) {
  const [plan, setPlan] = useState<Plan>();
  const [problem, setProblem] = useState<Problem>();
  const [left, setLeft] = useState<string[]>([]);
  const [isBusy, setBusy] = useState(false);
  const count = rollout.members.filter((member) => hasIt(member) && !left.includes(member.name)).length;
  const ask = <Answer,>(dry: boolean, without: string[], then: (answer: Answer) => void) => {
    setBusy(true);
    setProblem(undefined);
    call<Answer>("POST", `/federation/rollouts/${rollout.id}/undo`, { without, dry_run: dry }).then(
      (answer) => { setBusy(false); then(answer); },
      (failure: Problem) => {
        const refused = failure.data as unknown as Plan;
        setBusy(false);
        if (refused.members) setPlan(refused); else setProblem(failure);
      });
  };
  const look = (without: string[]) => { setLeft(without); ask(true, without, setPlan); };
  if (!rollout.members.some(hasIt)) return null;
  const refusing = plan?.members.filter((member) => member.verdict === "refuse").map((member) => member.name) ?? [];
  return (
    <div aria-live="polite">
      {problem && <ProblemNote problem={problem} />}
      {plan && <p>Every member would get back what it had before this rollout, the last wave first.</p>}
      {plan && <Table caption={`Who can go back from ${rollout.id}`} heads={["Member", "Wave", "What it says"]}>{plan.members.map((judged) => <Judgement key={judged.name} judged={judged} />)}</Table>}
      {isBusy && <Loading what="Asking every member" />}
      <div class="actions">
        {!plan && !isBusy && <button type="button" class="secondary" onClick={() => look([])}>Put every member back…</button>}
        {plan && <button type="button" class="secondary" onClick={() => { setPlan(undefined); setLeft([]); }}>Cancel</button>}
        {refusing.length > 0 && refusing.length < count && <button type="button" class="secondary" onClick={() => look([...left, ...refusing])}>Leave {refusing.join(", ")} as {refusing.length === 1 ? "it is" : "they are"}</button>}
        {plan && refusing.length === 0 && <button type="button" class="danger" disabled={isBusy} onClick={() => ask(false, left, begun)}>Put {plural(count, "member")} back</button>}
      </div>
    </div>
  );
}

function Begin({ members, begun }: { members: string[]; begun: (rollout: Step) => void }) {
  const [files, setFiles] = useState<Dropped[]>([]);
  const [roots, setRoots] = useState<File[]>([]);
  const [waves, setWaves] = useState("1,10%,100%");
  const [passphrase, setPassphrase] = useState("");
  const [accepted, setAccepted] = useState<string[]>([]);
  const [chosen, setChosen] = useState<Record<string, string>>({});  // by entry: whom it is for, where that is not told by itself
  const [plan, setPlan] = useState<Plan>();
  const [problem, setProblem] = useState<Problem>();
  const [isLooking, setLooking] = useState(false);

  // The innermost folder is a member's; one that only holds the delivery is nobody's.
  const partOf = ({ path }: Dropped) => {
    const folders = path.split("/").slice(0, -1);
    const own = folders.length > 1 || members.includes(folders[0] ?? "") ? folders.at(-1)! : "";
    return own ? `plan/${own}` : "plan";
  };
  const form = (dry: boolean) => {
    const parts: Record<string, File[]> = {};
    for (const each of files) (parts[partOf(each)] ??= []).push(each.file);
    const entries: Record<string, object> = {};
    for (let at = 0; at < Math.max(plan?.entries.length ?? 0, accepted.length > 0 ? files.length : 0); at += 1) {
      entries[at] = { ...(chosen[at] ? { members: [chosen[at]] } : {}), ...(accepted.length > 0 ? { accept: accepted } : {}) };
    }
    return formOf({ ...parts, also_trust: roots, entries: JSON.stringify(entries), waves, passphrase, dry_run: dry });
  };
  useEffect(() => {
    setProblem(undefined);
    if (files.length === 0) { setPlan(undefined); return undefined; }
    let isWanted = true;
    setLooking(true);
    const timer = window.setTimeout(() => {
      call<Plan>("POST", "/federation/rollouts", form(true)).then(
        (found) => { if (isWanted) { setPlan(found); setLooking(false); } },
        (failure: Problem) => {
          if (!isWanted) return;
          const refused = failure.data as unknown as Plan;
          setPlan(refused.members ? refused : undefined);
          setProblem(refused.members ? undefined : failure);
          setLooking(false);
        });
    }, 300);
    return () => { isWanted = false; window.clearTimeout(timer); };
  }, [files, roots, waves, passphrase, accepted.join(), JSON.stringify(chosen)]);

  const add = (more: Dropped[]) => {
    const taken = more.filter(({ path, file }) => file.size <= largest * 4 && !path.split("/").at(-1)!.startsWith("."));
    setChosen({});
    setFiles((before) => [...before.filter((each) => !taken.some((other) => other.path === each.path)), ...taken]);
  };
  const start = () => {
    setLooking(true);
    call<Step>("POST", "/federation/rollouts", form(false)).then(begun, (failure: Problem) => { setProblem(failure); setLooking(false); });
  };
  const findings = plan?.members.flatMap((member) => (member.report?.findings ?? []).filter(isAcceptable).map((each) => each.code)) ?? [];
  const offered = [...new Set([...findings, ...accepted])];
  const refusing = plan?.members.filter((member) => member.verdict === "refuse").length ?? 0;
  return (
    <Section title="Begin one" lead="Nothing is changed anywhere before every member has said that it accepts, and you say so.">
      <div class="columns">
        <div>
          <DropZone label="Files to roll out" folders add={add} hint="A zip or folder with one folder for each member, called after it; or certificates and keys that are told apart by name and content; or a plan.toml with its files." />
          {files.length > 0 && (
            <>
              <ul class="files">{files.map((each) => <li key={each.path}>{each.path} <span class="soft">{each.file.size} bytes</span></li>)}</ul>
              <button type="button" class="link" onClick={() => { setFiles([]); setChosen({}); setAccepted([]); setPassphrase(""); }}>Clear</button>
            </>
          )}
          <Field label="A root that members shall know from now on" hint={roots.length > 0 ? roots.map((file) => file.name).join(", ") : "Only where yours is none that they know"}><input type="file" multiple onChange={(event) => setRoots([...(event.currentTarget.files ?? [])])} /></Field>
          <Field label="Waves" hint="How many members have it after each wave: numbers, or shares of all"><input value={waves} onInput={(event) => setWaves(event.currentTarget.value.trim())} spellcheck={false} /></Field>
          {(passphrase || findings.includes("key-encrypted")) && <Field label="Passphrase" hint="Of the keys"><input type="password" autocomplete="off" value={passphrase} onInput={(event) => setPassphrase(event.currentTarget.value)} /></Field>}
          {offered.length > 0 && <fieldset><legend class="visually-hidden">Options</legend>{offered.map((code) => <AcceptOption key={code} code={code} accepted={accepted} set={setAccepted} />)}</fieldset>}
        </div>
        <div aria-live="polite">
          {isLooking && <Loading what="Asking every member" />}
          {problem && !isLooking && <ProblemNote problem={problem} />}
          {plan && (
            <>
              {!isLooking && (refusing > 0
                ? <Note tone="bad" title={`${plural(refusing, "member refuses", "members refuse")}: nothing can begin`}><p>Give what is missing on the left, or mend the files and drop them again.</p></Note>
                : <Note tone="good" title="Every member accepts" actions={<button type="button" onClick={start}>Replace at {plural(plan.members.length, "member")} in {plural(plan.waves, "wave")}</button>} />)}
              <Table caption="Who gets what" heads={["For", "Files"]}>
                {plan.entries.map((entry, at) => (
                  <tr key={at}>
                    <Cell label="For" head>
                      {entry.members.length > 0 && entry.members.every((name) => members.includes(name)) && !chosen[at] ? entry.members.join(", ") : (
                        <select aria-label={`Member for ${entry.label || entry.files[0]}`} value={chosen[at] ?? ""} onChange={(event) => setChosen({ ...chosen, [at]: event.currentTarget.value })}>
                          <option value="">choose a member</option>{members.map((name) => <option key={name} value={name}>{name}</option>)}
                        </select>
                      )}
                    </Cell>
                    <Cell label="Files">{entry.files.join(", ")}</Cell>
                  </tr>
                ))}
              </Table>
              <Table caption="What every member says" heads={["Member", "Wave", "What it says"]}>{plan.members.map((judged) => <Judgement key={judged.name} judged={judged} />)}</Table>
            </>
          )}
        </div>
      </div>
    </Section>
  );
}

export function RolloutPage() {
  const list = useData<{ rollouts: Rollout[] }>("/federation/rollouts");
  const federation = useData<{ members: { name: string; role: string }[] }>("/federation/members");
  const [current, setCurrent] = useState<Rollout>();
  const [driving, setDriving] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const isHere = useRef(true);
  useEffect(() => () => { isHere.current = false; }, []);

  const drive = async (id: string, again: boolean) => {
    setDriving(true);
    setProblem(undefined);
    try {
      for (let repeat = again; isHere.current; repeat = false) {
        const step = await call<Step>("POST", `/federation/rollouts/${id}/step`, { again: repeat });
        setCurrent(step);
        if (step.outcome !== "running") break;
      }
    } catch (failure) {
      setProblem(failure as Problem);
    }
    setDriving(false);
    refreshAll();
  };
  const stop = (rollout: Rollout) => {
    call<Step>("POST", `/federation/rollouts/${rollout.id}/stop`, {}).then((step) => { if (!driving) { setCurrent(step); void drive(step.id, false); } }, setProblem);
  };
  const begun = (step: Step) => { setCurrent(step); void drive(step.id, false); };
  return (
    <Page title="Rollout" lead="One delivery of certificates for many members: all of them are asked first, then they follow in waves. The first failure takes its whole wave back.">
      {problem && <ProblemNote problem={problem} />}
      <Await of={list}>
        {(data) => {
          const [newest] = data.rollouts;
          // What this page has just been told is newer than the list, as long as it is about the same.
          const shown = current && (driving || isOver(current)) ? current : newest && (!isOver(newest) || newest.state === "needs-person") ? newest : undefined;
          const earlier = data.rollouts.filter((rollout) => rollout.id !== shown?.id);
          return (
            <>
              {shown && !isOver(shown) || shown?.state === "needs-person"
                ? <UnderWay rollout={shown} driving={driving} go={() => { void drive(shown.id, true); }} stop={() => stop(shown)} />
                : shown && <Section title="The rollout" actions={<button type="button" class="secondary" onClick={() => setCurrent(undefined)}>Begin another</button>}><RolloutMembers rollout={shown} /><Undo rollout={shown} begun={begun} /></Section>}
              {!shown && <Await of={federation}>{({ members }) => <Begin members={members.map((member) => member.name)} begun={begun} />}</Await>}
              <Section title="Earlier rollouts">
                {earlier.length === 0 ? <Empty title="None yet" /> : (
                  <ul class="rollouts">
                    {earlier.map((rollout) => (
                      <li key={rollout.id}><details><summary><Badge tone={tones[rollout.state] ?? "plain"}>{rollout.state}</Badge> {plural(rollout.members.length, "member")} <span class="soft"><Time at={rollout.created} /></span></summary><RolloutMembers rollout={rollout} /><Undo rollout={rollout} begun={begun} /></details></li>
                    ))}
                  </ul>
                )}
              </Section>
            </>
          );
        }}
      </Await>
    </Page>
  );
}
