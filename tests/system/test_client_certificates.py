"""Row A9: client certificates that the authority signs, that renew themselves from where their key is, and that can be taken
back. nginx judges them, curl and openssl bring them."""
import json
import os
import shutil
import subprocess
import unittest

from harness import BIN, SystemTest, await_condition, file_fingerprints, free_port_base, must, run


class ClientCertificates(SystemTest):
    def setUp(self):
        super().setUp()
        self.primary = self.appliance("primary", name="primary.test").start()
        self.root = self.path("root.crt")
        shutil.copy(self.primary.root(), self.root)

    def path(self, name):
        return os.path.join(self.folder, name)

    def signed(self, name, purpose="client"):
        """NAME.key and NAME.crt, from a CSR of openssl that asks for more than it gets."""
        must("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.path(name + ".key"),
             "-subj", "/CN=evil.example", "-addext", "basicConstraints=CA:TRUE", "-out", self.path(name + ".csr"))
        done = self.primary.cli("authority", "sign", self.path(name + ".csr"), "--purpose", purpose, "--san", name + ".test")
        self.assertEqual(0, done.code, done)
        with open(self.path(name + ".crt"), "w") as file:
            file.write(done.out)
        os.chmod(self.path(name + ".key"), 0o600)
        return self.path(name + ".crt"), self.path(name + ".key")

    def renewal(self, certificate, key, *more, trust=None, port=None):
        return [os.path.join(BIN, "chancery"), "--json", "authority", "renew", "--certificate", certificate, "--key", key, "--primary",
                f"localhost:{port or self.primary.join}", "--trust", trust or self.root, *more]

    def renew(self, *arguments, **more):
        done = run(*self.renewal(*arguments, **more))
        return done.returncode, json.loads(done.stdout)

    def read(self, *paths):
        content = []
        for path in paths:
            with open(path, "rb") as file:
                content.append(file.read())
        return content

    def fits(self, certificate, key):
        public = must("openssl", "x509", "-in", certificate, "-noout", "-pubkey")
        self.assertEqual(public, must("openssl", "pkey", "-in", key, "-pubout"))
        must("openssl", "verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", self.root, "-untrusted", certificate, certificate)
        self.assertEqual(0o600, os.stat(key).st_mode & 0o777)

    def listed(self):
        return self.primary.json("authority", "list")["certificates"]

    def nginx(self):
        leaf, key = self.signed("web", "server")
        port = free_port_base(1)
        with open(self.path("crl.pem"), "w") as file:
            file.write(self.list_of_revoked())
        lines = f"""daemon off; pid {self.path('nginx.pid')}; error_log {self.path('error.log')}; worker_processes 1;
events {{}} http {{ access_log off; client_body_temp_path {self.path('t1')}; proxy_temp_path {self.path('t2')}; fastcgi_temp_path {self.path('t3')};
uwsgi_temp_path {self.path('t4')}; scgi_temp_path {self.path('t5')};
server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {leaf}; ssl_certificate_key {key}; ssl_client_certificate {self.root};
ssl_verify_client on; ssl_verify_depth 2; ssl_crl {self.path('crl.pem')}; location / {{ return 200 "$ssl_client_s_dn"; }} }} }}"""
        with open(self.path("nginx.conf"), "w") as file:
            file.write(lines)
        process = subprocess.Popen(["nginx", "-c", self.path("nginx.conf"), "-p", self.folder], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        self.processes.append(process)
        await_condition(lambda: self.status(port, None, None) is not None, "nginx answers")
        return port, process

    def status(self, port, certificate, key):
        """As curl sees it; None where nothing answers."""
        command = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", self.root, "--resolve", f"web.test:{port}:127.0.0.1"]
        if certificate:
            command += ["--cert", certificate, "--key", key]
        done = run(*command, f"https://web.test:{port}/")
        return done.stdout.decode() if done.returncode == 0 else None

    def list_of_revoked(self):
        """The list of the issuing CA as the authority serves it, and one of the root for those who want one for each CA."""
        der = self.path("list.der")
        must("curl", "-s", "-k", "-o", der, f"https://localhost:{self.primary.join}/crl")
        issuing = must("openssl", "crl", "-inform", "DER", "-in", der)
        folder = self.path("root-list")
        os.makedirs(folder, exist_ok=True)
        open(os.path.join(folder, "index"), "w").close()
        with open(os.path.join(folder, "conf"), "w") as file:
            file.write(f"[ca]\ndefault_ca=a\n[a]\ndatabase={folder}/index\ndefault_md=sha256\ndefault_crl_days=30\n")
        root = must("openssl", "ca", "-config", os.path.join(folder, "conf"), "-gencrl", "-keyfile", self.primary.state + "/authority/root.key",
                    "-cert", self.root)
        return issuing + root

    def test_signed_renewed_taken_by_nginx_and_taken_back(self):
        certificate, key = self.signed("robot")
        port, nginx = self.nginx()
        self.assertEqual("400", self.status(port, None, None))
        self.assertEqual("200", self.status(port, certificate, key))
        old = [shutil.copy(path, path + ".old") for path in (certificate, key)]

        # Looking, and coming too early, change nothing.
        before = self.read(certificate, key)
        for more, outcome in ((["--dry-run"], "planned"), (["--due-only"], "unchanged")):
            self.assertEqual((0, outcome), (lambda code, reply: (code, reply["outcome"]))(*self.renew(certificate, key, *more)))
        self.assertEqual(before, self.read(certificate, key))

        code, reply = self.renew(certificate, key)
        self.assertEqual((0, "done"), (code, reply.get("outcome")), reply)
        self.fits(certificate, key)
        self.assertNotEqual(before[1], self.read(key)[0])
        self.assertEqual(["200", "200"], [self.status(port, *pair) for pair in ((certificate, key), old)])
        text = must("openssl", "x509", "-in", certificate, "-noout", "-ext", "subjectAltName,basicConstraints,extendedKeyUsage")
        self.assertIn("DNS:robot.test", text)
        self.assertIn("CA:FALSE", text)
        self.assertNotIn("TLS Web Server", text)

        # Under the same key; and with key and certificate in one file.
        present = self.read(key)
        self.assertEqual(0, self.renew(certificate, key, "--keep-key")[0])
        self.assertEqual(present, self.read(key))
        self.fits(certificate, key)
        both = self.path("both.pem")
        with open(os.open(both, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as file:
            file.write(b"".join(self.read(key, certificate)))
        self.assertEqual(0, self.renew(both, both)[0])
        self.fits(both, both)
        self.assertEqual([], [name for name in os.listdir(self.folder) if "chancery-new" in name])

        robots = [each for each in self.listed() if each["purpose"] == "client"]
        self.assertEqual((4, 1, {"good"}), (len(robots), len({each["owner"] for each in robots}), {each["state"] for each in robots}))
        self.assertEqual(file_fingerprints(both)[0], robots[0]["certificate"]["sha256"])

        # Taken back by the oldest of them: none is taken any more, none renews, the server's own goes on.
        first = file_fingerprints(old[0])[0]
        done = self.primary.cli("authority", "revoke", first, "--dry-run")
        self.assertEqual(0, done.code, done)
        self.assertEqual({"good"}, {each["state"] for each in self.listed()})
        done = self.primary.cli("--json", "authority", "revoke", first)
        self.assertEqual((0, "done", 4), (done.code, done.json()["outcome"], len(done.json()["revoked"])), done)
        self.assertEqual({"client": {"revoked"}, "server": {"good"}},
                         {purpose: {each["state"] for each in self.listed() if each["purpose"] == purpose} for purpose in ("client", "server")})
        with open(self.path("crl.pem"), "w") as file:
            file.write(self.list_of_revoked())
        must("nginx", "-c", self.path("nginx.conf"), "-p", self.folder, "-s", "reload")
        await_condition(lambda: [self.status(port, *pair) for pair in ((certificate, key), old)] == ["400", "400"],
                        "nginx refuses what was revoked")
        before = self.read(both)
        code, reply = self.renew(both, both)
        self.assertEqual((1, "renew-refused"), (code, reply["error"]["code"]))
        self.assertEqual(before, self.read(both))
        self.assertIn("BEGIN X509 CRL", self.read(self.primary.file("trust/federation/crl.pem"))[0].decode())
        again = self.primary.cli("--json", "authority", "revoke", first)
        self.assertEqual((0, "unchanged"), (again.code, again.json()["outcome"]))

    def test_refusals_leave_everything_as_it_is(self):
        certificate, key = self.signed("robot")
        _, other_key = self.signed("other")
        member = [self.primary.file("identities/portal/certificate.pem"), self.primary.file("identities/portal/key.pem")]
        pki = self.pki()
        before = self.read(certificate, key)
        listed = len(self.listed())
        sealed = self.path("sealed.key")
        must("openssl", "pkey", "-in", key, "-aes256", "-passout", "pass:secret", "-out", sealed)
        copies = [shutil.copy(path, self.path(os.path.basename(path))) for path in member]
        for code, arguments, more in (("key-mismatch", (certificate, other_key), {}), ("untrusted-root", (certificate, key), {"trust": pki.path("root.crt")}),
                                      ("key-encrypted", (certificate, sealed), {}), ("not-found", (certificate, self.path("none.key")), {}),
                                      ("no-trust", (certificate, key), {"trust": key}), ("tcp-refused", (certificate, key), {"port": 1}),
                                      ("renew-refused", copies, {})):
            with self.subTest(code):
                exit_code, reply = self.renew(*arguments, **more)
                self.assertEqual(1, exit_code)
                self.assertEqual(code, reply["error"]["code"], reply)
                self.assertEqual(before, self.read(certificate, key))
        self.assertEqual(listed, len(self.listed()))
        for name in ("0" * 64, file_fingerprints(member[0])[0], "abc"):
            self.assertEqual(1, self.primary.cli("authority", "revoke", name).code)
        self.assertEqual({"good"}, {each["state"] for each in self.listed()})

    def test_killed_at_every_change_of_a_file_it_ends_with_one_pair(self):
        certificate, key = self.signed("robot")
        trace = self.path("trace")
        kinds = ("rename,renameat,renameat2", "fsync,fdatasync")
        must("strace", "-f", "-qq", "-e", "trace=openat," + ",".join(kinds), "-o", trace, *self.renewal(certificate, key))
        with open(trace) as file:
            lines = file.read().splitlines()
        begin = next(at for at, line in enumerate(lines) if "chancery-new" in line)
        points = 0
        for call in kinds:
            names = call.split(",")
            relevant = [at for at, line in enumerate(lines) if any(f" {name}(" in line for name in names)]
            for number, at in enumerate(relevant, 1):
                if at < begin:
                    continue
                done = run("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=" + call, "-e", f"inject={call}:signal=KILL:when={number}",
                           *self.renewal(certificate, key))
                self.assertNotEqual(0, done.returncode, (call, number))
                points += 1
                # The next run finishes: with the key that was asked with, so that each renewal is one certificate.
                self.assertEqual(0, self.renew(certificate, key)[0])
                self.fits(certificate, key)
                self.assertEqual([], [name for name in os.listdir(self.folder) if "chancery-new" in name])
        self.assertGreaterEqual(points, 6)
        # Signed, renewed once under strace, and for each kill once or, where it came when all was done, twice.
        self.assertLessEqual(len(self.listed()), 2 + 2 * points)
        self.assertEqual(1, len({each["owner"] for each in self.listed()}))


if __name__ == "__main__":
    unittest.main()
