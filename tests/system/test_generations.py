"""P16, P17, C1: backup sets that travel, generations compared and gone back to, keys purged; threats 22 and 48."""
import hashlib
import os
import subprocess
import unittest
import zipfile

from harness import file_fingerprints, forged, served_chain, tree_digest
from policy_stage import NAMES, PolicyTest, read


class Generations(PolicyTest):
    def test_backup_sets_travel_and_tampered_ones_do_nothing(self):
        """P16, P17, threat 22."""
        single = self.appliance("single").start("console")
        pki = self.pki()
        leaf = pki.leaf(NAMES)
        default = served_chain(single.console)
        first = single.json("cert", "replace", *pki.files(leaf))["backup_set"]
        self.assertEqual(0, single.cli("cert", "reset", "console").code)
        sets = single.json("backup", "list")["sets"]
        self.assertEqual(sorted((s["id"] for s in sets), reverse=True), [s["id"] for s in sets], "newest first")
        newest = sets[0]["id"]
        self.assertEqual(("console", pki.sent(leaf)[0]), (sets[0]["component"], sets[0]["certificate"]["sha256"]))
        self.assertEqual(0, single.cli("backup", "verify", newest).code)
        passphrase, wrong = self.write("pass", "correct horse\n"), self.write("wrong", "battery staple\n")
        exported = os.path.join(self.folder, "exported")
        done = single.cli("--json", "backup", "export", newest, "--output", exported, "--passphrase-file", passphrase)
        self.assertEqual(0, done.code, done)
        self.assertEqual(0o600, os.stat(exported).st_mode & 0o777)
        sealed = read(exported)
        for secret in (b"PRIVATE KEY", b"identities", b"console", b"PK\x03\x04"):
            self.assertNotIn(secret, sealed)
        self.expect_error(single.cli("--json", "backup", "export", newest, "--output", exported, "--passphrase-file", passphrase), "already-exists")
        archive = os.path.join(single.state, "backups", newest + ".zip")
        whole = read(archive)
        os.unlink(archive)
        self.assertNotIn(newest, [s["id"] for s in single.json("backup", "list")["sets"]])
        before = single.in_force(), default, tree_digest(os.path.join(single.state, "backups"))
        unmoved = lambda: (single.in_force(), served_chain(single.console), tree_digest(os.path.join(single.state, "backups")))
        bent = self.write("bent", sealed[:200] + bytes([sealed[200] ^ 1]) + sealed[201:])
        cut = self.write("cut", sealed[:-20])
        for file, secret in ((exported, wrong), (bent, passphrase), (cut, passphrase), (pki.root, passphrase)):
            done = single.cli("--json", "backup", "import", file, "--passphrase-file", secret)
            self.assertEqual(1, done.code, done)
            self.assertTrue(done.json()["error"]["hint"])
            self.assertEqual(before, unmoved())
        self.assertEqual(1, single.cli("backup", "import", exported).code, "no passphrase, nobody to ask")
        imported = single.json("backup", "import", exported, "--passphrase-file", passphrase)
        self.assertEqual(0, single.cli("backup", "restore", imported["id"]).code)
        self.assertEqual(pki.sent(leaf), served_chain(single.console))
        # A set of this appliance is nobody else's.
        other = self.appliance("single", name="other.test")
        elsewhere = other.in_force()
        done = other.cli("--json", "backup", "import", exported, "--passphrase-file", passphrase)
        self.assertEqual(elsewhere, other.in_force(), done)

        before = single.in_force(), pki.sent(leaf)
        unmoved = lambda: (single.in_force(), served_chain(single.console))
        secret_file = self.write("x.zip", whole)
        outside = os.path.relpath(secret_file[:-4], os.path.join(single.state, "backups"))
        for name in (outside, secret_file[:-4], "../../x", "..", ".", "/etc/passwd", "a\nb", "x" * 5000, "\x1b[2J", ""):
            for verb in ("restore", "show", "verify"):
                done = single.cli("--json", "backup", verb, name)
                self.assertIn(done.code, (1, 2), done)
                self.assertTrue(done.json()["error"]["hint"])
                self.assertNotIn("\x1b", done.out + done.err)
        self.assertEqual(before, unmoved())
        # One byte changed, a member left out, a link put in.
        archive = os.path.join(single.state, "backups", first + ".zip")
        whole = read(archive)
        middle = len(whole) // 2
        less = os.path.join(self.folder, "less.zip")
        with zipfile.ZipFile(archive) as old, zipfile.ZipFile(less, "w") as new:
            for number, member in enumerate(old.infolist()):
                if number != 1:
                    new.writestr(member, old.read(member))
        another = forged(archive, "identities/portal/key.pem", read(pki.path(leaf + ".key")))
        for tampered in (whole[:middle] + bytes([whole[middle] ^ 0x10]) + whole[middle + 1:], whole[:-100], b"", read(less), another):
            with open(archive, "wb") as file:
                file.write(tampered)
            self.assertEqual(1, single.cli("backup", "verify", first).code)
            self.assertIs(False, {s["id"]: s["verified"] for s in single.json("backup", "list")["sets"]}[first])
            done = single.cli("--json", "backup", "restore", first)
            self.assertEqual(1, done.code, done)
            self.assertTrue(done.json()["error"]["hint"])
            self.assertEqual(before, unmoved())
        os.unlink(archive)
        os.symlink(secret_file, archive)
        self.assertEqual(1, single.cli("backup", "restore", first).code)
        self.assertEqual(before, unmoved())
        os.unlink(archive)
        for _ in range(2):
            self.assertEqual(0, single.cli("cert", "reset", "console").code)
            self.assertEqual(0, single.cli("cert", "replace", *pki.files(leaf), "--identity", "console").code)
        known = [s["id"] for s in single.json("backup", "list")["sets"]]
        self.assertEqual(known[2:], sorted(single.json("backup", "prune", "--keep", "2", "--dry-run")["removed"], reverse=True))
        self.assertEqual(known, [s["id"] for s in single.json("backup", "list")["sets"]])
        self.assertEqual(0, single.cli("backup", "prune", "--keep", "2").code)
        self.assertEqual(known[:2], [s["id"] for s in single.json("backup", "list")["sets"]])
        self.expect_error(single.cli("--json", "backup", "prune", "--keep", "0"), "usage", 2)

    def test_a_set_without_intermediates_removes_those_in_force(self):
        """P17: certificate, key and intermediates together, with mode and owner; also while everything is down."""
        single = self.appliance("single").start("console")
        pki, flat = self.pki(), self.pki(name="flat", intermediates=0)
        bare, leaf = flat.leaf(NAMES), pki.leaf(NAMES)
        self.assertEqual(0, single.cli("cert", "replace", "--certificate", flat.path(bare + ".crt"), "--key", flat.path(bare + ".key"), "--also-trust", flat.root).code)
        facts = lambda: {n: (s.st_mode, s.st_uid, s.st_gid) for n in sorted(os.listdir(single.file("identities/console")))
                         for s in [os.stat(single.file("identities/console/" + n))]}
        modes = facts()
        self.assertEqual(0, os.path.getsize(single.file("identities/console/intermediate.crt")))
        before_chain = single.json("cert", "replace", *pki.files(leaf))["backup_set"]
        self.assertEqual(pki.sent(leaf), served_chain(single.console))
        single.stop("console")
        self.assertEqual(0, single.cli("backup", "restore", before_chain).code)
        single.start("console")
        self.assertEqual(file_fingerprints(flat.path(bare + ".crt")), served_chain(single.console))
        self.assertEqual(0, os.path.getsize(single.file("identities/console/intermediate.crt")))
        self.assertEqual(modes, facts())

    def test_generations_compared_and_a_key_purged(self):
        """C1 and threat 48: a purged key is found in no generation and no set; one in force cannot be purged."""
        single = self.appliance("single").start("console")
        pki = self.pki()
        lost, good = pki.leaf(NAMES), pki.leaf(NAMES)
        start = int(single.generation().split("/")[1])
        self.assertEqual(0, single.cli("cert", "replace", *pki.files(lost)).code)
        diff = single.json("generation", "diff", str(start), str(start + 1))
        self.assertEqual((start, start + 1), (diff["a"], diff["b"]))
        paths = {d["path"] for d in diff["differences"]}
        self.assertLessEqual({"identities/console/certificate.pem", "identities/portal/key.pem", "identities/engine/intermediate.crt"}, paths)
        self.assertFalse({p for p in paths if p.startswith(("identities/member", "customer-key", "defaults/", "profiles/"))}, paths)
        key = hashlib.sha256(subprocess.run(["openssl", "pkey", "-in", pki.path(lost + ".key"), "-pubout", "-outform", "DER"], stdout=subprocess.PIPE).stdout).hexdigest()
        before = single.in_force(), pki.sent(lost), sorted(os.listdir(os.path.join(single.state, "generations"))), sorted(os.listdir(os.path.join(single.state, "backups")))
        unmoved = lambda: (single.in_force(), served_chain(single.console), sorted(os.listdir(os.path.join(single.state, "generations"))),
                           sorted(os.listdir(os.path.join(single.state, "backups"))))
        self.expect_error(single.cli("--json", "generation", "purge", "--key", key), "in-use")
        self.assertEqual(1, single.cli("generation", "purge", "--key", "nonsense").code)
        self.assertEqual(before, unmoved())
        self.assertEqual(0, single.cli("cert", "replace", *pki.files(good)).code)
        self.assertEqual(0, single.cli("cert", "reset", "portal").code)
        holding = single.json("backup", "list")["sets"]
        planned = single.json("generation", "purge", "--key", key, "--dry-run")
        self.assertEqual(([start + 1], 1), (planned["removed_generations"], len(planned["removed_sets"])))
        self.assertEqual(len(holding), len(single.json("backup", "list")["sets"]))
        done = single.cli("--json", "generation", "purge", "--key", pki.sent(lost)[0])  # by the certificate's fingerprint as well
        self.assertEqual(0, done.code, done)
        needle = "".join(read(pki.path(lost + ".key")).decode().split("\n")[1:-2]).encode()[:60]
        for folder, _, files in os.walk(single.state):
            for file in files:
                path = os.path.join(folder, file)
                if file.endswith(".zip"):
                    with zipfile.ZipFile(path) as archive:
                        content = b"".join(archive.read(name) for name in archive.namelist())
                elif os.path.isfile(path):
                    content = read(path)
                else:
                    continue
                self.assertNotIn(needle, content.replace(b"\n", b""), path)
        self.assertEqual(pki.sent(good), served_chain(single.console))
        self.expect_error(single.cli("--json", "generation", "rollback", str(start + 1)), "unknown-generation")
        self.assertEqual(0, single.cli("generation", "rollback", str(start)).code, "the others are still there")

    def test_a_purge_reaches_the_pristine_copies(self):
        """C1 and threat 48: the sealed copy of the generation before, by which its edits could be undone, holds the key as well."""
        single = self.appliance("single").start("console")
        pki = self.pki()
        lost, good = pki.leaf(NAMES), pki.leaf(NAMES)
        self.assertEqual(0, single.cli("cert", "replace", *pki.files(lost)).code)
        with_it = os.path.join(single.state, "backups", "pristine", os.path.basename(single.generation()) + ".zip")
        self.assertEqual(0, single.cli("cert", "replace", *pki.files(good)).code)
        in_force = os.path.join(single.state, "backups", "pristine", os.path.basename(single.generation()) + ".zip")

        def holds(archive):
            with zipfile.ZipFile(archive) as members:
                return any(read(pki.path(lost + ".key")) == members.read(name) for name in members.namelist())

        self.assertEqual((True, False), (holds(with_it), holds(in_force)))
        key = pki.sent(lost)[0]
        self.assertEqual(0, single.cli("generation", "purge", "--key", key, "--dry-run").code)
        self.assertTrue(holds(with_it))
        before = single.in_force()
        self.assertEqual(0, single.cli("generation", "purge", "--key", key).code)
        self.assertFalse(os.path.exists(with_it))
        self.assertTrue(os.path.exists(in_force))
        self.assertEqual((before, pki.sent(good)), (single.in_force(), served_chain(single.console)))
        # Edits to what is in force can be undone as before.
        identities = tree_digest(single.file("identities"))
        with open(single.file("identities/console/key.pem"), "ab") as file:
            file.write(b"edited\n")
        self.assertEqual(0, single.cli("generation", "undo").code)
        self.assertEqual(identities, tree_digest(single.file("identities")))


if __name__ == "__main__":
    unittest.main()
