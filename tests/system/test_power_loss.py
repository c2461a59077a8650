"""C1 under power loss: replace, append and restore (rollback: `./dev faults`) are recorded, and after every prefix of their file calls the worst
states that a disk may show (../shared/tools/powerloss.py) are looked at: pairs match, the next start resolves them, doctor agrees."""
import os
import subprocess
import unittest

from faults_on_stage import STAGE, FaultStage
from harness import TOOLS


class PowerLoss(FaultStage):
    def lose_power(self, operation, setup="set-up"):
        done = subprocess.run(["python3", os.path.join(TOOLS, "powerloss.py"), os.path.join(self.folder, "state"),
                               f"bash {STAGE} {setup} {self.folder}", operation, f"bash {STAGE} check {self.folder} $STATE"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=self.environment, timeout=500)
        out = done.stdout.decode(errors="replace")
        self.assertNotIn("WARNING", out, "every call is modelled")
        return out[-2000:]

    def test_replace(self):
        self.assertIn("bad=0", self.lose_power(self.operation("replace")))

    def test_append(self):
        self.assertIn("bad=0", self.lose_power(self.operation("append")))

    def test_restore(self):
        self.assertIn("bad=0", self.lose_power(self.operation("restore")))

    def test_a_writer_of_two_renames_is_caught(self):
        """The model and the check can fail: files copied over one after the other leave a pair that does not match."""
        identity = os.path.join(self.folder, "state/current/identities/portal")
        out = self.lose_power(f"sh -c 'cp {self.folder}/new.crt {identity}/certificate.pem; cp {self.folder}/new.key {identity}/key.pem'")
        self.assertNotIn("bad=0", out)


if __name__ == "__main__":
    unittest.main()
