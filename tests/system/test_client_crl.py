"""A6: client certificates are checked against a CRL read from a file or web address; live sessions are checked again; a list that
cannot be had, has ended or belongs to somebody else never admits more."""
import http.client
import http.server
import os
import ssl
import threading
import unittest

from harness import SystemTest, await_condition, file_fingerprints, free_port_base, must


class Lists:
    """CRLs of a Pki's root."""

    def __init__(self, pki, name="root"):
        self.pki, self.name, self.number, self.revoked = pki, name, 0, []

    def make(self, path, *more, form="PEM"):
        self.number += 1
        index, number, config = (self.pki.path(n) for n in ("index.txt", "crlnumber", "ca.cnf"))
        with open(index, "w") as file:
            for leaf in self.revoked:
                serial = must("openssl", "x509", "-in", self.pki.path(leaf + ".crt"), "-noout", "-serial").strip().split("=")[1]
                file.write(f"R\t301231235959Z\t250101000000Z\t{serial}\tunknown\t/CN=x\n")
        with open(number, "w") as file:
            file.write(f"{self.number:02X}\n")
        with open(config, "w") as file:
            file.write(f"[ca]\ndefault_ca=d\n[d]\ndatabase={index}\ncrlnumber={number}\ndefault_md=sha256\ncrl_extensions=e\n[e]\nauthorityKeyIdentifier=keyid\n")
        made = self.pki.path("made.pem")
        must("openssl", "ca", "-config", config, "-gencrl", "-keyfile", self.pki.path(self.name + ".key"), "-cert", self.pki.path(self.name + ".crt"),
             "-out", made, *(more or ("-crldays", "30")))
        must("openssl", "crl", "-in", made, "-outform", form, "-out", path + ".new")
        os.rename(path + ".new", path)


