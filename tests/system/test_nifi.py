"""NiFi mode's client, against our server and one by the wire facts: X5 to X8, threats 2 and 3."""
import calendar
import json
import os
import subprocess
import time
import unittest

from harness import BIN, must, tree_digest
from nifi_peer import MIB, TOKEN, Nifi, ToolkitServer, content


class Stores(Nifi):
    def check_stores(self, ca_pem, directory="node", owner="CN=node1.test, OU=NIFI"):
        """What keytool sees with the passwords of config.json."""
        self.assertEqual(["config.json", "keystore.jks", "nifi-cert.pem", "truststore.jks"], sorted(os.listdir(self.at(directory))))
        for name in os.listdir(self.at(directory)):
            self.assertEqual(0o600, os.stat(os.path.join(self.at(directory), name)).st_mode & 0o7777, name)
        with open(os.path.join(self.at(directory), "config.json")) as file:
            config = json.load(file)
        self.assertNotIn(TOKEN, json.dumps(config))
        ca = self.sha256(ca_pem).upper()
        ca = ":".join(ca[at:at + 2] for at in range(0, 64, 2))
        keys = self.keytool("-list", "-v", "-keystore", os.path.join(self.at(directory), config["keyStore"]), "-storetype", config["keyStoreType"],
                            "-storepass", config["keyStorePassword"])
        for fact in ("Your keystore contains 1 entry", "Alias name: nifi-key", "Entry type: PrivateKeyEntry", "Certificate chain length: 2", ca,
                     f"Owner: {owner}", "Signature algorithm name: SHA256withRSA", "2048-bit RSA key"):
            self.assertIn(fact, keys)
        # The key itself opens with keyPassword.
        request = self.keytool("-certreq", "-alias", "nifi-key", "-keystore", os.path.join(self.at(directory), config["keyStore"]),
                               "-storepass", config["keyStorePassword"], "-keypass", config["keyPassword"])
        self.assertIn("BEGIN NEW CERTIFICATE REQUEST", request)
        trust = self.keytool("-list", "-v", "-keystore", os.path.join(self.at(directory), config["trustStore"]), "-storetype", config["trustStoreType"],
                             "-storepass", config["trustStorePassword"])
        for fact in ("Your keystore contains 1 entry", "Alias name: nifi-cert", "Entry type: trustedCertEntry", ca):
            self.assertIn(fact, trust)
        self.assertEqual(self.sha256(ca_pem), self.sha256(os.path.join(self.at(directory), "nifi-cert.pem")))
        return config

    def test_our_client_and_our_server(self):
        server = self.serve()
        done = self.enrol(server.port, "--san", "node1.lan", "--san", "192.0.2.7")
        self.assertFalse(done["already"])
        self.assertEqual(server.told["ca"]["sha256"], done["ca"]["sha256"])
        self.assertEqual(["node1.test", "node1.lan", "192.0.2.7"], done["certificate"]["sans"])
        self.check_stores(self.at("ca/nifi-ca-cert.pem"))

    def test_our_client_at_a_server_by_the_wire_facts(self):
        ca = self.self_signed("toolkit")
        server = ToolkitServer(self, *ca)
        done = self.enrol(server.port, "--san", "node1.lan")
        self.assertEqual(["node1.test", "node1.lan"], done["certificate"]["sans"])
        self.assertEqual(825, round((self.seconds(done["certificate"]["not_after"]) - self.seconds(done["certificate"]["not_before"])) / 86400))
        [(path, body)] = server.seen
        self.assertEqual("/", path)
        asked = json.loads(body)
        self.assertEqual({"hmac", "csr"}, set(asked))
        self.assertIn("-----BEGIN CERTIFICATE REQUEST-----", asked["csr"])
        self.assertNotIn(TOKEN, body.decode())
        must("openssl", "req", "-in", self.at("asked.csr"), "-noout", "-verify")
        config = self.check_stores(ca[0])
        self.assertEqual("localhost", config["caHostname"])

    def seconds(self, text):
        return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))

    def test_a_key_that_is_there_asks_for_nothing(self):
        server = ToolkitServer(self, *self.self_signed("toolkit"))
        self.enrol(server.port)
        before = tree_digest(self.at("node"))
        self.assertTrue(self.enrol(server.port)["already"])
        self.assertEqual(1, len(server.seen))
        # Another name is no reason to touch it either.
        self.assertEqual("already-exists", self.enrol(server.port, dn="CN=node2.test, OU=NIFI", hostname="node2.test", exit=1)["code"])
        self.assertEqual(1, len(server.seen))
        self.assertEqual(before, tree_digest(self.at("node")))

    def test_files_of_others_are_left_alone_and_nothing_is_asked(self):
        server = ToolkitServer(self, *self.self_signed("toolkit"))
        for name in ("truststore.jks", "config.json", "keystore.jks", "anything"):
            os.mkdir(self.at("node"))
            self.write("node/" + name, b"mine")
            before = tree_digest(self.at("node"))
            self.assertIn(self.enrol(server.port, exit=1)["code"], ("already-exists", "not-a-keystore"))
            self.assertEqual(before, tree_digest(self.at("node")))
            must("rm", "-r", self.at("node"))
        self.write("node", b"a file")
        self.enrol(server.port, exit=1)
        self.assertEqual("a file", self.read(self.at("node")))
        self.assertEqual([], server.seen)

    def test_an_empty_folder_keeps_its_mode(self):
        server = ToolkitServer(self, *self.self_signed("toolkit"))
        os.mkdir(self.at("node"))
        os.chmod(self.at("node"), 0o750)
        self.enrol(server.port)
        self.assertEqual(0o750, os.stat(self.at("node")).st_mode & 0o7777)
        self.assertEqual(4, len(os.listdir(self.at("node"))))

    def test_killed_while_writing_leaves_nothing_or_all(self):
        server = ToolkitServer(self, *self.self_signed("toolkit"))
        points = [("fsync", when) for when in range(1, 7)] + [("/^rename", 1), ("/^mkdir", 1)]
        for call, when in points:
            with self.subTest(call=call, when=when):
                subprocess.run(["strace", "-f", "-o", "/dev/null", "-e", f"inject={call}:signal=KILL:when={when}", os.path.join(BIN, "chancery"), "federation",
                                "nifi", "enrol", "--ca-hostname", "localhost", "--port", str(server.port), "--token-file", self.token, "--dn",
                                "CN=node1.test, OU=NIFI", "--hostname", "node1.test", "--directory", self.at("node")],
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
                if os.path.exists(self.at("node")):
                    self.assertEqual(4, len(os.listdir(self.at("node"))))
                self.enrol(server.port)
                self.assertEqual(4, len(os.listdir(self.at("node"))))
                self.assertEqual([], [name for name in os.listdir(self.folder) if "unfinished" in name])
                must("rm", "-r", self.at("node"))


class Client(Nifi):
    def test_a_relay_is_found_out_and_nothing_is_written(self):
        """Threat 3: everything is passed on unchanged, and the CA answers with the right HMAC."""
        server = self.serve()
        answers = []

        def forward(_, body):
            status, reply = self.post(server.port, body)
            answers.append(status)
            return status, json.dumps(reply).encode()

        relay = ToolkitServer(self, *self.self_signed("relay"), behave=forward)
        error = self.enrol(relay.port, exit=1)
        self.assertEqual([200], answers)
        self.assertEqual("relay-suspected", error["code"])
        self.assertIn(self.sha256(self.at("relay.pem"))[:16], error["message"])
        self.nothing_written()
        self.enrol(server.port)

    def test_a_cn_that_is_not_the_host_stops_before_anything_is_sent(self):
        server = ToolkitServer(self, *self.self_signed("toolkit"))
        error = self.enrol(server.port, hostname="another.test", exit=1)
        self.assertEqual("host-mismatch", error["code"])
        done = self.chancery("federation", "nifi", "enrol", "--ca-hostname", "localhost", "--port", server.port, "--token-file", self.token,
                             "--dn", "CN=surely-not-this-host.test, OU=NIFI", "--directory", self.at("node"), exit=1)
        self.assertEqual("host-mismatch", done["error"]["code"])
        for dn in ("OU=NIFI", "CN=*.test", "CN=a b", "nonsense", "CN=node1.test, CN=node1.test"):
            self.assertEqual("bad-name", self.enrol(server.port, dn=dn, exit=1)["code"], dn)
        self.assertEqual([], server.seen)
        self.nothing_written()

    def test_a_server_that_is_not_the_ca_by_name_gets_nothing(self):
        named = ToolkitServer(self, *self.self_signed("named", cn="elsewhere.test"))
        self.assertEqual("name-mismatch", self.enrol(named.port, exit=1)["code"])
        # A chain of two, and a leaf alone whose CN fits.
        pki = self.pki("rsa", intermediates=0)
        leaf = pki.leaf(["localhost"])
        both = self.write("both.pem", content(pki.path(leaf + ".crt")) + content(pki.path("root.crt")))
        for certificate in (both, pki.path(leaf + ".crt")):
            server = ToolkitServer(self, certificate, pki.path(leaf + ".key"), ca=(pki.path("root.crt"), pki.path("root.key")))
            self.assertEqual("untrusted-root", self.enrol(server.port, exit=1)["code"])
            self.assertEqual([], server.seen)
        self.assertEqual([], named.seen)
        self.nothing_written()

    def test_replies_that_prove_nothing_write_nothing(self):
        ca = self.self_signed("toolkit")
        other = self.self_signed("other")
        asked = lambda body: json.loads(body)["csr"].encode()
        another = self.csr("/OU=NIFI/CN=node1.test", name="another")

        def foreign(server, body):
            with_other = ToolkitServer.__new__(ToolkitServer)
            with_other.test, (with_other.certificate, with_other.key) = self, other
            return server.reply(with_other.sign(asked(body)))

        cases = {
            "another token": (lambda server, body: server.reply(server.sign(asked(body)), token="another token of 16 bytes"), "relay-suspected"),
            "the key of another CA": (lambda server, body: server.reply(server.sign(asked(body)), own=other[0]), "relay-suspected"),
            "the request's own HMAC": (lambda server, body: (200, json.dumps({"hmac": json.loads(body)["hmac"], "pemEncodedCertificate": server.sign(asked(body)).decode()}).encode()), "relay-suspected"),
            "no HMAC": (lambda server, body: (200, json.dumps({"pemEncodedCertificate": server.sign(asked(body)).decode()}).encode()), "relay-suspected"),
            "signed by another": (foreign, "reply-invalid"),
            "another key": (lambda server, body: server.reply(server.sign(another)), "reply-invalid"),
            "the CA itself": (lambda server, body: server.reply(content(ca[0])), "reply-invalid"),
            "a CA": (lambda server, body: server.reply(server.sign(asked(body), extra="basicConstraints=CA:TRUE\n")), "reply-invalid"),
            "no certificate": (lambda server, body: server.reply(b"none"), "reply-invalid"),
            "damaged": (lambda server, body: server.reply(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "reply-invalid"),
            "no JSON": (lambda server, body: (200, b"<html>"), "reply-invalid"),
            "nested JSON": (lambda server, body: (200, b"[" * 100000), "reply-invalid"),
            "more than 1 MiB": (lambda server, body: (200, b" " * (MIB + 1)), "too-large"),
            "forbidden": (lambda server, body: (403, b'{"error":"forbidden"}'), "token-refused"),
            "an error": (lambda server, body: (400, b'{"error":"csr field must be set\\u001b[31m"}'), "enrolment-refused"),
        }
        for name, (behave, code) in cases.items():
            with self.subTest(name):
                server = ToolkitServer(self, *ca, behave=behave)
                error = self.enrol(server.port, directory=name, exit=1)
                self.assertEqual(code, error["code"], error)
                self.assertNotIn("\x1b", error["message"])
                self.assertEqual(1, len(server.seen))
                self.nothing_written(name)

    def test_another_name_or_time_in_the_certificate_is_refused(self):
        ca = self.self_signed("toolkit")

        def renamed(server, body):
            request = self.write("renamed.csr", json.loads(body)["csr"].encode())
            return server.reply(subprocess.run(["openssl", "x509", "-req", "-in", request, "-CA", ca[0], "-CAkey", ca[1], "-set_serial", "1", "-subj", "/CN=node2.test"],
                                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout)

        def over(server, body):
            request = self.write("over.csr", json.loads(body)["csr"].encode())
            return server.reply(subprocess.run(["faketime", "2020-01-01", "openssl", "x509", "-req", "-in", request, "-CA", ca[0], "-CAkey", ca[1], "-set_serial", "1", "-days", "5"],
                                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout)

        for behave in (renamed, over):
            self.assertEqual("reply-invalid", self.enrol(ToolkitServer(self, *ca, behave=behave).port, exit=1)["code"])
            self.nothing_written()

    def test_a_token_of_15_bytes_goes_nowhere(self):
        server = ToolkitServer(self, *self.self_signed("toolkit"))
        short = self.write("short", b"fifteen bytes..\n")
        self.assertEqual("token-too-short", self.enrol(server.port, token=short, exit=1)["code"])
        self.assertEqual([], server.seen)
        self.nothing_written()
        done = self.chancery("federation", "nifi", "serve", "--hostname", "localhost", "--port", 0, "--token-file", short, "--directory", self.at("ca"), exit=1)
        self.assertEqual("token-too-short", done["error"]["code"])
        self.nothing_written("ca")
        # Sixteen are enough.
        sixteen = self.write("sixteen", b"sixteen bytes...\n")
        ours = self.serve(token=sixteen)
        self.enrol(ours.port, token=sixteen)

if __name__ == "__main__":
    unittest.main()
