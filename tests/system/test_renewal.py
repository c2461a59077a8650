"""C11: what the federation's authority issued renews itself; custom certificates stay; nobody's handshake fails, a primary
that is away harms nobody, and whoever is killed in the middle comes back to the same end.

The federations are made in the past (libfaketime), and everything that is tested runs in the present."""
import datetime
import glob
import os
import signal
import subprocess
import unittest

import harness
from harness import Appliance, SystemTest, await_condition, file_fingerprints, must, served_chain
from test_under_load import Handshaker, LongLived, finish

LIBRARY = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")[0]


class Anything:
    def __contains__(self, _):
        return True


class DatedAppliance(Appliance):
    """As Appliance, with a clock of its own: `days` from now."""

    days = 0

    def _dated(self, env):
        if not self.days:
            return env
        return {"LD_PRELOAD": LIBRARY, "FAKETIME": f"{self.days:+d}d", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                "NO_FAKE_STAT": "1", **(env or {})}

    def cli(self, *arguments, stdin=None, env=None):
        return super().cli(*arguments, stdin=stdin, env=self._dated(env))

    def start_one(self, program, env=None):
        super().start_one(program, self._dated(env))


def leaf_of(appliance, folder):
    return file_fingerprints(appliance.file(f"{folder}/certificate.pem"))[0]


def text_of(path):
    with open(path) as file:
        return file.read()


def dates_of(path):
    out = must("openssl", "x509", "-in", path, "-noout", "-startdate", "-enddate")
    return [datetime.datetime.strptime(line.split("=")[1], "%b %d %H:%M:%S %Y %Z") for line in out.splitlines()]


