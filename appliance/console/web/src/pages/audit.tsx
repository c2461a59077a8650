import { useEffect, useRef, useState } from "preact/hooks";
import { get, type Problem } from "../api";
import { useData } from "../live";
import { Await, Badge, Cell, Copy, Empty, Field, Mark, Note, Page, ProblemNote, Section, Table, Time, sentence } from "../ui";
import { plural, type Tone, verbTitle } from "../words";

interface Entry { number: number; time: string; kind: string; who: string; verb: string; outcome: string; code: string | null; hash: string; generation?: { from: number; to: number }; arguments?: Record<string, unknown>; leaves?: { identity: string; before: string; after: string }[] }
interface Audit { head: { number: number; hash: string }; records: Entry[] }
interface Verification { verdict: "intact" | "warn" | "broken"; records: number; head: number; findings: { message?: string; hint?: string }[]; peers: { name: string; asked: boolean; heads: number; problem: string | null }[]; confirmed?: { by: string; record: number } | null }

const outcomeTone: Record<string, Tone> = { done: "good", refused: "warn", "rolled-back": "bad", interrupted: "bad", "needs-person": "bad" };

function Verify() {
  const [found, setFound] = useState<Verification>();
  const [problem, setProblem] = useState<Problem>();
  const [isBusy, setBusy] = useState(false);
  const verify = () => {
    setBusy(true);
    get<Verification>("/audit/verification").then((data) => { setFound(data); setProblem(undefined); }, setProblem).finally(() => setBusy(false));
  };
  return (
    <Section title="Is the log whole?" lead="Each record holds the hash of the one before; other appliances hold signed heads of the chain." actions={<button type="button" onClick={verify} aria-busy={isBusy} disabled={isBusy}>Verify</button>}>
      <div aria-live="polite">
        {problem && <ProblemNote problem={problem} />}
        {found && (
          <Note tone={found.verdict === "intact" ? "good" : found.verdict === "warn" ? "warn" : "bad"} title={found.verdict === "intact" ? `All ${plural(found.records, "record")} are whole` : found.verdict === "warn" ? "Whole as far as it can be told" : "The log was altered"}>
            {found.confirmed && <p>Confirmed by {found.confirmed.by} up to record {found.confirmed.record}.</p>}
            {found.findings.map((finding, at) => <p key={at}>{sentence(finding.message ?? "")}. {sentence(finding.hint ?? "")}</p>)}
            {found.peers.length > 0 && <ul>{found.peers.map((peer) => <li key={peer.name}><Mark tone={peer.problem ? "warn" : "good"}>{peer.name}: {peer.problem ?? plural(peer.heads, "head")}</Mark></li>)}</ul>}
          </Note>
        )}
      </div>
    </Section>
  );
}

