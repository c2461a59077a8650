"""An endpoint's trust, whatever happens to it: levels and lists (D2, D3, D6), the last trust that worked (C9), moves from one server to another (T4),
repair files and what a local administrator does (T5), discovery (T7), an ordinary user, and a kill at every file call.

One appliance serves two ways: A is the portal's port, which hands collectors to the engine, under the federation's root; B is the
collectors' own port with a certificate of a corporate CA."""
import hashlib
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import unittest

from harness import BIN, CollectorProcess, Pki, SystemTest, await_condition, free_port_base, must, run

COLLECTOR = os.path.join(BIN, "chancery-collector")


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


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


class TlsServer:
    """Another vendor's: shakes hands with its certificate, and closes."""

    def __init__(self, certificate, key):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.set_alpn_protocols(["chancery-collector/1"])
        self.context.load_cert_chain(certificate, key)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                link, _ = self.socket.accept()
                with self.context.wrap_socket(link, server_side=True):
                    pass
            except OSError:
                if self.socket.fileno() < 0:
                    return


class Rogue:
    """Answers every question that is broadcast, before or after the right server, with a port of its own."""

    def __init__(self, udp, port):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("0.0.0.0", udp))
        self.port, self.asked = port, 0
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                question, peer = self.socket.recvfrom(1024)
            except OSError:
                return
            found = re.match(rb"chancery-discovery/1 ask ([0-9a-f]{16})", question)
            if found:
                self.asked += 1
                for nonce in (b"0" * 16, found.group(1), found.group(1) + b"x"):
                    self.socket.sendto(b"chancery-discovery/1 here %s %d" % (nonce, self.port), peer)


class CollectorTest(SystemTest):
    def serve(self, **settings):
        """The appliance: A under the federation's root, B under the corporate CA's."""
        self.single = self.appliance("single")
        for program, lines in settings.items():
            with open(os.path.join(self.single.state, "settings", program + ".toml"), "a") as file:
                file.write("\n".join(lines) + "\n")
        self.single.start("portal", "engine", "manager")
        self.corporate = self.pki(name="corporate", intermediates=1)
        leaf = self.corporate.leaf(["b.test", "localhost"])
        done = self.single.cli("cert", "replace", *self.corporate.files(leaf), "--identity", "engine-collector", "--no-rehearsal", "--accept", "name-mismatch")
        self.assertEqual(0, done.code, done)
        self.a, self.b = self.single.portal, self.single.collectors
        self.logs = 0

    def state(self, *lines, name="collector", root=True):
        """What an installer leaves on an endpoint."""
        state = os.path.join(self.folder, name)
        os.makedirs(os.path.join(state, "settings"), mode=0o700)
        os.chmod(state, 0o700)
        shutil.copy(self.single.file("customer-key/customer.key"), os.path.join(state, "customer.key"))
        shutil.copy(self.single.root(), os.path.join(state, "root.pem"))
        key = self.single.cli("collector", "repair", "key")
        self.assertEqual(0, key.code, key)
        with open(os.path.join(state, "repair-key.json"), "w") as file:
            file.write(key.out)
        self.settings(state, *([f'collector.root-ca = "{state}/root.pem"'] if root else []), *lines)
        return state

    def settings(self, state, *lines):
        with open(os.path.join(state, "settings", "collector.toml"), "w") as file:
            file.write("\n".join([*lines, "collector.report-interval = 1"]) + "\n")

    def run_collector(self, state, *arguments, launcher=(), **env):
        log = f"{state}.{len(self.processes)}.log"
        with open(log, "ab") as out:
            process = subprocess.Popen([*launcher, COLLECTOR, "--state", state, *arguments], stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={**os.environ, **env})
        self.processes.append(process)
        return CollectorProcess(state, process, log)

    def stop(self, collector):
        collector.process.terminate()
        self.assertEqual(0, collector.process.wait(10), collector.log())

    def on_endpoint(self, state, *words):
        """chancery collector …, on the endpoint."""
        done = run(os.path.join(BIN, "chancery"), "--state", state, "--json", "collector", *words)
        return done.returncode, json.loads(done.stdout)

    def done(self, state, *words):
        code, reply = self.on_endpoint(state, *words)
        self.assertEqual((0, "done"), (code, reply.get("outcome")), reply)
        return reply

    def refused(self, state, code, *words):
        before = self.trust_of(state)
        self.assertEqual((1, code), (lambda found: (found[0], found[1].get("error", {}).get("code")))(self.on_endpoint(state, *words)))
        self.assertEqual(before, self.trust_of(state), "what was in force still is")

    @staticmethod
    def trust_of(state):
        path = os.path.join(state, "trust.json")
        if not os.path.exists(path):
            return None
        with open(path) as file:
            return file.read()

    def bound_to(self, state):
        """The ports of what is bound, and where that came from."""
        bound = json.loads(self.trust_of(state) or '{"bound":null}')["bound"]
        return (bound["source"], [s["port"] for s in bound["servers"]]) if bound else None

    def awaits(self, collector, text, what=None):
        await_condition(lambda: text in collector.log(), f"{what or text}:\n" + collector.log())

    def await_gone(self, collector, text, before):
        await_condition(lambda: collector.log().count(text) > before, text)


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
        self.assertEqual(0, self.single.cli("endpoint", "set", "engine-collector", "enabled=false").code)
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


