import { useMemo, useState } from "preact/hooks";
import type { Certificates, DevicePage as Answer, Engine } from "../api";
import { useData } from "../live";
import { DeviceState, SilentEngines, Tags, trustTitle, trustTitles } from "../parts";
import { go } from "../router";
import { Await, Cell, Empty, Field, Fingerprint, Page, Section, Table, Time } from "../ui";
import { commonName, plural } from "../words";

const perPage = 50;
const words: [string, string, string][] = [
  ["name", "Host name", "* and ? are known"], ["tag", "Tag", "* and ? are known"], ["os", "System", "Part of its name"], ["version", "Version", "Of the collector"],
];
const spans: [string, string][] = [["1", "the last hour"], ["24", "the last day"], ["168", "the last 7 days"], ["720", "the last 30 days"]];
const passed = ["name", "tag", "os", "version", "engine", "trust", "connected", "root", "lacks_root", "seen_since"];

function Filters({ query, engines, roots }: { query: URLSearchParams; engines: string[]; roots: [string, string][] }) {
  const apply = (event: Event) => {
    event.preventDefault();
    const next = new URLSearchParams();
    for (const [name, value] of new FormData(event.currentTarget as HTMLFormElement)) if (String(value).trim()) next.set(name, String(value).trim());
    go(`/devices?${next}`);
  };
  const choice = (name: string, label: string, values: [string, string][]) => (
    <Field label={label}>
      <select name={name}><option value="">any</option>{values.map(([value, title]) => <option key={value} value={value} selected={query.get(name) === value}>{title}</option>)}</select>
    </Field>
  );
  // A root that a link has named is a choice, whoever's it is.
  const rootsFor = (name: string): [string, string][] => {
    const named = query.get(name);
    return named && !roots.some(([value]) => value === named) ? [...roots, [named, named.slice(0, 12)]] : roots;
  };
  return (
    <form class="filters" onSubmit={apply} key={query.toString()} aria-label="Filters">
      <div class="fields-grid">
        {words.map(([name, label, hint]) => <Field key={name} label={label} hint={hint}><input name={name} defaultValue={query.get(name) ?? ""} autocapitalize="none" spellcheck={false} /></Field>)}
        {choice("engine", "Engine", engines.map((name) => [name, name]))}
        {choice("connected", "State", [["true", "connected"], ["false", "away"]])}
        {choice("trust", "Trust", Object.entries(trustTitles))}
        {choice("within", "Seen in", spans)}
        {choice("root", "Trusts or holds", rootsFor("root"))}
        {choice("lacks_root", "Does not trust", rootsFor("lacks_root"))}
      </div>
      <div class="actions"><button type="submit">Show</button>{query.size > 0 && <a role="button" class="secondary" href="#/devices">Clear</a>}</div>
    </form>
  );
}

// The API's query: spans of hours become a time, to the minute of the moment in which they were chosen.
function asked(query: URLSearchParams, cursor: string): string {
  const all = new URLSearchParams({ limit: String(perPage) });
  for (const name of passed) if (query.get(name)) all.set(name, query.get(name)!);
  const hours = Number(query.get("within"));
  if (hours > 0) all.set("seen_since", new Date(Date.now() - hours * 3_600_000).toISOString().slice(0, 16) + ":00Z");
  if (cursor) all.set("cursor", cursor);
  return `/devices?${all}`;
}

function Devices({ page }: { page: Answer }) {
  return (
    <Table caption="Devices" heads={["Host", "State", "Engine", "System", "Trust", "Tags", "Last seen"]}>
      {page.devices.map((device) => (
        <tr key={device.id + device.engine}>
          <Cell label="Host" head><a href={`#/devices/${device.id}`}>{device.host || "(no name)"}</a><div class="soft"><Fingerprint sha256={device.id} /></div></Cell>
          <Cell label="State"><DeviceState device={device} /></Cell>
          <Cell label="Engine">{device.engine}</Cell>
          <Cell label="System">{device.system}<div class="soft">collector {device.version}</div></Cell>
          <Cell label="Trust">{trustTitle(device.trust)}</Cell>
          <Cell label="Tags">{device.tags.length > 0 && <Tags tags={device.tags} />}</Cell>
          <Cell label="Last seen"><Time at={device.last_seen} relative /></Cell>
        </tr>
      ))}
    </Table>
  );
}

export function DevicesPage({ query }: { query: URLSearchParams }) {
  const filter = query.toString();
  const [walked, setWalked] = useState<{ filter: string; cursors: string[] }>({ filter, cursors: [] });
  const cursors = walked.filter === filter ? walked.cursors : [];
  const path = useMemo(() => asked(query, cursors[cursors.length - 1] ?? ""), [filter, cursors.length]);
  const page = useData<Answer>(path);
  const engines = useData<{ engines: Engine[] }>("/engines");
  const certificates = useData<Certificates>("/certificates");
  const roots = (certificates.data?.authorities ?? []).filter((each) => each.certificate.self_issued)
    .map((each): [string, string] => [each.certificate.sha256, `${commonName(each.certificate.subject)} (${each.certificate.sha256.slice(0, 8)})`]);
  const turn = (to: string[]) => setWalked({ filter, cursors: to });
  return (
    <Page title="Devices" lead="The endpoints of all engines, as these know them at this moment">
      <section class="part" aria-label="Filter"><details open={query.size > 0 || window.innerWidth > 800}><summary>Filter</summary><Filters query={query} engines={(engines.data?.engines ?? []).map((engine) => engine.name)} roots={roots} /></details></section>
      <Section title="Found">
        <Await of={page} what="Asking every engine for its devices">
          {(data) => (
            <>
              <SilentEngines silent={data.unreachable} what="Their devices are not shown." />
              {data.devices.length > 0 ? <Devices page={data} /> : (
                <Empty title={data.total === 0 ? "No device is known yet" : "No device fits"}>{data.total === 0 ? <p>Install a collector on an endpoint; it appears as soon as it reports.</p> : <p>{plural(data.total, "device is", "devices are")} known here.</p>}</Empty>
              )}
              <div class="pager">
                <span class="soft">{cursors.length > 0 && `Page ${cursors.length + 1}, `}{plural(data.devices.length, "device")} shown, {data.total} known</span>
                {cursors.length > 0 && <button type="button" class="secondary" onClick={() => turn(cursors.slice(0, -1))}>Previous page</button>}
                {data.next && <button type="button" class="secondary" onClick={() => turn([...cursors, data.next!])}>Next page</button>}
              </div>
            </>
          )}
        </Await>
      </Section>
    </Page>
  );
}
