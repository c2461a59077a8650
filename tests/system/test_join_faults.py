"""Rows X1 to X5 and threats 10 to 14 with the real programs: whoever is killed at whatever message, the end is the one without the kill;
wrong clocks, other hosts, and what a join leaves for Java."""
import os
import ssl
import subprocess
import threading
import unittest

from harness import BIN, Appliance, Done, SystemTest, await_condition, must, run
from joining import Joining
from relay import Cut, RecordRelay

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"


def clock(shift):
    return {"LD_PRELOAD": FAKETIME, "FAKETIME": shift, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


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


if __name__ == "__main__":
    unittest.main()
