"""What the tests of policy, backup sets and generations share."""
import os

from harness import SystemTest

NAMES = ["appliance.test", "localhost"]


def read(path):
    with open(path, "rb") as file:
        return file.read()


class PolicyTest(SystemTest):
    def expect_error(self, done, code, exit=1):
        self.assertEqual(exit, done.code, done)
        error = done.json()["error"]
        self.assertTrue(error["message"] and error["hint"], done)
        self.assertEqual(code, error["code"], done)

    def write(self, name, data, mode=0o600):
        path = os.path.join(self.folder, name)
        with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, mode), "wb") as file:
            file.write(data if isinstance(data, bytes) else data.encode())
        return path
