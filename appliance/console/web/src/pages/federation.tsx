import { useState } from "preact/hooks";
import { call, type Certificate, formOf, type Outcome, type Problem, type SessionInfo } from "../api";
import { ChangeDialog, type ChangeRequest } from "../change";
import { useData } from "../live";
import { Await, Badge, Cell, Copy, DaysLeft, Empty, Field, Mark, Note, Page, ProblemNote, Section, Table, Time, sentence } from "../ui";
import { type Tone } from "../words";

interface Member { name: string; role: string; state: string; joined: string; last_seen: string | null; version?: string; certificates: Certificate[]; problems: (string | { message?: string; hint?: string })[] }
interface Token { id: string; role: string; names: string[]; created: string; expires: string; state: string }
interface Status { federation: { id?: string; state?: string; authority?: string } | null }

const stateTone: Record<string, Tone> = { ok: "good", late: "warn", missing: "bad", problem: "warn", open: "good", used: "plain", expired: "plain", revoked: "bad" };
const problemText = (problem: Member["problems"][number]) => (typeof problem === "string" ? problem : [problem.message, problem.hint].filter(Boolean).join(": "));

function Members({ members, own, ask }: { members: Member[]; own: string; ask: (request: ChangeRequest) => void }) {
  const remove = (member: Member): ChangeRequest => ({
    title: `Remove ${member.name}`, button: `Remove ${member.name}`, danger: true, undoable: false,
    text: <p>Its certificates are revoked: the other appliances refuse it within seconds, and collectors leave it. To come back it needs a new token.</p>,
    work: (dry) => call<Outcome>("DELETE", `/federation/members/${encodeURIComponent(member.name)}`, { dry_run: dry }),
    done: () => <Note tone="good" title={`${member.name} is no member any more`} />,
  });
  return (
    <Table caption="Members of the federation" heads={["Appliance", "State", "Last seen", "First to end", "Joined", ""]}>
      {members.map((member) => {
        const first = member.certificates.filter((each) => !each.ca).sort((a, b) => a.not_after.localeCompare(b.not_after))[0];
        return (
          <tr key={member.name}>
            <Cell label="Appliance" head>{member.name}<div class="soft">{member.role}{member.version && ` · ${member.version}`}</div></Cell>
            <Cell label="State"><Mark tone={stateTone[member.state] ?? "warn"}>{member.state}</Mark>{member.problems.map((problem) => <div key={problemText(problem)}>{sentence(problemText(problem))}</div>)}</Cell>
            <Cell label="Last seen"><Time at={member.last_seen} relative /></Cell>
            <Cell label="First to end">{first ? <DaysLeft until={first.not_after} /> : <span class="soft">unknown</span>}</Cell>
            <Cell label="Joined"><Time at={member.joined} /></Cell>
            <Cell label="">{member.name !== own && <button type="button" class="link" aria-label={`Remove ${member.name}`} onClick={() => ask(remove(member))}>Remove</button>}</Cell>
          </tr>
        );
      })}
    </Table>
  );
}

function TokenForm() {
  const [made, setMade] = useState<{ token: string; name: string }>();
  const [problem, setProblem] = useState<Problem>();
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    const name = String(fields.get("name")).trim();
    setBusy(true);
    setProblem(undefined);
    try {
      const reply = await call<{ token: string }>("POST", "/federation/tokens", formOf({
        role: "engine", name, sans: String(fields.get("sans")).split(/[\s,]+/).filter(Boolean), ttl_seconds: Number(fields.get("minutes")) * 60,
        root_passphrase: String(fields.get("root_passphrase") ?? ""),
      }));
      setMade({ token: reply.token, name });
    } catch (failure) {
      setProblem(failure as Problem);
    } finally {
      setBusy(false);
    }
  };
  if (made) {
    return (
      <Note tone="good" title={`The token for ${made.name}`} actions={<button type="button" class="secondary" onClick={() => setMade(undefined)}>Done</button>}>
        <p>It is shown this once, and good for one appliance. On {made.name} open its console, choose Members and paste it; or put it into a file for the command line.</p>
        <pre class="pem" tabIndex={0} aria-label="Join token">{made.token}</pre>
        <Copy text={made.token} label="the token" />
      </Note>
    );
  }
  const needsPassphrase = problem?.code.startsWith("root-key") ?? false;
  return (
    <form class="inline" onSubmit={(event) => { void submit(event); }}>
      {problem && <ProblemNote problem={problem} />}
      <Field label="Name of the secondary" hint="Its DNS name, as collectors reach it"><input name="name" required autocapitalize="none" spellcheck={false} placeholder="engine2.example.com" /></Field>
      <Field label="More names" hint="Other names and addresses of it, separated by commas; it gets no others"><input name="sans" autocapitalize="none" spellcheck={false} /></Field>
      <Field label="Good for"><select name="minutes"><option value="10">10 minutes</option><option value="60">1 hour</option><option value="480">8 hours</option><option value="1440">1 day</option></select></Field>
      {needsPassphrase && <Field label="Passphrase of the root's key" hint="New names have to be permitted by the root"><input name="root_passphrase" type="password" autocomplete="off" /></Field>}
      <div class="actions"><button type="submit" aria-busy={isBusy} disabled={isBusy}>Make the token</button></div>
    </form>
  );
}

