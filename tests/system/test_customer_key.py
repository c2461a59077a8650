"""`customer-key rotate` (threat 41): a new key reaches members and collectors by themselves, the former one admits for its overlap
only, and no collector is lost, not even one that slept through all of it."""
import os
import shutil
import subprocess
import unittest

from harness import BIN, CollectorProcess, SystemTest, await_condition


class CustomerKey(SystemTest):
    def key_of(self, appliance):
        with open(appliance.file("customer-key/customer.key"), "rb") as file:
            return file.read()

    def held_by(self, collector):
        with open(os.path.join(collector.state, "customer.key"), "rb") as file:
            return file.read()

    def with_key(self, secondary, primary, key, name):
        """A collector that was installed with that key."""
        collector = self.collector(secondary, primary, name=name)
        collector.process.kill()
        collector.process.wait()
        for leftover in ("collector.key", "customer.key.former"):
            if os.path.exists(os.path.join(collector.state, leftover)):
                os.unlink(os.path.join(collector.state, leftover))
        with open(os.path.join(collector.state, "customer.key"), "wb") as file:
            file.write(key)
        return self.again(collector)

    def again(self, collector):
        with open(collector.log_path, "ab") as out:
            collector.process = subprocess.Popen([os.path.join(BIN, "chancery-collector"), "--state", collector.state], stdout=out, stderr=out)
        self.processes.append(collector.process)
        return collector

    def ring(self, appliance):
        path = appliance.file("customer-key/customer.keys")
        if not os.path.exists(path):
            return b""
        with open(path, "rb") as file:
            return file.read()

    def test_rotated_with_overlap(self):
        primary, secondary = self.federation()
        awake = self.collector(secondary, primary, name="awake")
        sleeper = self.collector(secondary, primary, name="sleeper")
        # It comes back by way of the portal, which knows it by its own key as well.
        asking = os.path.join(sleeper.state, "settings", "collector.toml")
        for collector in (awake, sleeper):
            collector.await_connected()
        ids = {awake.status()["id"], sleeper.status()["id"]}
        await_condition(lambda: ids <= {c["id"] for c in primary.json("collector", "list")["collectors"]}, "the portal knows both")
        sleeper.process.terminate()
        sleeper.process.wait(10)
        with open(asking, "w") as file:
            file.write(f'collector.portal = "localhost:{primary.portal}"\ncollector.root-ca = "{sleeper.state}/root.pem"\ncollector.report-interval = 1\n')
        first = self.key_of(primary)

        before = primary.json("customer-key", "status")
        self.assertEqual((0, []), (before["number"], before["former"]))
        self.assertEqual("planned", primary.json("customer-key", "rotate", "--dry-run")["outcome"])
        done = secondary.cli("--json", "customer-key", "rotate")
        self.assertEqual((1, "not-a-primary"), (done.code, done.json()["error"]["code"]), done)
        self.assertEqual("unchanged", primary.json("customer-key", "rotate", "--end-overlap")["outcome"])
        self.assertEqual((first, before), (self.key_of(primary), primary.json("customer-key", "status")))

        reply = primary.json("customer-key", "rotate", "--overlap", "1h")
        self.assertEqual(("done", 1, before["id"]), (reply["outcome"], reply["number"], reply["former"][0]["id"]))
        second = self.key_of(primary)
        self.assertNotEqual(first, second)
        self.assertNotIn(second.hex(), str(reply))
        await_condition(lambda: self.key_of(secondary) == second, "the member has taken it over")
        self.assertEqual(self.ring(primary), self.ring(secondary))
        for secret in ("customer-key/customer.key", "customer-key/customer.keys"):
            self.assertEqual(0o600, os.stat(secondary.file(secret)).st_mode & 0o777)
        # Down the connection that was there all the time.
        await_condition(lambda: self.held_by(awake) == second, "the collector was given it:\n" + awake.log())
        self.assertEqual(1, awake.log().count("accepted by"), "and its connection was not dropped")
        # Who is new is admitted by either key.
        for key, name in ((first, "by-former"), (second, "by-new")):
            newcomer = self.with_key(secondary, primary, key, name)
            newcomer.await_connected()
            await_condition(lambda: self.held_by(newcomer) == second, "and holds the new one afterwards:\n" + newcomer.log())

        def told():
            status = primary.json("customer-key", "status")
            return [m["id"] for m in status["members"]] == [status["id"]] and {c["id"]: c["count"] for c in status["collectors"]}.get(status["id"]) == 3

        await_condition(told, "status tells who has which", 60)
        self.assertIn("in force", primary.cli("customer-key", "status").out)

        # The overlap ends: the former key admits nobody, neither at the engine nor at the portal.
        self.assertEqual(2, primary.json("customer-key", "rotate", "--end-overlap")["number"])
        self.assertEqual(second, self.key_of(primary))
        await_condition(lambda: self.ring(primary) == self.ring(secondary), "the member knows")
        thief = self.with_key(secondary, primary, first, "thief")
        await_condition(lambda: "does not hold the Customer Key" in thief.log(), "it is refused:\n" + thief.log())
        self.assertFalse(thief.status().get("connected"))
        self.assertEqual(first, self.held_by(thief))
        with open(os.path.join(thief.state, "settings", "collector.toml"), "w") as file:
            file.write(f'collector.portal = "localhost:{primary.portal}"\ncollector.root-ca = "{thief.state}/root.pem"\n')
        thief.process.kill()
        thief.process.wait()
        refusals = thief.log().count("does not hold the Customer Key")
        self.again(thief)
        await_condition(lambda: thief.log().count("does not hold the Customer Key") > refusals, "nor by the portal:\n" + thief.log())
        # The one that slept is known by its own key, and knows its servers by the key that it holds.
        self.assertEqual(first, self.held_by(sleeper))
        self.again(sleeper)
        sleeper.await_connected()
        await_condition(lambda: self.held_by(sleeper) == second, "and it holds the new one now:\n" + sleeper.log())
        self.assertTrue(awake.status()["connected"])
        self.assertEqual(1, awake.log().count("accepted by"))

        # Whoever joins now is given the new one, and P9: replacing certificates touches none of it.
        third = self.appliance("secondary", name="third.test")
        third.join_federation_of(primary)
        self.assertEqual(second, self.key_of(third))
        pki = self.pki()
        self.assertEqual(0, secondary.cli("cert", "replace", *pki.files(pki.leaf(["secondary.test", "localhost"])), "--no-rehearsal").code)
        self.assertEqual((second, self.ring(primary)), (self.key_of(secondary), self.ring(secondary)))
        for appliance in (primary, secondary):
            checks = {c["check"]: c["status"] for c in appliance.cli("--json", "doctor").json()["checks"]}
            self.assertEqual("ok", checks["customer-key"])


if __name__ == "__main__":
    unittest.main()
