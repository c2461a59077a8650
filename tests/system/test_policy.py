"""Policy and requests on running programs: P12, P15, P29, A7, A8, D4."""
import json
import os
import re
import socket
import subprocess
import threading
import unittest

from harness import BIN, await_condition, file_fingerprints, free_port_base, must, run, served_chain, tree_digest
from policy_stage import PolicyTest, read


def handshake(port, *options):
    """(protocol, cipher, group) of a handshake, or None when the server refuses."""
    out = run("openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", "localhost", *options).stdout.decode(errors="replace")
    found = re.search(r"New, (TLSv1\.\d), Cipher is (\S+)", out)
    if not found or found.group(2) == "(NONE)":
        return None
    group = re.search(r"Server Temp Key: (\w+)", out)
    protocol = re.search(r"Protocol\s*: (TLSv1\.\d)", out)
    return protocol.group(1) if protocol else found.group(1), found.group(2), group.group(1) if group else ""


class Policy(PolicyTest):
    def test_protocol_ciphers_and_groups_of_each_server(self):
        """P15: live, at the next handshake, for the endpoints that use the profile and no other."""
        single = self.appliance("single").start("console", "portal", "engine", "manager")
        default = served_chain(single.console)
        self.assertEqual("TLSv1.2", handshake(single.console, "-tls1_2")[0])
        reply = single.json("profile", "set", "strict", "minimum-protocol=TLSv1.3", "groups=P-384")
        self.assertEqual("done", reply["outcome"])
        self.assertIsNotNone(handshake(single.console, "-tls1_2"), "nobody uses it yet")
        self.assertEqual(0, single.cli("endpoint", "set", "console", "profile=strict").code)
        self.assertIsNone(handshake(single.console, "-tls1_2"))
        self.assertEqual("TLSv1.3", handshake(single.console, "-tls1_3", "-groups", "P-384")[0])
        self.assertIsNone(handshake(single.console, "-tls1_3", "-groups", "X25519"))
        self.assertIsNotNone(handshake(single.portal, "-tls1_2"), "the portal goes on by its own profile")
        self.assertIsNotNone(handshake(single.engine_api, "-groups", "X25519"))
        self.assertEqual(0, single.cli("profile", "set", "strict", "--minimum-protocol", "TLSv1.2", "--groups", "X25519:P-256", "--ciphers",
                                       "ECDHE-ECDSA-AES256-GCM-SHA384:TLS_AES_256_GCM_SHA384").code)
        self.assertEqual(("TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384"), handshake(single.console, "-tls1_2")[:2])
        self.assertEqual(("TLSv1.3", "TLS_AES_256_GCM_SHA384"), handshake(single.console)[:2])
        self.assertIsNone(handshake(single.console, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"))
        self.assertIsNotNone(handshake(single.portal, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"))
        for old in ("-tls1", "-tls1_1"):
            self.assertIsNone(handshake(single.console, old, "-cipher", "ALL:@SECLEVEL=0"))
        self.assertEqual(default, served_chain(single.console), "and the certificate is what it was")
        shown = single.json("profile", "show", "strict")
        self.assertEqual(("TLSv1.2", "X25519:P-256"), (shown["minimum-protocol"], shown["groups"]))

        before = single.in_force(), default
        for words, code in ((["profile", "set", "strict", "minimum-protocol=TLSv1.1"], "bad-setting"), (["profile", "set", "strict", "minimum-protocl=TLSv1.3"], "bad-setting"),
                            (["profile", "set", "strict", "required-level=Some"], "bad-setting"), (["profile", "set", "strict", "required-level=None"], "bad-profile"),
                            (["profile", "set", "strict", "ciphers=NOT-A-CIPHER"], "bad-profile"), (["profile", "set", "unused", "ciphers=NOT-A-CIPHER"], "bad-profile"),
                            (["profile", "set", "unused", "ciphers=eNULL"], "bad-profile"), (["profile", "set", "unused", "ciphers=aNULL"], "bad-profile"),
                            (["profile", "set", "unused", "ciphers=ALL:@SECLEVEL=0"], "bad-profile"), (["profile", "set", "unused", "groups=P-257"], "bad-profile"),
                            (["profile", "set", "unused", "client-certificates=require", "trusted=nowhere.pem"], "not-found"),
                            (["profile", "set", "unused", "client-certificates=require", "trusted=trust/nowhere.pem"], "bad-profile"),
                            (["profile", "set", "../escape", "minimum-protocol=TLSv1.3"], "bad-name"), (["profile", "set", "strict"], "usage"),
                            (["endpoint", "set", "console", "profile=nowhere"], "unknown-profile"), (["endpoint", "set", "console", "identity=nobody"], "unknown-identity"),
                            (["endpoint", "set", "console", "port=70000"], "bad-setting"), (["endpoint", "set", "console", f"port={single.portal}"], "in-use"),
                            (["endpoint", "set", "elsewhere", "port=1", "identity=console"], "bad-endpoint"),
                            (["profile", "delete", "strict"], "in-use"), (["profile", "delete", "nowhere"], "unknown-profile"), (["endpoint", "delete", "console"], "in-use")):
            with self.subTest(" ".join(words)):
                self.expect_error(single.cli("--json", *words), code, 2 if code == "usage" else 1)
                self.assertEqual(before, (single.in_force(), served_chain(single.console)))
        nearest = single.cli("profile", "set", "strict", "minimum-protocl=TLSv1.3")
        self.assertIn("did you mean minimum-protocol?", nearest.err)
        self.assertEqual(0, single.cli("endpoint", "set", "console", "profile=default").code)
        self.assertEqual(0, single.cli("profile", "delete", "strict").code)
        self.assertIsNotNone(handshake(single.console, "-groups", "X25519"))

    def test_an_endpoint_moves_and_closes_live(self):
        single = self.appliance("single").start("console", "engine", "manager")
        free = single.base + 1  # the portal's, which does not run
        self.expect_error(single.cli("--json", "endpoint", "set", "engine-api", f"port={free}"), "in-use")
        self.assertEqual(0, single.cli("endpoint", "set", "engine-api", "enabled=false").code)
        self.assertEqual([], served_chain(single.engine_api))
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", single.engine_api))
            taken.listen()
            before = single.in_force()
            refused = single.cli("--json", "endpoint", "set", "engine-api", "enabled=true")
            self.assertEqual(1, refused.code, refused)
            self.assertTrue(refused.json()["error"]["hint"])
            self.assertEqual(before, single.in_force(), "a port that cannot be opened changes nothing")
        self.assertEqual(0, single.cli("endpoint", "set", "engine-api", "enabled=true").code)
        presented = served_chain(single.engine_api)
        self.assertNotEqual([], presented)
        moved = free_port_base(1)
        reply = single.json("endpoint", "set", "engine-api", f"port={moved}")
        self.assertIn("engine-api", [p["endpoint"].split()[0] for p in reply["proofs"] if p["ok"]])
        self.assertEqual((presented, []), (served_chain(moved), served_chain(single.engine_api)))
        self.assertEqual(0, single.cli("backup", "restore", reply["backup_set"]).code)
        self.assertEqual(([], presented), (served_chain(moved), served_chain(single.engine_api)))

    def test_edits_of_policy_by_hand(self):
        """D4: a valid edit is adopted as a generation and counts; an invalid one is reported and the old stays in force."""
        single = self.appliance("single").start("console")
        path = single.file("profiles/default.toml")
        with open(path) as file:
            good = file.read()
        generation = single.generation()
        digest = tree_digest(os.path.join(single.state, generation))
        with open(path, "w") as file:
            file.write(good.replace("TLSv1.2", "TLSv1.9"))
        doctor = single.cli("--json", "doctor")
        self.assertGreaterEqual(doctor.code, 1)
        self.assertIn("drift", doctor.out)
        self.assertIn("profiles/default.toml", doctor.out)
        refused = single.cli("--json", "generation", "adopt")
        self.assertEqual(1, refused.code, refused)
        self.assertIn("TLSv1.9", refused.out)
        self.assertEqual(generation, single.generation())
        self.assertIsNotNone(handshake(single.console, "-tls1_2"))
        with open(path, "w") as file:
            file.write(good.replace("TLSv1.2", "TLSv1.3"))
        self.assertIsNotNone(handshake(single.console, "-tls1_2"), "not before it is adopted")
        done = single.cli("--json", "generation", "adopt")
        self.assertEqual(0, done.code, done)
        self.assertNotEqual(generation, single.generation())
        self.assertIsNone(handshake(single.console, "-tls1_2"))
        self.assertEqual(0, [g for g in single.json("generation", "list")["generations"] if g["in_force"]][0]["drift"])
        # C1: what was edited is undone by going back to a generation that no edit has reached.
        self.assertEqual(0, single.cli("cert", "csr", "console").code)
        number = int(single.generation().split("/")[1])
        with open(single.file("profiles/default.toml"), "a") as file:
            file.write("# an edit\n")
        self.assertEqual(0, single.cli("generation", "rollback", str(number - 1)).code)
        self.assertNotIn(b"# an edit", read(single.file("profiles/default.toml")))
        self.assertTrue(digest)

    def test_a_request_and_the_certificate_that_comes_back(self):
        """P29: all names, the key stays and waits; the answer is paired with it; any other certificate is key-mismatch."""
        single = self.appliance("single", sans=("localhost", "127.0.0.1", "alias.test")).start("console", "portal", "engine", "manager")
        served = served_chain(single.console)
        made = single.cli("cert", "csr", "portal", "--san", "extra.test", "--key-type", "rsa-2048")
        self.assertEqual(0, made.code, made)
        request = self.write("request.csr", made.out)
        text = must("openssl", "req", "-in", request, "-noout", "-text", "-verify")
        for name in ("DNS:appliance.test", "DNS:localhost", "DNS:alias.test", "DNS:extra.test", "IP Address:127.0.0.1", "2048 bit"):
            self.assertIn(name, text)
        self.assertEqual(served, served_chain(single.console), "asking replaces nothing")
        self.assertEqual(made.out, single.cli("cert", "csr", "portal", "--san", "extra.test", "--key-type", "rsa-2048").out, "asked again: the same request")
        self.assertEqual(0o600, os.stat(single.file("pending/portal/key.pem")).st_mode & 0o777)
        pki = self.pki()
        sans = self.write("sans", "subjectAltName=DNS:appliance.test,DNS:localhost,DNS:alias.test,DNS:extra.test,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n"
                          "keyUsage=critical,digitalSignature\nbasicConstraints=CA:FALSE\n")
        answer = os.path.join(self.folder, "answer.crt")
        must("openssl", "x509", "-req", "-in", request, "-CA", pki.path(pki.issuer + ".crt"), "-CAkey", pki.path(pki.issuer + ".key"), "-CAcreateserial",
             "-days", "90", "-extfile", sans, "-out", answer)
        above = ["--intermediate", pki.intermediates, "--also-trust", pki.root]
        stranger = pki.leaf(["appliance.test", "localhost", "alias.test", "127.0.0.1"])
        before = single.in_force(), served
        for wrong in (["--certificate", pki.path(stranger + ".crt")], ["--certificate", answer, "--key", pki.path(stranger + ".key")]):
            done = single.cli("--json", "cert", "replace", *wrong, *above)
            self.expect_error(done, "key-mismatch")
            self.assertEqual(before, (single.in_force(), served_chain(single.console)))
        self.assertEqual(["portal"], [p["identity"] for p in single.json("cert", "list")["pending"]])
        # One that brings its own key is put in force, and the request goes on waiting for its answer.
        done = single.cli("cert", "replace", "--certificate", pki.path(stranger + ".crt"), "--certificate", pki.path(stranger + ".key"), *above)
        self.assertEqual(0, done.code, done)
        self.assertEqual(["portal"], [p["identity"] for p in single.json("cert", "list")["pending"]])
        done = single.cli("cert", "replace", "--certificate", answer, *above)
        self.assertEqual(0, done.code, done)
        wanted = file_fingerprints(answer) + file_fingerprints(pki.intermediates)
        for port in (single.console, single.portal, single.engine_api):
            self.assertEqual(wanted, served_chain(port))
        self.assertFalse(os.path.exists(single.file("pending/portal/key.pem")), "it waits no more")
        self.assertEqual([], single.json("cert", "list")["pending"])

    def test_each_name_that_does_not_match_is_a_finding_with_both_remedies(self):
        """P12: external and internal names."""
        single = self.appliance("single", name="outside.test", internal_name="inside.test").start("console")
        pki = self.pki()
        leaf = pki.leaf(["else.test"])
        before = single.in_force(), served_chain(single.console)
        done = single.cli("--json", "cert", "replace", *pki.files(leaf))
        self.assertEqual(1, done.code, done)
        mismatches = [f for f in done.json()["report"]["findings"] if f["code"] == "name-mismatch"]
        for name in ("outside.test", "inside.test"):
            found = [f for f in mismatches if name in f["subject"] + f["message"]]
            self.assertEqual(1, len(found), mismatches)
            self.assertIn("DNS", found[0]["hint"])
            self.assertRegex(found[0]["hint"], r"several names|bears|both|SAN")
        self.assertEqual(before, (single.in_force(), served_chain(single.console)))
        # The common name does not count.
        pki.count += 1
        pki._certificate("cn-only", "/CN=outside.test", pki.issuer, "basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n")
        done = single.cli("--json", "cert", "replace", *pki.files("cn-only"))
        self.assertIn("no-san", [f["code"] for f in done.json()["report"]["findings"] if f["severity"] == "error"])
        self.assertEqual(before, (single.in_force(), served_chain(single.console)))

    def probe(self, *arguments):
        done = run(os.path.join(BIN, "chancery"), "--state", os.path.join(self.folder, "nowhere"), "--json", "probe", *map(str, arguments))
        document = json.loads(done.stdout)
        steps = {step["step"]: step for step in document["steps"]}
        self.assertEqual(0 if document["ok"] else 1, done.returncode)
        self.assertTrue(all(step["ok"] or step["hint"] for step in document["steps"]), document)
        return document, steps

    def test_the_diagnosis_step_by_step(self):
        """A8, on real servers of openssl: refused, silent, no TLS, wrong name, missing intermediate, expired, trust, client certificate."""
        pki = self.pki(intermediates=1)
        leaf, elsewhere = pki.leaf(["localhost", "127.0.0.1"]), pki.leaf(["elsewhere.test"])
        pki._certificate("old", "/CN=old", pki.issuer, "basicConstraints=CA:FALSE\nsubjectAltName=DNS:localhost\n", days=1)
        ports = {}

        def serve(name, certificate, *options):
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                ports[name] = free.getsockname()[1]
            process = subprocess.Popen(["openssl", "s_server", "-accept", f"127.0.0.1:{ports[name]}", "-cert", pki.path(certificate + ".crt"), "-key",
                                        pki.path(certificate + ".key"), "-quiet", *options], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.processes.append(process)

        serve("good", leaf, "-cert_chain", pki.intermediates)
        serve("incomplete", leaf)
        serve("wrong-chain", leaf, "-cert_chain", self.pki(name="other", intermediates=0).root)
        serve("other-name", elsewhere, "-cert_chain", pki.intermediates)
        serve("expired", "old", "-cert_chain", pki.intermediates)
        serve("mutual", leaf, "-cert_chain", pki.intermediates, "-Verify", "1", "-verify_return_error", "-CAfile", pki.root)
        for name, port in ports.items():
            await_condition(lambda: served_chain(port), f"{name} serves")
        trust = ["--trust", pki.root]
        document, steps = self.probe(f"localhost:{ports['good']}", *trust)
        self.assertTrue(document["ok"], document)
        self.assertEqual(["name resolution", "tcp", "tls", "client certificate", "chain", "trust", "names", "expiry"], [s["step"] for s in document["steps"]])
        self.assertIn("/etc/hosts", steps["name resolution"]["detail"])
        self.assertEqual(file_fingerprints(pki.path(leaf + ".crt")) + file_fingerprints(pki.intermediates), [c["sha256"] for c in document["chain"]])

        def failing(*arguments):
            document, _ = self.probe(*arguments)
            return [step["step"] for step in document["steps"] if not step["ok"]]

        self.assertEqual(["trust"], failing(f"localhost:{ports['good']}"), "the operating system does not know this root")
        self.assertEqual(["trust"], failing(f"localhost:{ports['incomplete']}", *trust))
        self.assertIn("intermediate", self.probe(f"localhost:{ports['incomplete']}", *trust)[1]["trust"]["hint"])
        self.assertEqual(["chain", "trust"], failing(f"localhost:{ports['wrong-chain']}", *trust))
        self.assertEqual(["names"], failing(f"localhost:{ports['other-name']}", *trust))
        self.assertIn("elsewhere.test", self.probe(f"localhost:{ports['other-name']}", *trust)[1]["names"]["detail"])
        self.assertEqual([], failing(f"localhost:{ports['other-name']}", "--name", "elsewhere.test", *trust))
        self.assertEqual(["client certificate"], failing(f"localhost:{ports['mutual']}", *trust))
        late = run("faketime", "-f", "+40d", os.path.join(BIN, "chancery"), "--state", "/nowhere", "--json", "probe", f"localhost:{ports['expired']}", *trust)
        self.assertEqual(1, late.returncode)
        self.assertEqual(["expiry"], [s["step"] for s in json.loads(late.stdout)["steps"] if not s["ok"]], late)
        with socket.socket() as closed, socket.socket() as plain:
            closed.bind(("127.0.0.1", 0))
            self.assertEqual(["tcp"], failing(f"127.0.0.1:{closed.getsockname()[1]}"))
            plain.bind(("127.0.0.1", 0))
            plain.listen()

            def speak_plain():
                with plain.accept()[0] as link:
                    link.recv(100)
                    link.sendall(b"220 mail.test ESMTP\r\n")

            speaker = threading.Thread(target=speak_plain)
            speaker.start()
            self.assertEqual(["tls"], failing(f"127.0.0.1:{plain.getsockname()[1]}"))
            speaker.join()
        self.assertEqual(["name resolution"], failing("no-such-host.invalid:443"))
        wrong = run(os.path.join(BIN, "chancery"), "--state", "/nowhere", "--json", "probe", "localhost:99999")
        self.assertEqual((1, "bad-address"), (wrong.returncode, json.loads(wrong.stdout)["error"]["code"]))


if __name__ == "__main__":
    unittest.main()
