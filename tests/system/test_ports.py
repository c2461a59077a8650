"""Every listening port of a running primary and secondary, under the tools of ../shared/tools and by hand (threats 27, 29 to 32, 34, 36)."""
import base64
import concurrent.futures
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import time
import unittest

from harness import BIN, TOOLS, SystemTest, must, needs_tools, run, served_chain

CRLF = "\r\n"


def bare_context(alpn=None, certificate=None, key=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols([alpn])
    if certificate:
        context.load_cert_chain(certificate, key)
    return context


def connect(port, context=None, source=None, timeout=40):
    plain = socket.create_connection(("127.0.0.1", port), timeout=timeout, source_address=(source, 0) if source else None)
    return (context or bare_context()).wrap_socket(plain, server_hostname="localhost")


def read_all(link):
    out = b""
    try:
        while piece := link.recv(65536):
            out += piece
    except (ssl.SSLError, ConnectionError):
        pass
    return out


def request(port, text, context=None, source=None):
    """The whole answer to raw bytes; b"" when the connection was closed or refused without one."""
    try:
        with connect(port, context, source) as link:
            link.sendall(text.encode() if isinstance(text, str) else text)
            return read_all(link)
    except (ssl.SSLError, ConnectionError):
        return b""


def status_of(answer):
    match = re.match(rb"HTTP/1\.[01] (\d{3}) ", answer)
    return int(match.group(1)) if match else None


def get(port, path="/", host="localhost", headers=(), **more):
    lines = [f"GET {path} HTTP/1.1", *([f"Host: {host}"] if host is not None else []), "Connection: close", *headers]
    return request(port, CRLF.join(lines) + CRLF * 2, **more)


def basic(user, password):
    return "Authorization: Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Ports(SystemTest):
    """One federation for the whole class: nothing here changes it, and tearing down asserts that."""

    @classmethod
    def setUpClass(cls):
        cls.holder = SystemTest()
        cls.holder.setUp()
        cls.addClassCleanup(cls.holder.doCleanups)
        cls.primary, cls.secondary = cls.holder.federation()
        p, s = cls.primary, cls.secondary
        cls.ports = {"console": p.console, "portal": p.portal, "portal-collector": p.collectors, "join": p.join, "secondary's console": s.console,
                     "engine": s.engine, "engine-api": s.engine_api, "engine-collector": s.collectors}
        cls.web = {name: port for name, port in cls.ports.items() if name != "join"}
        cls.served = {name: served_chain(port) for name, port in cls.ports.items()}

    def setUp(self):
        super().setUp()
        self.before = [appliance.in_force() for appliance in (self.primary, self.secondary)]

    def tearDown(self):
        self.assertEqual(self.before, [appliance.in_force() for appliance in (self.primary, self.secondary)])
        self.assertEqual(self.served, {name: served_chain(port) for name, port in self.ports.items()})
        for appliance in (self.primary, self.secondary):
            for program, process in appliance.processes.items():
                self.assertIsNone(process.poll(), f"{program} has ended:\n" + appliance.log(program))

    def tool(self, name, port, *arguments):
        """(passed, output) of one of the shared tools."""
        path = os.path.join(TOOLS, name)
        done = subprocess.run([path, f"127.0.0.1:{port}", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL, timeout=300)
        out = done.stdout.decode(errors="replace")
        return done.returncode == 0 and out.rstrip().endswith("PASS"), out

    def assert_all_pass(self, calls):
        with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
            results = list(pool.map(lambda call: (call, self.tool(*call)), calls))
        for call, (passed, out) in results:
            self.assertTrue(passed, f"{call}:\n{out}")

    @needs_tools
    def test_old_protocols_and_weak_suites_are_refused(self):
        self.assert_all_pass([("sslscan.sh", port) for port in self.ports.values()])
        self.assert_all_pass([("downgrade.sh", port) for port in self.web.values()])
        # The join port speaks TLS 1.3 only: what the tool asks of TLS 1.2 there can only be a refusal.
        _, out = self.tool("downgrade.sh", self.ports["join"])
        self.assertEqual([], [line for line in out.splitlines() if "accepted" in line], out)
        refused = run("openssl", "s_client", "-connect", f"127.0.0.1:{self.ports['join']}", "-tls1_2")
        self.assertIn(b"alert protocol version", refused.stderr + refused.stdout)

    @needs_tools
    def test_nmap_finds_nothing_weak(self):
        self.assert_all_pass([("nmap-ciphers.sh", port) for port in self.ports.values()])

    @needs_tools
    def test_bytes_that_are_not_tls_are_closed_and_forgotten(self):
        self.assert_all_pass([("plaintext.py", port) for port in self.ports.values()])

    @needs_tools
    def test_stalled_connections_are_closed_and_keep_nobody_out(self):
        calls = [("stall.py", port, "30", "16") for name, port in self.ports.items() if name != "portal"]
        self.assert_all_pass([("stall.py", self.ports["portal"], "1000", "16"), *calls])

    def test_testssl_finds_nothing_above_low(self):
        """Only what an ad-hoc CA necessarily gives is allowed: no public chain, no revocation, no CAA, no transparency."""
        report = os.path.join(self.folder, "testssl.json")
        done = subprocess.run(["testssl", "--quiet", "--color", "0", "--warnings", "off", "--fast", "--nodns", "min",
                               "--protocols", "--server-defaults", "--headers", "--vulnerable", "--add-ca", self.primary.root(),
                               "--jsonfile", report, f"localhost:{self.ports['portal']}"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=280)
        self.assertTrue(os.path.exists(report), done.stdout.decode(errors="replace"))
        with open(report) as file:
            findings = json.load(file)
        self.assertGreater(len(findings), 40)
        adhoc = ("cert_chain_of_trust", "cert_trust", "cert_revocation", "cert_caIssuers", "DNS_CAArecord", "certificate_transparency",
                 "cert_crlDistributionPoints", "cert_ocspURL", "OCSP_stapling", "cert_mustStapleExtension", "overall_grade", "grade_cap_reason",
                 "scanProblem", "scanTime")
        above = [f for f in findings if f["severity"] in ("MEDIUM", "HIGH", "CRITICAL", "FATAL") and not f["id"].startswith(adhoc)]
        self.assertEqual([], above)

    def test_foreign_host_headers_are_misdirected(self):
        for name, port in self.ports.items():
            with self.subTest(name):
                self.assertEqual(200, status_of(get(port, "/healthz")), get(port, "/healthz"))
                for host in ("evil.example", "localhost.evil.example", "evil.example:443", "", "10.0.0.1", "[::2]", "localhost\0.evil"):
                    self.assertIn(status_of(get(port, "/healthz", host=host)), (400, 421), host)
                self.assertEqual(400, status_of(get(port, "/healthz", host=None)))
                self.assertEqual(400, status_of(get(port, "/healthz", headers=["Host: evil.example"])))
                self.assertIn(status_of(get(port, "https://evil.example/healthz", host="evil.example")), (400, 421))

    def post(self, headers, body=b"", path="/join", port=None, context=None, finish=True):
        """(status, seconds until the server closed) of a POST whose framing is as given."""
        begun = time.monotonic()
        with connect(port or self.ports["join"], context) as link:
            link.sendall((CRLF.join([f"POST {path} HTTP/1.1", "Host: localhost", *headers]) + CRLF * 2).encode() + body)
            answer = read_all(link)
        return status_of(answer), time.monotonic() - begun

    def test_bodies_are_bounded_before_they_are_read(self):
        self.assertEqual(413, self.post(["Content-Length: 262145"])[0])
        self.assertEqual(413, self.post(["Content-Length: 999999999999999"])[0])
        chunk = b"10000\r\n" + b"A" * 0x10000 + CRLF.encode()
        self.assertEqual(413, self.post(["Transfer-Encoding: chunked"], chunk * 5)[0])
        member = bare_context("chancery-member/1", self.secondary.file("identities/member/fullchain.pem"), self.secondary.file("identities/member/key.pem"))
        self.assertEqual(413, self.post(["Content-Length: 2097153"], path="/api/v1/heartbeat", port=self.ports["portal"], context=member)[0])
        for headers in (["Content-Length: -1"], ["Content-Length: 1x"], ["Content-Length: 0x10"], ["Content-Length: 99999999999999999999"],
                        ["Content-Length: 3", "Content-Length: 4"], ["Content-Length: 3", "Transfer-Encoding: chunked"],
                        ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], ["Content-Length: +3"], ["Content-Length:"]):
            self.assertEqual(400, self.post(headers, b"abc")[0], headers)
        self.assertEqual(411, self.post([])[0])
        self.assertEqual(501, self.post(["Transfer-Encoding: gzip"])[0])
        for path in ("/../etc/passwd", "/%2e%2e/etc/passwd", "/a%00b", "/x%0d%0aSet-Cookie:%20a=b"):
            answer = get(self.ports["portal"], path)
            self.assertIn(status_of(answer), (400, 404), path)
            self.assertNotIn(b"\r\nSet-Cookie", answer)
        self.assertIn(status_of(get(self.ports["portal"], "/", headers=["X: " + "A" * 20000])), (400, 431, None))

    def test_bodies_that_never_end_are_closed_within_30_seconds(self):
        def trickle():
            begun = time.monotonic()
            with connect(self.ports["join"]) as link:
                link.sendall((CRLF.join(["POST /join HTTP/1.1", "Host: localhost", "Content-Length: 1000"]) + CRLF * 2).encode())
                link.settimeout(1)
                while time.monotonic() - begun < 40:
                    try:
                        link.sendall(b"A")
                        if link.recv(4096) == b"":
                            break
                    except TimeoutError:
                        continue
                    except (ssl.SSLError, OSError):
                        break
            return None, time.monotonic() - begun

        cases = {"shorter than announced": lambda: self.post(["Content-Length: 100"], b"A" * 10),
                 "chunks without an end": lambda: self.post(["Transfer-Encoding: chunked"], b"5\r\nAAAAA\r\n"),
                 "one byte a second": trickle}
        with concurrent.futures.ThreadPoolExecutor(len(cases)) as pool:
            running = {name: pool.submit(case) for name, case in cases.items()}
        for name, outcome in running.items():
            status, seconds = outcome.result()
            self.assertLess(seconds, 33, name)
            self.assertIn(status, (None, 400, 408), name)

    def signed(self, name, uri=None, usage="clientAuth", issuer=None, days=30, past=False):
        """A leaf made with the federation's own issuing key (root reads it), or by `issuer` (certificate, key)."""
        authority = os.path.join(self.primary.state, "authority")
        ca, ca_key = issuer or (os.path.join(authority, "issuing.pem"), os.path.join(authority, "issuing.key"))
        paths = {kind: os.path.join(self.folder, f"{name}.{kind}") for kind in ("key", "csr", "ext", "crt", "pem")}
        must("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", paths["key"])
        must("openssl", "req", "-new", "-key", paths["key"], "-subj", f"/CN={name}", "-out", paths["csr"])
        with open(paths["ext"], "w") as file:
            san = ",".join(["DNS:secondary.test"] + ([f"URI:{uri}"] if uri else []))
            file.write(f"basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage={usage}\nsubjectAltName={san}\n")
        sign = ["openssl", "x509", "-req", "-in", paths["csr"], "-CA", ca, "-CAkey", ca_key, "-extfile", paths["ext"], "-out", paths["crt"],
                "-CAcreateserial", "-CAserial", os.path.join(self.folder, "serial"), "-days", str(days)]
        if past:
            sign = ["faketime", "-f", "-60d", *sign]
        must(*sign)
        with open(paths["pem"], "w") as out, open(paths["crt"]) as leaf, open(ca) as above:
            out.write(leaf.read() + above.read())
        return paths["pem"], paths["key"]

    def test_only_members_of_the_federation_are_members(self):
        """Threat 31 on portal and engine. The right member gets an answer from the handler; nobody else gets past the handshake."""
        with open(self.secondary.file("federation/federation.json")) as file:
            uri = json.load(file)["member"]["uri"]
        with open(self.secondary.file("identities/member/fullchain.pem")) as file:
            self.assertIn("BEGIN", file.read())
        heartbeat = CRLF.join(["POST /api/v1/heartbeat HTTP/1.1", "Host: localhost", "Content-Length: 2", "Connection: close"]) + CRLF * 2 + "{}"
        devices = CRLF.join(["GET /api/v1/devices HTTP/1.1", "Host: localhost", "Connection: close"]) + CRLF * 2
        member = (self.secondary.file("identities/member/fullchain.pem"), self.secondary.file("identities/member/key.pem"))
        primarys = (self.primary.file("identities/member/fullchain.pem"), self.primary.file("identities/member/key.pem"))
        self.assertIn(status_of(request(self.ports["portal"], heartbeat, bare_context("chancery-member/1", *member))), (200, 400))
        self.assertEqual(200, status_of(request(self.ports["engine"], devices, bare_context("chancery-member/1", *primarys))))
        foreign = self.pki()
        wrong = {
            "no certificate": (),
            "the engine's server certificate": (self.secondary.file("identities/engine/fullchain.pem"), self.secondary.file("identities/engine/key.pem")),
            "the collectors' port's": (self.secondary.file("identities/engine-collector/fullchain.pem"), self.secondary.file("identities/engine-collector/key.pem")),
            "no URI": self.signed("no-uri"),
            "another federation's URI": self.signed("other-federation", "chancery://0123456789abcdef/member/engine/secondary.test"),
            "only serverAuth": self.signed("server-only", uri, "serverAuth"),
            "expired": self.signed("expired", uri, past=True),
            "another CA": self.signed("other-ca", uri, issuer=(foreign.path("intermediate2.crt"), foreign.path("intermediate2.key"))),
        }
        # The same certificate, rightly made, is taken: what is refused below is refused for the reason given.
        self.assertIn(status_of(request(self.ports["portal"], heartbeat, bare_context("chancery-member/1", *self.signed("right", uri)))), (200, 400))
        for name, files in wrong.items():
            with self.subTest(name):
                for port, text in ((self.ports["portal"], heartbeat), (self.ports["engine"], devices)):
                    answer = request(port, text, bare_context("chancery-member/1", *files))
                    self.assertIn(status_of(answer), (None, 403), answer)
        # A member of another role: an engine may not ask an engine, a primary has no heartbeat.
        self.assertEqual(401, status_of(request(self.ports["engine"], devices, bare_context("chancery-member/1", *member))))
        self.assertEqual(403, status_of(request(self.ports["portal"], heartbeat, bare_context("chancery-member/1", *primarys))))
        # Without the protocol of members no certificate makes one.
        self.assertEqual(403, status_of(request(self.ports["portal"], heartbeat, bare_context("http/1.1", *member))))
        self.assertEqual(403, status_of(request(self.ports["portal"], heartbeat)))
        self.assertEqual(401, status_of(request(self.ports["engine"], devices, bare_context("http/1.1", *primarys))))

    def test_a_resumed_session_makes_no_member(self):
        member = self.secondary.file("identities/member/fullchain.pem"), self.secondary.file("identities/member/key.pem")
        kept = os.path.join(self.folder, "session")
        address = ["-connect", f"127.0.0.1:{self.ports['portal']}", "-servername", "localhost"]
        heartbeat = b"POST /api/v1/heartbeat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
        for version in ("-tls1_2", "-tls1_3"):
            subprocess.run(["openssl", "s_client", *address, version, "-quiet", "-no_ign_eof", "-sess_out", kept], input=b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30)
            if not os.path.exists(kept):
                continue
            again = subprocess.run(["openssl", "s_client", *address, version, "-ign_eof", "-alpn", "chancery-member/1", "-sess_in", kept], input=heartbeat,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30)
            self.assertNotIn(b"HTTP/1.1 200", again.stdout)
            self.assertNotIn(b"HTTP/1.1 400", again.stdout)
            os.unlink(kept)

    def test_nothing_is_told_without_signing_in(self):
        paths = {"console": ["/api/v1/certificates", "/api/v1/status"], "portal": ["/", "/api/v1/engines"], "engine": ["/api/v1/devices"],
                 "engine-api": ["/api/v1/devices"]}
        for name, each in paths.items():
            for path in each:
                answer = get(self.ports[name], path)
                self.assertEqual(401, status_of(answer), f"{name} {path}: {answer[:300]}")
                # The console has a page of its own to sign in by: no browser shall ask for a password, and keep it, beside that.
                self.assertEqual(name != "console", b"WWW-Authenticate: Basic" in answer)
                for header in (b"Strict-Transport-Security", b"X-Content-Type-Options: nosniff", b"Content-Security-Policy", b"Cache-Control: no-store"):
                    self.assertIn(header, answer)
                for odd in ("Authorization: Basic", "Authorization: Basic !!!!", "Authorization: Bearer x", basic("administrator", "")):
                    self.assertEqual(401, status_of(get(self.ports[name], path, headers=[odd], source="127.0.0.9")), odd)

    def test_guessing_the_password_ends_after_ten(self):
        port, path = self.ports["console"], "/api/v1/status"
        right = basic("administrator", self.primary.password())
        self.assertEqual(200, status_of(get(port, path, headers=[right], source="127.0.0.2")))
        answers = [get(port, path, headers=[basic("administrator" if i % 2 else "nobody", f"wrong-{i}")], source="127.0.0.2") for i in range(10)]
        self.assertEqual([401] * 10, [status_of(a) for a in answers])
        strip = lambda a: re.sub(rb"Date: [^\r]*", b"", a)
        self.assertEqual(1, len({strip(a) for a in answers}), "an unknown user and a wrong password look alike")
        for credential in (basic("administrator", "wrong-11"), right):
            locked = get(port, path, headers=[credential], source="127.0.0.2")
            self.assertEqual(429, status_of(locked))
            self.assertIn(b"Retry-After:", locked)
        self.assertEqual(200, status_of(get(port, path, headers=[right], source="127.0.0.3")), "another address is not locked out")


class HostileNames(SystemTest):
    """Threat 34: HTML, ESC and CRLF in DN and SAN, in the tables of the CLI and in the console's API (its pages: test_console_pages.py)."""

    HTML, ESC, LINES = "<script>alert(1)</script>", "\x1b[31mred\x1b]0;title\x07", "first\r\nSet-Cookie: a=b"

    def hostile(self):
        """A root whose DN is hostile, and a leaf under it whose DN and SANs are."""
        folder = os.path.join(self.folder, "hostile")
        os.makedirs(folder)
        at = lambda name: os.path.join(folder, name)
        must("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", at("root.key"), "-out", at("root.crt"),
             "-days", "100", "-utf8", "-subj", f"/O={self.ESC}/OU={self.LINES}/CN={self.HTML.replace('/', chr(92) + '/')}",
             "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        must("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", at("leaf.key"), "-out", at("leaf.csr"),
             "-utf8", "-subj", f"/O={self.ESC}/OU={self.LINES}/CN={self.HTML.replace('/', chr(92) + '/')}")
        with open(at("ext"), "w") as file:
            file.write("basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\nsubjectAltName=@names\n[names]\n"
                       "DNS.1=localhost\nDNS.2=appliance.test\nDNS.3=<img src=x onerror=alert(1)>\nURI.1=https://example.test/\"><b>\n"
                       "email.1=a\\r\\nSet-Cookie: a=b\nDNS.4=x\x1b[2J\n")
        must("openssl", "x509", "-req", "-in", at("leaf.csr"), "-CA", at("root.crt"), "-CAkey", at("root.key"), "-CAcreateserial", "-days", "60",
             "-extfile", at("ext"), "-out", at("leaf.crt"))
        return at

    def assert_harmless(self, text, what):
        for byte in ("\x1b", "\x07", "\r", "\x00", "\x9b"):
            self.assertNotIn(byte, text, what)
        self.assertNotIn("\nSet-Cookie", text, what)

    def test_they_are_shown_escaped(self):
        single = self.appliance("single").start("authority", "console")
        single.start_one("manager")
        at = self.hostile()
        for arguments in (["cert", "show", at("leaf.crt")], ["cert", "show", at("root.crt")], ["cert", "check", "--certificate", at("leaf.crt")],
                          ["--json", "cert", "show", at("leaf.crt")],
                          ["trust", "append", at("leaf.crt")], ["cert", "check", "--certificate", at("leaf.crt"), "--key", at("root.key"), "--trust", at("root.crt")]):
            done = single.cli(*arguments)
            self.assertIn(done.code, (0, 1), done)
            self.assert_harmless(done.out + done.err, arguments)
            self.assertIn("script" if "append" not in arguments else "", done.out + done.err)
        refused = single.cli("cert", "replace", "--certificate", at("leaf.crt"), "--key", at("leaf.key"), "--also-trust", at("root.crt"))
        self.assert_harmless(refused.out + refused.err, "cert replace")
        if refused.code != 0:
            # Names nobody can type are no names to serve: then only the issuer is hostile.
            with open(at("ext"), "w") as file:
                file.write("basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\nsubjectAltName=DNS:localhost,DNS:appliance.test\n")
            must("openssl", "x509", "-req", "-in", at("leaf.csr"), "-CA", at("root.crt"), "-CAkey", at("root.key"), "-CAcreateserial", "-days", "60",
                 "-extfile", at("ext"), "-out", at("leaf.crt"))
            done = single.cli("cert", "replace", "--certificate", at("leaf.crt"), "--key", at("leaf.key"), "--also-trust", at("root.crt"))
            self.assertEqual(0, done.code, done)
        for arguments in (["cert", "list"], ["cert", "show", "console"], ["trust", "append", at("root.crt")], ["trust", "list"], ["backup", "list"], ["status"],
                          ["generation", "list"], ["probe", f"localhost:{single.console}"]):
            done = single.cli(*arguments)
            self.assert_harmless(done.out + done.err, arguments)
            json.loads(single.cli("--json", *arguments).out)
        # The console's API hands them on as what they are, data that no browser takes for a page.
        answer = get(single.console, "/api/v1/certificates", headers=[basic("administrator", single.password())])
        self.assertEqual(200, status_of(answer), answer[:500])
        head, body = answer.split(b"\r\n\r\n", 1)
        self.assertNotIn(b"Set-Cookie", head)
        self.assertIn(b"Content-Type: application/json", head)
        self.assertIn(b"X-Content-Type-Options: nosniff", head)
        self.assertNotIn("unsafe-inline", head.decode())
        self.assert_harmless(body.decode(), "the console's API")
        self.assertIn("script", json.dumps(json.loads(body)))
        for program in ("console", "manager"):
            self.assert_harmless(single.log(program), program)


if __name__ == "__main__":
    unittest.main()
