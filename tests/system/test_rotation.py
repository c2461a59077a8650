"""C8: one root of a federation follows another. Nobody's handshake fails, the former root is retired only when everybody has
proven the new one, then nobody takes anything under it any more, and whoever is killed in between comes to the same end."""
import http.client
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import time
import unittest

import harness
from harness import SystemTest, await_condition, file_fingerprints, run, served_chain
from test_removal import MemberLink
from test_under_load import Handshaker, LongLived, finish

os.environ.setdefault("CHANCERY_BIN", harness.BIN)
os.environ.setdefault("CHANCERY_TOOLS", harness.TOOLS)
from every_point import calls_of, points_of  # noqa: E402  wants both of them


class Anything:
    def __contains__(self, _):
        return True


def text_of(path):
    with open(path) as file:
        return file.read()


class Rotation(SystemTest):
    def rotate(self, appliance, *arguments):
        return appliance.cli("--json", "federation", "rotate", *arguments)

    def done(self, appliance, *arguments):
        done = self.rotate(appliance, *arguments)
        self.assertEqual(0, done.code, done)
        return done.json()

    def phase(self, appliance):
        return self.done(appliance, "status")

    def blockers(self, primary):
        return {b["who"]: b for b in self.done(primary, "status", "--show-blockers")["blockers"]}

    def roots(self, appliance):
        return file_fingerprints(appliance.root())

    def await_roots(self, appliances, wanted):
        for appliance in appliances:
            await_condition(lambda: self.roots(appliance) == wanted, f"{appliance.name} has these roots:\n" + appliance.log("manager"))

    def verifies(self, appliance, identity, root, untrusted=True):
        """By OpenSSL's own eyes, with that root alone; without `untrusted` no certificate between leaf's issuer and root."""
        folder = appliance.file(f"identities/{identity}")
        chain = text_of(folder + "/intermediate.crt").split("-----END CERTIFICATE-----\n")
        above = os.path.join(self.folder, "above.pem")
        with open(above, "w") as file:
            parts = [part + "-----END CERTIFICATE-----\n" for part in chain if part.strip()]
            file.write("".join(parts if untrusted else parts[:1]))
        anchor = os.path.join(self.folder, "anchor.pem")
        with open(anchor, "w") as file:
            file.write(root)
        return run("openssl", "verify", "-x509_strict", "-CAfile", anchor, "-untrusted", above,
                   folder + "/certificate.pem").returncode == 0

    def is_refused(self, link, port):
        try:
            return link.status(port) == 403
        except (ssl.SSLError, ConnectionError, http.client.HTTPException):
            return True

    def pems(self, path):
        return [part + "-----END CERTIFICATE-----\n" for part in text_of(path).split("-----END CERTIFICATE-----\n") if part.strip()]


