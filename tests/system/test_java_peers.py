"""Java's own TLS uses what `chancery keystore` wrote: a Java server presents our key and chain, a Java client verifies our
engine by our truststore, in every type that Java and BouncyCastle read."""
import os
import subprocess
import unittest

from harness import BIN, SystemTest, must, run

BOUNCY = "/usr/share/java/bcprov.jar"
PEER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "java", "TlsPeer.java")
TYPES = ("JKS", "JCEKS", "PKCS12", "BKS", "BCFKS")


class JavaPeers(SystemTest):
    def setUp(self):
        super().setUp()
        self.classes = os.path.join(self.folder, "classes")
        must("javac", "-d", self.classes, PEER)
        self.password = os.path.join(self.folder, "password")
        with open(self.password, "w") as file:
            file.write("changeit")
        # No appliance and no home of anybody: the keystore commands stand alone.
        self.env = {**os.environ, "CHANCERY_STATE": f"{self.folder}/none", "XDG_STATE_HOME": f"{self.folder}/sets", "HOME": self.folder}

    def keystore(self, *arguments):
        done = run(os.path.join(BIN, "chancery"), "keystore", *arguments, "--storepass-file", self.password, env=self.env)
        self.assertEqual(0, done.returncode, done.stderr.decode())
        return done.stdout.decode()

    def java(self, *arguments):
        return ["java", "-cp", f"{self.classes}:{BOUNCY}", "TlsPeer", *arguments]

    def test_a_java_server_presents_our_key_and_chain(self):
        pki = self.pki()
        leaf = pki.leaf(["localhost", "java.test"])
        for kind in TYPES:
            with self.subTest(kind):
                store = os.path.join(self.folder, f"server-{kind}")
                bundle = os.path.join(self.folder, "bundle.pem")
                with open(bundle, "wb") as out:
                    for part in (pki.path(f"{leaf}.crt"), pki.intermediates):
                        with open(part, "rb") as file:
                            out.write(file.read())
                self.keystore("import", "--keystore", store, "--type", kind, "--alias", "server", "--file", bundle, "--key", pki.path(f"{leaf}.key"))
                server = subprocess.Popen(self.java("serve", store, kind, "changeit", "changeit"), stdout=subprocess.PIPE, text=True)
                self.addCleanup(server.stdout.close)
                self.addCleanup(server.wait)
                self.addCleanup(server.kill)
                said = server.stdout.readline().split()
                self.assertEqual("port", said[0])
                probed = run(os.path.join(BIN, "chancery"), "probe", f"127.0.0.1:{said[1]}", "--name", "java.test", "--trust", pki.root, env=self.env)
                self.assertEqual(0, probed.returncode, probed.stdout.decode() + probed.stderr.decode())
                # What is verified is what was asked for: another name is not.
                other = run(os.path.join(BIN, "chancery"), "probe", f"127.0.0.1:{said[1]}", "--name", "other.test", "--trust", pki.root, env=self.env)
                self.assertNotEqual(0, other.returncode)

    def test_a_java_client_verifies_our_engine_by_our_truststore(self):
        single = self.appliance("single").start()
        pki = self.pki()
        for kind in TYPES:
            with self.subTest(kind):
                store = os.path.join(self.folder, f"trust-{kind}")
                self.keystore("import", "--keystore", store, "--type", kind, "--alias", "other", "--file", pki.root)
                connect = self.java("connect", store, kind, "changeit", "localhost", str(single.portal))
                self.assertTrue(must(*connect).startswith("refused"))
                self.keystore("import", "--keystore", store, "--alias", "federation", "--file", single.root())
                self.assertIn("verified CN=", must(*connect))
                self.keystore("delete", "--keystore", store, "--alias", "federation")
                self.assertTrue(must(*connect).startswith("refused"))


if __name__ == "__main__":
    unittest.main()
