import { useState } from "preact/hooks";
import type { Certificates } from "../api";
import { useData } from "../live";
import { endingsOf, type Ending, SilentEngines } from "../parts";
import { Await, Badge, Cell, DaysLeft, Empty, Field, Fingerprint, Names, Page, Section, Table, Time } from "../ui";
import { commonName, daysUntil, toneOfDays, type Tone } from "../words";

const shownAtOnce = 100;
const monthsShown = 14;  // what the federation issues by itself ends in the 14th at the latest
const monthTitle = new Intl.DateTimeFormat(undefined, { month: "short" });
const monthName = new Intl.DateTimeFormat(undefined, { month: "long", year: "numeric" });

interface Bucket { key: string; short: string; year: string; name: string; all: Ending[] }
// What has ended, the coming months by the reader's calendar, and everything after them.
function bucketsOf(endings: Ending[], now: Date): Bucket[] {
  const months = Array.from({ length: monthsShown }, (_, at) => new Date(now.getFullYear(), now.getMonth() + at, 1));
  const keyOf = (date: Date) => `${date.getFullYear()}-${date.getMonth()}`;
  const buckets: Bucket[] = [
    { key: "ended", short: "ended", year: "", name: "ended already", all: [] },
    ...months.map((month, at) => ({ key: keyOf(month), short: monthTitle.format(month), year: at === 0 || month.getMonth() === 0 ? String(month.getFullYear()) : "", name: monthName.format(month), all: [] })),
    { key: "later", short: "later", year: "", name: `after ${monthName.format(months[monthsShown - 1]!)}`, all: [] },
  ];
  const known = new Map(buckets.map((bucket) => [bucket.key, bucket]));
  for (const ending of endings) {
    const end = new Date(ending.certificate.not_after);
    (known.get(end <= now ? "ended" : keyOf(end)) ?? known.get("later")!).all.push(ending);
  }
  return buckets;
}

function worst(endings: Ending[]): Tone {
  const tones = endings.map((each) => toneOfDays(daysUntil(each.certificate.not_after)));
  return tones.includes("bad") ? "bad" : tones.includes("warn") ? "warn" : "good";
}

function TimeLine({ buckets, chosen, choose }: { buckets: Bucket[]; chosen: string; choose: (key: string) => void }) {
  const most = Math.max(1, ...buckets.map((bucket) => bucket.all.length));
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Certificates by the month in which they end">
      <ol class="ends">
        {buckets.map((bucket) => (
          <li key={bucket.key}>
            <button type="button" aria-pressed={chosen === bucket.key} disabled={bucket.all.length === 0} title={bucket.name} onClick={() => choose(chosen === bucket.key ? "" : bucket.key)}>
              <span>{bucket.all.length || ""}<span class="visually-hidden">{bucket.all.length === 0 ? "none" : bucket.all.length === 1 ? " certificate" : " certificates"}, </span></span>
              {bucket.all.length > 0 && <span class={`column ${worst(bucket.all)}`} style={{ height: `${0.6 + (bucket.all.length / most) * 5.6}rem` }} />}
              <span class="when">{bucket.short}<br />{bucket.year}</span>
            </button>
          </li>
        ))}
      </ol>
    </div>
  );
}

const fits = (ending: Ending, words: string) => [ending.where, ending.what, ending.certificate.subject, ending.certificate.issuer, ending.certificate.sha256, ...ending.certificate.sans].join("\n").toLowerCase().includes(words);

function Endings({ endings, silent }: { endings: Ending[]; silent: Set<string> }) {
  const [shown, setShown] = useState(shownAtOnce);
  if (endings.length === 0) return <Empty title="Nothing found" />;
  return (
    <>
      <Table caption="Certificates of the federation, the first to end first" heads={["Where", "Ends", "Subject and issuer", "Names", "SHA-256"]}>
        {endings.slice(0, shown).map((each) => (
          <tr key={each.key}>
            <Cell label="Where" head>{each.where}<div class="soft">{each.what} {each.badge && <Badge tone={each.badge === "custom" ? "good" : "plain"}>{each.badge}</Badge>}</div>{each.told && silent.has(each.where) && <div class="soft">told <Time at={each.told} relative /></div>}</Cell>
            <Cell label="Ends"><DaysLeft until={each.certificate.not_after} /></Cell>
            <Cell label="Subject">{commonName(each.certificate.subject)}<div class="soft">{each.certificate.self_issued ? "issued by itself" : `by ${commonName(each.certificate.issuer)}`}</div></Cell>
            <Cell label="Names"><Names names={each.certificate.sans.filter((name) => !name.startsWith("chancery://"))} /></Cell>
            <Cell label="SHA-256"><Fingerprint sha256={each.certificate.sha256} /></Cell>
          </tr>
        ))}
      </Table>
      {endings.length > shown && <div class="pager"><span class="soft">{shown} of {endings.length}</span><button type="button" class="secondary" onClick={() => setShown(shown + shownAtOnce)}>Show more</button></div>}
    </>
  );
}

export function CertificatesPage() {
  const all = useData<Certificates>("/certificates");
  const [chosen, setChosen] = useState("");
  const [words, setWords] = useState("");
  return (
    <Page title="Certificates" lead="Everything that the appliances of the federation serve and show each other, by when it ends">
      <Await of={all} what="Asking every engine for its certificates">
        {(data) => {
          const endings = endingsOf(data.certificates, data.authorities);
          const buckets = bucketsOf(endings, new Date());
          const bucket = buckets.find((each) => each.key === chosen);
          const found = (bucket ? bucket.all : endings).filter((each) => fits(each, words.trim().toLowerCase()));
          return (
            <>
              <SilentEngines silent={data.unreachable} what="Of these is shown what they told last, if they have told anything since the portal was started." />
              <Section title="By month" lead="A click on a column shows its certificates alone">
                <TimeLine buckets={buckets} chosen={chosen} choose={setChosen} />
              </Section>
              <Section title={bucket ? `Ending: ${bucket.name}` : "All certificates"} lead={`${found.length} of ${endings.length}`}
                actions={bucket && <button type="button" class="secondary" onClick={() => setChosen("")}>Show all</button>}>
                <Field label="Search" hint="Appliance, name, issuer or SHA-256"><input type="search" value={words} onInput={(event) => setWords(event.currentTarget.value)} spellcheck={false} /></Field>
                <Endings endings={found} silent={new Set(data.unreachable.map((each) => each.engine))} />
              </Section>
            </>
          );
        }}
      </Await>
    </Page>
  );
}
