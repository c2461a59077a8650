import { useState } from "preact/hooks";
import { call, formOf, type Problem, type SessionInfo } from "../api";
import { refreshAll, useData } from "../live";
import { Await, Badge, Cell, Copy, Empty, Field, Note, Page, ProblemNote, Section, Table, Time } from "../ui";

interface Token { id: string; name: string; scopes: string[]; created: string; expires: string; used: string | null }
interface OpenSession { id: string; person: string; address: string; begun_seconds_ago: number; used_seconds_ago: number; this: boolean }

const scopeTitles: Record<string, string> = { read: "Read everything shown here", certificates: "Replace and reset certificates", backups: "Restore and roll back", trust: "Change trust stores", policy: "Change profiles and endpoints", federation: "Members, tokens, rotation", authority: "Sign and revoke by hand", audit: "Change the audit's key" };

function QrCode({ text }: { text: string }) {
  const [cells, setCells] = useState<boolean[][]>();
  if (!cells) {
    void import("lean-qr/nano").then(({ correction, generate }) => {
      const code = generate(text, { minCorrectionLevel: correction.M });
      setCells(Array.from({ length: code.size }, (_, y) => Array.from({ length: code.size }, (__, x) => code.get(x, y))));
    });
    return <div class="qr" aria-busy="true" />;
  }
  const size = cells.length + 8;
  const path = cells.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x + 4} ${y + 4}h1v1h-1z` : ""))).join("");
  return <svg class="qr" viewBox={`0 0 ${size} ${size}`} role="img" aria-label="QR code with the secret, for an authenticator app"><rect width={size} height={size} fill="#fff" /><path d={path} fill="#000" /></svg>;
}

function SecondFactor({ session }: { session: SessionInfo }) {
  const [isOn, setOn] = useState(session.second_factor);
  const [offer, setOffer] = useState<{ secret: string; uri: string }>();
  const [isEnding, setEnding] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const attempt = (work: Promise<unknown>, then: (reply: unknown) => void) => { work.then((reply) => { setProblem(undefined); then(reply); }, setProblem); };
  const confirm = (event: Event) => {
    event.preventDefault();
    const code = String(new FormData(event.currentTarget as HTMLFormElement).get("code"));
    attempt(call("PUT", "/second-factor", formOf({ code })), () => { setOn(true); setOffer(undefined); session.second_factor = true; });
  };
  const end = (event: Event) => {
    event.preventDefault();
    const password = String(new FormData(event.currentTarget as HTMLFormElement).get("password"));
    attempt(call("DELETE", "/second-factor", formOf({ password })), () => { setOn(false); setEnding(false); session.second_factor = false; });
  };
  return (
    <Section title="Second factor" lead="A code from an authenticator app besides the password.">
      {problem && <ProblemNote problem={problem} />}
      {isOn && !isEnding && <Note tone="good" title="Signing in needs a code" actions={<button type="button" class="secondary" onClick={() => setEnding(true)}>Turn it off</button>} />}
      {isOn && isEnding && <form class="inline" onSubmit={end}><Field label="Your password"><input type="password" name="password" required autocomplete="current-password" /></Field><div class="actions"><button type="button" class="secondary" onClick={() => setEnding(false)}>Cancel</button><button type="submit" class="danger">Turn it off</button></div></form>}
      {!isOn && !offer && <div class="actions"><button type="button" onClick={() => attempt(call("POST", "/second-factor"), (reply) => setOffer(reply as { secret: string; uri: string }))}>Set up a second factor</button></div>}
      {offer && (
        <form class="inline" onSubmit={confirm}>
          <p>Scan this with an authenticator app, or type the secret into it. Then give the code that it shows.</p>
          <QrCode text={offer.uri} />
          <p><code class="secret">{offer.secret.replace(/(.{4})/g, "$1 ").trim()}</code> <Copy text={offer.secret} label="the secret" /></p>
          <Field label="Code"><input name="code" inputMode="numeric" pattern="[0-9]{6}" maxLength={6} required autocomplete="one-time-code" /></Field>
          <div class="actions"><button type="button" class="secondary" onClick={() => setOffer(undefined)}>Cancel</button><button type="submit">Turn it on</button></div>
          <p class="soft">Without the telephone: root of this appliance removes <code>run/console/access.json</code> and restarts chancery-console.</p>
        </form>
      )}
    </Section>
  );
}

function TokenForm({ scopes, made }: { scopes: string[]; made: (text: string) => void }) {
  const [problem, setProblem] = useState<Problem>();
  const submit = (event: Event) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const fields = new FormData(form);
    call<{ token: string }>("POST", "/tokens", { name: String(fields.get("name")), days: Number(fields.get("days")), scopes: fields.getAll("scopes").map(String) })
      .then((reply) => { setProblem(undefined); form.reset(); made(reply.token); refreshAll(); }, setProblem);
  };
  return (
    <form class="inline" onSubmit={submit}>
      {problem && <ProblemNote problem={problem} />}
      <Field label="Name" hint="What it is for"><input name="name" required maxLength={64} placeholder="nightly report" /></Field>
      <Field label="Good for"><select name="days"><option value="30">30 days</option><option value="90" selected>90 days</option><option value="365">1 year</option></select></Field>
      <fieldset class="scopes"><legend>What it may do</legend>{scopes.map((scope) => <label key={scope}><input type="checkbox" name="scopes" value={scope} defaultChecked={scope === "read"} /> {scopeTitles[scope] ?? scope} <code>{scope}</code></label>)}</fieldset>
      <div class="actions"><button type="submit">Make a token</button></div>
    </form>
  );
}

function Tokens() {
  const list = useData<{ tokens: Token[]; scopes: string[] }>("/tokens");
  const [made, setMade] = useState<string>();
  const [problem, setProblem] = useState<Problem>();
  const remove = (token: Token) => { call("DELETE", `/tokens/${token.id}`).then(list.reload, setProblem); };
  return (
    <Section title="Tokens for scripts" lead={<>Scripts send theirs as <code>Authorization: Bearer …</code>. <a href="/api/v1/openapi.json">The API's description</a> (OpenAPI 3.1)</>}>
      {problem && <ProblemNote problem={problem} />}
      {made && <Note tone="good" title="The token, shown this once" actions={<button type="button" class="secondary" onClick={() => setMade(undefined)}>Done</button>}><pre class="pem" tabIndex={0} aria-label="Token">{made}</pre><Copy text={made} label="the token" /></Note>}
      <Await of={list}>
        {(data) => (
          <>
            {data.tokens.length === 0 ? <Empty title="No tokens yet" /> : (
              <Table caption="Tokens" heads={["Name", "May", "Made", "Good until", "Last used", ""]}>
                {data.tokens.map((token) => (
                  <tr key={token.id}>
                    <Cell label="Name" head>{token.name}</Cell><Cell label="May">{token.scopes.map((scope) => <Badge key={scope}>{scope}</Badge>)}</Cell>
                    <Cell label="Made"><Time at={token.created} /></Cell><Cell label="Good until"><Time at={token.expires} /></Cell><Cell label="Last used"><Time at={token.used} relative /></Cell>
                    <Cell label=""><button type="button" class="link" aria-label={`Delete the token ${token.name}`} onClick={() => remove(token)}>Delete</button></Cell>
                  </tr>
                ))}
              </Table>
            )}
            <details><summary>Make a token</summary><TokenForm scopes={data.scopes} made={setMade} /></details>
          </>
        )}
      </Await>
    </Section>
  );
}

const since = (seconds: number) => (seconds < 90 ? "just now" : seconds < 5400 ? `${Math.round(seconds / 60)} min ago` : `${Math.round(seconds / 3600)} h ago`);

function Sessions({ session }: { session: SessionInfo }) {
  const list = useData<{ sessions: OpenSession[] }>("/sessions");
  const everywhere = () => { call("DELETE", "/sessions").finally(() => window.location.reload()); };
  return (
    <Section title="Signed in" lead={`A session ends after ${session.idle_minutes} minutes without use, and 12 hours after signing in.`} actions={<button type="button" class="secondary" onClick={everywhere}>Sign out everywhere</button>}>
      <Await of={list}>
        {(data) => (
          <Table caption="Sessions" heads={["From", "Signed in", "Last used"]}>
            {data.sessions.map((each) => <tr key={each.id}><Cell label="From" head>{each.address} {each.this && <Badge tone="good">this one</Badge>}</Cell><Cell label="Signed in">{since(each.begun_seconds_ago)}</Cell><Cell label="Last used">{since(each.used_seconds_ago)}</Cell></tr>)}
          </Table>
        )}
      </Await>
    </Section>
  );
}

export function AccessPage({ session }: { session: SessionInfo }) {
  return (
    <Page title="Access" lead="Who may use this console.">
      <SecondFactor session={session} />
      <Sessions session={session} />
      <Tokens />
    </Page>
  );
}
