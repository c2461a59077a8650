// Who is signed in, the frame around the pages, and which page an address is.
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { call, get, Problem, rememberSession, type SessionInfo, whenSignedOut } from "./api";
import { Frame, Guard, type MenuEntry, NotFound } from "./frame";
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
import { RolloutPage } from "./pages/rollout";
import { RootPage } from "./pages/root";
import { RotationPage } from "./pages/rotation";
import { RulesPage } from "./pages/rules";
import { SettingsPage } from "./pages/settings";
import { SignInPage } from "./pages/sign_in";
import { TrustPage } from "./pages/trust";
import { type Place, usePlace } from "./router";
import { Loading, Note, ProblemNote } from "./ui";

interface Entry extends MenuEntry { page: (place: Place, session: SessionInfo) => ComponentChildren; onPrimary?: boolean }

const entries: Entry[] = [
  { path: "", title: "Overview", group: "", page: (_, session) => <OverviewPage session={session} /> },
  { path: "certificates", title: "Certificates", group: "Appliance", page: (place, session) => certificates(place, session) },
  { path: "trust", title: "Trust", group: "Appliance", page: (place) => <TrustPage store={place.query.get("store") ?? "engine"} /> },
  { path: "backups", title: "Backups", group: "Appliance", page: () => <BackupsPage /> },
  { path: "policy", title: "Policy", group: "Appliance", page: () => <PolicyPage /> },
  { path: "federation", title: "Members", group: "Federation", page: (_, session) => <FederationPage session={session} /> },
  { path: "rollout", title: "Rollout", group: "Federation", page: () => <RolloutPage />, onPrimary: true },
  { path: "rotation", title: "Root rotation", group: "Federation", page: () => <RotationPage />, onPrimary: true },
  { path: "root", title: "Trust the root", group: "Federation", page: (_, session) => <RootPage session={session} /> },
  { path: "collectors", title: "Collectors", group: "Federation", page: (_, session) => <CollectorsPage session={session} />, onPrimary: true },
  { path: "rules", title: "Assignment rules", group: "Federation", page: () => <RulesPage />, onPrimary: true },
  { path: "settings", title: "Settings", group: "System", page: () => <SettingsPage /> },
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

function Signed({ session, signOut, children, current }: { session: SessionInfo; signOut: () => void; children: ComponentChildren; current: string }) {
  const live = useLive();
  return (
    <Frame name={session.appliance.name} role={session.appliance.role} isLive={live.connected} current={current}
      entries={entries.filter((entry) => !entry.onPrimary || session.appliance.role !== "secondary")}
      actions={<button type="button" class="secondary sign-out" onClick={signOut}>Sign out</button>}>
      {!live.manager && <Note tone="bad" title="The certificate manager is not running"><p>Nothing can be shown or changed until it runs again: <code>systemctl start chancery-manager</code>. What is being served goes on.</p></Note>}
      {children}
    </Frame>
  );
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
  return <Signed session={session} signOut={signOut} current={current}><Guard key={place.path}>{entry ? entry.page(place, session) : <NotFound />}</Guard></Signed>;
}
