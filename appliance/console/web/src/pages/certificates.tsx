import { useState } from "preact/hooks";
import type { Identity, SessionInfo } from "../api";
import { ChangeDialog, type ChangeRequest } from "../change";
import { useData } from "../live";
import { Await, Badge, Cell, DaysLeft, Fingerprint, Mark, Names, Page, Section, Table } from "../ui";
import { commonName, groupOf, isCustomPort, isReplaceable, titleOf } from "../words";
import { resetOf } from "./certificate";

export function ServedBeside({ identity }: { identity: Identity }) {
  if (identity.served.length === 0) return <span class="soft">{identity.identity === "member" ? "shown to other appliances" : "not running"}</span>;
  return (
    <ul class="names">
      {identity.served.map((served) => (
        <li key={served.endpoint}><Mark tone={served.ok ? "good" : "bad"}>{served.ok ? `${served.endpoint} :${served.port}` : `${served.endpoint} :${served.port} serves ${served.sha256 ? served.sha256.slice(0, 12) : "nothing"}`}</Mark></li>
      ))}
    </ul>
  );
}

function Identities({ identities, caption, ask }: { identities: Identity[]; caption: string; ask: (request: ChangeRequest) => void }) {
  return (
    <Table caption={caption} heads={["Identity", "Ends", "Issuer", "Names", "Served", "SHA-256", ""]}>
      {identities.map((identity) => (
        <tr key={identity.identity}>
          <Cell label="Identity" head><a href={`#/certificates/${identity.identity}`}>{titleOf(identity.identity)}</a><br /><Badge tone={identity.source === "custom" ? "good" : "plain"}>{identity.source}</Badge></Cell>
          <Cell label="Ends"><DaysLeft until={identity.certificate.not_after} /></Cell>
          <Cell label="Issuer">{commonName(identity.certificate.issuer)}</Cell>
          <Cell label="Names"><Names names={identity.certificate.sans.filter((name) => !name.startsWith("chancery://"))} /></Cell>
          <Cell label="Served"><ServedBeside identity={identity} /></Cell>
          <Cell label="SHA-256"><Fingerprint sha256={identity.certificate.sha256} /></Cell>
          <Cell label="">
            <div class="row-actions">
              {isCustomPort(identity.identity) && <a class="secondary" role="button" href={`#/certificates/replace?identity=${identity.identity}`}>Replace {titleOf(identity.identity).split(",")[0]!.toLowerCase()}'s custom port only</a>}
              {isReplaceable(identity.identity) && identity.source === "custom" && (
                <button type="button" class="secondary" onClick={() => ask(resetOf(identity.identity))}>Reset {titleOf(identity.identity).toLowerCase()} only</button>
              )}
            </div>
          </Cell>
        </tr>
      ))}
    </Table>
  );
}

export function CertificatesPage({ session }: { session: SessionInfo }) {
  const list = useData<{ generation: number; identities: Identity[] }>("/certificates");
  const [request, setRequest] = useState<ChangeRequest>();
  const group = groupOf(session.appliance.role).map((name) => titleOf(name).toLowerCase());
  const scope = `${group.slice(0, -1).join(", ")} and ${group[group.length - 1]}`;
  return (
    <Page title="Certificates" lead="What is installed, and beside it what every endpoint really serves."
      actions={<a role="button" href="#/certificates/replace">Replace certificates of {scope}</a>}>
      <Await of={list} what="Asking every endpoint for its certificate">
        {(data) => {
          const usual = data.identities.filter((each) => isReplaceable(each.identity) && !isCustomPort(each.identity));
          const custom = data.identities.filter((each) => isCustomPort(each.identity));
          const inner = data.identities.filter((each) => !isReplaceable(each.identity));
          return (
            <div class="aligned">
              <Section title="Web and collectors" lead={`Generation ${data.generation} is in force.`}><Identities caption="Certificates of console, portal and engine" identities={usual} ask={setRequest} /></Section>
              {custom.length > 0 && (
                <Section title="Collectors' custom port" lead="A channel of its own: it keeps its certificate when the others are replaced, and has its own buttons."><Identities caption="Certificates of the custom port" identities={custom} ask={setRequest} /></Section>
              )}
              <Section title="Inside the federation" lead="Made and renewed by the federation's own authority. Nobody has to replace these."><Identities caption="Certificates between appliances" identities={inner} ask={setRequest} /></Section>
            </div>
          );
        }}
      </Await>
      {request && <ChangeDialog request={request} close={() => setRequest(undefined)} />}
    </Page>
  );
}
