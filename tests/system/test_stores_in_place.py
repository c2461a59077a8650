"""Java keystores in place: the portal's trust as part of a generation (P21, P22), a JDK's own cacerts as a step of the one
transaction (C2, threat 49), and drift of what was imported (C10). Java itself is asked after every change."""
import base64
import hashlib
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import unittest
import urllib.request

from harness import BIN, SystemTest, await_condition, must, run

PEER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "java", "TlsPeer.java")
DEBIAN_STORE = "/etc/ssl/certs/java/cacerts"


def sha256_of(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def keytool(store, password="changeit", *more):
    done = run("keytool", "-J-Xshare:auto", "-J-XX:TieredStopAtLevel=1", "-list", "-keystore", store, "-storepass", password, *more)
    return done.returncode, done.stdout.decode()


def aliases_by_java(store, password="changeit"):
    code, out = keytool(store, password)
    assert code == 0, out
    return {line.split(",")[0] for line in out.splitlines() if "trustedCertEntry" in line}


class Stores(SystemTest):
    def secret(self, text, name="secret"):
        path = os.path.join(self.folder, name)
        with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
        return path

    def setUp(self):
        super().setUp()
        self.changeit = self.secret("changeit", "changeit")

    def keystore(self, appliance, verb, store, *arguments, env=None, code=0, password=None):
        done = appliance.cli("keystore", verb, "--keystore", store, "--storepass-file", password or self.changeit, *arguments, env=env)
        self.assertEqual(code, done.code, done)
        return done

    def refused(self, appliance, expected, *arguments, env=None, exit_code=1):
        """The command fails with this code, and what is in force is as it was."""
        before = appliance.in_force()
        done = appliance.cli("--json", *arguments, env=env)
        self.assertEqual(exit_code, done.code, done)
        document = done.json()
        codes = [document["error"]["code"]] if "error" in document else [f["code"] for f in document["report"]["findings"]]
        self.assertIn(expected, codes, done)
        self.assertEqual(before, appliance.in_force())
        return done


class PortalStore(Stores):
    def engines(self, primary):
        login = base64.b64encode(f"administrator:{primary.password()}".encode()).decode()
        request = urllib.request.Request(f"https://localhost:{primary.portal}/api/v1/engines", headers={"Authorization": f"Basic {login}"})
        with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=primary.root()), timeout=10) as reply:
            return json.loads(reply.read())["engines"]

    def await_engine(self, primary, verified):
        await_condition(lambda: [e for e in self.engines(primary) if e["verified"] == verified and e["reachable"] == verified],
                        f"the portal's next connection finds the engine verified: {verified}")

    def test_imports_and_a_changed_password_apply_at_the_portals_next_connection(self):
        primary, secondary = self.federation()
        store = primary.file("trust/portal/cacerts")
        pid = primary.processes["portal"].pid
        pki = self.pki()
        leaf = pki.leaf(["secondary.test", "localhost"])
        self.assertEqual(0, secondary.cli("cert", "replace", *pki.files(leaf)).code)
        self.await_engine(primary, False)
        # An intermediate anchors, as in Java.
        generation = primary.generation()
        self.keystore(primary, "import", store, "--alias", "corp", "--file", pki.path("intermediate2.crt"))
        self.assertNotEqual(generation, primary.generation())
        self.await_engine(primary, True)
        self.assertIn("corp", aliases_by_java(store))
        # An alias that is there is an error; deleted, it can be used again.
        self.refused(primary, "alias-exists", "keystore", "import", "--keystore", store, "--storepass-file", self.changeit,
                     "--alias", "corp", "--file", pki.path("root.crt"))
        self.keystore(primary, "delete", store, "--alias", "corp")
        self.assertNotIn("corp", aliases_by_java(store))
        self.keystore(primary, "import", store, "--alias", "corp", "--file", pki.path("root.crt"))
        # The portal's own copy of the password changes in the same transaction.
        new = self.secret("a new one", "new")
        self.refused(primary, "wrong-password", "keystore", "passwd", "--keystore", store, "--storepass-file", new, "--new-storepass-file", new)
        self.keystore(primary, "passwd", store, "--new-storepass-file", new)
        self.assertIn("corp", aliases_by_java(store, "a new one"))
        self.assertNotEqual(0, keytool(store)[0])
        with open(primary.file("trust/portal/cacerts.password")) as file:
            self.assertEqual("a new one\n", file.read())
        self.assertEqual(0o600, os.stat(primary.file("trust/portal/cacerts.password")).st_mode & 0o777)
        self.keystore(primary, "delete", store, "--alias", "corp", password=new)
        self.await_engine(primary, False)
        self.assertEqual(pid, primary.processes["portal"].pid)
        self.assertIsNone(primary.processes["portal"].poll())
        # The set made before the password was changed brings store and password back together.
        sets = primary.json("backup", "list")["sets"]
        before_passwd = next(s["id"] for s in sets if "passwd" in s["reason"])
        self.assertEqual(0, primary.cli("backup", "restore", before_passwd).code)
        self.assertIn("corp", aliases_by_java(store))
        self.await_engine(primary, True)

    def test_trust_verbs_and_links_reach_the_same_store(self):
        single = self.appliance("single").start()
        pki = self.pki()
        link = os.path.join(self.folder, "cacerts")
        os.symlink(single.file("trust/portal/cacerts"), link)
        public = single.json("trust", "list", "--store", "portal", "--all")["certificates"]
        self.assertGreater(len(public), 100)
        self.assertEqual({"federation", "operating-system"}, {c["source"] for c in public})
        added = single.json("trust", "append", pki.root, "--store", "portal")
        self.assertEqual("example-root", added["added"][0]["alias"])
        self.assertEqual("unchanged", single.json("trust", "append", pki.root, "--store", link)["outcome"])
        self.keystore(single, "rename", link, "--alias", "example-root", "--to", "example")
        self.assertIn("example", aliases_by_java(link))
        self.assertTrue(os.path.islink(link))
        self.assertEqual(0, single.cli("trust", "remove", added["added"][0]["sha256"], "--store", "portal").code)
        self.assertNotIn("example", aliases_by_java(link))
        # What must not be.
        leaf = pki.leaf()
        self.refused(single, "key-in-bundle", "keystore", "import", "--keystore", link, "--storepass-file", self.changeit, "--alias", "key",
                     "--file", pki.path(leaf + ".crt"), "--key", pki.path(leaf + ".key"))
        former = os.path.join(single.state, "generations", "000001", "trust/portal/cacerts")
        for path in (former, single.file("identities/portal/keystore.p12")):
            password = single.file("identities/portal/keystore.password") if path.endswith("p12") else self.changeit
            self.refused(single, "not-a-store", "keystore", "import", "--keystore", path, "--storepass-file", password, "--alias", "x",
                         "--file", pki.root)
        self.keystore(single, "import", link, "--alias", "root_engine", "--file", pki.root)
        # Java's own keytool in `current` is an edit by hand: seen, and adopted.
        must("keytool", "-delete", "-alias", "root_engine", "-storepass", "changeit", "-keystore", link)
        self.assertEqual(1, single.json("status")["drift"])
        self.assertEqual(0, single.cli("generation", "adopt").code)
        self.assertEqual(0, single.json("status")["drift"])
        self.assertNotIn("root_engine", aliases_by_java(link))


    def test_keytool_mode_on_a_path_of_the_state_is_a_change(self):
        single, pki = self.appliance("single").start(), self.pki()
        link = os.path.join(self.folder, "cacerts")
        os.symlink(single.file("trust/portal/cacerts"), link)
        tool = os.path.join(self.folder, "keytool")
        os.symlink(os.path.join(BIN, "chancery"), tool)
        generation = single.generation()
        done = run(tool, "-importcert", "-noprompt", "-alias", "root_engine", "-file", pki.root, "-storepass", "changeit", "-keystore", link,
                   env={**os.environ, "CHANCERY_STATE": single.state})
        self.assertEqual(0, done.returncode, done)
        self.assertNotEqual(generation, single.generation())
        self.assertIn("root_engine", aliases_by_java(link))


