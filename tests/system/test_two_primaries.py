"""The register on a real PostgreSQL server: moved there and back while the primary runs, killed during writes, and shared
by two primaries of which one issues (threats 42 and 46)."""
import base64
import os
import shutil
import signal
import subprocess
import threading
import unittest

from harness import BIN, Appliance, SystemTest, await_condition, free_port_base, run
from test_arrows_storage import PASSWORD, PostgresServer

ENDPOINTS = {"console": 0, "portal": 1, "portal-collector": 3, "join": 4}
IDENTITIES = 4  # of a secondary


class Copy(Appliance):
    """A second primary: the first one's state, ports of its own."""

    def __init__(self, test, original):
        self.test, self.role, self.name, self.sans = test, original.role, original.name, original.sans
        self.base = free_port_base()
        self.state = original.state + "-second"
        self.processes, self.logs = {}, {}
        shutil.copytree(original.state, self.state, symlinks=True, ignore=shutil.ignore_patterns("*.sock"))
        for endpoint, offset in ENDPOINTS.items():
            done = self.cli("endpoint", "set", endpoint, "--port", self.base + offset)
            test.assertEqual(0, done.code, done)


class Register(SystemTest):
    def setUp(self):
        super().setUp()
        self.roots = self.pki(intermediates=0)
        leaf = self.roots.leaf(["localhost"])
        self.server = PostgresServer(self, self.roots.path(leaf + ".crt"), self.roots.path(leaf + ".key"))
        self.place = f"postgresql://engine@localhost:{self.server.port}/engine"
        self.secret = os.path.join(self.folder, "database.password")
        with open(os.open(self.secret, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write(PASSWORD + "\n")
        self.count = 0

    def primary(self, trusting=True):
        primary = self.appliance("primary", name="primary.test")
        if trusting:
            self.assertEqual(0, primary.cli("trust", "append", self.roots.root).code)
        return primary

    def migrate(self, primary, to, *more):
        return primary.cli("storage", "migrate", "--to", to, *(["--password-file", self.secret] if to == self.place else []), *more)

    def moved(self, primary):
        done = self.migrate(primary, self.place)
        self.assertEqual(0, done.code, done)

    def secondary(self):
        self.count += 1
        return self.appliance("secondary", name=f"secondary{self.count}.test")

    def token(self, primary, secondary):
        done = primary.cli("federation", "token", "--role", "engine", "--name", secondary.name, "--san", "localhost", "--san", "127.0.0.1")
        self.assertEqual(0, done.code, done)
        path = secondary.state + ".token"
        with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
            file.write(done.out)
        return path

    def join(self, primary, secondary, token):
        return secondary.cli("federation", "join", "--primary", f"127.0.0.1:{primary.join}", "--token-file", token)

    def members(self, primary):
        return {member["name"] for member in primary.json("federation", "list")["members"]}

    def issuer(self, *primaries):
        """The primary that says of itself that it issues; None while there is none or more than one."""
        saying = [primary for primary in primaries if (primary.json("storage", "status")["storage"]["issuer"] or {}).get("this_primary")]
        return saying[0] if len(saying) == 1 else None

    def rows(self, statement):
        return self.server.sql(statement).splitlines()

    def test_moved_there_and_back_while_the_primary_runs(self):
        primary = self.primary(trusting=False)
        primary.start("manager", "authority")
        first = self.secondary()
        self.assertEqual(0, self.join(primary, first, self.token(primary, first)).code)
        # An unknown CA, a plan, another's password file: nothing moves.
        settings = os.path.join(primary.state, "settings", "authority.toml")
        refused = self.migrate(primary, self.place)
        self.assertEqual(1, refused.code)
        self.assertIn("certificate verify failed", refused.err)
        self.assertIn("chancery trust append", refused.err)
        self.assertEqual(0, primary.cli("trust", "append", self.roots.root).code)
        os.chmod(self.secret, 0o644)
        self.assertIn("chmod 600", self.migrate(primary, self.place).err)
        os.chmod(self.secret, 0o600)
        planned = self.migrate(primary, self.place, "--dry-run")
        self.assertEqual(0, planned.code, planned)
        self.assertIn("certificates", planned.out)
        self.assertEqual([], self.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
        self.assertFalse(os.path.exists(settings))
        self.assertEqual("sqlite", primary.json("storage", "status")["storage"]["place"])
        # There: the process that serves joins follows by itself.
        issued = primary.json("storage", "status")["storage"]["tables"]
        self.moved(primary)
        status = primary.json("storage", "status")["storage"]
        self.assertEqual((self.place, issued), (status["place"], status["tables"]))
        self.assertEqual({"primary.test", first.name}, self.members(primary))
        second = self.secondary()
        token = self.token(primary, second)
        await_condition(lambda: self.join(primary, second, token).code == 0, "the authority reads the register on the server")
        self.assertEqual({"t|TLSv1.3"}, set(self.rows(
            "SELECT ssl, version FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'engine'")))
        [check] = [check for check in primary.cli("--json", "doctor").json()["checks"] if check["check"] == "register"]
        self.assertEqual("ok", check["status"], check)
        self.assertIn(self.place + "; this primary issues", check["message"])
        self.assertNotIn(PASSWORD, "".join(primary.log(program) for program in ("manager", "authority")))
        # Threat 42: what lies there admits nobody: neither the token's secret half nor a key is in it, in any spelling.
        with open(token) as file:
            whole = base64.urlsafe_b64decode(file.read().strip().removeprefix("chancery-join-1.") + "=")
        identifier, seed = whole[:16], whole[16:48]
        dump = run("pg_dump", "-h", self.server.folder, "-p", str(self.server.port), "-U", "postgres", "engine").stdout
        self.assertIn(identifier.hex().encode(), dump)
        with open(os.path.join(primary.state, "authority", "customer.key"), "rb") as file:
            secrets = [seed, file.read()]
        for secret in secrets:
            for spelling in (secret, secret.hex().encode(), base64.b64encode(secret).rstrip(b"="), base64.urlsafe_b64encode(secret).rstrip(b"=")):
                self.assertNotIn(spelling, dump)
        self.assertNotIn(b"PRIVATE KEY", dump)
        # And back, to the file that was kept.
        done = self.migrate(primary, "sqlite")
        self.assertEqual(0, done.code, done)
        third = self.secondary()
        token = self.token(primary, third)
        await_condition(lambda: self.join(primary, third, token).code == 0, "the authority reads the register in the file")
        self.assertEqual({"primary.test", first.name, second.name, third.name}, self.members(primary))
        self.assertEqual("0", self.server.sql(f"SELECT count(*) FROM members WHERE name = '{third.name}'"))

    def test_a_move_that_is_killed_goes_on(self):
        primary = self.primary()
        tokens = {primary.json("federation", "token", "--role", "engine", "--name", f"s{n}.test")["names"][0] for n in range(20)}
        self.assertEqual(20, len(tokens))
        command = [os.path.join(BIN, "chancery"), "--state", primary.state, "storage", "migrate", "--to", self.place, "--password-file", self.secret]
        for delay in (0.01, 0.03, 0.05, 0.07, 0.09, 0.12, 0.15):
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                process.wait(delay)
                break
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        done = self.migrate(primary, self.place)
        self.assertTrue(done.code == 0 or "storage-same" in primary.cli("--json", "storage", "migrate", "--to", self.place, "--password-file", self.secret).out, done)
        status = primary.json("storage", "status")["storage"]
        self.assertEqual((self.place, "in-force"), (status["place"], status["state"]))
        self.assertEqual(20, len(primary.json("federation", "tokens", "list")["tokens"]))

    def test_killed_during_writes_it_loses_nothing_that_was_acknowledged(self):
        primary = self.primary()
        self.moved(primary)
        primary.start("manager", "authority")
        acknowledged, stop = [], threading.Event()

        def order_tokens(number):
            count = 0
            while not stop.is_set():
                count += 1
                name = f"w{number}-{count}.test"
                done = primary.cli("--json", "federation", "token", "--role", "engine", "--name", name)
                if done.code == 0:
                    acknowledged.append(name)

        writers = [threading.Thread(target=order_tokens, args=(number,)) for number in range(2)]
        joiners = [self.secondary() for _ in range(3)]
        tokens = [self.token(primary, joiner) for joiner in joiners]
        for writer in writers:
            writer.start()
        try:
            for delay, joiner, token in zip((0.02, 0.08, 0.2), joiners, tokens):
                before = len(acknowledged)
                await_condition(lambda: len(acknowledged) > before + 2, "writes are acknowledged")
                killer = threading.Timer(delay, self.kill_server)
                killer.start()
                first = self.join(primary, joiner, token)
                killer.join()
                self.server.again()
                # Whoever got no answer asks again with the same keys and is given the same certificates.
                if first.code != 0:
                    self.assertIn("hint:", first.err)
                    await_condition(lambda: self.join(primary, joiner, token).code == 0, "the join is retried")
        finally:
            stop.set()
            for writer in writers:
                writer.join()
        kept = {token["names"][0] for token in primary.json("federation", "tokens", "list")["tokens"]}
        self.assertGreater(len(acknowledged), 6)
        self.assertEqual(set(), set(acknowledged) - kept)
        for joiner in joiners:
            self.assertEqual(str(IDENTITIES), self.server.sql(f"SELECT count(*) FROM certificates WHERE member = '{joiner.name}'"))
            self.assertEqual("joined", joiner.json("federation", "list")["members"][-1]["state"])

    def kill_server(self):
        """kill -9 of the postmaster and of every process of its."""
        with open(os.path.join(self.server.folder, "data", "postmaster.pid")) as file:
            postmaster = int(file.readline())
        children = [int(pid) for pid in run("ps", "-o", "pid=", "--ppid", str(postmaster)).stdout.split()]
        for pid in [postmaster, *children]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        await_condition(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in [postmaster, *children]), "the server is dead")

    def test_two_primaries_one_issues_and_one_that_was_paused_signs_nothing_that_leaves(self):
        one = self.primary()
        self.moved(one)
        two = Copy(self, one)
        one.start("authority")
        self.assertIs(one, await_condition(lambda: self.issuer(one, two), "the first is elected"))
        two.start("authority")
        await_condition(lambda: "stands by" in two.log("authority"), "the second stands by")
        # What would change names the server, not a file that does not count.
        planned = one.json("federation", "token", "--role", "engine", "--name", "x.test", "--dry-run")["plan"]
        self.assertEqual(self.place, planned["files"][0]["path"], planned)
        # Who asks the wrong one is led to the right one; by hand it is told which that is.
        secondaries = [self.secondary() for _ in range(6)]
        tokens = [self.token(one, secondary) for secondary in secondaries]
        refused = two.cli("federation", "token", "--role", "engine", "--name", "x.test")
        self.assertEqual(1, refused.code)
        self.assertIn(f"127.0.0.1:{one.join}", refused.err)
        self.assertEqual({"primary.test"}, self.members(two))
        led = self.join(two, secondaries[0], tokens[0])
        self.assertEqual(0, led.code, led)
        self.assertIn(f"{secondaries[0].name} joined", one.log("authority"))
        self.assertNotIn("joined as", two.log("authority"))
        # Paused, with a join already before its door; the other takes its place within seconds.
        paused = one.processes["authority"]
        paused.send_signal(signal.SIGSTOP)
        late = []
        waiting = threading.Thread(target=lambda: late.append(self.join(one, secondaries[1], tokens[1])))
        waiting.start()
        await_condition(lambda: self.issuer(one, two) is two, "the second takes its place")
        self.assertEqual(0, self.join(two, secondaries[2], tokens[2]).code)
        # Awake, it signs at once what waited; nothing of that leaves.
        paused.send_signal(signal.SIGCONT)
        waiting.join()
        self.assertIn("another primary was elected", one.log("authority"))
        self.assertIs(two, self.issuer(one, two))
        # Whoever waited was led to the other one, unless it had waited for too long; then it is when it asks again.
        again = self.join(one, secondaries[1], tokens[1]) if late[0].code else late[0]
        self.assertEqual(0, again.code, (late[0], again))
        self.assertEqual(str(IDENTITIES), self.server.sql(f"SELECT count(*) FROM certificates WHERE member = '{secondaries[1].name}'"))
        # Its primary is the one that stands by now: renewals find the other as well.
        renewed = secondaries[0].cli("--json", "federation", "renew")
        self.assertEqual((0, "done"), (renewed.code, renewed.json().get("outcome")), renewed)
        self.assertIn(f"renewal: {secondaries[0].name}", two.log("authority"))
        # Both are asked at the same time: only one acts.
        asked = {one: 3, two: 4}
        rivals = [threading.Thread(target=lambda at=at, n=n: late.append((at, self.join(at, secondaries[n], tokens[n])))) for at, n in asked.items()]
        for rival in rivals:
            rival.start()
        for rival in rivals:
            rival.join()
        self.assertEqual({one: 0, two: 0}, {at: done.code for at, done in late[1:]})
        for secondary in secondaries[1:5]:
            self.assertIn(f"{secondary.name} joined", two.log("authority"))
            self.assertNotIn(f"{secondary.name} joined", one.log("authority"))
        # Killed: the first is back in force, with the token that was made before.
        two.stop("authority", how=signal.SIGKILL)
        await_condition(lambda: self.issuer(one, two) is one, "the first takes its place")
        self.assertEqual(0, self.join(one, secondaries[5], tokens[5]).code)
        self.assertEqual("0", self.server.sql("SELECT count(*) - count(DISTINCT serial) FROM certificates"))
        self.assertEqual(self.members(one), {"primary.test", *(secondary.name for secondary in secondaries)})
        for secondary in secondaries[1:]:
            self.assertEqual(str(IDENTITIES), self.server.sql(f"SELECT count(*) FROM certificates WHERE member = '{secondary.name}'"))
        self.assertGreaterEqual(int(self.server.sql("SELECT epoch FROM issuer")), 4)


if __name__ == "__main__":
    unittest.main()
