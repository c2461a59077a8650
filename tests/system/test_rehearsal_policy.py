"""C4, the rest of it: a profile's protocol, suites and groups, another profile, identity or port for an endpoint, a backup set or
an earlier generation put in force again. Who would be locked out is known before; forced, it is what happens."""
import os
import subprocess
import unittest

import test_console_pages
from harness import BIN, SystemTest, await_condition, free_port_base, served_chain


class RehearsedPolicy(SystemTest):
    def setUp(self):
        super().setUp()
        self.primary, self.secondary = self.federation()
        # A host whose OpenSSL speaks nothing newer.
        self.older_only = os.path.join(self.folder, "openssl.cnf")
        with open(self.older_only, "w") as file:
            file.write("openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = tls\n[tls]\nMaxProtocol = TLSv1.2\n")
        self.both = os.path.join(self.folder, "both.pem")
        self.custom = self.pki(intermediates=1)
        with open(self.both, "w") as out:
            for path in (self.primary.root(), self.custom.root):
                with open(path) as file:
                    out.write(file.read().rstrip("\n") + "\n")

    def launched(self, collector):
        with open(collector.log_path, "ab") as out:
            collector.process = subprocess.Popen([os.path.join(BIN, "chancery-collector"), "--state", collector.state],
                                                 stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={**os.environ, **collector.env})
        self.processes.append(collector.process)

    def stopped(self, collector):
        collector.process.terminate()
        collector.process.wait(10)

    def one(self, name, trust=None, servers=None, **env):
        servers = servers or [f"localhost:{self.secondary.engine}"]
        listed = ", ".join(f'"{each}"' for each in servers)
        collector = self.collector(self.secondary, self.primary, name=name, settings=[
            f"collector.servers = [{listed}]", f'collector.root-ca = "{trust or self.both}"', "collector.report-interval = 1"])
        collector.env = env
        if env:
            self.stopped(collector)
            self.launched(collector)
        collector.await_connected()
        collector.id = collector.status()["id"]
        await_condition(lambda: self.facts_of(collector), "the engine has heard from it")
        return collector

    def facts_of(self, collector):
        """Whether the engine's rehearsals know it: what it has told was taken."""
        report = self.secondary.control("engine", {"verb": "rehearse", "question": {
            "about": "engine", "identities": ["engine"], "endpoints": [], "chain": [], "present": [], "roots": [], "without": [], "protocol": "",
            "client_certificate": False, "live": False, "deadline_ms": 3000, "closes": True}})["report"]
        known = {e["who"]: e.get("detail", "") for e in report["would_break"] + report["silent"]}
        return collector.id in known and "is not known" not in known[collector.id]

    def broken(self, report, kind="collector"):
        return {e["who"]: e["reason"] for e in report["would_break"] if e["kind"] == kind}

    def refused(self, expected, *command):
        """It stops, plainly and as a dry run, for these collectors and reasons; nothing has changed."""
        before, served = self.secondary.in_force(), served_chain(self.secondary.engine)
        none = []
        if command[0] != "profile":
            # What goes back, or closes what is named, is told of it and goes on, unless it is said how many are too many.
            planned = self.secondary.json(*command, "--dry-run")
            self.assertEqual(("planned", expected), (planned["outcome"], self.broken(planned["rehearsal"])))
            none = ["--accept-breakage", "0"]
        done = self.secondary.cli("--json", *command, *none)
        self.assertEqual((1, "would-break"), (done.code, done.json()["error"]["code"]), done)
        self.assertEqual(expected, self.broken(done.json()["rehearsal"]), done)
        self.assertEqual(len(expected), done.json()["rehearsal"]["breakage"])
        named = " ".join(f["subject"] + f["message"] for f in done.json()["report"]["findings"] if f["code"] == "would-break" and f["severity"] == "error")
        for id, reason in expected.items():
            self.assertIn(id[:16], named)
            self.assertIn(reason, named)
        self.assertEqual(1, self.secondary.cli(*command, *none, "--dry-run").code)
        self.assertEqual(1, self.secondary.cli(*command, "--accept-breakage", str(len(expected) - 1)).code)
        planned = self.secondary.json(*command, "--dry-run", "--accept-breakage", str(len(expected)))
        self.assertEqual(("planned", expected), (planned["outcome"], self.broken(planned["rehearsal"])))
        self.assertEqual((before, served), (self.secondary.in_force(), served_chain(self.secondary.engine)))
        return done.json()["rehearsal"]

    def forced(self, expected, *command, options=None):
        done = self.secondary.json(*command, *(options or ["--accept-breakage", str(len(expected))]))
        self.assertEqual("done", done["outcome"], done)
        return done

    def connect_anew(self, stay, go):
        """Everybody has to; `go` are those who cannot."""
        for collector in stay + go:
            self.stopped(collector)
        for collector in stay + go:
            self.launched(collector)
        for collector in stay:
            collector.await_connected()
        for collector in go:
            await_condition(lambda c=collector: c.status().get("problem"), "it is refused:\n" + collector.log())
            self.assertFalse(collector.status()["connected"], collector.log())

    def set(self, *arguments):
        return ["profile", "set", "default", *arguments]

    def test_protocol_suites_and_groups_of_a_profile(self):
        newer, older = self.one("newer"), self.one("older", OPENSSL_CONF=self.older_only)
        cases = [
            (["minimum-protocol=TLSv1.3"], {older.id: "protocol-version"}),
            (["ciphers=ECDHE-ECDSA-AES128-CCM"], {older.id: "no-common-cipher"}),
            # Its certificate has an ECDSA key, so that this suite serves nobody.
            (["ciphers=ECDHE-RSA-AES128-GCM-SHA256"], {older.id: "no-common-cipher"}),
            (["ciphers=TLS_AES_128_CCM_SHA256"], {newer.id: "no-common-cipher"}),
            (["groups=P-521"], {newer.id: "no-common-group", older.id: "no-common-group"}),
        ]
        for settings, expected in cases:
            done = self.secondary.cli("--json", "rehearse", "--profile", "default", *(word for each in settings for word in ("--set", each)))
            self.assertEqual((1, expected), (done.code, self.broken(done.json())), (settings, done))
            self.refused(expected, *self.set(*settings))
        report = self.secondary.cli("--json", "rehearse", "--profile", "default", "--set", "groups=P-521").json()
        self.assertEqual({"primary.test": "no-common-group"}, self.broken(report, "appliance"), "the portal is a client of it, too")
        for settings in ("groups=P-384", "ciphers=ECDHE-ECDSA-AES256-GCM-SHA384"):
            report = self.secondary.json("rehearse", "--profile", "default", "--set", settings)
            self.assertEqual(([], []), (report["would_break"], report["silent"]), settings)
            self.assertGreaterEqual(report["would_trust"], 2)
        self.assertTrue(newer.status()["connected"] and older.status()["connected"])

        # Who is away is judged by what it offered last.
        self.stopped(older)
        report = await_condition(lambda: (lambda r: r if r["silent"] else None)(
            self.secondary.cli("--json", "rehearse", "--profile", "default", "--set", "minimum-protocol=TLSv1.3").json()), "it is gone")
        self.assertEqual([(older.id, "would-break", "protocol-version")], [(e["who"], e["predicted"], e["reason"]) for e in report["silent"]], report)
        self.launched(older)
        older.await_connected()

        # The others of these our own probe after the swap would refuse as well.
        for settings, expected in cases[:2]:
            done = self.forced(expected, *self.set(*settings))
            self.assertEqual("1 of 1 collectors by a new connection", done["watched"])
            go = [c for c in (newer, older) if c.id in expected]
            self.connect_anew([c for c in (newer, older) if c.id not in expected], go)
            # The way back breaks nobody; who is out already does not count against it.
            self.assertEqual("done", self.secondary.json("backup", "restore", done["backup_set"])["outcome"])
            for collector in go:
                collector.await_connected()

    def test_the_consoles_page_says_who_and_asks_whether_to_go_on(self):
        older = self.one("older", OPENSSL_CONF=self.older_only)
        test_console_pages.ConsolePages.walk(self, "breakage", [self.primary.root()], secondary=f"https://localhost:{self.secondary.console}",
                                             password=self.secondary.password(), host=os.uname().nodename)
        self.assertEqual("TLSv1.3", self.secondary.json("profile", "show", "default")["minimum-protocol"])
        self.connect_anew([], [older])

    def test_another_profile_identity_or_port_of_an_endpoint(self):
        second = f"localhost:{self.secondary.engine}", f"localhost:{self.secondary.base + 3}"
        newer, older, two = self.one("newer"), self.one("older", OPENSSL_CONF=self.older_only), self.one("two", servers=second)
        pinned = self.one("pinned", trust=self.primary.root())
        self.assertEqual("done", self.secondary.json("profile", "set", "strict", "minimum-protocol=TLSv1.3")["outcome"])
        self.refused({older.id: "protocol-version"}, "endpoint", "set", "engine", "profile=strict")
        # Another endpoint with that profile concerns nobody who is here.
        self.assertEqual("done", self.secondary.json("endpoint", "set", "engine-api", "profile=strict")["outcome"])

        leaf = self.custom.leaf(["secondary.test", "localhost"])
        self.assertEqual("done", self.secondary.json("cert", "replace", *self.custom.files(leaf), "--identity", "engine-collector")["outcome"])
        self.refused({pinned.id: "untrusted-root"}, "endpoint", "set", "engine", "identity=engine-collector")
        # Both at once; each is counted once.
        self.refused({pinned.id: "untrusted-root", older.id: "protocol-version"}, "endpoint", "set", "engine", "identity=engine-collector", "profile=strict")
        self.assertEqual("done", self.secondary.json("endpoint", "set", "engine", "identity=engine-collector", "profile=strict", "--accept-breakage", "2")["outcome"])
        self.assertEqual(self.custom.sent(leaf), served_chain(self.secondary.engine))
        self.connect_anew([newer, two], [pinned, older])
        self.assertEqual("done", self.secondary.json("endpoint", "set", "engine", "identity=engine", "profile=default")["outcome"])
        for collector in (pinned, older):
            collector.await_connected()

        # Nobody would listen there any more. Who knows another server goes there.
        alone = {c.id: "endpoint-closed" for c in (newer, older, pinned)}
        port = free_port_base(1)
        for settings in (["enabled=false"], [f"port={port}"]):
            report = self.refused(alone, "endpoint", "set", "engine", *settings)
            self.assertEqual([(two.id, "would-trust")], [(e["who"], e["predicted"]) for e in report["silent"]], report)
        self.forced(alone, "endpoint", "set", "engine", f"port={port}")
        self.connect_anew([two], [newer, older, pinned])
        self.assertIn(str(self.secondary.base + 3), two.log().splitlines()[-1] + two.log())

    def test_a_set_or_generation_of_former_days(self):
        newer, pinned = self.one("newer"), self.one("pinned", trust=self.primary.root())
        strict = self.secondary.json(*self.set("minimum-protocol=TLSv1.3"))["generation"]
        relaxed = self.secondary.json(*self.set("minimum-protocol=TLSv1.2"))
        older = self.one("older", OPENSSL_CONF=self.older_only)
        expected = {older.id: "protocol-version"}
        self.refused(expected, "generation", "rollback", str(strict))
        self.refused(expected, "backup", "restore", relaxed["backup_set"])
        # What nobody depends on goes back without a word.
        self.assertEqual("done", self.secondary.json("profile", "set", "spare", "minimum-protocol=TLSv1.3")["outcome"])
        spare = self.secondary.json("profile", "set", "spare", "minimum-protocol=TLSv1.2")["backup_set"]
        self.assertEqual("done", self.secondary.json("backup", "restore", spare)["outcome"])

        # A certificate that is in force no more, under a root that some have dropped since.
        only_custom = os.path.join(self.folder, "custom.pem")
        leaf = self.custom.leaf(["secondary.test", "localhost"])
        self.stopped(pinned)
        done = self.secondary.json("cert", "replace", *self.custom.files(leaf), "--accept-breakage", "1")
        with open(self.custom.root) as root, open(only_custom, "w") as out:
            out.write(root.read())
        latest = self.one("latest", trust=only_custom)
        report = self.refused({latest.id: "untrusted-root"}, "backup", "restore", done["backup_set"])
        self.assertEqual([(pinned.id, "would-trust")], [(e["who"], e["predicted"]) for e in report["silent"]], "the way back lets it in again")
        both = {latest.id: "untrusted-root", older.id: "protocol-version"}
        self.refused(both, "generation", "rollback", str(strict))
        self.forced(both, "generation", "rollback", str(strict))
        self.connect_anew([newer], [latest, older])
        self.launched(pinned)
        pinned.await_connected()

        # Asked of nobody where that is wanted, and then nobody is in the way.
        self.assertEqual("done", self.secondary.json("generation", "rollback", str(done["generation"]), "--no-rehearsal")["outcome"])
        for collector in (latest, older):
            collector.await_connected()

    def test_what_was_edited_by_hand_is_judged_before_it_is_adopted(self):
        """Programs serve on what was made, and that, not the files as they are, is what everybody has now."""
        newer, older = self.one("newer"), self.one("older", OPENSSL_CONF=self.older_only)
        pinned = self.one("pinned", trust=self.primary.root())
        current = os.path.join(self.secondary.state, "current")
        profile = os.path.join(current, "profiles", "default.toml")
        with open(profile) as file:
            made = file.read()
        edited = made.replace("TLSv1.2", "TLSv1.3")
        self.assertNotEqual(made, edited, made)

        def write(path, text):
            with open(path, "w") as file:
                file.write(text)

        write(profile, edited)
        self.refused({older.id: "protocol-version"}, "generation", "adopt")
        leaf = self.custom.leaf(["secondary.test", "localhost"])
        given = self.custom.files(leaf)
        for option, name in (("--certificate", "certificate.pem"), ("--key", "key.pem"), ("--intermediate", "intermediate.crt")):
            with open(given[given.index(option) + 1]) as file:
                write(os.path.join(current, "identities", "engine", name), file.read())
        both = {older.id: "protocol-version", pinned.id: "untrusted-root"}
        self.refused(both, "generation", "adopt")
        with open(profile) as file:
            self.assertEqual(edited, file.read(), "the edits wait")
        self.assertNotIn("rehearsal", self.secondary.json("generation", "adopt", "--no-rehearsal", "--dry-run"))
        done = self.forced(both, "generation", "adopt")
        self.assertEqual(both, self.broken(done["rehearsal"]))
        self.assertEqual(self.custom.sent(leaf), served_chain(self.secondary.engine))
        self.connect_anew([newer], [older, pinned])

    def test_a_portals_endpoint_that_closes_concerns_those_who_came_by_it(self):
        """Engines cannot know by which port their collectors asked; the portal has seen them come, and keeps it."""
        def asking(name, port, *more):
            listed = ", ".join(f'"{each}"' for each in more)
            collector = self.collector(self.secondary, self.primary, name=name, settings=[
                f'collector.portal = "localhost:{port}"', *([f"collector.servers = [{listed}]"] if more else []),
                f'collector.root-ca = "{self.primary.root()}"', "collector.report-interval = 1"])
            collector.env = {}
            collector.await_connected(to="secondary.test")
            collector.id = collector.status()["id"]
            return collector

        first, other = asking("first", self.primary.portal), asking("other", self.primary.collectors)
        settings = ["endpoint", "set", "portal-collector", "enabled=false"]
        expected = {other.id: ("would-break", "endpoint-closed"), first.id: ("would-trust", "")}

        def told(code=None, *more):
            done = self.primary.cli("--json", *settings, *more)
            report = done.json()["rehearsal"]
            said = {e["who"]: (e["predicted"], e["reason"]) for e in report["silent"] if e["kind"] == "collector"}
            self.assertIn(code, (None, done.code), done)
            return said if said == expected else None

        await_condition(lambda: told(None, "--dry-run"), "both are known")
        before = self.primary.in_force()
        self.assertTrue(told(1, "--accept-breakage", "0"))
        self.assertEqual(before, self.primary.in_force())
        # What it has seen it still knows after a start.
        self.primary.stop("portal")
        self.primary.start_one("portal")
        await_condition(lambda: told(None, "--dry-run"), "both are known again")
        self.assertTrue(told(0, "--accept-breakage", "1"))
        self.assertNotEqual(before, self.primary.in_force())
        for collector in (first, other):
            self.stopped(collector)
            self.launched(collector)
        first.await_connected(to="secondary.test")
        await_condition(lambda: other.status().get("problem"), "it finds nobody:\n" + other.log())

    def test_the_portals_policy_is_tried_with_those_who_ask_it_and_each_counts_once(self):
        """It has two endpoints, of two chains: about both the same engine is asked, and the same collector is meant."""
        older = self.collector(self.secondary, self.primary, name="older", settings=[
            f'collector.portal = "localhost:{self.primary.portal}"', f'collector.root-ca = "{self.both}"', "collector.report-interval = 1"])
        self.stopped(older)
        older.env = {"OPENSSL_CONF": self.older_only}
        self.launched(older)
        older.await_connected(to="secondary.test")
        command = ["--json", "profile", "set", "default", "minimum-protocol=TLSv1.3"]
        before = self.primary.in_force()

        def told():
            done = self.primary.cli(*command, "--dry-run")
            return done.json() if done.code == 1 else None

        rehearsal = await_condition(told, "the engine has heard from it")["rehearsal"]
        self.assertEqual([(older.status()["id"], "protocol-version")], [(e["who"], e["reason"]) for e in rehearsal["would_break"]], rehearsal)
        self.assertEqual((1, before), (rehearsal["breakage"], self.primary.in_force()))
        self.assertEqual("done", self.primary.json(*command[1:], "--accept-breakage", "1")["outcome"])
        self.connect_anew([], [older])


if __name__ == "__main__":
    unittest.main()
