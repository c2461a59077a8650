"""Pull the plug: replace, append, restore and rollback are killed and failed at a spread of their file calls (all points:
`./dev faults`), power losses are replayed, and everything is killed under running programs. After the next start every
component serves a matching certificate, key and chain, the old or the new, and doctor says which."""
import os
import re
import shutil
import signal
import subprocess
import tempfile
import unittest

from harness import BIN, SOURCE, TOOLS, SystemTest, await_condition, must, run, served_chain

STAGE = os.path.join(SOURCE, "tests", "system", "fault_stage.sh")
CHANGING = "openat,write,rename,renameat,renameat2,symlinkat,unlinkat,fsync,fdatasync,syncfs,fchmod,mkdirat,close"
POINTS_PER_CALL = 2


def spread(total, wanted):
    """`wanted` numbers from 1 to total, the last ones always among them: that is where the rename and the commit are."""
    if total <= wanted:
        return list(range(1, total + 1))
    return sorted({1 + (total - 1) * i // (wanted - 1) for i in range(wanted)})


class FaultStage(SystemTest):
    # In memory where there is room: what counts here are the file calls, not the disk.
    where = "/dev/shm" if os.path.isdir("/dev/shm") and os.statvfs("/dev/shm").f_bavail * os.statvfs("/dev/shm").f_bsize > 1 << 30 else None

    def setUp(self):
        super().setUp()
        self.folder = tempfile.mkdtemp(prefix="chancery-test-", dir=self.where)
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.environment = {**os.environ, "CHANCERY_BIN": BIN, "CHANCERY_TOOLS": TOOLS, "SSL_CERT_FILE": os.path.join(self.folder, "os.pem"), "TMPDIR": self.folder}
        must("bash", STAGE, "make", self.folder, env=self.environment)

    def stage(self, *arguments):
        return run("bash", STAGE, arguments[0], self.folder, *arguments[1:], env=self.environment)

    def operation(self, name):
        return self.stage("operation", name).stdout.decode().strip()

    def counts(self, operation):
        """How often the operation makes each file-changing call when nothing is injected."""
        self.stage("set-up")
        log = os.path.join(self.folder, "trace")
        must("strace", "-f", "-qq", "-o", log, "-e", f"trace={CHANGING}", "bash", "-c", f"exec {operation}", env=self.environment)
        with open(log) as file:
            calls = re.findall(r"^\d+ +(\w+)\(", file.read(), re.M)
        return {call: calls.count(call) for call in set(calls)}

    def inject(self, operation, call, point, fault):
        self.assertEqual(0, self.stage("set-up").returncode)
        injection = "signal=KILL" if fault == "kill" else f"error={fault}"
        done = run("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:{injection}:when={point}",
                   "bash", "-c", f"exec {operation}", env=self.environment)
        checked = self.stage("check")
        where = f"{fault} at {call} #{point} of {operation.split()[3:5]}"
        self.assertEqual(0, checked.returncode, f"{where}: exit {done.returncode}, {done.stderr.decode()[-300:]}\n{checked.stdout.decode()}{checked.stderr.decode()}")
        return done

    def spread_faults(self, name, fault):
        operation = self.operation(name)
        for call, total in sorted(self.counts(operation).items()):
            for point in spread(total, POINTS_PER_CALL):
                with self.subTest(operation=name, fault=fault, call=call, point=point):
                    done = self.inject(operation, call, point, fault)
                    if fault != "kill" and done.returncode == 1:
                        self.assertIn("hint:", done.stderr.decode())


class Faults(FaultStage):
    def test_replace_killed(self):
        self.spread_faults("replace", "kill")

    def test_append_killed(self):
        self.spread_faults("append", "kill")

    def test_restore_killed(self):
        self.spread_faults("restore", "kill")

    def test_rollback_killed(self):
        self.spread_faults("rollback", "kill")

    def test_replace_on_a_full_disk(self):
        self.spread_faults("replace", "ENOSPC")

    def test_restore_on_a_failing_disk(self):
        self.spread_faults("restore", "EIO")

    def test_append_on_a_read_only_file_system(self):
        self.spread_faults("append", "EROFS")

    def test_the_killing_tool_itself(self):
        """killat.sh as `./dev faults` runs it, its first points."""
        done = run("bash", os.path.join(SOURCE, "tests", "system", "faults.sh"), "rollback", "kill", "1", env=self.environment)
        self.assertIn("PASS", done.stdout.decode(), done)

    def test_a_mixed_state_is_seen(self):
        """The check itself can fail: a key of another generation is found."""
        self.stage("set-up")
        for identity in ("console",):
            with open(os.path.join(self.folder, "new.key"), "rb") as source, \
                    open(os.path.join(self.folder, "state/current/identities", identity, "key.pem"), "wb") as target:
                target.write(source.read())
        self.assertNotEqual(0, self.stage("check").returncode)


class PowerLoss(FaultStage):
    def test_power_is_lost_during_a_replace(self):
        done = subprocess.run(["python3", os.path.join(TOOLS, "powerloss.py"), os.path.join(self.folder, "state"), f"bash {STAGE} set-up {self.folder}",
                               self.operation("replace"), f"bash {STAGE} check {self.folder} $STATE"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=self.environment, timeout=500)
        self.assertIn("bad=0", done.stdout.decode()[-2000:])
        self.assertNotIn("WARNING", done.stdout.decode())


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