class Steps(Rotation):
    def test_a_whole_rotation_step_by_step(self):
        primary, secondary = self.federation()
        former = text_of(primary.root())
        joined = int(os.path.basename(secondary.generation()))
        [old] = self.roots(primary)
        witness_folder = os.path.join(self.folder, "witness")
        shutil.copytree(secondary.file("identities/member"), witness_folder)
        witness = MemberLink(witness_folder, primary.root())
        ports = (primary.portal, secondary.engine, secondary.engine_api)
        self.assertEqual([200] * 3, [witness.status(port) for port in ports])
        leaf = file_fingerprints(secondary.file("identities/engine/certificate.pem"))[0]
        pki = self.pki()
        custom = pki.leaf(["secondary.test", "localhost"])
        self.assertEqual(0, secondary.cli("cert", "replace", *pki.files(custom), "--identity", "console").code)
        [set_before] = [s["id"] for s in secondary.json("backup", "list")["sets"] if s["reason"].startswith("replace")]

        # Out of order, and dry: nothing moves.
        before = primary.in_force()
        for step in ("activate",):
            done = self.rotate(primary, step)
            self.assertEqual((1, "rotation-order"), (done.code, done.json()["error"]["code"]), done)
        self.assertEqual("planned", self.done(primary, "prepare", "--dry-run")["outcome"])
        self.assertEqual("unchanged", self.done(primary, "retire")["outcome"])
        self.assertEqual(before, primary.in_force())
        done = self.rotate(secondary, "prepare")
        self.assertEqual((1, "not-a-primary"), (done.code, done.json()["error"]["code"]), done)

        prepared = self.done(primary, "prepare")
        self.assertEqual(("done", "prepared"), (prepared["outcome"], prepared["rotation"]["phase"]))
        new = prepared["rotation"]["coming_root"]["sha256"]
        self.await_roots((primary, secondary), [old, new])
        for appliance in (primary, secondary):
            self.assertEqual(prepared["rotation"]["cross"]["sha256"], file_fingerprints(appliance.file("trust/federation/cross.pem"))[0])
            self.assertIn(new, file_fingerprints(appliance.file("trust/engine/ca-bundle.crt")))
            listed = {c["sha256"] for c in appliance.json("trust", "list", "--store", "portal")["certificates"]}
            self.assertLessEqual({old, new}, listed)
        self.assertEqual(leaf, served_chain(secondary.engine)[0])
        done = self.rotate(primary, "retire")
        self.assertEqual((1, "rotation-order"), (done.code, done.json()["error"]["code"]), done)

        # Activated while the secondary's manager is away: it blocks.
        secondary.stop("manager")
        activated = self.done(primary, "activate")
        self.assertEqual("activated", activated["rotation"]["phase"])
        newer = self.pems(primary.root())[-1]
        for identity in ("portal", "console", "portal-collector", "member", "authority-tls"):
            self.assertTrue(self.verifies(primary, identity, former), identity)
            self.assertTrue(self.verifies(primary, identity, newer, untrusted=False), identity)
            self.assertFalse(self.verifies(primary, identity, former, untrusted=False), identity)
        self.assertEqual(3, len(served_chain(primary.portal)))
        before = primary.in_force()
        done = self.rotate(primary, "retire")
        self.assertEqual((1, "rotation-blocked"), (done.code, done.json()["error"]["code"]), done)
        self.assertIn("secondary.test", [b["who"] for b in done.json()["blockers"]], done)
        self.assertEqual(before, primary.in_force())
        # The primary's own programs prove it by themselves.
        await_condition(lambda: "primary.test" not in self.blockers(primary), "the primary has proven it")
        blockers = self.blockers(primary)
        self.assertEqual({"secondary.test"}, set(blockers))
        self.assertEqual("member", blockers["secondary.test"]["kind"])
        self.assertTrue(blockers["secondary.test"]["why"] and blockers["secondary.test"]["since"])
        done = self.rotate(primary, "retire", "--forget", "nobody.test")
        self.assertEqual((1, "unknown-blocker"), (done.code, done.json()["error"]["code"]), done)
        self.assertEqual(before, primary.in_force())

        # It comes back, follows, and proves.
        secondary.start_one("manager")
        await_condition(lambda: not self.blockers(primary), "everybody has proven:\n" + str(self.blockers(primary)) + secondary.log("manager"))
        for identity in ("engine", "engine-collector", "member"):
            self.assertTrue(self.verifies(secondary, identity, newer, untrusted=False), identity)
        self.assertEqual(pki.sent(custom), served_chain(secondary.console))
        self.assertTrue(self.done(secondary, "status")["renewed"])

        # Made a moment ago with a certificate that still counts.
        links = [witness.connect(port) for port in ports]
        self.assertEqual([200] * 3, [MemberLink.ask(link) for link in links])
        retired = self.done(primary, "retire")
        self.assertEqual(("done", "steady", []), (retired["outcome"], retired["rotation"]["phase"], retired["lost"]))
        deadline = time.monotonic() + 10
        for link in links:
            while MemberLink.ask(link) != 403:
                self.assertLess(time.monotonic(), deadline, "an open connection is still served")
                time.sleep(0.05)
        for port in ports:
            self.assertTrue(self.is_refused(MemberLink(witness_folder, primary.root()), port), port)
        for link in links:
            link.close()
        self.await_roots((primary, secondary), [new])
        for appliance in (primary, secondary):
            self.assertEqual(old, file_fingerprints(appliance.file("trust/federation/retired.pem"))[0])
            self.assertFalse(os.path.exists(appliance.file("trust/federation/cross.pem")))
            self.assertNotIn(old, file_fingerprints(appliance.file("trust/engine/ca-bundle.crt")))
            self.assertNotIn(old, {c["sha256"] for c in appliance.json("trust", "list", "--store", "portal")["certificates"]})
            self.assertNotIn(former.strip(), text_of(appliance.file("trust/appliance/known.pem")))
        self.assertEqual(2, len(served_chain(primary.portal)))
        self.assertEqual(2, len(served_chain(secondary.engine)))
        self.assertEqual(pki.sent(custom), served_chain(secondary.console))
        # Members still reach each other.
        seen = {m["name"]: m for m in primary.json("federation", "list")["members"]}["secondary.test"]["last_seen"]
        await_condition(lambda: {m["name"]: m for m in primary.json("federation", "list")["members"]}["secondary.test"]
                        ["last_seen"] > seen, "heartbeats go on")

        # Threat 48: what was under it never comes back.
        before = secondary.in_force()
        done = secondary.cli("--json", "backup", "restore", set_before)
        self.assertEqual((1, "retired-anchor"), (done.code, done.json()["error"]["code"]), done)
        done = secondary.cli("--json", "generation", "rollback", joined)
        self.assertEqual((1, "retired-anchor"), (done.code, done.json()["error"]["code"]), done)
        self.assertEqual(before, secondary.in_force())
        checks = {c["check"]: c for c in secondary.cli("--json", "doctor").json()["checks"]}
        self.assertEqual("ok", checks["identity engine"]["status"], checks["identity engine"])


