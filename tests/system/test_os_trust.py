"""The operating system's trust: one certificate a file, seen by OpenSSL's bundle and hash links, by Java, and gone from all of
them when it is removed; drift of it; and a failing update-ca-certificates taken back.

Everything runs in a mount namespace with copies of the system's folders: this machine's own trust is never touched."""
import hashlib
import os
import shutil
import ssl
import subprocess
import unittest

from harness import BIN, Done, SystemTest, await_condition, must, run

LOCAL = "/usr/local/share/ca-certificates"
JAVA = "/etc/ssl/certs/java/cacerts"
UPDATE = "/usr/sbin/update-ca-certificates"
COPIED = ("/etc/ssl", LOCAL)
MAY_MOUNT = os.geteuid() == 0 and run("unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt").returncode == 0


def fingerprint(path):
    with open(path) as file:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(file.read())).hexdigest()


@unittest.skipUnless(MAY_MOUNT, "a mount namespace needs root and CAP_SYS_ADMIN")
class OperatingSystem(SystemTest):
    def setUp(self):
        super().setUp()
        copies = os.path.join(self.folder, "system")
        script = "set -e; mount --make-rprivate /; "
        for number, folder in enumerate(COPIED):
            os.makedirs(folder, exist_ok=True)
            script += f"mkdir -p {copies}/{number}; cp -a {folder}/. {copies}/{number}/; mount --bind {copies}/{number} {folder}; "
        script += f"cp {UPDATE} {copies}/update; mount --bind {copies}/update {UPDATE}; touch {copies}/ready; exec sleep 600"
        self.update = os.path.join(copies, "update")
        holder = subprocess.Popen(["unshare", "-m", "sh", "-c", script], stdin=subprocess.DEVNULL)
        self.processes.append(holder)
        await_condition(lambda: os.path.exists(os.path.join(copies, "ready")) or holder.poll() is not None, "the namespace is ready")
        self.assertIsNone(holder.poll())
        self.inside = ["nsenter", "-t", str(holder.pid), "-m", "--"]
        self.single = self.appliance("single")
        self.outside = {folder: sorted(os.listdir(folder)) for folder in COPIED}
        self.files = self.pki()

    def tearDown(self):
        self.assertEqual(self.outside, {folder: sorted(os.listdir(folder)) for folder in COPIED}, "this machine's own trust was touched")

    def chancery(self, *arguments):
        done = run(*self.inside, os.path.join(BIN, "chancery"), "--state", self.single.state, *arguments)
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    def within(self, *command):
        return run(*self.inside, *command)

    def java_aliases(self):
        out = self.within("keytool", "-list", "-keystore", JAVA, "-storepass", "changeit").stdout.decode()
        return {line.split(",")[0] for line in out.splitlines() if "trustedCertEntry" in line}

    def seen(self):
        """What the file system, Debian's bundle, OpenSSL's hash links and Java have of the PKI."""
        names = [name for name in self.within("ls", LOCAL).stdout.decode().split() if name.startswith("chancery-")]
        bundle = self.within("cat", "/etc/ssl/certs/ca-certificates.crt").stdout.decode()
        with open(self.files.root) as file:
            in_bundle = file.read().strip() in bundle
        leaf = self.files.path(self.leaf + ".crt")
        by_hash = self.within("openssl", "verify", "-no-CAfile", "-CApath", "/etc/ssl/certs", "-untrusted", self.files.intermediates, leaf).returncode == 0
        dangling = self.within("find", "/etc/ssl/certs", "-xtype", "l").stdout.decode()
        return {"files": len(names), "bundle": in_bundle, "hash": by_hash, "java": len([a for a in self.java_aliases() if a.startswith("debian:chancery-")]),
                "dangling": dangling}

    def checks(self):
        done = self.chancery("--json", "doctor")
        return {check["check"]: check for check in done.json()["checks"] if check["check"].startswith("store")}

    NOTHING = {"files": 0, "bundle": False, "hash": False, "java": 0, "dangling": ""}

    def test_installed_once_for_all_and_removed_from_all(self):
        self.leaf = self.files.leaf()
        self.assertEqual(self.NOTHING, self.seen())
        bundle = os.path.join(self.folder, "bundle.pem")
        with open(bundle, "wb") as out:
            for name in ("root.crt", "intermediate1.crt"):
                with open(self.files.path(name), "rb") as part:
                    out.write(part.read().replace(b"\n", b"\r\n"))
        planned = self.chancery("--json", "trust", "os-install", bundle, "--dry-run")
        self.assertEqual("planned", planned.json()["outcome"], planned)
        self.assertEqual(self.NOTHING, self.seen())
        done = self.chancery("--json", "trust", "os-install", bundle)
        self.assertEqual((0, 2), (done.code, len(done.json()["added"])), done)
        self.assertEqual({"files": 2, "bundle": True, "hash": True, "java": 2, "dangling": ""}, self.seen())
        for added in done.json()["added"]:
            out = self.within("stat", "-c", "%a", added["file"]).stdout.decode().strip()
            self.assertEqual("644", out)
            self.assertEqual(1, self.within("cat", added["file"]).stdout.decode().count("BEGIN CERTIFICATE"))
        sources = {c["sha256"]: c["source"] for c in self.chancery("--json", "trust", "list", "--store", "os").json()["certificates"]}
        self.assertEqual("added", sources[fingerprint(self.files.root)])
        self.assertEqual({"ok"}, {check["status"] for check in self.checks().values()})
        self.assertEqual("unchanged", self.chancery("--json", "trust", "os-install", bundle).json()["outcome"])
        # Removed: gone from Java too, where Debian's own hook would leave it.
        done = self.chancery("trust", "os-remove", fingerprint(self.files.root)[:16])
        self.assertEqual(0, done.code, done)
        self.assertEqual({"files": 1, "bundle": False, "hash": False, "java": 1, "dangling": ""}, self.seen())
        # The set of that change brings file, links and Java's entry back.
        made = self.chancery("--json", "backup", "list").json()["sets"][0]["id"]
        self.assertEqual(0, self.chancery("backup", "restore", made).code)
        self.assertEqual({"files": 2, "bundle": True, "hash": True, "java": 2, "dangling": ""}, self.seen())
        for name in ("root.crt", "intermediate1.crt"):
            self.assertEqual(0, self.chancery("trust", "os-remove", fingerprint(self.files.path(name))).code)
        self.assertEqual(self.NOTHING, self.seen())
        self.assertEqual({}, self.checks())

    def test_what_an_update_wiped_is_told_and_put_back(self):
        self.leaf = self.files.leaf()
        self.assertEqual(0, self.chancery("trust", "os-install", self.files.root).code)
        whole = self.seen()
        self.within("sh", "-c", f"rm {LOCAL}/chancery-*; update-ca-certificates --fresh --hooksdir /nowhere")
        shutil.copy(JAVA, os.path.join(self.folder, "cacerts"))
        self.within("cp", os.path.join(self.folder, "cacerts"), JAVA)
        self.assertEqual(self.NOTHING, self.seen())
        done = self.chancery("--json", "doctor")
        self.assertEqual(1, done.code, done)
        checks = self.checks()
        self.assertEqual({"store os": "warning", "store " + JAVA: "warning"}, {name: check["status"] for name, check in checks.items()})
        self.assertIn("keystore repair", checks["store os"]["hint"])
        done = self.chancery("keystore", "repair")
        self.assertEqual(0, done.code, done)
        self.assertEqual(whole, self.seen())
        self.assertEqual({"ok"}, {check["status"] for check in self.checks().values()})
        # Only the links and the bundle wiped: the file is there, and that is not enough.
        self.within("sh", "-c", "grep -v x /dev/null > /etc/ssl/certs/ca-certificates.crt; rm -f /etc/ssl/certs/chancery-*")
        self.assertEqual("warning", self.checks()["store os"]["status"])
        self.assertEqual(0, self.chancery("keystore", "repair").code)
        self.assertEqual(whole, self.seen())

    def test_refusals_and_a_failing_update_change_nothing(self):
        self.leaf = self.files.leaf()
        with open("/etc/ssl/certs/ca-certificates.crt") as file:
            public = file.read().split("-----END")[0] + "-----END CERTIFICATE-----\n"
        public_file = os.path.join(self.folder, "public.pem")
        with open(public_file, "w") as file:
            file.write(public)
        before = self.single.in_force(), self.seen()
        for arguments, code in ((("os-install", self.files.path(self.leaf + ".key")), 1), (("os-remove", fingerprint(public_file)), 1),
                                (("os-remove", fingerprint(self.files.root)), 1)):
            done = self.chancery("trust", *arguments)
            self.assertEqual(code, done.code, done)
            self.assertIn("hint:", done.err + done.out)
        self.assertEqual("unchanged", self.chancery("--json", "trust", "os-install", public_file).json()["outcome"])
        self.assertEqual(before, (self.single.in_force(), self.seen()))
        # update-ca-certificates fails the first time, in the middle of its work, and is well when the change goes back.
        with open(self.update) as file:
            real = file.read()
        flag = os.path.join(self.folder, "failed-once")
        with open(self.update, "w") as file:
            file.write(real.replace("#!/bin/sh -e\n", f"#!/bin/sh -e\nif [ ! -e {flag} ]; then touch {flag}; echo no space >&2; exit 1; fi\n", 1))
        done = self.chancery("--json", "trust", "os-install", self.files.root)
        self.assertEqual((1, "os-trust-failed"), (done.code, done.json()["error"]["code"]), done)
        self.assertIn("no space", done.json()["error"]["message"])
        self.assertEqual(before, (self.single.in_force(), self.seen()))
        # And one that fails for good needs a person: the files are back, the system was not told.
        with open(self.update, "w") as file:
            file.write("#!/bin/sh\nexit 7\n")
        done = self.chancery("--json", "trust", "os-install", self.files.root)
        self.assertEqual(3, done.code, done)
        self.assertEqual(before, (self.single.in_force(), self.seen()))


if __name__ == "__main__":
    unittest.main()
