"""Levels and client certificates (D1, A1 to A4): None takes TLS and plain text on one port, TLSNoPeerAuth TLS alone, TLSPeerAuth mutual TLS; whom a
profile trusts and allows; and the matrix of server level, client level, trust situation and protocol version (D2, D3, T3)."""
import concurrent.futures
import hmac
import http.client
import os
import re
import shutil
import socket
import ssl as python_ssl
import subprocess
import unittest

from channel_peer import ANSWERS, PROTOCOL, SPEAKS, Channel, Collector, Identity, client_context, text
from harness import BIN, SystemTest, await_condition, free_port_base, must, run, served_chain

TLS12, TLS13 = 0x0303, 0x0304


def customer_key(appliance):
    with open(appliance.file("customer-key/customer.key"), "rb") as file:
        return file.read()


def plain_request(port, method="GET", path="/healthz", **headers):
    link = http.client.HTTPConnection("localhost", port, timeout=10)
    try:
        link.request(method, path, headers=headers)
        reply = link.getresponse()
        return reply.status, reply.read(), dict(reply.getheaders())
    finally:
        link.close()


def s_client(port, *options):
    """Whether openssl's client is answered a request over TLS."""
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", "localhost", "-quiet", *options],
                          input=b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20)
    return b"HTTP/1.1 200" in done.stdout


