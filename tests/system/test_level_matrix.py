"""D1 to D3, T3: every server level with every client level, in each situation of trust and each version of TLS; what is to come of each stands in the tables
below. Our engine with our collector and with openssl's client as the other side, our collector with openssl's server."""
import concurrent.futures
import os
import re
import shutil
import socket
import subprocess
import threading
import time
import unittest

from channel_peer import Collector
from harness import BIN, SystemTest, await_condition, free_port_base, served_chain

LEVELS = ("None", "TLSNoPeerAuth", "TLSPeerAuth")
FLOORS = ("TLSv1.2", "TLSv1.3")

# openssl's client and raw TCP at our engine. Rows: what the client brings; columns: the server's level.
#                              None    TLSNoPeerAuth  TLSPeerAuth
AT_OUR_ENGINE = {
    "no certificate":         ("in",   "in",          "out"),
    "a trusted certificate":  ("in",   "in",          "in"),
    "a foreign certificate":  ("in",   "in",          "out"),
    "an expired certificate": ("in",   "in",          "out"),
    "plain text":             ("in",   "out",         "out"),
}
# A version below the profile's floor is out, whatever else.
VERSIONS = {"TLSv1.2": {"TLSv1.2": "in", "TLSv1.3": "out"}, "TLSv1.3": {"TLSv1.2": "in", "TLSv1.3": "in"}}  # client's version, server's floor

# Our collector at our engine. Rows: the collector's level and trust; columns: the server's level. A collector presents no certificate.
#                                              None              TLSNoPeerAuth     TLSPeerAuth
COLLECTOR_AT_OUR_ENGINE = {
    ("TLSPeerAuth", "its root"):              ("verified",       "verified",       "out"),
    ("TLSPeerAuth", "the server's own"):      ("verified",       "verified",       "out"),
    ("TLSPeerAuth", "an old and a new root"): ("verified",       "verified",       "out"),
    ("TLSPeerAuth", "another root"):          ("untrusted-root", "untrusted-root", "untrusted-root"),
    ("TLSPeerAuth", "the system's"):          ("untrusted-root", "untrusted-root", "untrusted-root"),
    ("TLSPeerAuth", "its root, other name"):  ("name-mismatch",  "name-mismatch",  "name-mismatch"),
    ("TLSNoPeerAuth", "another root"):        ("TLS",            "TLS",            "out"),
    ("None", "another root"):                 ("TLS",            "TLS",            "out"),
}
# The same behind something that lets no TLS through. Columns as above.
COLLECTOR_WITHOUT_TLS = {
    "TLSPeerAuth":   ("out",   "out", "out"),
    "TLSNoPeerAuth": ("out",   "out", "out"),
    "None":          ("plain", "out", "out"),
}

# Our collector at openssl's server. Rows: what the server presents; columns: the collector's level and trust.
#                     TLSPeerAuth, root  TLSPeerAuth, leaf  TLSNoPeerAuth  None
AT_OPENSSL = {
    "good":           ("verified",        "verified",        "TLS",         "TLS"),
    "good, TLS 1.2":  ("verified",        "verified",        "TLS",         "TLS"),
    "good, TLS 1.1":  ("tls-handshake",   "tls-handshake",   "tls-handshake", "plain"),
    "no chain":       ("untrusted-root",  "verified",        "TLS",         "TLS"),
    "expired":        ("expired",         "untrusted-root",  "TLS",         "TLS"),
    "other name":     ("name-mismatch",   "untrusted-root",  "TLS",         "TLS"),
    "another CA":     ("untrusted-root",  "untrusted-root",  "TLS",         "TLS"),
    "self-signed":    ("untrusted-root",  "untrusted-root",  "TLS",         "TLS"),
}


def s_client(port, version, *options):
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", "localhost", "-quiet",
                           {"TLSv1.2": "-tls1_2", "TLSv1.3": "-tls1_3"}[version], *options],
                          input=b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30)
    return "in" if b"HTTP/1.1 200" in done.stdout else "out"