function Tokens({ ask }: { ask: (request: ChangeRequest) => void }) {
  const tokens = useData<{ tokens: Token[] }>("/federation/tokens");
  const revoke = (token: Token): ChangeRequest => ({
    title: "Revoke a join token", button: "Revoke", danger: true, undoable: false, text: <p>Made for {token.names.join(", ")}. Nobody can join with it any more.</p>,
    work: (dry) => call<Outcome>("DELETE", `/federation/tokens/${token.id}`, { dry_run: dry }), done: () => <Note tone="good" title="The token is revoked" />,
  });
  return (
    <Await of={tokens}>
      {(data) => data.tokens.length === 0 ? <Empty title="No tokens yet" /> : (
        <Table caption="Join tokens" heads={["For", "State", "Made", "Good until", ""]}>
          {data.tokens.map((token) => (
            <tr key={token.id}>
              <Cell label="For" head>{token.names[0]}<div class="soft">{token.names.slice(1).join(", ")}</div></Cell>
              <Cell label="State"><Badge tone={stateTone[token.state] ?? "plain"}>{token.state}</Badge></Cell>
              <Cell label="Made"><Time at={token.created} /></Cell>
              <Cell label="Good until"><Time at={token.expires} /></Cell>
              <Cell label="">{token.state === "open" && <button type="button" class="link" aria-label={`Revoke the token for ${token.names[0]}`} onClick={() => ask(revoke(token))}>Revoke</button>}</Cell>
            </tr>
          ))}
        </Table>
      )}
    </Await>
  );
}

function JoinForm({ ask }: { ask: (request: ChangeRequest) => void }) {
  const submit = (event: Event) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    const [primary, token] = [String(fields.get("primary")).trim(), String(fields.get("token")).trim()];
    ask({
      title: "Join the federation", button: "Join", undoable: false, text: <p>Of <strong>{primary}</strong>. Keys are made on this appliance; the token proves both sides to each other.</p>,
      work: (dry) => call<Outcome>("POST", "/federation/join", formOf({ primary, token, dry_run: dry })),
      done: () => <Note tone="good" title="This appliance is a member now"><p>This page may have to be loaded anew: the console has a certificate of the federation.</p></Note>,
    });
  };
  return (
    <form class="inline" onSubmit={submit}>
      <Field label="Primary" hint="Host and port of its authority, 8444 unless it was set up otherwise"><input name="primary" required placeholder="primary.example.com:8444" autocapitalize="none" spellcheck={false} /></Field>
      <Field label="Token" hint="Made in the primary's console, under Members"><textarea name="token" rows={3} required autocapitalize="none" spellcheck={false} /></Field>
      <div class="actions"><button type="submit">Join…</button></div>
    </form>
  );
}

export function FederationPage({ session }: { session: SessionInfo }) {
  const isPrimary = session.appliance.role !== "secondary";
  const list = useData<{ federation: string; members: Member[] }>(isPrimary ? "/federation/members" : null);
  const status = useData<Status>(isPrimary ? null : "/status");
  const [request, setRequest] = useState<ChangeRequest>();
  const dialog = request && <ChangeDialog request={request} close={() => setRequest(undefined)} />;
  if (!isPrimary) {
    return (
      <Page title="Federation" lead="Appliances that trust each other through the primary's authority.">
        <Await of={status}>
          {(data) => data.federation?.id
            ? <Note tone="good" title="This appliance is a member"><p>Of the federation <code>{data.federation.id}</code>{data.federation.authority && <>, whose authority is at {data.federation.authority}</>}. Members, tokens and rotations are on the primary's console.</p></Note>
            : <Section title="Join" lead="This appliance is in no federation yet."><JoinForm ask={setRequest} /></Section>}
        </Await>
        {dialog}
      </Page>
    );
  }
  return (
    <Page title="Members" lead="Appliances that trust each other through this primary's authority.">
      <Section title="Appliances"><Await of={list}>{(data) => <Members members={data.members} own={session.appliance.name} ask={setRequest} />}</Await></Section>
      <Section title="Let a secondary join" lead="A token proves both sides to each other. No key leaves the appliance that it was made on."><TokenForm /></Section>
      <Section title="Join tokens"><Tokens ask={setRequest} /></Section>
      {dialog}
    </Page>
  );
}
