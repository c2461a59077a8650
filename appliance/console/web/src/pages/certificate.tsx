import { useState } from "preact/hooks";
import { call, type Identity, type Outcome } from "../api";
import { ChangeDialog, type ChangeRequest } from "../change";
import { useData } from "../live";
import { Await, Badge, Chain, DaysLeft, Fingerprint, Page, Section, Time } from "../ui";
import { commonName, isCustomPort, isReplaceable, titleOf } from "../words";
import { ServedBeside } from "./certificates";

export const resetOf = (identity: string): ChangeRequest => ({
  title: `Reset ${titleOf(identity)} to the default certificate`,
  button: "Reset to default certificate",
  danger: true,
  text: <p>The custom certificate of <strong>{titleOf(identity)}</strong> goes, and the ad-hoc one of the federation's own authority comes back. The custom one stays in a backup.</p>,
  work: (dry) => call<Outcome>("POST", `/certificates/${encodeURIComponent(identity)}/reset`, { dry_run: dry }),
});

export function CertificatePage({ identity }: { identity: string }) {
  const shown = useData<Identity>(`/certificates/${encodeURIComponent(identity)}`);
  const [request, setRequest] = useState<ChangeRequest>();
  const title = titleOf(identity);
  const scope = isCustomPort(identity) ? "this custom port only" : `${title.toLowerCase()} only`;
  return (
    <Page title={title} lead={<a href="#/certificates">All certificates</a>}
      actions={isReplaceable(identity) && shown.data && (
        <>
          <a role="button" href={`#/certificates/replace?identity=${identity}`}>Replace {scope}</a>
          <a role="button" class="secondary" href={`#/certificates/${identity}/request`}>Signing request</a>
          {shown.data.source === "custom" && <button type="button" class="secondary" onClick={() => setRequest(resetOf(identity))}>Reset {scope}</button>}
        </>
      )}>
      <Await of={shown}>
        {(data) => (
          <div class="columns">
            <Section title="Chain as it is sent"><Chain chain={[data.certificate, ...data.intermediates]} /></Section>
            <div>
              <Section title="Certificate">
                <dl class="facts">
                  <dt>Source</dt><dd><Badge tone={data.source === "custom" ? "good" : "plain"}>{data.source}</Badge></dd>
                  <dt>Ends</dt><dd><DaysLeft until={data.certificate.not_after} /></dd>
                  <dt>Begins</dt><dd><Time at={data.certificate.not_before} /></dd>
                  <dt>Subject</dt><dd>{data.certificate.subject || <span class="soft">empty</span>}</dd>
                  <dt>Issuer</dt><dd>{data.certificate.issuer}</dd>
                  <dt>Names</dt><dd>{data.certificate.sans.join(", ") || "none"}</dd>
                  <dt>Key</dt><dd>{data.certificate.key.type}{data.certificate.key.type.startsWith("EC") ? "" : ` ${data.certificate.key.bits}`}</dd>
                  <dt>Serial</dt><dd><code>{data.certificate.serial}</code></dd>
                  <dt>SHA-256</dt><dd><Fingerprint sha256={data.certificate.sha256} whole /></dd>
                </dl>
              </Section>
              <Section title="Served"><ServedBeside identity={{ ...data, served: data.served ?? [] }} /></Section>
              {data.source === "custom" && data.default && (
                <Section title="Default certificate" lead="Kept and renewed beside it: what a reset goes back to.">
                  <dl class="facts"><dt>Issuer</dt><dd>{commonName(data.default.issuer)}</dd><dt>Ends</dt><dd><DaysLeft until={data.default.not_after} /></dd></dl>
                </Section>
              )}
              {data.files && <Section title="Files"><details><summary>Where other services find it</summary><ul class="files">{data.files.map((file) => <li key={file}><code>current/{file}</code></li>)}</ul></details></Section>}
            </div>
          </div>
        )}
      </Await>
      {request && <ChangeDialog request={request} close={() => setRequest(undefined)} />}
    </Page>
  );
}