class NoTls(threading.Thread):
    """Passes connections on to `port`, but those that begin with a TLS record are ended."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.target, self.listening = port, socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.start()

    def run(self):
        while True:
            try:
                link = self.listening.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.serve, args=(link,), daemon=True).start()

    def serve(self, link):
        try:
            if link.recv(1, socket.MSG_PEEK) == b"\x16":
                link.recv(65536)
                link.sendall(b"no TLS here\r\n")
                link.close()
                return
            onward = socket.create_connection(("127.0.0.1", self.target))
            threading.Thread(target=self.pump, args=(onward, link), daemon=True).start()
            self.pump(link, onward)
        except OSError:
            link.close()

    @staticmethod
    def pump(source, sink):
        try:
            while piece := source.recv(65536):
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            sink.close()


class Matrix(SystemTest):
    def run_all(self, jobs):
        """{what: (expected, job)}: all of them, some at a time; one message for all that came out otherwise."""
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            running = {what: (expected, pool.submit(*job)) for what, (expected, job) in jobs.items()}
        wrong = {what: f"expected {expected}, was {job.result()}" for what, (expected, job) in running.items() if job.result() != expected}
        self.assertEqual({}, wrong)

    def outcome(self, name, port, level, trust, host="localhost"):
        """What comes of a collector's first attempt: "verified", "TLS", "plain", the code of its failure, or "out"."""
        state = os.path.join(self.folder, name)
        os.makedirs(os.path.join(state, "settings"), mode=0o700)
        shutil.copy(self.key_file, os.path.join(state, "customer.key"))
        with open(os.path.join(state, "settings", "collector.toml"), "w") as file:
            file.write(f'collector.servers = ["{host}:{port}"]\ncollector.required-level = "{level}"\n')
            if trust:
                file.write(f'collector.trusted = "{trust}"\n')
        path = os.path.join(self.folder, name + ".log")
        with open(path, "wb") as out:
            process = subprocess.Popen([os.path.join(BIN, "chancery-collector"), "--state", state], stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self.processes.append(process)

        def log():
            with open(path, errors="replace") as file:
                return file.read()

        try:
            await_condition(lambda: re.search(r"\[1\] (connected|.*\(hint)|failed to run", log()), "the first attempt has come to something")
            text = log()
            seen = re.search(r"\[1\] connected to .* \[(TCP/IP|TLSv1\.\d)( VERIFIED)?\]", text)
            if seen and self.engine_side:
                # With TLS 1.3 a server's refusal of the client shows after the client's handshake.
                await_condition(lambda: re.search(r"accepted by|\[1\] .*\(hint", log()), "it was let in or not")
                if "accepted by" not in log():
                    return "out"
            if seen:
                return "plain" if seen.group(1) == "TCP/IP" else "verified" if seen.group(2) else "TLS"
            codes = {"does not end in a trusted certificate": "untrusted-root", "has expired": "expired", "is for ": "name-mismatch"}
            found = [code for words, code in codes.items() if words in text]
            return found[0] if found else "tls-handshake" if re.search("TLS version|TLS handshake|not TLS", text) and level != "None" and not self.engine_side else "out"
        finally:
            process.terminate()
            process.wait(20)

    def setUp(self):
        super().setUp()
        self.key_file = os.path.join(self.folder, "customer.key")
        with open(self.key_file, "wb") as file:
            file.write(os.urandom(32))
        os.chmod(self.key_file, 0o600)

    def test_at_our_engine(self):
        self.engine_side = True
        single = self.appliance("single").start("engine", "manager")
        shutil.copy(single.file("customer-key/customer.key"), self.key_file)
        with open(self.key_file, "rb") as file:
            key = file.read()
        clients, foreign = self.pki(name="clients", intermediates=0), self.pki(name="foreign", intermediates=0)
        extensions = "basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\n"
        for pki, name, days in ((clients, "good", 30), (clients, "expired", -1), (foreign, "stranger", 30)):
            pki._certificate(name, f"/CN={name}", pki.issuer, extensions, days=days)
        brings = {"no certificate": []}
        for what, pki, name in (("a trusted certificate", clients, "good"), ("a foreign certificate", foreign, "stranger"), ("an expired certificate", clients, "expired")):
            brings[what] = ["-cert", pki.path(name + ".crt"), "-key", pki.path(name + ".key")]
        base = free_port_base(6)
        ports = {}
        for number, (level, floor) in enumerate((level, floor) for level in LEVELS for floor in FLOORS):
            name = f"l{number}"
            ports[level, floor] = base + number
            done = single.cli("profile", "set", name, f"required-level={level}", f"minimum-protocol={floor}", f"trusted={clients.root}")
            self.assertEqual(0, done.code, done)
            done = single.cli("endpoint", "set", f"engine-{name}", f"port={base + number}", "host=127.0.0.1", "identity=engine", f"profile={name}")
            self.assertEqual(0, done.code, done)

        def plain(port):
            try:
                Collector(None, port, key).close()
                return "in"
            except ConnectionError:
                return "out"

        jobs = {}
        for what, row in AT_OUR_ENGINE.items():
            for (level, floor), port in ports.items():
                expected = row[LEVELS.index(level)]
                if what == "plain text":
                    jobs[f"{what} at {level}, {floor}"] = expected, (plain, port)
                    continue
                for version in FLOORS:
                    of_version = VERSIONS[version][floor]
                    jobs[f"{what}, {version} at {level}, {floor}"] = "out" if of_version == "out" else expected, (s_client, port, version, *brings[what])
        self.run_all(jobs)

        leaf = os.path.join(self.folder, "leaf.pem")
        shutil.copy(single.file("identities/engine/certificate.pem"), leaf)
        other = self.pki(name="other", intermediates=0).root
        trust = {"its root": single.root(), "the server's own": leaf, "an old and a new root": f"{other};{single.root()}", "another root": other, "the system's": "",
                 "its root, other name": single.root()}
        # A name that leads here and is not in the certificate.
        hosts = {"its root, other name": "127.0.0.2"}
        jobs = {}
        for number, ((level, situation), row) in enumerate(COLLECTOR_AT_OUR_ENGINE.items()):
            for server, expected in zip(LEVELS, row):
                port = ports[server, "TLSv1.2"]
                if situation in hosts:
                    port = self.elsewhere(hosts[situation], port)
                jobs[f"{level}, {situation} at {server}"] = expected, (self.outcome, f"c{number}-{server}", port, level, trust[situation], hosts.get(situation, "localhost"))
        for level, row in COLLECTOR_WITHOUT_TLS.items():
            for server, expected in zip(LEVELS, row):
                jobs[f"{level} without TLS at {server}"] = expected, (self.outcome, f"p-{level}-{server}", NoTls(ports[server, "TLSv1.2"]).port, level, other)
        self.run_all(jobs)
        self.assertIn("UNPROTECTED", single.log("engine"))

    def elsewhere(self, host, port):
        """`port` at another address of this machine."""
        listening = socket.create_server((host, 0))

        def serve():
            while True:
                link = listening.accept()[0]
                onward = socket.create_connection(("127.0.0.1", port))
                for pair in ((link, onward), (onward, link)):
                    threading.Thread(target=NoTls.pump, args=pair, daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        return listening.getsockname()[1]

    def test_our_collector_at_openssl(self):
        self.engine_side = False
        pki, another = self.pki(intermediates=1), self.pki(name="another", intermediates=1)
        good, elsewhere = pki.leaf(["localhost"]), pki.leaf(["elsewhere.test"])
        pki._certificate("old", "/CN=old", pki.issuer, "basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\nsubjectAltName=DNS:localhost\n", days=-1)
        pki._certificate("alone", "/CN=alone", None, "subjectAltName=DNS:localhost\n")
        stranger = another.leaf(["localhost"])
        chain = ["-cert_chain", pki.intermediates]
        servers = {"good": (pki, good, chain), "good, TLS 1.2": (pki, good, [*chain, "-tls1_2"]),
                   "good, TLS 1.1": (pki, good, [*chain, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]), "no chain": (pki, good, []), "expired": (pki, "old", chain),
                   "other name": (pki, elsewhere, chain), "another CA": (another, stranger, ["-cert_chain", another.intermediates]), "self-signed": (pki, "alone", [])}
        base = free_port_base(len(servers))
        ports = {}
        for number, (name, (made, leaf, options)) in enumerate(servers.items()):
            ports[name] = base + number
            self.processes.append(subprocess.Popen(
                ["openssl", "s_server", "-accept", f"127.0.0.1:{base + number}", "-cert", made.path(leaf + ".crt"), "-key", made.path(leaf + ".key"), "-quiet",
                 "-alpn", "chancery-collector/1", *options], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        for name, port in ports.items():
            if name != "good, TLS 1.1":
                await_condition(lambda: served_chain(port), f"{name} serves")
        columns = (("TLSPeerAuth", pki.root), ("TLSPeerAuth", pki.path(good + ".crt")), ("TLSNoPeerAuth", pki.root), ("None", pki.root))
        jobs = {}
        for row, (name, expectations) in enumerate(AT_OPENSSL.items()):
            for column, (expected, (level, trust)) in enumerate(zip(expectations, columns)):
                jobs[f"{name}, column {column + 1}"] = expected, (self.outcome, f"o{row}-{column}", ports[name], level, trust)
        self.run_all(jobs)


if __name__ == "__main__":
    unittest.main()
