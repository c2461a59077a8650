// Who is signed in, the frame around the pages, and which page an address is.
import { Component, type ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { call, get, Problem, rememberSession, type SessionInfo, whenSignedOut } from "./api";
import { startLive, stopLive, useLive } from "./live";
import { AccessPage } from "./pages/access";
import { AuditPage } from "./pages/audit";
import { BackupsPage } from "./pages/backups";
import { CertificatePage } from "./pages/certificate";
import { CertificatesPage } from "./pages/certificates";
import { CollectorsPage } from "./pages/collectors";
import { FederationPage } from "./pages/federation";
import { OverviewPage } from "./pages/overview";
import { PolicyPage } from "./pages/policy";
import { ReplacePage } from "./pages/replace";
import { RequestPage } from "./pages/request";
import { RootPage } from "./pages/root";
import { RotationPage } from "./pages/rotation";
import { SignInPage } from "./pages/sign_in";
import { TrustPage } from "./pages/trust";
import { type Place, usePlace } from "./router";
import { Loading, Note, Page, ProblemNote } from "./ui";

interface Entry { path: string; title: string; group: string; page: (place: Place, session: SessionInfo) => ComponentChildren; onPrimary?: boolean }

const entries: Entry[] = [
  { path: "", title: "Overview", group: "", page: (_, session) => <OverviewPage session={session} /> },
  { path: "certificates", title: "Certificates", group: "Appliance", page: (place, session) => certificates(place, session) },
  { path: "trust", title: "Trust", group: "Appliance", page: (place) => <TrustPage store={place.query.get("store") ?? "engine"} /> },
  { path: "backups", title: "Backups", group: "Appliance", page: () => <BackupsPage /> },
  { path: "policy", title: "Policy", group: "Appliance", page: () => <PolicyPage /> },
  { path: "federation", title: "Members", group: "Federation", page: (_, session) => <FederationPage session={session} /> },
  { path: "rotation", title: "Root rotation", group: "Federation", page: () => <RotationPage />, onPrimary: true },
  { path: "root", title: "Trust the root", group: "Federation", page: (_, session) => <RootPage session={session} /> },
  { path: "collectors", title: "Collectors", group: "Federation", page: (_, session) => <CollectorsPage session={session} />, onPrimary: true },
  { path: "audit", title: "Audit", group: "System", page: () => <AuditPage /> },
  { path: "access", title: "Access", group: "System", page: (_, session) => <AccessPage session={session} /> },
];

function certificates(place: Place, session: SessionInfo) {
  const [, identity, action] = place.parts;
  if (identity === "replace") return <ReplacePage session={session} scope={place.query.get("identity") ?? ""} />;
  if (identity && action === "request") return <RequestPage session={session} identity={identity} />;
  if (identity) return <CertificatePage identity={identity} />;
  return <CertificatesPage session={session} />;
}

function Menu({ session, current }: { session: SessionInfo; current: string }) {
  const shown = entries.filter((entry) => !entry.onPrimary || session.appliance.role !== "secondary");
  const groups = [...new Set(shown.map((entry) => entry.group))];
  return (
    <nav class="menu" id="menu" aria-label="Pages">
      {groups.map((group) => (
        <div key={group} class="menu-group">
          {group && <p class="menu-title" id={`menu-${group}`}>{group}</p>}
          <ul aria-labelledby={group ? `menu-${group}` : undefined}>
            {shown.filter((entry) => entry.group === group).map((entry) => (
              <li key={entry.path}><a href={`#/${entry.path}`} aria-current={entry.path === current ? "page" : undefined}>{entry.title}</a></li>
            ))}
          </ul>
        </div>
      ))}
    </nav>
  );
}

function Frame({ session, signOut, children, current }: { session: SessionInfo; signOut: () => void; children: ComponentChildren; current: string }) {
  const live = useLive();
  const [isOpen, setOpen] = useState(false);
  useEffect(() => setOpen(false), [current]);
  const skip = (event: Event) => {
    event.preventDefault();  // "#" is where pages have their addresses
    document.getElementById("content")?.focus();
  };
  return (
    <>
      <a class="skip" href="#content" onClick={skip}>Skip to the page</a>
      <header class="top">
        <button type="button" class="menu-button" aria-expanded={isOpen} aria-controls="menu" onClick={() => setOpen(!isOpen)}>Menu</button>
        <a class="brand" href="#/"><img src="/icon.svg" alt="" width="26" height="26" /> Chancery</a>
        <span class="where"><strong>{session.appliance.name}</strong> <span class="soft">{session.appliance.role}</span></span>
        <span class={`live ${live.connected ? "on" : "off"}`} title={live.connected ? "Changes show up by themselves" : "Reconnecting: what you see may be old"}>{live.connected ? "live" : "reconnecting"}</span>
        <button type="button" class="secondary sign-out" onClick={signOut}>Sign out</button>
      </header>
      <div class={isOpen ? "body open" : "body"}>
        <Menu session={session} current={current} />
        <main id="content" tabIndex={-1}>
          {!live.manager && <Note tone="bad" title="The certificate manager is not running"><p>Nothing can be shown or changed until it runs again: <code>systemctl start chancery-manager</code>. What is being served goes on.</p></Note>}
          {children}
        </main>
      </div>
    </>
  );
}

// A page that fails says so, and the others go on.
class Guard extends Component<{ children: ComponentChildren }, { failed?: Error }> {
  override state: { failed?: Error } = {};
  override componentDidCatch(failed: Error) { this.setState({ failed }); }
  override render() {
    if (!this.state.failed) return this.props.children;
    return <ProblemNote problem={new Problem(0, "page-failed", "This page failed", `${this.state.failed.message}. This is a defect worth reporting; the command line does the same work.`)} retry={() => this.setState({ failed: undefined as unknown as Error })} />;
  }
}

function NotFound() {
  return <Page title="No such page"><p>There is no page at this address. <a href="#/">Go to the overview.</a></p></Page>;
}

export function App() {
  const [session, setSession] = useState<SessionInfo | null | undefined>();
  const [problem, setProblem] = useState<Problem>();
  const [ended, setEnded] = useState(false);
  const place = usePlace();
  const signedIn = (info: SessionInfo | null) => {
    rememberSession(info);
    setSession(info);
    setProblem(undefined);
  };
  const look = () => {
    get<SessionInfo>("/session").then(signedIn, (failure: Problem) => { if (failure.status === 401) signedIn(null); else setProblem(failure); });
  };
  useEffect(() => {
    // A session that ends while pages are open leads back to signing in, and says so.
    whenSignedOut(() => setSession((before) => { if (before) setEnded(true); return before === undefined ? undefined : null; }));
    look();
  }, []);
  const isSignedIn = Boolean(session);
  useEffect(() => {
    if (!isSignedIn) return undefined;
    startLive();
    return stopLive;
  }, [isSignedIn]);
  const signOut = () => { call("DELETE", "/session").catch(() => {}).finally(() => { setEnded(false); signedIn(null); }); };
  if (problem) return <main class="alone"><ProblemNote problem={problem} retry={look} /></main>;
  if (session === undefined) return <main class="alone"><Loading /></main>;
  if (session === null) return <SignInPage ended={ended} signedIn={(info) => { setEnded(false); signedIn(info); }} />;
  const current = place.parts[0] ?? "";
  const entry = entries.find((each) => each.path === current);
  return <Frame session={session} signOut={signOut} current={current}><Guard key={place.path}>{entry ? entry.page(place, session) : <NotFound />}</Guard></Frame>;
}
