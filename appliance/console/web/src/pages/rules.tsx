import { useEffect, useState } from "preact/hooks";
import { call, type Outcome, type Problem } from "../api";
import { ChangeDialog, type ChangeRequest } from "../change";
import { useData } from "../live";
import { type Rule, RuleTable } from "../rule_table";
import { Await, Badge, Cell, Field, Loading, Mark, Note, Page, ProblemNote, Section, Table } from "../ui";
import { plural } from "../words";

interface Choice { engine: string; rule: string; problem: string }
interface Previewed { id: string; host: string; tags: string[]; now: Choice; then: Choice; changes: boolean }
interface Preview { changes: number; collectors: Previewed[] }
type Conditions = "host" | "address" | "system" | "tag";

const conditions: [Conditions, string, string][] = [
  ["tag", "Tag", "shop, berlin-*"], ["host", "Host name", "till-*, pos-??"], ["address", "Address", "10.1.0.0/16"], ["system", "System", "*Debian*"],
];
const shownAtMost = 100;
const place = (choice: Choice) => choice.engine || `waits: ${choice.problem}`;

// Where everybody who has asked the portal would go.
function Previews({ preview }: { preview: Preview }) {
  if (preview.collectors.length === 0) return <Note title="No collector has asked the portal yet" />;
  const sorted = [...preview.collectors].sort((a, b) => Number(b.changes) - Number(a.changes));
  return (
    <>
      <Note tone={preview.changes > 0 ? "warn" : "good"} title={preview.changes > 0 ? `${preview.changes} of ${plural(preview.collectors.length, "collector")} would go elsewhere` : "Everybody stays where they are sent now"} />
      <Table caption="Where collectors go" heads={["Collector", "Now", "Then", "By rule"]}>
        {sorted.slice(0, shownAtMost).map((each) => (
          <tr key={each.id}>
            <Cell label="Collector" head>{each.host || each.id.slice(0, 12)} {each.tags.map((tag) => <Badge key={tag}>{tag}</Badge>)}</Cell>
            <Cell label="Now">{place(each.now)}</Cell>
            <Cell label="Then">{each.changes ? <Mark tone="warn">{place(each.then)}</Mark> : place(each.then)}</Cell>
            <Cell label="By rule">{each.then.rule || <span class="soft">none</span>}</Cell>
          </tr>
        ))}
      </Table>
      {sorted.length > shownAtMost && <p class="soft">{shownAtMost} of {sorted.length} shown.</p>}
    </>
  );
}

function PreviewOf({ name, asked }: { name: string; asked: object }) {
  const [preview, setPreview] = useState<Preview>();
  const [problem, setProblem] = useState<Problem>();
  useEffect(() => { call<Preview>("POST", `/rules/${encodeURIComponent(name)}/preview`, asked).then(setPreview, setProblem); }, []);
  if (problem) return problem.code === "bad-setting" || problem.code === "bad-argument" || problem.code === "bad-name" ? null : <ProblemNote problem={problem} />;
  return preview ? <Previews preview={preview} /> : <Loading what="Looking where collectors would go" />;
}

function Editor({ rule, engines, close, ask }: { rule: Rule | undefined; engines: string[]; close: () => void; ask: (request: ChangeRequest) => void }) {
  const submit = (event: Event) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    const text = (name: string) => String(fields.get(name) ?? "").trim();
    const list = (name: string) => text(name).split(",").map((word) => word.trim()).filter(Boolean);
    const name = rule?.name ?? text("name");
    const settings = { order: Number(text("order")), "fall-through": text("fall-through") === "true", engines: list("engines"), ...Object.fromEntries(conditions.map(([key]) => [key, list(key)])) };
    ask({
      title: rule ? `Change the rule ${name}` : `Make the rule ${name}`, button: "Put in force", text: <PreviewOf name={name} asked={{ settings }} />,
      work: async (dry) => {
        const outcome = await call<Outcome>("PUT", `/rules/${encodeURIComponent(name)}`, { settings, dry_run: dry });
        if (!dry) close();
        return outcome;
      },
    });
  };
  return (
    <form class="inline" onSubmit={submit} aria-label={rule ? `Edit ${rule.name}` : "New rule"}>
      <h3>{rule ? `Edit ${rule.name}` : "New rule"}</h3>
      <div class="fields-grid">
        {!rule && <Field label="Name" hint="Lower-case letters, digits and dashes"><input name="name" required pattern="[a-z0-9][a-z0-9\-]*" autocapitalize="none" spellcheck={false} /></Field>}
        <Field label="Order" hint="Lower ones are asked first"><input name="order" type="number" min={0} max={999999} required defaultValue={String(rule?.order ?? 100)} /></Field>
        {conditions.map(([key, label, example]) => <Field key={key} label={label} hint={`Empty: any. For instance ${example}`}><input name={key} defaultValue={rule?.[key].join(", ")} autocapitalize="none" spellcheck={false} /></Field>)}
        <Field label="Engines" hint={`In order, separated by commas${engines.length > 0 ? `: ${engines.slice(0, 3).join(", ")}` : ""}`}><input name="engines" required defaultValue={rule?.engines.join(", ")} autocapitalize="none" spellcheck={false} /></Field>
        <Field label="While none is reached"><select name="fall-through"><option value="false">the collector waits</option><option value="true" selected={rule?.["fall-through"]}>the next rule is asked</option></select></Field>
      </div>
      <div class="actions"><button type="button" class="secondary" onClick={close}>Cancel</button><button type="submit">Preview…</button></div>
    </form>
  );
}

export function RulesPage() {
  const list = useData<{ rules: Rule[] }>("/rules");
  const members = useData<{ members: { name: string; role: string }[] }>("/federation/members");
  const [edited, setEdited] = useState<string>();
  const [request, setRequest] = useState<ChangeRequest>();
  const engines = (members.data?.members ?? []).filter((each) => each.role !== "primary").map((each) => each.name);
  const remove = (name: string): ChangeRequest => ({
    title: `Delete the rule ${name}`, button: "Delete", danger: true, text: <PreviewOf name={name} asked={{ delete: true }} />,
    work: (dry) => call<Outcome>("DELETE", `/rules/${encodeURIComponent(name)}`, { dry_run: dry }),
  });
  return (
    <Page title="Assignment rules" lead="Which engine a collector belongs to that asks the portal. The first rule that fits decides."
      actions={<button type="button" onClick={() => setEdited("")}>New rule</button>}>
      <Await of={list}>
        {(data) => (
          <Section title="Rules" lead="A change counts when a collector asks the next time">
            <RuleTable rules={data.rules} last="" of={(rule) => (
              <div class="row-actions">
                <button type="button" class="link" aria-label={`Edit ${rule.name}`} onClick={() => setEdited(rule.name)}>Edit</button>
                <button type="button" class="link" aria-label={`Delete ${rule.name}`} onClick={() => setRequest(remove(rule.name))}>Delete</button>
              </div>
            )} />
            {edited !== undefined && <Editor key={edited} rule={data.rules.find((each) => each.name === edited)} engines={engines} close={() => setEdited(undefined)} ask={setRequest} />}
          </Section>
        )}
      </Await>
      {request && <ChangeDialog request={request} close={() => setRequest(undefined)} />}
    </Page>
  );
}
