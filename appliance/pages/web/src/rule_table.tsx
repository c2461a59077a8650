// The assignment rules as a table; what stands in its last column is the page's own.
import type { ComponentChildren } from "preact";
import { Badge, Cell, Empty, Table } from "./ui";

export interface Rule { name: string; order: number; host: string[]; address: string[]; system: string[]; tag: string[]; engines: string[]; "fall-through": boolean }

const conditions = ["tag", "host", "address", "system"] as const;
const whoOf = (rule: Rule) => conditions.filter((key) => rule[key].length > 0).map((key) => `${key} ${rule[key].join(" or ")}`).join(", and ") || "everybody";

export function RuleTable({ rules, last, of }: { rules: Rule[]; last: string; of: (rule: Rule) => ComponentChildren }) {
  if (rules.length === 0) return <Empty title="No rules"><p>Whoever asks is sent to the first engine, by name, that the portal reaches.</p></Empty>;
  return (
    <Table caption="Rules, in the order in which they are asked" heads={["Rule", "Who", "Sent to", "Else", last]}>
      {rules.map((rule) => (
        <tr key={rule.name}>
          <Cell label="Rule" head>{rule.name} <Badge>{rule.order}</Badge></Cell>
          <Cell label="Who">{whoOf(rule)}</Cell>
          <Cell label="Sent to">{rule.engines.join(", else ")}</Cell>
          <Cell label="Else">{rule["fall-through"] ? "the next rule" : "it waits"}</Cell>
          <Cell label={last}>{of(rule)}</Cell>
        </tr>
      ))}
    </Table>
  );
}
