"""`chancery keytool` against the real one of JDK 17: every command line is run by both on copies of the same files, and
stdout, stderr and exit code are compared byte by byte. Only what cannot be equal is masked: random keys and their digests.

More random steps: KEYTOOL_STEPS=2000; another sequence: KEYTOOL_SEED=7 (printed when it fails).
"""
import os
import pty
import random
import re
import shutil
import socketserver
import ssl
import subprocess
import tempfile
import threading
import time
import unittest

from harness import BIN, SOURCE, SystemTest
from keytool_peer import Peers, Zoo
from signed_jars import Jars

P = ["-storepass", "changeit"]
STEPS = int(os.environ.get("KEYTOOL_STEPS", "25"))
SEED = int(os.environ.get("KEYTOOL_SEED", "0")) or int(time.time())


def setUpModule():
    global ROOT, ZOO, PEERS
    ROOT = tempfile.mkdtemp(prefix="chancery-keytool-")
    os.mkdir(os.path.join(ROOT, "zoo"))
    ZOO = Zoo(os.path.join(ROOT, "zoo"))
    PEERS = Peers(ROOT)
    stores()


def tearDownModule():
    PEERS.close()
    shutil.rmtree(ROOT)


def zoo_files():
    return sorted(name for name in os.listdir(ZOO.folder) if name.endswith((".crt", ".pem", ".der", ".p7b", ".p7c")) or name == "empty")


def stores():
    """Stores that the real keytool makes once: trust.*, keys.* (an RSA key with its own password in JKS and JCEKS)."""
    for kind in ("jks", "jceks", "pkcs12"):
        name = "keys." + kind
        make = lambda *more: require(PEERS.real(*more, "-keystore", name, "-storetype", kind, *P))
        PEERS.put(ZOO.path("root.crt"))
        own = ["-keypass", "changeit" if kind == "pkcs12" else "secret99"]
        make("-genkeypair", "-keyalg", "RSA", "-alias", "Rsa", "-dname", "CN=rsa", "-ext", "SAN=DNS:rsa.example.com", *own)
        make("-genkeypair", "-keyalg", "Ed25519", "-alias", "ed", "-dname", "CN=ed", "-keypass", "changeit")
        make("-genkeypair", "-keyalg", "EC", "-alias", "ec", "-dname", "CN=ec", "-keypass", "changeit")
        make("-importcert", "-noprompt", "-alias", "root", "-file", "root.crt")
        if kind != "jks":
            make("-genseckey", "-keyalg", "AES", "-keysize", "128", "-alias", "aes", "-keypass", "changeit")
        shutil.copy(os.path.join(PEERS.theirs, name), ROOT)
        for alias in range(14):
            require(PEERS.real("-importcert", "-noprompt", "-alias", f"Trust {alias}", "-file", "root.crt",
                               "-keystore", "trust." + kind, "-storetype", kind, *P))
        shutil.copy(os.path.join(PEERS.theirs, "trust." + kind), ROOT)
    PEERS.clear()


def require(outcome):
    if outcome[0] != 0:
        raise AssertionError(f"the real keytool failed: {outcome}")


MASKS = [
    (re.compile(r"(Serial number|Valid from|Signature|SHA1|SHA256|fingerprint \(SHA-256\)): [^\n]*"), r"\1: …"),
    (re.compile(r"(\n[0-9A-F]{4}: )[^\n]*"), r"\1…"),
]


def masked(text):
    for pattern, instead in MASKS:
        text = pattern.sub(instead, text)
    return text


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