class Emergency(Rotation):
    def test_a_stolen_ca_key_counts_nowhere_within_ten_seconds(self):
        primary, secondary = self.federation()
        collector = self.collector(secondary, primary)
        collector.await_connected()
        [old] = self.roots(primary)
        thief = os.path.join(self.folder, "thief")
        shutil.copytree(secondary.file("identities/member"), thief)
        link = MemberLink(thief, primary.root())
        self.assertEqual(200, link.status(primary.portal))

        def lost():
            return [e["who"] for e in self.done(primary, "retire", "--emergency", "--dry-run")["plan"]["lost"]]

        await_condition(lost, "the collector is known to the portal")
        before = primary.in_force()
        self.assertEqual(1, len(lost()))
        done = self.rotate(primary, "retire", "--emergency", "--forget", "secondary.test")
        self.assertEqual((1, "bad-argument"), (done.code, done.json()["error"]["code"]), done)
        self.assertEqual(before, primary.in_force())
        started = time.monotonic()
        done = self.done(primary, "retire", "--emergency")
        self.assertEqual(("done", "steady"), (done["outcome"], done["rotation"]["phase"]))
        self.assertEqual([("collector",)], [(e["kind"],) for e in done["lost"]])
        new = done["rotation"]["root"]["sha256"]
        self.assertNotEqual(old, new)
        self.await_roots((primary, secondary), [new])
        for port in (primary.portal, secondary.engine):
            await_condition(lambda: self.is_refused(link, port), "the thief is refused")
        self.assertLess(time.monotonic() - started, 10)
        for appliance, identity, port in ((primary, "portal", primary.portal), (secondary, "engine", secondary.engine)):
            self.assertTrue(self.verifies(appliance, identity, text_of(primary.root()), untrusted=False))
            self.assertEqual(2, len(served_chain(port)))
        self.assertEqual(["collector"], [e["kind"] for e in self.done(primary, "status")["lost"]])
        self.assertEqual([], [name for name in os.listdir(os.path.join(primary.state, "authority"))
                              if name.startswith(("former-", "next-", "fresh-"))])
        seen = {m["name"]: m for m in primary.json("federation", "list")["members"]}["secondary.test"]["last_seen"]
        await_condition(lambda: {m["name"]: m for m in primary.json("federation", "list")["members"]}["secondary.test"]
                        ["last_seen"] > seen, "heartbeats go on")


class Forgotten(Rotation):
    def test_a_member_that_missed_it_all_is_forgotten_and_comes_back_by_itself(self):
        primary, secondary = self.federation()
        secondary.stop()
        self.done(primary, "prepare")
        self.done(primary, "activate")
        await_condition(lambda: set(self.blockers(primary)) == {"secondary.test"}, "only the one that is away blocks")
        done = self.done(primary, "retire", "--forget", "secondary.test")
        self.assertEqual(["secondary.test"], [e["who"] for e in done["lost"]])
        self.assertEqual(["secondary.test"], [e["who"] for e in self.done(primary, "status")["lost"]])
        # It knows the authority by its key, not by the root.
        secondary.start()
        self.await_roots((secondary,), self.roots(primary))
        self.assertTrue(self.verifies(secondary, "engine", text_of(primary.root()), untrusted=False))
        await_condition(lambda: "heartbeat accepted" in secondary.log("engine").split("generation")[-1] or
                        secondary.log("engine").count("heartbeat accepted") > 1, "it is a member again:\n" + secondary.log("engine"))


