"""C10: figures for monitoring, by command and by the console with a token: every line is one of the text format of Prometheus, and says
what openssl, a handshake and the doctor say."""
import datetime
import os
import re
import ssl
import unittest

from console_client import Console
from harness import SystemTest, await_condition, must

LINE = re.compile(r'^([a-z_]+)((?:\{(?:[a-z_]+="(?:[^"\\\n]|\\[\\n"])*",?)+\})?) (-?\d+)$')


def figures(text):
    """{name: {labels as they stand: value}}; the format's rules on the way."""
    found, announced = {}, []
    for line in text.rstrip("\n").split("\n"):
        if line.startswith("# "):
            kind, name = line.split(" ")[1:3]
            if kind == "HELP":
                announced.append(name)
            continue
        name, labels, value = LINE.match(line).groups()
        assert announced[-1] == name, "every kind in one place, after its description"
        assert labels not in found.setdefault(name, {}), line
        found[name][labels] = int(value)
    assert len(announced) == len(set(announced)), "each kind once"
    return found


def end_of(path):
    return int(ssl.cert_time_to_seconds(must("openssl", "x509", "-in", path, "-noout", "-enddate").strip().split("=", 1)[1]))


class Metrics(SystemTest):
    def of(self, appliance):
        done = appliance.cli("doctor", "--metrics")
        self.assertEqual(0, done.code, done)
        return figures(done.out)

    def test_one_appliance(self):
        appliance = self.appliance("single", name="single.test").start()
        pki = self.pki()
        # A Java keystore of somebody else, with a root of ours that ends soon.
        store = os.path.join(self.folder, "cacerts")
        must("keytool", "-importcert", "-noprompt", "-alias", "own", "-file", pki.root, "-keystore", store, "-storepass", "changeit")
        soon = os.path.join(self.folder, "soon.pem")
        must("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", soon + ".key", "-out", soon, "-days", "20",
             "-subj", '/CN=soon "quoted" \\ root', "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        before = self.of(appliance)
        self.assertNotIn(store, str(before))
        done = appliance.cli("trust", "append", soon, "--store", store)
        self.assertEqual(0, done.code, done)
        done = appliance.cli("trust", "append", soon, "--store", "engine")
        self.assertEqual(0, done.code, done)
        leaf = pki.leaf(["single.test", "localhost", "127.0.0.1"], days=12)
        done = appliance.cli("cert", "replace", *pki.files(leaf), "--identity", "portal")
        self.assertEqual(0, done.code, done)
        now = self.of(appliance)
        self.assertEqual(end_of(pki.path(leaf + ".crt")), now["chancery_certificate_not_after_seconds"]['{identity="portal",source="custom"}'])
        self.assertEqual(before["chancery_generation"][""] + 3, now["chancery_generation"][""])
        self.assertEqual(1, now["chancery_endpoint_serves_installed"]['{endpoint="portal",identity="portal"}'])
        # A bundle has the roots of the operating system as well, and one of those may end before.
        self.assertEqual(end_of(soon), now["chancery_trust_not_after_seconds"][f'{{store="{store}"}}'])
        self.assertGreaterEqual(end_of(soon), now["chancery_trust_not_after_seconds"]['{store="engine"}'])
        self.assertEqual(0, now["chancery_trust_ended"][f'{{store="{store}"}}'])
        self.assertEqual(1, now["chancery_trust_certificates"][f'{{store="{store}"}}'], "what was imported, and not what its owner has")
        # As the doctor grades, who says what to do.
        self.assertEqual(0, before["chancery_check_status"]['{check="trust engine"}'])
        for check in ("trust engine", "store " + store):
            self.assertEqual(1, now["chancery_check_status"][f'{{check="{check}"}}'], check)
        doctor = appliance.cli("--json", "doctor")
        self.assertEqual(now["chancery_status"][""], doctor.json()["status"])
        graded = {each["check"]: each for each in doctor.json()["checks"] if each["status"] != "ok"}
        for check in ("trust engine", "store " + store):
            self.assertIn("chancery trust remove", graded[check]["hint"])
        # A scraper has a token that may read, and nobody else is told.
        asker = Console(appliance.console)
        self.assertEqual(200, asker.sign_in(appliance.password()).status)
        token = asker.send("POST", "/tokens", {"name": "scraper", "scopes": ["read"]}).json()["token"]
        reply = Console(appliance.console, token).get("/metrics")
        self.assertEqual((200, "text/plain; version=0.0.4; charset=utf-8"), (reply.status, reply.headers["Content-Type"]))
        self.assertEqual(now["chancery_certificate_not_after_seconds"], figures(reply.body.decode())["chancery_certificate_not_after_seconds"])
        self.assertEqual(401, Console(appliance.console).get("/metrics").status)
        # What is installed and what is served part when the program is gone.
        appliance.stop("portal")
        self.assertNotIn('{endpoint="portal",identity="portal"}', {labels for labels, value in self.of(appliance).get("chancery_endpoint_serves_installed", {}).items() if value == 1})

    def test_the_federation(self):
        primary, secondary = self.federation()
        await_condition(lambda: secondary.name in str(self.of(primary).get("chancery_member_certificate_not_after_seconds")), "the primary has heard what its member serves")
        now = self.of(primary)
        installed = end_of(secondary.file("identities/engine/certificate.pem"))
        self.assertEqual(installed, now["chancery_member_certificate_not_after_seconds"][f'{{member="{secondary.name}",endpoint="engine",identity="engine"}}'])
        seen = now["chancery_member_last_seen_seconds"][f'{{member="{secondary.name}"}}']
        self.assertLess(abs(seen - datetime.datetime.now(datetime.timezone.utc).timestamp()), 120)


if __name__ == "__main__":
    unittest.main()
