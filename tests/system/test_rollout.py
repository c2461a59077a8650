"""C7, P13: `federation rollout` over a real primary and three real secondaries: in waves, all or nothing for each wave, and orders
that nobody but the primary's manager can give."""
import json
import os
import socket
import sqlite3
import ssl
import threading
import time
import unittest
import zipfile

from harness import SystemTest, await_condition, must, served_chain
from rollout_stage import NAMES, replaceable


def everything(appliance):
    """SHA-256 of the whole state but what running programs write by themselves."""
    digest = {}
    for folder, folders, files in os.walk(appliance.state):
        folders[:] = [f for f in folders if f not in ("run", "databases")]
        for name in files:
            path = os.path.join(folder, name)
            if name == "lock" or name.startswith("authority.db-") or os.path.islink(path):
                continue
            with open(path, "rb") as file:
                digest[os.path.relpath(path, appliance.state)] = hash(file.read())
    return digest


class Rollout(SystemTest):
    def setUp(self):
        super().setUp()
        self.primary = self.appliance("primary", name="primary.test").start()
        self.members = {}
        for name in NAMES:
            member = self.appliance("secondary", name=name)
            member.join_federation_of(self.primary)
            self.members[name] = member.start()
        self.ca = self.pki()
        await_condition(lambda: self.known() == set(NAMES), "the portal knows all engines")

    def known(self):
        path = os.path.join(self.primary.state, "databases/portal.db")
        try:
            with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5) as database:
                return {name for (name,) in database.execute("SELECT name FROM engines")}
        except sqlite3.OperationalError:
            return set()

    def plan(self, entries, name="plan.toml"):
        """`entries`: member -> leaf of self.ca."""
        path = os.path.join(self.folder, name)
        with open(path, "w") as file:
            for member, leaf in entries.items():
                file.write(f'[member."{member}"]\ncertificate = "pki/{leaf}.crt"\nkey = "pki/{leaf}.key"\n'
                           f'intermediate = "{self.ca.intermediates}"\nalso-trust = "{self.ca.root}"\n')
        return path

    def leaves(self, names=NAMES):
        return {name: self.ca.leaf((name, "localhost", "127.0.0.1")) for name in names}

    def rollout(self, *arguments):
        return self.primary.cli("--json", "federation", "rollout", *arguments)

    def sent(self, leaf):
        return self.ca.sent(leaf)

    def assert_serves(self, name, leaf):
        for port in (self.members[name].engine, self.members[name].console):
            self.assertEqual(self.sent(leaf), served_chain(port), name)

    def states(self, done):
        return {m["name"]: m["state"] for m in done.json()["members"]}

    def test_three_waves_with_no_failed_handshake(self):
        leaves = self.leaves()
        plan = self.plan(leaves)
        # The joins come into the audit some seconds after they were; nothing else writes there by itself.
        await_condition(lambda: len(self.primary.json("audit", "show", "--verb", "member-joined")["records"]) == len(NAMES), "the joins are in the audit")
        before = {name: everything(member) for name, member in self.members.items()}
        at_home = everything(self.primary)
        done = self.rollout("--plan", plan, "--waves", "1,2,100%", "--dry-run")
        self.assertEqual((0, "planned"), (done.code, done.json()["outcome"]), done)
        self.assertEqual([1, 2, 3], sorted(m["wave"] for m in done.json()["members"]))
        self.assertEqual(before, {name: everything(member) for name, member in self.members.items()}, "a dry run changes nothing there")
        self.assertEqual(at_home, everything(self.primary), "nor here")

        failures, stop = [], threading.Event()
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

        def shake(port):
            while not stop.is_set():
                try:
                    with socket.create_connection(("127.0.0.1", port), 10) as raw, context.wrap_socket(raw, server_hostname="localhost"):
                        pass
                except OSError as error:
                    failures.append((port, error))

        threads = [threading.Thread(target=shake, args=(m.engine,)) for m in self.members.values()]
        for thread in threads:
            thread.start()
        done = self.rollout("--plan", plan, "--waves", "1,2,100%", "--events")
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual((0, "done"), (done.code, done.json()["outcome"]), done)
        self.assertEqual([], failures)
        for name, leaf in leaves.items():
            self.assert_serves(name, leaf)
        self.assertEqual({name: "replaced" for name in NAMES}, self.states(done))
        events = [json.loads(line) for line in done.err.splitlines()]
        self.assertEqual([1, 2, 3], [e["wave"] for e in events if e["event"] == "replaced"])
        self.assertEqual("done", events[-1]["event"])
        # The certificate that may order members about for a day has a record of its own.
        [made] = self.primary.json("audit", "show", "--verb", "rollout-order-certificate")["records"]
        self.assertEqual(("done", done.json()["id"], ["issued"]), (made["outcome"], made["arguments"]["rollout"], [l["identity"] for l in made["leaves"]]))
        # Nothing of what was sent is left on the primary, and each member can go back by itself.
        status = self.rollout("--status").json()["rollouts"]
        self.assertEqual(["done"], [r["state"] for r in status])
        left = os.path.join(self.primary.state, "rollouts", status[0]["id"])
        self.assertEqual(["rollout.json"], os.listdir(left))
        member = self.members["engine1.test"]
        self.assertEqual(0, member.cli("backup", "restore", done.json()["members"][0]["backup_set"]).code)
        # Who did it stands there, too.
        self.assertIn("primary.test (order ", json.dumps(member.json("backup", "list")))
        # The same plan again is a rollout in which nobody has to do anything.
        self.assertEqual(0, member.cli("cert", "replace", *self.ca.files(leaves["engine1.test"])).code)
        done = self.rollout("--plan", plan)
        self.assertEqual({name: "unchanged" for name in NAMES}, self.states(done), done)

    def test_a_wave_that_fails_goes_back_whole_and_earlier_ones_stay(self):
        leaves = self.leaves()
        # The third member's service cannot be reloaded once its certificate changes: no preflight sees that.
        member = self.members["engine3.test"]
        trap = os.path.join(self.folder, "reload")
        with open(trap, "w") as file:
            file.write(f"#!/bin/sh\ntest ! -e {trap}.broken\n")
        os.chmod(trap, 0o755)
        done = member.cli("consumer", "set", "web", "--identity", "engine", "--reload", trap, "--probe", f"127.0.0.1:{member.engine}")
        self.assertEqual(0, done.code, done)
        open(trap + ".broken", "w").close()
        before = {name: replaceable(m) for name, m in self.members.items()}
        chains = {name: served_chain(m.engine) for name, m in self.members.items()}
        done = self.rollout("--plan", self.plan(leaves), "--waves", "1,100%")
        self.assertIn(done.code, (1, 3), done)
        self.assertEqual("replaced", self.states(done)["engine1.test"])
        self.assert_serves("engine1.test", leaves["engine1.test"])
        for name in ("engine2.test", "engine3.test"):
            self.assertEqual(before[name], replaceable(self.members[name]), name)
            self.assertEqual(chains[name], served_chain(self.members[name].engine), name)
        self.assertEqual("undone", self.states(done)["engine2.test"], done)
        self.assertEqual("failed", self.states(done)["engine3.test"], done)
        self.assertIn("engine3.test", done.json()["error"]["message"])

    def test_all_findings_come_before_anything_changes(self):
        leaves = self.leaves()
        leaves["engine2.test"] = self.ca.leaf(("elsewhere.test",))
        plan = self.plan(leaves)
        with open(plan, "a") as file:
            file.write(f'[member."nobody.test"]\ncertificate = "pki/{leaves["engine1.test"]}.crt"\n')
        self.members["engine3.test"].stop("manager")
        before = {name: everything(member) for name, member in self.members.items()}
        at_home = everything(self.primary)
        done = self.rollout("--plan", plan)
        self.assertEqual((1, "refused"), (done.code, done.json()["outcome"]), done)
        verdicts = {m["name"]: m for m in done.json()["members"]}
        self.assertEqual(["refuse"] * 3, [verdicts[n]["verdict"] for n in ("engine2.test", "engine3.test", "nobody.test")])
        # Its portal does not trust this root yet, which the rehearsal tells where the portal has heard from it already.
        self.assertIn(verdicts["engine1.test"]["verdict"], ("accept", "warn"))
        self.assertLessEqual({f["code"] for f in verdicts["engine1.test"]["report"]["findings"] if f["severity"] != "info"}, {"would-break"})
        self.assertIn("name-mismatch", [f["code"] for f in verdicts["engine2.test"]["report"]["findings"]])
        self.assertEqual("not-running", verdicts["engine3.test"]["error"]["code"])
        self.assertEqual("unknown-member", verdicts["nobody.test"]["error"]["code"])
        self.assertEqual(before, {name: everything(member) for name, member in self.members.items()})
        audit = "authority/audit"  # a refusal is recorded
        self.assertEqual({k: v for k, v in at_home.items() if "audit" not in k},
                         {k: v for k, v in everything(self.primary).items() if "audit" not in k}, audit)

    def test_one_certificate_for_all_from_a_zip_and_the_primary_itself(self):
        shared = self.ca.leaf((*NAMES, "primary.test", "localhost", "127.0.0.1"))
        path = os.path.join(self.folder, "delivery.zip")
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("README.txt", "from the CA")
            for source, name in ((shared + ".crt", "wide.pem"), (shared + ".key", "wide.key"), ("intermediates.pem", "chain.pem")):
                file.write(self.ca.path(source), name)
        done = self.rollout("--plan", path, "--also-trust", self.ca.root)
        self.assertEqual((0, "done"), (done.code, done.json()["outcome"]), done)
        for name in NAMES:
            self.assert_serves(name, shared)
        self.assertEqual(self.sent(shared), served_chain(self.primary.portal))
        self.assertEqual("primary.test", done.json()["members"][-1]["name"], "whoever coordinates goes last")


