"""P1's arrow portal -> mail (P23: always validated; P27): warnings of certificates that end soon, by a real SMTP server with TLS."""
import base64
import email
import email.policy
import json
import os

import socketserver
import subprocess
import threading
import unittest

from harness import BIN, SystemTest, await_condition, file_fingerprints, free_port_base

SERVER = r"""
import asyncio, json, ssl, sys
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

mode, port, certificate, key, out = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5]

class Keep:
    async def handle_DATA(self, server, session, envelope):
        with open(out, "a") as file:
            file.write(json.dumps({"from": envelope.mail_from, "to": envelope.rcpt_tos, "tls": bool(session.ssl) or mode == "tls",
                                   "user": session.auth_data.login.decode() if session.auth_data else None,
                                   "content": envelope.content.decode()}) + "\n")
        return "250 OK"

def check(server, session, envelope, mechanism, data):
    return AuthResult(success=data.login == b"chancery" and data.password == b"mail secret", handled=False, auth_data=data)

context = None
if mode != "plain":
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
options = dict(hostname="127.0.0.1", port=port)
if mode == "tls":
    options.update(ssl_context=context)
if mode == "starttls":
    options.update(tls_context=context, require_starttls=True)
if mode == "auth":
    options.update(tls_context=context, require_starttls=True, auth_required=True, authenticator=check)
controller = Controller(Keep(), **options)
controller.start()
print("ready", flush=True)
sys.stdin.read()
"""


