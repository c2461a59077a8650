import { useState } from "preact/hooks";
import { call, type Outcome } from "../api";
import { ChangeDialog, type ChangeRequest } from "../change";
import { useData } from "../live";
import { Await, Badge, Cell, Empty, Field, Page, Section, Table } from "../ui";
import { titleOf } from "../words";

type Settings = Record<string, unknown> & { name: string };
type Kind = "profiles" | "endpoints" | "consumers";
interface Option { key: string; label: string; values?: [string, string][]; hint?: string }

const options: Record<Kind, Option[]> = {
  profiles: [
    { key: "required-level", label: "Level", values: [["TLSNoPeerAuth", "TLS, no client certificate needed"], ["TLSPeerAuth", "TLS with client certificates"], ["None", "None (no TLS)"]] },
    { key: "minimum-protocol", label: "Oldest protocol", values: [["TLSv1.2", "TLS 1.2"], ["TLSv1.3", "TLS 1.3"]] },
    { key: "client-certificates", label: "Client certificates", values: [["off", "not asked for"], ["request", "asked for"], ["require", "required"]] },
    { key: "ciphers", label: "Ciphers", hint: "An OpenSSL list; empty: AEAD suites with forward secrecy" },
    { key: "groups", label: "Groups", hint: "An OpenSSL list; empty: X25519:P-256:P-384" },
    { key: "trusted", label: "Trusted CAs of clients", hint: "Files of the generation: a.pem;b.pem" },
    { key: "crl", label: "Revocation list", hint: "A file or an address" }, { key: "crl-interval", label: "Read again after", hint: "Minutes" },
    { key: "allow", label: "Names allowed", hint: "Names that client certificates may bear, separated by commas" },
  ],
  endpoints: [
    { key: "host", label: "Address to listen on" }, { key: "port", label: "Port" },
    { key: "enabled", label: "Enabled", values: [["true", "yes"], ["false", "no"]] }, { key: "profile", label: "Security profile" },
  ],
  consumers: [
    { key: "identity", label: "Identity it uses" }, { key: "reload", label: "Reload command", hint: "Run by the manager, without a shell" },
    { key: "probe", label: "Probe", hint: "host:port, asked for the new certificate afterwards" },
  ],
};
const one: Record<Kind, string> = { profiles: "profile", endpoints: "endpoint", consumers: "consumer" };

// What a level means, beside the word that the settings have for it.
const meaningOf = (kind: Kind, key: string, value: unknown) => key === "required-level" && options[kind].find((option) => option.key === key)?.values?.find(([level]) => level === value)?.[1];

const textOf = (value: unknown): string => (Array.isArray(value) ? value.join(",") : value === undefined || value === null ? "" : String(value));

function Editor({ kind, name, close, ask }: { kind: Kind; name: string; close: () => void; ask: (request: ChangeRequest) => void }) {
  const shown = useData<Record<string, unknown>>(name ? `/${kind}/${encodeURIComponent(name)}` : null);
  if (name && !shown.data) return <Await of={shown}>{() => null}</Await>;
  const present = (shown.data ?? {}) as Record<string, unknown>;
  const settings = (typeof present[one[kind]] === "object" && present[one[kind]] !== null ? present[one[kind]] : present) as Record<string, unknown>;
  const submit = (event: Event) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    const called = name || String(fields.get("name"));
    const changed: Record<string, string> = {};
    for (const { key } of options[kind]) {
      const value = String(fields.get(key) ?? "").trim();
      if (value !== textOf(settings[key])) changed[key] = value;
    }
    ask({ title: name ? `Change the ${one[kind]} ${called}` : `Make the ${one[kind]} ${called}`, button: "Put in force",
      work: (dry, accepted) => call<Outcome>("PUT", `/${kind}/${encodeURIComponent(called)}`, { settings: changed, dry_run: dry, ...accepted }) });
  };
  return (
    <form class="inline" onSubmit={submit} aria-label={name ? `Edit ${name}` : `New ${one[kind]}`}>
      <h3>{name ? `Edit ${name}` : `New ${one[kind]}`}</h3>
      {!name && <Field label="Name" hint="Lower-case letters, digits and dashes"><input name="name" required pattern="[a-z0-9][a-z0-9\-]*" /></Field>}
      <div class="fields-grid">
        {options[kind].map((option) => (
          <Field key={option.key} label={option.label} hint={option.hint}>
            {option.values ? (
              <select name={option.key} defaultValue={textOf(settings[option.key])}>{option.values.map(([value, title]) => <option key={value} value={value} selected={value === textOf(settings[option.key])}>{title}</option>)}</select>
            ) : <input name={option.key} defaultValue={textOf(settings[option.key])} spellcheck={false} />}
          </Field>
        ))}
      </div>
      <div class="actions"><button type="button" class="secondary" onClick={close}>Cancel</button><button type="submit">{name ? "Change…" : "Make…"}</button></div>
    </form>
  );
}

