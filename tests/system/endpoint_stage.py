"""What the tests of an endpoint's trust share. One appliance serves two ways: A is the portal's port, which hands collectors to the engine, under
the federation's root; B is the collectors' own port with a certificate of a corporate CA."""
import hashlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading

from harness import BIN, CollectorProcess, SystemTest, await_condition, run

COLLECTOR = os.path.join(BIN, "chancery-collector")


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


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
