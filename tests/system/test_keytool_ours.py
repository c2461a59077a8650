"""`chancery keytool` where there is nothing to compare: links, terminals, files, the import script, the appliance's own store."""
import os
import pty
import subprocess
import time
import unittest

from harness import BIN, SOURCE, SystemTest
from keytool_stage import P, setUpModule, stage, tearDownModule  # noqa: F401  unittest looks for the two of the module


class Ours(unittest.TestCase):
    """What is not the real one's: the link, argv, terminals, files."""

    def setUp(self):
        stage.peers.clear()
        stage.peers.put(os.path.join(stage.root, "keys.jks"))
        stage.peers.put(stage.zoo.path("root.crt"))

    def test_link(self):
        link = os.path.join(stage.peers.mine, "keytool")
        os.symlink(os.path.join(BIN, "chancery"), link)
        done = subprocess.run([link, "-list", "-keystore", "keys.jks", *P], cwd=stage.peers.mine, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=stage.peers.environment)
        self.assertEqual(stage.peers.real("-list", "-keystore", "keys.jks", *P), (done.returncode, done.stdout.decode(), done.stderr.decode()))

    def test_passwords_leave_argv(self):
        marker = "marker-secret-4711"
        process = subprocess.Popen([os.path.join(BIN, "chancery"), "keytool", "-importcert", "-alias", "x", "-keystore", "new.jks", "-storetype", "jks",
                                    "-storepass", marker, "-keypass", marker], cwd=stage.peers.mine, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, env=stage.peers.environment)
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
            process.communicate(open(stage.zoo.path("root.crt"), "rb").read(), timeout=30)

    def test_terminal(self):
        """On a terminal the three passwords of -storepasswd are asked without echo."""
        leader, follower = pty.openpty()
        process = subprocess.Popen([os.path.join(BIN, "chancery"), "keytool", "-storepasswd", "-keystore", "keys.jks"], cwd=stage.peers.mine, stdin=follower,
                                   stdout=follower, stderr=follower, env=stage.peers.environment, start_new_session=True)
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
        self.assertEqual(0, stage.peers.real("-list", "-keystore", os.path.join(stage.peers.mine, "keys.jks"), "-storepass", "newsecret")[0])

    def test_file_keeps_mode_and_link(self):
        path, link = os.path.join(stage.peers.mine, "keys.jks"), os.path.join(stage.peers.mine, "link.jks")
        os.chmod(path, 0o640)
        os.symlink("keys.jks", link)
        self.assertEqual(0, stage.peers.ours("-importcert", "-noprompt", "-alias", "new", "-file", "root.crt", "-keystore", "link.jks", *P)[0])
        self.assertTrue(os.path.islink(link))
        self.assertEqual(0o640, os.stat(path).st_mode & 0o777)
        self.assertEqual(["keys.jks", "link.jks", "root.crt"], sorted(os.listdir(stage.peers.mine)))

    def test_answers_are_not_lost(self):
        """Java throws away what it has read ahead of a question; each question here gets the next line."""
        answered = stage.peers.ours("-importcert", "-alias", "x", "-file", "root.crt", "-keystore", "new.jks", "-storetype", "jks", *P, stdin="maybe\nyes\n")
        self.assertTrue(answered[2].endswith("Wrong answer, try again\nTrust this certificate? [no]:  Certificate was added to keystore\n"), answered)

    def test_no_empty_name(self):
        """Java writes such a certificate into the store, and can never read that store again."""
        before = open(os.path.join(stage.peers.mine, "keys.jks"), "rb").read()
        make = ["-genkeypair", "-keyalg", "Ed25519", "-alias", "e", "-dname", "", "-keystore", "keys.jks", "-keypass", "changeit", *P]
        self.assertEqual(*stage.peers.both(*make))
        self.assertEqual(before, open(os.path.join(stage.peers.mine, "keys.jks"), "rb").read())

    def test_refusal_changes_nothing(self):
        path = os.path.join(stage.peers.mine, "keys.jks")
        before = open(path, "rb").read()
        for arguments in (["-importcert", "-noprompt", "-alias", "root", "-file", "root.crt"], ["-delete", "-alias", "nothing"],
                          ["-changealias", "-alias", "ec", "-destalias", "root"], ["-storepasswd", "-new", "abc"]):
            self.assertEqual(1, stage.peers.ours(*arguments, "-keystore", "keys.jks", *P)[0], arguments)
            self.assertEqual(before, open(path, "rb").read())


IMPORT = os.path.join(SOURCE, "appliance", "packaging", "import_certificate.sh")


class ImportScript(unittest.TestCase):
    """import_certificate.sh of the package on a store of its own."""

    def setUp(self):
        stage.peers.clear()
        stage.peers.put(os.path.join(stage.root, "keys.jks"))
        for name in ("root.crt", "bundle.pem"):
            stage.peers.put(stage.zoo.path(name))

    def run_script(self, *arguments, **environment):
        done = subprocess.run([IMPORT, *arguments], cwd=stage.peers.mine, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env={**stage.peers.environment, "CHANCERY": os.path.join(BIN, "chancery"), **environment})
        return done.returncode, done.stdout.decode() + done.stderr.decode()

    def aliases(self):
        listed = stage.peers.dump(os.path.join(stage.peers.mine, "keys.jks"), "changeit")
        return {line.split(" ")[0] for line in listed.splitlines()[1:]}

    def test_bundle(self):
        before = self.aliases()
        done = self.run_script("-alias", "engine", "-file", "bundle.pem", "-storepass", "changeit", "-keystore", "keys.jks")
        self.assertEqual(0, done[0], done)
        self.assertEqual(before | {"engine", "engine-2"}, self.aliases(), "the root was there already")

    def test_refusals(self):
        before = open(os.path.join(stage.peers.mine, "keys.jks"), "rb").read()
        for arguments in (["-alias", "root", "-file", "root.crt", "-storepass", "changeit"], ["-alias", "x", "-file", "root.crt", "-storepass", "wrong1"],
                          ["-alias", "x", "-file", "nothing", "-storepass", "changeit"], ["-alias", "x"], ["-frob", "x"]):
            done = self.run_script(*arguments, "-keystore", "keys.jks")
            self.assertNotEqual(0, done[0], arguments)
            self.assertEqual(before, open(os.path.join(stage.peers.mine, "keys.jks"), "rb").read())

    def test_password_from_elsewhere(self):
        with open(os.path.join(stage.peers.mine, "password"), "w") as file:
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
        done = subprocess.run([IMPORT, "-alias", "root_engine", "-file", stage.zoo.path("root.crt"), "-storepass", "changeit"], env=environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(0, done.returncode, done.stdout)
        second = generation()
        self.assertNotEqual(first, second)
        real = lambda password: stage.peers.real("-list", "-alias", "root_engine", "-keystore", os.path.realpath(store), "-storepass", password)
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
