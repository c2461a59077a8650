"""A single appliance, and the collectors' custom port: P6, P7, P8, P9, P13, P14, with real collectors as the peers that look."""
import base64
import hashlib
import json
import os
import ssl
import unittest
import urllib.request

from harness import SystemTest, await_condition, file_fingerprints, must, run, served_chain


class Single(SystemTest):
    def ask(self, appliance, port, path, root):
        request = urllib.request.Request(f"https://localhost:{port}{path}")
        request.add_header("Authorization", "Basic " + base64.b64encode(f"administrator:{appliance.password()}".encode()).decode())
        with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=root), timeout=10) as reply:
            return reply.status, reply.read().decode()

    def devices(self, appliance, root=None):
        status, body = self.ask(appliance, appliance.engine_api, "/api/v1/devices", root or appliance.root())
        self.assertEqual(200, status, body)
        return json.loads(body)["devices"]

    def collector_at(self, appliance, port, root=None, name="collector"):
        state = os.path.join(self.folder, name)
        return self.collector(appliance, appliance, name=name, settings=[
            f'collector.servers = ["localhost:{port}"]', f'collector.root-ca = "{root or os.path.join(state, "root.pem")}"',
            "collector.report-interval = 1"])

    def customer_key(self, appliance):
        with open(appliance.file("customer-key/customer.key"), "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()

    def test_one_operation_covers_everything_and_collectors_share_the_port_of_the_pages(self):
        """P6: portal owns the port; its pages, the engine's collectors by ALPN, console and Web API all get the one certificate."""
        single = self.appliance("single").start()
        through_portal = self.collector_at(single, single.portal)
        through_portal.await_connected()
        default = served_chain(single.engine_api)
        device = await_condition(lambda: self.devices(single), "the collector is among the engine's devices")[0]
        self.assertTrue(device["connected"])
        self.assertEqual(default[0], device["presented"])
        self.assertEqual(default, served_chain(single.portal, alpn="chancery-collector/1"), "the engine answers with its own identity")
        self.assertNotEqual(default, served_chain(single.portal))
        join, custom_port = served_chain(single.join), served_chain(single.collectors)
        pki = self.pki()
        leaf = pki.leaf(["appliance.test", "localhost"])
        reply = single.json("cert", "replace", *pki.files(leaf), "--accept-breakage", "1")
        self.assertEqual(["console", "engine", "portal"], sorted(reply["identities"]))
        self.assertEqual({"console", "portal", "engine-api"}, {p["endpoint"].split()[0] for p in reply["proofs"] if p["ok"]})
        for port in (single.console, single.portal, single.engine_api):
            self.assertEqual(pki.sent(leaf), served_chain(port))
        self.assertEqual(pki.sent(leaf), served_chain(single.portal, alpn="chancery-collector/1"))
        self.assertEqual((join, custom_port), (served_chain(single.join), served_chain(single.collectors)), "these are not in the group")
        # The live channel was not dropped, and a collector that knows the new root comes in by the same port.
        self.assertEqual([True], [d["connected"] for d in self.devices(single, pki.root)])
        newcomer = self.collector_at(single, single.portal, pki.root, "newcomer")
        newcomer.await_connected()
        both = await_condition(lambda: len(found := self.devices(single, pki.root)) == 2 and found, "both are devices of the engine")
        self.assertEqual({default[0], pki.sent(leaf)[0]}, {d["presented"] for d in both})
        status, page = self.ask(single, single.portal, "/", pki.root)
        self.assertEqual(200, status)
        self.assertIn("<html", page)

    def test_the_engine_gets_files_of_its_own(self):
        """P6: --identity engine replaces the engine's alone; pages and collectors on the shared port are told apart by ALPN."""
        single = self.appliance("single").start()
        pki = self.pki()
        group, own = pki.leaf(["appliance.test", "localhost"]), pki.leaf(["appliance.test", "localhost", "engine.test"])
        self.assertEqual(0, single.cli("cert", "replace", *pki.files(group)).code)
        reply = single.json("cert", "replace", *pki.files(own), "--identity", "engine")
        self.assertEqual(["engine"], reply["identities"])
        self.assertEqual(pki.sent(own), served_chain(single.engine_api))
        self.assertEqual(pki.sent(own), served_chain(single.portal, alpn="chancery-collector/1"))
        for port in (single.console, single.portal):
            self.assertEqual(pki.sent(group), served_chain(port))
        sources = {i["identity"]: i["certificate"]["sha256"] for i in single.json("cert", "list")["identities"]}
        self.assertEqual(pki.sent(own)[0], sources["engine"])
        self.assertEqual(pki.sent(group)[0], sources["portal"])
        # An identity of another role's appliance is no identity here, and nothing moves.
        before = single.in_force()
        refused = single.cli("--json", "cert", "replace", *pki.files(group), "--identity", "portal-collector")
        self.assertEqual(1, refused.code, refused)
        self.assertTrue(refused.json()["error"]["hint"])
        for forbidden in ("member", "authority-tls"):
            self.assertNotEqual(0, single.cli("cert", "replace", *pki.files(group), "--identity", forbidden).code)
        self.assertEqual((before, pki.sent(own)), (single.in_force(), served_chain(single.engine_api)))

    def test_a_collector_on_the_custom_port_and_its_certificate(self):
        """P7, P8: the custom port has its own certificate, replaced alone, used by a collector, and put back to the default."""
        single = self.appliance("single").start()
        default, pages = served_chain(single.collectors), served_chain(single.portal)
        self.collector_at(single, single.collectors).await_connected()
        pki = self.pki()
        leaf = pki.leaf(["appliance.test", "localhost"])
        reply = single.json("cert", "replace", *pki.files(leaf), "--identity", "engine-collector", "--accept-breakage", "1")
        self.assertEqual({"engine-collector"}, {p["endpoint"].split()[0] for p in reply["proofs"]})
        self.assertEqual(pki.sent(leaf), served_chain(single.collectors))
        self.assertEqual(pages, served_chain(single.portal))
        newcomer = self.collector_at(single, single.collectors, pki.root, "newcomer")
        newcomer.await_connected()
        await_condition(lambda: pki.sent(leaf)[0] in {d["presented"] for d in self.devices(single)}, "it saw the new certificate")
        done = single.cli("cert", "reset", "engine-collector")
        self.assertEqual(0, done.code, done)
        self.assertEqual(default, served_chain(single.collectors))
        self.assertEqual("default", {i["identity"]: i["source"] for i in single.json("cert", "list")["identities"]}["engine-collector"])
        self.collector_at(single, single.collectors, name="third").await_connected()

    def test_the_custom_port_of_portal_and_engine_are_separate(self):
        """P7: portal-collector on the primary and engine-collector on the secondary are replaced apart from each other and the rest."""
        primary, secondary = self.federation()
        pki = self.pki()
        for appliance, identity, name in ((primary, "portal-collector", "primary.test"), (secondary, "engine-collector", "secondary.test")):
            with self.subTest(identity):
                default, rest = served_chain(appliance.collectors), (served_chain(appliance.console), served_chain(appliance.portal))
                leaf = pki.leaf([name, "localhost"])
                done = appliance.cli("cert", "replace", *pki.files(leaf), "--identity", identity)
                self.assertEqual(0, done.code, done)
                self.assertEqual(pki.sent(leaf), served_chain(appliance.collectors))
                self.assertEqual(rest, (served_chain(appliance.console), served_chain(appliance.portal)))
                self.assertEqual(0, appliance.cli("cert", "reset", identity).code)
                self.assertEqual(default, served_chain(appliance.collectors))

    def test_a_collector_asks_for_its_engine_on_the_portals_custom_port(self):
        """P7, P26: the portal's custom port, before and after its own certificate was replaced and put back."""
        primary, secondary = self.federation()
        default = served_chain(primary.collectors)

        def assigned(name, root):
            """A collector that knows no engine, only the portal's custom port; `root` anchors both that port and the engine."""
            collector = self.collector(secondary, primary, name=name, settings=[
                f'collector.portal = "localhost:{primary.collectors}"', f'collector.root-ca = "{root}"', "collector.report-interval = 1"])
            collector.await_connected(to="secondary.test")
            self.assertIn("assigns engine secondary.test", collector.log())
            self.assertIn(f":{primary.collectors}", collector.log())

        assigned("first", primary.root())
        pki = self.pki()
        done = primary.cli("cert", "replace", *pki.files(pki.leaf(["primary.test", "localhost"])), "--identity", "portal-collector", "--accept-breakage", "1")
        self.assertEqual(0, done.code, done)
        both = os.path.join(self.folder, "both.pem")
        with open(both, "w") as file:
            file.write(must("cat", primary.root(), pki.root))
        assigned("second", both)
        # Who trusts the old root alone is not assigned any more: it is the new certificate that is presented there.
        refused = self.collector(secondary, primary, name="third", settings=[
            f'collector.portal = "localhost:{primary.collectors}"', f'collector.root-ca = "{primary.root()}"'])
        await_condition(lambda: "does not end in a trusted certificate" in refused.log(), "it refuses")
        self.assertFalse(refused.status().get("connected"))
        self.assertEqual(0, primary.cli("cert", "reset", "portal-collector").code)
        self.assertEqual(default, served_chain(primary.collectors))
        refused.await_connected()

    def test_the_customer_key_never_moves(self):
        """P9: replace, reset, restore and rollback leave it; a collector known before is the same device after all of them."""
        single = self.appliance("single").start()
        key = self.customer_key(single)
        collector = self.collector_at(single, single.portal)
        collector.await_connected()
        device = await_condition(lambda: self.devices(single), "the device")[0]["id"]
        pki = self.pki()
        leaf = pki.leaf(["appliance.test", "localhost"])
        first = int(single.generation().split("/")[1])
        self.assertEqual(0, single.cli("cert", "replace", *pki.files(leaf), "--accept-breakage", "1").code)
        self.assertEqual(key, self.customer_key(single))
        newest = single.json("backup", "list")["sets"][0]["id"]
        for step in (["cert", "reset", "engine"], ["backup", "restore", newest], ["generation", "rollback", str(first + 1), "--accept-breakage", "1"],
                     ["generation", "rollback", str(first)]):
            with self.subTest(" ".join(step)):
                done = single.cli(*step)
                self.assertEqual(0, done.code, done)
                self.assertEqual(key, self.customer_key(single))
        # Restarted engine, new connection: the same key admits it, under the id it had.
        single.stop("engine").start("engine")
        await_condition(lambda: [d for d in self.devices(single) if d["connected"]], "the collector is back")
        self.assertEqual([device], [d["id"] for d in self.devices(single)])

    def test_one_certificate_with_several_names_serves_two_secondaries(self):
        """P13 and P9's other half: joining transfers the Customer Key."""
        primary, first = self.federation()
        second = self.appliance("secondary", name="second.test")
        token = os.path.join(self.folder, "token2")
        made = primary.cli("federation", "token", "--role", "engine", "--name", "second.test", "--san", "localhost", "--san", "127.0.0.1")
        with open(os.open(token, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write(made.out)
        done = second.cli("federation", "join", "--primary", f"127.0.0.1:{primary.join}", "--token-file", token)
        self.assertEqual(0, done.code, done)
        second.start()
        self.assertEqual(self.customer_key(primary), self.customer_key(second))
        pki = self.pki()
        leaf = pki.leaf(["secondary.test", "second.test", "localhost"])
        for appliance in (first, second):
            done = appliance.cli("cert", "replace", *pki.files(leaf))
            self.assertEqual(0, done.code, done)
            for port in (appliance.console, appliance.engine):
                self.assertEqual(pki.sent(leaf), served_chain(port))
            self.assertEqual(self.customer_key(primary), self.customer_key(appliance))
        for appliance, name in ((first, "secondary.test"), (second, "second.test")):
            looked = run("openssl", "s_client", "-connect", f"127.0.0.1:{appliance.engine}", "-CAfile", pki.root, "-verify_hostname", name)
            self.assertIn("Verify return code: 0", looked.stdout.decode())

    def test_a_client_that_holds_the_intermediates_itself(self):
        """P14: the server sends its leaf alone; a client with root and intermediates gets through, one with the root alone does not."""
        single = self.appliance("single").start()
        pki = self.pki()
        leaf = pki.leaf(["appliance.test", "localhost"])
        alone = ["--certificate", pki.path(leaf + ".crt"), "--key", pki.path(leaf + ".key"), "--also-trust", pki.root]
        before = single.in_force(), served_chain(single.engine_api)
        self.assertEqual(1, single.cli("cert", "replace", *alone).code)
        self.assertEqual(before, (single.in_force(), served_chain(single.engine_api)))
        done = single.cli("cert", "replace", *alone, "--accept", "missing-intermediate")
        self.assertEqual(0, done.code, done)
        self.assertEqual(file_fingerprints(pki.path(leaf + ".crt")), served_chain(single.portal), "nothing is added behind one's back")
        whole = os.path.join(self.folder, "whole.pem")
        with open(whole, "w") as file:
            file.write(must("cat", pki.root, pki.intermediates))
        self.collector_at(single, single.portal, whole, "holds-them").await_connected()
        refused = self.collector_at(single, single.portal, pki.root, "root-only")
        await_condition(lambda: "untrusted" in refused.log() or "missing" in refused.log() or "issuer" in refused.log(), "it refuses:\n" + refused.log())
        self.assertFalse(refused.status().get("connected"))


if __name__ == "__main__":
    unittest.main()
