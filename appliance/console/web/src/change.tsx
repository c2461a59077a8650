// Every change the same way: what would happen, then the transaction's steps as they happen, then how it ended, with undo.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { call, type Outcome, type Plan, Problem, type Rehearsal } from "./api";
import { refreshAll, useProgress } from "./live";
import { Findings, Loading, Mark, Note, ProblemNote, Section } from "./ui";
import { plural, titleOf } from "./words";

const steps: [string, string][] = [
  ["preflighted", "Checked"], ["staged", "Staged beside what is in force"], ["backed-up", "Backed up"], ["prepared", "Prepared in every program"],
  ["switched", "Switched"], ["activated", "Activated in every program"], ["probed", "Proven by a handshake with every endpoint"], ["committed", "Committed"],
];

export function Steps({ reached, milliseconds, wentBack = false }: { reached: string[]; milliseconds?: Record<string, number> | undefined; wentBack?: boolean }) {
  return (
    <ol class="steps" aria-label="Steps of the change">
      {steps.map(([name, title]) => {
        const done = reached.includes(name);
        const took = milliseconds?.[name];
        return (
          <li key={name} class={done ? "done" : ""}>
            <span class="sign" aria-hidden="true">{done ? "✓" : ""}</span>{title}<span class="visually-hidden">{done ? ", done" : ", not yet"}</span>
            {took !== undefined && <span class="soft"> {took < 1 ? "<1" : Math.round(took)} ms</span>}
          </li>
        );
      })}
      {wentBack && <li class="back"><span class="sign" aria-hidden="true">↶</span>Went back by itself: the old state is in force</li>}
    </ol>
  );
}

export function PlanView({ plan }: { plan: Plan }) {
  const { identities = [], files = [], components = [], foreign = [], endpoints = [] } = plan;
  return (
    <div class="plan">
      <ul>
        {identities.length > 0 && <li>New certificate for <strong>{identities.map((each) => titleOf(each.identity)).join(", ")}</strong></li>}
        {files.length > 0 && <li>{plural(files.length, "file")} {plan.base ? "in a new generation" : "written"}{components.length > 0 && `, ${plural(components.length, "component")} backed up first`}</li>}
        {foreign.length > 0 && <li>{foreign.map((file) => file.path).join(", ")}</li>}
        {endpoints.length > 0 && <li>Proven afterwards at {endpoints.map((each) => `${each.endpoint} (${each.host}:${each.port})`).join(", ")}</li>}
      </ul>
      {files.length > 0 && <details><summary>Every file</summary><ul class="files">{files.map((file) => <li key={file.path}><code>{file.path}</code> <span class="soft">{file.change}</span></li>)}</ul></details>}
    </div>
  );
}

const counted = (rehearsal: Rehearsal) => rehearsal.silent.filter((each) => each.counts !== false && each.predicted === "would-break");
// Those who said so, and the silent ones of whom it is predicted.
export const breakageOf = (rehearsal: Rehearsal) => rehearsal.would_break.length + counted(rehearsal).length;

export function RehearsalView({ rehearsal }: { rehearsal: Rehearsal }) {
  if (rehearsal.asked === 0) return <Note title="Nobody is there who could be asked"><p>No collector, appliance or store depends on this at present.</p></Note>;
  const broken = breakageOf(rehearsal);
  const silent = rehearsal.silent.length;
  return (
    <Note tone={broken > 0 ? "bad" : silent > 0 ? "warn" : "good"}
      title={`${rehearsal.would_trust} of ${plural(rehearsal.asked, "collector, appliance or store", "collectors, appliances and stores")} will connect with this`}>
      {rehearsal.would_break.length > 0 && <ul>{rehearsal.would_break.map((each) => <li key={each.who + each.kind}><strong>{each.name || each.who}</strong> ({each.kind}) would break: {each.reason}</li>)}</ul>}
      {silent > 0 && <p>{plural(silent, "of them has", "of them have")} not answered{counted(rehearsal).length > 0 && `, and by ${counted(rehearsal).length === 1 ? "its" : "their"} last report ${counted(rehearsal).length} would break`}.</p>}
    </Note>
  );
}

export function OutcomeView({ outcome, what, undo }: { outcome: Outcome; what: string; undo?: (() => void) | undefined }) {
  const count = outcome.proofs?.filter((proof) => proof.ok).length ?? 0;
  if (outcome.outcome === "unchanged") return <Note title="Nothing had to be changed">{outcome.report && <Findings findings={outcome.report.findings} />}</Note>;
  return (
    <Note tone="good" title={`${what}: done`} actions={undo && <button type="button" class="secondary" onClick={undo}>Undo</button>}>
      <p>Generation {outcome.generation} is in force{count > 0 && <>, proven by {plural(count, "handshake")}</>}{outcome.backup_set && <>; backed up as <code>{outcome.backup_set}</code></>}.</p>
      {outcome.warnings?.map((warning) => <p key={warning}>{warning}</p>)}
      {outcome.report && <Findings findings={outcome.report.findings} />}
    </Note>
  );
}

