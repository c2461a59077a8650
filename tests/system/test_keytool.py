"""`chancery keytool` against the real one of JDK 17: every command line is run by both on copies of the same files, and
stdout, stderr and exit code are compared byte by byte. Only what cannot be equal is masked: random keys and their digests."""
import os
import shutil
import socketserver
import ssl
import subprocess
import threading
import unittest

from keytool_stage import Compared, P, require, setUpModule, stage, tearDownModule, zoo_files  # noqa: F401  unittest looks for the two of the module
from signed_jars import Jars


class Server:
    """Sends a chain of two to whoever comes, at once: Java keeps its connections."""

    def __init__(self, zoo, folder):
        chain = os.path.join(folder, "chain.of-server")
        with open(chain, "w") as file:
            for name in ("leaf.crt", "root.crt"):
                with open(zoo.path(name)) as part:
                    file.write(part.read())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, zoo.path("leaf.key"))

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                try:
                    with context.wrap_socket(self.request, server_side=True) as connection:
                        connection.recv(1)
                except OSError:
                    pass

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Table(Compared):
    def test_driver_is_the_real_one(self):
        for arguments in (["-list", "-keystore", "keys.jks", *P], ["-list", "-frob"], ["-list", "-keystore", "keys.jks", "-storepass", "wrong1"]):
            done = subprocess.run(["keytool", *arguments], cwd=stage.peers.theirs, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, env=stage.peers.environment)
            self.assertEqual((done.returncode, done.stdout.decode(), done.stderr.decode()), stage.peers.real(*arguments))

    def test_printcert(self):
        for name in zoo_files():
            if name.endswith(".key"):
                continue
            self.same("-printcert", "-file", name)
        self.same("-printcert", "-rfc", "-file", "root.crt")
        self.same("-printcert", "-rfc", "-file", "bundle.pem")
        self.same("-printcert", "-v", "-file", "nothing.crt", exit=1)
        self.same("-printcert", stdin=open(stage.zoo.path("leaf.crt")).read(), exit=0)
        self.same("-printcert", stdin="", exit=1)
        self.same("-printcert", "-file", "sha1.crt", "-nowarn")
        self.same("-printcert", "-file", "sha1.crt", "-keystore", "keys.jks", *P)

    def test_printcert_of_a_server(self):
        with Server(stage.zoo, stage.root) as server:
            for more in ([], ["-rfc"], ["-v"]):
                self.same("-printcert", "-sslserver", server.address, *more, exit=0)
            code, out, _ = stage.peers.ours("-printcert", "-sslserver", server.address)
            self.assertIn("Certificate #1\n====================================\n", out, "the whole chain")
        for nobody in (server.address, "nosuch.invalid", "127.0.0.1:x", "127.0.0.1:0"):
            self.same("-printcert", "-sslserver", nobody, exit=1)

    def test_printcert_of_a_jar(self):
        with Jars(stage.root, stage.peers.environment) as jars:
            for name in sorted(jars.names()):
                stage.peers.put(jars.path(name))
                self.same("-printcert", "-jarfile", name)
            self.same("-printcert", "-rfc", "-jarfile", "chain.jar", exit=0)
            self.same("-printcert", "-jarfile", "nosuch.jar", exit=1)
            said = {name: stage.peers.ours("-printcert", "-jarfile", name) for name in jars.names()}
        # What Java says of them, so that the two are not alike in saying nothing.
        self.assertEqual((0, "Not a signed jar file\n"), said["plain.jar"][:2])
        self.assertIn("SHA-256 digest error for a.txt", said["tampered.jar"][1])
        self.assertIn("cannot verify signature block file META-INF/EC", said["other-signature-file.jar"][1])
        self.assertEqual(3, said["three.jar"][1].count("Signer #"))
        self.assertIn("Timestamp:\n\nCertificate #1:\nOwner: CN=tsa", said["stamped.jar"][1])
        self.assertEqual(0, said["manifest-with-more.jar"][0])
        self.assertIn("invalid SHA-256 signature file digest for a.txt", said["manifest-of-others.jar"][1])
        self.assertIn("(weak)", said["weak.jar"][1])
        self.assertEqual("Not a signed jar file\n", said["may-not-sign.jar"][1])

    def test_list(self):
        for kind in ("jks", "jceks", "pkcs12"):
            for name in ("keys." + kind, "trust." + kind):
                self.same("-list", "-keystore", name, *P, exit=0)
                self.same("-list", "-v", "-keystore", name, *P, exit=0)
                self.same("-list", "-rfc", "-keystore", name, *P, exit=0)
                self.same("-list", "-keystore", name, stdin="changeit\n", exit=0)
                self.same("-list", "-keystore", name, "-storepass", "wrong1", exit=1)
                self.same("-list", "-keystore", name, stdin="wrong1\n", exit=1)
            name = "keys." + kind
            for alias in ("rsa", "RSA", "root", "ec", "nothing", ""):
                self.same("-list", "-alias", alias, "-keystore", name, *P)
                self.same("-list", "-alias", alias, "-v", "-keystore", name, *P)
                self.same("-list", "-alias", alias, "-rfc", "-keystore", name, *P)
        for name in ("keys.jks", "trust.jks", "trust.jceks", "trust.pkcs12"):
            self.same("-list", "-keystore", name, exit=0)
            self.same("-list", "-v", "-keystore", name, stdin="\n", exit=0)

    def test_list_of_types(self):
        for asked in ("jks", "JCEKS", "Pkcs12", "foo", "pkcs12"):
            self.same("-list", "-keystore", "trust.jks", "-storetype", asked, *P)
        self.same("-list", "-keystore", "trust.pkcs12", "-storetype", "jks", *P)
        self.same("-list", "-keystore", "root.crt", *P, exit=1)
        self.same("-list", "-keystore", "empty", *P, exit=1)
        self.same("-list", "-keystore", "nothing", *P, exit=1)
        self.same("-list", "-keystore", "nothing/nothing", *P, exit=1)
        self.same("-list", "-cacerts", "-storetype", "jks", *P, exit=1)
        self.same("-list", "-cacerts", *P, exit=0)
        self.same("-list", "-cacerts", "-v", *P, exit=0)
        self.same("-list", "-keystore", "/etc/ssl/certs/java/cacerts", *P, exit=0)

    def test_usage(self):
        self.same(exit=0)
        self.same("-help", exit=0)
        self.same("--help", exit=0)
        self.same("-h", exit=0)
        self.same("-?", exit=0)
        self.same("help", exit=1)
        self.same("-frob", exit=1)
        self.same("-v", exit=1)
        for command in ("certreq", "changealias", "delete", "exportcert", "genkeypair", "genseckey", "gencert", "importcert", "importpass",
                        "importkeystore", "keypasswd", "list", "printcert", "printcertreq", "printcrl", "storepasswd", "showinfo",
                        "import", "export", "genkey", "importpassword"):
            self.same("-" + command, "-help", exit=0)
        self.same("-list", "-delete", exit=1)
        self.same("-list", "-rfc", "-v", exit=1)
        self.same("-list", "-keystore", exit=1)
        self.same("-list", "-alias", exit=1)
        self.same("-list", "-storepass", exit=1)
        self.same("-list", "x", "-keystore", "keys.jks", *P, exit=1)
        self.same("-list", "-keystore", "keys.jks", *P, "x", exit=1)
        self.same("-LIST", "-KeyStore", "keys.jks", "-STOREPASS", "changeit", exit=0)
        self.same("--list", "--keystore", "keys.jks", *P, exit=0)
        self.same("-list", "-keystore", "keys.jks", "-keystore", "trust.jks", *P, exit=0)
        self.same("-list", "-list", exit=1)
        self.same("-list", "-storepass:env", "NOT_SET_ANYWHERE", "-keystore", "keys.jks", exit=1)
        self.same("-list", "-storepass:file", "nothing", "-keystore", "keys.jks", exit=1)
        self.same("-list", "-storepass:frob", "x", "-keystore", "keys.jks", exit=1)
        self.same("-genkeypair", "-keysize", "x", exit=1)
        self.same("-genkeypair", "-validity", "0", exit=1)
        self.same("-list", "-protected", *P, "-keystore", "keys.jks", exit=1)
        self.same("-list", "-protected", "-keystore", "keys.jks", exit=0)
        self.same("-storepasswd", "-new", "abc", "-keystore", "keys.jks", *P, exit=1)

    def test_password_sources(self):
        for folder in (stage.peers.theirs, stage.peers.mine):
            with open(os.path.join(folder, "password"), "w") as file:
                file.write("changeit\nsecond line\n")
        self.same("-list", "-storepass:file", "password", "-keystore", "keys.jks", exit=0)

    def test_importcert(self):
        for kind in ("jks", "jceks", "pkcs12"):
            store = ["-keystore", "new." + kind, "-storetype", kind]
            self.same("-importcert", "-noprompt", "-alias", "Root", "-file", "root.crt", *store, *P, exit=0)
            self.same("-importcert", "-noprompt", "-alias", "ROOT", "-file", "root.crt", *store, *P, exit=1)
            self.same("-import", "-noprompt", "-file", "root.der", *store, *P, exit=0)
            self.same("-importcert", "-noprompt", "-file", "root.der", *store, *P, exit=1)
            self.same("-importcert", "-alias", "again", "-file", "crlf.pem", *store, *P, stdin="yes\n", exit=0)
            self.same("-importcert", "-alias", "no", "-file", "root.crt", *store, *P, stdin="no\n", exit=0)
            self.same("-importcert", "-alias", "eof", "-file", "root.crt", *store, *P, exit=0)
            self.same("-importcert", "-alias", "sub", "-file", "sub.crt", *store, *P, exit=0)
            self.same("-importcert", "-alias", "leaf", "-file", "leaf.crt", *store, *P, "-v", exit=0)
            self.same("-importcert", "-alias", "other", "-file", "p384.crt", *store, *P, stdin="y\n", exit=0)
            self.same("-importcert", "-alias", "nothing", "-file", "nothing.crt", *store, *P, exit=1)
            self.same("-importcert", "-alias", "root", "-file", "nothing.crt", *store, *P, exit=1)
            self.same("-importcert", "-alias", "g", "-file", "garbage.pem", *store, *P, exit=1)
            self.same("-importcert", "-alias", "g", "-file", "empty", *store, *P, exit=1)
            self.same("-importcert", "-alias", "g", "-file", "chain.p7b", *store, *P, exit=1)
            self.same("-importcert", "-noprompt", "-alias", "bundle", "-file", "bundle.pem", *store, *P, exit=0)
            self.same("-importcert", "-noprompt", "-alias", "weak", "-file", "rsa1024.crt", *store, *P, exit=0)
            self.same("-importcert", "-alias", "weak2", "-file", "sha1.crt", *store, *P, stdin="no\n", exit=0)
            self.same("-importcert", "-alias", "weak3", "-file", "md5.crt", *store, *P, stdin="no\n", exit=0)
            self.same("-importcert", "-noprompt", "-alias", "ünï 😀", "-file", "odd.crt", *store, *P, exit=0)
            self.same("-importcert", "-noprompt", "-alias", "in", *store, *P, stdin=open(stage.zoo.path("ed25519.crt")).read(), exit=0)
            self.same("-importcert", "-noprompt", "-alias", "asked", "-file", "p521.crt", *store, stdin="changeit\n", exit=0)
            self.same("-importcert", "-noprompt", "-alias", "asked", "-file", "p521.crt", *store, stdin="wrongone\n", exit=1)
            self.same("-importcert", "-noprompt", "-alias", "asked", "-file", "p521.crt", *store, stdin="a\nb\nc\n", exit=0)
            self.same("-list", "-v", *store, *P, exit=0)
            self.same_store("new." + kind)
        self.same("-importcert", "-noprompt", "-alias", "x", "-file", "root.crt", "-keystore", "fresh.p12", "-storepass", "short", exit=1)
        self.same("-importcert", "-noprompt", "-alias", "x", "-file", "root.crt", "-keystore", "fresh.p12", stdin="one\nsecond\nthird1\nfourth\nfourth\n")
        self.same("-importcert", "-noprompt", "-alias", "x", "-file", "root.crt", "-keystore", "fresh.p12", stdin="fourth\nfourth\n", exit=1)
        self.same("-list", "-keystore", "fresh.p12", "-storepass", "fourth", exit=0)
        self.same("-importcert", "-alias", "isrg", "-trustcacerts", "-file", "leaf.crt", "-keystore", "fresh.p12", "-storepass", "fourth", stdin="no\n")

    def test_trustcacerts(self):
        out = stage.peers.real("-list", "-rfc", "-cacerts", *P)[1]
        first = out[out.index("-----BEGIN"):out.index("-----END")] + "-----END CERTIFICATE-----\n"
        for folder in (stage.peers.theirs, stage.peers.mine):
            with open(os.path.join(folder, "public.crt"), "w") as file:
                file.write(first)
        import_it = ["-importcert", "-trustcacerts", "-alias", "public", "-file", "public.crt", "-keystore", "trust.jks", *P]
        self.same(*import_it, stdin="no\n", exit=0)
        self.same(*import_it, stdin="yes\n", exit=0)
        self.same_store("trust.jks")

    def reply(self, kind):
        """A key made by Java in both folders, its request signed by the chain's intermediate: the same for both."""
        store = ["-keystore", "reply." + kind, *P]
        require(stage.peers.real("-genkeypair", "-keyalg", "RSA", "-alias", "key", "-dname", "CN=reply.example.com", "-storetype", kind,
                           "-keypass", "changeit", *store))
        shutil.copy(os.path.join(stage.peers.theirs, "reply." + kind), stage.peers.mine)
        self.same("-certreq", "-alias", "key", *store, exit=0)
        self.same("-certreq", "-alias", "key", "-file", "key.csr", "-v", *store, exit=0)
        self.same("-printcertreq", "-file", "key.csr")
        for folder in (stage.peers.theirs, stage.peers.mine):
            if not os.path.exists(os.path.join(stage.peers.theirs, "reply.crt")) or folder == stage.peers.theirs:
                subprocess.run(["openssl", "x509", "-req", "-in", os.path.join(stage.peers.theirs, "key.csr"), "-CA", stage.zoo.path("sub.crt"), "-CAkey",
                                stage.zoo.path("sub.key"), "-CAcreateserial", "-days", "10", "-out", os.path.join(stage.peers.theirs, "reply.crt")],
                               check=True, stderr=subprocess.DEVNULL)
        read = lambda path: open(path).read()
        chain = read(os.path.join(stage.peers.theirs, "reply.crt")) + read(stage.zoo.path("root.crt")) + read(stage.zoo.path("sub.crt"))
        for folder in (stage.peers.theirs, stage.peers.mine):
            with open(os.path.join(folder, "chain.pem"), "w") as file:
                file.write(chain)
        shutil.copy(os.path.join(stage.peers.theirs, "reply.crt"), stage.peers.mine)
        subprocess.run(["openssl", "crl2pkcs7", "-nocrl", "-certfile", os.path.join(stage.peers.theirs, "chain.pem"), "-out",
                        os.path.join(stage.peers.theirs, "chain.p7"), "-outform", "DER"], check=True)
        shutil.copy(os.path.join(stage.peers.theirs, "chain.p7"), stage.peers.mine)
        return store

    def test_certificate_reply(self):
        for kind in ("jks", "jceks", "pkcs12"):
            store = self.reply(kind)
            self.same("-importcert", "-alias", "key", "-file", "reply.crt", *store, exit=1)  # nobody knows the issuer
            self.same("-importcert", "-alias", "key", "-file", "leaf.crt", *store, exit=1)
            self.same("-importcert", "-alias", "key", "-file", "bundle.pem", *store, exit=1)
            self.same("-importcert", "-alias", "key", "-file", "empty", *store, exit=1)
            self.same("-importcert", "-alias", "key", "-file", "chain.pem", *store, stdin="no\n", exit=0)
            self.same("-importcert", "-alias", "key", "-file", "chain.pem", *store, stdin="yes\n", exit=0)
            self.same_store("reply." + kind)
            self.same("-importcert", "-alias", "key", "-file", "reply.crt", *store, exit=1)  # identical
            self.same("-importcert", "-alias", "key", "-noprompt", "-file", "chain.p7", *store, exit=0)
            self.same("-importcert", "-noprompt", "-alias", "root", "-file", "root.crt", *store, exit=0)
            self.same("-importcert", "-alias", "key", "-file", "chain.p7", *store, exit=0)
            self.same("-importcert", "-alias", "sub", "-file", "sub.crt", *store, exit=0)
            self.same("-list", "-v", *store, exit=0)
            self.same_store("reply." + kind)
            require(stage.peers.real("-selfcert", "-alias", "key", *store))
            shutil.copy(os.path.join(stage.peers.theirs, "reply." + kind), stage.peers.mine)
            self.same("-importcert", "-alias", "key", "-file", "reply.crt", *store, exit=0)
            self.same("-list", "-rfc", "-alias", "key", *store, exit=0)
            self.same_store("reply." + kind)

    def test_exportcert(self):
        for kind in ("jks", "jceks", "pkcs12"):
            store = ["-keystore", "keys." + kind, *P]
            self.same("-exportcert", "-alias", "rsa", "-rfc", *store, exit=0)
            self.same("-export", "-alias", "root", *store, exit=0)
            self.same("-exportcert", "-alias", "root", "-file", "out.crt", *store, exit=0)
            self.same("-exportcert", "-alias", "root", "-rfc", "-file", "out.pem", *store, exit=0)
            for name in ("out.crt", "out.pem"):
                contents = [open(os.path.join(folder, name), "rb").read() for folder in (stage.peers.theirs, stage.peers.mine)]
                self.assertEqual(*contents)
            self.same("-exportcert", "-alias", "nothing", *store, exit=1)
            self.same("-exportcert", *store, exit=1)
            self.same("-exportcert", "-alias", "aes", *store, exit=1)
            self.same("-exportcert", "-alias", "root", "-file", "nothing/out", *store, exit=1)
        self.same("-exportcert", "-alias", "root", "-rfc", "-keystore", "keys.jks", stdin="\n", exit=0)


if __name__ == "__main__":
    unittest.main()
