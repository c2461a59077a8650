"""Rows X1 to X4 and threats 1 to 14 with the real programs: whatever stands between a joiner and its authority gets nothing and
leaves nothing behind, and whoever is killed at whatever message, the end is the one without the kill."""
import json
import os
import secrets
import socket
import sqlite3
import ssl
import subprocess
import threading
import unittest

from harness import BIN, Appliance, Done, SystemTest, await_condition, must, run
from relay import Cut, ForeignRelay, RecordRelay, StolenKeyRelay, altered, ask_authority, next_source, post

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"


def clock(shift):
    return {"LD_PRELOAD": FAKETIME, "FAKETIME": shift, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


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


class Relays(Joining):
    def test_another_certificate_in_between_is_named_and_told_nothing(self):
        pki = self.pki()
        leaf = pki.leaf()
        relay = ForeignRelay(self.primary.join, pki.path(leaf + ".crt"), pki.path(leaf + ".key"))
        self.addCleanup(relay.close)
        secondary, token = self.secondary(), self.token()
        error = self.refused(secondary, token, "relay-suspected", relay.address)
        self.assertIn("man in the middle", error["message"] + error["hint"])
        self.assertEqual([], relay.received)
        self.assertEqual(0, self.join(secondary, token).code)

    def test_every_record_altered_or_repeated_ends_the_join_and_leaves_one_identity(self):
        like, secondary, token = self.secondary("like.test"), self.secondary(), self.token()
        relay = RecordRelay(self.primary.join)
        self.addCleanup(relay.close)
        self.assertEqual(0, self.join(like, self.token("like.test"), relay.address).code)
        counts = dict(relay.counts)
        self.assertGreaterEqual(counts["out"], 3)
        self.assertGreaterEqual(counts["back"], 4)
        before = secondary.in_force()
        attacks = []

        def touching(direction, index, how):
            def touch(its_direction, its_index, record):
                if (its_direction, its_index) != (direction, index):
                    return record
                if how == "repeated":
                    return record + record
                return record[:-1] + bytes([record[-1] ^ 1])
            return touch

        for direction in ("out", "back"):
            for index in range(counts[direction]):
                for how in ("altered", "repeated"):
                    attacks.append((direction, index, how))
        survived = []
        for direction, index, how in attacks:
            relay.touch = touching(direction, index, how)
            done = self.join(secondary, token, relay.address)
            if done.code == 0:
                # A record that says nothing (change cipher spec for middleboxes), or one that came after the reply.
                survived.append((direction, index, how))
                self.joined_once(secondary, like)
                secondary, token = self.secondary(f"secondary{len(survived)}.test"), self.token(f"secondary{len(survived)}.test")
                before = secondary.in_force()
                continue
            self.assertEqual(1, done.code, (direction, index, how, done))
            self.assertEqual(before, secondary.in_force(), (direction, index, how))
            self.assertIn(self.issued_to(secondary.name), (0, 4))
        # Only what says nothing may be altered or repeated: the change cipher spec of each side, and what follows its message.
        for direction, index, how in survived:
            last = counts[direction] - 1
            self.assertIn(index, (last,) if how == "altered" else (1, last - 1, last), survived)
        relay.touch = None
        done = self.join(secondary, token, relay.address)
        self.assertEqual(0, done.code, done)
        self.joined_once(secondary, like)
        # Joining twice makes no second identity.
        again = self.join(secondary, token)
        self.assertEqual((0, "unchanged"), (again.code, again.json()["outcome"]))
        self.assertEqual(4, self.issued_to(secondary.name))

    def test_who_has_the_authoritys_key_still_cannot_forward_alter_replay_reflect_or_swap(self):
        relay = StolenKeyRelay(self.primary)
        self.addCleanup(relay.close)
        secondary, token = self.secondary(), self.token()
        other_token = self.token("other.test")

        def change(function):
            return lambda body, forward: forward(altered(body, function))

        def swap_requests(document):
            first, second = document["requests"][:2]
            first["csr"], second["csr"] = second["csr"], first["csr"]

        def flip(text):
            return ("B" if text[0] == "A" else "A") + text[1:]

        def foreign_csr(document):
            must("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                 os.path.join(self.folder, "evil.key"), "-subj", "/CN=evil", "-addext", "basicConstraints=critical,CA:TRUE",
                 "-addext", "subjectAltName=DNS:evil.example", "-out", os.path.join(self.folder, "evil.csr"))
            with open(os.path.join(self.folder, "evil.csr")) as file:
                document["requests"][0]["csr"] = file.read()

        forwarded = {
            "forwarded as it is": lambda body, forward: forward(body),
            "role": change(lambda d: d.update(role="primary")),
            "names": change(lambda d: d["names"].append("evil.example")),
            "fewer names": change(lambda d: d["names"].pop()),
            "nonce": change(lambda d: d.update(nonce=flip(d["nonce"]))),
            "time": change(lambda d: d.update(time=d["time"] + 1)),
            "token": change(lambda d: d.update(token=secrets.token_hex(16))),
            "signature": change(lambda d: d.update(signature=flip(d["signature"]))),
            "csrs swapped": change(swap_requests),
            "another csr": change(foreign_csr),
            "one csr less": change(lambda d: d["requests"].pop()),
            "an identity more": change(lambda d: d["requests"].append({"identity": "authority-tls", "csr": d["requests"][0]["csr"]})),
            "unknown words": change(lambda d: d.update(extra=1)),
        }
        for name, attack in forwarded.items():
            with self.subTest(name):
                relay.attack = attack
                self.refused(secondary, token, "join-refused", relay.address)
        refusal = ask_authority(self.primary.join, b"{}")
        answered = {
            "the request reflected": lambda body, forward: (200, body),
            "a refusal as an answer": lambda body, forward: (200, refusal[1]),
            "no JSON": lambda body, forward: (200, b"hello"),
            "nothing": lambda body, forward: (200, b""),
            "a status nobody knows": lambda body, forward: (418, b"{}"),
        }
        for name, attack in answered.items():
            with self.subTest(name):
                relay.attack = attack
                self.refused(secondary, token, "reply-invalid", relay.address)

        # The authority's own words are no request, and a request that was good is none in another session: now, later, and after
        # a restart. Two joins at once get each other's answers from the relay: both are refused.
        captured = relay.received[0]
        for body in (refusal[1], captured):
            self.assertEqual(refusal, ask_authority(self.primary.join, body))
        self.primary.stop("authority")
        self.primary.start_one("authority")
        self.assertEqual(refusal, ask_authority(self.primary.join, captured))
        swapped, both = {}, threading.Barrier(2, timeout=20)

        def exchange(body, forward):
            name = json.loads(body)["names"][0]
            swapped[name] = body
            both.wait()
            return forward(swapped["other.test" if name == "secondary.test" else "secondary.test"])

        relay.attack = exchange
        other = self.secondary("other.test")
        done = {}
        worker = threading.Thread(target=lambda: done.update(other=self.join(other, other_token, relay.address)))
        worker.start()
        mine = self.join(secondary, token, relay.address)
        worker.join()
        self.assertEqual(["join-refused"] * 2, [each.json()["error"]["code"] for each in (mine, done["other"])])
        self.assertEqual(0, self.issued_to("secondary.test") + self.issued_to("other.test"))
        # Nothing was used up.
        for each, its_token in ((secondary, token), (other, other_token)):
            self.assertEqual(0, self.join(each, its_token).code)
        # Used tokens survive a restart as used, and are good for nobody else.
        self.primary.stop("authority")
        self.primary.start_one("authority")
        self.refused(self.secondary(), token, "join-refused")

    def test_a_token_is_for_one_host_and_one_of_two_at_once(self):
        token = self.token()
        self.refused(self.secondary("another.test"), token, "join-refused")
        more = self.appliance("secondary", name="secondary.test", sans=("localhost", "127.0.0.1", "extra.test"))
        self.refused(more, token, "join-refused")
        for turn in range(3):
            name = f"race{turn}.test"
            token, pair, codes = self.token(name), [self.secondary(name), self.secondary(name)], [None, None]
            relays = [RecordRelay(self.primary.join) for _ in pair]

            def run_join(at):
                codes[at] = self.join(pair[at], token, relays[at].address).code

            workers = [threading.Thread(target=run_join, args=(at,)) for at in range(2)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
            for relay in relays:
                relay.close()
            self.assertEqual([0, 1], sorted(codes))
            self.assertEqual(4, self.issued_to(name))

    def test_a_thousand_guesses_get_one_answer_and_others_still_join(self):
        guesser, answers = next_source(), []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        link = None
        while len(answers) < 1000:
            body = json.dumps({"token": secrets.token_hex(16), "role": "secondary", "names": ["secondary.test"], "nonce": "A" * 43 + "=",
                               "time": 0, "requests": [], "signature": "A" * 86 + "=="}).encode()
            try:
                if link is None:
                    raw = socket.create_connection(("127.0.0.1", self.primary.join), 10, source_address=(guesser, 0))
                    link = context.wrap_socket(raw, server_hostname="localhost")
                answers.append(post(link, body))
            except (Cut, OSError):
                link = None
        link.close()
        statuses = [status for status, _ in answers]
        self.assertEqual([403] * statuses.count(403) + [429] * statuses.count(429), statuses)
        self.assertLessEqual(statuses.count(403), 10)
        self.assertEqual(1, len({body for status, body in answers if status == 403}))
        self.assertEqual({"too-many-attempts"}, {json.loads(body)["error"]["code"] for status, body in answers if status == 429})
        lines = [line for line in self.primary.log("authority").splitlines() if f"refused from {guesser}" in line]
        self.assertEqual(1000, len(lines))
        secondary, token = self.secondary(), self.token()
        self.assertEqual(0, self.join(secondary, token).code)
        with open(token) as file:
            self.assertNotIn(file.read().split(".")[1].strip()[:20], self.primary.log("authority"))

    def test_an_authority_that_is_away_or_silent_is_named(self):
        secondary, token = self.secondary(), self.token()
        self.primary.stop("authority")
        self.refused(secondary, token, "tcp-refused")
        self.primary.start_one("authority")
        self.assertEqual(0, self.join(secondary, token).code)


class Stores(Joining):
    """A join leaves keystore, truststore and a file that names both with their passwords, which Java takes as it is."""

    PROGRAM = """import java.io.*; import java.util.*; import javax.net.ssl.*;
public class Given { public static void main(String[] words) throws Exception {
  Properties given = new Properties(); given.load(new FileInputStream(words[0]));
  for (String name : given.stringPropertyNames()) System.setProperty(name, given.getProperty(name));
  KeyManagerFactory.getDefaultAlgorithm(); SSLContext context = SSLContext.getDefault();
  SSLSocket link = (SSLSocket) context.getSocketFactory().createSocket("localhost", Integer.parseInt(words[1]));
  SSLParameters wanted = link.getSSLParameters(); wanted.setEndpointIdentificationAlgorithm("HTTPS"); link.setSSLParameters(wanted);
  link.startHandshake(); System.out.println(link.getSession().getProtocol());
  java.security.KeyStore keys = java.security.KeyStore.getInstance(new File(given.getProperty("javax.net.ssl.keyStore")),
    given.getProperty("javax.net.ssl.keyStorePassword").toCharArray());
  String alias = keys.aliases().nextElement();
  System.out.println(keys.getKey(alias, given.getProperty("javax.net.ssl.keyStorePassword").toCharArray()).getAlgorithm() + " "
    + keys.getCertificateChain(alias).length); } }"""

    def by_java(self, secondary, port):
        source = os.path.join(self.folder, "Given.java")
        with open(source, "w") as file:
            file.write(self.PROGRAM)
        return must("java", source, secondary.file("federation/java.properties"), str(port)).split()

    def test_java_finds_all_it_needs_in_one_file(self):
        secondary = self.secondary()
        path = secondary.file("federation/java.properties")
        self.assertFalse(os.path.exists(path))
        self.assertEqual(0, self.join(secondary, self.token()).code)
        path = secondary.file("federation/java.properties")
        self.assertEqual(0o600 if not secondary_users(secondary) else 0o640, os.stat(path).st_mode & 0o777)
        self.assertEqual(["TLSv1.3", "EC", "2"], self.by_java(secondary, self.primary.portal))
        # The truststore's password changes, with characters that a properties file escapes; the file follows.
        done = secondary.cli("keytool", "-storepasswd", "-keystore", secondary.file("trust/portal/cacerts"), "-storepass", "changeit", "-new",
                             "a=b:c#d! e\\f")
        self.assertEqual(0, done.code, done)
        self.assertEqual(["TLSv1.3", "EC", "2"], self.by_java(secondary, self.primary.portal))


def secondary_users(appliance):
    return os.stat(appliance.file("identities/engine/key.pem")).st_mode & 0o040


class Kills(Joining):
    """Either side is killed at every message; started again, the end is the same."""

    def at_every_message(self, relay, counts, act, victim):
        for direction in ("out", "back"):
            for index in range(counts[direction]):
                killed = threading.Event()

                def touch(its_direction, its_index, record):
                    if (its_direction, its_index) != (direction, index) or killed.is_set():
                        return record
                    killed.set()
                    victim()
                    raise Cut()

                relay.touch = touch
                act()
                relay.touch = None
                self.assertTrue(killed.is_set(), (direction, index))

    def background(self, secondary, *words):
        self.process = subprocess.Popen([os.path.join(BIN, "chancery"), "--state", secondary.state, "--json", *words],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.process.communicate(timeout=60)
        return self.process.returncode

    def restart_authority(self):
        process = self.primary.processes["authority"]
        process.kill()
        process.wait()
        self.primary.start_one("authority")

    def test_joining(self):
        relay = RecordRelay(self.primary.join)
        self.addCleanup(relay.close)
        like = self.secondary("like.test")
        self.assertEqual(0, self.join(like, self.token("like.test"), relay.address).code)
        counts = dict(relay.counts)
        number = 0
        for victim in (lambda: self.process.kill(), self.restart_authority):
            number += 1
            name = f"secondary{number}.test"
            current = {"secondary": self.secondary(name), "token": self.token(name), "rest": 0}
            before = current["secondary"].in_force()

            def act():
                code = self.background(current["secondary"], "federation", "join", "--primary", relay.address, "--token-file", current["token"])
                if code == 0:  # the reply was there before the kill
                    self.joined_once(current["secondary"], like)
                    current["rest"] += 1
                    again = f"secondary{number}-{current['rest']}.test"
                    current.update(secondary=self.secondary(again), token=self.token(again))
                    return
                self.assertEqual(before[0], current["secondary"].generation())
                self.assertEqual(0, current["secondary"].cli("status").code)

            self.at_every_message(relay, counts, act, victim)
            done = self.join(current["secondary"], current["token"], relay.address)
            self.assertEqual(0, done.code, done)
            self.joined_once(current["secondary"], like)

    def test_renewing(self):
        relay = RecordRelay(self.primary.join)
        self.addCleanup(relay.close)
        secondary = self.secondary()
        self.assertEqual(0, self.join(secondary, self.token(), relay.address).code)
        self.assertEqual(0, secondary.cli("federation", "renew").code)
        counts = dict(relay.counts)
        renewals = [1]
        for victim in (lambda: self.process.kill(), self.restart_authority):
            def act():
                before = secondary.in_force()
                if self.background(secondary, "federation", "renew") == 0:
                    renewals[0] += 1
                else:
                    self.assertEqual(before, secondary.in_force())

            self.at_every_message(relay, counts, act, victim)
            done = secondary.cli("federation", "renew")
            self.assertEqual(0, done.code, done)
            renewals[0] += 1
            self.assertFalse(os.path.exists(os.path.join(secondary.state, "secrets/renew")))
            # What was asked for before a kill was given once: the retries had the same keys.
            self.assertEqual(4 + 4 * renewals[0], self.issued_to(secondary.name))
        self.assertEqual(0, must_verify(secondary))


def must_verify(appliance):
    return run("openssl", "verify", "-x509_strict", "-CAfile", appliance.root(), "-untrusted", appliance.file("identities/engine/intermediate.crt"),
               appliance.file("identities/engine/certificate.pem")).returncode


class Clocks(Joining):
    def test_minutes_are_taken_days_are_refused_with_the_difference(self):
        token = self.token()
        for shift in ("+2d", "-2d"):
            error = self.refused(self.secondary(), token, "clock-skew", env=clock(shift))
            self.assertIn("clock differs by 2 days", error["message"])
        for number, shift in enumerate(("+5m", "-5m")):
            name = f"skewed{number}.test"
            secondary, its_token = self.secondary(name), self.token(name)
            done = self.join(secondary, its_token, env=clock(shift))
            self.assertEqual(0, done.code, done)

    def test_eleven_years_on_nothing_is_issued_and_with_the_right_clock_all_goes_on(self):
        secondary, token = self.secondary(), self.token()
        self.assertEqual(0, self.join(secondary, token).code)
        late = clock("+11y")
        done = self.primary.cli("--json", "federation", "token", "--role", "engine", "--name", "late.test", env=late)
        doctor = self.primary.cli("doctor", env=late)
        self.assertNotEqual(0, doctor.code)
        self.assertRegex(doctor.out + doctor.err, "(?i)expired|ended")
        self.primary.stop("authority")
        self.primary.start_one("authority", env=late)
        issued = self.issued_to(secondary.name)
        for env in ({}, late):
            before = secondary.in_force()
            done = secondary.cli("--json", "federation", "renew", env=env)
            self.assertEqual(1, done.code, done)
            self.assertEqual(before, secondary.in_force())
        self.assertEqual(issued, self.issued_to(secondary.name))
        self.primary.stop("authority")
        self.primary.start_one("authority")
        done = secondary.cli("federation", "renew")
        self.assertEqual(0, done.code, done)


def can_make_hosts():
    if os.geteuid() != 0 or run("sh", "-c", "command -v ip").returncode != 0:
        return False
    name = f"chp{os.getpid()}"
    made = run("ip", "netns", "add", name).returncode == 0
    if made:
        run("ip", "netns", "del", name)
    return made


@unittest.skipUnless(can_make_hosts(), "network namespaces cannot be made here")
class Hosts(SystemTest):
    """Primary and secondary on hosts of their own, one link between them."""

    def host(self, number):
        name = f"cht{os.getpid()}-{number}"
        must("ip", "netns", "add", name)
        self.addCleanup(run, "ip", "netns", "del", name)
        must("ip", "-n", name, "link", "set", "lo", "up")
        return name

    def placed(self, role, name, host, address):
        class Placed(Appliance):
            def launcher(self, program):
                return ["ip", "netns", "exec", host]

            def cli(self, *arguments, env=None, stdin=None):
                words = ["0.0.0.0" if word == "127.0.0.1" and arguments[at - 1] == "--listen" else str(word) for at, word in enumerate(arguments)]
                done = subprocess.run(["ip", "netns", "exec", host, os.path.join(BIN, "chancery"), "--state", self.state, *words], stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, env={**os.environ, **(env or {})})
                return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

        return Placed(self, role, name=name, sans=(address,))

    def test_a_secondary_on_another_host_joins_and_is_heard(self):
        first, second = self.host(1), self.host(2)
        must("ip", "link", "add", f"a{os.getpid()}", "netns", first, "type", "veth", "peer", "name", "b0", "netns", second)
        must("ip", "-n", first, "link", "set", f"a{os.getpid()}", "name", "a0")
        for host, link, address in ((first, "a0", "10.111.0.1/24"), (second, "b0", "10.111.0.2/24")):
            must("ip", "-n", host, "addr", "add", address, "dev", link)
            must("ip", "-n", host, "link", "set", link, "up")
        primary = self.placed("primary", "primary.test", first, "10.111.0.1")
        secondary = self.placed("secondary", "secondary.test", second, "10.111.0.2")
        primary.start()
        done = primary.cli("federation", "token", "--role", "engine", "--name", "secondary.test", "--san", "10.111.0.2")
        self.assertEqual(0, done.code, done)
        token = os.path.join(self.folder, "token")
        with open(os.open(token, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write(done.out)
        done = secondary.cli("federation", "join", "--primary", f"10.111.0.1:{primary.join}", "--token-file", token)
        self.assertEqual(0, done.code, done)
        secondary.start()

        def heard():
            members = primary.json("federation", "list")["members"]
            return any(member["name"] == "secondary.test" and member["last_seen"] for member in members)

        # The primary's name is not known to a resolver here: the members meet by the address in its certificate.
        await_condition(heard, "the primary hears its secondary")
        # Without the link a renewal fails and leaves all as it is; with it, it goes on.
        must("ip", "-n", first, "link", "set", "a0", "down")
        before = secondary.in_force()
        self.assertEqual(1, secondary.cli("federation", "renew").code)
        self.assertEqual(before, secondary.in_force())
        must("ip", "-n", first, "link", "set", "a0", "up")
        self.assertEqual(0, secondary.cli("federation", "renew").code)


if __name__ == "__main__":
    unittest.main()