class Repairs(CollectorTest):
    def make(self, appliance, name, *more):
        path = os.path.join(self.folder, name)
        done = appliance.cli("collector", "repair", "make", "--output", path, *more)
        self.assertEqual(0, done.code, done)
        return path

    def edited(self, path, edit):
        with open(path) as file:
            document = json.load(file)
        edit(document)
        with open(path + ".edited", "w") as file:
            json.dump(document, file)
        return path + ".edited"

    def test_a_locked_out_collector_is_mended_without_a_network(self):
        import base64

        self.serve()
        away = free_port_base(1)
        state = self.state(f'collector.servers = ["localhost:{away}"]')
        to_b = ["--to", f"localhost:{self.b}", "--ca", self.corporate.root]
        older = self.make(self.single, "older.json", *to_b)
        newer = self.make(self.single, "newer.json", *to_b)
        foreign = self.make(self.appliance("single", name="foreign.test"), "foreign.json", *to_b)

        def change(document):
            order = json.loads(base64.b64decode(document["order"]))
            order["number"] += 100
            document["order"] = base64.b64encode(json.dumps(order).encode()).decode()

        def cut(document):
            document["order"] = document["order"][:-8]

        # Never started, nothing runs, no server is there.
        for file, code in ((self.edited(newer, change), "repair-signer"), (foreign, "repair-signer"), (self.edited(newer, cut), "repair-signer"),
                           (self.make(self.single, "others.json", "--only", "0" * 64, *to_b), "repair-target"), (self.corporate.root, "repair-invalid")):
            self.refused(state, code, "repair", "apply", file)
        late = run("faketime", "+31 days", COLLECTOR, "--state", state, "--json", "repair", newer)
        self.assertEqual("repair-expired", json.loads(late.stdout)["error"]["code"])
        self.assertIsNone(self.trust_of(state))
        # The right key, another federation.
        with open(os.path.join(state, "repair-key.json")) as file:
            shipped = json.load(file)
        with open(os.path.join(state, "repair-key.json"), "w") as file:
            json.dump({**shipped, "federation": "another"}, file)
        self.refused(state, "repair-foreign", "repair", "apply", newer)
        with open(os.path.join(state, "repair-key.json"), "w") as file:
            json.dump(shipped, file)

        self.assertEqual("planned", self.on_endpoint(state, "repair", "apply", newer, "--dry-run")[1]["outcome"])
        self.assertIsNone(self.trust_of(state))
        self.done(state, "repair", "apply", newer)
        self.refused(state, "repair-old", "repair", "apply", newer)
        self.refused(state, "repair-old", "repair", "apply", older)
        collector = self.run_collector(state)
        await_condition(lambda: self.bound_to(state) == ("repair", [self.b]), "mended:\n" + collector.log())
        collector.await_connected()

        # A successor of the key: files of it count, and then those of the one before do not.
        before = self.make(self.single, "before.json", *to_b)
        self.assertEqual("planned", self.single.json("collector", "repair", "rotate-key", "--dry-run")["outcome"])
        self.assertEqual("done", self.single.json("collector", "repair", "rotate-key")["outcome"])
        again = self.make(self.single, "again.json", *to_b)
        self.done(state, "repair", "apply", again)
        await_condition(lambda: json.loads(self.trust_of(state))["candidate"] is None, "tried and bound")
        self.refused(state, "repair-signer", "repair", "apply", self.edited(again, lambda d: d.update(keys=[])))
        self.refused(state, "repair-signer", "repair", "apply", before)

        # Back to what it was shipped with; the numbers stay, and what is wrong with it can be mended again.
        self.assertEqual("planned", self.on_endpoint(state, "reset", "--dry-run")[1]["outcome"])
        self.done(state, "reset")
        await_condition(lambda: self.bound_to(state) == ("shipped", [away]), "as it was shipped")
        await_condition(lambda: f"connecting to localhost:{away}" in collector.log(), "it goes there:\n" + collector.log())
        self.assertEqual(0o400, os.stat(os.path.join(state, "shipped.json")).st_mode & 0o777)
        self.refused(state, "repair-old", "repair", "apply", again)
        self.done(state, "repair", "apply", self.make(self.single, "last.json", *to_b))
        await_condition(lambda: self.bound_to(state) == ("repair", [self.b]), "mended once more")

        # A CA from local media, while it is connected: proven at the server that it goes to already.
        self.refused(state, "not-a-certificate", "install-trust", os.path.join(state, "customer.key"))
        self.done(state, "install-trust", self.corporate.path("intermediate1.crt"))
        await_condition(lambda: self.bound_to(state) == ("install-trust", [self.b]), "bound to the given CA:\n" + collector.log())
        self.assertEqual("unchanged", self.on_endpoint(state, "install-trust", self.corporate.path("intermediate1.crt"))[1]["outcome"])

    def test_killed_at_every_file_call(self):
        """Old or new, and the next start goes on: sampled here over the verbs and the binding by the collector itself."""
        self.serve()
        file = self.make(self.single, "mend.json", "--to", f"localhost:{self.b}", "--ca", self.corporate.root)
        first = self.state(f'collector.servers = ["localhost:{self.a}"]')
        collector = self.run_collector(first)
        collector.await_connected()
        self.stop(collector)
        os.unlink(os.path.join(first, "run", "collector", "lock"))
        verbs = {"repair": ["repair", file], "install-trust": ["install-trust", self.corporate.root], "reset": ["reset"]}
        calls = ("openat", "write", "fsync", "rename,renameat,renameat2")
        for name, words in verbs.items():
            before = self.trust_of(first)
            done = 0
            counted = run("strace", "-f", "-qq", "-e", "trace=" + ",".join(calls), COLLECTOR, "--state", shutil.copytree(first, os.path.join(self.folder, name)), *words).stderr.decode()
            self.assertIn("trust.json", counted)
            for call in calls:
                state = shutil.copytree(first, os.path.join(self.folder, f"{name}-{call[:5]}"))
                total = len(re.findall(rf"^(?:\[pid +\d+\] )?(?:{call.replace(',', '|')})\(", counted, re.M))
                # The last calls of each kind are those that change something.
                for point in range(max(1, total - 1), total + 1):
                    run("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={point}", COLLECTOR, "--state", state, *words)
                    left = self.trust_of(state)
                    self.assertTrue(left == before or json.loads(left)["format"], f"{name} killed at {call} #{point}")
                    code, reply = self.on_endpoint(state, *(["repair", "apply", file] if name == "repair" else words), "--dry-run")
                    self.assertTrue(code == 0 or (name == "repair" and reply["error"]["code"] == "repair-old"), reply)
                    done += 1
            self.assertGreaterEqual(done, 6)
        # The first binding of a new endpoint: killed, it starts as if nothing had been, or as bound.
        for call, point in (("fsync", 2), ("fsync", 3), ("fsync", 4), ("renameat,rename,renameat2", 2), ("renameat,rename,renameat2", 3)):
            state = self.state(f'collector.servers = ["localhost:{self.a}"]', name=f"new-{call[:4]}-{point}")
            killed = self.run_collector(state, launcher=("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={point}"))
            await_condition(lambda: killed.process.poll() is not None or killed.status().get("connected"), "killed, or through")
            if killed.process.poll() is None:
                os.kill(killed.status()["pid"], 9)
                killed.process.wait(10)
            collector = self.run_collector(state)
            await_condition(lambda: self.bound_to(state) == ("settings", [self.a]), "it goes on:\n" + collector.log())
            self.stop(collector)


