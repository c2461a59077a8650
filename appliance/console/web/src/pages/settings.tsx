// Settings of the appliance's processes, as the API tells them: their names, kinds and meanings stand nowhere here.
import { useState } from "preact/hooks";
import { call, type Outcome } from "../api";
import { ChangeDialog, type ChangeRequest } from "../change";
import { useData } from "../live";
import { Await, Badge, Cell, Field, Note, Page, Section, sentence, Table } from "../ui";

interface Setting { program: string; key: string; value: string; default: string; from: string; kind: string; meaning: string; example?: string; choices?: string; changed_by?: string; problem?: string; applies: string }
interface Program { program: string; file: string; running: boolean; restart: boolean; waiting: string[]; problem?: { message: string; hint: string } }
interface Settings { programs: Program[]; settings: Setting[] }

// What stands in the file or in a variable: fallbacks are not repeated there.
const saidIn = (setting: Setting) => (setting.from ? setting.value : "");

function Editor({ program, settings, close, ask }: { program: string; settings: Setting[]; close: () => void; ask: (request: ChangeRequest) => void }) {
  const submit = (event: Event) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    const changed: Record<string, string> = {};
    for (const setting of settings) {
      const value = String(fields.get(setting.key)).trim();
      if (value !== saidIn(setting)) changed[setting.key] = value;
    }
    if (Object.keys(changed).length === 0) { close(); return; }
    ask({
      title: `Change the settings of ${program}`, button: "Write them",
      work: async (dry) => {
        const outcome = await call<Outcome>("PUT", `/settings/${program}`, { settings: changed, dry_run: dry });
        if (!dry) close();
        return outcome;
      },
      back: (outcome) => () => call<Outcome>("POST", `/backups/${encodeURIComponent(outcome.backup_set!)}/restore`, {}),
    });
  };
  return (
    <form class="inline" onSubmit={submit} aria-label={`Settings of ${program}`}>
      <p class="soft">An empty field is the default. What belongs together is changed together.</p>
      <div class="fields-grid">
        {settings.map((setting) => {
          const choices = setting.choices?.split("|") ?? (setting.kind === "flag" ? ["true", "false"] : undefined);
          return (
            <Field key={setting.key} label={setting.key} hint={`${setting.meaning}${setting.applies === "at once" ? "" : " (counts after a restart)"}${setting.kind === "list" || setting.kind === "numbers" ? "; several separated by commas" : ""}${setting.example ? `. For example ${setting.example}` : ""}`}>
              {choices
                ? <select name={setting.key}>{["", ...choices].map((choice) => <option key={choice} value={choice} selected={choice === saidIn(setting)}>{choice || `default (${setting.default})`}</option>)}</select>
                : <input name={setting.key} defaultValue={saidIn(setting)} placeholder={setting.default} spellcheck={false} autocapitalize="none" />}
            </Field>
          );
        })}
      </div>
      <div class="actions"><button type="button" class="secondary" onClick={close}>Cancel</button><button type="submit">Change…</button></div>
    </form>
  );
}

function ProgramSettings({ program, settings, ask }: { program: Program; settings: Setting[]; ask: (request: ChangeRequest) => void }) {
  const [isEdited, setEdited] = useState(false);
  const own = settings.filter((setting) => !setting.changed_by);
  return (
    <Section title={sentence(program.program)} lead={<code>{program.file}</code>}
      actions={own.length > 0 && !isEdited && <button type="button" class="secondary" aria-label={`Change the settings of ${program.program}`} onClick={() => setEdited(true)}>Change</button>}>
      {program.problem && <Note tone="bad" title={program.problem.message}><p>{sentence(program.problem.hint)}</p></Note>}
      {program.restart && <Note tone="warn" title={`Not in force yet: ${program.waiting.join(", ") || "what stands in the file"}`}><p>It counts after <code>systemctl restart chancery-{program.program}</code></p></Note>}
      {isEdited ? <Editor program={program.program} settings={own} close={() => setEdited(false)} ask={ask} /> : (
        <Table caption={`Settings of ${program.program}`} heads={["Setting", "Value", "From"]}>
          {settings.map((setting) => (
            <tr key={setting.key}>
              <Cell label="Setting" head><code>{setting.key}</code><div class="soft">{setting.meaning}</div></Cell>
              <Cell label="Value">{setting.problem ? <Badge tone="bad">{setting.problem}</Badge> : setting.value ? <code>{setting.value}</code> : <span class="soft">nothing</span>}</Cell>
              <Cell label="From">{setting.from ? <code>{setting.from}</code> : <span class="soft">default</span>}{setting.changed_by && <div class="soft">changed by <code>{setting.changed_by}</code></div>}{setting.applies !== "at once" && <div class="soft">counts {setting.applies}</div>}</Cell>
            </tr>
          ))}
        </Table>
      )}
    </Section>
  );
}

export function SettingsPage() {
  const list = useData<Settings>("/settings");
  const [request, setRequest] = useState<ChangeRequest>();
  return (
    <Page title="Settings" lead="Matters of one process. Secrets stand in files of their own, which settings only name.">
      <Await of={list}>
        {(data) => <div class="aligned halves">{data.programs.map((program) => <ProgramSettings key={program.program} program={program} settings={data.settings.filter((setting) => setting.program === program.program)} ask={setRequest} />)}</div>}
      </Await>
      {request && <ChangeDialog request={request} close={() => setRequest(undefined)} />}
    </Page>
  );
}