const titles: Record<Kind, string> = { profiles: "Security profiles", endpoints: "Endpoints", consumers: "Outside services" };
const leads: Record<Kind, string> = { profiles: "How TLS is spoken: protocols, ciphers, client certificates.", endpoints: "Where the programs listen, and by which profile.", consumers: "Services of others that read our certificates: nginx, PostgreSQL, a JVM. They are reloaded and probed with every change." };
const heads: Record<Kind, [string, string][]> = {
  profiles: [["required-level", "Level"], ["minimum-protocol", "Oldest protocol"], ["client-certificates", "Client certificates"]],
  endpoints: [["host", "Address"], ["port", "Port"], ["profile", "Profile"], ["identity", "Identity"]],
  consumers: [["identity", "Identity"], ["reload", "Reload"], ["probe", "Probe"]],
};

function Policies({ kind, ask }: { kind: Kind; ask: (request: ChangeRequest) => void }) {
  const list = useData<Record<string, Settings[]>>(`/${kind}`);
  const [edited, setEdited] = useState<string>();
  const remove = (name: string): ChangeRequest => ({ title: `Delete the ${one[kind]} ${name}`, button: "Delete", danger: true, work: (dry, accepted) => call<Outcome>("DELETE", `/${kind}/${encodeURIComponent(name)}`, { dry_run: dry, ...accepted }) });
  const canMake = kind !== "endpoints";
  return (
    <Section title={titles[kind]} lead={leads[kind]} actions={canMake && <button type="button" class="secondary" onClick={() => setEdited("")}>New {one[kind]}</button>}>
      <Await of={list}>
        {(data) => {
          const all = data[kind] ?? [];
          if (all.length === 0) return <Empty title={`No ${titles[kind].toLowerCase()} yet`} />;
          return (
            <Table caption={titles[kind]} heads={["Name", ...heads[kind].map(([, head]) => head), ""]}>
              {all.map((each) => (
                <tr key={each.name}>
                  <Cell label="Name" head>{each.name} {each.enabled === false && <Badge>off</Badge>}</Cell>
                  {heads[kind].map(([key, head]) => <Cell key={key} label={head}>{key === "identity" ? titleOf(textOf(each[key])) : textOf(each[key]) || <span class="soft">none</span>}{meaningOf(kind, key, each[key]) && <div class="soft">{meaningOf(kind, key, each[key])}</div>}</Cell>)}
                  <Cell label=""><div class="row-actions">
                    <button type="button" class="link" aria-label={`Edit ${each.name}`} onClick={() => setEdited(each.name)}>Edit</button>
                    {canMake && <button type="button" class="link" aria-label={`Delete ${each.name}`} onClick={() => ask(remove(each.name))}>Delete</button>}
                  </div></Cell>
                </tr>
              ))}
            </Table>
          );
        }}
      </Await>
      {edited !== undefined && <Editor key={edited} kind={kind} name={edited} close={() => setEdited(undefined)} ask={ask} />}
    </Section>
  );
}

export function PolicyPage() {
  const [request, setRequest] = useState<ChangeRequest>();
  return (
    <Page title="Policy" lead="Changed through the same transaction as certificates: proven by a handshake, or taken back.">
      <Policies kind="profiles" ask={setRequest} />
      <Policies kind="endpoints" ask={setRequest} />
      <Policies kind="consumers" ask={setRequest} />
      {request && <ChangeDialog request={request} close={() => setRequest(undefined)} />}
    </Page>
  );
}