export interface ChangeState {
  isRunning: boolean; reached: string[]; outcome: Outcome | undefined; problem: Problem | undefined; wentBack: boolean;
  run: (work: () => Promise<Outcome>) => Promise<Outcome | undefined>; reset: () => void;
}
export function useChange(): ChangeState {
  const [isRunning, setRunning] = useState(false);
  const [reached, setReached] = useState<string[]>([]);
  const [outcome, setOutcome] = useState<Outcome>();
  const [problem, setProblem] = useState<Problem>();
  const running = useRef(false);
  useProgress((event) => {
    if (!running.current) return;
    if (event.kind === "begun") setReached([]);
    if (event.kind === "step" && event.step) setReached((before) => [...before, event.step!]);
  });
  const run = async (work: () => Promise<Outcome>) => {
    running.current = true;
    setRunning(true); setReached([]); setOutcome(undefined); setProblem(undefined);
    try {
      const done = await work();
      setOutcome(done);
      if (done.milliseconds) setReached(steps.map(([name]) => name).filter((name) => done.outcome === "done" || name in done.milliseconds!));
      return done;
    } catch (failure) {
      setProblem(failure instanceof Problem ? failure : new Problem(0, "unknown", "The page failed", String(failure)));
      return undefined;
    } finally {
      running.current = false;
      setRunning(false);
      refreshAll();
    }
  };
  const reset = () => { setReached([]); setOutcome(undefined); setProblem(undefined); };
  return { isRunning, reached, outcome, problem, wentBack: reached.includes("rolled-back"), run, reset };
}

// What a person has agreed to lose; empty where nobody would be lost.
export interface Accepted { accept_breakage?: number }

export const undoTo = (generation: number, accepted: Accepted = {}) => () => call<Outcome>("POST", "/generations/rollback", { number: generation, ...accepted });

export interface ChangeRequest {
  title: string;
  button: string;
  text?: ComponentChildren;
  danger?: boolean;
  work: (dry: boolean, accepted: Accepted) => Promise<Outcome>;
  done?: (outcome: Outcome) => ComponentChildren;
  undoable?: boolean;
  back?: (outcome: Outcome) => () => Promise<Outcome>;  // where the generation before is not the way back
}

// Asks before it does: the plan of a dry run, then the real thing.
export function ChangeDialog({ request, close }: { request: ChangeRequest; close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [planned, setPlanned] = useState<Outcome>();
  const [refusal, setRefusal] = useState<Problem>();
  const [breakage, setBreakage] = useState(0);
  const change = useChange();
  const undo = useChange();
  const accepted: Accepted = { accept_breakage: breakage };
  useEffect(() => { dialog.current?.showModal(); }, []);
  useEffect(() => {
    setPlanned(undefined);
    setRefusal(undefined);
    request.work(true, accepted).then(setPlanned, setRefusal);
  }, [breakage]);
  const refused = refusal?.data.rehearsal as Rehearsal | undefined;
  const broken = refused ? breakageOf(refused) : 0;
  const base = planned?.plan?.base;
  const isOver = change.outcome !== undefined;
  return (
    <dialog ref={dialog} onClose={close} aria-labelledby="change-title">
      <article>
        <h2 id="change-title">{request.title}</h2>
        {request.text}
        {!planned && !refusal && <Loading what="Looking what would happen" />}
        {refusal && broken === 0 && <ProblemNote problem={refusal} />}
        {refused && broken > 0 && <><RehearsalView rehearsal={refused} /><Findings findings={refusal?.report?.findings ?? []} /></>}
        {(broken > 0 || breakage > 0) && !isOver && !change.isRunning && (
          <label><input type="checkbox" checked={breakage > 0} onChange={(event) => setBreakage(event.currentTarget.checked ? broken : 0)} /> Go on although {plural(Math.max(broken, breakage), "of those asked", "of those asked")} will be locked out</label>
        )}
        {planned && !isOver && !change.isRunning && (
          <>
            {planned.outcome === "unchanged" && <p>Nothing would change.</p>}
            {planned.changes && <ul>{planned.changes.map((each) => <li key={each.key}><code>{each.key}</code>: {each.before || "nothing"} → <strong>{each.after || "nothing"}</strong></li>)}</ul>}
            {planned.plan && <PlanView plan={planned.plan} />}
            {planned.rehearsal && <RehearsalView rehearsal={planned.rehearsal} />}
            {planned.report && <Findings findings={planned.report.findings} />}
          </>
        )}
        {(change.isRunning || (change.reached.length > 0 && !request.done)) && <Steps reached={change.reached} milliseconds={change.outcome?.milliseconds} wentBack={change.wentBack} />}
        {change.problem && <ProblemNote problem={change.problem} />}
        {change.outcome && !undo.outcome && (request.done?.(change.outcome) ?? (
          <OutcomeView outcome={change.outcome} what={request.title}
            undo={request.undoable !== false && base !== undefined && change.outcome.outcome === "done" ? () => { void undo.run(request.back?.(change.outcome!) ?? undoTo(base)); } : undefined} />))}
        {undo.isRunning && <Loading what="Going back" />}
        {undo.problem && <ProblemNote problem={undo.problem} />}
        {undo.outcome && <OutcomeView outcome={undo.outcome} what="Undone" />}
        <footer class="actions">
          <button type="button" class="secondary" onClick={() => dialog.current?.close()} disabled={change.isRunning}>{isOver ? "Close" : "Cancel"}</button>
          {!isOver && <button type="button" class={request.danger ? "danger" : ""} disabled={!planned || planned.outcome === "unchanged" || change.isRunning} aria-busy={change.isRunning}
            onClick={() => { void change.run(() => request.work(false, accepted)); }}>{request.button}</button>}
        </footer>
      </article>
    </dialog>
  );
}

export function LiveSteps({ change, what, undo }: { change: ChangeState; what: string; undo?: (() => void) | undefined }) {
  if (!change.isRunning && !change.outcome && !change.problem) return null;
  return (
    <Section title="What happens">
      <div aria-live="polite">
        {change.isRunning && <p><Mark tone="plain">{what}…</Mark></p>}
        {(change.isRunning || change.reached.length > 0) && <Steps reached={change.reached} milliseconds={change.outcome?.milliseconds} wentBack={change.wentBack} />}
        {change.problem && <ProblemNote problem={change.problem} />}
        {change.outcome && <OutcomeView outcome={change.outcome} what={what} undo={undo} />}
      </div>
    </Section>
  );
}
