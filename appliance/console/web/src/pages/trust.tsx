import { useState } from "preact/hooks";
import { call, type Certificate, formOf, type Outcome } from "../api";
import { ChangeDialog, type ChangeRequest } from "../change";
import { useData } from "../live";
import { go } from "../router";
import { Await, Badge, Cell, DaysLeft, Empty, Field, Fingerprint, Page, Section, Table } from "../ui";
import { commonName, plural, type Tone } from "../words";

type Trusted = Certificate & { source: string; alias?: string };
const sources: Record<string, [string, Tone]> = { federation: ["federation", "good"], "operating-system": ["public CA", "plain"], added: ["added", "warn"], others: ["others", "plain"] };
const stores: [string, string, string][] = [
  ["engine", "Engine: CA bundle", "Whom the engine trusts: clients' certificates, databases, directories."],
  ["portal", "Portal: Java keystore", "Whom the portal trusts. Certificates stand under an alias."],
  ["os", "Operating system", "What every program of this machine trusts. Read only here."],
];

function AddForm({ store, ask }: { store: string; ask: (request: ChangeRequest) => void }) {
  const isJava = store !== "engine";
  const submit = (event: Event) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    const files = fields.getAll("files") as File[];
    const alias = String(fields.get("alias") ?? "");
    ask({
      title: "Add trusted certificates", button: "Add", text: <p>From {files.map((file) => file.name).join(", ")}{alias && <> under the alias <code>{alias}</code></>}.</p>,
      work: (dry) => call<Outcome>("POST", "/trust/append", formOf({ files, store, alias, storepass: String(fields.get("storepass") ?? ""), dry_run: dry })),
    });
  };
  return (
    <form class="inline" onSubmit={submit}>
      <Field label="CA certificates" hint="PEM, DER or PKCS#7; a whole bundle is taken apart"><input type="file" name="files" multiple required /></Field>
      {isJava && <Field label="Alias" hint="Empty: made of each certificate's name. Several get -2, -3, …"><input name="alias" autocapitalize="none" spellcheck={false} /></Field>}
      {isJava && store !== "portal" && <Field label="Store password" hint="Empty: changeit"><input name="storepass" type="password" autocomplete="off" /></Field>}
      <div class="actions"><button type="submit">Add…</button></div>
    </form>
  );
}

const says = (certificate: Trusted, wanted: string) =>
  `${certificate.subject} ${certificate.alias ?? ""} ${certificate.sha256} ${sources[certificate.source]?.[0] ?? ""}`.toLowerCase().includes(wanted);

function Contents({ certificates, store, ask }: { certificates: Trusted[]; store: string; ask: (request: ChangeRequest) => void }) {
  const [wanted, setWanted] = useState("");
  const [shown, setShown] = useState(15);
  const rank = (each: Trusted) => (each.source === "federation" ? 0 : each.source === "added" ? 1 : 2);
  const words = wanted.trim().toLowerCase().replaceAll(":", "");
  const found = certificates.filter((each) => says(each, words)).sort((a, b) => rank(a) - rank(b) || commonName(a.subject).localeCompare(commonName(b.subject)));
  const hasAlias = certificates.some((each) => each.alias);
  const remove = (certificate: Trusted): ChangeRequest => ({
    title: `Stop trusting ${commonName(certificate.subject)}`, button: "Remove", danger: true, text: <p>Whoever shows a certificate under it is refused from then on. It stays in a backup.</p>,
    work: (dry) => call<Outcome>("POST", "/trust/remove", formOf({ store, fingerprint: certificate.sha256, dry_run: dry })),
  });
  return (
    <>
      <Field label="Search" hint={`${found.length} of ${plural(certificates.length, "certificate")}`}><input type="search" value={wanted} placeholder="name, alias, fingerprint or source" onInput={(event) => setWanted(event.currentTarget.value)} /></Field>
      {found.length === 0 ? <Empty title="Nothing found">No certificate in this store has that in its name, alias, fingerprint or source.</Empty> : (
        <Table caption="Trusted certificates" heads={["Name", ...(hasAlias ? ["Alias"] : []), "From", "Ends", "SHA-256", ...(store === "os" ? [] : [""])]}>
          {found.slice(0, shown).map((each) => (
            <tr key={each.sha256 + (each.alias ?? "")}>
              <Cell label="Name" head>{commonName(each.subject)}</Cell>
              {hasAlias && <Cell label="Alias"><code>{each.alias}</code></Cell>}
              <Cell label="From"><Badge tone={sources[each.source]?.[1] ?? "plain"}>{sources[each.source]?.[0] ?? each.source}</Badge></Cell>
              <Cell label="Ends"><DaysLeft until={each.not_after} /></Cell>
              <Cell label="SHA-256"><Fingerprint sha256={each.sha256} /></Cell>
              {store !== "os" && <Cell label=""><button type="button" class="link" aria-label={`Remove ${commonName(each.subject)}`} onClick={() => ask(remove(each))}>Remove</button></Cell>}
            </tr>
          ))}
        </Table>
      )}
      {found.length > shown && <button type="button" class="secondary" onClick={() => setShown(shown + 100)}>Show more</button>}
    </>
  );
}

export function TrustPage({ store }: { store: string }) {
  const list = useData<{ store: string; certificates: Trusted[] }>(`/trust?store=${encodeURIComponent(store)}`);
  const [request, setRequest] = useState<ChangeRequest>();
  const known = stores.find(([name]) => name === store);
  const openPath = (event: Event) => {
    event.preventDefault();
    go(`/trust?store=${encodeURIComponent(String(new FormData(event.currentTarget as HTMLFormElement).get("path")))}`);
  };
  return (
    <Page title="Trust" lead="Whom this appliance believes.">
      <nav class="tabs" aria-label="Trust stores">
        {stores.map(([name, title]) => <a key={name} href={`#/trust?store=${name}`} aria-current={name === store ? "page" : undefined}>{title}</a>)}
        {!known && <a href={`#/trust?store=${encodeURIComponent(store)}`} aria-current="page">{store}</a>}
      </nav>
      <Section title={known?.[1] ?? store} lead={known?.[2] ?? "A Java keystore on this machine."}>
        <Await of={list} what="Reading the store">
          {(data) => (
            <>
              {store !== "os" && <details><summary>Add certificates</summary><AddForm key={store} store={store} ask={setRequest} /></details>}
              {data.certificates.length === 0 ? <Empty title="This store trusts nobody" /> : <Contents key={store} certificates={data.certificates} store={store} ask={setRequest} />}
            </>
          )}
        </Await>
      </Section>
      <details><summary>Another Java keystore on this appliance</summary>
        <form class="inline" onSubmit={openPath}><Field label="Its whole path" hint="For instance /usr/lib/jvm/java-17-openjdk-amd64/lib/security/cacerts"><input name="path" required pattern="/.*" spellcheck={false} /></Field><div class="actions"><button type="submit">Open</button></div></form>
      </details>
      {request && <ChangeDialog request={request} close={() => setRequest(undefined)} />}
    </Page>
  );
}
