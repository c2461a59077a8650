"""A federation of real processes: joining, heartbeats, the portal's questions, collectors, and trust that counts at once."""
import json
import os
import ssl
import subprocess
import unittest
import urllib.error
import urllib.request

from harness import BIN, SystemTest, await_condition, run, served_chain


class Federation(SystemTest):
    def ask(self, appliance, port, path, password=None, root=None):
        request = urllib.request.Request(f"https://localhost:{port}{path}")
        if password:
            import base64

            request.add_header("Authorization", "Basic " + base64.b64encode(f"administrator:{password}".encode()).decode())
        context = ssl.create_default_context(cafile=root or appliance.root())
        try:
            with urllib.request.urlopen(request, context=context, timeout=10) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def engines(self, primary):
        status, body = self.ask(primary, primary.portal, "/api/v1/engines", primary.password())
        self.assertEqual(200, status, body)
        return json.loads(body)["engines"]

    def test_everything_finds_everything(self):
        """P1's arrows that exist: browser -> console, browser -> portal, portal -> engine, engine -> portal, collector -> engine."""
        primary, secondary = self.federation()
        collector = self.collector(secondary, primary)
        collector.await_connected()
        await_condition(lambda: [e for e in self.engines(primary) if e["name"] == "secondary.test" and e["reachable"] and e["verified"]],
                        "the portal asks the engine and verifies it by its internal name")
        await_condition(lambda: [e for e in self.engines(primary) if e["connected"] == 1], "the engine's collector shows on the portal")
        status, body = self.ask(primary, secondary.engine, "/api/v1/devices", secondary.password())
        self.assertEqual(200, status, body)
        devices = json.loads(body)["devices"]
        self.assertEqual(1, len(devices))
        self.assertTrue(devices[0]["connected"])
        self.assertEqual(served_chain(secondary.engine)[0], devices[0]["presented"])
        self.assertEqual("pinned", devices[0]["trust"])
        for appliance in (primary, secondary):
            status, body = self.ask(primary, appliance.console, "/", appliance.password())
            self.assertEqual(200, status, body)
            self.assertIn("<title>Chancery</title>", body)
            status, _ = self.ask(primary, appliance.console, "/api/v1/certificates")
            self.assertEqual(401, status)
            status, body = self.ask(primary, appliance.console, "/api/v1/certificates", appliance.password())
            self.assertEqual(200, status)
            self.assertEqual(appliance.json("cert", "list")["identities"][0]["certificate"], json.loads(body)["identities"][0]["certificate"])
        members = primary.json("federation", "list")["members"]
        self.assertEqual({"primary.test", "secondary.test"}, {m["name"] for m in members})

    def test_a_collector_asks_the_portal_where_it_belongs(self):
        """P1's arrow collector -> portal: it proves itself there as to an engine, and is sent on to one that is reachable."""
        primary, secondary = self.federation()
        await_condition(lambda: [e for e in self.engines(primary) if e["reachable"]], "the portal reaches an engine")
        state = os.path.join(self.folder, "asking")
        collector = self.collector(secondary, primary, name="asking", settings=[
            f'collector.portal = "localhost:{primary.portal}"', f'collector.root-ca = "{state}/root.pem"'])
        # The portal is the first that it is connected to.
        await_condition(lambda: "assigns engine secondary.test" in collector.log(), "it is sent on:\n" + collector.log())
        collector.await_connected(to="secondary.test")

    def test_a_replacement_names_the_pinned_collectors_it_would_lock_out(self):
        primary, secondary = self.federation()
        self.collector(secondary, primary).await_connected()

        def reported():
            return json.loads(self.ask(primary, secondary.engine, "/api/v1/devices", secondary.password())[1])["devices"][0]["trust"] == "pinned"

        await_condition(reported, "its trust is known")
        pki = self.pki()
        leaf = pki.leaf(["secondary.test", "localhost"])

        def findings():
            # Asked itself, it says so too (test_rehearsal.py): that is accepted here.
            done = secondary.cli("--json", "cert", "replace", *pki.files(leaf), "--accept-breakage", "1", "--dry-run")
            self.assertEqual(0, done.code, done)
            return [f for f in done.json()["report"]["findings"] if f["code"] == "pinned-collectors"]

        await_condition(findings, "the engine has written it down, and the plan names the collector")
        self.assertIn("1 collector is pinned", findings()[0]["message"])
        portal = primary.cli("--json", "cert", "replace", *pki.files(pki.leaf(["primary.test"])), "--dry-run")
        self.assertNotIn("pinned-collectors", portal.out)

    def test_log_lines_of_both_ends(self):
        """D5: attempt, peer and version with VERIFIED, connection numbers; the server logs acceptance."""
        primary, secondary = self.federation()
        collector = self.collector(secondary, primary)
        collector.await_connected()
        self.assertRegex(collector.log(), r"\[1\].*TCP/IP\|TLS")
        self.assertRegex(collector.log(), r"\[1\].*\[TLSv1\.3 VERIFIED\]")
        self.assertRegex(secondary.log("engine"), r"\[\d+\].*127\.0\.0\.1.*\[TLSv1\.3\]")
        unverified = self.collector(secondary, primary, name="unverified", settings=[
            f'collector.servers = ["localhost:{secondary.engine}"]', 'collector.required-level = "TLSNoPeerAuth"'])
        unverified.await_connected()
        self.assertRegex(unverified.log(), r"\[1\].*\[TLSv1\.3\]")
        self.assertNotIn("VERIFIED", unverified.log())

    def test_a_collector_on_an_operating_system_store_trusts_only_what_stands_there(self):
        primary, secondary = self.federation()
        settings = [f'collector.servers = ["localhost:{secondary.engine}"]', 'collector.root-ca = ""']
        state = os.path.join(self.folder, "os")
        collector = self.collector(secondary, primary, settings=settings, name="os")
        await_condition(lambda: "untrusted" in collector.log() or "trust" in collector.log(), "it refuses the unknown root")
        self.assertFalse(collector.status().get("connected"))
        collector.process.terminate()
        collector.process.wait(10)
        env = {**os.environ, "SSL_CERT_FILE": primary.root()}
        log = os.path.join(self.folder, "os-again.log")
        with open(log, "ab") as out:
            process = subprocess.Popen([os.path.join(BIN, "chancery-collector"), "--state", state], stdout=out, stderr=out, env=env)
        self.processes.append(process)
        collector.process, collector.log_path = process, log
        collector.await_connected()
        self.assertEqual("operating-system", collector.status()["trust"])

    def test_a_collector_without_the_customer_key_is_not_admitted(self):
        primary, secondary = self.federation()
        collector = self.collector(secondary, primary, name="stranger")
        collector.process.terminate()
        collector.process.wait(10)
        with open(os.path.join(collector.state, "customer.key"), "wb") as file:
            file.write(os.urandom(32))
        with open(collector.log_path, "ab") as out:
            process = subprocess.Popen([os.path.join(BIN, "chancery-collector"), "--state", collector.state], stdout=out, stderr=out)
        self.processes.append(process)
        os.unlink(os.path.join(collector.state, "collector.key")) if os.path.exists(os.path.join(collector.state, "collector.key")) else None
        await_condition(lambda: "Customer Key" in collector.log(), "it is told why")
        self.assertFalse(collector.status().get("connected"))

    def test_trust_that_is_appended_counts_at_the_next_connection(self):
        """P24: the portal gets a certificate under a private root; the heartbeat fails until the engine trusts it."""
        primary, secondary = self.federation()
        await_condition(lambda: "heartbeat accepted" in secondary.log("engine"), "the first heartbeat")
        pki = self.pki()
        leaf = pki.leaf(["primary.test", "localhost"])
        self.assertEqual(0, primary.cli("cert", "replace", *pki.files(leaf)).code)
        await_condition(lambda: "heartbeat to the portal failed" in secondary.log("engine"), "the engine refuses the unknown root")
        accepted = secondary.log("engine").count("heartbeat accepted")
        with open(secondary.file("trust/engine/ca-bundle.crt")) as file:
            before = file.read()
        done = secondary.cli("trust", "append", pki.root)
        self.assertEqual(0, done.code, done)
        with open(secondary.file("trust/engine/ca-bundle.crt")) as file:
            self.assertTrue(file.read().startswith(before), "appending keeps what was there")
        await_condition(lambda: secondary.log("engine").count("heartbeat accepted") > accepted, "the next heartbeat is accepted")
        generation = secondary.generation()
        again = secondary.cli("trust", "append", pki.root)
        self.assertEqual(0, again.code, again)
        self.assertEqual(generation, secondary.generation(), "appending twice changes nothing")
        for bad in (pki.path("root.key"), pki.path(leaf + ".key"), os.path.join(BIN, "chancery")):
            before_bad = secondary.in_force()
            self.assertEqual(1, secondary.cli("trust", "append", bad).code)
            self.assertEqual(before_bad, secondary.in_force())
        fingerprint = next(line for line in [secondary.json("trust", "list")["certificates"][-1]["sha256"]])
        self.assertEqual(0, secondary.cli("trust", "remove", fingerprint).code)
        await_condition(lambda: secondary.log("engine").count("heartbeat to the portal failed") >= 2, "removed trust counts at once too")

    def test_the_portal_verifies_the_engine_by_its_internal_name(self):
        """P12 and P23: a certificate without the internal name is refused by preflight with both remedies; the setting ignores problems."""
        primary = self.appliance("primary", name="primary.test").start()
        secondary = self.appliance("secondary", name="secondary.test", internal_name="engine.internal")
        secondary.join_federation_of(primary, "engine.internal")
        secondary.start()
        await_condition(lambda: [e for e in self.engines(primary) if e["internal_name"] == "engine.internal" and e["verified"]],
                        "verified as engine.internal")
        pki = self.pki()
        leaf = pki.leaf(["secondary.test", "localhost"])
        before = secondary.in_force()
        refused = secondary.cli("--json", "cert", "replace", *pki.files(leaf))
        self.assertEqual(1, refused.code, refused)
        finding = [f for f in refused.json()["report"]["findings"] if f["code"] == "name-mismatch"]
        self.assertEqual(1, len(finding), refused)
        self.assertIn("engine.internal", finding[0]["message"] + finding[0]["subject"])
        self.assertEqual(before, secondary.in_force())
        # Accepted by name, the portal then refuses it, until the setting says to ignore problems.
        accepted = secondary.cli("cert", "replace", *pki.files(leaf), "--accept", "name-mismatch")
        self.assertEqual(0, accepted.code, accepted)
        await_condition(lambda: [e for e in self.engines(primary) if not e["reachable"]], "the portal refuses the engine")
        primary.stop("portal")
        with open(os.path.join(primary.state, "settings", "portal.toml"), "w") as file:
            file.write("globalconfig.portal.dispatcher.engine-ssl-ignore-certificate-problems = true\n")
        primary.start("portal")
        await_condition(lambda: [e for e in self.engines(primary) if e["reachable"] and not e["verified"]], "reached, and shown as not verified")

    def test_joining_is_refused_without_trace(self):
        primary = self.appliance("primary", name="primary.test").start()
        secondary = self.appliance("secondary", name="secondary.test")
        token = os.path.join(self.folder, "wrong")
        with open(token, "w") as file:
            file.write("chancery-join-1.AAAA")
        before = secondary.in_force()
        done = secondary.cli("federation", "join", "--primary", f"127.0.0.1:{primary.join}", "--token-file", token)
        self.assertEqual(1, done.code, done)
        self.assertIn("hint:", done.err)
        self.assertEqual(before, secondary.in_force())
        # A token for other names.
        other = primary.cli("federation", "token", "--role", "engine", "--name", "other.test")
        with open(token, "w") as file:
            file.write(other.out)
        done = secondary.cli("federation", "join", "--primary", f"127.0.0.1:{primary.join}", "--token-file", token)
        self.assertEqual(1, done.code, done)
        self.assertEqual(before, secondary.in_force())
        self.assertEqual(["primary.test"], [m["name"] for m in primary.json("federation", "list")["members"]])

    def test_joining_never_overwrites_a_custom_certificate(self):
        """P28: replacing before joining warns; joining leaves it in force and renews the default beside it."""
        primary = self.appliance("primary", name="primary.test").start()
        secondary = self.appliance("secondary", name="secondary.test").start()
        pki = self.pki()
        leaf = pki.leaf(["secondary.test", "localhost"])
        done = secondary.cli("--json", "cert", "replace", *pki.files(leaf))
        self.assertEqual(0, done.code, done)
        self.assertIn("not-federated", done.out)
        token = os.path.join(self.folder, "t")
        made = primary.cli("federation", "token", "--role", "engine", "--name", "secondary.test", "--san", "localhost", "--san", "127.0.0.1")
        with open(token, "w") as file:
            file.write(made.out)
        self.assertEqual(0, secondary.cli("federation", "join", "--primary", f"127.0.0.1:{primary.join}", "--token-file", token).code)
        self.assertEqual(pki.sent(leaf), served_chain(secondary.engine))
        self.assertEqual(0, secondary.cli("cert", "reset", "engine").code)
        verified = run("openssl", "s_client", "-connect", f"127.0.0.1:{secondary.engine}", "-CAfile", primary.root(), "-verify_hostname", "localhost")
        self.assertIn("Verify return code: 0", verified.stdout.decode())

    def test_the_cli_shows_what_is_installed_and_served(self):
        primary, secondary = self.federation()
        for appliance in (primary, secondary):
            listed = appliance.json("cert", "list")
            for identity in listed["identities"]:
                for served in identity["served"]:
                    self.assertTrue(served["ok"], identity)
                    self.assertEqual(identity["certificate"]["sha256"], served["sha256"])
            shown = {s["endpoint"] for i in listed["identities"] for s in i["served"]}
            self.assertIn("console", shown)
            table = appliance.cli("cert", "list")
            self.assertEqual(0, table.code)
            self.assertTrue(all(len(line) <= 80 for line in table.out.splitlines()), table.out)
            doctor = appliance.cli("--json", "doctor")
            self.assertEqual(0, doctor.code, doctor)


if __name__ == "__main__":
    unittest.main()
