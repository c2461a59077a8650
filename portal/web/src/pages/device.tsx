import type { Authority, Certificates, Device, Rules } from "../api";
import { useData } from "../live";
import { DeviceState, Root, Tags, trustTitle } from "../parts";
import { Await, Fingerprint, Mark, Page, Section, Time } from "../ui";
import { titleOf } from "../words";

function Roots({ digests, authorities, none }: { digests: string[]; authorities: Authority[]; none: string }) {
  if (digests.length === 0) return <span class="soft">{none}</span>;
  return <ul class="names">{digests.map((each) => <li key={each}><Root sha256={each} authorities={authorities} /></li>)}</ul>;
}

function Presented({ device, all }: { device: Device; all: Certificates | undefined }) {
  if (!device.presented) return <span class="soft">not told</span>;
  const known = all?.certificates.find((each) => each.certificate.sha256 === device.presented);
  return <span>{known ? <Mark tone="good">{titleOf(known.identity)} of {known.member}</Mark> : all && <Mark tone="warn">no certificate that is in force now</Mark>} <Fingerprint sha256={device.presented} /></span>;
}

export function DevicePage({ id }: { id: string }) {
  const found = useData<Device>(`/devices/${encodeURIComponent(id)}`);
  const certificates = useData<Certificates>("/certificates");
  const rules = useData<Rules>("/rules");
  const sent = rules.data?.collectors.find((each) => each.id === id);
  const authorities = certificates.data?.authorities ?? [];
  return (
    <Page title={found.data?.host || "Device"} lead="A device as its engine knows it" actions={<a role="button" class="secondary" href="#/devices">All devices</a>}>
      <Await of={found}>
        {(device) => (
          <div class="columns">
            <div>
              <Section title="What it is">
                <dl class="facts">
                  <dt>State</dt><dd><DeviceState device={device} /></dd>
                  <dt>Engine</dt><dd><a href={`#/devices?engine=${encodeURIComponent(device.engine)}`}>{device.engine}</a></dd>
                  <dt>System</dt><dd>{device.system || <span class="soft">not told</span>}</dd>
                  <dt>Addresses</dt><dd>{device.addresses.join(", ") || <span class="soft">not told</span>}</dd>
                  <dt>Version</dt><dd>{device.version}</dd>
                  <dt>Tags</dt><dd>{device.tags.length > 0 ? <Tags tags={device.tags} /> : <span class="soft">none</span>}</dd>
                  <dt>First seen</dt><dd><Time at={device.first_seen} /></dd>
                  <dt>Last seen</dt><dd><Time at={device.last_seen} /> <span class="soft">(<Time at={device.last_seen} relative />)</span></dd>
                  <dt>Own key</dt><dd><Fingerprint sha256={device.id} whole /></dd>
                </dl>
              </Section>
              {sent && (
                <Section title="Assignment" actions={<a href="#/assignment" role="button" class="secondary">Rules</a>}>
                  <p>{sent.engine ? <>Sent to <strong>{sent.engine}</strong></> : "Sent nowhere"} {sent.rule ? <>by the rule <a href={`#/assignment?rule=${encodeURIComponent(sent.rule)}`}>{sent.rule}</a></> : "as no rule fits it"}, <Time at={sent.seen} relative />.</p>
                </Section>
              )}
            </div>
            <Section title="Whom it trusts">
              <dl class="facts">
                <dt>Trusts</dt><dd>{trustTitle(device.trust)}</dd>
                <dt>Roots</dt><dd><Roots digests={device.trust_roots} authorities={authorities} none="none told" /></dd>
                <dt>Given to it</dt><dd><Roots digests={device.held_roots} authorities={authorities} none="no root of the federation" /></dd>
                <dt>Proven</dt><dd><Roots digests={device.proven_roots} authorities={authorities} none="none by a handshake under it alone" /></dd>
                <dt>It saw</dt><dd><Presented device={device} all={certificates.data} /></dd>
                <dt>Customer Key</dt><dd>{device.customer_key ? <code>{device.customer_key}</code> : <span class="soft">not told</span>}</dd>
              </dl>
            </Section>
          </div>
        )}
      </Await>
    </Page>
  );
}
