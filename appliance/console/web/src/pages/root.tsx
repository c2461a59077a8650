import { useState } from "preact/hooks";
import type { Certificate, SessionInfo } from "../api";
import { useData } from "../live";
import { Await, Copy, DaysLeft, Note, Page, Section } from "../ui";
import { colons, commonName } from "../words";

const guides: [string, string, string[]][] = [
  ["firefox", "Firefox", ["Open Settings, choose Privacy & Security, and there Certificates: View Certificates…", "On the tab Authorities choose Import… and take root.pem.", "Tick “Trust this CA to identify websites”. Before OK choose View and compare the SHA-256."]],
  ["chrome", "Chrome, Edge", ["Open Settings, search for “certificates”, and choose Manage certificates.", "On Windows and macOS the system's own store opens: go on as written there. On Linux choose Authorities, then Import.", "Tick “Trust this certificate for identifying websites”, then load this page anew."]],
  ["windows", "Windows", ["Rename the file to root.crt. PowerShell prints its SHA-256: (Get-PfxCertificate root.crt).GetCertHashString(\"SHA256\")", "Open it. Choose Install Certificate…, Local Machine, “Place all certificates in the following store”, Trusted Root Certification Authorities.", "For many machines: Group Policy, Computer Configuration, Windows Settings, Security Settings, Public Key Policies."]],
  ["macos", "macOS", ["Open the file: Keychain Access asks where to. Choose System.", "Open the certificate there, compare the SHA-256 under Details, then under Trust choose “Always Trust”.", "On the command line: sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain root.pem"]],
  ["linux", "Linux", ["Debian, Ubuntu: copy it to /usr/local/share/ca-certificates/chancery.crt and run sudo update-ca-certificates.", "Fedora, RHEL: copy it to /etc/pki/ca-trust/source/anchors/ and run sudo update-ca-trust.", "Firefox and Chrome have stores of their own: see there."]],
];

function Guides() {
  const [shown, setShown] = useState("firefox");
  const guide = guides.find(([name]) => name === shown)!;
  return (
    <>
      <div class="tabs" role="toolbar" aria-label="Which browser or system">{guides.map(([name, title]) => <button key={name} type="button" aria-pressed={name === shown} onClick={() => setShown(name)}>{title}</button>)}</div>
      <ol class="guide">{guide[2].map((line) => <li key={line}>{line}</li>)}</ol>
    </>
  );
}

export function RootPage({ session }: { session: SessionInfo }) {
  const isPrimary = session.appliance.role !== "secondary";
  const root = useData<{ certificate: Certificate; sha256: string; roots: Certificate[] }>(isPrimary ? "/authority/root" : null);
  return (
    <Page title="Trust the root" lead="A browser that knows the federation's root warns on none of its pages any more." actions={<a role="button" href="/root.pem" download="root.pem">Download root.pem</a>}>
      {isPrimary ? (
        <Await of={root}>
          {(data) => (
            <Section title={commonName(data.certificate.subject)}>
              <p><DaysLeft until={data.certificate.not_after} /></p>
              <p>SHA-256 <Copy text={data.sha256} label="the root's SHA-256" /></p>
              <p class="digest"><code>{colons(data.sha256)}</code></p>
              <Note tone="warn" title="Compare before you trust"><p>By another way than this page, best on the appliance itself: <code>chancery authority root</code> prints the same digits. Whoever could alter this page could alter the file, too.</p></Note>
              {data.roots.length > 1 && <p>The file holds {data.roots.length} roots: a rotation is under way, and both are needed until it ends.</p>}
            </Section>
          )}
        </Await>
      ) : <Note title="The root's SHA-256 is on the primary"><p>Compare the downloaded file with what <code>chancery authority root</code> prints there.</p></Note>}
      <Section title="How to"><Guides /></Section>
    </Page>
  );
}
