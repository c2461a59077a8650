"""What the fault and power-loss tests stand on: the stage of fault_stage.sh, and injection at one file call."""
import os
import re
import shutil
import tempfile

from harness import BIN, SOURCE, TOOLS, SystemTest, must, needs_tools, run

STAGE = os.path.join(SOURCE, "tests", "system", "fault_stage.sh")
CHANGING = "openat,write,rename,renameat,renameat2,symlinkat,unlinkat,fsync,fdatasync,syncfs,fchmod,mkdirat,close"
POINTS_PER_CALL = 2


def spread(total, wanted):
    """`wanted` numbers from 1 to total, the last ones always among them: that is where the rename and the commit are."""
    if total <= wanted:
        return list(range(1, total + 1))
    return sorted({1 + (total - 1) * i // (wanted - 1) for i in range(wanted)})


@needs_tools
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
