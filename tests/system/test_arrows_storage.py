"""P1's arrow engine -> PostgreSQL, by Debian's own server with TLS and nothing else: verified with the engine's CA bundle as it
is at each new connection (P24), and no collector is sent away while the database is."""
import json
import os
import subprocess
import unittest
import urllib.request
import ssl
import base64

from harness import BIN, SOURCE, SystemTest, await_condition, must

SERVER = os.path.join(SOURCE, "tests", "storage", "postgres_server.sh")
PASSWORD = "S3cret-of-the-database"


class PostgresServer:
    def __init__(self, test, certificate, key):
        self.folder, port = must(SERVER, "start", certificate, key, PASSWORD).split()
        self.port = int(port)
        test.addCleanup(lambda: must(SERVER, "stop", self.folder))

    def kill(self):
        must(SERVER, "kill", self.folder)

    def again(self):
        must(SERVER, "again", self.folder)

    def sql(self, statement):
        return must(SERVER, "sql", self.folder, statement).strip()

    def has_devices_table(self):
        return self.sql("SELECT count(*) FROM pg_tables WHERE tablename = 'devices'") == "1"

    def rows(self):
        """Devices by id: what is stored of each; none before the table is made."""
        if not self.has_devices_table():
            return {}
        return dict(line.split("|", 1) for line in self.sql("SELECT id, last_seen FROM devices").splitlines())