class Discovery(CollectorTest):
    def test_steps_in_order_rogues_and_addresses_without_names(self):
        udp = free_port_base(1)
        on = [f'engine.discovery = ["broadcast", "beacon"]', f"engine.discovery-port = {udp}", 'engine.discovery-address = "127.255.255.255"', "engine.beacon-interval = 1"]
        at_portal = free_port_base(1)
        self.serve(engine=on, portal=['portal.discovery = ["broadcast"]', f"portal.discovery-port = {at_portal}"])
        stranger = Pki(os.path.join(self.folder, "stranger"), intermediates=0)
        leaf = stranger.leaf(["127.0.0.1"])
        liar = TlsServer(stranger.path(leaf + ".crt"), stranger.path(leaf + ".key"))
        rogue = Rogue(udp, liar.port)
        self.addCleanup(rogue.socket.close)
        dead = free_port_base(1)
        address = 'collector.discovery-address = "127.255.255.255"'
        common = [f"collector.discovery-port = {udp}", address]

        def one(name, steps, *more):
            state = self.state(*common, f"collector.discovery = {json.dumps(steps)}", *more, name=name)
            shutil.copy(self.corporate.root, os.path.join(state, "root.pem"))
            return self.run_collector(state)

        # Falling through is off: a server that is not there is the end of it, and nobody is asked.
        stays = one("stays", ["static", "broadcast"], f'collector.servers = ["localhost:{dead}"]')
        # On: asked, the liar answers as well, and is found out by its certificate; ours by its CA, whatever its name.
        falls = one("falls", ["static", "broadcast"], f'collector.servers = ["localhost:{dead}"]', "collector.fall-through = true")
        hears = one("hears", ["beacon"])
        # The portal likewise, under the federation's root.
        asks = self.run_collector(self.state(address, f"collector.discovery-port = {at_portal}", 'collector.discovery = ["broadcast"]', name="asks"))
        strict = one("strict", ["broadcast"], "collector.verify-hostname = true")
        for collector in (falls, hears):
            collector.await_connected()
            self.assertIn("found by address only: its CA is checked, its name not", collector.log())
            status = collector.status()
            self.assertEqual((True, False), (status["found"], status["verifies_name"]))
        asks.await_connected()
        self.assertRegex(asks.log(), rf"connected to 127.0.0.1:{self.a} ")
        self.assertGreater(rogue.asked, 0)
        self.assertNotRegex(falls.log(), rf"connected to 127.0.0.1:{liar.port} ")
        self.awaits(strict, "its certificate is for")
        self.assertFalse(strict.status()["connected"])
        await_condition(lambda: stays.log().count(f"connecting to localhost:{dead}") >= 2, "it tries again")
        self.assertNotIn("discovery", stays.log())

    def test_servers_answer_nobody_by_default(self):
        self.serve()
        udp = os.path.join("/proc/net/udp")
        with open(udp) as file:
            ports = {int(line.split()[1].split(":")[1], 16) for line in file.readlines()[1:]}
        inodes = {os.readlink(f"/proc/{self.single.processes[p].pid}/fd/{fd}") for p in ("portal", "engine") for fd in os.listdir(f"/proc/{self.single.processes[p].pid}/fd")}
        with open(udp) as file:
            mine = [line for line in file.readlines()[1:] if f"socket:[{line.split()[9]}]" in inodes]
        self.assertEqual([], mine, ports)


if __name__ == "__main__":
    unittest.main()
