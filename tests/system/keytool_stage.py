"""What the tests of `chancery keytool` share: both programs, their folders, and stores that the real keytool made."""
import os
import re
import shutil
import tempfile
import unittest

from keytool_peer import Peers, Zoo

P = ["-storepass", "changeit"]


class Stage:
    root = zoo = peers = None


stage = Stage()


def setUpModule():
    stage.root = tempfile.mkdtemp(prefix="chancery-keytool-")
    os.mkdir(os.path.join(stage.root, "zoo"))
    stage.zoo = Zoo(os.path.join(stage.root, "zoo"))
    stage.peers = Peers(stage.root)
    stores()


def tearDownModule():
    stage.peers.close()
    shutil.rmtree(stage.root)


def zoo_files():
    return sorted(name for name in os.listdir(stage.zoo.folder) if name.endswith((".crt", ".pem", ".der", ".p7b", ".p7c")) or name == "empty")


def stores():
    """Stores that the real keytool makes once: trust.*, keys.* (an RSA key with its own password in JKS and JCEKS)."""
    for kind in ("jks", "jceks", "pkcs12"):
        name = "keys." + kind
        make = lambda *more: require(stage.peers.real(*more, "-keystore", name, "-storetype", kind, *P))
        stage.peers.put(stage.zoo.path("root.crt"))
        own = ["-keypass", "changeit" if kind == "pkcs12" else "secret99"]
        make("-genkeypair", "-keyalg", "RSA", "-alias", "Rsa", "-dname", "CN=rsa", "-ext", "SAN=DNS:rsa.example.com", *own)
        make("-genkeypair", "-keyalg", "Ed25519", "-alias", "ed", "-dname", "CN=ed", "-keypass", "changeit")
        make("-genkeypair", "-keyalg", "EC", "-alias", "ec", "-dname", "CN=ec", "-keypass", "changeit")
        make("-importcert", "-noprompt", "-alias", "root", "-file", "root.crt")
        if kind != "jks":
            make("-genseckey", "-keyalg", "AES", "-keysize", "128", "-alias", "aes", "-keypass", "changeit")
        shutil.copy(os.path.join(stage.peers.theirs, name), stage.root)
        for alias in range(14):
            require(stage.peers.real("-importcert", "-noprompt", "-alias", f"Trust {alias}", "-file", "root.crt",
                               "-keystore", "trust." + kind, "-storetype", kind, *P))
        shutil.copy(os.path.join(stage.peers.theirs, "trust." + kind), stage.root)
    stage.peers.clear()


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


class Compared(unittest.TestCase):
    """Each command by both programs, on copies of the same files."""
    maxDiff = None

    def setUp(self):
        stage.peers.clear()
        for name in zoo_files():
            stage.peers.put(stage.zoo.path(name))
        for name in os.listdir(stage.root):
            if name.startswith(("keys.", "trust.")):
                stage.peers.put(os.path.join(stage.root, name))

    def same(self, *arguments, stdin="", mask=False, exit=None):
        theirs, ours = stage.peers.both(*arguments, stdin=stdin)
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
        self.assertEqual(stage.peers.dump(os.path.join(stage.peers.theirs, name), *passwords),
                         stage.peers.dump(os.path.join(stage.peers.mine, name), *passwords))