// Records a day, by how they ended. uPlot comes only with this page.
function Activity({ records }: { records: Entry[] }) {
  const place = useRef<HTMLDivElement>(null);
  const [look, setLook] = useState("");  // its width and colours: another one is drawn anew
  useEffect(() => {
    const dark = window.matchMedia("(prefers-color-scheme: dark)");
    const see = () => setLook(`${place.current?.clientWidth ?? 0} ${dark.matches}`);
    const observer = new ResizeObserver(see);
    if (place.current) observer.observe(place.current);
    dark.addEventListener("change", see);
    return () => { observer.disconnect(); dark.removeEventListener("change", see); };
  }, []);
  useEffect(() => {
    let plot: { destroy: () => void } | undefined;
    let isWanted = true;
    const days = 30;
    const today = Math.floor(Date.now() / 86_400_000);
    const count = (fits: (entry: Entry) => boolean) => {
      const sums = new Array<number>(days).fill(0);
      for (const entry of records) {
        const at = days - 1 - (today - Math.floor(Date.parse(entry.time) / 86_400_000));
        if (at >= 0 && at < days && fits(entry)) sums[at]! += 1;
      }
      return sums.map((sum) => (sum > 0 ? sum : null));
    };
    void import("uplot").then(({ default: UPlot }) => {
      if (!isWanted || !place.current) return;
      const style = getComputedStyle(place.current);
      const color = (name: string) => style.getPropertyValue(name).trim();
      const width = place.current.clientWidth;
      const axis = { stroke: color("--soft-text"), grid: { stroke: color("--line"), width: 1 }, ticks: { show: false } };
      const bars = UPlot.paths.bars!({ size: [0.7, 24] });
      plot = new UPlot({
        width, height: 130, legend: { show: false }, cursor: { show: false },
        scales: { x: { time: true }, y: { range: (_self, _low, high) => [0, Math.max(4, high)] } },
        axes: [{ ...axis, size: 28, values: (_self, ticks) => ticks.map((tick) => new Date(tick * 1000).toLocaleDateString(undefined, { month: "short", day: "numeric" })) }, { ...axis, size: 34, incrs: [1, 2, 5, 10, 50, 100, 500] }],
        series: [{}, { paths: bars, fill: color("--good"), stroke: color("--good"), points: { show: false } }, { paths: bars, fill: color("--bad"), stroke: color("--bad"), points: { show: false } }],
      }, [Array.from({ length: days }, (_, at) => (today - days + 1 + at) * 86_400), count(() => true), count((entry) => entry.outcome !== "done")], place.current);
    });
    return () => { isWanted = false; plot?.destroy(); };
  }, [records, look]);
  const failed = records.filter((entry) => entry.outcome !== "done").length;
  return <figure class="plot"><div ref={place} role="img" aria-label={`Records of the last 30 days: ${records.length} in all, ${failed} of them not done`} /><figcaption class="soft">Records a day, the last 30 days. <Mark tone="good">done</Mark> <Mark tone="bad">refused or taken back</Mark></figcaption></figure>;
}

function Records({ records }: { records: Entry[] }) {
  return (
    <Table caption="Records, the newest first" heads={["When", "What", "Who", "How it ended", "Record"]}>
      {[...records].reverse().map((entry) => (
        <tr key={entry.number}>
          <Cell label="When" head><Time at={entry.time} /></Cell>
          <Cell label="What">{verbTitle(entry.verb)} <Badge>{entry.kind}</Badge>
            {entry.arguments && Object.keys(entry.arguments).length > 0 && <details><summary>Details</summary><pre class="details" tabIndex={0}>{JSON.stringify(entry.arguments, null, 1)}</pre></details>}</Cell>
          <Cell label="Who">{entry.who}</Cell>
          <Cell label="How it ended"><Mark tone={outcomeTone[entry.outcome] ?? "plain"}>{entry.outcome}{entry.code && ` (${entry.code})`}</Mark>{entry.generation && entry.generation.from !== entry.generation.to && <div class="soft">generation {entry.generation.from} → {entry.generation.to}</div>}</Cell>
          <Cell label="Record">{entry.number} <Copy text={entry.hash} label={`the hash of record ${entry.number}`} /></Cell>
        </tr>
      ))}
    </Table>
  );
}

export function AuditPage() {
  const [filter, setFilter] = useState({ outcome: "", kind: "" });
  const query = new URLSearchParams({ limit: "200", ...Object.fromEntries(Object.entries(filter).filter(([, value]) => value)) });
  const audit = useData<Audit>(`/audit?${query}`);
  return (
    <Page title="Audit" lead="Every change and every sign-in, chained by hash.">
      <Verify />
      <Section title="Records">
        <div class="fields-grid">
          <Field label="How it ended"><select value={filter.outcome} onChange={(event) => setFilter({ ...filter, outcome: event.currentTarget.value })}><option value="">any way</option><option value="done">done</option><option value="refused">refused</option><option value="rolled-back">taken back</option><option value="interrupted">interrupted</option></select></Field>
          <Field label="Kind"><select value={filter.kind} onChange={(event) => setFilter({ ...filter, kind: event.currentTarget.value })}><option value="">any</option><option value="change">changes</option><option value="sign-in">sign-ins</option><option value="export">exports</option><option value="denied">denied</option></select></Field>
        </div>
        <Await of={audit}>{(data) => data.records.length === 0 ? <Empty title="No such records" /> : <><Activity records={data.records} /><Records records={data.records} /></>}</Await>
      </Section>
    </Page>
  );
}
