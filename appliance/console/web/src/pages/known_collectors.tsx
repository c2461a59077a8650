import { useState } from "preact/hooks";
import { call, type Outcome } from "../api";
import { ChangeDialog, type ChangeRequest } from "../change";
import { useData } from "../live";
import { Await, Cell, Empty, Field, Fingerprint, Mark, Note, Section, Table, Time } from "../ui";
import { plural } from "../words";

interface Collector { id: string; host: string; engine: string; last_seen: string | null; blocked: boolean }
const shownAtMost = 100;

function blocking({ id, host }: Collector, blocked: boolean): ChangeRequest {
  const who = host || id.slice(0, 12);
  return {
    title: blocked ? `Block ${who}` : `Let ${who} in again`, button: blocked ? "Block" : "Let in", danger: blocked, undoable: false,
    text: <p>{blocked ? "Every engine ends its connection within seconds and refuses it from then on." : "Engines take it again when it asks the next time."}</p>,
    work: (dry) => call<Outcome>("POST", "/collectors/block", { id, blocked, dry_run: dry }),
    done: () => <Note tone="good" title={`${who} is ${blocked ? "blocked" : "let in again"}`} />,
  };
}

export function KnownCollectors() {
  const list = useData<{ collectors: Collector[] }>("/collectors");
  const [words, setWords] = useState("");
  const [request, setRequest] = useState<ChangeRequest>();
  return (
    <Section title="Collectors" lead="As the engines told the portal">
      <Await of={list}>
        {(data) => {
          const found = data.collectors.filter((each) => `${each.host} ${each.engine} ${each.id}`.toLowerCase().includes(words.trim().toLowerCase()));
          if (data.collectors.length === 0) return <Empty title="No collector has reported yet"><p>Make an installer below and run it on an endpoint.</p></Empty>;
          return (
            <>
              <Field label="Search" hint={`${found.length} of ${plural(data.collectors.length, "collector")}`}><input type="search" value={words} onInput={(event) => setWords(event.currentTarget.value)} spellcheck={false} /></Field>
              <Table caption="Collectors" heads={["Host", "State", "Engine", "Last seen", "Key", ""]}>
                {found.slice(0, shownAtMost).map((each) => (
                  <tr key={each.id}>
                    <Cell label="Host" head>{each.host || "(no name)"}</Cell>
                    <Cell label="State"><Mark tone={each.blocked ? "bad" : "good"}>{each.blocked ? "blocked" : "admitted"}</Mark></Cell>
                    <Cell label="Engine">{each.engine}</Cell>
                    <Cell label="Last seen"><Time at={each.last_seen} relative /></Cell>
                    <Cell label="Key"><Fingerprint sha256={each.id} /></Cell>
                    <Cell label=""><button type="button" class="link" aria-label={`${each.blocked ? "Let in" : "Block"} ${each.host || each.id.slice(0, 12)}`} onClick={() => setRequest(blocking(each, !each.blocked))}>{each.blocked ? "Let in" : "Block"}</button></Cell>
                  </tr>
                ))}
              </Table>
              {found.length > shownAtMost && <p class="soft">{shownAtMost} of {found.length} shown: search for the others.</p>}
            </>
          );
        }}
      </Await>
      {request && <ChangeDialog request={request} close={() => setRequest(undefined)} />}
    </Section>
  );
}