class Flow(Rotation):
    COLLECTORS = 50

    def test_no_handshake_fails_with_three_secondaries_and_fifty_collectors(self):
        primary = self.appliance("primary", name="primary.test").start()
        secondaries = [self.appliance("secondary", name=f"secondary{n}.test") for n in range(3)]
        for secondary in secondaries:
            secondary.join_federation_of(primary)
            secondary.start()
        collectors = [self.collector(secondaries[n % 3], primary, name=f"collector{n}") for n in range(self.COLLECTORS)]
        for collector in collectors:
            collector.await_connected()
        [old] = self.roots(primary)
        former = os.path.join(self.folder, "former.pem")
        shutil.copy(primary.root(), former)
        both = os.path.join(self.folder, "both.pem")
        ports = [primary.portal, primary.console] + [s.engine for s in secondaries]
        # Those that never hear of the new root are served to the end, by the cross certificate.
        conservative = [Handshaker(port, former, Anything()) for port in ports]
        workers = [LongLived(port, former) for port in (primary.portal, primary.console)]
        for worker in conservative + workers:
            worker.start()
        try:
            self.done(primary, "prepare")
            self.await_roots(secondaries, self.roots(primary))
            shutil.copy(primary.root(), both)
            modern = [Handshaker(port, both, Anything()) for port in ports]
            workers += modern
            for worker in modern:
                worker.start()
            self.done(primary, "activate")
            await_condition(lambda: not self.blockers(primary), "everybody has proven:\n", 120)
            counts = [w.count for w in conservative]
            await_condition(lambda: all(w.count > c + 3 for w, c in zip(conservative, counts)), "served after the renewal")
            finish(conservative)
            self.assertEqual([], [f for worker in conservative for f in worker.failures])
            self.done(primary, "retire")
            self.await_roots(secondaries, self.roots(primary))
            self.assertNotIn(old, self.roots(primary))
            counts = [w.count for w in modern]
            await_condition(lambda: all(w.count > c + 3 for w, c in zip(modern, counts)), "served after the retirement")
        finally:
            finish(conservative + workers)
        self.assertEqual([], [f for worker in workers for f in worker.failures])
        for collector in collectors:
            self.assertTrue(collector.status().get("connected"), collector.log())
            self.assertNotIn("warning", collector.log())


