import { useState } from "preact/hooks";
import { call, type Outcome, type Problem, saveAs, type SessionInfo } from "../api";
import { Copy, Field, Note, Page, ProblemNote, Section } from "../ui";
import { titleOf } from "../words";

const kinds: [string, string][] = [["ecdsa-p256", "ECDSA P-256 (fast, the usual choice)"], ["ecdsa-p384", "ECDSA P-384"], ["rsa-2048", "RSA 2048"], ["rsa-3072", "RSA 3072"], ["rsa-4096", "RSA 4096"], ["ed25519", "Ed25519 (few CAs sign these)"]];

export function RequestPage({ session, identity }: { session: SessionInfo; identity: string }) {
  const [names, setNames] = useState(session.appliance.names.join("\n"));
  const [kind, setKind] = useState("ecdsa-p256");
  const [made, setMade] = useState<string>();
  const [problem, setProblem] = useState<Problem>();
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setProblem(undefined);
    try {
      const sans = names.split(/[\s,]+/).filter(Boolean);
      const reply = await call<Outcome & { request: string }>("POST", `/certificates/${encodeURIComponent(identity)}/request`, { sans, key_type: kind });
      setMade(reply.request);
    } catch (failure) {
      setProblem(failure as Problem);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Page title={`Signing request for ${titleOf(identity)}`} lead={<a href={`#/certificates/${identity}`}>Back to {titleOf(identity)}</a>}>
      <ol class="wizard" aria-label="Steps">
        <li class={made ? "done" : "now"}>Make key and request</li><li class={made ? "now" : ""}>Have your CA sign it</li><li>Replace the certificate</li>
      </ol>
      {problem && <ProblemNote problem={problem} />}
      {made === undefined ? (
        <form onSubmit={(event) => { void submit(event); }}>
          <p>The private key is made on this appliance and never leaves it. It waits there for its certificate.</p>
          <Field label="Names" hint="One a line: what browsers, collectors and other appliances call this server"><textarea rows={4} value={names} onInput={(event) => setNames(event.currentTarget.value)} required spellcheck={false} /></Field>
          <Field label="Key"><select value={kind} onChange={(event) => setKind(event.currentTarget.value)}>{kinds.map(([value, title]) => <option key={value} value={value}>{title}</option>)}</select></Field>
          <button type="submit" aria-busy={isBusy} disabled={isBusy}>Make the request</button>
        </form>
      ) : (
        <Section title="The request" actions={<><Copy text={made} label="the request" /><button type="button" class="secondary" onClick={() => saveAs(new Blob([made]), `${identity}.csr`)}>Download</button></>}>
          <pre class="pem" tabIndex={0} aria-label="Certificate signing request">{made}</pre>
          <Note title="What comes next"><p>Give this to your CA. What it sends back, drop on <a href={`#/certificates/replace?identity=${identity}`}>Replace certificates</a>: the key is here already.</p></Note>
        </Section>
      )}
    </Page>
  );
}
