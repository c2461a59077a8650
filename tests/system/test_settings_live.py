"""Settings about peers of programs that run: the directory that people sign in by, and how often an engine tells the portal
that it lives. Driven from outside, at a real slapd and as the portal shows it; nothing is started again."""
import base64
import http.client
import json
import os
import ssl
import unittest

from console_client import Console
from harness import SystemTest, await_condition
from test_arrows_directory import PEOPLE, Slapd

WHO = "ldap.user-dn=uid={user},ou=people,dc=example,dc=com"


def basic(user, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


class LiveSettings(SystemTest):
    def set(self, appliance, program, *words):
        """The set by which one gets back."""
        done = appliance.cli("--json", "settings", "set", program, *words)
        self.assertEqual(0, done.code, done)
        self.assertFalse(done.json()["restart"], "and it counts at once")
        return done.json()["backup_set"]

    def refuses(self, appliance, program, *words, said):
        """Exit 1, and the file, the generation and what is in force are as before."""
        path = os.path.join(appliance.state, "settings", program + ".toml")
        with open(path, "rb") as file:
            before = file.read(), appliance.in_force()
        done = appliance.cli("settings", "set", program, *words)
        self.assertEqual(1, done.code, done)
        self.assertIn(said, done.err)
        self.assertIn("hint:", done.err)
        with open(path, "rb") as file:
            self.assertEqual(before, (file.read(), appliance.in_force()))

    def running(self, *appliances):
        return {(each.name, name): process.pid for each in appliances for name, process in each.processes.items() if process.poll() is None}


class DirectorySettings(LiveSettings):
    def setUp(self):
        super().setUp()
        self.roots = self.pki(intermediates=0)
        self.single = self.appliance("single", name="single.test").start("manager", "portal", "console")
        done = self.single.cli("trust", "append", self.roots.root, "--store", "portal")
        self.assertEqual(0, done.code, done)
        # One connection from the first line to the last: a change of settings ends none.
        self.link = http.client.HTTPSConnection("localhost", self.single.portal, timeout=30, context=ssl.create_default_context(cafile=self.single.root()))
        self.link.connect()
        self.own_port = self.link.sock.getsockname()
        self.pids = self.running(self.single)
        self.addCleanup(self.link.close)

    def slapd(self, password, names=("127.0.0.1",), **more):
        leaf = self.roots.leaf(names)
        return Slapd(self, self.roots.path(leaf + ".crt"), self.roots.path(leaf + ".key"), people=PEOPLE.replace("correct horse", password), **more)

    def sign_in(self, password, user="ada"):
        self.link.request("GET", "/api/v1/engines", headers=basic(user, password))
        answer = self.link.getresponse()
        answer.read()
        return answer.status

    def doctor(self):
        checks = json.loads(self.single.cli("--json", "doctor").out)["checks"]
        return {check["check"]: check["message"] + " | " + check.get("hint", "") for check in checks if check["status"] != "ok"}

    def nobody_was_started_again(self):
        self.assertEqual(self.pids, self.running(self.single))
        self.assertEqual(self.own_port, self.link.sock.getsockname(), "the connection is the first one")

    def test_another_directory_counts_at_once_and_a_wrong_setting_leaves_the_old_one(self):
        old, new = self.slapd("horse one"), self.slapd("horse two")
        self.assertEqual(401, self.sign_in("horse one"), "without a directory there is the administrator alone")
        self.assertEqual([], old.binds())
        self.set(self.single, "portal", f"ldap.url=ldaps://127.0.0.1:{old.tls}", WHO)
        self.assertEqual((200, 401), (self.sign_in("horse one"), self.sign_in("horse two")))
        # The old server goes on running: it is not asked any more, and what it has said is forgotten.
        asked = len(old.binds())
        self.set(self.single, "portal", f"ldap.url=ldap://127.0.0.1:{new.plain}")
        self.assertEqual((401, 200), (self.sign_in("horse one"), self.sign_in("horse two")))
        self.assertEqual(asked, len(old.binds()))
        # What cannot be is refused, and the directory in force is the one before.
        for words, said in (([f"ldap.url=http://127.0.0.1:{old.plain}"], "no address of a directory"), (["ldap.url="], "not named"),
                            (["ldap.user-dn=uid=ada,ou=people,dc=example,dc=com"], "{user}"), (["ldap.search-base=dc=example,dc=com"], "in one way"),
                            (["ldap.user-dn="], "in one way"), (["ldap.bind-dn=cn=searcher,dc=example,dc=com", "ldap.bind-password=x"], "ldap.bind-password-file"),
                            (["ldap-skip-ssl-certificate-validations=perhaps"], "true")):
            with self.subTest(words=words):
                self.refuses(self.single, "portal", *words, said=said)
                self.assertEqual(200, self.sign_in("horse two"))
                self.assertEqual(asked, len(old.binds()))
        done = self.single.cli("settings", "set", "portal", f"ldap.url=ldaps://127.0.0.1:{old.tls}", "--dry-run")
        self.assertEqual(0, done.code, done)
        self.assertEqual((401, 200), (self.sign_in("horse one"), self.sign_in("horse two")))
        # Back by the console's API, as its page does it.
        asker = Console(self.single.console)
        self.assertEqual(200, asker.sign_in(self.single.password()).status)
        put = asker.send("PUT", "/settings/portal", {"settings": {"ldap.url": f"ldaps://127.0.0.1:{old.tls}"}})
        self.assertEqual(200, put.status, put)
        self.assertEqual((200, 401), (self.sign_in("horse one"), self.sign_in("horse two")))
        put = asker.send("PUT", "/settings/portal", {"settings": {"ldap.url": "ldaps://"}})
        self.assertEqual((400, 200), (put.status, self.sign_in("horse one")), put)
        # None any more: the administrator alone again.
        self.set(self.single, "portal", "ldap.url=", "ldap.user-dn=")
        self.assertEqual((401, 200), (self.sign_in("horse one"), self.sign_in(self.single.password(), "administrator")))
        self.nobody_was_started_again()

    def test_a_directory_that_does_not_answer_is_told_and_the_way_back_is_the_backup_set(self):
        good, other = self.slapd("horse one"), self.slapd("horse two", names=["other.test"])
        self.set(self.single, "portal", f"ldap.url=ldaps://127.0.0.1:{good.tls}", WHO)
        self.assertEqual(200, self.sign_in("horse one"))
        # One whose certificate is for another name: said, no password is sent to it, and the administrator comes in.
        back = self.set(self.single, "portal", f"ldap.url=ldaps://127.0.0.1:{other.tls}")
        self.assertEqual((503, 200), (self.sign_in("horse one"), self.sign_in(self.single.password(), "administrator")))
        self.assertEqual([], other.binds())
        self.assertIn("name", self.doctor()["portal directory"])
        self.set(self.single, "portal", "ldap-skip-ssl-certificate-validations=true")
        self.assertEqual((401, 200), (self.sign_in("horse one"), self.sign_in("horse two")))
        self.assertIn("is not checked", self.doctor()["portal directory certificate"])
        self.set(self.single, "portal", "ldap-skip-ssl-certificate-validations=")
        self.assertEqual(503, self.sign_in("horse two"), "not even who has just been let in")
        self.assertNotIn("portal directory certificate", self.doctor())
        done = self.single.cli("backup", "restore", back)
        self.assertEqual(0, done.code, done)
        self.assertEqual((200, 401), (self.sign_in("horse one"), self.sign_in("horse two")))
        self.assertNotIn("portal directory", self.doctor())
        self.nobody_was_started_again()

    def test_who_searches_and_who_may_come_in(self):
        server = self.slapd("horse one", anonymous_search=False)
        secret = os.path.join(self.folder, "searcher.password")
        with open(os.open(secret, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write("look but do not touch\n")
        self.set(self.single, "portal", f"ldap.url=ldaps://127.0.0.1:{server.tls}", WHO)
        self.assertEqual((200, 401), (self.sign_in("horse one"), self.sign_in("battery", "bob")))
        # From a name that is bound to a search, in one change: bob, in another branch, is found by it.
        self.set(self.single, "portal", "ldap.user-dn=", "ldap.search-base=dc=example,dc=com", "ldap.bind-dn=cn=searcher,dc=example,dc=com",
                 f"ldap.bind-password-file={secret}")
        self.assertEqual((200, 200), (self.sign_in("horse one"), self.sign_in("battery", "bob")))
        self.set(self.single, "portal", "ldap.search-filter=(&(uid={user})(description=admin))")
        self.assertEqual((200, 401), (self.sign_in("horse one"), self.sign_in("battery", "bob")), "bob came in a moment ago, and is no admin")
        self.refuses(self.single, "portal", "ldap.search-filter=(uid=ada)", said="{user}")
        self.assertEqual((200, 401), (self.sign_in("horse one"), self.sign_in("battery", "bob")))
        self.nobody_was_started_again()


class HeartbeatSettings(LiveSettings):
    """A clock is what another engine of the same portal beats: so many of its beats are time enough for one of an engine that
    beats as often, and none for one that beats once an hour."""

    def setUp(self):
        super().setUp()
        self.primary = self.appliance("primary", name="primary.test").start()
        self.engines = {}
        for name in ("engine.test", "clock.test"):
            self.engines[name] = self.appliance("secondary", name=name)
            self.engines[name].environment = {}  # no variable comes before the file
            self.engines[name].join_federation_of(self.primary)
        self.engine, self.clock = self.engines["engine.test"], self.engines["clock.test"]
        self.clock.start("manager", "engine")
        self.set(self.clock, "engine", "heartbeat-interval=1")

    def seen(self):
        """When the portal has heard each engine last, as its page says."""
        link = http.client.HTTPSConnection("localhost", self.primary.portal, timeout=30, context=ssl._create_unverified_context())
        link.request("GET", "/api/v1/engines", headers=basic("administrator", self.primary.password()))
        listed = json.loads(link.getresponse().read())["engines"]
        link.close()
        return {each["name"]: each for each in listed}

    def heard(self, name):
        return self.seen().get(name, {}).get("last_seen")

    def beats_of(self, name, count):
        """Awaits so many beats of one engine; how many of the other were heard meanwhile."""
        other = next(each for each in self.engines if each != name)
        last, beats, others = {name: self.heard(name), other: self.heard(other)}, 0, 0

        def enough():
            nonlocal beats, others
            now = self.seen()
            for who in last:
                at = now.get(who, {}).get("last_seen")
                if at != last[who]:
                    last[who] = at
                    beats, others = beats + (who == name), others + (who == other)
            return beats >= count

        await_condition(enough, f"{count} beats of {name}")
        return others

    def test_the_portal_hears_an_engine_as_often_as_its_setting_says(self):
        self.set(self.engine, "engine", "heartbeat-interval=3600")
        self.engine.start("manager", "engine")
        pids = self.running(self.primary, *self.engines.values())
        await_condition(lambda: self.heard("engine.test"), "the first beat, at its start")
        self.assertEqual(0, self.beats_of("clock.test", 4), "the next is due in an hour")
        # The primary takes it for missing, and says so to whoever asks.
        self.set(self.primary, "portal", "mail.server=127.0.0.1:9", "mail.from=us@example.com", "mail.to=ops@example.com", "alerts.member-missing=3s")
        await_condition(lambda: self.missing() == {"engine.test"}, "an engine that is not heard is missing")
        # An hour that becomes a second counts now, and not in an hour.
        self.set(self.engine, "engine", "heartbeat-interval=1")
        self.beats_of("engine.test", 3)
        await_condition(lambda: not self.missing(), "it is there again")
        # What cannot be is refused, and it beats as before.
        for value, said in (("0", "1 to 3600"), ("3601", "1 to 3600"), ("often", "number")):
            with self.subTest(value=value):
                self.refuses(self.engine, "engine", f"heartbeat-interval={value}", said=said)
        self.beats_of("engine.test", 2)
        # And the other way round: at most the beat that was on its way.
        self.set(self.engine, "engine", "heartbeat-interval=3600")
        self.beats_of("clock.test", 2)
        self.assertEqual(0, self.beats_of("clock.test", 4))
        await_condition(lambda: self.missing() == {"engine.test"}, "missing once more")
        # Of the primary's own settings: with a longer patience the same silence is none.
        self.set(self.primary, "portal", "alerts.member-missing=2h")
        await_condition(lambda: not self.missing(), "an hour of silence is allowed")
        self.assertEqual(pids, self.running(self.primary, *self.engines.values()))

    def missing(self):
        return {each["subject"] for each in self.primary.json("alert", "list")["alerts"] if each["kind"] == "member-missing"}


if __name__ == "__main__":
    unittest.main()