class Kills(Rotation):
    """Either side is killed at every step; started again, the end is the same."""

    # Of each step here; all with CHANCERY_ALL_POINTS=1 (a quarter of an hour with TMPDIR in memory), of one step alone with
    # its number in CHANCERY_STEP as well: 1 prepare, 2 activate, 3 retire, 4 an emergency; with CHANCERY_FROM from that on.
    POINTS = 3
    STEP = os.environ.get("CHANCERY_STEP")
    FROM = int(os.environ.get("CHANCERY_FROM", 0))

    def test_the_command_is_killed_at_its_file_calls_and_run_again(self):
        primary = self.appliance("primary", name="primary.test")
        pristine, log = self.folder + "/pristine", self.folder + "/trace"
        tried = 0
        for step, phase, number, more in (("prepare", "prepared", 1, []), ("activate", "activated", 2, []),
                                          ("retire", "steady", 3, ["--forget", "primary.test"]), ("retire", "steady", 4, ["--emergency"])):
            if os.path.exists(pristine):
                shutil.rmtree(pristine)
            shutil.copytree(primary.state, pristine, symlinks=True)
            command = [os.path.join(harness.BIN, "chancery"), "--state", primary.state, "federation", "rotate", step, *more]
            calls = calls_of(command, primary.state, log)
            undisturbed = self.end_of(primary, phase, number)
            points = points_of(calls, "kill")
            self.assertGreater(len(points), 30)
            if self.STEP and int(self.STEP) != number:
                continue
            if not os.environ.get("CHANCERY_ALL_POINTS"):
                points = points[::max(1, len(points) // self.POINTS)]
            for call, n in points[self.FROM:]:
                shutil.rmtree(primary.state)
                shutil.copytree(pristine, primary.state, symlinks=True)
                subprocess.run(["strace", "-f", "-qq", "-o", log, "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={n}", *command],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
                where = f"{step} {more} killed at {call} #{n}"
                with self.subTest(where):
                    self.assertIn("killed by SIGKILL", text_of(log))
                    # What is in force is whole, whatever the step came to.
                    self.assertTrue(self.verifies(primary, "portal", text_of(primary.root())), where)
                    if not self.is_done(primary, number):
                        again = run(*command)
                        self.assertEqual(0, again.returncode, (where, again.stderr))
                    self.assertEqual(undisturbed, self.end_of(primary, phase, number), where)
                tried += 1
        self.assertGreaterEqual(tried, (1 if self.STEP else 4) * self.POINTS)
        print(f"killed at {tried} points", file=sys.stderr)

    def is_done(self, primary, number):
        """Whoever asks for an emergency once more is given one."""
        path = primary.file("federation/bulletin.json")
        followed = json.loads(text_of(path))["number"] if os.path.exists(path) else 0
        return followed == number and not os.path.exists(primary.state + "/change.json")

    def end_of(self, primary, phase, number):
        status = self.phase(primary)
        self.assertEqual((phase, number), (status["phase"], status["number"]))
        roots = self.pems(primary.root())
        above = {identity: len(self.pems(primary.file(f"identities/{identity}/intermediate.crt")))
                 for identity in ("portal", "console", "member", "authority-tls")}
        for identity in above:
            newest = roots[-1] if phase != "prepared" else roots[0]
            self.assertTrue(self.verifies(primary, identity, newest, untrusted=False), identity)
        doctor = primary.cli("--json", "doctor").json()
        wrong = sorted(c["check"] for c in doctor["checks"] if c["status"] == "critical")
        retired = primary.file("trust/federation/retired.pem")
        return (len(roots), above, wrong, sorted(n for n in os.listdir(primary.state + "/authority") if n.endswith((".key", ".pem"))),
                len(self.pems(retired)) if os.path.exists(retired) else 0, os.path.exists(primary.file("trust/federation/cross.pem")),
                os.path.exists(primary.state + "/change.json"))

    def test_manager_and_authority_are_killed_in_every_phase(self):
        primary, secondary = self.federation()

        def kill(*who):
            for appliance, program in who:
                appliance.stop(program, how=signal.SIGKILL)

        def start(*who):
            for appliance, program in who:
                appliance.start_one(program)

        everybody = ((primary, "authority"), (primary, "manager"), (secondary, "manager"))
        change = os.path.join(secondary.state, "change.json")
        keys = os.path.join(secondary.state, "secrets/renew")
        for step, moment in (("prepare", change), ("activate", keys), ("retire", change)):
            kill((secondary, "manager"))
            # The primary's manager dies while it is asked; who asked is told, and asks again.
            asking = subprocess.Popen([os.path.join(harness.BIN, "chancery"), "--state", primary.state, "federation", "rotate", step],
                                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.processes.append(asking)
            await_condition(lambda: os.path.exists(os.path.join(primary.state, "change.json")) or asking.poll() is not None, "it is at work")
            kill((primary, "manager"), (primary, "authority"))
            asking.communicate(timeout=30)
            start((primary, "authority"), (primary, "manager"))
            await_condition(lambda: self.rotate(primary, step).code == 0, f"{step} is done")
            # The secondary's dies in the middle of following, or right after it where that is too quick to be seen.
            before = secondary.generation()
            secondary.start_one("manager")
            await_condition(lambda: os.path.exists(moment) or secondary.generation() != before, f"the secondary follows {step}")
            kill(*everybody)
            start(*everybody)
            self.await_roots((secondary,), self.roots(primary))
            if step == "activate":
                await_condition(lambda: not self.blockers(primary), "everybody has proven:\n" + secondary.log("manager"))
                self.assertFalse(os.path.exists(keys))
        self.assertEqual("steady", self.phase(primary)["phase"])
        for appliance, identity in ((primary, "portal"), (secondary, "engine"), (secondary, "member")):
            self.assertTrue(self.verifies(appliance, identity, text_of(primary.root()), untrusted=False), identity)
        self.assertEqual(2, len(served_chain(secondary.engine)))


if __name__ == "__main__":
    unittest.main()
