import type { Authority, Certificates, Summary } from "../api";
import { useData } from "../live";
import { Share, SilentEngines, trustTitle } from "../parts";
import { Await, Badge, Cell, DaysLeft, Empty, Fingerprint, Mark, Page, Section, Table } from "../ui";
import { commonName, plural } from "../words";

// The federation's own roots even where nobody has them yet, and whatever else collectors say.
function rootsOf(summary: Summary, authorities: Authority[]) {
  const own = authorities.filter((each) => each.certificate.self_issued).map((each) => each.certificate.sha256);
  const told = Object.keys(summary.roots).filter((each) => each !== "(others)");
  return [...new Set([...own, ...told])].sort((a, b) => (summary.roots[b] ?? 0) - (summary.roots[a] ?? 0));
}

function ByEngine({ summary, root }: { summary: Summary; root: string }) {
  const engines = Object.entries(summary.engines).filter(([, kinds]) => kinds.total > 0);
  if (engines.length < 2) return null;
  return <details><summary>By engine</summary><ul class="names">{engines.map(([name, kinds]) => <li key={name}>{name}: {kinds.roots[root] ?? 0} of {kinds.total}</li>)}</ul></details>;
}

function Coverage({ summary, authorities }: { summary: Summary; authorities: Authority[] }) {
  const roots = rootsOf(summary, authorities);
  if (roots.length === 0) return <Empty title="No collector has told of a root yet" />;
  return (
    <Table caption="Roots, and how many devices trust or hold each" heads={["Root", "Ends", "Trust or hold it", "Do not"]}>
      {roots.map((root) => {
        const known = authorities.find((each) => each.certificate.sha256 === root)?.certificate;
        const count = summary.roots[root] ?? 0;
        const lacking = summary.total - count;
        return (
          <tr key={root}>
            <Cell label="Root" head>{known ? commonName(known.subject) : "Another root"} {known && <Badge>federation</Badge>}<div class="soft"><Fingerprint sha256={root} /></div></Cell>
            <Cell label="Ends">{known ? <DaysLeft until={known.not_after} /> : <span class="soft">not known here</span>}</Cell>
            <Cell label="Trust it"><Share part={count} whole={summary.total}><a href={`#/devices?root=${root}`}>{count} of {plural(summary.total, "device")}</a></Share><ByEngine summary={summary} root={root} /></Cell>
            <Cell label="Do not">{lacking > 0 ? <a href={`#/devices?lacks_root=${root}`}>{plural(lacking, "device")}</a> : <Mark tone="good">none</Mark>}</Cell>
          </tr>
        );
      })}
    </Table>
  );
}

export function CoveragePage() {
  const summary = useData<Summary>("/summary");
  const certificates = useData<Certificates>("/certificates");
  return (
    <Page title="Trust coverage" lead="Which roots the collectors trust: whoever does not have a root yet would be lost by a server certificate under it">
      <Await of={summary} what="Asking every engine for its devices">
        {(data) => {
          if (data.total === 0) return <><SilentEngines silent={data.unreachable} what="Their devices are not counted here." /><Empty title="No collector is known yet"><p>As soon as one has reported to an engine, what it trusts is shown here.</p></Empty></>;
          return (
            <>
              <SilentEngines silent={data.unreachable} what="Their devices are not counted here." />
              <Section title="By root" lead="Pinned, taken from the operating system's store to verify its engine, or given by the federation"><Coverage summary={data} authorities={certificates.data?.authorities ?? []} /></Section>
              <Section title="How they verify" lead={plural(data.total, "device")}>
                <div class="kinds">
                  {Object.entries(data.trust).map(([trust, count]) => (
                    <Share key={trust} part={count} whole={data.total}><a href={`#/devices?trust=${trust}`}>{trustTitle(trust)}</a> <span class="soft">{count}</span></Share>
                  ))}
                </div>
              </Section>
            </>
          );
        }}
      </Await>
    </Page>
  );
}
