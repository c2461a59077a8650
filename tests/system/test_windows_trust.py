"""P25 on Windows, as far as Wine is Windows: chancery-trust.exe against Wine's certificate store, and the installer's script that
uses it. Not run: PowerShell, which Wine does not have, and Windows' own question before the user's Root store changes."""
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import unittest
import zipfile

from harness import BIN, SystemTest, file_fingerprints, must, run

PROGRAM = os.path.join(BIN, "chancery-trust.exe")
WINE = next((p for p in ("/usr/lib/wine/wine64", shutil.which("wine64") or shutil.which("wine") or "") if p and os.path.exists(p)), None)
WINESERVER = shutil.which("wineserver") or "/usr/lib/wine/wineserver"
PATIENCE = 120


class WindowsTrust(SystemTest):
    def setUp(self):
        super().setUp()
        for what, path in (("Wine", WINE), (PROGRAM, os.path.exists(PROGRAM))):
            self.assertTrue(path, f"{what} is missing: ./dev test installs wine64 and mingw-w64 and builds it")
        prefix = os.path.join(self.folder, "wine")
        self.environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")} | {
            "WINEPREFIX": prefix, "WINEARCH": "win64", "WINEDEBUG": "-all", "HOME": self.folder,
            "WINEDLLOVERRIDES": "mscoree,mshtml=;winemenubuilder.exe=d"}
        os.mkdir(prefix)
        # The first program makes the prefix. A server that stays until it is told to go spares every other one a start.
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "timeout": PATIENCE}
        self.addCleanup(subprocess.run, [WINESERVER, "-k", "-w"], env=self.environment, **quiet)
        subprocess.run([WINESERVER, "-p"], env=self.environment, **quiet)

    def wine(self, *words, cwd=None):
        """Into files: Wine's services stay, and would keep a pipe open."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            done = subprocess.run([WINE, *words], env=self.environment, cwd=cwd or self.folder, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                  timeout=PATIENCE)
            out.seek(0), err.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, out.read(), err.read())

    def trust(self, *words, code=0):
        done = self.wine(PROGRAM, *words)
        self.assertEqual(code, done.returncode, done)
        if "--json" in words:
            return json.loads(done.stdout)
        if code:
            self.assertRegex(done.stderr.decode(), r"^chancery-trust: failed to [^:]+: .+\r?\nhint: .+", done)
        return done.stdout.decode() + done.stderr.decode()

    def held(self, *where):
        return {c["sha256"]: c for c in self.trust("list", "--json", *where)["certificates"]}

    def certificate(self, name, subject):
        key, path = os.path.join(self.folder, name + ".key"), os.path.join(self.folder, name + ".pem")
        must("openssl", "req", "-x509", "-utf8", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", path,
             "-subj", subject, "-days", "30")
        return path, file_fingerprints(path)[0]

    def written(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def refused(self, code, *words):
        self.assertEqual(code, self.trust(*words, "--json", code=1)["error"]["code"], words)

    def test_the_store_and_the_installers_script(self):
        """One prefix for all of it: making it takes longer than everything else."""
        before = self.held()
        root, fingerprint = self.certificate("root", "/O=Example \"Büro\"/CN=Würzel, Root")
        other, other_fingerprint = self.certificate("other", "/CN=Other Root")
        self.assertNotIn(fingerprint, before)
        self.add_and_remove(before, root, fingerprint, other, other_fingerprint)
        self.what_is_refused(root, fingerprint, other, other_fingerprint)
        self.assertEqual(before, self.held(), "nothing of that has changed it")
        self.by_script(before)

    def add_and_remove(self, before, root, fingerprint, other, other_fingerprint):
        self.assertIn("absent", self.trust_absent(fingerprint))
        spelt = ":".join(fingerprint[i:i + 2].upper() for i in range(0, 64, 2))
        self.assertIn("is trusted now", self.trust("add", "--file", root, "--sha256", spelt))
        held = self.held()
        self.assertEqual({fingerprint}, set(held) - set(before))
        self.assertEqual((set(before), held[fingerprint]["subject"]), (set(held) - {fingerprint}, held[fingerprint]["issuer"]))
        self.assertIn("Würzel, Root", held[fingerprint]["subject"])
        self.assertRegex(held[fingerprint]["not_after"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        # As Windows itself keeps it: by SHA-1, in the registry.
        der = subprocess.run(["openssl", "x509", "-in", root, "-outform", "DER"], capture_output=True, check=True).stdout
        key = "HKLM\\Software\\Microsoft\\SystemCertificates\\Root\\Certificates\\" + hashlib.sha1(der).hexdigest().upper()
        self.assertIn(der.hex().upper().encode(), self.wine("reg", "query", key).stdout)
        self.assertIn("present", self.trust("check", "--sha256", fingerprint))
        # Again, from the other encoding: nothing to do. Of a bundle the one that is named.
        binary = self.written("root.cer", der)
        self.assertEqual("unchanged", self.trust("add", "--file", binary, "--sha256", fingerprint, "--json")["outcome"])
        with open(root, "rb") as one, open(other, "rb") as two:
            bundle = self.written("bundle.pem", b"# both\r\n" + two.read() + one.read())
        self.assertEqual("unchanged", self.trust("add", "--file", bundle, "--sha256", fingerprint, "--json")["outcome"])
        self.assertEqual(set(held), set(self.held()))
        # Another store is another store.
        self.assertNotIn(fingerprint, self.held("--store", "Disallowed"))
        self.trust("add", "--file", bundle, "--sha256", other_fingerprint, "--store", "TrustedPeople")
        self.assertIn(other_fingerprint, self.held("--store", "TrustedPeople"))
        self.assertEqual(set(held), set(self.held()))
        self.trust("remove", "--sha256", other_fingerprint, "--store", "TrustedPeople")
        # By its fingerprint alone, and no other one.
        self.assertEqual("unchanged", self.trust("remove", "--sha256", other_fingerprint, "--json")["outcome"])
        self.assertEqual(set(held), set(self.held()))
        self.assertEqual("done", self.trust("remove", "--sha256", fingerprint, "--json")["outcome"])
        self.assertEqual(before, self.held())
        self.assertEqual("unchanged", self.trust("remove", "--sha256", fingerprint, "--json")["outcome"])
        # The user's own.
        self.assertEqual("done", self.trust("add", "--user", "--file", root, "--sha256", fingerprint, "--json")["outcome"])
        self.assertIn(fingerprint, self.held("--user"))
        self.assertEqual(before, self.held(), "the machine's has nothing of it")
        self.assertEqual("done", self.trust("remove", "--user", "--sha256", fingerprint, "--json")["outcome"])

    def trust_absent(self, fingerprint):
        done = self.wine(PROGRAM, "check", "--sha256", fingerprint)
        self.assertEqual((1, b""), (done.returncode, done.stderr), "a verdict, no failure")
        return done.stdout.decode()

    def what_is_refused(self, root, fingerprint, other, other_fingerprint):
        self.refused("fingerprint-mismatch", "add", "--file", other, "--sha256", fingerprint)
        said = self.trust("add", "--file", other, "--sha256", fingerprint, code=1)
        self.assertIn(other_fingerprint, said, "it tells which one it is")
        with open(root, "rb") as one, open(os.path.join(self.folder, "root.key"), "rb") as two:
            pem, key = one.read(), two.read()
        der = subprocess.run(["openssl", "x509", "-in", root, "-outform", "DER"], capture_output=True, check=True).stdout
        for name, content in (("empty", b""), ("key", key), ("cut", pem[:-40]), ("half", der[:100]),
                              ("more", der + b"\0"), ("base64", pem.replace(b"MII", b"???", 1))):
            path = self.written(name + ".pem", content)
            self.refused("not-a-certificate", "add", "--file", path, "--sha256", fingerprint)
        self.refused("too-large", "add", "--file", self.written("large.pem", bytes(4 * 1024 * 1024 + 1)), "--sha256", fingerprint)
        self.refused("not-found", "add", "--file", os.path.join(self.folder, "nosuch.pem"), "--sha256", fingerprint)
        for wrong in ([], ["frobnicate"], ["add"], ["add", "--file", root], ["add", "--sha256", fingerprint], ["remove"], ["check", "--sha256", "abc"],
                      ["remove", "--sha256", "g" * 64], ["list", "--store", "Rot"], ["list", "--store"], ["list", "--verbose"]):
            self.trust(*wrong, code=2)
        self.assertIn("usage: chancery-trust", self.trust("--help"))

    def by_script(self, before):
        """import-root.cmd of an installer, run by Wine's cmd: unpacked under a path with a space."""
        primary = self.appliance("single")
        path = os.path.join(self.folder, "installer.zip")
        done = primary.cli("--json", "collector", "installer", "--output", path, "--engine", f"localhost:{primary.portal}", "--root", primary.root(), "--with-root")
        self.assertEqual(0, done.code, done)
        folder = os.path.join(self.folder, "un packed")
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder)
        self.assertEqual(0, run("sha256sum", "-c", "SHA256SUMS", cwd=os.path.join(folder, "chancery-collector")).returncode)
        windows = os.path.join(folder, "chancery-collector", "trust", "windows")
        with open(os.path.join(windows, "chancery-trust.exe"), "rb") as packed, open(PROGRAM, "rb") as built:
            self.assertEqual(built.read(), packed.read())
        fingerprint = file_fingerprints(primary.root())[0]
        script = lambda *words: self.wine("cmd", "/c", "import-root.cmd", *words, cwd=windows)
        for _ in range(2):  # the second time there is nothing to do
            done = script()
            self.assertEqual(0, done.returncode, done)
            self.assertEqual({fingerprint}, set(self.held()) - set(before))
        done = script("--remove")
        self.assertEqual((0, before), (done.returncode, self.held()), done)
        # A root that was exchanged on the way.
        root = os.path.join(windows, "..", f"root-{fingerprint[:16]}.cer")
        with open(os.path.join(self.folder, "root.cer"), "rb") as other, open(root, "wb") as file:
            file.write(other.read())
        done = script()
        self.assertEqual((1, True, before), (done.returncode, b"is another one" in done.stderr, self.held()), done)
        # Without the program certutil would be asked, of which Wine has only the name; taking the root away is then a person's.
        os.remove(os.path.join(windows, "chancery-trust.exe"))
        done = script("--remove")
        self.assertEqual((1, True), (done.returncode, b"certlm.msc" in done.stdout), done)
        self.assertEqual(before, self.held())


if __name__ == "__main__":
    unittest.main()