class Levels(SystemTest):
    def set_profile(self, appliance, name, *settings):
        # The collectors here are this test's own, and answer no rehearsal.
        done = appliance.cli("--json", "profile", "set", name, *settings, "--no-rehearsal", "--watch-share", "100%")
        self.assertEqual(0, done.code, done)
        return done.json()

    def give(self, appliance, endpoint, *settings):
        done = appliance.cli("endpoint", "set", endpoint, *settings)
        self.assertEqual(0, done.code, done)

    def refused(self, appliance, code, *words):
        before = appliance.in_force()
        done = appliance.cli("--json", *words)
        self.assertEqual(1, done.code, done)
        self.assertEqual(code, done.json()["error"]["code"], done)
        self.assertTrue(done.json()["error"]["hint"])
        self.assertEqual(before, appliance.in_force())

    def client(self, pki, name, issuer=None, sans="", self_signed=False):
        """A client certificate and its key as files."""
        extensions = f"basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\nsubjectKeyIdentifier=hash\n{sans}"
        pki._certificate(name, f"/CN={name}", None if self_signed else issuer or pki.issuer, extensions)
        return ["-cert", pki.path(name + ".crt"), "-key", pki.path(name + ".key"), "-cert_chain", pki.intermediates]

    def test_plain_text_beside_tls(self):
        single = self.appliance("single").start("portal", "engine", "manager")
        key = customer_key(single)
        reply = self.set_profile(single, "open", "required-level=None")
        self.assertIn("plain-text", [f["code"] for f in reply["report"]["findings"]])
        for endpoint in ("engine-collector", "engine-api"):
            with self.assertRaises(ConnectionError, msg="TLSNoPeerAuth takes TLS alone"):
                Collector(None, {"engine-collector": single.collectors, "engine-api": single.engine_api}[endpoint], key)
            self.give(single, endpoint, "profile=open")

        # One port, both ways, at the same time.
        identity = Identity()
        secure, plain = Collector(client_context(), single.collectors, key), Collector(None, single.collectors, key, identity)
        self.addCleanup(secure.close)
        self.addCleanup(plain.close)
        for one in (secure, plain):
            one.send(type="ping")
            one.expect("pong")
        self.assertEqual((200, b"ok\n"), plain_request(single.engine_api)[:2])
        self.assertTrue(s_client(single.engine_api))
        status, _, headers = plain_request(single.engine_api, path="/api/v1/status")
        self.assertEqual((200, None), (status, headers.get("Strict-Transport-Security")))
        log = single.log("engine")
        self.assertRegex(log, r"on engine-collector \[TCP/IP UNPROTECTED\] chancery-collector/1")
        self.assertRegex(log, r"on engine-collector \[TLSv1.3\] chancery-collector/1")
        conditions = lambda: [c["message"] for c in single.control("engine", {"verb": "status"})["conditions"] if c["name"] == "plain text"]
        await_condition(lambda: conditions() == ["1 collectors are connected without TLS"], "the engine says so")
        doctor = single.cli("--json", "doctor")
        self.assertGreaterEqual(doctor.code, 1)
        self.assertIn("connected without TLS", doctor.out)
        self.assertIn("allows plain text", doctor.out)

        # Nothing secret is taken, nothing is changed, no password is asked for.
        for method, path, more in (("GET", "/api/v1/devices", {}), ("GET", "/healthz", {"Authorization": "Basic YTpi"}), ("GET", "/healthz", {"Cookie": "a=b"}),
                                   ("POST", "/api/v1/blocked", {"Content-Length": "0"})):
            status, body, headers = plain_request(single.engine_api, method, path, **more)
            self.assertEqual((403, None), (status, headers.get("WWW-Authenticate")), body)
            self.assertIn(b"plain-text", body)

        # A proof counts once: said again on another connection, made for TLS, or sent back, it is worth nothing.
        class Replay(Collector):
            def hello(self):
                self.send(type="hello", id=identity.id, version="bench", key=text(identity.public), signature=text(self.stolen))

        Replay.stolen = identity.sign(plain.transcript())
        with self.assertRaisesRegex(ConnectionError, "signature-invalid"):
            Replay(None, single.collectors, key)

        class Wrong(Collector):
            labels = {True: SPEAKS[False]}

            def transcript(self, labels=SPEAKS):
                return super().transcript(self.labels)

        with self.assertRaisesRegex(ConnectionError, "signature-invalid"):
            Wrong(None, single.collectors, key)
        Wrong.labels = {True: ANSWERS[True]}
        with self.assertRaisesRegex(ConnectionError, "signature-invalid"):
            Wrong(None, single.collectors, key)
        with self.assertRaisesRegex(ConnectionError, "customer-key-wrong"):
            Collector(None, single.collectors, b"x" * 32)

        class NoNonce(Collector):
            def exchange_nonces(self):
                self.binding = b""

        with self.assertRaises(ConnectionError):
            NoNonce(None, single.collectors, key)
        over_tls = Channel(single.collectors, client_context())
        over_tls.send(type="nonce", nonce=text(bytes(32)))
        with self.assertRaises(ConnectionError, msg="over TLS there is no nonce"):
            over_tls.receive()
        over_tls.close()

        # The portal of a single hands frames on as they are, and the engine's own endpoint decides.
        with self.assertRaises(ConnectionError):
            Collector(None, single.portal, key)
        self.give(single, "engine", "profile=open")
        Collector(None, single.portal, key).close()
        self.assertTrue(s_client(single.portal))

        # Where it may not be.
        self.refused(single, "bad-profile", "endpoint", "set", "console", "profile=open")
        self.refused(single, "bad-profile", "endpoint", "set", "join", "profile=open")
        self.refused(single, "bad-profile", "profile", "set", "default", "required-level=None")
        self.refused(single, "bad-profile", "profile", "set", "open", "client-certificates=require")
        self.refused(single, "in-use", "profile", "delete", "open")

        # Who would be ended by a higher level is known before.
        done = single.cli("--json", "profile", "set", "open", "required-level=TLSNoPeerAuth")
        self.assertEqual((1, "would-break"), (done.code, done.json()["error"]["code"]), done)
        self.assertEqual([(identity.id, "tls-required")], [(e["who"], e["reason"]) for e in done.json()["rehearsal"]["would_break"]], done)
        plain.send(type="ping")
        plain.expect("pong")

        # A higher level ends what is not protected, and nothing else.
        self.set_profile(single, "open", "required-level=TLSNoPeerAuth")
        self.assertEqual("tls-required", self.last_of(plain)["code"])
        secure.send(type="ping")
        secure.expect("pong")
        with self.assertRaises(ConnectionError):
            Collector(None, single.collectors, key)
        self.assertEqual(400, plain_request(single.engine_api)[0], "it says that this port speaks TLS")
        await_condition(lambda: conditions() == [], "and the engine says no more of it")

    @staticmethod
    def last_of(channel):
        last = None
        try:
            while True:
                last = channel.receive()
        except (ConnectionError, OSError):
            return last

    def test_client_certificates(self):
        """A1 to A4, D3: several trusted certificates that overlap, pinned ones, an allow-list, endpoints side by side."""
        single = self.appliance("single").start("engine", "manager")
        old, new, foreign = (self.pki(name=name, intermediates=1) for name in ("old", "new", "foreign"))
        port = free_port_base(1)
        reply = self.set_profile(single, "clients", "client-certificates=require")
        self.assertIn("no-client-trust", [f["code"] for f in reply["report"]["findings"]], "nothing to check them against")
        self.give(single, "engine-clients", f"port={port}", "host=127.0.0.1", "identity=engine", "profile=clients")
        by_old, by_new, stranger = self.client(old, "sensor-1"), self.client(new, "sensor-2"), self.client(foreign, "sensor-3")
        pinned = self.client(foreign, "sensor-4", self_signed=True)[:4]
        side_by_side = lambda: self.assertTrue(s_client(single.engine_api), "the endpoint beside it asks for nothing")

        def takes(*clients, version=()):
            side_by_side()
            return [s_client(port, *each, *version) for each in clients]

        everybody = ([], by_old, by_new, stranger, pinned)
        self.assertEqual([False] * 5, takes(*everybody))
        self.set_profile(single, "clients", "trusted=" + old.root)
        self.assertTrue(os.path.exists(single.file("trust/clients/clients/root.pem")), "it is part of the generation")
        self.assertEqual([False, True, False, False, False], takes(*everybody))
        # Old and new side by side, and a certificate of a client's own.
        self.set_profile(single, "clients", "--trusted", f"{old.root};{new.root};{pinned[1]}")
        shown = single.json("profile", "show", "clients")["trusted"].split(";")
        self.assertEqual(3, len(shown))
        for version in ("-tls1_2", "-tls1_3"):
            self.assertEqual([False, True, True, False, True], takes(*everybody, version=[version]), version)
        log = single.log("engine")
        for name in ("sensor-1", "sensor-2", "sensor-4"):
            self.assertRegex(log, rf"identified 127\.0\.0\.1:\d+ on engine-clients by its certificate as {name}\n")
        self.assertRegex(log, r"refused 127\.0\.0\.1:\d+ on engine-clients: .*\(it calls itself sensor-3\)")
        self.assertIn("presented no client certificate", log)
        self.set_profile(single, "clients", f"trusted={shown[1]}")
        self.assertEqual(["root-2.pem"], os.listdir(single.file("trust/clients/clients")), "what nobody names any more goes")
        self.assertEqual([False, False, True, False, False], takes(*everybody))
        # Asked for, not demanded: without one they come in, with a wrong one they do not.
        self.set_profile(single, "clients", "client-certificates=request")
        self.assertEqual([True, False, True, False, False], takes(*everybody))
        # Mutual TLS by the level alone.
        self.set_profile(single, "clients", "client-certificates=off", "required-level=TLSPeerAuth")
        self.assertEqual([False, False, True, False, False], takes(*everybody))
        # The allow-list sees the common name and every other name.
        named = self.client(new, "other", sans="subjectAltName=DNS:sensor-9.test,email:sensor@example.test\n")
        self.set_profile(single, "clients", "--allow", "sensor-9.test", "--allow", "sensor-2")
        self.assertEqual([True, True], takes(by_new, named), single.log("engine")[-1500:])
        self.assertRegex(single.log("engine"), r"by its certificate as sensor-9\.test\n")
        self.set_profile(single, "clients", "--allow", "sensor@example.test")
        self.assertEqual([False, True], takes(by_new, named))
        self.assertIn("not on the list of allowed names (it calls itself sensor-2)", single.log("engine"))
        # And the audit knows who came, and that others were not let in.
        signed_in = lambda: [r for r in single.json("audit", "show", "--limit", "500")["records"] if "certificate" in str(r)]
        await_condition(lambda: any("sensor-9.test" in str(r) for r in signed_in()), "the audit has their names")
        await_condition(lambda: any("not-allowed" in str(r) for r in single.json("audit", "show", "--limit", "500")["records"]), "and the refusals")

        for words, code in ((("profile", "delete", "clients"), "in-use"), (("profile", "set", "clients", "trusted=trust/none.pem"), "bad-profile"),
                            (("profile", "set", "clients", "trusted=" + old.path("root.key")), "bad-profile")):
            self.refused(single, code, *words)
            self.assertEqual([False, True], takes(by_new, named))
        self.assertEqual(0, single.cli("endpoint", "delete", "engine-clients").code)
        self.assertEqual([], served_chain(port))
        self.assertEqual(0, single.cli("profile", "delete", "clients").code)
        self.assertFalse(os.path.exists(single.file("trust/clients/clients/root-2.pem")))
        side_by_side()


if __name__ == "__main__":
    unittest.main()
