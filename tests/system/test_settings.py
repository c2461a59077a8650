"""Settings of programs that run: taken up when their change is done, as seen from outside; what waits for a restart is said."""
import http.client
import os
import ssl
import unittest

from console_client import Console
from harness import SystemTest, await_condition


class Settings(SystemTest):
    def set(self, appliance, program, *words):
        done = appliance.cli("settings", "set", program, *words)
        self.assertEqual(0, done.code, done)
        return done

    def told(self, appliance, program):
        return next(each for each in appliance.json("settings", "show", program)["programs"] if each["program"] == program)

    def statuses(self, appliance, count):
        """Of so many requests as fast as one connection takes them, from an address of their own."""
        link = http.client.HTTPSConnection("localhost", appliance.console, timeout=30, context=ssl._create_unverified_context())
        found = []
        for _ in range(count):
            link.request("GET", "/api/v1/session")
            answer = link.getresponse()
            answer.read()
            found.append(answer.status)
            if answer.headers.get("Connection", "").lower() == "close":
                link.close()
        link.close()
        return found

    def test_what_counts_at_once(self):
        appliance = self.appliance("single", name="single.test").start()
        pids = {name: process.pid for name, process in appliance.processes.items()}
        asker = Console(appliance.console)
        self.assertEqual(200, asker.sign_in(appliance.password()).status)
        self.assertEqual(15, asker.get("/session").json()["idle_minutes"])
        # How long a sign-in lasts, also of those that are there.
        done = self.set(appliance, "console", "session-idle=30")
        self.assertNotIn("restart", done.out)
        self.assertEqual(30, asker.get("/session").json()["idle_minutes"])
        # How fast anybody may ask.
        self.assertNotIn(429, self.statuses(appliance, 60))
        self.set(appliance, "console", "requests-per-second=1")
        self.assertIn(429, self.statuses(appliance, 60))
        self.set(appliance, "console", "requests-per-second=5000")
        await_condition(lambda: 429 not in self.statuses(appliance, 60), "more than before may ask")
        self.set(appliance, "console", "requests-per-second=")
        # What stands in the log.
        self.assertNotIn(" debug ", appliance.log("console"))
        self.set(appliance, "console", "log-level=warning")
        before = appliance.log("console")
        self.set(appliance, "console", "session-idle=20")
        self.assertEqual(before, appliance.log("console"), "a log of warnings alone says nothing of a change")
        self.set(appliance, "console", "log-level=info")
        self.assertIn("settings were read again", appliance.log("console")[len(before):])
        # Alerts: a channel comes and goes, and the steps are others, without anybody being started again.
        self.assertEqual("no-channel", appliance.cli("--json", "alert", "test").json()["error"]["code"])
        self.set(appliance, "portal", "mail.server=127.0.0.1:9", "mail.from=us@example.com", "mail.to=ops@example.com", "alerts.quiet=00:00-23:59")
        listed = appliance.json("alert", "list")
        self.assertEqual((["mail"], True), ([each["channel"] for each in listed["channels"]], listed["quiet"]), listed)
        self.assertEqual([], [each for each in listed["alerts"] if each["kind"] == "certificate-ends"])
        self.set(appliance, "portal", "mail.warn-days=3650", "alerts.quiet=")
        await_condition(lambda: any(each["kind"] == "certificate-ends" for each in appliance.json("alert", "list")["alerts"]), "certificates are within the new step")
        self.set(appliance, "portal", "mail.server=", "mail.from=", "mail.to=", "mail.warn-days=")
        self.assertEqual([], appliance.json("alert", "list")["channels"])
        await_condition(lambda: not any(each["kind"] == "certificate-ends" for each in appliance.json("alert", "list")["alerts"]), "and are not within the former one")
        for program in ("console", "portal"):
            self.assertEqual((False, []), (self.told(appliance, program)["restart"], self.told(appliance, program)["waiting"]))
        # Back by the backup set of a change, as everything else.
        self.set(appliance, "console", "session-idle=45")
        sets = [each for each in appliance.json("backup", "list")["sets"] if "settings console" in each["reason"]]
        done = appliance.cli("backup", "restore", max(each["id"] for each in sets))
        self.assertEqual(0, done.code, done)
        self.assertEqual(20, asker.get("/session").json()["idle_minutes"])
        self.assertEqual(pids, {name: process.pid for name, process in appliance.processes.items() if process.poll() is None})
        # And from a program's start.
        self.set(appliance, "console", "requests-per-second=1")
        appliance.stop("console").start("console")
        self.assertEqual(20, asker.sign_in(appliance.password()).json()["idle_minutes"])
        self.assertIn(429, self.statuses(appliance, 60))

    def test_what_waits_for_a_restart_and_what_cannot_be_read(self):
        appliance = self.appliance("single", name="single.test").start()
        done = self.set(appliance, "portal", "discovery=broadcast", f"discovery-port={appliance.console}")
        self.assertIn("systemctl restart chancery-portal", done.err + done.out)
        told = self.told(appliance, "portal")
        self.assertEqual((True, ["discovery", "discovery-port"]), (told["restart"], told["waiting"]))
        self.assertEqual(["after a restart"], [each["applies"] for each in appliance.json("settings", "show", "portal")["settings"] if each["key"] == "discovery"])
        appliance.stop("portal").start("portal")
        self.assertFalse(self.told(appliance, "portal")["restart"])
        # Taken back, it is what the program was started with again only where it was.
        self.set(appliance, "portal", "discovery=", "discovery-port=")
        self.assertEqual(["discovery", "discovery-port"], self.told(appliance, "portal")["waiting"])
        # A file that was spoilt by hand: whoever runs goes on with what it has, and says so until it is mended.
        path = os.path.join(appliance.state, "settings", "console.toml")
        self.set(appliance, "console", "session-idle=30")
        asker = Console(appliance.console)
        self.assertEqual(200, asker.sign_in(appliance.password()).status)
        with open(path) as file:
            good = file.read()
        with open(path, "w") as file:
            file.write("session-idle = 0\n")
        self.assertTrue(self.told(appliance, "console")["restart"])
        done = appliance.cli("profile", "set", "spare", "minimum-protocol=TLSv1.3")
        self.assertEqual(0, done.code, done)
        self.assertEqual(30, asker.get("/session").json()["idle_minutes"])
        findings = appliance.cli("doctor").out
        self.assertIn("console.toml:1", findings)
        with open(path, "w") as file:
            file.write(good.replace("30", "25"))
        done = appliance.cli("profile", "delete", "spare")
        self.assertEqual(0, done.code, done)
        self.assertEqual(25, asker.get("/session").json()["idle_minutes"])
        self.assertNotIn("console.toml:1", appliance.cli("doctor").out)


if __name__ == "__main__":
    unittest.main()
