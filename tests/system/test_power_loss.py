"""C1 under power loss: a replace and an import into a store outside are recorded (`./dev faults`: append, restore, rollback and an import
into the portal's keystore as well: minutes each); after every prefix of their file calls the worst states that a disk may show
(../shared/tools/powerloss.py) are looked at: pairs match, the next start resolves them, doctor agrees."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from faults_on_stage import STAGE, FaultStage
from harness import BIN, SOURCE, TOOLS, SystemTest, must, run

STORE_STAGE = os.path.join(SOURCE, "tests", "system", "store_stage.sh")


class PowerLoss(FaultStage):
    def lose_power(self, operation, setup="set-up"):
        done = subprocess.run(["python3", os.path.join(TOOLS, "powerloss.py"), os.path.join(self.folder, "state"),
                               f"bash {STAGE} {setup} {self.folder}", operation, f"bash {STAGE} check {self.folder} $STATE"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=self.environment, timeout=500)
        out = done.stdout.decode(errors="replace")
        self.assert_only_a_wal_index_is_mapped(operation, setup)
        self.assertNotIn("WARNING", out.replace("WARNING: not modelled: {'mmap'}", ""), "every call is modelled")
        return out[-2000:]

    def assert_only_a_wal_index_is_mapped(self, operation, setup):
        """The model knows no shared memory. The audit's SQLite maps one file, its -shm, which is made anew from the log after a loss."""
        must("bash", STAGE, setup, self.folder, env=self.environment)
        trace = os.path.join(self.folder, "mapped")
        subprocess.run(["strace", "-f", "-qq", "-y", "-o", trace, "-e", "trace=mmap", "bash", "-c", operation], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, env=self.environment, timeout=120)
        with open(trace, errors="replace") as file:
            mapped = re.findall(r"PROT_WRITE, MAP_SHARED, \d+<([^>]*)>", file.read())
        self.assertEqual([], [path for path in mapped if path.startswith(self.folder) and not path.endswith("-shm")])

    def test_replace(self):
        self.assertIn("bad=0", self.lose_power(self.operation("replace")))

    def test_a_writer_of_two_renames_is_caught(self):
        """The model and the check can fail: files copied over one after the other leave a pair that does not match."""
        identity = os.path.join(self.folder, "state/current/identities/portal")
        out = self.lose_power(f"sh -c 'cp {self.folder}/new.crt {identity}/certificate.pem; cp {self.folder}/new.key {identity}/key.pem'")
        self.assertNotIn("bad=0", out)


class PowerLossOfStores(SystemTest):
    """`keystore import` into a file of somebody else's, with the folder of its backup sets."""
    where = FaultStage.where

    def make(self, **variables):
        self.folder = tempfile.mkdtemp(prefix="chancery-test-", dir=self.where)
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.environment = {**os.environ, "CHANCERY_BIN": BIN, "TMPDIR": self.folder, **variables}
        must("bash", STORE_STAGE, "make", self.folder, env=self.environment)
        must("bash", STORE_STAGE, "set-up", self.folder, env=self.environment)
        return run("bash", STORE_STAGE, "operation", self.folder, "import", env=self.environment).stdout.decode().strip()

    def lose_power(self, operation):
        done = run("python3", os.path.join(TOOLS, "powerloss.py"), os.path.join(self.folder, "state"), f"bash {STORE_STAGE} set-up {self.folder}",
                   operation, f"bash {STORE_STAGE} check {self.folder} $STATE", env=self.environment)
        self.assertNotIn("WARNING", done.stdout.decode(), "every call is modelled")
        return done.stdout.decode()[-2000:]

    def test_import(self):
        self.assertIn("bad=0", self.lose_power(self.make()))

    def test_import_into_a_large_one(self):
        """The set is written by a second thread while the new store is: whatever comes first otherwise, the set is safe before the store
        is replaced."""
        operation = self.make(LARGE="yes")
        self.assertGreater(os.path.getsize(os.path.join(self.folder, "state/store/cacerts")), 1 << 20)
        self.assertIn("bad=0", self.lose_power(operation))
        log = os.path.join(self.folder, "trace")
        # Also where one of the two is slow: the set's bytes, the store's.
        for slow in ("when=1", "when=2", "when=1+2", "when=3+2"):
            must("bash", STORE_STAGE, "set-up", self.folder, env=self.environment)
            must("strace", "-f", "-qq", "-y", "-o", log, "-e", "trace=write,fsync,renameat", "-e", f"inject=write:delay_enter=30000:{slow}",
                 *operation.split(), env=self.environment)
            with open(log) as file:
                lines = file.read().splitlines()
            self.assertEqual(2, len({line.split()[0] for line in lines if re.search(r"write\(\d+<[^>]*(\.zip|chancery-new)", line)}), "two threads write")
            ended = lambda pattern: [at for at, line in enumerate(lines) if re.search(pattern, line)]
            replaced = ended(r"renameat\(.*\.cacerts\.chancery-new")[0]
            named = ended(r"renameat\(.*-store-[0-9a-f]*\.zip")[-1]
            synced = [at for at in ended(r"fsync\(\d+<[^>]*/sets>") if at > named]
            self.assertTrue(synced and named < synced[0] < replaced, lines)
            proven = ended(r"fsync\(\d+<[^>]*chancery-new")[0]
            self.assertLess(proven, named, "no set of what was not written")

    def test_the_first_edit_of_a_machine(self):
        operation = self.make(FIRST_EDIT="yes")
        self.assertIn("bad=0", self.lose_power(operation))
        # The model keeps folders whose names were never synced, so that is looked at by itself: before the store is replaced, the folder
        # above each new one was synced after it was made.
        must("bash", STORE_STAGE, "set-up", self.folder, env=self.environment)
        log = os.path.join(self.folder, "trace")
        must("strace", "-f", "-qq", "-y", "-o", log, "-e", "trace=mkdirat,fsync,renameat,renameat2", *operation.split(), env=self.environment)
        with open(log) as file:
            lines = file.read().splitlines()
        replaced = next(at for at, line in enumerate(lines) if "rename" in line and ".cacerts.chancery-new" in line)
        made = [(at, found.group(1)) for at, line in enumerate(lines) if (found := re.search(r"mkdirat\(\d+<([^>]*)>", line))]
        self.assertEqual(2, len(made), lines)
        for at, above in made:
            self.assertTrue(any("fsync(" in line and f"<{above}>" in line for line in lines[at:replaced]), (above, lines))

    def test_a_store_that_is_written_in_place_is_caught(self):
        """The model and the check can fail."""
        operation = self.make()
        must(*operation.split(), env=self.environment)
        shutil.copy(os.path.join(self.folder, "state/store/cacerts"), os.path.join(self.folder, "new"))
        out = self.lose_power(f"cp {self.folder}/new {self.folder}/state/store/cacerts")
        self.assertNotIn("bad=0", out)
        self.assertIn("the store cannot be read", out)


if __name__ == "__main__":
    unittest.main()
