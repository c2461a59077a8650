import type { Problem } from "../answers";
import type { Certificates, Engine, Summary } from "../api";
import { useData } from "../live";
import { endingsOf, Share, SilentEngines, trustTitle } from "../parts";
import { Await, Cell, DaysLeft, Empty, Mark, Note, Page, Section, sentence, Table, Time, Timed } from "../ui";
import { commonName, daysUntil, inDays, plural, toneOfDays, type Tone } from "../words";

interface Alert { key: string; message: string; subject: string; hint: string; since: string; urgent: boolean }
const alertTone = (alert: Alert): Tone => (alert.urgent ? "bad" : "warn");

// Left out where the portal knows no alerts, and where there are none.
function Alerts() {
  const { data } = useData<{ alerts?: Alert[] }>("/alerts");
  const alerts = data?.alerts ?? [];
  if (alerts.length === 0) return null;
  return (
    <Section title="Alerts" lead={plural(alerts.length, "alert")}>
      <ul class="findings">
        {alerts.map((each) => (
          <li key={each.key} class={alertTone(each)}>
            <Mark tone={alertTone(each)}><strong>{each.subject}</strong></Mark>
            <div><Timed text={sentence(each.message)} /></div>
            <div class="soft">Since <Time at={each.since} /></div>
            {each.hint && <div>{sentence(each.hint).split("`").map((part, at) => (at % 2 ? <code>{part}</code> : part))}</div>}
          </li>
        ))}
      </ul>
    </Section>
  );
}

export function EngineState({ engine }: { engine: Engine }) {
  if (!engine.reachable) return <Mark tone={engine.problem === "not asked yet" ? "plain" : "bad"}>{sentence(engine.problem)}</Mark>;
  return engine.verified ? <Mark tone="good">answers, verified</Mark> : <Mark tone="warn">answers, certificate not verified (by setting)</Mark>;
}

function Headline({ engines, all }: { engines: Engine[]; all: Certificates | undefined }) {
  const silent = engines.filter((engine) => !engine.reachable).length;
  const ends = all ? endingsOf(all.certificates, all.authorities).map((each) => daysUntil(each.certificate.not_after)) : [];
  const soon = ends.filter((days) => toneOfDays(days) !== "good");
  if (engines.length > 0 && silent + soon.length === 0) return <Note tone="good" title="All engines answer, and nothing ends within 30 days" />;
  if (silent + soon.length === 0) return null;
  const worst = soon.some((days) => toneOfDays(days) === "bad") || silent > 0;
  const words = [silent > 0 && `${plural(silent, "engine does", "engines do")} not answer`, soon.length > 0 && `${plural(soon.length, "certificate ends", "certificates end")} within 30 days`];
  return <Note tone={worst ? "bad" : "warn"} title={words.filter(Boolean).join(", ")}>{soon.length > 0 && <p><a href="#/certificates">See which</a></p>}</Note>;
}

function Numbers({ engines, all }: { engines: Engine[]; all: Certificates | undefined }) {
  const connected = engines.reduce((sum, engine) => sum + engine.connected, 0);
  const known = engines.reduce((sum, engine) => sum + engine.devices, 0);
  const next = all && endingsOf(all.certificates, all.authorities)[0];
  return (
    <div class="numbers">
      <div><strong>{engines.filter((engine) => engine.reachable).length} of {engines.length}</strong>{engines.length === 1 ? "engine answers" : "engines answer"}</div>
      <a href="#/devices"><strong>{connected} of {known}</strong>devices connected</a>
      <a href="#/certificates"><strong>{next ? inDays(daysUntil(next.certificate.not_after)) : "…"}</strong>{next ? `${next.where}, ${next.what}` : "next certificate to end"}</a>
    </div>
  );
}

