"""A8 on what stands behind real services: `chancery probe --starttls` against PostgreSQL, slapd and an SMTP server, with TLS
and without, and a port behind which nobody answers."""
import json
import os
import socket
import subprocess
import unittest

from harness import BIN, SOURCE, SystemTest, await_condition, file_fingerprints, free_port_base, must, run

POSTGRES = os.path.join(SOURCE, "tests", "storage", "postgres_server.sh")


class Probe(SystemTest):
    def setUp(self):
        super().setUp()
        self.pki_used = self.pki(intermediates=1)
        self.leaf = self.pki_used.leaf(["localhost"])
        self.chain = os.path.join(self.folder, "chain.pem")
        with open(self.chain, "w") as file:
            file.write(must("cat", self.pki_used.path(self.leaf + ".crt"), self.pki_used.intermediates))
        self.key = self.pki_used.path(self.leaf + ".key")

    def probe(self, address, *arguments):
        """What it says, the steps by name, and the names of those that failed."""
        done = run(os.path.join(BIN, "chancery"), "--state", os.path.join(self.folder, "nowhere"), "--json", "probe", address, *arguments)
        document = json.loads(done.stdout)
        self.assertEqual(0 if document["ok"] else 1, done.returncode, document)
        self.assertTrue(all(step["ok"] or step["hint"] for step in document["steps"]), document)
        return document, {s["step"]: s for s in document["steps"]}, [s["step"] for s in document["steps"] if not s["ok"]]

    def serve(self, port, *command):
        log = os.path.join(self.folder, f"{os.path.basename(command[0])}-{port}.log")
        with open(log, "ab") as out:
            self.processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out))

        def listens():
            with socket.socket() as link:
                return link.connect_ex(("127.0.0.1", port)) == 0

        await_condition(listens, f"{command[0]} listens; {log}")
        return port

    def expect_diagnosis(self, service, port):
        document, steps, failed = self.probe(f"localhost:{port}", "--starttls", service, "--trust", self.pki_used.root)
        self.assertEqual([], failed, document)
        self.assertEqual(["name resolution", "tcp", "starttls", "tls", "client certificate", "chain", "trust", "names", "expiry"],
                         [s["step"] for s in document["steps"]])
        self.assertEqual(file_fingerprints(self.chain), [c["sha256"] for c in document["chain"]])
        self.assertIn(service, steps["starttls"]["detail"])
        _, _, failed = self.probe(f"localhost:{port}", "--starttls", service, "--trust", self.pki_used.root, "--name", "elsewhere.test")
        self.assertEqual(["names"], failed)
        # Spoken to in a wrong way, it is the step where that shows.
        _, _, failed = self.probe(f"localhost:{port}", "--trust", self.pki_used.root)
        self.assertEqual(["tls"], failed)

    def expect_no_tls(self, service, port):
        _, steps, failed = self.probe(f"localhost:{port}", "--starttls", service)
        self.assertEqual(["starttls"], failed)
        self.assertIn("does not start TLS", steps["starttls"]["detail"])

    def test_postgres(self):
        folder, port = must(POSTGRES, "start", self.chain, self.key, "a password").split()
        self.addCleanup(lambda: must(POSTGRES, "stop", folder))
        self.expect_diagnosis("postgres", port)
        must(POSTGRES, "kill", folder)
        with open(os.path.join(folder, "data", "postgresql.conf"), "a") as file:
            file.write("ssl = off\n")
        must(POSTGRES, "again", folder)
        self.expect_no_tls("postgres", port)

    def slapd(self, *lines):
        port = free_port_base(1)
        folder = os.path.join(self.folder, f"slapd-{port}")
        os.makedirs(folder)
        conf = os.path.join(folder, "slapd.conf")
        with open(conf, "w") as file:
            file.write("\n".join(["include /etc/ldap/schema/core.schema", *lines]) + "\n")
        return self.serve(port, "/usr/sbin/slapd", "-f", conf, "-h", f"ldap://127.0.0.1:{port}", "-d", "256")

    def test_ldap(self):
        self.expect_diagnosis("ldap", self.slapd(f"TLSCertificateFile {self.chain}", f"TLSCertificateKeyFile {self.key}"))
        self.expect_no_tls("ldap", self.slapd())

    def smtp(self, *arguments):
        port = free_port_base(1)
        return self.serve(port, "/usr/bin/python3", "-m", "aiosmtpd", "-n", "-l", f"127.0.0.1:{port}", *arguments)

    def test_smtp(self):
        self.expect_diagnosis("smtp", self.smtp("--tlscert", self.chain, "--tlskey", self.key))
        self.expect_no_tls("smtp", self.smtp())

    def test_a_filtered_port(self):
        """Where a packet filter drops everything, connecting neither succeeds nor fails: the kernel does the same to a full queue."""
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            links = []
            self.addCleanup(lambda: [link.close() for link in links])

            def dropped():
                links.append(socket.socket())
                links[-1].settimeout(0.2)
                try:
                    links[-1].connect(full.getsockname())
                except TimeoutError:
                    return True
                return False

            await_condition(dropped, "the queue is full")
            _, steps, failed = self.probe(f"127.0.0.1:{full.getsockname()[1]}")
            self.assertEqual(["tcp"], failed)
            self.assertIn("filter", steps["tcp"]["detail"] + steps["tcp"]["hint"])
            self.assertNotIn("refused", steps["tcp"]["detail"])
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            _, steps, failed = self.probe(f"127.0.0.1:{closed.getsockname()[1]}")
            self.assertEqual(["tcp"], failed)
            self.assertIn("refused", steps["tcp"]["detail"])


if __name__ == "__main__":
    unittest.main()
