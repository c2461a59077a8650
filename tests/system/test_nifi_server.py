"""NiFi mode's server, against a client by the wire facts: X7, threats 1, 2 and 45."""
import base64
import json
import os
import signal
import socket
import ssl
import subprocess
import unittest

from harness import BIN, await_condition, free_port_base, must, served_chain, tree_digest
from nifi_peer import KEYTOOL, MIB, TOKEN, Nifi, content, mac


class Server(Nifi):
    def leaf(self, reply, name="leaf.pem"):
        return self.write(name, reply["pemEncodedCertificate"].encode())

    def test_a_client_by_the_wire_facts(self):
        server = self.serve()
        csr = self.csr("/OU=NIFI/CN=node9.test", "subjectAltName=DNS:node9.test,DNS:node9.lan,IP:192.0.2.9")
        status, reply = self.ask(server.port, csr)
        self.assertEqual((200, {"hmac", "pemEncodedCertificate"}), (status, set(reply)))
        ca = self.at("ca/nifi-ca-cert.pem")
        self.assertEqual([self.sha256(ca)], served_chain(server.port))
        self.assertEqual(mac(TOKEN, "x509", content(ca)), reply["hmac"])
        leaf = self.leaf(reply)
        must("openssl", "verify", "-x509_strict", "-CAfile", ca, leaf)
        self.assertEqual(must("openssl", "req", "-in", self.write("c", csr), "-noout", "-pubkey"), must("openssl", "x509", "-in", leaf, "-noout", "-pubkey"))
        text = must("openssl", "x509", "-in", leaf, "-noout", "-text")
        for fact in ("Signature Algorithm: sha256WithRSAEncryption", "Issuer: OU = NIFI, CN = localhost", "Subject: OU = NIFI, CN = node9.test",
                     "DNS:node9.test, DNS:node9.lan, IP Address:192.0.2.9"):
            self.assertIn(fact, text)
        for name, key in (("ca/nifi-ca-keystore.jks", None), ("ca/nifi-ca-keystore.password", None), ("ca/nifi-ca-cert.pem", None)):
            self.assertEqual(0o600, os.stat(self.at(name)).st_mode & 0o7777)
        with open(self.at("ca/nifi-ca-keystore.password")) as file:
            listed = self.keytool("-list", "-v", "-keystore", self.at("ca/nifi-ca-keystore.jks"), "-storetype", "jks", "-storepass", file.read().strip())
        self.assertIn("Alias name: nifi-key", listed)

    def test_refusals_in_the_protocols_own_words(self):
        server = self.serve()
        csr = self.csr()
        good = {"hmac": mac(TOKEN, "req", csr), "csr": csr.decode()}
        missing_mac = (400, {"error": "hmac field must be set"})
        missing_csr = (400, {"error": "csr field must be set"})
        forbidden = (403, {"error": "forbidden"})
        for body, expected in [({"csr": good["csr"]}, missing_mac), ({**good, "hmac": None}, missing_mac), ({**good, "hmac": ""}, missing_mac), ({}, missing_mac),
                               ({"hmac": good["hmac"]}, missing_csr), ({**good, "csr": None}, missing_csr), ({**good, "csr": ""}, missing_csr),
                               ({**good, "hmac": mac("another token of 16 bytes", "req", csr)}, forbidden), ({**good, "hmac": "AAAA"}, forbidden),
                               # An answer of the CA's own is no request (reflection).
                               ({**good, "hmac": mac(TOKEN, "x509", content(self.at("ca/nifi-ca-cert.pem")))}, forbidden)]:
            self.assertEqual(expected, self.post(server.port, json.dumps(body)), body)
        for body in ("", "no json", "[]", '"text"', '{"hmac":1,"csr":"x"}', '{"hmac":"!","csr":"x"}', json.dumps({"hmac": {"a": 1}, "csr": "x"}), "[" * 50000,
                     json.dumps({**good, "csr": "nothing"}), b"\xff\xfe"):
            status, reply = self.post(server.port, body)
            self.assertEqual((400, {"error"}), (status, set(reply)), body[:80])
        self.assertEqual(405, self.post(server.port, None, method="GET")[0])
        self.assertEqual(404, self.post(server.port, json.dumps(good), path="/other")[0])
        self.assertEqual(411, self.post(server.port, iter([b"x"]))[0])
        self.assertEqual(200, self.post(server.port, json.dumps(good), headers={"Expect": "100-continue"})[0])

    def test_one_mebibyte_and_not_a_byte_more(self):
        server = self.serve()
        csr = self.csr()
        body = json.dumps({"hmac": mac(TOKEN, "req", csr), "csr": csr.decode()})
        self.assertEqual(200, self.post(server.port, body.ljust(MIB))[0])
        status, reply = self.post(server.port, body.ljust(MIB + 1))
        self.assertEqual((413, {"error"}), (status, set(reply)))
        self.assertEqual(200, self.post(server.port, body)[0])

    def test_hostile_requests_get_a_plain_leaf_or_none(self):
        server = self.serve()
        ca = self.at("ca/nifi-ca-cert.pem")
        wanted = ["basicConstraints=critical,CA:TRUE,pathlen:3", "keyUsage=critical,keyCertSign,cRLSign", "extendedKeyUsage=codeSigning,OCSPSigning",
                  "nameConstraints=permitted;DNS:evil.test", "1.2.3.4.5=ASN1:UTF8String:smuggled", "certificatePolicies=2.23.140.1.2.1"]
        status, reply = self.ask(server.port, self.csr("/OU=NIFI/CN=node9.test", *wanted))
        self.assertEqual(200, status, reply)
        leaf = self.leaf(reply)
        must("openssl", "verify", "-x509_strict", "-CAfile", ca, leaf)
        text = must("openssl", "x509", "-in", leaf, "-noout", "-text").split("X509v3 extensions:")[1]
        heads = [line.strip().split(":")[0] for line in text.splitlines() if line.startswith("            ") and not line.startswith("             ")]
        self.assertEqual(sorted(["X509v3 Basic Constraints", "X509v3 Key Usage", "X509v3 Extended Key Usage", "X509v3 Subject Key Identifier",
                                 "X509v3 Authority Key Identifier", "X509v3 Subject Alternative Name"]), sorted(heads))
        self.assertIn("CA:FALSE", text)
        self.assertIn("TLS Web Server Authentication, TLS Web Client Authentication", text)
        for word in ("CA:TRUE", "Certificate Sign", "Code Signing", "smuggled", "evil"):
            self.assertNotIn(word, text)

        for subject, extensions, bits in [("/OU=NIFI/CN=*.test", [], 2048), ("/OU=NIFI", [], 2048), ("/CN=a.test/CN=b.test", [], 2048),
                                          ("/CN=a.test/emailAddress=a@b.test", [], 2048), ("/CN=<script>", [], 2048), ("/CN=two words", [], 2048),
                                          ("/CN=a.test/O=" + "line\x07", [], 2048),
                                          ("/CN=a.test", ["subjectAltName=DNS:*.test"], 2048), ("/CN=a.test", ["subjectAltName=email:a@b.test"], 2048),
                                          ("/CN=a.test", ["subjectAltName=URI:chancery://fed/member/secondary/a.test"], 2048),
                                          ("/CN=a.test", ["subjectAltName=" + ",".join(f"DNS:n{number}.test" for number in range(101))], 2048),
                                          ("/CN=a.test", [], 1024)]:
            status, reply = self.ask(server.port, self.csr(subject, *extensions, bits=bits))
            self.assertEqual((400, {"error"}), (status, set(reply)), subject)

    def test_the_requests_own_signature_is_checked(self):
        """What the toolkit's CA never does: the HMAC is right, the key is not the sender's."""
        server = self.serve()
        csr = self.csr()
        der = bytearray(subprocess.run(["openssl", "req", "-outform", "DER"], input=csr, stdout=subprocess.PIPE, check=True).stdout)
        der[-1] ^= 1
        altered = b"-----BEGIN CERTIFICATE REQUEST-----\n" + base64.encodebytes(bytes(der)) + b"-----END CERTIFICATE REQUEST-----\n"
        status, reply = self.ask(server.port, altered)
        self.assertEqual((400, {"error"}), (status, set(reply)))
        self.assertIn("signature", reply["error"])
        self.assertEqual(200, self.ask(server.port, csr)[0])

    def test_guessing_is_slowed_down_and_logged_without_secrets(self):
        """Threat 1, as far as this protocol lets it be kept: one answer to all, an end after ten, others unharmed."""
        server = self.serve()
        csr = self.csr()
        wrong = json.dumps({"hmac": mac("another token of 16 bytes", "req", csr), "csr": csr.decode()})
        self.assertEqual({(403, '{"error": "forbidden"}')}, {(status, json.dumps(reply)) for status, reply in (self.post(server.port, wrong) for _ in range(40))})
        # The right token does not help this address now; it looks like a wrong one.
        self.assertEqual((403, {"error": "forbidden"}), self.ask(server.port, csr))
        self.assertEqual(200, self.ask(server.port, csr, source="127.0.0.2")[0])
        log = self.read(server.log)
        self.assertEqual(10, log.count("refused, wrong token"))
        self.assertEqual(31, log.count("refused, too many wrong tokens from this address"))
        self.assertEqual(1, log.count("certified CN=node9.test"))
        for secret in (TOKEN, mac(TOKEN, "req", csr), mac(TOKEN, "x509", content(self.at("ca/nifi-ca-cert.pem")))):
            self.assertNotIn(secret, log)

    def test_it_ends_at_sigterm_and_comes_back_as_the_same_ca(self):
        server = self.serve()
        # One that has connected and says nothing does not hold it up.
        silent = socket.create_connection(("127.0.0.1", server.port))
        self.addCleanup(silent.close)
        server.send_signal(signal.SIGTERM)
        self.assertEqual(0, server.wait(timeout=15))
        before = tree_digest(self.at("ca"))
        again = self.serve(port=server.port)
        self.assertTrue(server.told["created"])
        self.assertFalse(again.told["created"])
        self.assertEqual(server.told["ca"]["sha256"], again.told["ca"]["sha256"])
        done = self.chancery("federation", "nifi", "serve", "--hostname", "elsewhere.test", "--port", 0, "--token-file", self.token, "--directory", self.at("ca"), exit=1)
        self.assertEqual("name-mismatch", done["error"]["code"])
        self.assertEqual(before, tree_digest(self.at("ca")))

    def test_a_keystore_of_the_toolkits_kind_goes_on_as_the_ca(self):
        os.mkdir(self.at("ca"))
        must(*KEYTOOL, "-genkeypair", "-alias", "nifi-key", "-keyalg", "RSA", "-keysize", "2048", "-sigalg", "SHA256withRSA", "-validity", "825",
             "-dname", "CN=localhost, OU=NIFI", "-ext", "bc=ca:true", "-ext", "ku=digitalSignature,keyCertSign", "-storetype", "JKS",
             "-storepass", "changeit", "-keypass", "changeit", "-keystore", self.at("ca/nifi-ca-keystore.jks"))
        self.write("ca/nifi-ca-keystore.password", b"changeit\n")
        server = self.serve()
        self.assertFalse(server.told["created"])
        self.enrol(server.port)
        ca = self.write("ca.pem", self.keytool("-exportcert", "-rfc", "-alias", "nifi-key", "-keystore", self.at("ca/nifi-ca-keystore.jks"), "-storepass", "changeit").encode())
        self.assertEqual(self.sha256(ca), self.sha256(self.at("node/nifi-cert.pem")))


