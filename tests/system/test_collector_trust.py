"""An endpoint's trust, whatever happens to it: levels and lists (D2, D3, D6), the last trust that worked (C9), moves from one server to another (T4),
an ordinary user."""
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import unittest

from harness import await_condition, free_port_base, must, run
from endpoint_stage import COLLECTOR, CollectorTest, TlsServer


class NoTls:
    """A server that speaks no TLS: closes what begins like it, and hands the rest on."""

    def __init__(self, port):
        self.upstream = port
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.refused = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                link, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(link,), daemon=True).start()

    def serve(self, link):
        with link:
            if link.recv(1, socket.MSG_PEEK) == b"\x16":
                self.refused += 1
                return
            with socket.create_connection(("127.0.0.1", self.upstream)) as onwards:
                threading.Thread(target=self.copy, args=(onwards, link), daemon=True).start()
                self.copy(link, onwards)

    @staticmethod
    def copy(source, target):
        try:
            while part := source.recv(65536):
                target.sendall(part)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass


class Levels(CollectorTest):
    def test_the_list_of_trusted_certificates_and_its_servers_in_order(self):
        self.serve()
        v1 = os.path.join(self.folder, "v1")
        must("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", v1 + ".key")
        must("openssl", "req", "-new", "-key", v1 + ".key", "-subj", "/CN=old scada", "-out", v1 + ".csr")
        must("openssl", "x509", "-req", "-in", v1 + ".csr", "-signkey", v1 + ".key", "-days", "30", "-out", v1 + ".crt")
        self.assertIn("Version: 1", must("openssl", "x509", "-in", v1 + ".crt", "-noout", "-text"))
        pinned, stranger = TlsServer(v1 + ".crt", v1 + ".key"), free_port_base(1)
        other = self.corporate.leaf(["localhost"])
        server = subprocess.Popen(["openssl", "s_server", "-accept", str(stranger), "-cert", self.corporate.path(other + ".crt"), "-key", self.corporate.path(other + ".key"), "-quiet"],
                                  stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.processes.append(server)
        dead = free_port_base(1)

        # In their order: nobody there, a server under no CA of the list, one that is in it by its own certificate, and ours.
        servers = [f"localhost:{port}" for port in (dead, stranger, pinned.port, self.a)]
        state = self.state(root=False)
        self.settings(state, f"collector.servers = {json.dumps(servers)}", f'collector.trusted = "{v1}.crt;{state}/root.pem"')
        await_condition(lambda: run("openssl", "s_client", "-connect", f"localhost:{stranger}").returncode == 0, "s_server listens")
        collector = self.run_collector(state)
        collector.await_connected()
        log = collector.log()
        at = [log.index(f"connecting to localhost:{port} TCP/IP|TLS") for port in (dead, stranger, pinned.port, self.a)]
        self.assertEqual(sorted(at), at)
        self.assertRegex(log, r"\[2\] localhost: its certificate chain does not end in a trusted certificate")
        self.assertRegex(log, rf"\[3\] connected to 127.0.0.1:{pinned.port} \(localhost\) \[TLSv1.3 VERIFIED\]")
        self.assertRegex(log, rf"\[4\] connected to 127.0.0.1:{self.a} \(localhost\) \[TLSv1.3 VERIFIED\]")
        self.stop(collector)

        # Without the pin that certificate is nobody's.
        self.settings(state, f"collector.servers = {json.dumps(servers[2:])}", f'collector.trusted = "{state}/root.pem"')
        collector = self.run_collector(state)
        collector.await_connected()
        self.assertNotRegex(collector.log(), rf"connected to 127.0.0.1:{pinned.port} ")

        # A name that the certificate does not bear, and the visible setting; never under the public CAs.
        self.stop(collector)
        state = self.state(f'collector.servers = ["127.0.0.1:{self.b}"]', name="names")
        shutil.copy(self.corporate.root, os.path.join(state, "root.pem"))
        collector = self.run_collector(state)
        self.awaits(collector, "its certificate is for")
        self.stop(collector)
        self.settings(state, f'collector.servers = ["127.0.0.1:{self.b}"]', f'collector.root-ca = "{state}/root.pem"', "collector.verify-hostname = false")
        collector = self.run_collector(state)
        collector.await_connected()
        self.assertFalse(collector.status()["verifies_name"])
        self.stop(collector)
        for trust in ("", 'collector.root-ca = "/etc/ssl/certs/ca-certificates.crt"'):
            self.settings(state, f'collector.servers = ["127.0.0.1:{self.b}"]', trust, "collector.verify-hostname = false")
            done = run(COLLECTOR, "--state", state)
            self.assertEqual(1, done.returncode)
            self.assertIn(b"public CAs", done.stderr)

    def test_intermediates_in_the_systems_store_help_and_never_anchor(self):
        self.serve()
        leaf = self.corporate.leaf(["localhost"])
        bare = TlsServer(self.corporate.path(leaf + ".crt"), self.corporate.path(leaf + ".key"))  # sends its leaf alone
        state = self.state(f'collector.servers = ["localhost:{bare.port}", "localhost:{self.b}"]', root=False)
        store = os.path.join(self.folder, "store.pem")
        verified = rf"connected to 127.0.0.1:{bare.port} \(localhost\) \[TLSv1.3 VERIFIED\]"

        def one(*names):
            with open(store, "w") as out:
                for name in names:
                    with open(self.corporate.path(name + ".crt")) as file:
                        out.write(file.read())
            return self.run_collector(state, SSL_CERT_FILE=store)

        alone = one("intermediate1")
        await_condition(lambda: alone.log().count("does not end in a trusted certificate") >= 2, "it anchors neither:\n" + alone.log())
        self.assertNotIn("VERIFIED", alone.log())
        self.stop(alone)
        root = one("root")
        root.await_connected()
        self.assertNotRegex(root.log(), verified)
        self.stop(root)
        both = one("root", "intermediate1")
        both.await_connected()
        self.assertRegex(both.log(), verified)

    def test_levels_and_plain_text(self):
        self.serve()
        done = self.single.cli("profile", "set", "open", "required-level=None")
        self.assertEqual(0, done.code, done)
        self.assertEqual(0, self.single.cli("endpoint", "set", "engine-collector", "profile=open").code)
        relay = NoTls(self.b)
        self.addCleanup(relay.socket.close)
        state = self.state(f'collector.servers = ["localhost:{relay.port}"]', 'collector.required-level = "TLSNoPeerAuth"')
        collector = self.run_collector(state)
        await_condition(lambda: relay.refused >= 2, "TLS alone is spoken at this level")
        self.assertNotIn("UNPROTECTED", collector.log())
        self.assertFalse(collector.status()["connected"])
        self.stop(collector)
        self.settings(state, f'collector.servers = ["localhost:{relay.port}"]', 'collector.required-level = "None"')
        collector = self.run_collector(state)
        collector.await_connected()
        self.assertTrue(collector.status()["unprotected"])
        self.assertRegex(collector.log(), r"UNPROTECTED: localhost:\d+ speaks no TLS")
        self.assertIn("connected without TLS", await_condition(lambda: (lambda d: d if "connected without TLS" in d.out else None)(self.single.cli("--json", "doctor")), "doctor").out)
        self.assertIsNone(self.bound_to(state), "nothing was proven, so nothing is bound")
        self.stop(collector)
        # Whatever the server speaks: TLS where it does.
        self.settings(state, f'collector.servers = ["localhost:{self.b}"]', 'collector.required-level = "None"')
        collector = self.run_collector(state)
        collector.await_connected()
        self.assertRegex(collector.log(), r"connected to 127.0.0.1:\d+ \(localhost\) \[TLSv1.3\]")
        self.assertFalse(collector.status()["unprotected"])

    def test_settings_that_depend_on_the_application_are_chosen_before_a_byte_is_sent(self):
        self.serve()
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        listener.setblocking(False)
        state = self.state(f'collector.servers = ["localhost:{listener.getsockname()[1]}"]', f'applications.lab.servers = ["localhost:{self.a}"]')
        for arguments, word in (((), b"none is given"), (("--application", "labs"), b"did you mean lab?")):
            done = run(COLLECTOR, "--state", state, *arguments)
            self.assertEqual(1, done.returncode)
            self.assertIn(word, done.stderr)
        with self.assertRaises(BlockingIOError, msg="nobody has been connected to"):
            listener.accept()
        collector = self.run_collector(state, "--application", "lab")
        collector.await_connected()
        self.assertEqual("lab", collector.status()["application"])
        with self.assertRaises(BlockingIOError):
            listener.accept()


class Moves(CollectorTest):
    def move(self, *more, outcome="done"):
        reply = self.single.json("collector", "move", f"localhost:{self.b}", *more)
        self.assertEqual(outcome, reply["outcome"], reply)
        return reply

    def test_from_a_to_b_and_never_back(self):
        self.serve()
        state = self.state(f'collector.servers = ["localhost:{self.a}"]')
        collector = self.run_collector(state)
        collector.await_connected()
        id = collector.status()["id"]
        other = self.run_collector(self.state(f'collector.servers = ["localhost:{self.a}"]', name="other"))
        other.await_connected()
        await_condition(lambda: self.bound_to(state) == ("settings", [self.a]), "bound to A")

        # B is not under the CA that comes with the move: it stays, and says so.
        self.assertEqual(2, self.move("--dry-run", outcome="planned")["told"])
        self.assertEqual({"told": 0, "absent": ["0" * 64]}, {k: v for k, v in self.move("--only", "0" * 64, outcome="unchanged").items() if k in ("told", "absent")})
        self.assertEqual(1, self.move("--only", id[:16])["told"])
        self.awaits(collector, "not proven yet")
        status = collector.status()
        self.assertTrue(status["connected"] and status["candidate"], status)
        self.assertEqual(("settings", [self.a]), self.bound_to(state))
        await_condition(lambda: "and its move: failed, untrusted" in self.single.log("engine"), "the engine hears of it:\n" + self.single.log("engine"))
        self.assertNotIn("told to move", other.log())

        # The right CA: proven over a connection of its own, then bound.
        self.assertEqual(1, self.move("--ca", self.corporate.root, "--only", id)["told"])
        self.awaits(collector, "what was trusted before is gone")
        await_condition(lambda: self.bound_to(state) == ("move", [self.b]), "bound to B")
        await_condition(lambda: (lambda s: s.get("connected") and s["source"] == "move")(collector.status()), "connected to B:\n" + collector.log())
        await_condition(lambda: "and its move: proven" in self.single.log("engine"), "the engine hears of it")
        self.assertEqual("", collector.status()["candidate"])
        self.assertEqual(0o600, os.stat(os.path.join(state, "trust.json")).st_mode & 0o777)

        # Bound: another start goes to B, and A is refused although its root file still lies there (T3); also when B is not there (threat 43).
        self.stop(collector)
        self.assertEqual(0, self.single.cli("endpoint", "set", "engine-collector", "enabled=false", "--no-rehearsal").code)
        collector = self.run_collector(state)
        await_condition(lambda: collector.log().count(f"connecting to localhost:{self.b} ") >= 3, "it goes on trying B")
        self.assertEqual(0, self.single.cli("endpoint", "set", "engine-collector", "enabled=true").code)
        collector.await_connected()
        self.assertNotIn(f"localhost:{self.a}", collector.log())
        self.assertEqual("planned", self.on_endpoint(state, "move", f"localhost:{self.a}", "--dry-run")[1]["outcome"])
        self.done(state, "move", f"localhost:{self.a}")
        self.awaits(collector, "not proven yet", "A is not under the CA that counts now")
        self.assertEqual(("move", [self.b]), self.bound_to(state))
        self.assertTrue(collector.status()["connected"])
        records = self.single.json("audit", "show")["records"]
        self.assertEqual(["done"] * 2, [r["outcome"] for r in records if r["verb"] == "collector-move"])

    def test_trust_that_the_appliance_hands_down_opens_the_way_for_a_new_root(self):
        """Pinned to the federation's root and on the system's store: told of the corporate root, they trust both, so that A's certificate can be replaced
        by one under it, and they are not locked out when that goes back."""
        self.serve()
        server = f'collector.servers = ["localhost:{self.a}"]'
        pinned, system = self.state(server, name="pinned"), self.state(server, name="system", root=False)
        collectors = [self.run_collector(pinned), self.run_collector(system, SSL_CERT_FILE=self.single.root())]
        ids = [(collector.await_connected(), collector.status()["id"])[1] for collector in collectors]
        replace = ["cert", "replace", *self.corporate.files(self.corporate.leaf(["appliance.test", "localhost"])), "--also-trust", self.corporate.root, "--identity", "portal",
                   "--identity", "engine"]
        refused = self.single.cli("--json", *replace)
        self.assertEqual(1, refused.code, refused)
        would_break = {f["subject"] for f in refused.json()["report"]["findings"] if f["code"] == "would-break" and f["severity"] == "error"}
        self.assertEqual(2, len(would_break), refused)
        before = self.single.in_force(), [self.trust_of(state) for state in (pinned, system)]
        install = ("collector", "install-trust", self.corporate.root)
        planned = self.single.json(*install, "--dry-run")
        self.assertEqual(("planned", 2), (planned["outcome"], planned["told"]))
        refused = self.single.cli("--json", "collector", "install-trust", self.single.file("customer-key/customer.key"))
        self.assertEqual((1, "not-a-certificate"), (refused.code, refused.json()["error"]["code"]))
        self.assertEqual(before, (self.single.in_force(), [self.trust_of(state) for state in (pinned, system)]), "what was in force still is")

        # One of them first, then all; the first has it already.
        self.assertEqual(1, self.single.json(*install, "--only", ids[0])["told"])
        await_condition(lambda: self.bound_to(pinned) == ("install-trust", [self.a]), "bound:\n" + collectors[0].log())
        self.assertEqual("settings", self.bound_to(system)[0])
        self.assertEqual(2, self.single.json(*install)["told"])
        await_condition(lambda: self.bound_to(system) == ("install-trust", [self.a]), "bound:\n" + collectors[1].log())
        await_condition(lambda: "by the operating system's trust store and 1 certificate" in collectors[1].log(), collectors[1].log())
        for collector in collectors:
            await_condition(lambda: collector.status().get("connected"), "connected:\n" + collector.log())
        def concerned():
            findings = self.single.cli("--json", *replace, "--dry-run").json()["report"]["findings"]
            return [f for f in findings if f["code"] == "pinned-collectors" or f["code"] == "would-break" and "collector" in f["subject"]]

        await_condition(lambda: not concerned(), "no collector minds, by rehearsal and by what they report")
        done = self.single.cli("--json", *replace)
        self.assertEqual(0, done.code, done)
        self.reconnected(collectors)
        # Back to the certificate of before: what they trusted then still counts.
        self.assertEqual(0, self.single.cli("backup", "restore", done.json()["backup_set"]).code)
        self.reconnected(collectors)
        # Only the new one: as soon as that is proven, and it is not while the old certificate serves.
        self.assertEqual("done", self.single.json("collector", "move", f"localhost:{self.a}", "--ca", self.corporate.root)["outcome"])
        self.awaits(collectors[0], "not proven yet")
        self.assertEqual(("install-trust", [self.a]), self.bound_to(pinned))

    def reconnected(self, collectors):
        before = [collector.log().count("connected to") for collector in collectors]
        self.single.stop("engine")
        self.single.start("engine")
        for collector, count in zip(collectors, before):
            await_condition(lambda: collector.log().count("connected to") > count and collector.status().get("connected"), "connected again:\n" + collector.log())

    def test_new_trust_falls_back_to_the_last_that_worked_until_it_is_bound(self):
        self.serve()
        state = self.state(f'collector.servers = ["localhost:{self.a}"]')
        collector = self.run_collector(state)
        collector.await_connected()
        self.stop(collector)

        # An edit of the settings: a root that nobody there is under.
        root = os.path.join(state, "root.pem")
        shutil.copy(root, root + ".old")
        shutil.copy(self.corporate.root, root)
        collector = self.run_collector(state)
        collector.await_connected()
        self.assertIn("back to the last trust that worked", collector.log())
        self.stop(collector)
        # A file that says nothing.
        with open(root, "w"):
            pass
        collector = self.run_collector(state)
        collector.await_connected()
        self.stop(collector)
        # One that works: bound, and the old root counts no more.
        self.settings(state, f'collector.servers = ["localhost:{self.b}"]', f'collector.root-ca = "{root}"')
        shutil.copy(self.corporate.root, root)
        collector = self.run_collector(state)
        self.awaits(collector, "what was trusted before is gone")
        self.stop(collector)
        self.settings(state, f'collector.servers = ["localhost:{self.a}"]', f'collector.root-ca = "{root}"')
        collector = self.run_collector(state)
        self.awaits(collector, "back to the last trust that worked")
        await_condition(lambda: self.bound_to(state) == ("settings", [self.b]), "B is what worked last")
        collector.await_connected()
        self.assertNotRegex(collector.log(), rf"connected to 127.0.0.1:{self.a} ")

    def test_a_full_disk_locks_nobody_out(self):
        self.serve()
        state = self.state(f'collector.servers = ["localhost:{self.a}"]')
        first = self.run_collector(state)
        first.await_connected()
        self.stop(first)
        os.unlink(os.path.join(state, "trust.json"))
        full = self.run_collector(state, launcher=("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync", "-e", "inject=fsync:error=ENOSPC"))
        full.await_connected()
        self.awaits(full, "proven, and not kept")
        self.assertIsNone(self.bound_to(state))
        os.kill(full.status()["pid"], 15)
        full.process.wait(10)
        again = self.run_collector(state)
        await_condition(lambda: self.bound_to(state) == ("settings", [self.a]), "kept where there is room:\n" + again.log())

    def test_an_ordinary_user_and_how_much_memory(self):
        if os.geteuid() != 0:
            self.skipTest("needs root to become somebody else")
        self.serve()
        os.chmod(self.folder, 0o755)
        state = self.state(f'collector.servers = ["localhost:{self.a}"]')
        for folder, folders, files in os.walk(state):
            for name in [folder, *(os.path.join(folder, f) for f in files)]:
                os.chown(name, 65534, 65534)
        collector = self.run_collector(state, launcher=("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"))
        collector.await_connected()
        # What root does for it stays readable for it.
        self.done(state, "install-trust", self.corporate.root)
        self.awaits(collector, "not proven yet")
        self.assertEqual(65534, os.stat(os.path.join(state, "trust.json")).st_uid)
        self.assertTrue(collector.status()["connected"])
        with open(f"/proc/{collector.process.pid}/status") as file:
            memory = dict(re.findall(r"^(Rss\w+|VmRSS):\s+(\d+) kB", file.read(), re.M))
        with open(COLLECTOR, "rb") as file:
            is_sanitized = b"__asan_init" in (program := file.read()) or b"__tsan_init" in program
        if not is_sanitized:
            self.assertLess(int(memory["RssAnon"]), 8 * 1024, memory)


if __name__ == "__main__":
    unittest.main()
