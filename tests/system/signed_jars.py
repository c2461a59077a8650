"""JARs signed by the JDK's own jarsigner, with keys and a time stamp authority of openssl, and what somebody did to them since.

    with Jars(folder, environment) as jars:
        for name in jars.names(): …jars.path(name)…
"""
import base64
import hashlib
import http.server
import os
import shutil
import threading
import zipfile

from harness import BIN, must


class Jars:
    """JARs as the JDK's own jarsigner signs them, and what somebody did to them afterwards."""

    FILES = {"a.txt": b"hello\n", "b/" + "long-name-" * 9 + "ü.txt": b"other\n", "empty": b""}

    def __init__(self, folder, environment):
        self.folder = os.path.join(folder, "jars")
        os.mkdir(self.folder)
        self.environment = environment

    def path(self, name):
        return os.path.join(self.folder, name)

    def names(self):
        return [name for name in os.listdir(self.folder) if name.endswith(".jar")]

    def write(self, name, files):
        with zipfile.ZipFile(self.path(name), "w", zipfile.ZIP_DEFLATED) as jar:
            for member, content in files:
                jar.writestr(member, content)

    def changed(self, source, name, changes):
        """The same JAR with other contents in some of its files, and with more."""
        with zipfile.ZipFile(self.path(source)) as jar:
            files = [(member, changes.pop(member, jar.read(member))) for member in jar.namelist()]
        self.write(name, files + list(changes.items()))

    def read(self, name, member):
        with zipfile.ZipFile(self.path(name)) as jar:
            return jar.read(member)

    def sign(self, name, alias, *more):
        must("jarsigner", "-keystore", "keys.p12", "-storepass", "changeit", *more, name, alias, cwd=self.folder)

    def make_keys(self):
        openssl = lambda *arguments: must("openssl", *arguments, cwd=self.folder)
        with open(self.path("ca.cnf"), "w") as file:
            file.write("[req]\ndistinguished_name=dn\n[dn]\n[ca]\nbasicConstraints=critical,CA:true\n"
                       "[code]\nkeyUsage=digitalSignature\nextendedKeyUsage=codeSigning\n"
                       "[tsa]\nkeyUsage=digitalSignature\nextendedKeyUsage=critical,timeStamping\n"
                       "[no]\nkeyUsage=keyEncipherment\n"
                       "[stamping]\nserial=serial\nsigner_cert=tsa.crt\ncerts=root.crt\nsigner_key=tsa.key\nsigner_digest=sha256\n"
                       "default_policy=1.2.3.4\ndigests=sha256,sha384\ness_cert_id_alg=sha256\n")
        openssl("req", "-x509", "-config", "ca.cnf", "-extensions", "ca", "-newkey", "rsa:2048", "-nodes", "-keyout", "root.key", "-subj", "/CN=root/O=Jars",
                "-days", "900", "-out", "root.crt")
        for name, kind in {"rsa": "code", "ec": "code", "tsa": "tsa", "no": "no"}.items():
            key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if name == "ec" else ["-newkey", "rsa:2048"]
            openssl("req", "-new", "-config", "ca.cnf", *key, "-nodes", "-keyout", f"{name}.key", "-subj", f"/CN={name}", "-out", f"{name}.csr")
            openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "root.crt", "-CAkey", "root.key", "-CAcreateserial", "-extfile", "ca.cnf", "-extensions", kind,
                    "-days", "800", "-out", f"{name}.crt")
        openssl("req", "-x509", "-newkey", "rsa:1024", "-nodes", "-keyout", "weak.key", "-subj", "/CN=weak", "-days", "900", "-out", "weak.crt")
        must(os.path.join(BIN, "chancery"), "keytool", "-genkeypair", "-keystore", "keys.p12", "-storepass", "changeit", "-alias", "dsa", "-keyalg", "DSA", "-keysize",
             "2048", "-dname", "CN=dsa", cwd=self.folder, env=self.environment)
        for name in ("rsa", "ec", "no", "weak"):
            openssl("pkcs12", "-export", "-in", f"{name}.crt", "-inkey", f"{name}.key", "-certfile", "root.crt", "-name", name, "-out", f"{name}.p12", "-passout",
                    "pass:changeit")
            must(os.path.join(BIN, "chancery"), "keytool", "-importkeystore", "-noprompt", "-srckeystore", f"{name}.p12", "-srcstorepass", "changeit", "-destkeystore",
                 "keys.p12", "-deststorepass", "changeit", cwd=self.folder, env=self.environment)

    def stamper(self):
        folder = self.folder

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                with open(os.path.join(folder, "query"), "wb") as file:
                    file.write(self.rfile.read(int(self.headers["Content-Length"])))
                must("openssl", "ts", "-reply", "-config", "ca.cnf", "-section", "stamping", "-queryfile", "query", "-out", "reply", cwd=folder)
                with open(os.path.join(folder, "reply"), "rb") as file:
                    reply = file.read()
                self.send_response(200)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, *_):
                pass

        return http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self):
        self.make_keys()
        self.write("plain.jar", [("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\r\n\r\n"), *self.FILES.items()])
        copy = lambda source, name: shutil.copy(self.path(source), self.path(name))
        copy("plain.jar", "chain.jar")
        self.sign("chain.jar", "ec")
        copy("chain.jar", "three.jar")
        self.sign("three.jar", "rsa", "-sigalg", "SHA512withRSA")
        self.sign("three.jar", "dsa")
        copy("chain.jar", "digests-differ.jar")
        self.sign("digests-differ.jar", "rsa", "-digestalg", "SHA-512")
        copy("plain.jar", "weak.jar")
        self.sign("weak.jar", "weak", "-sigalg", "SHA1withRSA", "-digestalg", "MD5")
        copy("plain.jar", "may-not-sign.jar")
        self.sign("may-not-sign.jar", "no")
        stamper = self.stamper()
        threading.Thread(target=stamper.serve_forever, daemon=True).start()
        copy("plain.jar", "stamped.jar")
        self.sign("stamped.jar", "rsa", "-tsa", f"http://127.0.0.1:{stamper.server_port}")
        stamper.shutdown()
        stamper.server_close()
        self.changed("chain.jar", "tampered.jar", {"a.txt": b"evil\n"})
        self.changed("chain.jar", "with-more.jar", {"unsigned.txt": b"more\n"})
        manifest = self.read("chain.jar", "META-INF/MANIFEST.MF")
        self.changed("chain.jar", "manifest-with-more.jar", {"META-INF/MANIFEST.MF": manifest + b"Name: unsigned.txt\r\nX: y\r\n\r\n"})
        self.changed("chain.jar", "manifest-main-changed.jar", {"META-INF/MANIFEST.MF": manifest.replace(b"Version: 1.0", b"Version: 1.1", 1)})
        # Somebody who changed the manifest's digest together with the file.
        digests = [base64.b64encode(hashlib.sha256(content).digest()) for content in (b"hello\n", b"evil\n")]
        self.changed("chain.jar", "manifest-of-others.jar", {"a.txt": b"evil\n", "META-INF/MANIFEST.MF": manifest.replace(*digests)})
        signed = self.read("chain.jar", "META-INF/EC.SF")
        self.changed("chain.jar", "other-signature-file.jar", {"META-INF/EC.SF": signed.replace(b"Created-By", b"Created-by")})
        self.changed("chain.jar", "other-version.jar", {"META-INF/EC.SF": signed.replace(b"Signature-Version: 1.0", b"Signature-Version: 1.1")})
        self.changed("chain.jar", "no-block.jar", {"META-INF/EC.EC": b"0\x03\x02\x01\x05"})
        self.changed("chain.jar", "broken-manifest.jar", {"META-INF/MANIFEST.MF": manifest + b"Nonsense\r\n"})
        self.changed("chain.jar", "broken-header.jar", {"META-INF/MANIFEST.MF": manifest + b"Name: x\r\n y\r\nNonsense\r\n\r\n"})
        self.changed("chain.jar", "misplaced-line.jar", {"META-INF/MANIFEST.MF": manifest + b" x\r\n"})
        self.changed("chain.jar", "misplaced-first-line.jar", {"META-INF/MANIFEST.MF": b" x\r\n" + manifest})
        self.changed("three.jar", "three-one-off.jar", {"META-INF/RSA.RSA": self.read("chain.jar", "META-INF/EC.EC")})
        # A signature that says nothing which anybody could check.
        with open(self.path("x.sf"), "wb") as file:
            file.write(b"Signature-Version: 1.0\r\n\r\nName: a.txt\r\nNo-Such-Digest: AAAA\r\n\r\n")
        must("openssl", "cms", "-sign", "-binary", "-in", "x.sf", "-signer", "rsa.crt", "-inkey", "rsa.key", "-outform", "DER", "-out", "x.rsa", cwd=self.folder)
        block, signed = (open(self.path(name), "rb").read() for name in ("x.rsa", "x.sf"))
        self.write("unknown-digest.jar", [("META-INF/MANIFEST.MF", b"Manifest-Version: 1.0\r\n\r\nName: a.txt\r\nSHA-256-Digest: " + digests[0] + b"\r\n\r\n"),
                                          ("META-INF/X.SF", signed), ("META-INF/X.RSA", block), ("a.txt", b"hello\n")])
        with open(self.path("no-zip.jar"), "wb") as file:
            file.write(b"no zip at all\n" * 10)
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder)
