import { useEffect, useState } from "preact/hooks";
import { call, type Certificate, formOf, type Outcome } from "../api";
import { ChangeDialog, type ChangeRequest } from "../change";
import { useData } from "../live";
import { Await, Badge, Cell, DaysLeft, Field, Fingerprint, Note, Page, Section, Table, Time, sentence } from "../ui";
import { commonName, plural } from "../words";

interface Blocker { who: string; kind: string; name: string | null; since: string | null; why: string; hint: string }
interface Rotation {
  phase: "steady" | "prepared" | "activated"; number: number; since: string | null; root: Certificate; coming_root: Certificate | null; going_root: Certificate | null;
  blocked_by: number; blockers: Blocker[]; lost: { who: string; why: string; at: string }[]; retired: unknown[];
}

function Root({ title, root }: { title: string; root: Certificate | null }) {
  if (!root) return null;
  return <li><div class="link-head"><strong>{commonName(root.subject)}</strong><Badge>{title}</Badge></div><div class="link-foot"><DaysLeft until={root.not_after} /> <Fingerprint sha256={root.sha256} /></div></li>;
}

function Blockers({ blockers, forget, setForget }: { blockers: Blocker[]; forget: string[]; setForget: (forget: string[]) => void }) {
  return (
    <Table caption="Who has not proven the new root" heads={["Who", "Kind", "Since", "Why", "Leave out"]}>
      {blockers.map((each) => (
        <tr key={each.who}>
          <Cell label="Who" head>{each.name ?? each.who}{each.name && <div class="soft">{each.who}</div>}</Cell>
          <Cell label="Kind">{each.kind}</Cell>
          <Cell label="Since"><Time at={each.since} relative /></Cell>
          <Cell label="Why">{sentence(each.why)}<div class="soft">{sentence(each.hint)}</div></Cell>
          <Cell label="Leave out"><label><input type="checkbox" checked={forget.includes(each.who)} onChange={(event) => setForget(event.currentTarget.checked ? [...forget, each.who] : forget.filter((who) => who !== each.who))} /> <span class="visually-hidden">Leave {each.name ?? each.who} behind</span></label></Cell>
        </tr>
      ))}
    </Table>
  );
}

const phases = [["steady", "One root"], ["prepared", "New root known everywhere"], ["activated", "New root in use, former still trusted"]] as const;

export function RotationPage() {
  const status = useData<Rotation>("/federation/rotation?show_blockers=true");
  const [request, setRequest] = useState<ChangeRequest>();
  const [forget, setForget] = useState<string[]>([]);
  const [passphrase, setPassphrase] = useState("");
  // A proof is a handshake somewhere else, and no change here that would be told.
  const isWaiting = (status.data?.blocked_by ?? 0) > 0;
  useEffect(() => {
    if (!isWaiting) return undefined;
    const timer = window.setInterval(status.reload, 3000);
    return () => window.clearInterval(timer);
  }, [isWaiting, status.reload]);
  const step = (name: "prepare" | "activate" | "retire", title: string, button: string, text: string, more: Record<string, string[]> = {}): ChangeRequest => ({
    title, button, danger: name === "retire", undoable: false, text: <p>{text}</p>,
    work: (dry) => call<Outcome>("POST", `/federation/rotation/${name}`, formOf({ ...more, root_passphrase: passphrase, dry_run: dry })),
    done: () => <Note tone="good" title={`${title}: done`} />,
  });
  return (
    <Page title="Root rotation" lead="A new root in three steps. The former is retired only when everybody has proven the new one by a handshake.">
      <Await of={status}>
        {(data) => {
          const at = phases.findIndex(([phase]) => phase === data.phase);
          return (
            <>
              <ol class="wizard" aria-label="Phases">{phases.map(([phase, title], index) => <li key={phase} class={index === at ? "now" : index < at ? "done" : ""} aria-current={index === at ? "step" : undefined}>{title}</li>)}</ol>
              <Section title="Roots" lead={data.since ? <>Since <Time at={data.since} /></> : undefined}>
                <ol class="chain apart"><Root title={data.phase === "activated" ? "in use, new" : "in use"} root={data.root} /><Root title="coming" root={data.coming_root?.sha256 === data.root.sha256 ? null : data.coming_root} /><Root title="going" root={data.going_root} /></ol>
              </Section>
              {data.blocked_by > 0 && (
                <Section title={`${plural(data.blocked_by, "blocker")}`} lead="Who has not proven the new root yet. Retiring waits for them, unless you leave them behind by name: they will trust nobody here any more."><Blockers blockers={data.blockers} forget={forget} setForget={setForget} /></Section>
              )}
              {data.phase === "activated" && data.blocked_by === 0 && <Note tone="good" title="Everybody has proven the new root" />}
              <Section title="Next step">
                <details><summary>If the root's key is encrypted</summary><Field label="Passphrase of the root's key"><input type="password" autocomplete="off" value={passphrase} onInput={(event) => setPassphrase(event.currentTarget.value)} /></Field></details>
                <div class="actions">
                  {data.phase === "steady" && <button type="button" onClick={() => setRequest(step("prepare", "Prepare a new root", "Prepare", "A new root is made beside the present one, and every member begins to trust it. Nothing is issued under it yet."))}>Prepare a new root…</button>}
                  {data.phase === "prepared" && <button type="button" onClick={() => setRequest(step("activate", "Activate the new root", "Activate", "All members get new certificates under the new root. A cross certificate keeps those connected that know only the former one."))}>Activate the new root…</button>}
                  {data.phase === "activated" && <button type="button" class="danger" disabled={data.blocked_by > forget.length} onClick={() => setRequest(step("retire", "Retire the former root", "Retire", "Nobody trusts the former root any more, for good.", { forget }))}>Retire the former root…</button>}
                </div>
                {data.phase === "activated" && data.blocked_by > forget.length && <p class="soft">Waits for {plural(data.blocked_by - forget.length, "blocker")}.</p>}
              </Section>
              {data.lost.length > 0 && <Section title="Left behind"><ul>{data.lost.map((each) => <li key={each.who + each.at}>{each.who}: {each.why} (<Time at={each.at} />)</li>)}</ul></Section>}
            </>
          );
        }}
      </Await>
      {request && <ChangeDialog request={request} close={() => setRequest(undefined)} />}
    </Page>
  );
}