class MailServer:
    """python3-aiosmtpd of Debian in a process of its own."""

    def __init__(self, test, mode, certificate="-", key="-", port=None):
        self.port = port or free_port_base(1)
        self.mailbox = os.path.join(test.folder, f"mailbox-{self.port}")
        self.process = subprocess.Popen(["/usr/bin/python3", "-c", SERVER, mode, str(self.port), certificate, key, self.mailbox],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        test.processes.append(self.process)
        test.addCleanup(self.process.stdout.close)
        test.addCleanup(self.process.stdin.close)
        assert self.process.stdout.readline() == b"ready\n", "the mail server starts"

    def mails(self):
        if not os.path.exists(self.mailbox):
            return []
        with open(self.mailbox) as file:
            return [json.loads(line) for line in file]

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


class Stripping(socketserver.ThreadingTCPServer):
    """A man in the middle: speaks SMTP, and knows no STARTTLS. Keeps what it was told."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, answer):
        self.heard, self.answer = [], answer
        super().__init__(("127.0.0.1", 0), Stripping.Talk)

    def handle_error(self, request, client_address):
        """A client that hangs up is what is hoped for."""

    class Talk(socketserver.StreamRequestHandler):
        def handle(self):
            self.wfile.write(b"220 mail.test\r\n")
            for line in self.rfile:
                self.server.heard.append(line)
                self.wfile.write(self.server.answer(line))


class PortalToMail(SystemTest):
    def setUp(self):
        super().setUp()
        self.roots = self.pki(intermediates=0)
        self.single = self.appliance("single", name="single.test")

    def certificate(self, *names):
        leaf = self.roots.leaf(names or ("localhost",))
        return self.roots.path(leaf + ".crt"), self.roots.path(leaf + ".key")

    def portal_with(self, *settings):
        with open(os.path.join(self.single.state, "settings", "portal.toml"), "w") as file:
            file.write("\n".join(['mail.from = "chancery@single.test"', 'mail.to = ["ops@example.com", "night@example.com"]', *settings]) + "\n")
        if "portal" in self.single.processes:
            self.single.stop("portal")
        self.single.start("portal")

    def trust(self):
        self.assertEqual(0, self.single.cli("trust", "append", self.roots.root, "--store", "portal").code)

    def refused(self, *words):
        done = self.single.cli("--json", "alert", "test")
        self.assertEqual(1, done.code, done)
        for word in words:
            self.assertIn(word, done.out)
        return done

    def condition(self):
        checks = json.loads(self.single.cli("--json", "doctor").out)["checks"]
        return next((check["message"] for check in checks if check["check"] == "portal mail"), None)

    def test_a_test_mail_arrives_only_where_the_server_is_who_it_says(self):
        for mode in ("starttls", "tls"):
            with self.subTest(mode=mode):
                server = MailServer(self, mode, *self.certificate())
                other = MailServer(self, mode, *self.certificate("other.test"))
                settings = (f'mail.security = "{mode}"',)
                self.portal_with(f'mail.server = "localhost:{server.port}"', *settings)
                if mode == "starttls":
                    self.refused("untrusted-root")
                    self.assertEqual([], server.mails())
                    self.trust()
                done = self.single.cli("alert", "test")
                self.assertEqual(0, done.code, done)
                self.assertIn("ops@example.com", done.out)
                [mail] = server.mails()
                self.assertTrue(mail["tls"])
                self.assertEqual(["ops@example.com", "night@example.com"], mail["to"])
                self.assertEqual("chancery@single.test", mail["from"])
                message = email.message_from_string(mail["content"], policy=email.policy.default)
                self.assertIn("single.test", message["Subject"])
                self.assertIn("chancery alert test", message.get_content())
                for header in ("Date", "Message-ID", "From", "To"):
                    self.assertTrue(message[header], header)
                self.portal_with(f'mail.server = "localhost:{other.port}"', *settings)
                self.refused("name-mismatch")
                self.assertEqual([], other.mails())

    def test_a_server_whose_starttls_was_stripped_hears_nothing(self):
        self.trust()
        secret = os.path.join(self.single.state, "mail.password")
        with open(os.open(secret, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write("mail secret\n")
        signed_in = (f'mail.user = "chancery"', f'mail.password-file = "{secret}"')
        for answer in (lambda line: b"250 mail.test\r\n" if line.startswith(b"EHLO") else b"502 no such command\r\n",
                       lambda line: b"250 mail.test\r\n",  # says yes to STARTTLS, and goes on in plain text
                       # Answers put behind STARTTLS, to be taken for the server's once TLS is up (CVE-2011-0411).
                       lambda line: b"220 go on\r\n250-mail.test\r\n250 AUTH PLAIN\r\n235 welcome\r\n" if line.startswith(b"STARTTLS") else b"250 mail.test\r\n"):
            with Stripping(answer) as middle:
                threading.Thread(target=middle.serve_forever, daemon=True).start()
                self.portal_with(f'mail.server = "localhost:{middle.server_address[1]}"', *signed_in)
                self.refused("error")
                middle.shutdown()
                heard = b"".join(middle.heard)
                self.assertNotIn(b"MAIL FROM", heard)
                self.assertNotIn(b"AUTH", heard)
                self.assertNotIn(base64.b64encode(b"\0chancery\0mail secret"), heard)

    def test_signing_in_by_a_password_in_a_file(self):
        self.trust()
        server = MailServer(self, "auth", *self.certificate())
        secret = os.path.join(self.single.state, "mail.password")
        for password in ("wrong", "mail secret"):
            with open(os.open(secret, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
                file.write(password + "\n")
            self.portal_with(f'mail.server = "localhost:{server.port}"', 'mail.user = "chancery"', f'mail.password-file = "{secret}"')
            if password == "wrong":
                self.assertNotIn("wrong", self.refused("mail-refused", "password of chancery").out.replace("wrong password", ""))
                self.assertEqual([], server.mails())
        self.assertEqual(0, self.single.cli("alert", "test").code)
        self.assertEqual(["chancery"], [mail["user"] for mail in server.mails()])
        self.assertNotIn("mail secret", self.single.log("portal"))

    def test_a_certificate_that_ends_soon_is_one_mail_for_each_threshold(self):
        server = MailServer(self, "starttls", *self.certificate())
        short = self.pki(name="short", intermediates=1)
        leaf = short.leaf(["single.test", "localhost"], days=10)
        done = self.single.cli("cert", "replace", *short.files(leaf))
        self.assertEqual(0, done.code, done)
        self.portal_with(f'mail.server = "localhost:{server.port}"')
        # Not trusted: nothing is sent, and the doctor and the log say why.
        self.assertIn("does not end in a trusted certificate", await_condition(self.condition, "the doctor tells of the mail server"))
        self.assertIn("mail: ", self.single.log("portal"))
        self.assertEqual([], server.mails())
        # Trusted: the same process tries again at once. 10 days are one mail: 14, and not 30 as well.
        self.trust()
        await_condition(server.mails, "the warning arrives")
        await_condition(lambda: self.condition() is None, "the doctor has nothing more to say")
        [mail] = server.mails()
        message = email.message_from_string(mail["content"], policy=email.policy.default)
        self.assertIn("ends in 9 days", message["Subject"])
        body = message.get_content()
        self.assertIn("sha256  " + file_fingerprints(short.path(leaf + ".crt"))[0], body)
        self.assertEqual(1, body.count("sha256"), body)
        # A restart repeats nothing; a threshold that is reached then is one more mail.
        self.portal_with(f'mail.server = "localhost:{server.port}"')
        self.assertEqual(0, self.single.cli("alert", "test").code)
        self.portal_with(f'mail.server = "localhost:{server.port}"', "mail.warn-days = [30, 9, 1]")
        await_condition(lambda: len(server.mails()) >= 3, "the next threshold")
        self.assertEqual(["ends in 9 days", "a test", "ends in 9 days"],
                         [str(email.message_from_string(m["content"], policy=email.policy.default)["Subject"]).rsplit("a certificate ")[-1].rsplit(": ")[-1] for m in server.mails()])

    def test_without_settings_and_with_wrong_ones(self):
        self.single.start("portal")
        self.assertIn("mail.server", self.refused("no-channel").out)
        self.single.stop("portal")
        self.refused("not-running")
        for settings, word in ((['mail.server = "localhost:25"'], "mail.from is empty"),
                               (['mail.server = "localhost:25"', 'mail.from = "a@b"'], "1 to 16 addresses"),
                               (['mail.server = "localhost:25"', 'mail.from = "a@b"', 'mail.to = ["ops@example.com\\r\\nRCPT TO:<x@y>"]'], "no mail address"),
                               (['mail.server = "localhost:25"', 'mail.security = "none"'], "starttls, tls"),
                               (['mail.warn-days = ["soon"]'], "list of numbers")):
            self.single.refuses_settings("portal", settings, word)


if __name__ == "__main__":
    unittest.main()
