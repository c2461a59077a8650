"""Installers (P25): made by the primary, unpacked and installed as root and as an ordinary user, and the collector connects; the
root is in it, or refused where it does not fit what is served, or missed where it is left out."""
import hashlib
import json
import os
import plistlib
import shutil
import ssl
import stat
import subprocess
import unittest
import zipfile

from harness import BIN, CollectorProcess, SystemTest, await_condition, file_fingerprints, run, tree_digest

MAY_MOUNT = os.geteuid() == 0 and run("unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt").returncode == 0
NOBODY = 65534


class Installer(SystemTest):
    def setUp(self):
        super().setUp()
        os.chmod(self.folder, 0o755)  # an ordinary user shall reach what is unpacked in it
        self.single = self.appliance("single").start()
        self.engine = ["--engine", f"localhost:{self.single.portal}"]

    def make(self, name, *options):
        path = os.path.join(self.folder, name)
        done = self.single.cli("--json", "collector", "installer", "--output", path, *self.engine, *options)
        return path, done

    def made(self, name, *options):
        path, done = self.make(name, *options)
        self.assertEqual(0, done.code, done)
        return path, done.json()

    def unpacked(self, path, owner=None):
        """As unzip does it: with the modes that the zip has."""
        folder = path[:-4]
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                self.assertTrue(member.filename.startswith("chancery-collector/"), member.filename)
                target = archive.extract(member, folder)
                os.chmod(target, member.external_attr >> 16 & 0o7777)
        if owner is not None:
            for where, folders, files in os.walk(folder):
                for each in [where] + [os.path.join(where, one) for one in files]:
                    os.chown(each, owner, owner)
        return os.path.join(folder, "chancery-collector")

    def started(self, program, state, **more):
        log = state.rstrip("/") + ".log"
        with open(log, "ab") as out:
            process = subprocess.Popen([*more.get("by", ()), program, "--state", state], stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self.processes.append(process)
        return CollectorProcess(state, process, log)

    def digest(self, path):
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()

    def mode(self, *path):
        return stat.S_IMODE(os.stat(os.path.join(*path)).st_mode)

    def test_installers(self):
        """One appliance for all of it: it takes longer to make than to look at."""
        self.what_was_installed_connects()
        if MAY_MOUNT:
            self.as_root_it_gets_a_user_and_a_unit_and_as_anybody_a_folder()
        self.a_root_that_does_not_fit_is_refused_and_one_that_is_needed_is_missed()

    def what_was_installed_connects(self):
        path = os.path.join(self.folder, "first.zip")
        planned = self.single.json("collector", "installer", "--output", path, *self.engine, "--dry-run")
        self.assertEqual("planned", planned["outcome"])
        self.assertFalse(os.path.exists(path))
        path, reply = self.made("first.zip", "--tag", "shop")
        self.assertEqual(("done", "with-root", "accept"), (reply["outcome"], reply["trust"], reply["report"]["verdict"]))
        self.assertEqual(0o600, self.mode(path))
        with open(self.single.file("customer-key/customer.key"), "rb") as file:
            key = file.read()
        self.assertNotIn(key.hex(), json.dumps(reply))
        records = self.single.json("audit", "show")["records"]
        self.assertEqual(["done"], [r["outcome"] for r in records if r["verb"] == "collector-installer"], records)
        # Nothing that is there is overwritten.
        before = self.digest(path)
        done = self.make("first.zip")[1]
        self.assertEqual((1, before), (done.code, self.digest(path)), done)

        folder = self.unpacked(path)
        self.assertEqual([0o600, 0o755, 0o755], [self.mode(folder, name) for name in ("customer.key", "install.sh", "bin/chancery-collector")])
        self.assertEqual(file_fingerprints(self.single.root()), file_fingerprints(os.path.join(folder, "root.pem")))
        with open(os.path.join(folder, "repair-key.json")) as file:
            self.assertNotIn("PRIVATE", file.read())
        prefix = os.path.join(self.folder, "installed")
        script = os.path.join(folder, "install.sh")
        done = run("sh", script, "--prefix", prefix, cwd="/")
        self.assertEqual(0, done.returncode, done.stderr)
        state = os.path.join(prefix, "state")
        self.assertEqual([0o700, 0o600, 0o700], [self.mode(state), self.mode(state, "customer.key"), self.mode(state, "settings")])
        collector = self.started(os.path.join(prefix, "bin", "chancery-collector"), state)
        collector.await_connected()
        id = collector.status()["id"]
        # Again: a damaged folder is refused and nothing is touched; a whole one keeps the collector's own key.
        with open(os.path.join(folder, "root.pem"), "a") as file:
            file.write("\n")
        before = tree_digest(os.path.join(prefix, "state", "settings"))
        done = run("sh", script, "--prefix", prefix)
        self.assertEqual((1, True), (done.returncode, b"not as it was packed" in done.stderr), done)
        self.assertEqual(before, tree_digest(os.path.join(prefix, "state", "settings")))
        shutil.rmtree(os.path.dirname(folder))
        self.unpacked(path)
        self.assertEqual(0, run("sh", script, "--prefix", prefix).returncode)
        collector.process.terminate()
        collector.process.wait(10)
        collector = self.started(os.path.join(prefix, "bin", "chancery-collector"), state)
        collector.await_connected()
        self.assertEqual(id, collector.status()["id"])
        done = run("sh", script, "--prefix", prefix, "--uninstall")
        self.assertEqual((0, False, True), (done.returncode, os.path.exists(os.path.join(prefix, "bin", "chancery-collector")), os.path.exists(os.path.join(state, "collector.key"))))
        self.assertEqual(2, run("sh", script, "--perfix", prefix).returncode)
        self.look_at_trust_scripts(folder)

    def look_at_trust_scripts(self, folder):
        """What cannot be run here is read by other people's readers, and has the right root in it."""
        with open(self.single.root()) as file:
            root = ssl.PEM_cert_to_DER_cert(file.read())
        fingerprint = file_fingerprints(self.single.root())[0]
        name = f"root-{fingerprint[:16]}"
        with open(os.path.join(folder, "trust", name + ".cer"), "rb") as file:
            self.assertEqual(root, file.read())
        with open(os.path.join(folder, "trust", "macos", "root.mobileconfig"), "rb") as file:
            profile = plistlib.load(file)
        self.assertEqual(("com.apple.security.root", root), (profile["PayloadContent"][0]["PayloadType"], profile["PayloadContent"][0]["PayloadContent"]))
        with open(os.path.join(folder, "trust", "windows", "import-root.cmd"), "rb") as file:
            batch = file.read()
        self.assertEqual(batch.count(b"\n"), batch.count(b"\r\n"))
        self.assertIn(fingerprint.encode(), batch)
        for script in ("install.sh", "trust/linux/trust-root.sh", "trust/macos/trust-root.sh"):
            done = run("sh", "-n", os.path.join(folder, script))
            self.assertEqual(0, done.returncode, done.stderr)

    def as_root_it_gets_a_user_and_a_unit_and_as_anybody_a_folder(self):
        """As root in a mount namespace with copies of the system's folders: this machine gets no user and no file."""
        folder = self.unpacked(os.path.join(self.folder, "first.zip"), owner=NOBODY)
        by = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        home = os.path.join(self.folder, "home")
        os.makedirs(home)
        os.chown(home, NOBODY, NOBODY)
        done = run(*by, "env", f"HOME={home}", "sh", os.path.join(folder, "install.sh"))
        self.assertEqual(0, done.returncode, done)
        prefix = os.path.join(home, "chancery-collector")
        self.started(os.path.join(prefix, "bin", "chancery-collector"), os.path.join(prefix, "state"), by=by).await_connected()
        with open(os.path.join(prefix, "chancery-collector.service")) as file:
            self.assertNotIn("User=", file.read())

        copies = os.path.join(self.folder, "copies")
        script = f"""set -e; mount --make-rprivate /; mkdir -p {copies}/etc {copies}/bin {copies}/lib
            cp -a /etc/. {copies}/etc/; mount --bind {copies}/etc /etc; mount --bind {copies}/bin /usr/local/bin; mount --bind {copies}/lib /var/lib
            sh {folder}/install.sh; id -u chancery-collector > {copies}/uid
            stat -c '%U %a %n' /var/lib/chancery-collector /var/lib/chancery-collector/customer.key /usr/local/bin/chancery-collector > {copies}/modes
            systemd-analyze verify --man=no /etc/systemd/system/chancery-collector.service > {copies}/verify 2>&1 || echo failed >> {copies}/verify
            mkdir -p {copies}/ca; mount --bind {copies}/ca /usr/local/share/ca-certificates
            known() {{ openssl verify -CAfile /etc/ssl/certs/ca-certificates.crt {self.single.root()} >/dev/null 2>&1 && echo known || echo unknown; }}
            known > {copies}/trust; sh {folder}/trust/linux/trust-root.sh >/dev/null; known >> {copies}/trust
            sh {folder}/trust/linux/trust-root.sh --remove >/dev/null; known >> {copies}/trust"""
        before = sorted(os.listdir("/usr/local/bin")), sorted(os.listdir("/usr/local/share/ca-certificates"))
        done = run("unshare", "-m", "sh", "-c", script)
        self.assertEqual(0, done.returncode, done)
        self.assertEqual(before, (sorted(os.listdir("/usr/local/bin")), sorted(os.listdir("/usr/local/share/ca-certificates"))))
        with open(os.path.join(copies, "trust")) as file:
            self.assertEqual(["unknown", "known", "unknown"], file.read().split())
        self.assertFalse(os.path.exists("/etc/systemd/system/chancery-collector.service"))
        with open(os.path.join(copies, "modes")) as file:
            modes = [line.split()[:2] for line in file]
        self.assertEqual([["chancery-collector", "700"], ["chancery-collector", "600"], ["root", "755"]], modes)
        with open(os.path.join(copies, "verify")) as file:
            complaints = [line for line in file if "chancery-collector" in line and "systemd-analyze" not in line]
        self.assertEqual([], complaints)
        with open(os.path.join(copies, "etc/systemd/system/chancery-collector.service")) as file:
            unit = file.read()
        self.assertNotIn("@STATE@", unit)
        self.assertIn("User=chancery-collector", unit)

    def a_root_that_does_not_fit_is_refused_and_one_that_is_needed_is_missed(self):
        path, reply = self.made("os.zip", "--os-trust")
        self.assertEqual("os-trust", reply["trust"])
        self.assertEqual(["root-left-out"], [f["code"] for f in reply["report"]["findings"]])
        folder = self.unpacked(path)
        self.assertFalse(os.path.exists(os.path.join(folder, "root.pem")))
        with open(os.path.join(folder, "settings", "collector.toml")) as file:
            self.assertIn('root-ca = ""', file.read())

        pki = self.pki()
        leaf = pki.leaf(["appliance.test", "localhost"])
        self.assertEqual(0, self.single.cli("cert", "replace", *pki.files(leaf), "--no-rehearsal").code)
        path, done = self.make("refused.zip", "--with-root")
        self.assertEqual((1, "untrusted-root"), (done.code, done.json()["error"]["code"]), done)
        self.assertFalse(os.path.exists(path))
        # Nobody says which: the federation's root does not fit any more, so it is left out, and that is said.
        self.assertEqual("os-trust", self.made("silent.zip")[1]["trust"])
        path, reply = self.made("own.zip", "--root", pki.root)
        self.assertEqual(("with-root", "accept"), (reply["trust"], reply["report"]["verdict"]), reply)
        folder = self.unpacked(path)
        self.assertEqual(file_fingerprints(pki.root), file_fingerprints(os.path.join(folder, "root.pem")))
        prefix = os.path.join(self.folder, "own-installed")
        self.assertEqual(0, run("sh", os.path.join(folder, "install.sh"), "--prefix", prefix).returncode)
        self.started(os.path.join(prefix, "bin", "chancery-collector"), os.path.join(prefix, "state")).await_connected()
        # By a name that the certificate does not bear nobody would be let through.
        done = self.single.cli("--json", "collector", "installer", "--output", os.path.join(self.folder, "name.zip"),
                               "--engine", f"127.0.0.1:{self.single.portal}", "--root", pki.root)
        self.assertEqual((1, "name-mismatch"), (done.code, done.json()["error"]["code"]), done)
        # Replacing says whom the new certificate would lock out.
        other = self.pki(name="other")
        wanted = [*other.files(other.leaf(["appliance.test", "localhost"])), "--dry-run", "--no-rehearsal"]
        await_condition(lambda: "pinned-collectors" in [f["code"] for f in self.single.json("cert", "replace", *wanted)["report"]["findings"]],
                        "the one that is pinned is named")


if __name__ == "__main__":
    unittest.main()