class ClientCrl(SystemTest):
    def setUp(self):
        super().setUp()
        self.single = self.appliance("single").start("engine", "manager")
        self.clients = self.pki(name="clients", intermediates=0)
        self.lists = Lists(self.clients)
        self.crl = self.clients.path("list.crl")
        self.good, self.bad = self.client("good"), self.client("bad")
        done = self.single.cli("trust", "append", self.clients.root)
        self.assertEqual(0, done.code, done)
        self.port = free_port_base(1)

    @staticmethod
    def write(path, content):
        with open(path, "wb") as file:
            file.write(content)

    def client(self, name):
        self.clients._certificate(name, f"/CN={name}", self.clients.issuer, "basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\n"
                                  "extendedKeyUsage=clientAuth\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
        return name

    def endpoint(self, crl, *more):
        done = self.single.cli("profile", "set", "clients", "client-certificates=require", "trusted=trust/engine/ca-bundle.crt", f"crl={crl}", *more)
        self.assertEqual(0, done.code, done)
        done = self.single.cli("endpoint", "set", "engine-clients", f"port={self.port}", "host=127.0.0.1", "identity=engine", "profile=clients")
        self.assertEqual(0, done.code, done)

    def link(self, leaf):
        context = ssl.create_default_context(cafile=self.single.root())
        context.load_cert_chain(self.clients.path(leaf + ".crt"), self.clients.path(leaf + ".key"))
        return http.client.HTTPSConnection("localhost", self.port, timeout=10, context=context)

    @staticmethod
    def ask(link):
        link.request("GET", "/healthz")
        reply = link.getresponse()
        reply.read()
        return reply.status

    def admits(self, leaf):
        link = self.link(leaf)
        try:
            return self.ask(link) == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            link.close()

    def condition(self):
        """What the engine says is the matter at present."""
        return [c for c in self.single.control("engine", {"verb": "status"})["conditions"] if c["name"] == "crl clients"]

    def test_a_file(self):
        self.lists.make(self.crl)
        self.endpoint(self.crl)
        self.assertTrue(self.admits(self.good))
        self.assertTrue(self.admits(self.bad))
        live, witness = self.link(self.bad), self.link(self.good)
        self.assertEqual([200, 200], [self.ask(live), self.ask(witness)])
        # A new list counts for new connections and for those that are there.
        self.lists.revoked = [self.bad]
        self.lists.make(self.crl, form="DER")
        await_condition(lambda: not self.admits(self.bad), "the revoked one is refused")
        self.assertEqual([403, 200], [self.ask(live), self.ask(witness)])
        live.close()
        witness.close()
        self.assertTrue(self.admits(self.good))
        self.assertEqual([], self.condition())

        # Nothing that is wrong with the file lets anybody in again, and the engine says what it is.
        stranger = self.pki(name="stranger", intermediates=0)
        other = Lists(stranger)
        for spoil in (lambda: os.unlink(self.crl), lambda: self.write(self.crl, b"nonsense"), lambda: other.make(self.crl)):
            spoil()
            await_condition(self.condition, "the engine says so")
            self.assertFalse(self.admits(self.bad))
            self.assertTrue(self.admits(self.good), "the list that was read still counts")
            self.lists.make(self.crl)
            await_condition(lambda: not self.condition(), "and it is over")
        # An older list takes nothing back, ...
        number, self.lists.number, self.lists.revoked = self.lists.number, 0, []
        self.lists.make(self.crl)
        await_condition(self.condition, "the engine says so")
        self.assertFalse(self.admits(self.bad))
        # ... a newer one does.
        self.lists.number = number
        self.lists.make(self.crl)
        await_condition(lambda: self.admits(self.bad), "the list no longer has it")

    def test_no_valid_list_lets_nobody_in(self):
        self.endpoint(self.clients.path("absent.crl"))
        self.assertFalse(self.admits(self.good))
        self.assertTrue(self.condition())
        self.lists.make(self.clients.path("absent.crl"), "-crlsec", "6")
        await_condition(lambda: self.admits(self.good), "a list is there")
        link = self.link(self.good)
        self.assertEqual(200, self.ask(link))
        await_condition(lambda: not self.admits(self.good), "it has ended")
        self.assertEqual(403, self.ask(link), "also for who is there")
        link.close()
        self.assertIn("no valid revocation list", str(await_condition(self.condition, "the engine says so")))
        self.assertIn("no valid revocation list", self.single.cli("--json", "doctor").out)
        # Where the other endpoints' profiles name no list, nothing has changed.
        context = ssl.create_default_context(cafile=self.single.root())
        plain = http.client.HTTPSConnection("localhost", self.single.engine_api, timeout=10, context=context)
        self.assertEqual(200, self.ask(plain))
        plain.close()

    def test_a_web_address(self):
        served = {}

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = served.get(self.path)
                self.send_response(200 if body else 302 if self.path == "/moved" else 404)
                if self.path == "/moved":
                    self.send_header("Location", "/list.crl")
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                try:
                    self.wfile.write(body or b"")
                except OSError:
                    pass  # too large for who asked

            def log_message(self, *_):
                pass

        def serve(secure):
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            if secure:
                web = self.clients.leaf(["localhost"])
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(self.clients.path(web + ".crt"), self.clients.path(web + ".key"))
                server.socket = context.wrap_socket(server.socket, server_side=True)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            self.addCleanup(server.server_close)
            self.addCleanup(server.shutdown)
            return f"http{'s' if secure else ''}://localhost:{server.server_address[1]}"

        self.lists.revoked = [self.bad]
        self.lists.make(self.crl, form="DER")
        with open(self.crl, "rb") as file:
            served["/list.crl"] = file.read()
        served["/huge.crl"] = b"x" * (9 * 1024 * 1024)
        plain = serve(False)
        for path in ("/absent.crl", "/moved", "/huge.crl"):
            self.endpoint(plain + path)
            await_condition(self.condition, "the engine says what is the matter with " + path)
            self.assertFalse(self.admits(self.good), path)
        for base in (plain, serve(True)):
            self.endpoint(base + "/list.crl", "crl-interval=1")
            await_condition(lambda: self.admits(self.good), "the list was fetched from " + base)
            self.assertFalse(self.admits(self.bad))
        # The list outlives a restart of the program with the server away.
        served.clear()
        self.single.stop("engine")
        self.single.start("engine")
        self.assertTrue(self.admits(self.good))
        self.assertFalse(self.admits(self.bad))
        await_condition(self.condition, "and the engine says that it could not be read anew")

    def test_what_cannot_be_a_list_is_refused(self):
        for settings, code in ((["crl=ftp://localhost/x"], "bad-url"), (["crl=http://user@localhost/x"], "bad-url"), (["crl=nowhere.crl"], "bad-profile"),
                               (["crl=http://localhost/x", "crl-interval=0"], "bad-setting")):
            before = self.single.in_force()
            done = self.single.cli("--json", "profile", "set", "clients", "client-certificates=require", "trusted=trust/engine/ca-bundle.crt", *settings)
            self.assertEqual((1, code), (done.code, done.json().get("error", {}).get("code")), done)
            self.assertEqual(before, self.single.in_force())
        done = self.single.cli("--json", "profile", "set", "clients", "client-certificates=request", "crl=/list.crl")
        self.assertEqual((1, "bad-profile"), (done.code, done.json()["error"]["code"]), "nobody could verify it")
        self.assertEqual(before, self.single.in_force())


if __name__ == "__main__":
    unittest.main()
