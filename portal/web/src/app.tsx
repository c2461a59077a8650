// Which page an address is. Who may look has been decided before any of this was loaded.
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { Frame, Guard, type MenuEntry, NotFound } from "./frame";
import { startLive, useLive } from "./live";
import { AssignmentPage } from "./pages/assignment";
import { CertificatesPage } from "./pages/certificates";
import { CoveragePage } from "./pages/coverage";
import { DevicePage } from "./pages/device";
import { DevicesPage } from "./pages/devices";
import { OverviewPage } from "./pages/overview";
import { type Place, usePlace } from "./router";

interface Entry extends MenuEntry { page: (place: Place) => ComponentChildren }
const entries: Entry[] = [
  { path: "", title: "Overview", group: "", page: () => <OverviewPage /> },
  { path: "certificates", title: "Certificates", group: "Federation", page: () => <CertificatesPage /> },
  { path: "trust", title: "Trust coverage", group: "Federation", page: () => <CoveragePage /> },
  { path: "devices", title: "Devices", group: "Endpoints", page: (place) => (place.parts[1] ? <DevicePage id={place.parts[1]} /> : <DevicesPage query={place.query} />) },
  { path: "assignment", title: "Assignment", group: "Endpoints", page: (place) => <AssignmentPage shown={place.query.get("rule")} /> },
];

export function App({ name }: { name: string }) {
  const place = usePlace();
  const live = useLive();
  useEffect(startLive, []);
  const current = place.parts[0] ?? "";
  const entry = entries.find((each) => each.path === current);
  return <Frame name={name} role="portal" isLive={live.connected} entries={entries} current={current}><Guard key={place.path}>{entry ? entry.page(place) : <NotFound />}</Guard></Frame>;
}
