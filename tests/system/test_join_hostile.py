"""Rows X1 to X4 and threats 1 to 9 with the real programs: whatever stands between a joiner and its authority gets nothing and leaves
nothing behind."""
import json
import os
import secrets
import socket
import ssl
import subprocess
import threading
import unittest

from harness import SystemTest, must
from joining import Joining
from relay import Cut, ForeignRelay, RecordRelay, StolenKeyRelay, altered, ask_authority, next_source, post


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

    def test_whoever_joins_is_given_no_ticket(self):
        """Nothing of a join may be taken up again; other ports give tickets."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

        def has_ticket(port):
            with socket.create_connection(("127.0.0.1", port), 20) as raw, context.wrap_socket(raw, server_hostname="localhost") as link:
                link.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                self.assertIn(b"HTTP/1.1 200", link.recv(65536))
                return link.session.has_ticket

        self.assertEqual((True, False), (has_ticket(self.primary.portal), has_ticket(self.primary.join)))

    def test_an_authority_that_is_away_or_silent_is_named(self):
        secondary, token = self.secondary(), self.token()
        self.primary.stop("authority")
        self.refused(secondary, token, "tcp-refused")
        self.primary.start_one("authority")
        self.assertEqual(0, self.join(secondary, token).code)


class RogueRequests(SystemTest):
    """Threat 8: whatever a CSR asks for, nothing but its key is taken, and not every key."""

    NAME = "good.test"
    SIGNED = {
        "a CA": ["-addext", "basicConstraints=critical,CA:TRUE,pathlen:9", "-addext", "keyUsage=critical,keyCertSign,cRLSign"],
        "every usage": ["-addext", "extendedKeyUsage=anyExtendedKeyUsage,clientAuth,codeSigning,OCSPSigning,emailProtection"],
        "foreign names": ["-addext", "subjectAltName=DNS:bank.example,IP:192.0.2.1,email:root@bank.example,URI:chancery://f/member/primary/x"],
        "a wildcard": ["-subj", "/CN=*.test", "-addext", "subjectAltName=DNS:*.test"],
        "markup": ["-subj", "/CN=<script>alert(1)<\\/script>/O=a\x1b[31mb", "-addext", "subjectAltName=DNS:<b>.test"],
        "constraints": ["-addext", "nameConstraints=critical,permitted;DNS:.", "-addext", "1.2.3.4.5=critical,ASN1:UTF8String:x"],
    }
    WEAK = {"RSA of 1024 bits": ["rsa:1024"], "a curve nobody asked for": ["ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"],
            "P-192": ["ec", "-pkeyopt", "ec_paramgen_curve:prime192v1"]}

    def request(self, key, *more):
        path = os.path.join(self.folder, "rogue.csr")
        subject = [] if "-subj" in more else ["-subj", "/CN=evil.example"]
        must("openssl", "req", "-new", "-newkey", *key, "-nodes", "-keyout", os.devnull, *subject, *more, "-out", path)
        return path

    def signed(self, path, *more):
        return self.primary.cli("--json", "authority", "sign", path, "--purpose", "server", "--san", self.NAME, *more)

    def test_nothing_but_the_key_is_taken_and_not_every_key(self):
        self.primary = self.appliance("primary", name="primary.test")
        good = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        for what, more in self.SIGNED.items():
            with self.subTest(what):
                done = self.signed(self.request(good, *more))
                self.assertEqual(0, done.code, done)
                leaf = os.path.join(self.folder, "leaf.pem")
                with open(leaf, "w") as file:
                    file.write(done.json()["pem"])
                text = must("openssl", "x509", "-in", leaf, "-noout", "-text")
                for wanted in ("CA:FALSE", "Digital Signature\n", "TLS Web Server Authentication\n", f"DNS:{self.NAME}\n"):
                    self.assertIn(wanted, text)
                self.assertNotRegex(text, r"CA:TRUE|Certificate Sign|CRL Sign|Any Extended|Client Auth|OCSP|Code Sign|bank|\*\.test|script|<b>|evil|1\.2\.3\.4\.5|Name Constraints")
        listed = len(self.primary.json("authority", "list")["certificates"])
        self.assertEqual(len(self.SIGNED), listed)
        for what, key in self.WEAK.items():
            with self.subTest(what):
                done = self.signed(self.request(key))
                self.assertEqual((1, "key-weak"), (done.code, done.json()["error"]["code"]), done)
        path = self.request(good)
        der = bytearray(subprocess.run(["openssl", "req", "-in", path, "-outform", "DER"], stdout=subprocess.PIPE, check=True).stdout)
        der[-1] ^= 1
        for what, raw in (("a signature that is not its own", bytes(der)), ("more than anybody asks for", bytes(der) + bytes(2 << 20)), ("nothing", b"")):
            with self.subTest(what):
                with open(path, "wb") as file:
                    file.write(raw)
                done = self.signed(path)
                self.assertEqual(1, done.code, done)
                self.assertTrue(done.json()["error"]["hint"], done)
        # Nor do names that a person gives carry more than names.
        path = self.request(good)
        for name in ("*.good.test", "<b>.test", "a b.test", "x@good.test", "https://good.test/"):
            with self.subTest(name):
                done = self.primary.cli("--json", "authority", "sign", path, "--purpose", "server", "--san", name)
                self.assertEqual(1, done.code, done)
        self.assertEqual(listed, len(self.primary.json("authority", "list")["certificates"]))


if __name__ == "__main__":
    unittest.main()
