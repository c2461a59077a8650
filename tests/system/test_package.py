"""The Debian package: what is in it, that it is the same when made twice, and how its units are hardened (threat 40)."""
import glob
import hashlib
import os
import re
import shutil
import stat
import tempfile
import unittest

from harness import BIN, must, run

BUILD = os.path.dirname(os.path.realpath(BIN))
PROGRAMS = ["chancery"] + ["chancery-" + name for name in ("manager", "authority", "console", "portal", "engine", "collector")]
SERVICES = ["manager", "resolve", "authority", "console", "portal", "engine", "collector"]


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="chancery-package-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        cls.deb = cls.make("first")
        cls.root = os.path.join(cls.folder, "root")
        must("dpkg-deb", "--extract", cls.deb, cls.root)
        cls.units = os.path.join(cls.root, "lib/systemd/system")
        if not os.path.isdir(cls.units):
            cls.units = os.path.join(cls.root, "usr/lib/systemd/system")

    @classmethod
    def make(cls, name):
        out = os.path.join(cls.folder, name)
        must("cpack", "-G", "DEB", "--config", os.path.join(BUILD, "CPackConfig.cmake"), "-B", out, env={**os.environ, "SOURCE_DATE_EPOCH": "1790000000"})
        made = glob.glob(os.path.join(out, "*.deb"))
        assert len(made) == 1, made
        return made[0]

    def test_it_holds_the_programs_their_units_and_their_users(self):
        for program in PROGRAMS:
            path = os.path.join(self.root, "usr/bin", program)
            self.assertEqual(0o755, stat.S_IMODE(os.stat(path).st_mode), path)
            self.assertIn(b"0.1", must(path, "--version").encode(), program)
        for service in SERVICES:
            self.assertTrue(os.path.isfile(os.path.join(self.units, f"chancery-{service}.service")), service)
        self.assertTrue(os.path.isfile(os.path.join(self.units, "chancery.target")))
        self.assertTrue(os.access(os.path.join(self.root, "usr/bin/import_certificate.sh"), os.X_OK))
        with open(os.path.join(self.root, "usr/lib/chancery/chancery-trust.exe"), "rb") as file:
            self.assertEqual(b"MZ", file.read(2), "what installers for Windows carry")
        keytool = os.path.join(self.root, "usr/lib/chancery/bin/keytool")
        self.assertEqual(os.path.join(self.root, "usr/bin/chancery"), os.path.normpath(os.path.join(os.path.dirname(keytool), os.readlink(keytool))))
        self.assertIn(b"Key and Certificate Management Tool", run(keytool, "-help").stderr)
        self.assertFalse(os.path.lexists(os.path.join(self.root, "usr/bin/keytool")), "that is a JDK's place")
        share = os.path.join(self.root, "usr/share")
        for made in ("man/man1/chancery.1", "bash-completion/completions/chancery", "zsh/vendor-completions/_chancery", "fish/vendor_completions.d/chancery.fish"):
            self.assertGreater(os.path.getsize(os.path.join(share, made)), 500, made)
        with open(os.path.join(self.root, "usr/lib/sysusers.d/chancery.conf")) as file:
            users = file.read()
        for user in ("console", "portal", "engine", "authority", "collector"):
            self.assertIn(f"u chancery-{user} ", users)
        listed = must("dpkg-deb", "--contents", self.deb)
        self.assertEqual({"root/root"}, {line.split()[1] for line in listed.splitlines()})
        self.assertNotIn("/var/lib", listed, "the state is no part of the package")
        self.assertNotIn(" ./usr/include", listed)
        control = must("dpkg-deb", "--field", self.deb)
        for library in ("libssl3", "libpoconet", "libzip4", "libsodium23"):
            self.assertIn(library, control)
        scripts = os.path.join(self.folder, "control")
        must("dpkg-deb", "--control", self.deb, scripts)
        for script in ("postinst", "prerm", "postrm"):
            must("sh", "-n", os.path.join(scripts, script))
            self.assertEqual(0o755, stat.S_IMODE(os.stat(os.path.join(scripts, script)).st_mode))

    def test_it_is_the_same_when_it_is_made_again(self):
        digests = set()
        for deb in (self.deb, self.make("second")):
            with open(deb, "rb") as file:
                digests.add(hashlib.sha256(file.read()).hexdigest())
        self.assertEqual(1, len(digests))

    def test_units_are_well_formed_and_graded_three_or_better(self):
        if shutil.which("systemd-analyze") is None:
            self.skipTest("there is no systemd-analyze")
        for service in SERVICES:
            path = os.path.join(self.units, f"chancery-{service}.service")
            graded = run("systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=30", path)
            text = graded.stdout.decode()
            level = re.search(r"Overall exposure level for \S+: ([\d.]+)", text)
            self.assertTrue(level, text + graded.stderr.decode())
            self.assertLessEqual(float(level.group(1)), 3.0, text)
            self.assertEqual(0, graded.returncode)
        # With the system's own units beside them; the programs are not installed at their place here.
        checked = run("systemd-analyze", "verify", "--man=no", *sorted(os.path.join(self.units, name) for name in os.listdir(self.units)),
                      env={**os.environ, "SYSTEMD_UNIT_PATH": self.units + ":"})
        complaints = [line for line in checked.stderr.decode().splitlines() if "chancery" in line and "is not executable: No such file" not in line]
        self.assertEqual([], complaints)

    def test_units_say_who_may_do_what(self):
        def unit(name):
            with open(os.path.join(self.units, name)) as file:
                return file.read()

        for program in ("console", "portal", "engine", "authority"):
            text = unit(f"chancery-{program}.service")
            self.assertIn(f"\nUser=chancery-{program}\n", text)
            self.assertIn("\nType=notify\n", text)
            self.assertIn("\nNoNewPrivileges=yes\n", text)
            self.assertIn("\nCapabilityBoundingSet=CAP_NET_BIND_SERVICE\n", text)
            self.assertIn("\nAfter=network-online.target chancery-resolve.service", text)
            self.assertIn(f"ReadWritePaths=/var/lib/chancery/run/{program}", text)
            self.assertRegex(text, "InaccessiblePaths=.*/secrets")
            self.assertEqual(program == "authority", not re.search("InaccessiblePaths=.*/authority", text))
        self.assertNotIn("User=", unit("chancery-manager.service"))
        self.assertIn("\nType=notify\n", unit("chancery-manager.service"))
        resolve = unit("chancery-resolve.service")
        self.assertIn("\nType=oneshot\n", resolve)
        for program in ("manager", "console", "portal", "engine", "authority"):
            self.assertIn(f"chancery-{program}.service", re.search("^Before=.*$", resolve, re.M).group(0))


if __name__ == "__main__":
    unittest.main()