class Apart(Nifi):
    def spoken_as_member(self, appliance, certificate, key):
        """What an appliance answers to whoever comes as a member of the federation with this certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.load_cert_chain(certificate, key)
        context.set_alpn_protocols(["chancery-member/1"])
        try:
            with socket.create_connection(("127.0.0.1", appliance.portal), timeout=20) as link, context.wrap_socket(link, server_hostname="localhost") as session:
                session.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                return session.recv(1000)
        except ssl.SSLError as refusal:
            return refusal

    def test_a_nifi_leaf_is_nobody_in_the_federation(self):
        """Threat 45."""
        appliance = self.appliance("single").start()
        server = self.serve()
        before = appliance.in_force()
        csr = self.csr("/OU=NIFI/CN=appliance.test", "subjectAltName=DNS:appliance.test,DNS:localhost,IP:127.0.0.1")
        status, reply = self.ask(server.port, csr)
        self.assertEqual(200, status)
        leaf, key = self.write("leaf.pem", reply["pemEncodedCertificate"].encode()), self.at("node9.key")
        chain = self.write("chain.pem", content(leaf) + content(self.at("ca/nifi-ca-cert.pem")))
        # As a member: the appliance's own member certificate shows that the way is open to one.
        own = self.spoken_as_member(appliance, appliance.file("identities/member/fullchain.pem"), appliance.file("identities/member/key.pem"))
        self.assertIsInstance(own, bytes)
        self.assertTrue(own.startswith(b"HTTP/1.1 "), own)
        for certificate in (leaf, chain):
            refused = self.spoken_as_member(appliance, certificate, key)
            self.assertIsInstance(refused, ssl.SSLError, refused)
            self.assertIn("unknown ca", str(refused).lower())
        # As an engine, to whoever trusts the federation.
        port = free_port_base(1)
        process = subprocess.Popen(["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", leaf, "-key", key, "-cert_chain", self.at("ca/nifi-ca-cert.pem"), "-quiet"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.processes.append(process)
        await_condition(lambda: served_chain(port), "the false engine answers")
        probed = appliance.cli("--json", "probe", f"localhost:{port}", "--trust", appliance.root())
        self.assertEqual(1, probed.code, probed)
        self.assertEqual(["trust"], [step["step"] for step in probed.json()["steps"] if not step["ok"]])
        good = appliance.cli("--json", "probe", f"localhost:{appliance.portal}", "--trust", appliance.root())
        self.assertEqual(0, good.code, good)
        # Nor is it taken as this appliance's own by accident.
        self.assertEqual(1, appliance.cli("cert", "replace", "--certificate", leaf, "--key", key).code)
        self.assertEqual(before, appliance.in_force())

    def test_the_help_names_the_weaknesses(self):
        for verb in ("serve", "enrol"):
            text = " ".join(must(os.path.join(BIN, "chancery"), "help", "federation", "nifi", verb).split())
            for word in ("Weaker than `federation join`", "good for any name", "never ends", "guess"):
                self.assertIn(word, text)
        self.assertIn("It is off unless this command runs", " ".join(must(os.path.join(BIN, "chancery"), "help", "federation", "nifi", "serve").split()))

if __name__ == "__main__":
    unittest.main()
