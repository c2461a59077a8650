"""`chancery keytool` against the real one, as test_keytool.py: what changes entries, keys and passwords."""
import os
import subprocess
import unittest

from keytool_stage import Compared, P, setUpModule, stage, tearDownModule  # noqa: F401  unittest looks for the two of the module


class Keys(Compared):
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
            modes = {os.stat(os.path.join(folder, "made." + kind)).st_mode for folder in (stage.peers.theirs, stage.peers.mine)}
            self.assertEqual(1, len(modes), "a new store has the mode that Java gives it, by the umask: scripts rely on it")
            self.same("-list", "-v", *store, mask=True, exit=0)
            self.same("-list", *store, mask=True, exit=0)
            aliases = [line.split(" ")[0] for line in stage.peers.dump(os.path.join(stage.peers.mine, "made." + kind), "changeit", "secret99").splitlines()]
            self.assertIn("issued", aliases, "Java reads what we made")
            self.assertIn("dsa", aliases)
            code, request, _ = stage.peers.ours("-certreq", "-alias", "dsa", *store)
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
        self.assertFalse(os.path.exists(os.path.join(stage.peers.mine, "made.p12")))

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
        self.assertEqual(sorted(os.listdir(stage.peers.theirs)), sorted(os.listdir(stage.peers.mine)))
        for name in os.listdir(stage.peers.theirs):
            if ".old" in name and not name.startswith("trust"):
                contents = [open(os.path.join(folder, name), "rb").read() for folder in (stage.peers.theirs, stage.peers.mine)]
                self.assertEqual(*contents, name)


if __name__ == "__main__":
    unittest.main()