class EngineToPostgres(SystemTest):
    def setUp(self):
        super().setUp()
        self.roots = self.pki(intermediates=0)
        leaf = self.roots.leaf(["localhost"])
        self.server = PostgresServer(self, self.roots.path(leaf + ".crt"), self.roots.path(leaf + ".key"))

    def engine_with_storage(self, storage=None, mode=0o600):
        """A single appliance whose engine is told to keep its rows on the server; the engine does not run yet."""
        appliance = self.appliance("single", name="single.test")
        secret = os.path.join(appliance.state, "database.password")
        with open(os.open(secret, os.O_CREAT | os.O_WRONLY, mode), "w") as file:
            file.write(PASSWORD + "\n")
        os.chmod(secret, mode)
        storage = storage or f"postgresql://engine@localhost:{self.server.port}/engine?sslmode=verify-full"
        with open(os.path.join(appliance.state, "settings", "engine.toml"), "w") as file:
            file.write(f'storage = "{storage}"\nstorage-password-file = "{secret}"\n')
        return appliance

    def collector_of(self, appliance, name):
        return self.collector(appliance, appliance, name=name, settings=[
            f'collector.servers = ["localhost:{appliance.collectors}"]', "collector.report-interval = 1",
            f'collector.root-ca = "{os.path.join(self.folder, name)}/root.pem"'])

    def devices(self, appliance):
        request = urllib.request.Request(f"https://localhost:{appliance.engine_api}/api/v1/devices")
        request.add_header("Authorization", "Basic " + base64.b64encode(f"administrator:{appliance.password()}".encode()).decode())
        with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=appliance.root()), timeout=10) as reply:
            return {device["id"]: device for device in json.loads(reply.read())["devices"]}

    def condition(self, appliance):
        """What the doctor says of the engine's storage; None where it has nothing to say."""
        checks = json.loads(appliance.cli("--json", "doctor").out)["checks"]
        return next((check for check in checks if check["check"] == "engine storage"), None)

    def test_trusted_from_the_next_connection_on_and_lost_without_losing_a_collector(self):
        appliance = self.engine_with_storage()
        appliance.start("manager", "engine")
        process = appliance.processes["engine"].pid
        first = self.collector_of(appliance, "first")
        first.await_connected()
        # Unknown CA: said where people look, nothing written, and the collector is served all the same.
        said = await_condition(lambda: self.condition(appliance), "the doctor tells of the storage")
        self.assertEqual("warning", said["status"])
        self.assertIn("certificate verify failed", said["message"])
        self.assertIn("chancery trust append", said["hint"])
        self.assertIn("certificate verify failed", appliance.log("engine"))
        self.assertFalse(self.server.has_devices_table())
        [device] = self.devices(appliance)
        # What is no root changes nothing.
        before = appliance.in_force()
        self.assertEqual(1, appliance.cli("trust", "append", self.roots.path("root.key")).code)
        self.assertEqual(before, appliance.in_force())
        self.assertFalse(self.server.has_devices_table())
        # The right one counts at the next connection, by the same process.
        self.assertEqual(0, appliance.cli("trust", "append", self.roots.root).code)
        await_condition(lambda: device in self.server.rows(), "the device is stored")
        self.assertIsNone(self.condition(appliance))
        self.assertEqual("t|TLSv1.3", self.server.sql(
            "SELECT ssl, version FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'engine'"))
        # The database dies. Nobody is sent away, and who comes now is let in.
        self.server.kill()
        await_condition(lambda: self.condition(appliance), "the doctor tells of the lost database")
        second = self.collector_of(appliance, "second")
        second.await_connected()
        self.assertTrue(self.devices(appliance)[device]["connected"])
        self.assertNotIn("has gone", appliance.log("engine"))
        self.server.again()
        both = await_condition(lambda: len(rows := self.server.rows()) == 2 and rows, "what was reported meanwhile is written")
        self.assertEqual(set(self.devices(appliance)), set(both))
        self.assertIsNone(self.condition(appliance))
        self.assertEqual(process, appliance.processes["engine"].pid)
        self.assertIsNone(appliance.processes["engine"].poll())
        self.assert_password_is_nowhere(appliance, process)
        # A new process knows them from there, and asks none for the Customer Key again.
        for collector in (first, second):
            collector.process.terminate()
            collector.process.wait(10)
        appliance.stop("engine")
        self.assertFalse(os.path.exists(os.path.join(appliance.state, "databases", "engine.db")))
        appliance.start("engine")
        await_condition(lambda: set(self.devices(appliance)) == set(both), "the new process has read them")
        # Trust that is taken away counts as well: the old connection goes on, the next is refused.
        fingerprint = appliance.json("trust", "list")["certificates"][-1]["sha256"]
        self.assertEqual(0, appliance.cli("trust", "remove", fingerprint).code)
        self.server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'engine'")
        self.collector_of(appliance, "third").await_connected()
        self.assertIn("certificate verify failed", await_condition(
            lambda: (said := self.condition(appliance)) and "verify" in said["message"] and said, "refused again")["message"])
        self.assertEqual(set(both), set(self.server.rows()))

    def assert_password_is_nowhere(self, appliance, pid):
        for path in (f"/proc/{pid}/cmdline", f"/proc/{pid}/environ", appliance.logs["engine"]):
            with open(path, "rb") as file:
                self.assertNotIn(PASSWORD.encode(), file.read(), path)
        for kind in (["status"], ["doctor"]):
            done = appliance.cli("--json", *kind)
            self.assertNotIn(PASSWORD, done.out + done.err)

    def test_a_password_that_others_can_read_is_not_used(self):
        appliance = self.engine_with_storage(mode=0o644)
        self.assertEqual(0, appliance.cli("trust", "append", self.roots.root).code)
        appliance.start("manager", "engine")
        said = await_condition(lambda: self.condition(appliance), "the doctor tells of the password's file")
        self.assertIn("chmod 600", said["hint"])
        self.assertFalse(self.server.has_devices_table())

    def test_settings_that_would_weaken_it_are_refused(self):
        appliance = self.engine_with_storage()
        path = os.path.join(appliance.state, "settings", "engine.toml")
        place = f"engine@localhost:{self.server.port}/engine"
        for storage, word in ((f"postgresql://{place}?sslmode=require", "always verified"),
                              (f"postgresql://{place}?sslmode=disable", "always verified"),
                              (f"postgresql://{place}?sslrootcert=/tmp/mine.pem", "not known"),
                              (f"postgresql://engine:{PASSWORD}@localhost/engine", "password stands in the address"),
                              ("postgresql://engine@a,b/engine", "not one name"),
                              ("postgresql://localhost/engine", "no user"),
                              ("mysql://engine@localhost/engine", "cannot be")):
            with open(path, "w") as file:
                file.write(f'storage = "{storage}"\n')
            done = subprocess.run([os.path.join(BIN, "chancery-engine"), "--state", appliance.state],
                                  capture_output=True, timeout=30)
            self.assertEqual(1, done.returncode, storage)
            self.assertIn(word, done.stderr.decode())
            self.assertIn("hint:", done.stderr.decode())
            self.assertNotIn(PASSWORD, done.stderr.decode())
        self.assertFalse(self.server.has_devices_table())


if __name__ == "__main__":
    unittest.main()
