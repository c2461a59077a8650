"""Threat 31 and X-rows of the roster: `federation remove` revokes what a member was issued. Within ten seconds nobody takes
its certificate any more: not on a new connection, not on an open one, not with a ticket from before."""
import http.client
import os
import shutil
import socket
import ssl
import unittest

from harness import SystemTest, await_condition, file_fingerprints, must, run


class MemberLink:
    """Speaks to a port as the member whose identity it has (a copy: the member may lose it)."""

    def __init__(self, folder, root):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.load_verify_locations(root)
        self.context.load_cert_chain(folder + "/fullchain.pem", folder + "/key.pem")
        self.context.set_alpn_protocols(["chancery-member/1"])
        self.context.maximum_version = ssl.TLSVersion.TLSv1_2  # tickets that Python can hand over

    def connect(self, port, session=None):
        raw = socket.create_connection(("127.0.0.1", port), 10)
        return self.context.wrap_socket(raw, server_hostname="localhost", session=session)

    @staticmethod
    def ask(link):
        link.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        reply = http.client.HTTPResponse(link)
        reply.begin()
        reply.read()
        return reply.status

    def status(self, port):
        with self.connect(port) as link:
            return self.ask(link)


class Removal(SystemTest):
    def join(self, primary, name):
        secondary = self.appliance("secondary", name=name)
        done = primary.cli("federation", "token", "--role", "engine", "--name", name, "--san", "localhost", "--san", "127.0.0.1")
        self.assertEqual(0, done.code, done)
        token = os.path.join(self.folder, name + ".token")
        with open(os.open(token, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write(done.out)
        done = secondary.cli("federation", "join", "--primary", f"127.0.0.1:{primary.join}", "--token-file", token)
        self.assertEqual(0, done.code, done)
        return secondary, token

    def identity_of(self, appliance, name):
        copy = os.path.join(self.folder, name)
        shutil.copytree(appliance.file("identities/member"), copy)
        return MemberLink(copy, appliance.root())

    def test_a_removed_member_is_refused_everywhere_within_ten_seconds(self):
        primary = self.appliance("primary", name="primary.test").start()
        removed, token = self.join(primary, "removed.test")
        other, _ = self.join(primary, "other.test")
        other.start()
        former = self.identity_of(removed, "removed")
        witness = self.identity_of(other, "other")
        ports = (primary.portal, other.engine, other.engine_api)
        tls13 = self.identity_of(removed, "removed13")
        tls13.context.maximum_version = ssl.TLSVersion.TLSv1_3
        self.assertEqual([200] * 3, [former.status(port) for port in ports])
        self.assertEqual([200] * 4, [tls13.status(port) for port in (*ports, primary.join)])
        links = {port: former.connect(port) for port in ports}
        self.assertEqual([200] * 3, [former.ask(link) for link in links.values()])
        sessions = {port: link.session for port, link in links.items()}

        # Looking changes nothing.
        before = primary.in_force()
        done = primary.cli("--json", "federation", "remove", "removed.test", "--dry-run")
        self.assertEqual(0, done.code, done)
        self.assertEqual(4, len(done.json()["plan"]["revokes"]))
        for name, code in (("nobody.test", "unknown-member"), ("primary.test", "own-member")):
            done = primary.cli("--json", "federation", "remove", name)
            self.assertEqual((1, code), (done.code, done.json()["error"]["code"]), done)
        self.assertEqual(before, primary.in_force())
        self.assertEqual([200] * 3, [former.status(port) for port in ports])

        done = primary.cli("--json", "federation", "remove", "removed.test")
        self.assertEqual(0, done.code, done)
        self.assertEqual(4, len(done.json()["revoked"]))
        # The primary's programs refuse it when the command returns; the others' within ten seconds.
        self.assertEqual(403, former.status(primary.portal))
        self.assertEqual(403, tls13.status(primary.join))
        await_condition(lambda: former.status(other.engine) == 403 and former.status(other.engine_api) == 403,
                        "the other member refuses it:\n" + other.log("manager"), 10)
        for port in ports:
            self.assertEqual(403, former.ask(links[port]), "on a connection from before")
            self.assertEqual(403, tls13.status(port))
            with former.connect(port, sessions[port]) as resumed:
                self.assertEqual(403, former.ask(resumed), f"with a ticket from before (resumed: {resumed.session_reused})")
        self.assertEqual([200] * 3, [witness.status(port) for port in ports])
        self.assertNotIn("removed.test", [m["name"] for m in primary.json("federation", "list")["members"]])

        # It cannot come back by what it has: neither its key nor its used token.
        standing = removed.in_force()
        done = removed.cli("--json", "federation", "renew")
        self.assertEqual((1, "renew-refused"), (done.code, done.json()["error"]["code"]), done)
        self.assertEqual(standing, removed.in_force())
        self.assertEqual(["revoked"], [t["state"] for t in primary.json("federation", "tokens", "list")["tokens"]
                                       if "removed.test" in t["names"]])
        # A second time says so, and changes nothing.
        before = primary.in_force()
        done = primary.cli("--json", "federation", "remove", "removed.test")
        self.assertEqual((0, "unchanged"), (done.code, done.json()["outcome"]), done)
        self.assertEqual(before, primary.in_force())

        # The list is a CRL that others can read: openssl checks the signature, and refuses the member by it.
        crl = primary.file("trust/federation/crl.pem")
        issuing = primary.file("identities/member/intermediate.crt")
        out = run("openssl", "crl", "-in", crl, "-noout", "-text", "-CAfile", issuing)
        self.assertIn(b"verify OK", out.stderr)
        self.assertEqual(4, out.stdout.count(b"Serial Number:"))
        self.assertIn(b"X509v3 CRL Number", out.stdout)
        with open(os.path.join(self.folder, "crl.der"), "wb") as file:
            file.write(self.get(primary.join, "/crl", primary.root()))
        self.assertEqual(must("openssl", "crl", "-in", crl), must("openssl", "crl", "-inform", "DER", "-in",
                                                                  os.path.join(self.folder, "crl.der")))
        check = ["openssl", "verify", "-x509_strict", "-crl_check", "-CRLfile", crl, "-CAfile", primary.root(), "-untrusted"]

        def chain(appliance):
            return [appliance.file("identities/member/" + part) for part in ("intermediate.crt", "certificate.pem")]

        self.assertIn(b"certificate revoked", run(*check, *chain(removed)).stderr)
        must(*check, *chain(other))
        # The preflight of the primary knows it (threat 48), and so does the other member's.
        for appliance in (primary, other):
            done = appliance.cli("--json", "cert", "check", "--certificate", removed.file("identities/engine/fullchain.pem"))
            self.assertEqual(1, done.code, done)
            self.assertIn("revoked", [f["code"] for f in done.json()["findings"]])

    def get(self, port, path, root):
        context = ssl.create_default_context(cafile=root)
        link = http.client.HTTPSConnection("localhost", port, timeout=10, context=context)
        link.request("GET", path)
        reply = link.getresponse()
        self.assertEqual((200, "application/pkix-crl"), (reply.status, reply.getheader("Content-Type")))
        body = reply.read()
        link.close()
        return body

    def test_who_was_removed_comes_back_with_a_new_token_only(self):
        primary = self.appliance("primary", name="primary.test").start("authority", "portal")
        removed, token = self.join(primary, "removed.test")
        member = removed.file("identities/member/certificate.pem")
        former = file_fingerprints(member)
        self.assertEqual(0, primary.cli("federation", "remove", "removed.test").code)
        again = self.appliance("secondary", name="removed.test")
        before = again.in_force()
        done = again.cli("--json", "federation", "join", "--primary", f"127.0.0.1:{primary.join}", "--token-file", token)
        self.assertEqual((1, "join-refused"), (done.code, done.json()["error"]["code"]), done)
        self.assertEqual(before, again.in_force())
        fresh, _ = self.join(primary, "removed.test")
        self.assertNotEqual(former, file_fingerprints(fresh.file("identities/member/certificate.pem")))
        self.assertEqual(200, self.identity_of(fresh, "fresh").status(primary.portal))
        self.assertEqual(403, self.identity_of(removed, "gone").status(primary.portal))


if __name__ == "__main__":
    unittest.main()
