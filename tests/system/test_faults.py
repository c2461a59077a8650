"""Pull the plug: replace, append, restore and rollback are killed and failed at a spread of their file calls (all points:
`./dev faults`), power losses are replayed, and everything is killed under running programs. After the next start every
component serves a matching certificate, key and chain, the old or the new, and doctor says which."""
import os
import signal
import unittest

from faults_on_stage import FaultStage
from harness import BIN, SOURCE, SystemTest, await_condition, run, served_chain

class Faults(FaultStage):
    def test_replace_killed(self):
        self.spread_faults("replace", "kill")

    def test_append_killed(self):
        self.spread_faults("append", "kill")

    def test_restore_killed(self):
        self.spread_faults("restore", "kill")

    def test_rollback_killed(self):
        self.spread_faults("rollback", "kill")

    def test_import_into_the_portals_keystore_killed(self):
        self.spread_faults("import", "kill")

    def test_replace_on_a_full_disk(self):
        self.spread_faults("replace", "ENOSPC")

    def test_restore_on_a_failing_disk(self):
        self.spread_faults("restore", "EIO")

    def test_append_on_a_read_only_file_system(self):
        self.spread_faults("append", "EROFS")

    def test_rollback_without_permission(self):
        self.spread_faults("rollback", "EACCES")

    def test_the_killing_tool_itself(self):
        """killat.sh as `./dev faults` runs it, its first points."""
        done = run("bash", os.path.join(SOURCE, "tests", "system", "faults.sh"), "killat", "rollback", "kill", "1", env=self.environment)
        self.assertIn("PASS", done.stdout.decode(), done)

    def test_every_operation_of_the_stage_changes_something(self):
        """Faults during a change that changes nothing would prove nothing."""
        for name in ("replace", "append", "restore", "rollback", "import"):
            with self.subTest(name):
                self.stage("set-up")
                before = os.readlink(os.path.join(self.folder, "state", "current"))
                done = run(*self.operation(name).split(), env=self.environment)
                self.assertEqual(0, done.returncode, done)
                self.assertNotEqual(before, os.readlink(os.path.join(self.folder, "state", "current")))

    def test_a_mixed_state_is_seen(self):
        """The check itself can fail: a key of another generation is found."""
        self.stage("set-up")
        for identity in ("console",):
            with open(os.path.join(self.folder, "new.key"), "rb") as source, \
                    open(os.path.join(self.folder, "state/current/identities", identity, "key.pem"), "wb") as target:
                target.write(source.read())
        self.assertNotEqual(0, self.stage("check").returncode)


class UnderPrograms(SystemTest):
    def test_everything_is_killed_in_the_middle_of_a_replace(self):
        """Programs, manager and all, at several points; after the next start what is installed is what is served."""
        primary = self.appliance("primary")
        pki = self.pki()
        leaves = [pki.leaf(["appliance.test", "localhost"]) for _ in range(2)]
        self.assertEqual(0, primary.cli("cert", "replace", *pki.files(leaves[0])).code)
        for turn, (call, point) in enumerate([("renameat", 2), ("renameat", 5), ("fsync", 10), ("unlinkat", 1), ("renameat", 9)]):
            with self.subTest(call=call, point=point):
                primary.start("console", "portal")
                leaf = leaves[(turn + 1) % 2]
                run("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={point}",
                    os.path.join(BIN, "chancery"), "--state", primary.state, "cert", "replace", *pki.files(leaf))
                primary.stop(how=signal.SIGKILL)
                primary.start("manager", "console", "portal")
                served = served_chain(primary.portal)
                self.assertIn(served, [pki.sent(one) for one in leaves])
                self.assertEqual(served, served_chain(primary.console))
                await_condition(lambda: not os.path.exists(os.path.join(primary.state, "change.json")), "nothing is in doubt any more")
                listed = primary.json("cert", "list")
                self.assertTrue(all(s["ok"] for i in listed["identities"] for s in i["served"]), listed)
                self.assertLessEqual(primary.cli("doctor").code, 1)
                primary.stop()

    def test_a_small_full_disk(self):
        """A file system of its own that fills up: refused, the file is named, the old certificate still served."""
        mount = os.path.join(self.folder, "small")
        os.makedirs(mount)
        if os.geteuid() != 0 or run("mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", mount).returncode != 0:
            self.skipTest("needs root and tmpfs")
        self.addCleanup(run, "umount", "-l", mount)
        primary = self.appliance("primary", state=os.path.join(mount, "state")).start()
        pki = self.pki()
        leaf = pki.leaf(["appliance.test", "localhost"])
        before, served = primary.in_force(), served_chain(primary.portal)
        free = os.statvfs(mount).f_bavail * os.statvfs(mount).f_bsize
        with open(os.path.join(mount, "filler"), "wb") as filler:
            filler.write(b"\0" * max(0, free - 64 * 1024))
        done = primary.cli("--json", "cert", "replace", *pki.files(leaf))
        self.assertEqual(1, done.code, done)
        self.assertEqual("no-space", done.json()["error"]["code"], done)
        self.assertEqual((before, served), (primary.in_force(), served_chain(primary.portal)))
        os.unlink(os.path.join(mount, "filler"))
        self.assertEqual(0, primary.cli("cert", "replace", *pki.files(leaf)).code)
        self.assertEqual(pki.sent(leaf), served_chain(primary.portal))


if __name__ == "__main__":
    unittest.main()