class JavaInstallation(Stores):
    def setUp(self):
        super().setUp()
        # A JDK of its own, found through JAVA_HOME, with its store behind a link as Debian has it.
        home = os.path.join(self.folder, "jdk")
        os.makedirs(os.path.join(home, "lib", "security"))
        self.store = os.path.join(self.folder, "etc-java-cacerts")
        shutil.copy(DEBIAN_STORE, self.store)
        os.chmod(self.store, 0o640)
        self.link = os.path.join(home, "lib", "security", "cacerts")
        os.symlink(self.store, self.link)
        self.env = {"JAVA_HOME": home}
        self.single = self.appliance("single")
        self.pki_files = self.pki()

    def import_root(self, alias="corp"):
        return self.keystore(self.single, "import", self.link, "--alias", alias, "--file", self.pki_files.root, env=self.env)

    def store_checks(self):
        done = self.single.cli("--json", "doctor", env=self.env)
        return {check["check"]: check for check in done.json()["checks"] if check["check"].startswith("store")}

    def test_an_import_is_a_change_that_java_sees_and_a_restore_takes_back(self):
        single = self.single.start()
        before = sha256_of(self.store)
        classes = os.path.join(self.folder, "classes")
        must("javac", "-d", classes, PEER)
        connect = ["java", "-cp", classes, "TlsPeer", "connect", self.link, "JKS", "changeit", "localhost", str(single.portal)]
        self.assertTrue(must(*connect).startswith("refused"))
        generation = single.generation()
        planned = self.keystore(single, "import", self.link, "--alias", "federation", "--file", single.root(), "--dry-run", env=self.env)
        self.assertEqual((before, generation), (sha256_of(self.store), single.generation()), planned)
        self.keystore(single, "import", self.link, "--alias", "federation", "--file", single.root(), env=self.env)
        self.assertNotEqual(generation, single.generation())
        self.assertIn("verified", must(*connect))
        self.assertIn("federation", aliases_by_java(self.link))
        self.assertEqual((True, 0o640), (os.path.islink(self.link), os.stat(self.store).st_mode & 0o777))
        listed = {c["alias"]: c["source"] for c in single.json("trust", "list", "--store", self.link)["certificates"]}
        self.assertEqual("added", listed["federation"])
        made = single.json("backup", "list")["sets"][0]
        self.assertEqual(["foreign" + self.store], made["components"])
        self.assertEqual(0, single.cli("backup", "restore", made["id"]).code)
        self.assertEqual(before, sha256_of(self.store))
        self.assertTrue(must(*connect).startswith("refused"))
        self.assertEqual({}, self.store_checks())

    def test_what_an_update_wiped_is_told_and_put_back(self):
        self.import_root()
        self.assertEqual("ok", self.store_checks()["store " + self.store]["status"])
        shutil.copy(DEBIAN_STORE, self.store)  # the update
        check = self.store_checks()["store " + self.store]
        self.assertEqual("warning", check["status"])
        for word in ("corp", sha256_of_pem(self.pki_files.root)[:16]):
            self.assertIn(word, check["message"])
        self.assertIn("keystore repair", check["hint"])
        wiped = sha256_of(self.store)
        planned = self.single.json("keystore", "repair", "--dry-run")
        self.assertEqual(("planned", "corp"), (planned["outcome"], planned["restored"][0]["alias"]))
        self.assertEqual(wiped, sha256_of(self.store))
        self.assertEqual(0, self.single.cli("keystore", "repair", "--keystore", self.link).code)
        self.assertIn("corp", aliases_by_java(self.link))
        self.assertEqual("ok", self.store_checks()["store " + self.store]["status"])
        self.assertEqual("unchanged", self.single.json("keystore", "repair")["outcome"])
        # Deleted by Chancery it is no drift; renamed it is still known.
        self.keystore(self.single, "rename", self.link, "--alias", "corp", "--to", "corp2", env=self.env)
        shutil.copy(DEBIAN_STORE, self.store)
        self.assertIn("corp2", self.store_checks()["store " + self.store]["message"])
        # A Java that was removed for good is given up by name.
        os.remove(self.store)
        self.assertIn("gone", self.store_checks()["store " + self.store]["message"])
        repaired = self.single.cli("--json", "keystore", "repair")
        self.assertEqual((1, self.store), (repaired.code, repaired.json()["skipped"][0]["store"]))
        self.assertEqual(0, self.single.cli("trust", "remove", sha256_of_pem(self.pki_files.root), "--store", self.store).code)
        self.assertEqual({}, self.store_checks())

    def test_somebody_else_changes_the_store_between_plan_and_rename(self):
        """Threat 49: a portal that does not answer yet holds the change up; a JDK's update comes in between."""
        single = self.single.start()
        before = single.in_force()
        portal = single.processes["portal"]
        portal.send_signal(signal.SIGSTOP)
        change = subprocess.Popen([os.path.join(BIN, "chancery"), "--state", single.state, "--json", "trust", "append", self.pki_files.root,
                                   "--store", self.link], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env={**os.environ, **self.env})
        self.addCleanup(change.stdout.close)
        await_condition(lambda: len(os.listdir(os.path.join(single.state, "generations"))) > 2, "the change is staged")
        must("keytool", "-delete", "-alias", sorted(aliases_by_java(self.link))[0], "-storepass", "changeit", "-keystore", self.store)
        theirs = sha256_of(self.store)
        portal.send_signal(signal.SIGCONT)
        out, _ = change.communicate(timeout=60)
        self.assertEqual((3, "foreign-changed"), (change.returncode, json.loads(out)["error"]["code"]))
        self.assertEqual(theirs, sha256_of(self.store))
        self.assertEqual(before, single.in_force())
        self.assertFalse(os.path.exists(os.path.join(single.state, "change.json")))
        # Repeated, it starts from theirs.
        self.assertEqual(0, single.cli("trust", "append", self.pki_files.root, "--store", self.link).code)
        self.assertIn("example-root", aliases_by_java(self.link))

    def test_killed_at_any_rename_or_removal_the_store_goes_with_the_state(self):
        """C2 for stores of others: after the next start it holds the certificate if and only if the state says so."""
        small = os.path.join(self.folder, "small.jks")
        must("keytool", "-importcert", "-noprompt", "-alias", "first", "-file", self.pki_files.path("intermediate1.crt"), "-storetype", "JKS",
             "-storepass", "changeit", "-keystore", small)
        with open(small, "rb") as file:
            before = file.read()
        sha256 = sha256_of_pem(self.pki_files.root)
        command = [os.path.join(BIN, "chancery"), "--state", self.single.state, "trust", "append", self.pki_files.root, "--store", small]
        seen = set()
        for call in ("renameat", "unlinkat", "fsync"):
            for point in range(1, 200) if call != "fsync" else range(1, 200, 7):
                done = run("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={point}", *command)
                finished = done.returncode == 0
                resolved = run(os.path.join(BIN, "chancery-manager"), "--state", self.single.state, "--resolve")
                self.assertEqual(0, resolved.returncode, (call, point, resolved))
                self.assertFalse(os.path.exists(os.path.join(self.single.state, "change.json")))
                with open(small, "rb") as file:
                    now = file.read()
                anchors = self.single.file("trust/managed/anchors.json")
                managed = False
                if os.path.exists(anchors):
                    with open(anchors) as file:
                        managed = sha256 in file.read()
                self.assertEqual(managed, now != before, (call, point))
                self.assertEqual(2 if managed else 1, len(self.single.json("keystore", "list", "--keystore", small)["entries"]), (call, point))
                seen.add(managed)
                if managed:
                    self.assertEqual(0, self.single.cli("trust", "remove", sha256, "--store", small).code)
                    with open(small, "rb") as file:
                        self.assertEqual(before, file.read())
                if finished:
                    break
        self.assertEqual({True, False}, seen)

    def test_other_stores_are_files_and_passwords_of_others_are_asked_for(self):
        own = os.path.join(self.folder, "own.jks")
        shutil.copy(DEBIAN_STORE, own)
        generation = self.single.generation()
        self.keystore(self.single, "import", own, "--alias", "corp", "--file", self.pki_files.root, env=self.env)
        self.assertEqual(generation, self.single.generation())
        must("keytool", "-storepasswd", "-storepass", "changeit", "-new", "secret1", "-keystore", self.store)
        before = sha256_of(self.store)
        self.refused(self.single, "wrong-password", "trust", "append", self.pki_files.root, "--store", self.link)
        self.assertEqual(before, sha256_of(self.store))
        secret = self.secret("secret1")
        self.assertEqual(0, self.single.cli("trust", "append", self.pki_files.root, "--store", self.link, "--storepass-file", secret).code)
        self.assertIn("example-root", aliases_by_java(self.link, "secret1"))
        self.assertEqual("ok", self.store_checks()["store " + self.store]["status"])
        # Wiped under that password: told without it, put back only with it.
        must("keytool", "-delete", "-alias", "example-root", "-storepass", "secret1", "-keystore", self.store)
        self.assertEqual("warning", self.store_checks()["store " + self.store]["status"])
        wiped = sha256_of(self.store)
        self.assertEqual(1, self.single.cli("keystore", "repair", "--keystore", self.link).code)
        self.assertEqual(wiped, sha256_of(self.store))
        self.assertEqual(0, self.single.cli("keystore", "repair", "--keystore", self.link, "--storepass-file", secret).code)
        self.assertIn("example-root", aliases_by_java(self.link, "secret1"))
        # A password-less PKCS12, as JDK 18 and later ship it, stays one.
        plain = os.path.join(self.folder, "plain.p12")
        must("keytool", "-J-Dkeystore.pkcs12.certProtectionAlgorithm=NONE", "-J-Dkeystore.pkcs12.macAlgorithm=NONE", "-importcert", "-noprompt",
             "-alias", "first", "-file", self.pki_files.path("intermediate1.crt"), "-storetype", "PKCS12", "-storepass", "changeit", "-keystore", plain)
        self.assertEqual(0, self.single.cli("trust", "append", self.pki_files.root, "--store", plain).code)
        out = run("keytool", "-list", "-keystore", plain, "-storepass:env", "NOTHING", env={**os.environ, "NOTHING": "changeit"}).stdout.decode()
        self.assertEqual(2, len(re.findall("trustedCertEntry", out)), out)
        self.assertEqual("absent", self.single.json("keystore", "list", "--keystore", plain)["integrity"])


def sha256_of_pem(path):
    with open(path) as file:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(file.read())).hexdigest()


if __name__ == "__main__":
    unittest.main()