class Table(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        PEERS.clear()
        for name in zoo_files():
            PEERS.put(ZOO.path(name))
        for name in os.listdir(ROOT):
            if name.startswith(("keys.", "trust.")):
                PEERS.put(os.path.join(ROOT, name))

    def same(self, *arguments, stdin="", mask=False, exit=None):
        theirs, ours = PEERS.both(*arguments, stdin=stdin)
        # With -v Java shows where in itself it failed.
        theirs = (theirs[0], re.sub(r"\n\tat [^\n]*", "", theirs[1]), theirs[2])
        if mask:
            theirs, ours = [(one[0], masked(one[1]), masked(one[2])) for one in (theirs, ours)]
        with self.subTest(arguments=arguments, stdin=stdin):
            self.assertEqual(theirs[0], ours[0], f"theirs {theirs}\nours {ours}")
            self.assertEqual(theirs[1], ours[1])
            self.assertEqual(theirs[2], ours[2])
            if exit is not None:
                self.assertEqual(exit, ours[0])
        return ours

    def same_store(self, name, *passwords):
        passwords = passwords or ("changeit", "secret99")
        self.assertEqual(PEERS.dump(os.path.join(PEERS.theirs, name), *passwords),
                         PEERS.dump(os.path.join(PEERS.mine, name), *passwords))

    def test_driver_is_the_real_one(self):
        for arguments in (["-list", "-keystore", "keys.jks", *P], ["-list", "-frob"], ["-list", "-keystore", "keys.jks", "-storepass", "wrong1"]):
            done = subprocess.run(["keytool", *arguments], cwd=PEERS.theirs, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, env=PEERS.environment)
            self.assertEqual((done.returncode, done.stdout.decode(), done.stderr.decode()), PEERS.real(*arguments))

    def test_printcert(self):
        for name in zoo_files():
            if name.endswith(".key"):
                continue
            self.same("-printcert", "-file", name)
        self.same("-printcert", "-rfc", "-file", "root.crt")
        self.same("-printcert", "-rfc", "-file", "bundle.pem")
        self.same("-printcert", "-v", "-file", "nothing.crt", exit=1)
        self.same("-printcert", stdin=open(ZOO.path("leaf.crt")).read(), exit=0)
        self.same("-printcert", stdin="", exit=1)
        self.same("-printcert", "-file", "sha1.crt", "-nowarn")
        self.same("-printcert", "-file", "sha1.crt", "-keystore", "keys.jks", *P)

    def test_printcert_of_a_server(self):
        with Server(ZOO, ROOT) as server:
            for more in ([], ["-rfc"], ["-v"]):
                self.same("-printcert", "-sslserver", server.address, *more, exit=0)
            code, out, _ = PEERS.ours("-printcert", "-sslserver", server.address)
            self.assertIn("Certificate #1\n====================================\n", out, "the whole chain")
        for nobody in (server.address, "nosuch.invalid", "127.0.0.1:x", "127.0.0.1:0"):
            self.same("-printcert", "-sslserver", nobody, exit=1)

    def test_printcert_of_a_jar(self):
        with Jars(ROOT, PEERS.environment) as jars:
            for name in sorted(jars.names()):
                PEERS.put(jars.path(name))
                self.same("-printcert", "-jarfile", name)
            self.same("-printcert", "-rfc", "-jarfile", "chain.jar", exit=0)
            self.same("-printcert", "-jarfile", "nosuch.jar", exit=1)
            said = {name: PEERS.ours("-printcert", "-jarfile", name) for name in jars.names()}
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
        for folder in (PEERS.theirs, PEERS.mine):
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
            self.same("-importcert", "-noprompt", "-alias", "in", *store, *P, stdin=open(ZOO.path("ed25519.crt")).read(), exit=0)
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
        out = PEERS.real("-list", "-rfc", "-cacerts", *P)[1]
        first = out[out.index("-----BEGIN"):out.index("-----END")] + "-----END CERTIFICATE-----\n"
        for folder in (PEERS.theirs, PEERS.mine):
            with open(os.path.join(folder, "public.crt"), "w") as file:
                file.write(first)
        import_it = ["-importcert", "-trustcacerts", "-alias", "public", "-file", "public.crt", "-keystore", "trust.jks", *P]
        self.same(*import_it, stdin="no\n", exit=0)
        self.same(*import_it, stdin="yes\n", exit=0)
        self.same_store("trust.jks")

    def reply(self, kind):
        """A key made by Java in both folders, its request signed by the chain's intermediate: the same for both."""
        store = ["-keystore", "reply." + kind, *P]
        require(PEERS.real("-genkeypair", "-keyalg", "RSA", "-alias", "key", "-dname", "CN=reply.example.com", "-storetype", kind,
                           "-keypass", "changeit", *store))
        shutil.copy(os.path.join(PEERS.theirs, "reply." + kind), PEERS.mine)
        self.same("-certreq", "-alias", "key", *store, exit=0)
        self.same("-certreq", "-alias", "key", "-file", "key.csr", "-v", *store, exit=0)
        self.same("-printcertreq", "-file", "key.csr")
        for folder in (PEERS.theirs, PEERS.mine):
            if not os.path.exists(os.path.join(PEERS.theirs, "reply.crt")) or folder == PEERS.theirs:
                subprocess.run(["openssl", "x509", "-req", "-in", os.path.join(PEERS.theirs, "key.csr"), "-CA", ZOO.path("sub.crt"), "-CAkey",
                                ZOO.path("sub.key"), "-CAcreateserial", "-days", "10", "-out", os.path.join(PEERS.theirs, "reply.crt")],
                               check=True, stderr=subprocess.DEVNULL)
        read = lambda path: open(path).read()
        chain = read(os.path.join(PEERS.theirs, "reply.crt")) + read(ZOO.path("root.crt")) + read(ZOO.path("sub.crt"))
        for folder in (PEERS.theirs, PEERS.mine):
            with open(os.path.join(folder, "chain.pem"), "w") as file:
                file.write(chain)
        shutil.copy(os.path.join(PEERS.theirs, "reply.crt"), PEERS.mine)
        subprocess.run(["openssl", "crl2pkcs7", "-nocrl", "-certfile", os.path.join(PEERS.theirs, "chain.pem"), "-out",
                        os.path.join(PEERS.theirs, "chain.p7"), "-outform", "DER"], check=True)
        shutil.copy(os.path.join(PEERS.theirs, "chain.p7"), PEERS.mine)
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
            require(PEERS.real("-selfcert", "-alias", "key", *store))
            shutil.copy(os.path.join(PEERS.theirs, "reply." + kind), PEERS.mine)
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
                contents = [open(os.path.join(folder, name), "rb").read() for folder in (PEERS.theirs, PEERS.mine)]
                self.assertEqual(*contents)
            self.same("-exportcert", "-alias", "nothing", *store, exit=1)
            self.same("-exportcert", *store, exit=1)
            self.same("-exportcert", "-alias", "aes", *store, exit=1)
            self.same("-exportcert", "-alias", "root", "-file", "nothing/out", *store, exit=1)
        self.same("-exportcert", "-alias", "root", "-rfc", "-keystore", "keys.jks", stdin="\n", exit=0)

    def test_delete_and_changealias(self):
        for kind in ("jks", "jceks", "pkcs12"):
            store = ["-keystore", "keys." + kind, *P]
            self.same("-changealias", "-alias", "root", "-destalias", "Moved", *store, exit=0)
            self.same("-changealias", "-alias", "root", "-destalias", "Again", *store, exit=1)
            self.same("-changealias", "-alias", "moved", "-destalias", "EC", *store, exit=1)
            self.same("-changealias", "-alias", "ec", "-destalias", "ec2", *store, exit=0)
            self.same("-changealias", "-alias", "rsa", "-destalias", "rsa2", *store, stdin="secret99\n", exit=0)
            self.same("-changealias", "-alias", "rsa2", "-destalias", "rsa3", "-keypass", "secret99", *store, exit=0)
            self.same("-changealias", "-alias", "rsa3", "-destalias", "rsa4", "-keypass", "wrong1", *store)
            self.same("-changealias", "-alias", "ed", *store, stdin="ed2\n", exit=0)
            self.same("-changealias", "-alias", "ed", *store, stdin="\n", exit=1)
            self.same("-delete", "-alias", "MOVED", *store, exit=0)
            self.same("-delete", "-alias", "moved", *store, exit=1)
            self.same("-delete", "-v", *store, stdin="ed2\n", exit=0)
            self.same("-delete", *store, stdin="\n", exit=1)
            self.same("-delete", "-alias", "x", "-keystore", "nothing", *P, exit=1)
            self.same("-list", *store, exit=0)
            self.same_store("keys." + kind)

    def test_manual_lines(self):
        """The manual's own: keytool -delete -alias … and -storepasswd with its three prompts."""
        self.same("-delete", "-alias", "root", *P, "-keystore", "keys.jks", exit=0)
        self.same("-storepasswd", "-keystore", "trust.jks", stdin="changeit\nnewsecret\nnewsecret\n", exit=0)
        self.same("-list", "-keystore", "trust.jks", "-storepass", "newsecret", exit=0)
        self.same("-list", "-keystore", "trust.jks", *P, exit=1)
        self.same("-storepasswd", "-keystore", "trust.jks", stdin="wrong1\nnewsecret\nnewsecret\n", exit=1)

    def test_passwords(self):
        for kind in ("jks", "jceks", "pkcs12"):
            store = ["-keystore", "keys." + kind]
            self.same("-storepasswd", *store, *P, "-new", "newsecret", exit=0)
            self.same("-storepasswd", *store, *P, "-new", "newsecret", exit=1)
            self.same_store("keys." + kind, "newsecret", "secret99", "changeit")
            self.same("-storepasswd", *store, "-storepass", "newsecret", stdin="a\nother1\nother2\nnewsecret\nx\n", exit=1)
            self.same("-storepasswd", *store, "-storepass", "newsecret", stdin="newsecret\nthird33\nthird33\n", exit=0)
            self.same("-storepasswd", *store, stdin="third33\nchangeit\nchangeit\n", exit=0)
            self.same("-keypasswd", "-alias", "rsa", *store, *P, "-keypass", "secret99", "-new", "another")
            self.same("-keypasswd", "-alias", "rsa", *store, *P, "-keypass", "secret99", "-new", "another")
            self.same("-keypasswd", "-alias", "rsa", *store, *P, stdin="another\nanother\nlastone\nlastone\n")
            self.same("-keypasswd", "-alias", "ec", *store, *P, stdin="changeit\nlastone\nlastone\n")
            self.same("-keypasswd", "-alias", "root", *store, *P, "-new", "another", exit=1)
            self.same("-keypasswd", "-alias", "nothing", *store, *P, "-new", "another", exit=1)
            self.same("-keypasswd", *store, *P, "-new", "another", exit=1)
            self.same("-list", *store, *P, exit=0)
            self.same_store("keys." + kind, "changeit", "lastone")

    def test_certreq(self):
        for kind in ("jks", "jceks", "pkcs12"):
            store = ["-keystore", "keys." + kind, *P]
            key = ["-alias", "rsa", "-keypass", "changeit" if kind == "pkcs12" else "secret99"]
            self.same("-certreq", *key, *store, exit=0)
            self.same("-certreq", *key, *store, "-dname", "CN=other, O=\"a, b\"", "-sigalg", "SHA512withRSA", exit=0)
            self.same("-certreq", *key, *store, "-sigalg", "SHA1withRSA", exit=0)
            self.same("-certreq", *key, *store, "-ext", "SAN=DNS:a.example.com,IP:10.1.2.3", "-ext", "KU:critical=digitalSignature", exit=0)
            self.same("-certreq", "-alias", "ed", *store, exit=0)
            self.same("-certreq", "-alias", "root", *store, exit=1)
            self.same("-certreq", "-alias", "aes", *store, exit=1)
            self.same("-certreq", *store, exit=1)
            self.same("-certreq", "-alias", "ed", "-keypass", "wrong1", *store)
            self.same("-certreq", "-alias", "rsa", *store, stdin="wrong1\n")
            self.same("-certreq", "-alias", "rsa", *store, stdin="secret99\n", exit=0)

    def test_genkeypair(self):
        for kind in ("jks", "jceks", "pkcs12"):
            store = ["-keystore", "made." + kind, "-storetype", kind, *P]
            make = lambda *more, **rest: self.same("-genkeypair", *more, *store, **rest)
            make("-alias", "rsa", "-keyalg", "RSA", "-dname", "CN=rsa, O=\"x, y\", C=DE", stdin="\n", exit=0)
            make("-alias", "rsa", "-keyalg", "RSA", "-dname", "CN=rsa", stdin="\n", exit=1)
            make("-alias", "rsa1", "-keyalg", "rsa", "-keysize", "1024", "-dname", "CN=rsa", "-keypass", "secret99", "-validity", "3650", exit=0)
            make("-alias", "ec", "-keyalg", "EC", "-dname", "CN=ec", "-keypass", "changeit", exit=0)
            make("-alias", "ec384", "-keyalg", "EC", "-keysize", "384", "-dname", "CN=ec", "-keypass", "changeit", exit=0)
            make("-alias", "ec521", "-keyalg", "EC", "-groupname", "secp521r1", "-dname", "CN=ec", "-keypass", "changeit", exit=0)
            make("-alias", "ed", "-keyalg", "Ed25519", "-dname", "CN=ed", "-ext", "SAN:critical=DNS:*.example.com", "-keypass", "changeit", exit=0)
            make("-alias", "edd", "-keyalg", "EdDSA", "-dname", "CN=ed", "-keypass", "changeit", exit=0)
            make("-alias", "sha1", "-keyalg", "RSA", "-sigalg", "SHA1withRSA", "-dname", "CN=old", "-keypass", "changeit", exit=0)
            make("-alias", "ext", "-keyalg", "EC", "-dname", "EMAILADDRESS=a@b, CN=ünï + OU=x, DC=example", "-keypass", "changeit", "-ext", "BC:critical=ca:true,pathlen:1",
                 "-ext", "KU=digitalSignature,kCS,cRL", "-ext", "EKU=serverAuth,clientA,1.2.3.4", "-ext",
                 "san=dns:a.example.com,ip:10.0.0.1,ip:2001:db8::1,email:a@b,uri:https://x/y,oid:1.2.3", "-ext", "IAN=DNS:i.example.com",
                 "-ext", "AIA=OCSP:URI:http://o,caIssuers:URI:http://c", "-ext", "CRL=URI:http://crl", "-ext", "1.2.3.4:critical=0a:0B", "-ext", "1.2.3.5", exit=0)
            make("-alias", "bc", "-keyalg", "EC", "-dname", "CN=x", "-keypass", "changeit", "-ext", "bc", "-ext", "SIA=caRepository:URI:http://r", exit=0)
            make("-alias", "bc0", "-keyalg", "EC", "-dname", "CN=x", "-keypass", "changeit", "-ext", "bc=0", exit=0)
            make("-alias", "bcno", "-keyalg", "EC", "-dname", "CN=x", "-keypass", "changeit", "-ext", "bc=ca:false", exit=0)
            make("-alias", "dsa", "-keyalg", "DSA", "-dname", "CN=dsa", "-keypass", "changeit", exit=0)
            make("-alias", "dsa1", "-keyalg", "DSA", "-keysize", "1024", "-sigalg", "SHA1withDSA", "-dname", "CN=dsa", "-keypass", "changeit", exit=0)
            make("-alias", "issued", "-keyalg", "EC", "-dname", "CN=issued", "-keypass", "changeit", "-signer", "ec", exit=0)
            make("-alias", "asked", "-keyalg", "EC", "-keypass", "changeit", stdin="A\nB, C\n\n\n\nDE\nno\n\n\n\n\n\n\nyes\n", exit=0)
            make("-alias", "none", "-keyalg", "RSA", "-dname", "CN=x", stdin="abc\nsecret99\nother\nsecret99\nsecret99\n")
            make("-alias", "retries", "-keyalg", "RSA", "-dname", "CN=x", stdin="a\nb\nc\n")
            modes = {os.stat(os.path.join(folder, "made." + kind)).st_mode for folder in (PEERS.theirs, PEERS.mine)}
            self.assertEqual(1, len(modes), "a new store has the mode that Java gives it, by the umask: scripts rely on it")
            self.same("-list", "-v", *store, mask=True, exit=0)
            self.same("-list", *store, mask=True, exit=0)
            aliases = [line.split(" ")[0] for line in PEERS.dump(os.path.join(PEERS.mine, "made." + kind), "changeit", "secret99").splitlines()]
            self.assertIn("issued", aliases, "Java reads what we made")
            self.assertIn("dsa", aliases)
            code, request, _ = PEERS.ours("-certreq", "-alias", "dsa", *store)
            checked = subprocess.run(["openssl", "req", "-verify", "-noout"], input=request.encode(), stderr=subprocess.PIPE, check=True)
            self.assertIn(b"OK", checked.stderr)

    def test_genkeypair_refusals(self):
        make = lambda *more: self.same("-genkeypair", *more, "-keystore", "made.p12", *P, exit=1)
        make("-dname", "CN=x")
        make("-keyalg", "FOO", "-dname", "CN=x")
        make("-keyalg", "RSA", "-keysize", "100", "-dname", "CN=x")
        make("-keyalg", "EC", "-keysize", "384", "-groupname", "secp384r1", "-dname", "CN=x")
        make("-keyalg", "RSA", "-dname", "CN=x", "-keypass", "abc")
        for name in ("foo", "CN=a,,O=b", "XX=1", "CN=\"a", "CN=a\"b\""):
            make("-keyalg", "EC", "-dname", name)
        for extension in ("BC=x", "BC=ca:true:x", "KU", "KU=frob", "KU=k", "EKU", "EKU=frob", "SAN", "SAN=a", "SAN=frob:a", "AIA:critical=OCSP:URI:http://x",
                          "AIA=OCSP:x", "AIA", "1.2.3=abc"):
            make("-keyalg", "EC", "-dname", "CN=x", "-ext", extension)
        self.assertFalse(os.path.exists(os.path.join(PEERS.mine, "made.p12")))

    def test_importkeystore(self):
        for source in ("jks", "jceks", "pkcs12"):
            for target in ("jks", "jceks", "pkcs12"):
                name = f"{source}.{target}"
                copy = ["-importkeystore", "-srckeystore", "keys." + source, "-destkeystore", name, "-deststoretype", target,
                        "-srcstorepass", "changeit", "-deststorepass", "changeit"]
                self.same(*copy, stdin="secret99\n")
                self.same_store(name)
                self.same(*copy, "-noprompt", stdin="secret99\n")
                self.same(*copy, "-srcalias", "root", "-destalias", "Other", exit=0)
                self.same(*copy, "-srcalias", "root", "-destalias", "other", stdin="yes\n", exit=0)
                self.same(*copy, "-srcalias", "root", "-destalias", "ec", stdin="yes\n", exit=0)
                self.same(*copy, "-srcalias", "nothing", exit=1)
                self.same(*copy, "-srcalias", "rsa", "-srckeypass", "changeit" if source == "pkcs12" else "secret99", "-destalias", "r2",
                          "-destkeypass", "destkey1")
                self.same(*copy, "-srcalias", "aes", "-destalias", "s2")
                self.same("-list", "-keystore", name, *P)
                self.same_store(name, "changeit", "secret99", "destkey1")
        copy = ["-importkeystore", "-srckeystore", "trust.jks", "-destkeystore", "t.p12"]
        self.same(*copy, stdin="changeit\nchangeit\nchangeit\n", exit=0)
        self.same(*copy, stdin="a\nb\nc\n", exit=0)
        self.same(*copy, "-srcstorepass", "wrong1", "-deststorepass", "changeit", exit=1)
        self.same(*copy, "-srcstorepass", "changeit", "-deststorepass", "wrong1", exit=1)
        self.same(*copy, "-srcstorepass", "changeit", "-deststorepass", "changeit", "-destalias", "x", exit=1)
        self.same(*copy, "-deststorepass", "changeit", "-noprompt", stdin="\n", exit=0)
        self.same("-importkeystore", "-destkeystore", "t.p12", exit=1)
        self.same("-importkeystore", "-srckeystore", "nothing", "-destkeystore", "t.p12", *P, "-srcstorepass", "changeit", exit=1)
        self.same("-importkeystore", "-srckeystore", "empty", "-destkeystore", "t.p12", *P, exit=1)

    def test_import_in_place(self):
        for name, target in (("trust.jks", "pkcs12"), ("trust.pkcs12", "pkcs12"), ("trust.jceks", "jks"), ("trust.pkcs12", "jks")):
            self.same("-importkeystore", "-srckeystore", name, "-destkeystore", name, "-deststoretype", target, "-srcstorepass", "changeit", exit=0)
            self.same_store(name)
            self.same("-list", "-keystore", name, *P, exit=0)
        self.same("-importkeystore", "-srckeystore", "keys.jks", "-destkeystore", "keys.jks", "-srcstorepass", "changeit", stdin="secret99\n", exit=0)
        self.same_store("keys.jks")
        self.assertEqual(sorted(os.listdir(PEERS.theirs)), sorted(os.listdir(PEERS.mine)))
        for name in os.listdir(PEERS.theirs):
            if ".old" in name and not name.startswith("trust"):
                contents = [open(os.path.join(folder, name), "rb").read() for folder in (PEERS.theirs, PEERS.mine)]
                self.assertEqual(*contents, name)


class Sequences(unittest.TestCase):
    """Random operations by both; after each the stores agree, and each program reads what the other wrote."""
    maxDiff = None
    CERTIFICATES = ["root.crt", "sub.crt", "leaf.crt", "p384.crt", "ed25519.crt", "odd.crt", "sha1.crt", "all.crt", "rsa2048.crt"]
    ALIASES = ["a", "B", "c d", "ÄÖ", "E" * 40, "trust-1", "😀x", "Key", "key2"]

    def operation(self, dice, kind, state):
        store = ["-keystore", "s." + kind, "-storepass", state["password"]]
        alias, other = dice.choice(self.ALIASES), dice.choice(self.ALIASES)
        answer = dice.choice(["yes\n", "no\n", "y\n", ""])
        source = ["-importkeystore", "-srckeystore", "source.p12", "-srcstorepass", "changeit", "-destkeystore", "s." + kind,
                  "-deststorepass", state["password"]]
        new = "pass" + str(dice.randrange(10 ** 6)).zfill(6)
        choices = [
            (4, ["-importcert", "-noprompt", "-alias", alias, "-file", dice.choice(self.CERTIFICATES), *store], ""),
            (3, ["-importcert", "-alias", alias, "-file", dice.choice(self.CERTIFICATES), *store], answer),
            (3, ["-delete", "-alias", alias, *store], ""),
            (3, ["-changealias", "-alias", alias, "-destalias", other, *store], ""),
            (3, [*source, "-srcalias", dice.choice(["rsa", "ec", "ed", "root"]), "-destalias", alias, "-noprompt"], ""),
            (1, [*source, "-noprompt"], ""),
            (1, ["-exportcert", "-alias", alias, *store], ""),
            (1, ["-exportcert", "-rfc", "-alias", alias, *store], ""),
            (1, ["-storepasswd", "-keystore", "s." + kind, "-storepass", state["password"], "-new", new], ""),
            (1, ["-list", "-rfc", *store], ""),
            (1, ["-delete", "-alias", alias, "-keystore", "s." + kind, "-storepass", "wrong-one"], ""),
        ]
        return dice.choices([(arguments, stdin) for _, arguments, stdin in choices], [weight for weight, _, _ in choices])[0]

    def check(self, kind, state):
        theirs, mine = os.path.join(PEERS.theirs, "s." + kind), os.path.join(PEERS.mine, "s." + kind)
        self.assertEqual(os.path.exists(theirs), os.path.exists(mine))
        if not os.path.exists(theirs):
            return
        passwords = [state["password"], "changeit", *state["old"]]
        self.assertEqual(PEERS.dump(theirs, *passwords), PEERS.dump(mine, *passwords))
        arguments = ["-list", "-v", "-storepass", state["password"], "-nowarn", "-keystore"]
        lists = {program(*arguments, path)[:2] for program in (PEERS.real, PEERS.ours) for path in (theirs, mine)}
        self.assertEqual(1, len(lists), lists)

    def sequence(self, kind):
        dice = random.Random(f"{SEED} {kind}")
        PEERS.clear()
        for name in self.CERTIFICATES:
            PEERS.put(ZOO.path(name))
        PEERS.put(os.path.join(ROOT, "keys.pkcs12"), "source.p12")
        for program in (PEERS.theirs, PEERS.mine):
            os.rename(os.path.join(program, "source.p12"), os.path.join(program, "all.p12"))
        require(PEERS.real("-importkeystore", "-srckeystore", "all.p12", "-destkeystore", "source.p12", "-srcstorepass", "changeit",
                           "-deststorepass", "changeit"))
        require(PEERS.real("-delete", "-alias", "aes", "-keystore", "source.p12", *P))
        shutil.copy(os.path.join(PEERS.theirs, "source.p12"), PEERS.mine)
        state = {"password": "changeit", "old": []}
        first = ["-importcert", "-noprompt", "-alias", "first", "-file", "root.crt", "-keystore", "s." + kind, "-storetype", kind, *P]
        require(PEERS.real(*first))
        shutil.copy(os.path.join(PEERS.theirs, "s." + kind), PEERS.mine)
        done = [first]
        try:
            for _ in range(STEPS):
                arguments, stdin = self.operation(dice, kind, state)
                done.append(arguments)
                theirs, ours = PEERS.both(*arguments, stdin=stdin)
                self.assertEqual(theirs, ours)
                if arguments[0] == "-storepasswd" and theirs[0] == 0:
                    state["old"].append(state["password"])
                    state["password"] = arguments[-1]
                self.check(kind, state)
        except AssertionError:
            print(f"KEYTOOL_SEED={SEED}, {kind}, after {len(done)} steps:", *done[-5:], sep="\n  ")
            raise

    def test_jks(self):
        self.sequence("jks")

    def test_jceks(self):
        self.sequence("jceks")

    def test_pkcs12(self):
        self.sequence("pkcs12")


class Ours(unittest.TestCase):
    """What is not the real one's: the link, argv, terminals, files."""

    def setUp(self):
        PEERS.clear()
        PEERS.put(os.path.join(ROOT, "keys.jks"))
        PEERS.put(ZOO.path("root.crt"))

    def test_link(self):
        link = os.path.join(PEERS.mine, "keytool")
        os.symlink(os.path.join(BIN, "chancery"), link)
        done = subprocess.run([link, "-list", "-keystore", "keys.jks", *P], cwd=PEERS.mine, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=PEERS.environment)
        self.assertEqual(PEERS.real("-list", "-keystore", "keys.jks", *P), (done.returncode, done.stdout.decode(), done.stderr.decode()))

    def test_passwords_leave_argv(self):
        marker = "marker-secret-4711"
        process = subprocess.Popen([os.path.join(BIN, "chancery"), "keytool", "-importcert", "-alias", "x", "-keystore", "new.jks", "-storetype", "jks",
                                    "-storepass", marker, "-keypass", marker], cwd=PEERS.mine, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, env=PEERS.environment)
        try:
            deadline = time.monotonic() + 20
            seen = b""
            while time.monotonic() < deadline:
                with open(f"/proc/{process.pid}/cmdline", "rb") as file:
                    seen = file.read()
                if b"-storepass" in seen and marker.encode() not in seen:
                    break
            self.assertIn(b"-storepass", seen)
            self.assertNotIn(marker.encode(), seen)
        finally:
            process.communicate(open(ZOO.path("root.crt"), "rb").read(), timeout=30)

    def test_terminal(self):
        """On a terminal the three passwords of -storepasswd are asked without echo."""
        leader, follower = pty.openpty()
        process = subprocess.Popen([os.path.join(BIN, "chancery"), "keytool", "-storepasswd", "-keystore", "keys.jks"], cwd=PEERS.mine, stdin=follower,
                                   stdout=follower, stderr=follower, env=PEERS.environment, start_new_session=True)
        os.close(follower)
        shown = b""
        for prompt, answer in ((b"Enter keystore password:  ", b"changeit\n"), (b"New keystore password: ", b"newsecret\n"),
                               (b"Re-enter new keystore password: ", b"newsecret\n")):
            while not shown.endswith(prompt):
                shown += os.read(leader, 4096)
            os.write(leader, answer)
        try:
            while chunk := os.read(leader, 4096):
                shown += chunk
        except OSError:
            pass
        self.assertEqual(0, process.wait(timeout=30), shown)
        os.close(leader)
        self.assertNotIn(b"changeit", shown)
        self.assertNotIn(b"newsecret", shown)
        self.assertEqual(0, PEERS.real("-list", "-keystore", os.path.join(PEERS.mine, "keys.jks"), "-storepass", "newsecret")[0])

    def test_file_keeps_mode_and_link(self):
        path, link = os.path.join(PEERS.mine, "keys.jks"), os.path.join(PEERS.mine, "link.jks")
        os.chmod(path, 0o640)
        os.symlink("keys.jks", link)
        self.assertEqual(0, PEERS.ours("-importcert", "-noprompt", "-alias", "new", "-file", "root.crt", "-keystore", "link.jks", *P)[0])
        self.assertTrue(os.path.islink(link))
        self.assertEqual(0o640, os.stat(path).st_mode & 0o777)
        self.assertEqual(["keys.jks", "link.jks", "root.crt"], sorted(os.listdir(PEERS.mine)))

    def test_answers_are_not_lost(self):
        """Java throws away what it has read ahead of a question; each question here gets the next line."""
        answered = PEERS.ours("-importcert", "-alias", "x", "-file", "root.crt", "-keystore", "new.jks", "-storetype", "jks", *P, stdin="maybe\nyes\n")
        self.assertTrue(answered[2].endswith("Wrong answer, try again\nTrust this certificate? [no]:  Certificate was added to keystore\n"), answered)

    def test_no_empty_name(self):
        """Java writes such a certificate into the store, and can never read that store again."""
        before = open(os.path.join(PEERS.mine, "keys.jks"), "rb").read()
        make = ["-genkeypair", "-keyalg", "Ed25519", "-alias", "e", "-dname", "", "-keystore", "keys.jks", "-keypass", "changeit", *P]
        self.assertEqual(*PEERS.both(*make))
        self.assertEqual(before, open(os.path.join(PEERS.mine, "keys.jks"), "rb").read())

    def test_refusal_changes_nothing(self):
        path = os.path.join(PEERS.mine, "keys.jks")
        before = open(path, "rb").read()
        for arguments in (["-importcert", "-noprompt", "-alias", "root", "-file", "root.crt"], ["-delete", "-alias", "nothing"],
                          ["-changealias", "-alias", "ec", "-destalias", "root"], ["-storepasswd", "-new", "abc"]):
            self.assertEqual(1, PEERS.ours(*arguments, "-keystore", "keys.jks", *P)[0], arguments)
            self.assertEqual(before, open(path, "rb").read())


IMPORT = os.path.join(SOURCE, "appliance", "packaging", "import_certificate.sh")


class ImportScript(unittest.TestCase):
    """import_certificate.sh of the package on a store of its own."""

    def setUp(self):
        PEERS.clear()
        PEERS.put(os.path.join(ROOT, "keys.jks"))
        for name in ("root.crt", "bundle.pem"):
            PEERS.put(ZOO.path(name))

    def run_script(self, *arguments, **environment):
        done = subprocess.run([IMPORT, *arguments], cwd=PEERS.mine, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env={**PEERS.environment, "CHANCERY": os.path.join(BIN, "chancery"), **environment})
        return done.returncode, done.stdout.decode() + done.stderr.decode()

    def aliases(self):
        listed = PEERS.dump(os.path.join(PEERS.mine, "keys.jks"), "changeit")
        return {line.split(" ")[0] for line in listed.splitlines()[1:]}

    def test_bundle(self):
        before = self.aliases()
        done = self.run_script("-alias", "engine", "-file", "bundle.pem", "-storepass", "changeit", "-keystore", "keys.jks")
        self.assertEqual(0, done[0], done)
        self.assertEqual(before | {"engine", "engine-2"}, self.aliases(), "the root was there already")

    def test_refusals(self):
        before = open(os.path.join(PEERS.mine, "keys.jks"), "rb").read()
        for arguments in (["-alias", "root", "-file", "root.crt", "-storepass", "changeit"], ["-alias", "x", "-file", "root.crt", "-storepass", "wrong1"],
                          ["-alias", "x", "-file", "nothing", "-storepass", "changeit"], ["-alias", "x"], ["-frob", "x"]):
            done = self.run_script(*arguments, "-keystore", "keys.jks")
            self.assertNotEqual(0, done[0], arguments)
            self.assertEqual(before, open(os.path.join(PEERS.mine, "keys.jks"), "rb").read())

    def test_password_from_elsewhere(self):
        with open(os.path.join(PEERS.mine, "password"), "w") as file:
            file.write("changeit\n")
        done = self.run_script("-alias", "engine", "-file", "bundle.pem", "-storepass:file", "password", "-keystore", "keys.jks")
        self.assertEqual(0, done[0], done)
        done = self.run_script("-alias", "other", "-file", "bundle.pem", "-storepass:env", "PASSWORD", "-keystore", "keys.jks", PASSWORD="wrong1")
        self.assertNotEqual(0, done[0])


class InState(SystemTest):
    """The portal's own store: what keytool does to it is a change of the appliance."""

    def test_manual_lines(self):
        appliance = self.appliance("primary")
        store = os.path.join(appliance.state, "current", "trust", "portal", "cacerts")
        generation = lambda: os.readlink(os.path.join(appliance.state, "current"))
        environment = {**os.environ, "CHANCERY_STATE": appliance.state, "CHANCERY": os.path.join(BIN, "chancery")}
        first = generation()
        done = subprocess.run([IMPORT, "-alias", "root_engine", "-file", ZOO.path("root.crt"), "-storepass", "changeit"], env=environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(0, done.returncode, done.stdout)
        second = generation()
        self.assertNotEqual(first, second)
        real = lambda password: PEERS.real("-list", "-alias", "root_engine", "-keystore", os.path.realpath(store), "-storepass", password)
        self.assertEqual(0, real("changeit")[0])
        done = appliance.cli("keytool", "-storepasswd", "-keystore", store, stdin=b"changeit\nnewsecret\nnewsecret\n")
        self.assertEqual(0, done.code, done)
        third = generation()
        self.assertNotEqual(second, third)
        self.assertEqual(0, real("newsecret")[0])
        done = appliance.cli("keytool", "-delete", "-alias", "root_engine", "-storepass", "newsecret", "-keystore", store)
        self.assertEqual(0, done.code, done)
        self.assertEqual(1, real("newsecret")[0])
        fourth = generation()
        for arguments in (["-delete", "-alias", "root_engine", "-storepass", "newsecret"], ["-delete", "-alias", "x", "-storepass", "wrong1"]):
            self.assertEqual(1, appliance.cli("keytool", *arguments, "-keystore", store).code)
        self.assertEqual(fourth, generation())


if __name__ == "__main__":
    unittest.main()
