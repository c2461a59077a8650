"""A primary that secondaries join, and what a join must have left on both: for the tests of joins."""
import os
import secrets
import sqlite3

from harness import SystemTest


class Joining(SystemTest):
    def setUp(self):
        super().setUp()
        self.primary = self.appliance("primary", name="primary.test").start()

    def token(self, name="secondary.test", env=None):
        done = self.primary.cli("federation", "token", "--role", "engine", "--name", name, "--san", "localhost", "--san", "127.0.0.1",
                                "--ttl", "1h", env=env)
        self.assertEqual(0, done.code, done)
        path = os.path.join(self.folder, f"token-{secrets.token_hex(4)}")
        with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write(done.out)
        return path

    def secondary(self, name="secondary.test"):
        return self.appliance("secondary", name=name)

    def join(self, secondary, token, address=None, env=None):
        return secondary.cli("--json", "federation", "join", "--primary", address or f"127.0.0.1:{self.primary.join}", "--token-file", token,
                             env=env)

    def refused(self, secondary, token, code, address=None, env=None):
        before, issued = secondary.in_force(), self.register()
        done = self.join(secondary, token, address, env)
        self.assertEqual((1, code), (done.code, done.json()["error"]["code"]), done)
        self.assertEqual(before, secondary.in_force())
        self.assertEqual(issued, self.register())
        return done.json()["error"]

    def register(self):
        """How many certificates, members and used tokens there are."""
        with sqlite3.connect(f"file:{self.primary.state}/authority/authority.db?mode=ro", uri=True) as store:
            return tuple(store.execute(query).fetchone()[0] for query in (
                "SELECT count(*) FROM certificates", "SELECT count(*) FROM members",
                "SELECT count(*) FROM tokens WHERE used_digest IS NOT NULL"))

    def issued_to(self, name):
        with sqlite3.connect(f"file:{self.primary.state}/authority/authority.db?mode=ro", uri=True) as store:
            return store.execute("SELECT count(*) FROM certificates WHERE member = ?", (name,)).fetchone()[0]

    def files(self, appliance):
        top = os.path.realpath(os.path.join(appliance.state, "current"))
        return sorted(os.path.relpath(os.path.join(folder, name), top) for folder, _, names in os.walk(top) for name in names)

    def joined_once(self, secondary, like):
        """As an undisturbed join leaves it."""
        self.assertEqual(self.files(like), self.files(secondary))
        self.assertFalse(os.path.exists(os.path.join(secondary.state, "secrets/join")))
        members = [member["name"] for member in self.primary.json("federation", "list")["members"]]
        self.assertEqual(1, members.count(secondary.name), members)
        self.assertEqual(4, self.issued_to(secondary.name))
        doctor = secondary.cli("--json", "status")
        self.assertEqual(0, doctor.code, doctor)
