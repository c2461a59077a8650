"""C4: who would break? Real collectors, each with its own trust, clock and name, are asked before a change; what they said is
what happens when the change is forced. And what is seen after a swap takes it back."""
import glob
import os
import subprocess
import unittest

from harness import BIN, CollectorProcess, SystemTest, await_condition, file_fingerprints, served_chain

CLOCK = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")[0]


class Rehearsal(SystemTest):
    def file(self, name, *parts):
        """A file with the certificates of all `parts` in it."""
        path = os.path.join(self.folder, name)
        with open(path, "w") as out:
            for part in parts:
                with open(part) as file:
                    out.write(file.read().rstrip("\n") + "\n")
        return path

    def launched(self, collector, env=None):
        with open(collector.log_path, "ab") as out:
            collector.process = subprocess.Popen([os.path.join(BIN, "chancery-collector"), "--state", collector.state],
                                                 stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={**os.environ, **(env or {})})
        self.processes.append(collector.process)
        return collector

    def stopped(self, collector):
        collector.process.terminate()
        collector.process.wait(10)

    def one(self, name, trust="", server="localhost", more=(), env=None):
        """A connected collector that trusts by the file `trust`, or by its operating system's store."""
        collector = self.collector(self.secondary, self.primary, name=name, settings=[
            f'collector.servers = ["{server}:{self.secondary.engine}"]', f'collector.root-ca = "{trust}"', "collector.report-interval = 1", *more])
        if env:
            self.stopped(collector)
            self.launched(collector, env)
        collector.await_connected()
        collector.id, collector.env = collector.status()["id"], env
        return collector

    def rehearse(self, appliance, *arguments):
        done = appliance.cli("--json", "rehearse", *arguments)
        report = done.json()
        self.assertEqual(1 if report["breaks"] else 0, done.code, done)
        self.assertEqual(len(report["would_break"]), sum(report["reasons"].values()), report)
        return report

    def reported(self, *collectors):
        """The engine's database, which predictions are made from, has what these told."""
        wanted = {c.id for c in collectors}

        def known():
            listed = self.secondary.control("engine", {"verb": "rehearse", "question": {
                "about": "engine", "identities": ["engine"], "endpoints": [], "chain": [], "present": [], "roots": [], "without": [],
                "protocol": "", "client_certificate": True, "live": False, "deadline_ms": 3000}})["report"]
            return wanted <= {e["who"] for e in listed["would_break"]} | {e["who"] for e in listed["silent"] if e["predicted"] == "would-break"}

        await_condition(known, "the engine knows them")

    def test_everybody_judges_for_himself_and_what_they_say_is_what_happens(self):
        self.primary, self.secondary = self.federation()
        pki = self.pki(intermediates=1)
        leaf = pki.leaf(["secondary.test", "localhost"])
        old, new = self.primary.root(), pki.root
        both, only_old, only_new = self.file("both.pem", old, new), self.file("old.pem", old), self.file("new.pem", new)
        address = "127.0.0.1"
        trusting = {
            "pinned to both": self.one("pinned-both", both),
            "store with both": self.one("store-both", env={"SSL_CERT_FILE": both}),
            "by address, no name compared": self.one("by-address", both, server=address, more=["collector.verify-hostname = false"]),
            "compares nobody": self.one("compares-nobody", more=['collector.required-level = "TLSNoPeerAuth"']),
        }
        breaking = {
            "untrusted-root": [self.one("pinned-old", only_old), self.one("store-old", env={"SSL_CERT_FILE": only_old})],
            "expired": [self.one("clock-ahead", both, env={"LD_PRELOAD": CLOCK, "FAKETIME": "+200d", "FAKETIME_DONT_FAKE_MONOTONIC": "1"})],
            "not-yet-valid": [self.one("clock-behind", both, env={"LD_PRELOAD": CLOCK, "FAKETIME": "-2m", "FAKETIME_DONT_FAKE_MONOTONIC": "1"})],
            "name-mismatch": [self.one("other-name", both, server=address)],
        }
        silent = {"would-break": self.one("offline-old", only_old), "would-trust": self.one("offline-both", both)}
        await_condition(self.portal_knows, "the portal has heard from the engine")
        self.reported(*silent.values())
        for collector in silent.values():
            self.stopped(collector)
        # A collector that is pinned to the new root alone comes once that serves.
        waiting = self.collector(self.secondary, self.primary, name="pinned-new", settings=[
            f'collector.servers = ["localhost:{self.secondary.engine}"]', f'collector.root-ca = "{only_new}"'])

        def is_gone():
            report = self.rehearse(self.secondary, "--certificate", pki.path(leaf + ".crt"), "--intermediate", pki.intermediates, "--also-trust", new)
            return report if len(report["silent"]) == len(silent) else None

        report = await_condition(is_gone, "both silent ones are gone")
        expected = {c.id: reason for reason, each in breaking.items() for c in each}
        self.assertEqual(expected, {e["who"]: e["reason"] for e in report["would_break"] if e["kind"] == "collector"}, report)
        self.assertEqual([("primary.test", "untrusted-root")], [(e["who"], e["reason"]) for e in report["would_break"] if e["kind"] == "appliance"])
        self.assertEqual({c.id: (kind, "untrusted-root" if kind == "would-break" else "") for kind, c in silent.items()},
                         {e["who"]: (e["predicted"], e["reason"]) for e in report["silent"]}, report)
        self.assertTrue(all(e["last_seen"] for e in report["silent"]), report)
        self.assertEqual(len(trusting), report["would_trust"], report)
        self.assertEqual(len(trusting) + len(expected) + 1 + len(silent), report["asked"], report)
        self.assertEqual({"untrusted-root": 3, "expired": 1, "not-yet-valid": 1, "name-mismatch": 1}, report["reasons"])
        self.assertEqual({address}, {e["calls"] for e in report["would_break"] if e["reason"] == "name-mismatch"})
        shown = self.secondary.cli("rehearse", "--certificate", pki.path(leaf + ".crt"), "--intermediate", pki.intermediates, "--also-trust", new)
        self.assertEqual(1, shown.code)
        self.assertRegex(shown.out, r"asked 12: 4 would trust it, 6 would break \(.*untrusted-root 3.*\), 2 did not answer")
        for collector in expected:
            self.assertIn(collector[:16], shown.out)

        # `cert replace` asks by itself, and stops; so does every number that is too small.
        breakage = report["breakage"]
        self.assertEqual(len(expected) + 1, breakage, "the appliance is told of, and does not count")
        before, served = self.secondary.in_force(), served_chain(self.secondary.engine)
        for more in ([], ["--accept-breakage", "0"], ["--accept-breakage", str(breakage - 1)]):
            done = self.secondary.cli("--json", "cert", "replace", *pki.files(leaf), *more)
            self.assertEqual((1, "would-break"), (done.code, done.json()["error"]["code"]), done)
            named = " ".join(f["subject"] + f["message"] for f in done.json()["report"]["findings"] if f["code"] == "would-break")
            for collector, reason in expected.items():
                self.assertIn(collector[:16], named)
                self.assertIn(reason, named)
            self.assertEqual(breakage, done.json()["rehearsal"]["breakage"])
            self.assertEqual(before, self.secondary.in_force())
            self.assertEqual(served, served_chain(self.secondary.engine))
        self.assertEqual(1, self.secondary.cli("cert", "replace", *pki.files(leaf), "--dry-run").code)
        for collector in [*trusting.values(), *(c for each in breaking.values() for c in each)]:
            self.assertTrue(collector.status()["connected"], collector.log())

        # Forced, and everybody has to connect anew.
        await_condition(self.portal_reaches, "the portal asks the engine, too")
        done = self.secondary.json("cert", "replace", *pki.files(leaf), "--accept-breakage", str(breakage))
        self.assertEqual("done", done["outcome"])
        self.assertEqual(f"{len(trusting)} of {len(trusting)} collectors by a new connection", done["watched"])
        self.assertEqual(pki.sent(leaf), served_chain(self.secondary.engine))
        for collector in silent.values():
            self.launched(collector)
        self.secondary.stop("engine")
        self.secondary.start("engine")
        for what, collector in [*trusting.items(), ("silent", silent["would-trust"]), ("new", waiting)]:
            collector.await_connected()
        words = {"untrusted-root": "does not end in a trusted certificate", "expired": "has expired", "not-yet-valid": "is not valid yet", "name-mismatch": "its certificate is for"}
        for reason, collectors in {**breaking, "untrusted-root": breaking["untrusted-root"] + [silent["would-break"]]}.items():
            for collector in collectors:
                await_condition(lambda c=collector: words[reason] in c.status().get("problem", ""), f"refused for {reason}:\n" + collector.log())
                self.assertFalse(collector.status()["connected"])
        await_condition(lambda: not self.portal_reaches(), "the portal does not trust it either")

    def portal_reaches(self):
        return b'"reachable":true' in self.engines()

    def portal_knows(self):
        return b'"name":"secondary.test"' in self.engines()

    def engines(self):
        password = self.primary.password()
        return subprocess.run(["curl", "-sS", "--cacert", self.primary.root(), "-u", f"administrator:{password}",
                              f"https://localhost:{self.primary.portal}/api/v1/engines"], capture_output=True, timeout=30).stdout

    def test_a_change_that_collectors_do_not_survive_goes_back_by_itself(self):
        self.primary, self.secondary = self.federation()
        pki = self.pki(intermediates=1)
        leaf = pki.leaf(["secondary.test", "localhost"])
        old = self.file("old.pem", self.primary.root())
        both = self.file("both.pem", self.primary.root(), pki.root)
        lost, kept = self.one("lost", old), self.one("kept", both)
        before, served = self.secondary.in_force(), served_chain(self.secondary.engine)

        # Nobody was asked before; afterwards half of them cannot connect.
        done = self.secondary.cli("--json", "cert", "replace", *pki.files(leaf), "--no-rehearsal", "--watch", "5s")
        self.assertEqual((1, "collectors-lost"), (done.code, done.json()["error"]["code"]), done)
        self.assertIn("1 of 2 collectors", done.json()["error"]["subject"])
        self.assertIn("untrusted-root", done.json()["error"]["message"])
        self.assertEqual((before, served), (self.secondary.in_force(), served_chain(self.secondary.engine)))
        self.assertFalse(os.path.exists(os.path.join(self.secondary.state, "change.json")))
        for collector in (lost, kept):
            self.assertTrue(collector.status()["connected"], collector.log())

        # A share that is allowed, by the settings file.
        with open(os.path.join(self.secondary.state, "settings", "manager.toml"), "w") as file:
            file.write("watch-share = 50\nwatch = 5\n")
        done = self.secondary.json("cert", "replace", *pki.files(leaf), "--no-rehearsal", "--watch", "5s")
        self.assertEqual("1 of 2 collectors by a new connection", done["watched"])
        self.assertEqual(pki.sent(leaf), served_chain(self.secondary.engine))
        self.assertEqual("done", self.secondary.json("cert", "reset", "engine")["outcome"])

        # Whoever answers nothing is lost, too, and with nobody asked there is nothing to wait for.
        done = self.secondary.json("cert", "replace", *pki.files(leaf), "--no-rehearsal")
        self.assertNotIn("watched", done)
        self.assertEqual("done", self.secondary.json("cert", "reset", "engine")["outcome"])

    def test_trust_that_goes_and_policy_that_asks_more(self):
        self.primary, self.secondary = self.federation()
        collector = self.one("a-collector", self.file("old.pem", self.primary.root()))
        await_condition(self.portal_reaches, "portal and engine speak to each other")
        root = file_fingerprints(self.primary.root())[0]

        # The engine would not reach the portal, nor the portal the engine.
        for appliance, store, name in ((self.secondary, "engine", "secondary.test"), (self.primary, "portal", "primary.test")):
            report = self.rehearse(appliance, "--remove-trust", root, "--store", store)
            self.assertEqual([(name, "appliance", "untrusted-root")], [(e["who"], e["kind"], e["reason"]) for e in report["would_break"]], report)
            planned = appliance.json("trust", "remove", root, "--store", store, "--dry-run")
            self.assertEqual([("appliance " + name, "warning")], [(f["subject"], f["severity"]) for f in planned["report"]["findings"] if f["code"] == "would-break"])
        # Nobody is to trust it: the collector, too, and it is asked through the portal.
        report = self.rehearse(self.primary, "--remove-trust", root)
        self.assertIn((collector.id, "untrusted-root"), [(e["who"], e["reason"]) for e in report["would_break"]], report)
        self.assertLessEqual({"secondary.test", "primary.test"}, {e["who"] for e in report["would_break"]})
        # What nobody depends on breaks nobody.
        pki = self.pki(intermediates=1)
        self.assertEqual(0, self.secondary.cli("trust", "append", pki.root).code)
        stranger = file_fingerprints(pki.root)[0]
        self.assertEqual([], self.rehearse(self.secondary, "--remove-trust", stranger, "--store", "engine")["would_break"])
        self.assertEqual("done", self.secondary.json("trust", "remove", stranger)["outcome"])

        demanding = ["client-certificates=require", "trusted=trust/federation/roots.pem"]
        before = self.secondary.in_force()
        report = self.rehearse(self.secondary, "--profile", "default", *(word for each in demanding for word in ("--set", each)))
        self.assertEqual([(collector.id, "client-certificate-needed")], [(e["who"], e["reason"]) for e in report["would_break"]], report)
        done = self.secondary.cli("--json", "profile", "set", "default", *demanding)
        self.assertEqual((1, "would-break"), (done.code, done.json()["error"]["code"]), done)
        self.assertEqual(before, self.secondary.in_force())
        self.assertTrue(collector.status()["connected"])
        self.assertEqual([], self.rehearse(self.secondary, "--profile", "default", "--set", "minimum-protocol=TLSv1.3")["would_break"])
        self.assertEqual("done", self.secondary.json("profile", "set", "default", "minimum-protocol=TLSv1.3")["outcome"])

    def test_the_portals_certificate_is_judged_by_engines_and_those_who_ask_it(self):
        self.primary, self.secondary = self.federation()
        old = self.file("old.pem", self.primary.root())
        await_condition(self.portal_reaches, "the portal can assign an engine")
        # It is assigned to the engine by the portal; the other one uses none.
        asking = self.collector(self.secondary, self.primary, name="asking", settings=[
            f'collector.portal = "localhost:{self.primary.portal}"', f'collector.root-ca = "{old}"', "collector.report-interval = 1"])
        asking.await_connected()
        self.one("direct", old)
        pki = self.pki(intermediates=1)
        given = lambda leaf: ["--certificate", pki.path(leaf + ".crt"), "--intermediate", pki.intermediates, "--also-trust", pki.root]
        leaf = pki.leaf(["primary.test", "localhost"])
        report = self.rehearse(self.primary, *given(leaf))
        self.assertEqual({("secondary.test", "appliance", "untrusted-root"), (asking.status()["id"], "collector", "untrusted-root")},
                         {(e["who"], e["kind"], e["reason"]) for e in report["would_break"]}, report)
        before = self.primary.in_force()
        done = self.primary.cli("--json", "cert", "replace", *pki.files(leaf))
        self.assertEqual((1, "would-break"), (done.code, done.json()["error"]["code"]), done)
        self.assertEqual({"error", "warning"}, {f["severity"] for f in done.json()["report"]["findings"] if f["code"] == "would-break"})
        self.assertEqual(before, self.primary.in_force())

        # The engine learns to trust it, the collector's file as well: nobody would break, and nobody does.
        self.assertEqual(0, self.secondary.cli("trust", "append", pki.root).code)
        self.file("old.pem", self.primary.root(), pki.root)
        report = self.rehearse(self.primary, *given(leaf))
        self.assertEqual(([], 2), (report["would_break"], report["would_trust"]), report)
        self.assertEqual("done", self.primary.json("cert", "replace", *pki.files(leaf))["outcome"])
        accepted = self.secondary.log("engine").count("heartbeat to the portal failed")
        self.stopped(asking)
        self.launched(asking).await_connected()
        self.assertEqual(accepted, self.secondary.log("engine").count("heartbeat to the portal failed"))

    def test_with_nobody_concerned_it_says_so(self):
        single = self.appliance("single", name="single.test")
        pki = self.pki(intermediates=1)
        leaf = pki.leaf(["single.test", "localhost"])
        report = self.rehearse(single, "--certificate", pki.path(leaf + ".crt"), "--intermediate", pki.intermediates)
        self.assertEqual((0, 0, [], []), tuple(report[k] for k in ("asked", "would_trust", "would_break", "silent")))
        self.assertIn("nobody is concerned", single.cli("rehearse", "--certificate", pki.path(leaf + ".crt")).out)
        for wrong in ([], ["--certificate", pki.path(leaf + ".crt"), "--remove-trust", "ab" * 32], ["--certificate", pki.path(leaf + ".key")],
                      ["--profile", "nosuch", "--set", "minimum-protocol=TLSv1.3"], ["--remove-trust", "xyz"]):
            self.assertEqual(1, single.cli("rehearse", *wrong).code, wrong)
        self.assertEqual(2, single.cli("cert", "replace", *pki.files(leaf), "--no-rehearsal", "--accept-breakage", "3").code)
        self.assertEqual(2, single.cli("cert", "replace", *pki.files(leaf), "--watch-share", "101%").code)


if __name__ == "__main__":
    unittest.main()
