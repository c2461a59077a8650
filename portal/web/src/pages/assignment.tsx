import type { Rules, Sent } from "../api";
import { useData } from "../live";
import { RuleTable } from "../rule_table";
import { Await, Cell, Empty, Page, Section, Table, Time } from "../ui";
import { plural } from "../words";

const shownAtMost = 200;

// "" is who no rule fits.
function Collectors({ collectors, rule }: { collectors: Sent[]; rule: string | null }) {
  const found = rule === null ? collectors : collectors.filter((each) => each.rule === rule);
  if (found.length === 0) return <Empty title={rule === null ? "No collector has asked the portal yet" : "No collector was sent by this rule yet"} />;
  return (
    <>
      <Table caption="Collectors that have asked the portal" heads={["Host", "Sent to", "By rule", "Asked"]}>
        {found.slice(0, shownAtMost).map((each) => (
          <tr key={each.id}>
            <Cell label="Host" head><a href={`#/devices/${each.id}`}>{each.host || each.id.slice(0, 12)}</a></Cell>
            <Cell label="Sent to">{each.engine || <span class="soft">nowhere</span>}</Cell>
            <Cell label="By rule">{each.rule || <span class="soft">none fits</span>}</Cell>
            <Cell label="Asked"><Time at={each.seen} relative /></Cell>
          </tr>
        ))}
      </Table>
      {found.length > shownAtMost && <p class="soft">{shownAtMost} of {found.length} shown.</p>}
    </>
  );
}

export function AssignmentPage({ shown }: { shown: string | null }) {
  const all = useData<Rules>("/rules");
  const count = (rules: Rules, name: string) => rules.collectors.filter((each) => each.rule === name).length;
  return (
    <Page title="Assignment" lead="Collectors that ask the portal are sent to an engine by the first rule that fits">
      <Await of={all}>
        {(data) => {
          const others = count(data, "");
          return (
            <>
              <Section title="Rules" lead="Edited and tried in this appliance's console, under “Assignment rules”">
                <RuleTable rules={data.rules} last="Collectors" of={(rule) => <a href={`#/assignment?rule=${encodeURIComponent(rule.name)}`}>{plural(count(data, rule.name), "collector")}</a>} />
                {data.rules.length > 0 && others > 0 && <p><a href="#/assignment?rule=">{plural(others, "collector")}</a> <span class="soft">by no rule: the first engine that is reached.</span></p>}
              </Section>
              <Section title={shown === null ? "Collectors" : shown ? `Collectors sent by ${shown}` : "Collectors that no rule fits"} lead="As of when each asked last"
                actions={shown !== null && <a role="button" class="secondary" href="#/assignment">Show all</a>}>
                <Collectors collectors={data.collectors} rule={shown} />
              </Section>
            </>
          );
        }}
      </Await>
    </Page>
  );
}
