"""The console's API over TLS: signing in, every attack of threats.md on it, changes end to end, tokens, events."""
import base64
import hashlib
import hmac
import os
import re
import struct
import time
import unittest

from console_client import Console, form, listen
from harness import SOURCE, SystemTest, await_condition, run, served_chain

SESSION_COOKIE = "__Host-chancery="


def totp(secret, at=None):
    """RFC 6238 by hand: what an authenticator app shows."""
    counter = struct.pack(">Q", int(at or time.time()) // 30)
    mac = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    offset = mac[-1] & 15
    return f"{(struct.unpack('>I', mac[offset:offset + 4])[0] & 0x7fffffff) % 1_000_000:06d}"


class Table(unittest.TestCase):
    """The API has every verb of the certificate manager with every argument, but for those that are no person's to ask."""

    INTERNAL = {"member-order", "order-undo", "audit-report"}  # between programs
    ROOT_ONLY = {"authority-root-export", "authority-root-remove"}  # the root's key goes nowhere by the hand of a program that strangers can reach
    ABSENT = {"collector-installer": {"collector"}}  # the program that lies beside the manager is the one

    def read(self, *path):
        with open(os.path.join(SOURCE, *path)) as file:
            # Literals that stand side by side are one.
            return re.sub(r'"\s+"', "", file.read())

    def test_every_verb_is_there_with_its_arguments(self):
        manager = dict(re.findall(r'Entry\{"([a-z-]+)", Access::\w+,\s*\w+,\s*"([^"]*)"\}', self.read("appliance", "manager", "certificate_manager.cpp")))
        source = self.read("appliance", "console", "verb_table.cpp")
        for name, text in re.findall(r'#define (\w+) "([^"]*)"', source):
            source = re.sub(rf'" {name}\b', f'{text}"', source)
            source = re.sub(rf'(?<=, ){name}\b', f'"{text}"', source)  # one that begins with it
            source = re.sub(r'"\s+"', "", source)
        table = {verb: {word.split(":")[0].split(".")[0] for word in words.split()}
                 for verb, words in re.findall(r'VerbRoute\{"[A-Z]+", "[^"]+", "([a-z-]+)", "\w+",\s*"([^"]*)"', source)}
        self.assertGreater(len(manager), 60)
        self.assertEqual(set(manager) - self.INTERNAL - self.ROOT_ONLY, set(table) - {"doctor", "progress"})
        for verb, words in manager.items():
            if verb in table:
                self.assertEqual(set(words.split()) - self.ABSENT.get(verb, set()), table[verb], verb)


class OneAppliance(SystemTest):
    """One appliance for the tests of a class, and somebody new signed in for each of them."""

    programs = ("manager", "console")

    @classmethod
    def setUpClass(cls):
        cls.holder = SystemTest()
        cls.holder.setUp()
        cls.addClassCleanup(cls.holder.doCleanups)
        cls.shared = cls.holder.appliance("single", name="single.test").start(*cls.programs)

    def console(self):
        asker = Console(self.shared.console)
        reply = asker.sign_in(self.shared.password())
        self.assertEqual(200, reply.status, reply)
        return self.shared, asker

    def replacement(self, appliance, pki=None):
        pki = pki or self.pki()
        leaf = pki.leaf([appliance.name, "localhost"])
        return pki, leaf, [("certificate", pki.path(leaf + ".crt")), ("key", pki.path(leaf + ".key")), ("intermediate", pki.intermediates), ("also_trust", pki.root)]

    def named_file(self, name):
        path = os.path.join(self.folder, "odd.pem")
        with open(path, "w") as file:
            file.write("no certificate " + name)
        return path


class Attacks(OneAppliance):
    """What changes nothing, and tearing down asserts that."""

    def setUp(self):
        super().setUp()
        self.before = self.shared.in_force()

    def tearDown(self):
        self.assertEqual(self.before, self.shared.in_force())
        for program, process in self.shared.processes.items():
            self.assertIsNone(process.poll(), f"{program} has ended:\n" + self.shared.log(program))

    def test_signing_in_and_out(self):
        appliance, asker = self.console()
        reply = asker.sign_in(appliance.password())
        cookie = reply.headers["Set-Cookie"]
        for word in ("Secure", "HttpOnly", "SameSite=Strict", "Path=/"):
            self.assertIn(word, cookie)
        self.assertTrue(cookie.startswith(SESSION_COOKIE))
        self.assertEqual("administrator", asker.get("/session").json()["person"])
        # Session fixation: an id that the browser brings along is not taken over, and the one it had ends.
        planted = Console(appliance.console)
        planted.cookie = SESSION_COOKIE + "A" * 43
        first, second = planted.cookie, planted.sign_in(appliance.password())
        self.assertNotIn("A" * 43, second.headers["Set-Cookie"])
        thief = Console(appliance.console)
        thief.cookie = first
        self.assertEqual(401, thief.get("/session").status)
        before = asker.cookie
        self.assertEqual(200, asker.sign_in(appliance.password()).status)
        self.assertNotEqual(before, asker.cookie)
        thief.cookie = before
        self.assertEqual(401, thief.get("/session").status, "the session before signing in again has ended")
        # Found among the cookies of others, under its whole name alone.
        value = asker.cookie.split("=", 1)[1]
        for cookies, status in ((f"theme=dark; {asker.cookie}; x=y", 200), (f"chancery={value}", 401), (f"x__Host-chancery={value}", 401), (f'x="{asker.cookie}"', 401)):
            self.assertEqual(status, asker.get("/session", headers={"Cookie": cookies}).status, cookies)
        # Signing out ends the one, signing out everywhere all of them.
        other = Console(appliance.console)
        other.sign_in(appliance.password())
        listed = other.get("/sessions").json()["sessions"]
        self.assertLessEqual(3, len(listed))
        self.assertEqual(1, len([each for each in listed if each["this"]]))
        ended = planted.send("DELETE", "/session")
        self.assertEqual(200, ended.status)
        self.assertIn("Max-Age=0", ended.headers["Set-Cookie"], "the browser forgets it, too")
        self.assertEqual(401, planted.get("/session").status)
        self.assertEqual(200, other.get("/session").status)
        self.assertEqual(200, asker.send("DELETE", "/sessions").status)
        self.assertEqual([401, 401], [asker.get("/session").status, other.get("/session").status])

    def test_every_route_needs_somebody(self):
        appliance, asker = self.console()
        nobody = Console(appliance.console)
        described = nobody.get("/openapi.json").json()
        self.assertEqual("3.1.0", described["openapi"])
        count = 0
        for path, operations in described["paths"].items():
            for method in operations:
                if method == "parameters" or (path, method) == ("/session", "post"):
                    continue
                count += 1
                reply = nobody.ask(method.upper(), "/api/v1" + re.sub(r"\{\w+\}", "x", path), b"{}" if method != "get" else b"", "application/json")
                self.assertEqual(401, reply.status, (method, path, reply))
                self.assertEqual("application/problem+json", reply.headers["Content-Type"])
        self.assertGreater(count, 70)
        # No answer to anybody holds a private key.
        for path in described["paths"]:
            if "get" in described["paths"][path] and path != "/events":
                for name in ("portal", "default", "1"):
                    body = asker.get(re.sub(r"\{\w+\}", name, path)).body
                    self.assertNotIn(b"PRIVATE KEY", body, path)

    def test_forged_requests_change_nothing(self):
        """Threat 33: without the token, with another session's, from another origin, as GET, as text/plain."""
        appliance, asker = self.console()
        other = Console(appliance.console)
        other.sign_in(appliance.password())
        pki, leaf, files = self.replacement(appliance)
        content_type, body = form([("dry_run", "true")], files)
        path = "/certificates/replace"
        attempts = {
            "no token": asker.ask("POST", path, body, content_type, {"X-CSRF-Token": None}),
            "another session's token": asker.ask("POST", path, body, content_type, {"X-CSRF-Token": other.csrf}),
            "another origin": asker.ask("POST", path, body, content_type, {"Origin": "https://evil.example"}),
            "a null origin": asker.ask("POST", path, body, content_type, {"Origin": "null"}),
            "what browsers say of other sites": asker.ask("POST", path, body, content_type, {"Sec-Fetch-Site": "cross-site"}),
            "what browsers say of a neighbour's site": asker.ask("POST", path, body, content_type, {"Sec-Fetch-Site": "same-site"}),
            "another origin that begins with ours": asker.ask("POST", path, body, content_type, {"Origin": f"https://localhost:{appliance.console}.evil.example"}),
            "a PUT without the token": asker.ask("PUT", "/profiles/forged", b'{"settings":{"minimum-protocol":"TLSv1.3"}}', "application/json", {"X-CSRF-Token": None}),
            "a DELETE without the token": asker.ask("DELETE", "/sessions", b"{}", "application/json", {"X-CSRF-Token": None}),
            "signing out without the token": asker.ask("DELETE", "/session", b"{}", "application/json", {"X-CSRF-Token": None}),
            "a PUT by a password alone": asker.ask("PUT", "/profiles/forged", b'{"settings":{"minimum-protocol":"TLSv1.3"}}', "application/json", {
                "Cookie": None, "Authorization": "Basic " + base64.b64encode(f"administrator:{appliance.password()}".encode()).decode()}),
            "reading from another site": asker.get("/certificates?probe=false", headers={"Sec-Fetch-Site": "cross-site"}),
            "text/plain without the token": asker.ask("POST", path, body, "text/plain", {"X-CSRF-Token": None}),
            "a password kept by the browser": asker.ask("POST", path, body, content_type, {"Cookie": None, "Authorization": "Basic " + base64.b64encode(
                f"administrator:{appliance.password()}".encode()).decode()}),
        }
        self.assertEqual({name: 403 for name in attempts}, {name: reply.status for name, reply in attempts.items()})
        wrong = asker.get("/status", headers={"Cookie": None, "Authorization": "Basic " + base64.b64encode(b"administrator:wrong").decode()})
        self.assertEqual((401, None), (wrong.status, wrong.headers["WWW-Authenticate"]), "no browser asks for a password that it would keep")
        self.assertEqual(400, asker.ask("POST", path, body, "text/plain").status)
        self.assertEqual(404, asker.get(path.replace("replace", "portal/replace")).status)
        # The same with everything right is answered: it was those that were missing.
        done = asker.ask("POST", path, body, content_type, {"Origin": f"https://localhost:{appliance.console}", "Sec-Fetch-Site": "same-origin"})
        self.assertEqual((200, "planned"), (done.status, done.json()["outcome"]))

    def test_frames_hosts_and_headers(self):
        """Threats 34 and 36: clickjacking, DNS rebinding, header injection."""
        appliance, asker = self.console()
        for path in ("/", "/api/v1/session", "/api/v1/openapi.json", "/icon.svg"):
            reply = asker.ask("GET", path, plain=path == "/")
            self.assertIn("frame-ancestors 'none'", reply.headers["Content-Security-Policy"])
            self.assertEqual("DENY", reply.headers["X-Frame-Options"])
            self.assertEqual("nosniff", reply.headers["X-Content-Type-Options"])
        self.assertIn("attachment", asker.ask("GET", "/root.pem", plain=True).headers["Content-Disposition"])
        page = Console(appliance.console).ask("GET", "/", plain=True)
        policy = page.headers["Content-Security-Policy"]
        for word in ("unsafe-inline", "unsafe-eval", "http:", "https:", "*"):
            self.assertNotIn(word, policy)
        self.assertIn("script-src 'self'", policy)
        text = page.body.decode()
        self.assertEqual([], re.findall(r"<script(?![^>]*src=)|\son\w+=|style=|https?://", text), "nothing inline, nothing from elsewhere")
        self.assertEqual(421, asker.get("/session", headers={"Host": "evil.example"}).status)
        self.assertEqual(400, asker.ask("GET", "/trust?store=engine%0d%0aSet-Cookie:%20a=b").status)
        # A name with HTML and line ends in it comes back as data, never as a header.
        odd = asker.send_form("POST", "/certificates/replace", [("passphrase", "x")], [("certificate", self.named_file('a"b\r\nX-Bad: 1.pem'))])
        self.assertNotIn("X-Bad", odd.headers)
        self.assertEqual(422, odd.status)

    def test_uploads_are_bounded(self):
        """Threat 27, and that nobody unknown can fill the memory: the head decides before the body is read."""
        appliance, asker = self.console()
        before = appliance.in_force()
        content_type, body = form([("certificate", b"A" * (9 * 1024 * 1024))])
        try:
            self.assertEqual(413, asker.ask("POST", "/certificates/replace", body, content_type).status)
        except (BrokenPipeError, ConnectionResetError):
            pass  # cut off while it still sent
        link = Console(appliance.console)
        try:
            self.assertEqual(401, link.ask("POST", "/certificates/replace", body, content_type).status)
        except (BrokenPipeError, ConnectionResetError):
            pass
        self.assertEqual(413, asker.send_form("POST", "/session", [("user", "administrator"), ("password", "x" * 20_000)]).status, "who is unknown may send little")
        for name, (kind, sent) in {
            "no boundary": ("multipart/form-data", b"x"),
            "no end": (content_type, body[:2000]),
            "no parts": (content_type, b"--"),
            "too many parts": form([("names", "x")] * 1100),
            "an unknown part": form([("surprise", "x")]),
            "JSON that is none": ("application/json", b"[1,2"),
            "deep JSON": ("application/json", b'{"names":' + b"[" * 100_000),
            "a file in JSON": ("application/json", b'{"certificate":"x"}'),
            "a path as a file's name": form([("purpose", "../../etc/passwd")]),
        }.items():
            with self.subTest(name):
                self.assertIn(asker.ask("POST", "/certificates/check", sent, kind).status, (400, 422))
        self.assertEqual(before, appliance.in_force())
        self.assertEqual(200, asker.get("/session").status)

    def test_pages_are_light_and_kept(self):
        appliance, asker = self.console()
        page = asker.ask("GET", "/", plain=True, headers={"Accept-Encoding": "gzip"})
        self.assertNotIn("Content-Encoding", page.headers, "what is for one reader is not compressed (BREACH)")
        again = asker.ask("GET", "/", plain=True, headers={"Accept-Encoding": "gzip", "If-None-Match": page.headers["ETag"]})
        self.assertEqual((304, b""), (again.status, again.body))
        text = asker.ask("GET", "/", plain=True).body.decode()
        total = len(page.body)
        for path in re.findall(r'(?:src|href)="(/[^"]+)"', text):
            reply = asker.ask("GET", path, plain=True, headers={"Accept-Encoding": "gzip"})
            self.assertEqual(200, reply.status, path)
            if path != "/icon.svg":
                self.assertEqual("gzip", reply.headers["Content-Encoding"], path)
                self.assertIn("immutable", reply.headers["Cache-Control"])
            total += len(reply.body)
        self.assertLess(total, 60_000, "what the first view loads")


class Limits(OneAppliance):
    def test_guessing_ends_after_ten(self):
        appliance, asker = self.console()
        guesser = Console(appliance.console)
        answers = [guesser.sign_in(f"wrong-{at}", user="administrator" if at % 2 else "somebody") for at in range(10)]
        self.assertEqual({401}, {answer.status for answer in answers})
        self.assertEqual(1, len({answer.body for answer in answers}), "one answer for a wrong name and a wrong password")
        self.assertTrue(all("WWW-Authenticate" not in answer.headers for answer in answers), "no browser asks and keeps a password")
        self.assertEqual(429, guesser.sign_in(appliance.password()).status)
        self.assertEqual(200, asker.get("/session").status, "who is signed in goes on")
        self.flood(appliance)

    def flood(self, appliance):
        link = Console(appliance.console)
        import http.client
        import ssl

        one = http.client.HTTPSConnection("localhost", appliance.console, timeout=30, context=ssl._create_unverified_context())
        statuses = set()
        for _ in range(1500):
            one.request("GET", "/api/v1/session")
            answer = one.getresponse()
            answer.read()
            statuses.add(answer.status)
            if answer.status == 429:
                self.assertEqual("1", answer.headers["Retry-After"])
                break
            if answer.headers.get("Connection", "").lower() == "close":
                one.close()
        self.assertIn(429, statuses)
        await_condition(lambda: link.get("/session").status == 401, "requests are answered again")


class SecondFactor(OneAppliance):
    def test_second_factor(self):
        appliance, asker = self.console()
        offer = asker.send("POST", "/second-factor").json()
        self.assertIn(offer["secret"], offer["uri"])
        self.assertEqual(400, asker.send_form("PUT", "/second-factor", [("code", "000000")]).status)
        self.assertEqual(200, Console(appliance.console).sign_in(appliance.password()).status, "an offer alone asks nobody for a code")
        used = totp(offer["secret"])
        self.assertEqual(200, asker.send_form("PUT", "/second-factor", [("code", used)]).status)
        self.assertEqual(409, asker.send_form("PUT", "/second-factor", [("code", used)]).status, "what was offered is confirmed once")
        newcomer = Console(appliance.console)
        self.assertEqual("code-required", newcomer.sign_in(appliance.password()).json()["code"])
        self.assertEqual(401, newcomer.sign_in(appliance.password(), code=used).status, "a code is good once")
        self.assertEqual(401, newcomer.sign_in("wrong", code=totp(offer["secret"], time.time() + 30)).status)
        # The next step's code is good already: clocks differ.
        self.assertEqual(200, newcomer.sign_in(appliance.password(), code=totp(offer["secret"], time.time() + 30)).status)
        # Only by the password it is taken away.
        self.assertEqual(403, newcomer.send_form("DELETE", "/second-factor", [("password", "wrong")]).status)
        self.assertTrue(newcomer.get("/session").json()["second_factor"])
        basic = base64.b64encode(f"administrator:{appliance.password()}".encode()).decode()
        self.assertEqual(401, Console(appliance.console).get("/status", headers={"Authorization": "Basic " + basic}).status, "a password alone is not enough")
        # Without a manager: 503 for what it would be asked, and the rest goes on. Pages are told when it goes and comes.
        events = listen(newcomer)
        self.assertEqual(("hello", {"manager": True}), next(events))
        appliance.stop("manager")
        self.assertIn(("manager", {"running": False}), events)
        self.assertEqual(("hello", {"manager": False}), next(listen(newcomer)))
        away = newcomer.get("/certificates")
        self.assertEqual((503, "not-running"), (away.status, away.json()["code"]))
        self.assertEqual(200, newcomer.get("/session").status)
        appliance.start("manager")
        # Another manager counts its events anew: what pages have is asked for again.
        self.assertIn(("hello", {"manager": True}), events)
        self.assertIn(("manager", {"running": True}), events)
        kept = os.path.join(appliance.state, "run", "console", "access.json")
        self.assertEqual("600", oct(os.stat(kept).st_mode)[-3:])
        appliance.stop("console").start("console")
        self.assertEqual("code-required", newcomer.sign_in(appliance.password()).json()["code"], "it outlives a restart")


class Changes(OneAppliance):
    programs = ("manager", "console", "portal")

    def test_a_change_from_preflight_to_undo(self):
        appliance, asker = self.console()
        pki, leaf, files = self.replacement(appliance)
        before = appliance.in_force()
        checked = asker.send_form("POST", "/certificates/check", [], files[:3])
        self.assertEqual("untrusted-root", next(f["code"] for f in checked.json()["findings"] if f["severity"] == "error"))
        refused = asker.send_form("POST", "/certificates/replace", [], files[:3])
        self.assertEqual((422, "refused", "refuse"), (refused.status, refused.json()["code"], refused.json()["report"]["verdict"]))
        mixed = self.replacement(appliance, self.pki(name="other"))[2]
        mismatch = asker.send_form("POST", "/certificates/replace", [], [files[0], mixed[1], *files[2:]])
        self.assertEqual(422, mismatch.status)
        self.assertIn("key-mismatch", [f["code"] for f in mismatch.json()["report"]["findings"]])
        planned = asker.send_form("POST", "/certificates/replace", [("dry_run", "true")], files)
        self.assertEqual("planned", planned.json()["outcome"])
        self.assertEqual(before, appliance.in_force())
        events = listen(asker)
        self.assertEqual("hello", next(events)[0])
        done = asker.send_form("POST", "/certificates/replace", [("identities", "portal"), ("identities", "console")], files, headers={"Idempotency-Key": "once"})
        self.assertEqual((200, "done"), (done.status, done.json()["outcome"]))
        self.assertEqual(pki.sent(leaf), served_chain(appliance.portal))
        told = []
        for event, data in events:
            if event == "progress" and data["kind"] != "recorded":  # a sign-in may come between
                told.append(data["kind"] if data["kind"] != "step" else data["step"])
                if data["kind"] == "ended" and data["verb"] == "cert-replace" and data["outcome"] == "done":
                    self.assertIn("for administrator", data["who"])
                    break
        steps = ["preflighted", "staged", "backed-up", "prepared", "switched", "activated", "probed", "committed"]
        self.assertEqual(["begun", *steps, "ended"], told[-len(steps) - 2:])
        # The same request again: the same answer, and no second change.
        content_type, body = form([("identities", "portal"), ("identities", "console")], files)
        generation = appliance.generation()
        once = {"Idempotency-Key": "twice"}
        first = asker.ask("POST", "/certificates/portal/reset", b"{}", "application/json", once)
        again = asker.ask("POST", "/certificates/portal/reset", b"{}", "application/json", once)
        self.assertEqual((200, first.body, "true"), (again.status, again.body, again.headers["Idempotency-Replayed"]))
        self.assertNotEqual(generation, appliance.generation())
        for what, (path, sent) in {"another path": ("/certificates/console/reset", b"{}"), "another body": ("/certificates/portal/reset", b'{"dry_run":true}'),
                                   "another query": ("/certificates/portal/reset?dry_run=true", b"{}")}.items():
            self.assertEqual(422, asker.ask("POST", path, sent, "application/json", once).status, f"a key is of one request: {what}")
        # The same form in other words (curl makes another boundary each time), and one that failed before anything was asked.
        form_once = {"Idempotency-Key": "form"}
        self.assertEqual(400, asker.send_form("POST", "/certificates/portal/reset", [("surprise", "x")], headers=form_once).status)
        self.assertNotIn("Idempotency-Replayed", asker.send_form("POST", "/certificates/portal/reset", [("accept_breakage", "0")], headers=form_once).headers)
        self.assertEqual("true", asker.send_form("POST", "/certificates/portal/reset", [("accept_breakage", "0")], headers=form_once).headers["Idempotency-Replayed"])
        # Back to what it was before everything.
        undone = asker.send("POST", "/generations/rollback", {"number": int(before[0].rsplit("/", 1)[1])})
        self.assertEqual("done", undone.json()["outcome"], undone)
        self.assertEqual("default", next(i for i in asker.get("/certificates").json()["identities"] if i["identity"] == "portal")["source"])
        who = {record["who"] for record in asker.get("/audit").json()["records"] if record["verb"] == "cert-replace"}
        self.assertEqual(1, len(who))
        self.assertTrue(who.pop().endswith("for administrator"))

    def test_the_command_line_is_seen_by_whoever_looks_on(self):
        appliance, asker = self.console()
        events = listen(asker)
        next(events)
        pki, leaf, files = self.replacement(appliance)
        done = appliance.cli("cert", "replace", *pki.files(leaf))
        self.assertEqual(0, done.code, done)
        self.assertTrue(any(event == "progress" and data["kind"] == "ended" and data["verb"] == "cert-replace" for event, data in events), "the change was told")
        # A stream ends with its session.
        asker.send("DELETE", "/session")
        self.assertEqual([], [event for event in events if event[0] == "hello"])

    def test_stores_policy_and_tokens_for_scripts(self):
        appliance, asker = self.console()
        pki = self.pki()
        added = asker.send_form("POST", "/trust/append", [("store", "portal"), ("alias", "corp-root")], [("files", pki.root)])
        self.assertEqual(["corp-root"], [each["alias"] for each in added.json()["added"]], added)
        listed = {each.get("alias"): each["sha256"] for each in asker.get("/trust?store=portal").json()["certificates"]}
        self.assertIn("corp-root", listed)
        keytool = run("keytool", "-list", "-keystore", appliance.file("trust/portal/cacerts"), "-storepass", "changeit", "-alias", "corp-root")
        self.assertEqual(0, keytool.returncode, keytool)
        self.assertEqual(400, asker.send_form("POST", "/trust/append", [("store", "engine"), ("alias", "x")], [("files", pki.root)]).status)
        self.assertEqual(200, asker.send_form("POST", "/trust/remove", [("store", "portal"), ("fingerprint", listed["corp-root"])]).status)
        self.assertEqual(200, asker.send("PUT", "/profiles/strict", {"settings": {"minimum-protocol": "TLSv1.3"}}).status)
        wrong = asker.send("PUT", "/profiles/strict", {"settings": {"minimum-protocol": "SSLv3"}})
        self.assertEqual(("bad-setting", False, "application/problem+json"), (wrong.json()["code"], wrong.json()["needs_person"], wrong.headers["Content-Type"]))
        self.assertNotIn("error", wrong.json(), "one shape for all problems (RFC 9457)")
        self.assertIn("strict", [each["name"] for each in asker.get("/profiles").json()["profiles"]])
        self.assertEqual(200, asker.send("DELETE", "/profiles/strict").status)
        # Tokens: what they may do and no more, gone when deleted; only a browser makes them.
        made = asker.send("POST", "/tokens", {"name": "nightly", "scopes": ["read"], "days": 1}).json()
        script = Console(appliance.console, made["token"])
        self.assertEqual(200, script.get("/certificates?probe=false").status)
        self.assertEqual(403, script.send("POST", "/certificates/console/reset").status)
        self.assertEqual(403, script.send("POST", "/tokens", {"name": "more", "scopes": ["certificates"]}).status)
        self.assertEqual(400, asker.send("POST", "/tokens", {"name": "x", "scopes": ["everything"]}).status)
        writer = Console(appliance.console, asker.send("POST", "/tokens", {"name": "deploy", "scopes": ["read", "certificates"]}).json()["token"])
        pki, leaf, files = self.replacement(appliance, pki)
        self.assertEqual("done", writer.send_form("POST", "/certificates/replace", [], files).json()["outcome"])
        record = [each for each in asker.get("/audit").json()["records"] if each["verb"] == "cert-replace"][-1]
        self.assertTrue(record["who"].endswith("for token deploy"), record)
        with open(os.path.join(appliance.state, "run", "console", "access.json")) as file:
            self.assertNotIn(made["token"], file.read())
        used = {each["name"]: each["used"] for each in asker.get("/tokens").json()["tokens"]}
        self.assertRegex(used["nightly"], r"^20\d\d-\d\d-\d\dT")
        self.assertEqual(200, asker.send("DELETE", "/tokens/" + made["id"]).status)
        self.assertEqual(401, script.get("/certificates").status)
        # A backup leaves only with the password once more, and encrypted.
        backup = asker.get("/backups").json()["sets"][0]["id"]
        wrong = asker.send_form("POST", f"/backups/{backup}/export", [("passphrase", "a long passphrase"), ("password", "wrong")])
        self.assertEqual(403, wrong.status)
        taken = asker.send_form("POST", f"/backups/{backup}/export", [("passphrase", "a long passphrase"), ("password", appliance.password())])
        self.assertEqual((200, "application/octet-stream"), (taken.status, taken.headers["Content-Type"]))
        self.assertNotIn(b"PRIVATE KEY", taken.body)
        # What leaves the appliance is not kept for whoever repeats the request.
        again = [asker.send_form("POST", f"/backups/{backup}/export", [("passphrase", "a long passphrase"), ("password", word)], headers={"Idempotency-Key": "export"})
                 for word in (appliance.password(), "wrong")]
        self.assertEqual([200, 403], [reply.status for reply in again])
        self.assertEqual(405, asker.ask("HEAD", "/certificates/console/reset").status)


if __name__ == "__main__":
    unittest.main()