function Engines({ engines, all }: { engines: Engine[]; all: Certificates | undefined }) {
  if (engines.length === 0) {
    return <Empty title="No engine has reported yet"><p>Make a token here (<code>chancery federation token --role engine --name NAME</code>), join the engine with it, and it appears within seconds.</p></Empty>;
  }
  return (
    <Table caption="Engines" heads={["Engine", "State", "Devices connected", "Next certificate to end", "Last heartbeat"]}>
      {engines.map((engine) => {
        const next = all?.certificates.filter((each) => each.member === engine.name).sort((a, b) => a.certificate.not_after.localeCompare(b.certificate.not_after))[0];
        return (
          <tr key={engine.name}>
            <Cell label="Engine" head><a href={`#/devices?engine=${encodeURIComponent(engine.name)}`}>{engine.name}</a><div class="soft">{engine.host}:{engine.port} · version {engine.version}</div></Cell>
            <Cell label="State"><EngineState engine={engine} /></Cell>
            <Cell label="Connected"><Share part={engine.connected} whole={engine.devices}>{engine.connected} of {engine.devices}</Share></Cell>
            <Cell label="Ends">{next ? <DaysLeft until={next.certificate.not_after} /> : <span class="soft">not told</span>}</Cell>
            <Cell label="Heartbeat"><Time at={engine.last_seen} relative /></Cell>
          </tr>
        );
      })}
    </Table>
  );
}

function Kind({ title, counts, total, parameter, name = (value) => value }: { title: string; counts: Record<string, number>; total: number; parameter: string; name?: (value: string) => string }) {
  const all = Object.entries(counts).sort(([, a], [, b]) => b - a);
  if (all.length === 0) return null;
  return (
    <div>
      <h3>{title}</h3>
      <ul>
        {all.slice(0, 5).map(([value, count]) => (
          <li key={value}><Share part={count} whole={total}>{value === "(others)" ? "others" : <a href={`#/devices?${parameter}=${encodeURIComponent(value)}`}>{name(value)}</a>} <span class="soft">{count}</span></Share></li>
        ))}
        {all.length > 5 && <li class="soft">and {all.length - 5} more</li>}
      </ul>
    </div>
  );
}

export function OverviewPage() {
  const engines = useData<{ engines: Engine[] }>("/engines");
  const certificates = useData<Certificates>("/certificates");
  const summary = useData<Summary>("/summary");
  const all = certificates.data;
  const problem: Problem | undefined = certificates.problem;
  return (
    <Page title="Overview" lead="All engines of the federation, what they serve, and who is connected to them">
      <Await of={engines}>
        {(data) => (
          <>
            <Headline engines={data.engines} all={all} />
            <Numbers engines={data.engines} all={all} />
            <Alerts />
            <Section title="Engines" lead="Asked every 5 seconds"><Engines engines={data.engines} all={all} /></Section>
          </>
        )}
      </Await>
      {all && all.certificates.length > 0 && (
        <Section title="Next to end" actions={<a href="#/certificates" role="button" class="secondary">All certificates</a>}>
          <ul class="endings">
            {endingsOf(all.certificates, all.authorities).slice(0, 5).map((each) => (
              <li key={each.key}><div><strong>{each.where}</strong>, {each.what}<div class="soft">{commonName(each.certificate.issuer)}</div></div><DaysLeft until={each.certificate.not_after} /></li>
            ))}
          </ul>
        </Section>
      )}
      {problem && !all && <Note tone="warn" title="The certificates cannot be shown"><p>{problem.title}</p></Note>}
      {summary.data && summary.data.total > 0 && (
        <Section title="Devices" lead={`${plural(summary.data.total, "device")}, by what they say of themselves`} actions={<a href="#/devices" role="button" class="secondary">All devices</a>}>
          <SilentEngines silent={summary.data.unreachable} what="Their devices are not counted here." />
          <div class="kinds">
            <Kind title="System" counts={summary.data.systems} total={summary.data.total} parameter="os" />
            <Kind title="Version" counts={summary.data.versions} total={summary.data.total} parameter="version" />
            <Kind title="Trust" counts={summary.data.trust} total={summary.data.total} parameter="trust" name={trustTitle} />
            <Kind title="Tags" counts={summary.data.tags} total={summary.data.total} parameter="tag" />
          </div>
        </Section>
      )}
    </Page>
  );
}
