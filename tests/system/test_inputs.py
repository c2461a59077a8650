"""Files of every kind into `cert check` and `cert replace`: P10, P11, T1, T2, T8, A5, A7, C3, and the JSON of contract.md, strictly."""
import json
import os
import re
import subprocess
import unittest

from harness import BIN, Done, SystemTest, file_fingerprints, must, run, served_chain

NAMES = ["appliance.test", "localhost"]
RFC3339 = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"
FINDING = {"code", "severity", "subject", "message", "hint"}


def write(path, data, mode=0o600):
    with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, mode), "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())
    return path


def read(path):
    with open(path, "rb") as file:
        return file.read()


class Files(SystemTest):
    """What stands on files alone, without and with an appliance."""

    def check(self, *arguments, state=None, stdin=None):
        done = subprocess.run([os.path.join(BIN, "chancery"), "--state", state or os.path.join(self.folder, "nowhere"), "--json",
                               "cert", "check", *map(str, arguments)], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
                              stdin=None if stdin is not None else subprocess.DEVNULL)
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    def expect_certificate(self, certificate):
        self.assertEqual({"subject", "issuer", "serial", "sans", "not_before", "not_after", "sha256", "key", "ca", "self_issued"}, set(certificate))
        self.assertEqual({"type", "bits"}, set(certificate["key"]))
        self.assertIsInstance(certificate["key"]["bits"], int)
        self.assertIsInstance(certificate["sans"], list)
        self.assertIs(bool, type(certificate["ca"]))
        self.assertIs(bool, type(certificate["self_issued"]))
        for time in ("not_before", "not_after"):
            self.assertRegex(certificate[time], RFC3339)
        self.assertRegex(certificate["sha256"], r"^[0-9a-f]{64}$")

    def expect_report(self, report):
        self.assertEqual({"verdict", "findings", "chain"}, set(report))
        self.assertIn(report["verdict"], ("accept", "warn", "refuse"))
        severities = []
        for finding in report["findings"]:
            self.assertEqual(FINDING, set(finding))
            self.assertIn(finding["severity"], ("error", "warning", "info"))
            self.assertTrue(finding["message"] and finding["hint"], finding)
            severities.append(finding["severity"])
        worst = "refuse" if "error" in severities else "warn" if "warning" in severities else "accept"
        self.assertEqual(worst, report["verdict"])
        self.assertEqual(severities, sorted(severities, key=["error", "warning", "info"].index), "worst first")
        for certificate in report["chain"]:
            self.expect_certificate(certificate)

    def expect_error(self, done, code, exit=1):
        """The error document of every failing command: one JSON document on stdout, with its way out."""
        self.assertEqual(exit, done.code, done)
        error = done.json()["error"]
        self.assertLessEqual({"code", "message", "hint"}, set(error))
        self.assertTrue(error["message"] and error["hint"], done)
        self.assertEqual(code, error["code"], done)

    def variants(self, pki, leaf):
        """Name -> (arguments, codes that must be found, codes that must not)."""
        crt, key, root, above = pki.path(leaf + ".crt"), pki.path(leaf + ".key"), pki.root, pki.intermediates
        made = lambda name: os.path.join(self.folder, pki.kind + leaf, name)
        os.makedirs(made(""), exist_ok=True)
        passphrase = write(made("pass"), "correct horse\n")
        must("openssl", "x509", "-in", crt, "-outform", "DER", "-out", made("leaf.pem"))
        must("openssl", "pkey", "-in", key, "-outform", "DER", "-out", made("key.crt"))
        whole = write(made("whole.pem"), read(crt) + read(above))
        must("openssl", "crl2pkcs7", "-nocrl", "-certfile", whole, "-out", made("leaf.p7b"))
        must("openssl", "crl2pkcs7", "-nocrl", "-certfile", whole, "-outform", "DER", "-out", made("leaf.key"))
        for name, more in (("modern.pfx", []), ("windows.txt", ["-legacy", "-certpbe", "PBE-SHA1-RC2-40", "-keypbe", "PBE-SHA1-3DES"])):
            must("openssl", "pkcs12", "-export", "-in", crt, "-inkey", key, "-certfile", above, "-out", made(name), "-passout", "file:" + passphrase, *more)
        must("openssl", "pkcs8", "-topk8", "-v2", "aes-256-cbc", "-in", key, "-out", made("encrypted8.pem"), "-passout", "file:" + passphrase)
        tool = "rsa" if pki.kind == "rsa" else "ec"
        must("openssl", tool, "-in", key, "-aes256", *(["-traditional"] if tool == "rsa" else []), "-out", made("encrypted1.pem"), "-passout", "file:" + passphrase)
        if tool == "ec":
            parameters = must("openssl", "ecparam", "-name", "prime256v1")
            write(made("old.pem"), parameters + must("openssl", "ec", "-in", key))
        else:
            must("openssl", "rsa", "-in", key, "-traditional", "-out", made("old.pem"))
        crlf = {name: write(made("crlf-" + os.path.basename(name)), read(name).replace(b"\n", b"\r\n")) for name in (crt, key, above)}
        bom = write(made("bom.pem"), b"\xef\xbb\xbf" + read(crt))
        cut = write(made("no-newline.pem"), read(crt).rstrip(b"\n"))
        text = write(made("bag.pem"), b"Bag Attributes\n    friendlyName: x\nsubject=CN = x\n\n" + read(crt))
        parts = read(above).split(b"-----END CERTIFICATE-----\n")
        upside = write(made("upside-down.pem"), read(root) + parts[1] + b"-----END CERTIFICATE-----\n" + parts[0] + b"-----END CERTIFICATE-----\n" + read(crt))
        twice = write(made("twice.pem"), read(above) + read(above))
        must("openssl", "x509", "-in", crt, "-trustout", "-out", made("trusted.pem"))
        delivery = made("delivery")
        os.makedirs(delivery, exist_ok=True)
        for name, source in (("server.crt", crt), ("server.key", key), ("chain", above), ("ca.crt", root)):
            write(os.path.join(delivery, name), read(source))
        write(os.path.join(delivery, "README.txt"), "the three files of your PKI\n")
        write(os.path.join(delivery, ".hidden"), "nothing\n")
        parted = ["--key", key, "--intermediate", above]
        unlock = ["--passphrase-file", passphrase]
        return {
            "DER under misleading names": (["--certificate", made("leaf.pem"), "--key", made("key.crt"), "--intermediate", above], {"converted-from-der"}, set()),
            "PKCS#7 in PEM": (["--certificate", made("leaf.p7b"), "--key", key], {"converted-from-pkcs7"}, set()),
            "PKCS#7 in DER, called .key": (["--certificate", made("leaf.key"), "--key", key], {"converted-from-pkcs7"}, set()),
            "PKCS#12": (["--certificate", made("modern.pfx"), *unlock], {"converted-from-pkcs12"}, {"legacy-encryption"}),
            "PKCS#12 of old Windows": (["--certificate", made("windows.txt"), *unlock], {"converted-from-pkcs12", "legacy-encryption"}, set()),
            "encrypted PKCS#8": (["--certificate", crt, "--key", made("encrypted8.pem"), "--intermediate", above, *unlock], set(), {"key-encrypted"}),
            "encrypted traditional key": (["--certificate", crt, "--key", made("encrypted1.pem"), "--intermediate", above, *unlock], set(), {"key-encrypted"}),
            "parameters ahead of an old key": (["--certificate", crt, "--key", made("old.pem"), "--intermediate", above], set(), {"unused-block"}),
            "CRLF everywhere": (["--certificate", crlf[crt], "--key", crlf[key], "--intermediate", crlf[above]], {"crlf-line-endings"}, set()),
            "byte order mark": (["--certificate", bom, *parted], {"byte-order-mark"}, set()),
            "no newline at the end": (["--certificate", cut, *parted], {"missing-final-newline"}, set()),
            "text around": (["--certificate", text, *parted], {"text-around-blocks"}, set()),
            "upside down with the root": (["--certificate", upside, "--key", key], {"wrong-order", "root-included"}, set()),
            "everything twice": (["--certificate", crt, "--key", key, "--intermediate", twice], {"duplicate-certificate"}, set()),
            "TRUSTED CERTIFICATE": (["--certificate", made("trusted.pem"), *parted], {"trusted-certificate-block"}, set()),
            "a folder that holds them all": (["--certificate", delivery], set(), {"not-pem"}),
            "one file with everything": (["--certificate", write(made("all.txt"), read(key) + read(crt) + read(above))], set(), {"key-missing"}),
        }

    def test_every_container_is_accepted_and_converted(self):
        """P10, P11, T1, T2: judged by content; what is served and what is written is plain PEM."""
        appliance = self.appliance("single").start("console")
        for kind in ("ec", "rsa"):
            pki = self.pki(kind, kind)
            # Two leaves in turn, so that each replace changes what is served.
            leaves = [pki.leaf(NAMES), pki.leaf(NAMES)]
            variants = [self.variants(pki, leaf) for leaf in leaves]
            for number, name in enumerate(variants[0]):
                if kind == "rsa" and name not in ("DER under misleading names", "encrypted traditional key", "parameters ahead of an old key"):
                    continue
                leaf = leaves[number % 2]
                arguments, wanted, unwanted = variants[number % 2][name]
                with self.subTest(f"{kind}: {name}"):
                    checked = self.check(*arguments, "--trust", pki.root, "--name", "localhost")
                    self.assertEqual(0, checked.code, checked)
                    report = checked.json()
                    self.expect_report(report)
                    codes = {finding["code"] for finding in report["findings"]}
                    self.assertLessEqual(wanted, codes)
                    self.assertFalse((unwanted | {"key-permissions"}) & codes, codes)
                    sent = [certificate["sha256"] for certificate in report["chain"]]
                    self.assertEqual(pki.sent(leaf), sent[:3])
                    done = appliance.cli("--json", "cert", "replace", *arguments, "--also-trust", pki.root, "--identity", "console")
                    self.assertEqual(0, done.code, done)
                    self.expect_report(done.json()["report"])
                    self.assertEqual(pki.sent(leaf), served_chain(appliance.console))
                    for file in ("certificate.pem", "key.pem", "intermediate.crt", "fullchain.pem", "combined.pem"):
                        plain = read(appliance.file("identities/console/" + file))
                        self.assertFalse(b"\r" in plain or b"ENCRYPTED" in plain or b"\xef\xbb\xbf" in plain, file)
                        self.assertTrue(plain.startswith(b"-----BEGIN ") and plain.endswith(b"-----\n"), file)
                    must("openssl", "pkcs12", "-in", appliance.file("identities/console/keystore.p12"), "-noout",
                         "-passin", "file:" + appliance.file("identities/console/keystore.password"))

    def test_the_passphrase_from_the_environment(self):
        """T2 by --passphrase-env: the variable's name stands on the command line, never the passphrase."""
        appliance = self.appliance("single").start("console")
        pki = self.pki()
        leaf = pki.leaf(["appliance.test", "localhost"])
        locked = os.path.join(self.folder, "locked.pem")
        must("openssl", "pkcs8", "-topk8", "-v2", "aes-256-cbc", "-in", pki.path(leaf + ".key"), "-out", locked, "-passout", "pass:correct horse")
        arguments = ["--json", "cert", "replace", "--certificate", pki.path(leaf + ".crt"), "--key", locked, "--intermediate", pki.intermediates,
                     "--also-trust", pki.root]
        before = appliance.in_force(), served_chain(appliance.console)
        for environment, options, code in (({}, [], "key-encrypted"), ({"KEY_PASS": "battery staple"}, ["--passphrase-env", "KEY_PASS"], "key-encrypted")):
            self.expect_error(appliance.cli(*arguments, *options, env=environment), code)
            self.assertEqual(before, (appliance.in_force(), served_chain(appliance.console)))
        unset = appliance.cli(*arguments, "--passphrase-env", "NO_SUCH_VARIABLE")
        self.assertIn(unset.code, (1, 2), unset)
        self.assertIn("NO_SUCH_VARIABLE", unset.json()["error"]["message"])
        self.assertEqual(before, (appliance.in_force(), served_chain(appliance.console)))
        done = appliance.cli(*arguments, "--passphrase-env", "KEY_PASS", env={"KEY_PASS": "correct horse"})
        self.assertEqual(0, done.code, done)
        self.assertEqual(pki.sent(leaf), served_chain(appliance.console))

    def test_what_cannot_be_used_is_named_with_the_way_out(self):
        """T1, T2, A7, C3: other formats are named; each error has its own code; nothing moves."""
        appliance = self.appliance("single").start("console")
        pki = self.pki()
        leaf, other = pki.leaf(NAMES), pki.leaf(NAMES)
        crt, key = pki.path(leaf + ".crt"), pki.path(leaf + ".key")
        made = lambda name: os.path.join(self.folder, name)
        must("openssl", "pkcs8", "-topk8", "-in", key, "-out", made("locked.pem"), "-passout", "pass:secret")
        must("openssl", "pkcs12", "-export", "-in", crt, "-inkey", key, "-out", made("locked.p12"), "-passout", "pass:secret")
        must("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", made("ssh"))
        must("keytool", "-genkeypair", "-alias", "a", "-keystore", made("store.jks"), "-storetype", "JKS", "-storepass", "changeit", "-keypass", "changeit",
             "-dname", "CN=x", "-keyalg", "EC")
        wrong = write(made("wrong"), "not it\n")
        write(made("utf16.pem"), read(crt).decode().encode("utf-16"))
        write(made("page.crt"), "<!DOCTYPE html><html>404</html>")
        write(made("cut.der"), subprocess.run(["openssl", "x509", "-in", crt, "-outform", "DER"], stdout=subprocess.PIPE).stdout[:200])
        write(made("cut.pem"), read(crt)[:300])
        write(made("tail.der"), subprocess.run(["openssl", "x509", "-in", crt, "-outform", "DER"], stdout=subprocess.PIPE).stdout + b"tail")
        write(made("big.pem"), read(crt) + b"\n" * (5 << 20))
        write(made("empty"), b" \r\n")
        given = lambda certificate, private=key, *more: ["--certificate", certificate, "--key", private, "--intermediate", pki.intermediates, *more]
        # name: (arguments, the error's code, words that must stand in what is said)
        cases = {
            "key of another": (given(crt, pki.path(other + ".key")), "key-mismatch", "does not"),
            "locked key": (given(crt, made("locked.pem")), "key-encrypted", "--passphrase-file"),
            "locked key, wrong passphrase": (given(crt, made("locked.pem"), "--passphrase-file", wrong), "key-encrypted", "passphrase"),
            "locked PKCS#12": (["--certificate", made("locked.p12")], "key-encrypted", "--passphrase-file"),
            "locked PKCS#12, wrong passphrase": (["--certificate", made("locked.p12"), "--passphrase-file", wrong], "key-encrypted", "passphrase"),
            "Java keystore": (given(made("store.jks")), "not-pem", "Java keystore"),
            "SSH key as key": (given(crt, made("ssh")), "not-pem", "SSH"),
            "UTF-16": (given(made("utf16.pem")), "not-pem", "UTF-16"),
            "an error page": (given(made("page.crt")), "not-pem", "web page"),
            "DER cut short": (given(made("cut.der")), "not-pem", "cut short"),
            "PEM cut short": (given(made("cut.pem")), "damaged-block", "END"),
            "bytes after the DER": (given(made("tail.der")), "damaged-block", "4 bytes follow"),
            "a CSR": (given(pki.path(leaf + ".csr")), "not-a-certificate", "CSR"),
            "key as certificate": (given(key), "certificate-missing", "--certificate"),
            "certificate as key": (given(crt, crt), "key-missing", "--key"),
            "blank": (given(made("empty")), "empty-input", "empty"),
            "too large": (given(made("big.pem")), "too-large", ""),
            "a CA as leaf": (given(pki.path("intermediate2.crt"), pki.path("intermediate2.key"), "--intermediate", pki.path("intermediate1.crt")), "ca-as-leaf", "CA"),
            "a leaf as CA": (["--certificate", crt, "--key", key, "--intermediate", pki.path(other + ".crt")], "missing-intermediate", ""),
            "no such file": (given(made("nowhere.pem")), "not-found", "path"),
            "an empty folder": (given(self.empty_folder()), "empty-input", "folder"),
        }
        before = appliance.in_force(), served_chain(appliance.console)
        for name, (arguments, code, words) in cases.items():
            with self.subTest(name):
                checked = self.check(*arguments, "--trust", pki.root)
                self.assertEqual(1, checked.code, checked)
                document = checked.json()
                if "error" in document:
                    self.expect_error(checked, code)
                else:
                    self.expect_report(document)
                    self.assertEqual("refuse", document["verdict"])
                    self.assertIn(code, [f["code"] for f in document["findings"] if f["severity"] == "error"], document)
                self.assertIn(words, checked.out)
                done = appliance.cli("--json", "cert", "replace", *arguments, "--also-trust", pki.root, "--identity", "console")
                self.assertEqual(1, done.code, done)
                self.expect_error(done, "no-san" if code == "ca-as-leaf" else code)  # a CA lacks names as well, and that is said first
                self.assertNotIn("not it", done.out + done.err, "no secret in what is said")
                self.assertEqual(before, (appliance.in_force(), served_chain(appliance.console)))
        # What is no matter of taste cannot be accepted, and an unknown code is told.
        for code in ("key-mismatch", "nonsense"):
            done = appliance.cli("--json", "cert", "replace", *given(crt, pki.path(other + ".key")), "--also-trust", pki.root, "--accept", code)
            self.expect_error(done, "cannot-accept")
        self.assertEqual(before, (appliance.in_force(), served_chain(appliance.console)))

    def empty_folder(self):
        path = os.path.join(self.folder, "empty-folder")
        os.makedirs(path)
        write(os.path.join(path, "README"), "nothing here\n")
        return path

    def test_check_needs_no_appliance_and_judges_at_any_time(self):
        pki = self.pki()
        leaf = pki.leaf(NAMES, days=20)
        crt, key = pki.path(leaf + ".crt"), pki.path(leaf + ".key")
        files = ["--certificate", crt, "--key", key, "--intermediate", pki.intermediates]
        codes = lambda done: {f["code"]: f["severity"] for f in done.json()["findings"]}
        soon = self.check(*files, "--trust", pki.root)
        self.assertEqual((0, "warn", "warning"), (soon.code, soon.json()["verdict"], codes(soon).get("expires-soon")), soon)
        for at, code in (("2040-01-01T00:00:00Z", "expired"), ("2001-01-01T00:00:00Z", "not-yet-valid")):
            done = self.check(*files, "--trust", pki.root, "--at", at)
            self.assertEqual((1, "error"), (done.code, codes(done).get(code)), done)
        self.assertEqual("error", codes(self.check(*files)).get("untrusted-root"), "without --trust the operating system's roots count")
        self.assertEqual("error", codes(self.check(*files, "--trust", pki.root, "--name", "else.test")).get("name-mismatch"))
        self.assertEqual("error", codes(self.check(*files, "--trust", pki.root, "--purpose", "client")).get("eku-mismatch"))
        self.assertEqual(0, self.check("--certificate", "-", "--intermediate", pki.intermediates, "--trust", pki.root, stdin=read(crt)).code)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "nowhere")), "and no state is made")
        for wrong in (["--certificate", crt, "--purpose", "both"], ["--certificate", crt, "--at"], [], ["--certificate", crt, "--nonsense"]):
            self.expect_error(self.check(*wrong), "usage", exit=2)
        # For people: what is wrong, and the way out, on the right streams.
        shown = run(os.path.join(BIN, "chancery"), "--state", "/nowhere", "cert", "check", "--certificate", "/nowhere.pem")
        self.assertEqual((1, b""), (shown.returncode, shown.stdout))
        self.assertRegex(shown.stderr.decode(), r"^chancery: failed to .*: .*\nhint: .+\n$")

    def test_key_permissions_are_explained_with_the_exact_command(self):
        """T8: strangers that may read the key, and the service's user that cannot; running the command mends it."""
        pki = self.pki()
        leaf = pki.leaf(NAMES)
        crt, key = pki.path(leaf + ".crt"), pki.path(leaf + ".key")
        files = ["--certificate", crt, "--key", key, "--intermediate", pki.intermediates, "--trust", pki.root]
        found = lambda done: [f for f in done.json()["findings"] if f["code"] == "key-permissions"]
        self.assertEqual([], found(self.check(*files)))
        os.chmod(key, 0o644)
        done = self.check(*files)
        self.expect_report(done.json())
        self.assertEqual((0, "warn", 1), (done.code, done.json()["verdict"], len(found(done))), done)
        command = found(done)[0]["hint"].split(";")[0]
        self.assertEqual(f"chmod 0640 {key}", command)
        must("sh", "-c", command)
        self.assertEqual([], found(self.check(*files)))
        # `cert replace` says it too, and a PKCS#12 is a key file as well.
        os.chmod(key, 0o604)
        appliance = self.appliance("single")
        planned = appliance.cli("--json", "cert", "replace", *pki.files(leaf), "--dry-run")
        self.assertEqual(["key-permissions"], [f["code"] for f in planned.json()["report"]["findings"] if f["severity"] == "warning"], planned)
        must("openssl", "pkcs12", "-export", "-in", crt, "-inkey", key, "-certfile", pki.intermediates, "-out", pki.path("all.p12"), "-passout", "pass:x")
        os.chmod(pki.path("all.p12"), 0o644)
        secret = write(pki.path("secret"), "x\n")
        self.assertEqual(1, len(found(self.check("--certificate", pki.path("all.p12"), "--passphrase-file", secret, "--trust", pki.root))))
        # The service's user: every folder it cannot pass, and the file.
        os.chmod(key, 0o600)
        if os.geteuid() != 0:
            self.skipTest("the rest needs root")
        reached = found(self.check(*files, "--service-user", "nobody"))
        self.assertTrue(any(f"setfacl -m u:nobody:x {self.folder}" in f["hint"] for f in reached), reached)
        self.assertTrue(any(f"setfacl -m u:nobody:r {key}" in f["hint"] for f in reached), reached)
        self.assertIn("adduser", found(self.check(*files, "--service-user", "no-such-service"))[0]["hint"])

    def test_the_root_is_left_out_or_sent_when_asked_for(self):
        """A5: said as information; sent with --keep-root, by every endpoint, and through restore."""
        appliance = self.appliance("single").start("console")
        pki = self.pki()
        leaf = pki.leaf(NAMES)
        with_root = write(os.path.join(self.folder, "with-root.pem"), read(pki.intermediates) + read(pki.root))
        files = ["--certificate", pki.path(leaf + ".crt"), "--key", pki.path(leaf + ".key"), "--intermediate", with_root, "--also-trust", pki.root]
        severity = lambda reply: {f["code"]: f["severity"] for f in reply["report"]["findings"]}.get("root-included")
        self.assertEqual("info", severity(appliance.json("cert", "replace", *files)))
        self.assertEqual(pki.sent(leaf), served_chain(appliance.console))
        kept = appliance.json("cert", "replace", *files, "--keep-root")
        self.assertEqual("info", severity(kept))
        complete = pki.sent(leaf) + file_fingerprints(pki.root)
        self.assertEqual(complete, served_chain(appliance.console))
        self.assertEqual(complete, file_fingerprints(appliance.file("identities/console/fullchain.pem")))
        self.assertEqual(0, appliance.cli("backup", "restore", kept["backup_set"]).code)
        self.assertEqual(pki.sent(leaf), served_chain(appliance.console), "a set without the root removes the one in force")

    def test_lists_have_exactly_the_shape_of_the_contract(self):
        appliance = self.appliance("single").start("console")
        pki = self.pki()
        leaf = pki.leaf(NAMES)
        self.assertEqual(0, appliance.cli("cert", "replace", *pki.files(leaf)).code)
        listed = appliance.json("cert", "list")
        self.assertLessEqual({"generation", "identities"}, set(listed))
        self.assertEqual(f"generations/{listed['generation']:06d}", appliance.generation())
        self.assertEqual({"console", "portal", "engine", "engine-collector", "member", "authority-tls"}, {i["identity"] for i in listed["identities"]})
        for identity in listed["identities"]:
            self.assertEqual({"identity", "source", "certificate", "intermediates", "served", "expires_in_days"}, set(identity))
            self.assertEqual("custom" if identity["identity"] in ("console", "portal", "engine") else "default", identity["source"])
            self.assertIsInstance(identity["expires_in_days"], int)
            for certificate in [identity["certificate"], *identity["intermediates"]]:
                self.expect_certificate(certificate)
            for served in identity["served"]:
                self.assertLessEqual({"endpoint", "sha256", "ok"}, set(served))
        self.assertEqual([("console", True)], [(s["endpoint"], s["ok"]) for i in listed["identities"] for s in i["served"] if s["ok"]])
        self.assertEqual(0, appliance.cli("profile", "set", "default", "minimum-protocol=TLSv1.3").code)
        sets = appliance.json("backup", "list")
        self.assertEqual({"sets"}, set(sets))
        self.assertEqual(2, len(sets["sets"]))
        for each in sets["sets"]:
            self.assertLessEqual({"id", "created", "generation", "component", "reason", "certificate", "verified"}, set(each))
            self.assertRegex(each["created"], RFC3339)
            self.assertRegex(each["id"], r"^\d{8}T\d{6}Z-\d{6}$")
            self.assertIs(True, each["verified"])
            self.assertIsInstance(each["component"], str)
        self.assertIsNone(sets["sets"][0]["certificate"], "a set of policy concerns no certificate")
        self.expect_certificate(sets["sets"][1]["certificate"])
        members = appliance.json("federation", "list")
        self.assertLessEqual({"members"}, set(members))
        for member in members["members"]:
            self.assertLessEqual({"name", "role", "state", "joined", "last_seen", "certificates"}, set(member))
            self.assertRegex(member["joined"], RFC3339)
            for certificate in member["certificates"]:
                self.expect_certificate(certificate)
        # A refusal carries the error and the whole report.
        refused = appliance.cli("--json", "cert", "replace", "--certificate", pki.path(leaf + ".crt"), "--key", pki.path("root.key"))
        self.expect_error(refused, "key-mismatch")
        self.expect_report(refused.json()["report"])
        for command, code, exit in ((["nosuch"], "usage", 2), (["cert", "replace"], "usage", 2), (["cert", "show", "/nowhere"], "not-found", 1),
                                    (["backup", "restore", "20200101T000000Z-000001"], "unknown-backup", 1), (["generation", "rollback", "99"], "unknown-generation", 1),
                                    (["generation", "rollback", "x"], "usage", 2), (["profile", "show", "nope"], "unknown-profile", 1),
                                    (["cert", "reset", "nope"], "bad-identity", 1), (["backup", "export"], "usage", 2)):
            with self.subTest(" ".join(command)):
                self.expect_error(appliance.cli("--json", *command), code, exit)
        # doctor alone speaks as monitoring plugins do.
        appliance.start("manager", "authority", "portal", "engine")
        fine = appliance.cli("--json", "doctor")
        self.assertEqual((0, 0), (fine.code, fine.json()["status"]), fine)
        appliance.stop("engine")
        self.assertEqual(1, appliance.cli("--json", "doctor").code)
        with open(appliance.file("identities/engine/key.pem"), "wb") as file:
            file.write(read(pki.path("root.key")))
        critical = appliance.cli("--json", "doctor")
        self.assertEqual((2, 2), (critical.code, critical.json()["status"]), critical)
        self.assertTrue(all(c["hint"] for c in critical.json()["checks"] if c["status"] != "ok"))
        self.expect_error(appliance.cli("--json", "doctor", "--nonsense"), "usage", 3)
        elsewhere = run(os.path.join(BIN, "chancery"), "--state", "/nowhere", "--json", "doctor")
        self.assertEqual((3, "not-initialised"), (elsewhere.returncode, json.loads(elsewhere.stdout)["error"]["code"]))


if __name__ == "__main__":
    unittest.main()