class Renewal(SystemTest):
    def dated_federation(self, days):
        """A primary and a secondary that joined it so long ago, all stopped."""
        DatedAppliance.days = days
        try:
            primary = DatedAppliance(self, "primary", name="primary.test")
            secondary = DatedAppliance(self, "secondary", name="secondary.test")
            primary.start("authority")
            secondary.join_federation_of(primary)
            primary.stop()
        finally:
            DatedAppliance.days = 0
        return primary, secondary

    def assert_renewed(self, appliance, former, identities):
        for identity in identities:
            path = appliance.file(f"defaults/{identity}/certificate.pem")
            self.assertNotEqual(former[identity], file_fingerprints(path)[0], identity)
            begin, end = dates_of(path)
            self.assertLess(abs(datetime.datetime.utcnow() - begin), datetime.timedelta(hours=2), identity)
            self.assertGreater(end - datetime.datetime.utcnow(), datetime.timedelta(days=390), identity)
            must("openssl", "verify", "-x509_strict", "-CAfile", appliance.root(), "-untrusted",
                 appliance.file(f"defaults/{identity}/intermediate.crt"), path)

    def defaults(self, appliance):
        names = sorted(os.listdir(appliance.file("defaults")))
        return {name: leaf_of(appliance, f"defaults/{name}") for name in names}

    def test_everything_renews_itself_and_no_handshake_fails(self):
        primary, secondary = self.dated_federation(-300)
        pki = self.pki()
        custom = pki.leaf(["secondary.test", "localhost"])
        done = secondary.cli("cert", "replace", *pki.files(custom), "--identity", "console")
        self.assertEqual(0, done.code, done)
        former = {appliance: self.defaults(appliance) for appliance in (primary, secondary)}
        pin = must("openssl", "pkey", "-in", primary.file("identities/authority-tls/key.pem"), "-pubout")
        primary.start("authority", "console", "portal")
        secondary.start("console", "engine")
        before = secondary.generation()

        ports = (primary.portal, primary.console, primary.collectors, secondary.engine, secondary.collectors)
        workers = [Handshaker(port, primary.root(), Anything()) for port in ports]
        workers += [LongLived(port, primary.root()) for port in (primary.portal, primary.console)]
        for worker in workers:
            worker.start()
        try:
            await_condition(lambda: all(w.count for w in workers), "everybody has been served before")
            for appliance in (primary, secondary):
                appliance.start_one("manager")
            for appliance in (primary, secondary):
                await_condition(lambda: "renewed [" in appliance.log("manager"), "renewed:\n" + appliance.log("manager"))
            counts = [w.count for w in workers]
            await_condition(lambda: all(w.count > count + 2 for w, count in zip(workers, counts)), "served after")
        finally:
            finish(workers)
        self.assertEqual([], [f for worker in workers for f in worker.failures])

        self.assert_renewed(primary, former[primary], ["console", "portal", "portal-collector", "member", "authority-tls"])
        self.assert_renewed(secondary, former[secondary], ["console", "engine", "engine-collector", "member"])
        self.assertNotEqual(before, secondary.generation())
        # Members know the authority by its key.
        self.assertEqual(pin, must("openssl", "pkey", "-in", primary.file("identities/authority-tls/key.pem"), "-pubout"))
        for port, appliance, identity in ((primary.portal, primary, "portal"), (primary.join, primary, "authority-tls"),
                                          (primary.console, primary, "console"), (secondary.engine, secondary, "engine"),
                                          (secondary.engine_api, secondary, "engine"),
                                          (secondary.collectors, secondary, "engine-collector")):
            self.assertEqual(file_fingerprints(appliance.file(f"identities/{identity}/fullchain.pem")), served_chain(port), identity)
            self.assertEqual(leaf_of(appliance, f"defaults/{identity}"), served_chain(port)[0], identity)
        # The custom certificate stays in force, and the default that reset goes back to is the new one.
        self.assertEqual(pki.sent(custom), served_chain(secondary.console))
        self.assertEqual(0, secondary.cli("cert", "reset", "console").code)
        self.assertEqual(leaf_of(secondary, "defaults/console"), served_chain(secondary.console)[0])
        # New keys, made there, and nothing is left of the exchange.
        self.assertFalse(os.path.exists(os.path.join(secondary.state, "secrets/renew")))
        listed = {m["name"]: m for m in primary.json("federation", "list")["members"]}
        self.assertEqual({leaf_of(secondary, f"defaults/{i}") for i in self.defaults(secondary)},
                         {c["sha256"] for c in listed["secondary.test"]["certificates"]})
        self.assertIn(leaf_of(primary, "identities/member"), {c["sha256"] for c in listed["primary.test"]["certificates"]})
        # The new member certificate is the one heartbeats go with.
        seen = listed["secondary.test"]["last_seen"]
        await_condition(lambda: {m["name"]: m for m in primary.json("federation", "list")["members"]}["secondary.test"]
                        ["last_seen"] > seen, "heartbeats go on")
        checks = {c["check"]: c for c in secondary.cli("--json", "doctor").json()["checks"]}
        self.assertIn("the next one is due at", checks["renewal"]["message"])

    def test_a_primary_that_is_away_harms_nobody_and_is_tried_again(self):
        primary, secondary = self.dated_federation(-377)
        secondary.start("console", "engine")
        before, served = secondary.in_force(), served_chain(secondary.engine)
        secondary.start_one("manager")
        await_condition(lambda: "renewal: failed, and is tried again at" in secondary.log("manager"), "it was tried")
        done = secondary.cli("--json", "federation", "renew")
        self.assertEqual(1, done.code, done)
        self.assertEqual("tcp-refused", done.json()["error"]["code"])
        checks = {c["check"]: c for c in secondary.cli("--json", "doctor").json()["checks"]}
        self.assertEqual("warning", checks["identity engine"]["status"], checks["identity engine"])
        self.assertIn("federation renew", checks["identity engine"]["hint"])
        self.assertEqual(before, secondary.in_force())
        self.assertEqual(served, served_chain(secondary.engine))
        # Back again: by hand at once, whatever the next attempt's time is.
        primary.start("authority")
        done = secondary.cli("federation", "renew", "--dry-run")
        self.assertEqual(0, done.code, done)
        self.assertEqual(before, secondary.in_force())
        done = secondary.cli("--json", "federation", "renew")
        self.assertEqual("done", done.json()["outcome"], done)
        self.assertEqual(leaf_of(secondary, "defaults/engine"), served_chain(secondary.engine)[0])
        self.assertNotEqual(served, served_chain(secondary.engine))

    def test_expired_appliances_come_back_with_their_keys_for_ninety_days(self):
        primary, secondary = self.dated_federation(-420)
        former = {appliance: self.defaults(appliance) for appliance in (primary, secondary)}
        primary.start("authority")  # its own certificate has ended, too: members know its key
        for appliance in (secondary, primary):
            done = appliance.cli("--json", "federation", "renew")
            self.assertEqual("done", done.json().get("outcome"), done)
            self.assert_renewed(appliance, former[appliance], former[appliance])

    def test_expired_for_longer_needs_a_new_token(self):
        primary, secondary = self.dated_federation(-500)
        primary.start("authority")
        before = secondary.in_force()
        done = secondary.cli("--json", "federation", "renew")
        self.assertEqual(1, done.code, done)
        self.assertEqual("renew-too-late", done.json()["error"]["code"])
        self.assertIn("token", done.json()["error"]["hint"])
        self.assertEqual(before, secondary.in_force())

    def test_killed_on_either_side_it_ends_as_if_nothing_had_happened(self):
        primary, secondary = self.dated_federation(-300)
        primary.start("authority")
        secondary.start("engine")
        before, former = secondary.in_force(), self.defaults(secondary)
        kept = os.path.join(secondary.state, "secrets/renew")
        command = [os.path.join(harness.BIN, "chancery"), "--state", secondary.state, "federation", "renew"]

        def renew_with_a_silent_authority():
            primary.processes["authority"].send_signal(signal.SIGSTOP)
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.processes.append(process)
            await_condition(lambda: os.path.isdir(kept) and len([n for n in os.listdir(kept) if n.endswith(".key")]) == 4,
                            "the keys are there")
            return process

        # The member is killed while it waits for the answer.
        process = renew_with_a_silent_authority()
        process.kill()
        process.communicate(timeout=30)
        self.assertEqual(before, secondary.in_force())
        keys = {name: text_of(os.path.join(kept, name)) for name in os.listdir(kept)}
        primary.processes["authority"].send_signal(signal.SIGCONT)
        # The authority is killed while it is asked.
        process = renew_with_a_silent_authority()
        primary.stop("authority", how=signal.SIGKILL)
        out, err = process.communicate(timeout=30)
        self.assertEqual(1, process.returncode, (out, err))
        self.assertEqual(before, secondary.in_force())
        self.assertEqual(file_fingerprints(secondary.file("identities/engine/fullchain.pem")), served_chain(secondary.engine))
        # Started again: the keys that were on disk are those in force.
        primary.start("authority")
        done = secondary.cli("--json", "federation", "renew")
        self.assertEqual("done", done.json().get("outcome"), done)
        self.assert_renewed(secondary, former, former)
        for identity in former:
            self.assertEqual(keys[identity + ".key"], text_of(secondary.file(f"defaults/{identity}/key.pem")), identity)
        self.assertEqual(leaf_of(secondary, "defaults/engine"), served_chain(secondary.engine)[0])
        self.assertFalse(os.path.exists(kept))


if __name__ == "__main__":
    unittest.main()
