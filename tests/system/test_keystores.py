"""`chancery keystore` beside the real keytool: P10, P11, P22, T1, T2, C6; and its file under faults, in the hands of several at once."""
import hashlib
import json
import os
import pty
import shutil
import signal
import subprocess
import time
import unittest
import zipfile

from harness import BIN, SystemTest, await_condition, must, run

PASSWORD = "changeit"
KEYTOOL = ["keytool", "-J-XX:TieredStopAtLevel=1", "-J-Xshare:auto"]


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


class Keystores(SystemTest):
    def setUp(self):
        super().setUp()
        self.environment = {**os.environ, "XDG_STATE_HOME": os.path.join(self.folder, "xdg"), "LC_ALL": "C.UTF-8",
                            "CHANCERY_STATE": os.path.join(self.folder, "nowhere")}
        with open(self.at("pass"), "w") as file:
            file.write(PASSWORD + "\n")

    def at(self, name):
        return os.path.join(self.folder, name)

    def shell(self, command):
        done = subprocess.run(command, shell=True, cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual(0, done.returncode, done.stdout)
        return done.stdout

    def chancery(self, *arguments, exit=0, cwd=None, prefix=()):
        done = subprocess.run([*prefix, os.path.join(BIN, "chancery"), "--json", *arguments], cwd=cwd or self.folder, env=self.environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
        self.assertEqual(exit, done.returncode, done.stdout + done.stderr)
        return json.loads(done.stdout) if done.stdout.strip() else None

    def keystore(self, verb, store, *arguments, exit=0, password="pass", prefix=()):
        given = ["--storepass-file", password] if password else []
        return self.chancery("keystore", verb, "--keystore", store, *given, *arguments, exit=exit, prefix=prefix)

    def keytool(self, *arguments, password=PASSWORD, exit=0):
        done = subprocess.run([*KEYTOOL, *arguments, "-storepass", password], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
        self.assertEqual(exit, done.returncode, done.stdout)
        return done.stdout

    def certificates(self, *names):
        for name in names:
            self.shell(f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {name}.key -subj '/O=Acme/CN={name}' "
                       f"-days 300 -out {name}.pem 2>/dev/null && openssl x509 -in {name}.pem -outform DER -out {name}.der")

    def fingerprints(self, listing):
        """alias -> SHA-256 of the certificates, out of `keytool -list -v`."""
        found, alias = {}, None
        for line in listing.splitlines():
            if line.startswith("Alias name: "):
                alias = line[len("Alias name: "):]
                found[alias] = []
            if "SHA256: " in line and alias is not None:
                found[alias].append(line.split("SHA256: ")[1].strip().replace(":", "").lower())
        return found

    def ours(self, store, **named):
        listed = self.keystore("list", store, **named)
        self.assertEqual("verified", listed["integrity"])
        return {entry["alias"]: [each["sha256"] for each in entry["certificates"]] for entry in listed["entries"]}


class BesideKeytool(Keystores):
    def test_a_bundle_and_a_key_as_keytool_sees_them(self):
        self.certificates("root", "sub", "web")
        self.shell("cat root.pem sub.pem > bundle.pem")
        for kind in ("JKS", "PKCS12", "JCEKS"):
            store = f"store.{kind.lower()}"
            self.keystore("import", store, "--type", kind, "--file", "bundle.pem", "--alias", "corp")
            self.keystore("import", store, "--file", "web.pem", "--key", "web.key", "--alias", "web")
            seen = self.fingerprints(self.keytool("-list", "-v", "-keystore", store))
            self.assertEqual(["corp", "corp-2", "web"], sorted(seen), kind)
            self.assertEqual(self.ours(store), seen, kind)
            # Java uses the key: it signs a request with it.
            self.keytool("-certreq", "-alias", "web", "-keystore", store, "-file", "web.csr")
            self.shell("openssl req -in web.csr -noout -verify && openssl req -in web.csr -noout -pubkey > a && openssl pkey -in web.key -pubout > b && cmp a b")
        self.keytool("-exportcert", "-alias", "corp-2", "-keystore", "store.jks", "-file", "theirs.der")
        self.chancery("keystore", "export", "--keystore", "store.jks", "--alias", "corp-2", "--format", "der", "--output", "ours.der")
        self.assertEqual(sha256(self.at("theirs.der")), sha256(self.at("ours.der")))

    def test_what_keytool_wrote_is_edited_and_read_again(self):
        self.certificates("root", "other")
        for kind in ("JKS", "PKCS12"):
            store = f"java.{kind.lower()}"
            self.keytool("-genkeypair", "-alias", "Web", "-keyalg", "EC", "-dname", "CN=web", "-storetype", kind, "-keystore", store, "-keypass", PASSWORD)
            self.keystore("import", store, "--file", "root.pem", "--alias", "root")
            self.keystore("rename", store, "--alias", "ROOT", "--to", "Anchor")
            with open(self.at("next"), "w") as file:
                file.write("another1")
            change = self.keystore("passwd", store, "--new-storepass-file", "next")
            seen = self.fingerprints(self.keytool("-list", "-v", "-keystore", store, password="another1"))
            self.assertEqual(["anchor", "web"], sorted(seen))
            # As keytool -storepasswd leaves them: in a PKCS12 the key follows, in a JKS it keeps its password.
            self.assertEqual(["web"] if kind == "PKCS12" else [], change["resealed"])
            key_password = [] if kind == "PKCS12" else ["-keypass", PASSWORD]
            self.keytool("-certreq", "-alias", "web", "-keystore", store, *key_password, password="another1")
            self.keystore("delete", store, "--alias", "anchor", password="next")
            self.assertEqual(["web"], sorted(self.ours(store, password="next")))
        self.chancery("keystore", "convert", "--keystore", "java.jks", "--type", "PKCS12", "--output", "converted.p12", "--storepass-file", "next",
                      "--keypass-file", "pass")
        self.keytool("-certreq", "-alias", "web", "-keystore", "converted.p12", password="another1")


class Files(Keystores):
    def test_the_previous_file_comes_back(self):
        self.certificates("root", "sub")
        self.keystore("import", "trust.jks", "--type", "JKS", "--file", "root.pem", "--alias", "root")
        os.chmod(self.at("trust.jks"), 0o640)
        os.symlink("trust.jks", self.at("link"))
        before = sha256(self.at("trust.jks"))
        imported = self.keystore("import", "link", "--file", "sub.pem", "--alias", "sub")
        self.assertTrue(os.path.islink(self.at("link")))
        self.assertEqual(0o640, os.stat(self.at("trust.jks")).st_mode & 0o7777)
        self.assertNotEqual(before, sha256(self.at("trust.jks")))
        sets = self.chancery("backup", "list")["sets"]
        self.assertEqual([imported["backup_set"]], [each["id"] for each in sets])
        self.assertEqual("keystore:" + os.path.realpath(self.at("trust.jks")), sets[0]["component"])
        os.unlink(self.at("trust.jks"))
        self.chancery("backup", "restore", imported["backup_set"])
        self.assertEqual(before, sha256(self.at("trust.jks")))
        self.assertEqual(0o640, os.stat(self.at("trust.jks")).st_mode & 0o7777)
        # One byte changed: refused, and the file stays.
        found = subprocess.run(["find", self.folder, "/var/lib/chancery-keystores", "-name", imported["backup_set"] + ".zip"], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True).stdout.split()
        with open(found[0], "r+b") as file:
            file.seek(400)
            byte = file.read(1)
            file.seek(400)
            file.write(bytes([byte[0] ^ 1]))
        self.assertEqual("backup-damaged", self.chancery("backup", "restore", imported["backup_set"], exit=1)["error"]["code"])
        self.assertFalse(self.chancery("backup", "list")["sets"][-1]["verified"])
        self.assertEqual(before, sha256(self.at("trust.jks")))
        os.unlink(found[0])

    def test_sets_leave_come_back_and_are_pruned(self):
        self.certificates("root", "sub", "third")
        self.keystore("import", "trust.jks", "--type", "JKS", "--file", "root.pem", "--alias", "root")
        before = sha256(self.at("trust.jks"))
        first = self.keystore("import", "trust.jks", "--file", "sub.pem", "--alias", "sub")["backup_set"]
        second = self.keystore("import", "trust.jks", "--file", "third.pem", "--alias", "third")["backup_set"]
        with open(self.at("phrase"), "w") as file:
            file.write("correct horse")
        self.chancery("backup", "export", first, "--output", "set.zip")
        self.chancery("backup", "export", first, "--output", "set.closed", "--passphrase-file", "phrase")
        self.assertEqual("already-exists", self.chancery("backup", "import", "set.zip", exit=1)["error"]["code"])
        self.assertEqual([first], self.chancery("backup", "prune", "--keep", "1", "--dry-run")["removed"])
        self.assertEqual(2, len(self.chancery("backup", "list")["sets"]))
        self.assertEqual([first], self.chancery("backup", "prune", "--keep", "1")["removed"])
        self.assertEqual([second], [each["id"] for each in self.chancery("backup", "list")["sets"]])
        with open(self.at("wrong"), "w") as file:
            file.write("wrong horse")
        self.assertEqual("passphrase-wrong", self.chancery("backup", "import", "set.closed", "--passphrase-file", "wrong", exit=1)["error"]["code"])
        self.assertEqual("planned", self.chancery("backup", "import", "set.closed", "--passphrase-file", "phrase", "--dry-run")["outcome"])
        self.assertEqual(1, len(self.chancery("backup", "list")["sets"]))
        self.assertEqual(first, self.chancery("backup", "import", "set.closed", "--passphrase-file", "phrase")["id"])
        self.chancery("backup", "restore", first)
        self.assertEqual(before, sha256(self.at("trust.jks")))
        # One byte changed on its way: nothing comes in.
        self.chancery("backup", "prune", "--keep", "1")
        with open(self.at("set.zip"), "r+b") as file:
            file.seek(700)
            byte = file.read(1)
            file.seek(700)
            file.write(bytes([byte[0] ^ 1]))
        sets = self.chancery("backup", "list")["sets"]
        self.assertEqual("backup-damaged", self.chancery("backup", "import", "set.zip", exit=1)["error"]["code"])
        self.assertEqual(sets, self.chancery("backup", "list")["sets"])

    def test_twenty_at_once_lose_nothing(self):
        self.certificates(*[f"c{number}" for number in range(20)])
        self.keystore("import", "trust.jks", "--type", "JKS", "--file", "c0.pem", "--alias", "c0")
        working = [subprocess.Popen([os.path.join(BIN, "chancery"), "--quiet", "keystore", "import", "--keystore", "trust.jks", "--storepass-file", "pass",
                                     "--file", f"c{number}.pem", "--alias", f"c{number}"], cwd=self.folder, env=self.environment,
                                    stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for number in range(1, 20)]
        for each in working:
            error = each.communicate()[1]
            self.assertEqual(0, each.returncode, error)
        self.assertEqual({f"c{number}" for number in range(20)}, set(self.ours("trust.jks")))
        self.assertEqual([], [name for name in os.listdir(self.folder) if name.startswith(".trust")])

    def test_who_writes_meanwhile_is_not_overwritten(self):
        """Whether the kernel holds them off until the import has given way, or they write at once."""
        self.certificates("root", "sub")
        self.keystore("import", "trust.jks", "--type", "JKS", "--file", "root.pem", "--alias", "root")
        command = [os.path.join(BIN, "chancery"), "--json", "keystore", "import", "--keystore", "trust.jks", "--storepass-file", "pass", "--file",
                   "sub.pem", "--alias", "sub"]
        importing = subprocess.Popen(["strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=fsync:delay_enter=300000", *command], cwd=self.folder,
                                     env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        await_condition(lambda: os.path.exists(self.at(".trust.jks.chancery-new")), "the new file is being written")
        with open(self.at("trust.jks"), "wb") as file:
            file.write(b"theirs")
        said = importing.communicate()[0]
        self.assertEqual(1, importing.returncode, said)
        self.assertEqual("foreign-changed", json.loads(said)["error"]["code"])
        with open(self.at("trust.jks"), "rb") as file:
            self.assertEqual(b"theirs", file.read())
        self.assertEqual([], [name for name in os.listdir(self.folder) if name.startswith(".trust")])

    def test_a_large_one_that_is_cut_after_all(self):
        """Somebody who wants to write waits as long as the kernel makes him: 45 seconds, here one. A disk that hangs takes longer."""
        patience = "/proc/sys/fs/lease-break-time"
        if not os.access(patience, os.W_OK):
            self.skipTest("needs root")
        with open(patience) as file:
            before = file.read()
        self.addCleanup(lambda: subprocess.run(["tee", patience], input=before, text=True, stdout=subprocess.DEVNULL, check=True))
        subprocess.run(["tee", patience], input="1", text=True, stdout=subprocess.DEVNULL, check=True)
        self.certificates("sub")
        self.large_bundle("root")
        self.keystore("import", "trust.jks", "--type", "JKS", "--file", "root.pem", "--alias", "root")
        command = [os.path.join(BIN, "chancery"), "keystore", "import", "--keystore", "trust.jks", "--storepass-file", "pass", "--file", "sub.pem", "--alias", "sub"]
        importing = subprocess.Popen(["strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=fsync:delay_enter=4000000", *command], cwd=self.folder,
                                     env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        await_condition(lambda: os.path.exists(self.at(".trust.jks.chancery-new")), "the new file is being written")
        with open(self.at("trust.jks"), "wb") as file:
            file.write(b"theirs")
        _, said = importing.communicate()
        self.assertEqual(1, importing.returncode, said)
        self.assertIn("somebody else cut it", said)
        with open(self.at("trust.jks"), "rb") as file:
            self.assertEqual(b"theirs", file.read())
        self.shell("mv trust.jks theirs")
        self.keystore("import", "trust.jks", "--type", "JKS", "--file", "root.pem", "--alias", "root")
        self.assertEqual([], [name for name in os.listdir(self.folder) if name.startswith(".trust")], "what was left behind is gone")

    def test_killed_or_refused_at_any_file_call_it_is_old_or_new(self):
        self.certificates("root", "sub")
        self.fail_at_every_file_call(threads=1)

    def test_a_large_one_too(self):
        """Its set is written by a second thread, while the first writes the store."""
        self.certificates("sub")
        self.large_bundle("root")
        self.fail_at_every_file_call(threads=2)

    def large_bundle(self, name):
        """More than a megabyte of certificates, for which a second thread is worth its while."""
        with open(self.at("large.cnf"), "w") as file:
            file.write("[req]\ndistinguished_name=dn\nx509_extensions=ext\n[dn]\n[ext]\n1.2.3.4=ASN1:UTF8String:" + "x" * 600000 + "\n")
        for number in range(2):
            self.shell(f"openssl req -x509 -config large.cnf -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null "
                       f"-subj /CN={name}{number} -days 300 2>/dev/null >>{name}.pem")

    def test_a_large_one_without_threads_or_with_a_torn_draft(self):
        self.certificates("sub", "other")
        self.large_bundle("root")
        self.keystore("import", "trust.jks", "--type", "JKS", "--file", "root.pem", "--alias", "root")
        self.keystore("import", "trust.jks", "--file", "other.pem", "--alias", "other")
        old = sha256(self.at("trust.jks"))
        sets = self.chancery("backup", "list")["sets"]
        # The kernel says that all of a piece is written, and nothing is: it does not read back.
        torn = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=write:retval=100000000:when=2"]
        refused = self.keystore("import", "trust.jks", "--file", "sub.pem", "--alias", "sub", exit=1, prefix=torn)
        self.assertEqual("io-error", refused["error"]["code"])
        self.assertEqual(old, sha256(self.at("trust.jks")))
        self.assertEqual(sets, self.chancery("backup", "list")["sets"], "no set of a change that was none")
        self.assertEqual([], [name for name in os.listdir(self.folder) if name.startswith(".trust")])
        done = self.keystore("import", "trust.jks", "--file", "sub.pem", "--alias", "sub",
                             prefix=["strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=clone3,clone:error=EAGAIN"])
        self.assertEqual({"root", "root-2", "other", "sub"}, set(self.ours("trust.jks")))
        self.chancery("backup", "restore", done["backup_set"])
        self.assertEqual(old, sha256(self.at("trust.jks")))

    def kept_in(self, places):
        kept = []
        for folder, _, names in os.walk(places):
            for name in names:
                if name.endswith(".zip"):
                    with zipfile.ZipFile(os.path.join(folder, name)) as found:
                        kept.append(hashlib.sha256(found.read("keystore")).hexdigest())
        return kept

    def fail_at_every_file_call(self, threads):
        self.keystore("import", "trust.jks", "--type", "JKS", "--file", "root.pem", "--alias", "root")
        shutil.copy(self.at("trust.jks"), self.at("old"))
        old = sha256(self.at("old"))
        command = [os.path.join(BIN, "chancery"), "--json", "keystore", "import", "--keystore", "trust.jks", "--storepass-file", "pass", "--file",
                   "sub.pem", "--alias", "sub"]
        # Kills where something changes, errors where they can occur. FAULTS=all adds the calls that only look.
        changing = {"openat", "write", "pwrite64", "fsync", "fchmod", "fchown", "renameat", "renameat2", "ftruncate", "unlinkat", "mkdirat"}
        looking = {"flock", "fstat", "newfstatat", "read", "pread64", "close", "getdents64"} if os.environ.get("FAULTS") == "all" else {"flock"}
        calls = changing | looking
        places = os.path.join(self.folder, "xdg")
        subprocess.run(command, cwd=self.folder, env=self.environment, stdout=subprocess.DEVNULL, check=True)  # makes the key of the sets
        shutil.copytree(places, self.at("places"))

        def begin():
            shutil.copy(self.at("old"), self.at("trust.jks"))
            shutil.rmtree(places)
            shutil.copytree(self.at("places"), places)

        begin()
        subprocess.run(["strace", "-f", "-qq", "-e", f"trace={','.join(sorted(calls))}", "-o", self.at("trace"), *command], cwd=self.folder,
                       env=self.environment, stdout=subprocess.DEVNULL, check=True)
        with open(self.at("trace")) as file:
            lines = [line.split(maxsplit=1) for line in file if " " in line and "resumed>" not in line]
        first = next(at for at, (_, line) in enumerate(lines) if ".trust.jks.lock" in line)
        self.assertEqual(threads, len({thread for thread, line in lines if line.startswith("write(")}))
        # The points are counted per thread and call name, as strace injects them.
        points, seen = [], {}
        for at, (thread, line) in enumerate(lines):
            name = line.split("(")[0]
            seen[thread, name] = number = seen.get((thread, name), 0) + 1
            if at >= first and name in calls:
                faults = ["error=EIO" if name not in ("write", "openat", "fsync") else "error=ENOSPC"]
                points += [(name, number, fault) for fault in faults + (["signal=SIGKILL"] if name in changing else [])]
        points = list(dict.fromkeys(points))
        self.assertGreater(len(points), 40)
        states = {"old": 0, "new": 0}
        for name, number, fault in points:
            begin()
            done = subprocess.run(["strace", "-f", "-qq", "-e", f"trace={name}", "-e", f"inject={name}:{fault}:when={number}", "-o", "/dev/null",
                                   *command], cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            what = (name, number, fault, done.returncode, done.stdout)
            is_old = sha256(self.at("trust.jks")) == old
            states["old" if is_old else "new"] += 1
            if not is_old:
                self.assertEqual({"sub"}, set(self.ours("trust.jks")) - {"root", "root-2"}, what)
                self.assertIn(old, self.kept_in(places), what)
                if fault != "signal=SIGKILL":
                    self.assertIn(done.returncode, (0, 3), what)
            if done.returncode == 0:
                self.assertFalse(is_old, what)
            if fault != "signal=SIGKILL" and name != "unlinkat":
                self.assertFalse(os.path.exists(self.at(".trust.jks.chancery-new")), what)
                self.assertEqual([], [each for _, _, names in os.walk(places) for each in names if each.endswith(".tmp")], what)
        self.assertGreater(states["old"], 20)
        self.assertGreater(states["new"], 0)
        # Whatever a killed one left behind stands in nobody's way.
        shutil.copy(self.at("old"), self.at("trust.jks"))
        self.keystore("import", "trust.jks", "--file", "sub.pem", "--alias", "sub")
        self.assertEqual([], [name for name in os.listdir(self.folder) if name.startswith(".trust")])

    def test_passwd_asks_for_the_present_one_and_twice_for_the_new(self):
        self.certificates("root")
        self.keystore("import", "trust.p12", "--file", "root.pem", "--alias", "root")

        def talk(answers):
            pid, terminal = pty.fork()
            if pid == 0:
                os.chdir(self.folder)
                os.execvpe(os.path.join(BIN, "chancery"), ["chancery", "keystore", "passwd", "--keystore", "trust.p12"], self.environment)
            heard = b""
            for answer in answers:
                asked = b""
                while not asked.endswith(b": "):
                    asked += os.read(terminal, 1024)
                heard += asked
                os.write(terminal, answer.encode() + b"\n")
            while True:
                try:
                    more = os.read(terminal, 1024)
                except OSError:
                    break
                if not more:
                    break
                heard += more
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), heard.decode()

        before = sha256(self.at("trust.p12"))
        code, heard = talk([PASSWORD, "another1", "another2"])
        self.assertEqual(1, code, heard)
        self.assertEqual(before, sha256(self.at("trust.p12")))
        code, heard = talk([PASSWORD, "another1", "another1"])
        self.assertEqual(0, code, heard)
        self.assertNotIn("another1", heard, "echoed")
        with open(self.at("next"), "w") as file:
            file.write("another1")
        self.assertEqual(["root"], list(self.ours("trust.p12", password="next")))


if __name__ == "__main__":
    unittest.main()
