"""Alerts (P27): expiry, drift, members missing, by mail and by webhook, against a real SMTP server and a real HTTPS receiver."""
import datetime
import email
import email.policy
import hashlib
import hmac
import http.server
import json
import os
import sqlite3
import ssl
import threading
import time
import unittest

from console_client import Console
from harness import SystemTest, await_condition, file_fingerprints, free_port_base, tree_digest
from test_arrows_mail import MailServer

SECRET = "webhook secret"


class Receiver(http.server.ThreadingHTTPServer):
    """An HTTPS server that keeps what is posted to it."""

    daemon_threads = True

    def __init__(self, test, certificate, key, status=200, port=0):
        super().__init__(("127.0.0.1", port), Receiver.Post)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.posts, self.status, self.location, self.port = [], status, None, self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()
        test.addCleanup(self.end)

    def end(self):
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        """A portal that does not trust us hangs up."""

    def alerts(self):
        return [alert for _, _, body in self.posts for alert in json.loads(body)["alerts"]]

    def of(self, kind):
        """(event, subject) of the alerts of a kind, in order."""
        return [(alert["event"], alert["subject"]) for alert in self.alerts() if alert["kind"] == kind]

    class Post(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.server.posts.append((self.path, dict(self.headers), body))
            self.send_response(self.server.status)
            if self.server.location:
                self.send_header("Location", self.server.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments):
            pass


class AlertTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.roots = self.pki(intermediates=0)

    def certificate(self, *names):
        leaf = self.roots.leaf(names or ("localhost",))
        return self.roots.path(leaf + ".crt"), self.roots.path(leaf + ".key")

    def receiver(self, *names, **more):
        return Receiver(self, *self.certificate(*names), **more)

    def secret_file(self, appliance, mode=0o600):
        path = os.path.join(appliance.state, "webhook.secret")
        with open(path, "w") as file:
            file.write(SECRET + "\n")
        os.chmod(path, mode)
        return path

    def set(self, appliance, *lines):
        with open(os.path.join(appliance.state, "settings", "portal.toml"), "w") as file:
            file.write("\n".join(lines) + "\n")
        if "portal" in appliance.processes:
            appliance.stop("portal")
        appliance.start("portal")

    def mail_lines(self, server):
        return [f'mail.server = "localhost:{server.port}"', 'mail.from = "chancery@single.test"', 'mail.to = ["ops@example.com"]']

    def trust(self, appliance):
        done = appliance.cli("trust", "append", self.roots.root, "--store", "portal")
        self.assertEqual(0, done.code, done)

    def subjects(self, server):
        return [str(email.message_from_string(mail["content"], policy=email.policy.default)["Subject"]) for mail in server.mails()]

    def content(self, server, at=-1):
        return email.message_from_string(server.mails()[at]["content"], policy=email.policy.default).get_content()

    def open_alerts(self, appliance):
        return {alert["key"]: alert for alert in appliance.json("alert", "list")["alerts"]}

    def short_lived(self, appliance, days):
        """A custom certificate that ends in `days`, in force; returns its fingerprint."""
        short = self.pki(name=f"short-{days}-{time.monotonic_ns()}", intermediates=0)
        leaf = short.leaf([appliance.name, "localhost"], days=days)
        done = appliance.cli("cert", "replace", "--certificate", short.path(leaf + ".crt"), "--key", short.path(leaf + ".key"), "--also-trust", short.root)
        self.assertEqual(0, done.code, done)
        return file_fingerprints(short.path(leaf + ".crt"))[0]


class OnePortal(AlertTest):
    def setUp(self):
        super().setUp()
        self.single = self.appliance("single", name="single.test")

    def test_an_expiry_by_mail_and_by_a_signed_webhook_and_its_end(self):
        mail, hook = MailServer(self, "starttls", *self.certificate()), self.receiver()
        self.trust(self.single)
        fingerprint = self.short_lived(self.single, 10)
        lines = [*self.mail_lines(mail), f'alerts.webhook = "https://localhost:{hook.port}/hooks/chancery?team=1"',
                 f'alerts.webhook-secret-file = "{self.secret_file(self.single)}"']
        self.set(self.single, *lines)
        await_condition(lambda: mail.mails() and hook.posts, "both channels are told")
        [(path, headers, body)] = hook.posts
        self.assertEqual("/hooks/chancery?team=1", path)
        self.assertEqual("application/json", headers["Content-Type"])
        self.assertEqual("sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest(), headers["X-Chancery-Signature"])
        document = json.loads(body)
        self.assertEqual(("chancery-alerts-1", "single.test", False), (document["format"], document["appliance"], document["test"]))
        [alert] = document["alerts"]
        self.assertEqual(("raised", "certificate-ends", "certificate-ends " + fingerprint, 14, False),
                         tuple(alert[name] for name in ("event", "kind", "key", "step_days", "urgent")))
        # In the very second it was made there are 10 days left.
        self.assertRegex(alert["message"], "^ends in (9|10) days, at ")
        self.assertRegex("|".join(self.subjects(mail)), r"^Chancery single.test: a certificate ends in (9|10) days$")
        # Both stand in the list, which a person reads and a program.
        def told():
            return {each["channel"] for each in self.open_alerts(self.single)["certificate-ends " + fingerprint]["told"]} == {"mail", "webhook"}
        await_condition(told, "the list says who was told")
        shown = self.single.cli("alert", "list")
        self.assertEqual(0, shown.code)
        self.assertRegex(shown.out, r"certificate-ends +single\.test .* mail (now|\d+ second)")
        # A restart repeats nothing. A replacement is told as the end of it, once.
        self.set(self.single, *lines)
        self.assertEqual(0, self.single.cli("cert", "reset", "portal").code)
        await_condition(lambda: len(hook.posts) == 2 and len(mail.mails()) == 2, "both are told of the end")
        self.assertEqual([("raised", alert["subject"]), ("resolved", alert["subject"])], hook.of("certificate-ends"))
        self.assertEqual("Chancery single.test: a certificate was replaced", self.subjects(mail)[1])
        self.assertEqual({}, self.open_alerts(self.single))
        self.assertNotIn(SECRET, self.single.log("portal"))
        self.assertNotIn("team=1", self.single.log("portal"))

    def test_a_webhook_that_is_not_trusted_hears_nothing_and_mail_arrives(self):
        mail = MailServer(self, "starttls", *self.certificate())
        stranger = self.pki(name="stranger", intermediates=0)
        leaf = stranger.leaf()
        untrusted = Receiver(self, stranger.path(leaf + ".crt"), stranger.path(leaf + ".key"))
        misnamed = self.receiver("other.test")
        redirecting = self.receiver(status=307)
        target = self.receiver()
        redirecting.location = f"https://localhost:{target.port}/"
        self.trust(self.single)
        self.short_lived(self.single, 10)
        for hook, code in ((untrusted, "untrusted-root"), (misnamed, "name-mismatch"), (redirecting, "webhook-refused")):
            with self.subTest(code=code):
                self.set(self.single, *self.mail_lines(mail), f'alerts.webhook = "https://localhost:{hook.port}/"')
                done = self.single.cli("--json", "alert", "test", "--channel", "webhook")
                self.assertEqual(1, done.code, done)
                [channel] = done.json()["channels"]
                self.assertEqual((False, code), (channel["ok"], channel["error"]["code"]))
                self.assertEqual(code, done.json()["error"]["code"])
                def told():
                    checks = self.single.cli("--json", "doctor").json()["checks"]
                    return [check["message"] for check in checks if check["check"] == "portal webhook"]
                self.assertTrue(await_condition(told, "the doctor tells of the webhook"))
        self.assertEqual(([], [], []), (untrusted.posts, misnamed.posts, target.posts))
        self.assertRegex("|".join(self.subjects(mail)), r"^Chancery single.test: a certificate ends in (9|10) days$")
        # The same alert waits for the webhook, and reaches one that is trusted.
        hook = self.receiver()
        self.set(self.single, *self.mail_lines(mail), f'alerts.webhook = "https://localhost:{hook.port}/"')
        await_condition(lambda: hook.of("certificate-ends"), "the webhook is told")
        self.assertNotIn("X-Chancery-Signature", hook.posts[0][1])
        self.assertEqual(1, len(mail.mails()))

    def test_a_test_over_every_channel_and_what_it_says(self):
        self.single.start("portal")
        self.assertIn("no-channel", self.single.cli("--json", "alert", "test").out)
        self.assertEqual({"alerts": [], "channels": [], "quiet": False}, self.single.json("alert", "list"))
        mail, hook = MailServer(self, "tls", *self.certificate()), self.receiver()
        secret = self.secret_file(self.single, 0o644)
        self.trust(self.single)
        self.set(self.single, *self.mail_lines(mail), 'mail.security = "tls"', f'alerts.webhook = "https://localhost:{hook.port}/x"', f'alerts.webhook-secret-file = "{secret}"')
        # A secret that others can read signs nothing, and mail is not concerned.
        done = self.single.cli("alert", "test")
        self.assertEqual(1, done.code, done)
        self.assertIn("done: mail was taken for ops@example.com", done.out)
        self.assertIn("failed: webhook", done.out)
        self.assertIn("chmod 600", done.err)
        self.assertEqual([], hook.posts)
        os.chmod(secret, 0o600)
        done = self.single.cli("--json", "alert", "test", "--channel", "webhook")
        self.assertEqual(0, done.code, done)
        self.assertEqual([{"channel": "webhook", "ok": True, "to": f"https://localhost:{hook.port}"}], done.json()["channels"])
        [(_, _, body)] = hook.posts
        self.assertEqual((True, []), (json.loads(body)["test"], json.loads(body)["alerts"]))
        self.assertEqual(1, len(mail.mails()))
        self.set(self.single, *self.mail_lines(mail), 'mail.security = "tls"')
        self.assertIn("not set", self.single.cli("alert", "test", "--channel", "webhook").err)
        # The console offers both, a token of the right scope provided.
        self.single.start("manager", "console", manager=False)
        console = Console(self.single.console)
        self.assertEqual(200, console.sign_in(self.single.password()).status)
        self.assertEqual([], console.get("/api/v1/alerts").json()["alerts"])
        self.assertEqual(401, self.single_status("/api/v1/alerts"))

    def single_status(self, path):
        import urllib.error
        import urllib.request
        context = ssl._create_unverified_context()
        try:
            return urllib.request.urlopen(f"https://localhost:{self.single.portal}{path}", context=context, timeout=10).status
        except urllib.error.HTTPError as refusal:
            return refusal.code

    def test_quiet_hours_hold_back_what_is_not_urgent(self):
        mail = MailServer(self, "starttls", *self.certificate())
        self.trust(self.single)
        later = self.short_lived(self.single, 10)
        now = datetime.datetime.now(datetime.timezone.utc)
        def hours(first, last):
            return "-".join((now + datetime.timedelta(hours=h)).strftime("%H:%M") for h in (first, last))
        self.set(self.single, *self.mail_lines(mail), f'alerts.quiet = "{hours(-2, 2)}"')
        listed = await_condition(lambda: self.open_alerts(self.single), "the alert stands")
        self.assertEqual([], listed["certificate-ends " + later]["told"])
        self.assertTrue(self.single.json("alert", "list")["quiet"])
        # What is urgent comes through them, alone.
        done = self.single.cli("cert", "reset", "console")
        self.assertEqual(0, done.code, done)
        urgent = self.short_lived(self.single, 2)
        await_condition(mail.mails, "the urgent one arrives")
        self.assertRegex(self.subjects(mail)[0], "ends in (1 day|2 days)")
        self.assertIn(urgent, self.content(mail, 0))
        self.assertNotIn(later, self.content(mail, 0))
        # The zone is the setting's: the same hours there are others.
        self.set(self.single, *self.mail_lines(mail), f'alerts.quiet = "{hours(-2, 2)}"', 'alerts.time-zone = "Pacific/Kiritimati"')
        self.assertFalse(self.single.json("alert", "list")["quiet"])

    def test_a_digest_and_none_where_there_is_nothing_to_tell(self):
        mail = MailServer(self, "starttls", *self.certificate())
        self.trust(self.single)
        lines = [*self.mail_lines(mail), 'mail.warn-days = [1]', 'alerts.digest = "00:00"']
        fingerprint = self.short_lived(self.single, 20)
        self.set(self.single, *lines)
        def day():
            with sqlite3.connect(f"file:{self.single.state}/databases/alerts.db?mode=ro", uri=True) as database:
                found = database.execute("SELECT day FROM digest").fetchone()
            return found and found[0]
        today = await_condition(day, "the first digest is left to tomorrow")
        self.assertEqual([], mail.mails())
        # As if it were the next day.
        self.single.stop("portal")
        with sqlite3.connect(f"{self.single.state}/databases/alerts.db") as database:
            database.execute("UPDATE digest SET day = '2000-01-01'")
        self.set(self.single, *lines)
        await_condition(mail.mails, "the digest arrives", 60)
        self.assertIn("digest: 0 open, 1 certificates end within 30 days", self.subjects(mail)[0])
        self.assertIn(fingerprint, self.content(mail))
        await_condition(lambda: day() >= today, "it is written down")

    MAIL = ['mail.server = "m"', 'mail.from = "a@b"', 'mail.to = ["c@d"]']
    # By hand, as a command says it, and what the refusal is about.
    WRONG = ((['alerts.webhook = "http://hooks.example.com/"'], ["alerts.webhook=http://hooks.example.com/"], "plain http"),
             (['alerts.webhook = "https://a:b@hooks.example.com/"'], ["alerts.webhook=https://a:b@hooks.example.com/"], "a name or password"),
             (['alerts.webhook-secret-file = "/s"'], ["alerts.webhook-secret-file=/s"], "nothing that it could sign"),
             (['alerts.time-zone = "Europe/Nowhere"'], ["alerts.time-zone=Europe/Nowhere"], "no time zone"),
             (['alerts.quiet = "22-6"'], ["alerts.quiet=22-6"], "22:00-06:30"),
             (['alerts.digest = "07:00"'], ["mail.server=", "mail.from=", "mail.to=", "alerts.digest=07:00"], "no mail server"),
             ([*MAIL, 'alerts.digest = "7 o\'clock"'], ["alerts.digest=7 o'clock"], "no time of a day"),
             (['alerts.member-missing = "soon"'], ["alerts.member-missing=soon"], "15m"),
             (['alerts.quite = "22:00-06:30"'], ["alerts.quite=22:00-06:30"], "alerts.quiet"))

    def test_wrong_settings_are_refused(self):
        """By the command, beside a portal that goes on with what is in force; and where they were written by hand, before anything is done with them."""
        right = ['mail.server = "localhost:1"', 'mail.from = "a@b"', 'mail.to = ["c@d"]', 'alerts.quiet = "00:00-23:59"', 'alerts.member-missing = "2h"']
        self.short_lived(self.single, 10)
        self.set(self.single, *right)
        await_condition(lambda: self.open_alerts(self.single), "the alert stands")
        file = os.path.join(self.single.state, "settings", "portal.toml")

        def in_force():
            listed = self.single.json("alert", "list")
            with open(file) as text:
                return (text.read(), listed["quiet"], [channel["to"] for channel in listed["channels"]], list(self.open_alerts(self.single)),
                        self.single.json("generation", "list")["in_force"], [each["id"] for each in self.single.json("backup", "list")["sets"]])

        before = in_force()
        self.assertTrue(before[1])
        for _, wanted, word in self.WRONG:
            with self.subTest(wanted):
                done = self.single.cli("settings", "set", "portal", *wanted)
                self.assertEqual(1, done.code, done)
                self.assertIn(word, done.err)
                self.assertEqual(before, in_force(), "what was in force still is")
        self.single.stop("portal")
        databases = os.path.join(self.single.state, "databases")
        at_rest = tree_digest(databases)
        for lines, _, word in self.WRONG:
            with self.subTest(lines):
                self.single.refuses_settings("portal", lines, word)
                self.assertEqual(at_rest, tree_digest(databases), "nothing was done with them")
        self.set(self.single, *right)
        self.assertEqual(before, in_force(), "with the right settings all is as it was")


class Federation(AlertTest):
    def look(self, appliance):
        """As the console's page of the doctor asks: the manager looks at the next tick, and not only once a minute."""
        self.assertIn("checks", appliance.control("manager", {"verb": "doctor"}))

    def test_a_member_that_is_missing_and_edits_by_hand(self):
        primary, secondary = self.federation()
        hook = self.receiver()
        self.trust(primary)
        self.set(primary, f'alerts.webhook = "https://localhost:{hook.port}/"', 'alerts.member-missing = "4s"')
        # Drift of the secondary comes with its heartbeat, and goes by an undo.
        path = secondary.file("identities/engine/intermediate.crt")
        with open(path, "a") as file:
            file.write("# by hand\n")
        self.look(secondary)
        await_condition(lambda: hook.of("drift"), "the drift is told")
        self.assertEqual([("raised", "secondary.test")], hook.of("drift"))
        self.assertIn("intermediate.crt", hook.alerts()[-1]["message"])
        self.assertIn("generation undo", hook.alerts()[-1]["hint"])
        done = secondary.cli("generation", "undo")
        self.assertEqual(0, done.code, done)
        await_condition(lambda: len(hook.of("drift")) == 2, "the end of the drift is told")
        self.assertEqual(("resolved", "secondary.test"), hook.of("drift")[1])
        # So does the primary's own.
        with open(primary.file("identities/portal/intermediate.crt"), "a") as file:
            file.write("# by hand\n")
        self.look(primary)
        await_condition(lambda: ("raised", "primary.test") in hook.of("drift"), "the primary's own drift is told")
        self.assertEqual(0, primary.cli("generation", "undo").code)
        await_condition(lambda: ("resolved", "primary.test") in hook.of("drift"), "its end is told")
        # A secondary that is stopped is missing, and back when it comes back.
        self.assertEqual([], hook.of("member-missing"))
        secondary.stop("engine")
        await_condition(lambda: hook.of("member-missing"), "the missing member is told")
        alert = self.open_alerts(primary)["member-missing secondary.test"]
        self.assertEqual("secondary.test is missing", alert["title"])
        secondary.start("engine")
        await_condition(lambda: len(hook.of("member-missing")) == 2, "its return is told")
        self.assertEqual([("raised", "secondary.test"), ("resolved", "secondary.test")], hook.of("member-missing"))
        self.assertNotIn("member-missing secondary.test", self.open_alerts(primary))
        # One that was removed is not missed.
        secondary.stop("engine")
        await_condition(lambda: len(hook.of("member-missing")) == 3, "it is missing again")
        self.assertEqual(0, primary.cli("federation", "remove", "secondary.test").code)
        await_condition(lambda: len(hook.of("member-missing")) == 4, "it is not missed any more")
        self.assertEqual({}, {key: alert for key, alert in self.open_alerts(primary).items() if "secondary.test" in key})

    def test_a_service_that_does_not_serve_what_is_installed(self):
        """A web server with the appliance's certificate, which the manager probes: it ends, it comes back with another one."""
        single = self.appliance("single", name="single.test")
        hook = self.receiver()
        self.trust(single)
        port = free_port_base(1)
        def server(certificate, key):
            return Receiver(self, certificate, key, port=port)

        installed = [single.file("identities/portal/" + name) for name in ("fullchain.pem", "key.pem")]
        service = server(*installed)
        done = single.cli("consumer", "set", "web", "--reload", "true", "--probe", f"127.0.0.1:{port}", "--identity", "portal")
        self.assertEqual(0, done.code, done)
        self.set(single, f'alerts.webhook = "https://localhost:{hook.port}/"')
        single.start("manager", manager=False)
        self.look(single)
        service.end()
        self.look(single)
        await_condition(lambda: hook.of("endpoint-failed"), "what ended is told", 60)
        self.assertEqual([("raised", "single.test (consumer web)")], hook.of("endpoint-failed"))
        self.assertTrue(hook.alerts()[-1]["urgent"])
        service = server(*installed)
        self.look(single)
        await_condition(lambda: len(hook.of("endpoint-failed")) == 2, "its return is told")
        self.assertEqual("resolved", hook.of("endpoint-failed")[1][0])
        service.end()
        server(*self.certificate("single.test"))
        self.look(single)
        await_condition(lambda: len(hook.of("endpoint-failed")) == 3, "another certificate is told", 60)
        self.assertIn("presents another certificate", hook.alerts()[-1]["message"])


if __name__ == "__main__":
    unittest.main()