class Forgers(SystemTest):
    """Orders by those who have a key of the federation, and not the right one."""

    def post(self, port, identity, body):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.load_cert_chain(identity + "/fullchain.pem", identity + "/key.pem")
        context.set_alpn_protocols(["chancery-member/1"])
        with socket.create_connection(("127.0.0.1", port), 10) as raw, context.wrap_socket(raw, server_hostname="localhost") as link:
            link.sendall(b"POST /api/v1/order HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/cms\r\nContent-Length: "
                         + str(len(body)).encode() + b"\r\nConnection: close\r\n\r\n" + body)
            reply = b""
            while part := link.recv(65536):
                reply += part
        head, _, rest = reply.partition(b"\r\n\r\n")
        return int(head.split()[1]), rest

    def forged(self, member, signer, verb='{"verb":"cert-replace","arguments":{}}'):
        """An order as the header describes it, made by openssl's own CMS."""
        def sized(text):
            return len(text).to_bytes(2, "big") + text

        with open(member.file("federation/federation.json")) as file:
            facts = json.load(file)
        now = int(time.time())
        content = (b"CHANORD1" + sized(facts["federation"].encode()) + sized(b"engine1.test") + os.urandom(16) + (now * 10**6).to_bytes(8, "big")
                   + now.to_bytes(8, "big") + (now + 600).to_bytes(8, "big") + len(verb).to_bytes(4, "big") + verb.encode() + b"\0\0")
        plain, inner, outer = (os.path.join(self.folder, name) for name in ("plain", "signed", "sealed"))
        with open(plain, "wb") as file:
            file.write(content)
        must("openssl", "cms", "-sign", "-binary", "-nodetach", "-in", plain, "-outform", "DER", "-out", inner, "-signer", signer + "/certificate.pem",
             "-inkey", signer + "/key.pem", "-certfile", signer + "/intermediate.crt", "-md", "sha256")
        must("openssl", "cms", "-encrypt", "-binary", "-aes-256-gcm", "-in", inner, "-outform", "DER", "-out", outer, "-recip",
             member.file("identities/member/certificate.pem"), "-keyopt", "ecdh_kdf_md:sha256")
        with open(outer, "rb") as file:
            return file.read()

    def test_nobody_but_the_primarys_manager_gives_orders(self):
        primary = self.appliance("primary", name="primary.test").start("authority")
        members = {}
        for name in NAMES[:2]:
            members[name] = self.appliance("secondary", name=name)
            members[name].join_federation_of(primary)
        member = members["engine1.test"].start("manager", "engine")
        before = member.in_force()
        own, other, portal = (a.file("identities/member") for a in (member, members["engine2.test"], primary))
        for what, sender, signer, status, code in (
                ("a member of the federation is no primary", other, other, 403, "forbidden"),
                ("its own engine, that has its key", own, own, 403, "forbidden"),
                ("a portal hands on what an engine signed", portal, other, 400, "order-refused"),
                ("the portal itself", portal, portal, 400, "order-refused")):
            with self.subTest(what):
                answered, body = self.post(member.engine, sender, self.forged(member, signer))
                self.assertEqual((status, code), (answered, json.loads(body)["code"]), body)
        # A question it may ask; the answer is for its key, and nothing has changed.
        answered, body = self.post(member.engine, portal, self.forged(member, portal, '{"verb":"cert-replace","arguments":{"dry_run":true}}'))
        self.assertEqual(200, answered, body)
        for verb in ("trust-append", "generation-rollback", "backup-export", "member-order"):
            answered, body = self.post(member.engine, portal, self.forged(member, portal, json.dumps({"verb": verb, "arguments": {}})))
            self.assertEqual((400, "order-refused"), (answered, json.loads(body)["code"]), verb)
        answered, body = self.post(member.engine, portal, os.urandom(4096))
        self.assertEqual((400, "order-malformed"), (answered, json.loads(body)["code"]))
        answered, body = self.post(member.engine, portal, b"0" * (3 * 1024 * 1024))
        self.assertEqual(413, answered)
        self.assertEqual(before, member.in_force())
        self.assertFalse(os.path.exists(os.path.join(member.state, "secrets/orders")), "nothing was entered in the book")


if __name__ == "__main__":
    unittest.main()
