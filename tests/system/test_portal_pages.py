"""The portal's pages in Debian's Chromium, on the real programs over TLS: a primary, two secondaries, and their collectors.

Pictures of every page are build output: CHANCERY_PICTURES, else build/pictures."""
import base64
import json
import os
import shutil
import subprocess
import sys
import unittest

import console_client
import test_browser
import test_console_pages
from harness import BIN, SystemTest, CollectorProcess, await_condition, file_fingerprints, served_chain


class PortalPages(SystemTest):
    def walk(self, script, on_line=None, **given):
        """`on_line(line)` answers what the script says with a line of its own, or with nothing."""
        person = test_browser.Browser(self, script)
        person.import_root(self.primary.root(), "the root")
        path = os.path.join(self.folder, script + ".json")
        with open(path, "w") as file:
            json.dump({"modules": test_console_pages.modules(), "home": person.home, "pictures": test_console_pages.PICTURES,
                       "allPictures": bool(os.environ.get("CHANCERY_PICTURES")), "portal": f"https://localhost:{self.primary.portal}", **given}, file)
        # Requests that Playwright makes itself go by this root as well.
        with subprocess.Popen(["node", os.path.join(test_console_pages.TESTS, script + ".mjs"), path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, env={**os.environ, "NODE_EXTRA_CA_CERTS": self.primary.root()}) as process:
            for line in process.stdout:
                sys.stdout.write(line)
                answer = on_line(line.strip()) if on_line else None
                if answer:
                    process.stdin.write(answer + "\n")
                    process.stdin.flush()
        self.assertEqual(0, process.returncode)

    def asking(self, name, *tags):
        """A collector that asks the portal where it belongs."""
        state = os.path.join(self.folder, name)
        return self.collector(next(iter(self.engines.values())), self.primary,
                              [f'collector.portal = "localhost:{self.primary.portal}"', f'collector.root-ca = "{state}/root.pem"', "collector.report-interval = 1",
                               f"collector.tags = {json.dumps(list(tags))}"], name)

    def start_federation(self, *names):
        self.primary = self.appliance("primary", name="primary.test").start()
        self.engines = {}
        for name in names:
            secondary = self.appliance("secondary", name=name)
            secondary.join_federation_of(self.primary)
            self.engines[name] = secondary.start()

    def await_portal_reaches_engines(self):
        def reached():
            log = self.primary.log("portal")
            return all(f"engine {name} at" in log and "[VERIFIED]" in log for name in self.engines)

        await_condition(reached, "the portal reaches its engines")

    def started_again(self, collector):
        collector.process.terminate()
        collector.process.wait(timeout=30)
        with open(collector.log_path, "ab") as out:
            process = subprocess.Popen([os.path.join(BIN, "chancery-collector"), "--state", collector.state], stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self.processes.append(process)
        return CollectorProcess(collector.state, process, collector.log_path)

    def test_what_a_person_sees(self):
        self.start_federation("one.test", "two.test")
        pki = self.pki()
        # The custom port, which no collector here uses: nobody would break by it.
        done = self.primary.cli("cert", "replace", *pki.files(pki.leaf(["primary.test", "localhost"], days=20)), "--identity", "portal-collector")
        self.assertEqual(0, done.code, done)
        self.await_portal_reaches_engines()
        plain, shop = self.asking("plain", "office"), self.asking("shop", "berlin", "shop-7")
        devices = []
        for collector, tags in ((plain, ["office"]), (shop, ["berlin", "shop-7"])):
            collector.await_connected(to="one.test")
            devices.append({"id": collector.status()["id"], "host": os.uname().nodename, "engine": "one.test", "tags": tags})
        certificates = [(appliance.name, each["certificate"]["sha256"], each["certificate"]["not_after"])
                        for appliance in (self.primary, *self.engines.values()) for each in appliance.json("cert", "list")["identities"]]

        self.pages_are_told()

        def answer(line):
            if line != "rule in force":
                return None
            self.started_again(shop).await_connected(to="two.test")
            return "go on"

        self.walk("portal", answer, console=f"https://localhost:{self.primary.console}", primaryPassword=self.primary.password(), engines=list(self.engines),
                  devices=devices, certificates=[c[:2] for c in certificates], firstEnd=min(c[2] for c in certificates), root=file_fingerprints(self.primary.root())[0])
        # The same fleet, at the console: it has members to roll out to.
        self.roll_out_from_the_page(self.pki(name="delivery"))

    def delivery(self, name, pki, leaves):
        """A folder with one for each member; returns its path and each member's files."""
        files = {}
        for member, (certificate, key) in leaves.items():
            folder = os.path.join(self.folder, name, member)
            os.makedirs(folder)
            files[member] = [shutil.copy(path, folder) for path in (pki.path(certificate + ".crt"), pki.path(key + ".key"), pki.intermediates)]
        return os.path.join(self.folder, name), files

    def roll_out_from_the_page(self, pki):
        first, second = ({name: pki.leaf([name, "localhost", "127.0.0.1"]) for name in self.engines} for _ in range(2))
        one, two = self.engines
        paired = lambda leaves: {name: (leaf, leaf) for name, leaf in leaves.items()}
        nameless = pki.leaf(["elsewhere.test"])

        def serve(leaves):
            return {name: served_chain(self.engines[name].engine) == pki.sent(leaf) for name, leaf in leaves.items()}

        stopped, undone = [], []

        def on_line(line):
            if line == "stopped":
                stopped.append(serve(first))
            if line == "before the undo":
                undone.append(serve(second))

        self.walk("rollout", on_line, console=f"https://localhost:{self.primary.console}", primaryPassword=self.primary.password(), members=[one, two], root=pki.root,
                  wrong=self.delivery("wrong", pki, {one: (first[one], first[one]), two: (first[two], second[two])})[0],
                  nameless=[pki.path(nameless + ".crt"), pki.path(nameless + ".key"), pki.intermediates],
                  first=self.delivery("first", pki, paired(first))[0], second=self.delivery("second", pki, paired(second))[1])
        self.assertEqual([{one: True, two: True}], stopped, "after it was stopped all serve what they served before")
        self.assertEqual([{one: True, two: True}], undone, "what was gone on with is served everywhere")
        self.assertEqual({one: True, two: True}, serve(first), "and taken back as a whole later on")

    def pages_are_told(self):
        """Events come with what changes, to no more listeners than there is room for, and everybody else is answered all the same."""
        credential = "Authorization: Basic " + base64.b64encode(f"administrator:{self.primary.password()}".encode()).decode()

        def listening():
            events = console_client.events_at(self.primary.portal, credential)
            return events if next(events, (None,))[0] == "hello" else None

        listeners = [listening() for _ in range(24)]
        self.assertNotIn(None, listeners, "24 pages may listen")
        self.assertIsNone(listening(), "the 25th is turned away")
        self.assertEqual([], list(console_client.events_at(self.primary.portal, "Accept: */*")), "nobody listens without a password")
        # The first tells pages to look anyway: what changed while nobody listened is not known.
        self.assertEqual([("changed", {"anyway": True})] * len(listeners), [next(events) for events in listeners])
        # Then each of them is told that something is another now, and not by the look that is taken twice a minute in any case.
        done = self.primary.json("profile", "set", "spare", "minimum-protocol=TLSv1.3")
        self.assertEqual("done", done["outcome"])
        for events in listeners:
            self.assertIn(("changed", {"anyway": False}), (next(events) for _ in range(2)))
            events.close()
        await_condition(listening, "there is room again", patience=8)  # long before anything is written to those that are gone

    def test_what_a_device_calls_itself_is_text(self):
        """Threat 34: a collector is its owner's, and so is the name that it reports."""
        self.start_federation("one.test")
        self.await_portal_reaches_engines()
        host, tag = "<img src=x onerror=alert(1)>", "<b onmouseover=alert(2)>tag</b>"
        state = os.path.join(self.folder, "hostile")
        collector = self.asking("hostile", tag)
        collector.process.terminate()
        collector.process.wait(timeout=30)
        # A host name of its own for one process (uts_namespaces(7)).
        named = "import os, socket, sys; socket.sethostname(sys.argv[1]); os.execv(sys.argv[2], sys.argv[2:])"
        with open(collector.log_path, "ab") as out:
            process = subprocess.Popen(["unshare", *([] if os.geteuid() == 0 else ["--map-root-user"]), "--uts", sys.executable, "-c", named, host,
                                        os.path.join(BIN, "chancery-collector"), "--state", state], stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self.processes.append(process)
        renamed = CollectorProcess(state, process, collector.log_path)
        renamed.await_connected(to="one.test")
        # A report tells of the new name.
        await_condition(lambda: any(each["host"] == host for each in self.known()), "the portal knows the name")
        self.walk("portal_hostile", password=self.primary.password(), id=renamed.status()["id"], host=host, tag=tag)

    def known(self):
        done = self.primary.json("rule", "preview")
        return done["collectors"]


if __name__ == "__main__":
    unittest.main()
