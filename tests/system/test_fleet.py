"""Two engines, one portal: assignment rules (P26), the devices of all engines together, and both Web APIs against what they say of
themselves (OpenAPI 3.1): every path, parameter and answer, with and without a password."""
import base64
import json
import os
import re
import ssl
import unittest
import urllib.error
import urllib.parse
import urllib.request

import jsonschema

from harness import SystemTest, await_condition, file_fingerprints


class Fleet(SystemTest):
    def ask(self, appliance, port, path, query=None, signed_in=True, root=None):
        """Status, content type, and the document (or text)."""
        url = f"https://localhost:{port}{path}" + ("?" + urllib.parse.urlencode(query) if query else "")
        request = urllib.request.Request(url)
        if signed_in:
            request.add_header("Authorization", "Basic " + base64.b64encode(f"administrator:{appliance.password()}".encode()).decode())
        context = ssl.create_default_context(cafile=root or self.primary.root())
        try:
            with urllib.request.urlopen(request, context=context, timeout=20) as reply:
                status, kind, body = reply.status, reply.headers["Content-Type"], reply.read().decode()
        except urllib.error.HTTPError as error:
            status, kind, body = error.code, error.headers["Content-Type"], error.read().decode()
        return status, kind.split(";")[0], json.loads(body) if "json" in kind else body

    def devices(self, **query):
        status, _, page = self.ask(self.primary, self.primary.portal, "/api/v1/devices", query)
        self.assertEqual(200, status, page)
        return page

    def setUp(self):
        super().setUp()
        self.primary = self.appliance("primary", name="primary.test").start()
        self.engines = {}
        for name in ("one.test", "two.test"):
            secondary = self.appliance("secondary", name=name)
            secondary.join_federation_of(self.primary)
            self.engines[name] = secondary.start()

        def reached():
            status, _, document = self.ask(self.primary, self.primary.portal, "/api/v1/engines")
            return status == 200 and [e["name"] for e in document["engines"] if e["reachable"]] == ["one.test", "two.test"]

        await_condition(reached, "the portal reaches both engines")

    def asking(self, name, *tags):
        """A collector that asks the portal where it belongs."""
        state = os.path.join(self.folder, name)
        lines = [f'collector.portal = "localhost:{self.primary.portal}"', f'collector.root-ca = "{state}/root.pem"', "collector.report-interval = 1"]
        if tags:
            lines.append(f"collector.tags = {json.dumps(list(tags))}")
        return self.collector(next(iter(self.engines.values())), self.primary, lines, name)

    def sent_to(self, collector):
        """Each engine that the portal has sent it to, in order."""
        return re.findall(r"assigns engine (\S+) at", collector.log())

    def test_rules_and_devices(self):
        # Without rules the first by name; what is refused changes nothing.
        plain = self.asking("plain")
        plain.await_connected(to="one.test")
        self.assertEqual(["one.test"], self.sent_to(plain))
        before = self.primary.json("generation", "list")
        for words, code in ((["shops", "tag=shop"], "bad-setting"), (["shops", "engines=two.test", "address=10.0.0.0/33"], "bad-setting"),
                            (["shops", "engines=two.test", "tags=shop"], "bad-argument"), (["Shops", "engines=two.test"], "bad-name")):
            done = self.primary.cli("--json", "rule", "set", *words)
            self.assertEqual((1, code), (done.code, done.json()["error"]["code"]), done)
        self.assertEqual("planned", self.primary.json("rule", "set", "shops", "tag=shop", "engines=two.test", "--dry-run")["outcome"])
        self.assertEqual(before, self.primary.json("generation", "list"))
        self.assertEqual({"rules": []}, self.primary.json("rule", "list"))

        # Previewed, then set: who it is about goes elsewhere when it asks the next time.
        preview = self.primary.json("rule", "preview", "all", "--engine", "two.test")
        self.assertEqual([("one.test", "two.test", True)], [(c["now"]["engine"], c["then"]["engine"], c["changes"]) for c in preview["collectors"]])
        self.assertEqual({"rules": []}, self.primary.json("rule", "list"))
        self.assertEqual("done", self.primary.json("rule", "set", "shops", "--order", "10", "--tag", "shop*", "--engine", "two.test")["outcome"])
        self.assertEqual("done", self.primary.json("rule", "set", "far", "order=20", "address=198.51.100.0/24", "engines=two.test")["outcome"])
        self.assertEqual("done", self.primary.json("rule", "set", "gone", "order=30", "tag=lost", "engines=nowhere.test")["outcome"])
        shop = self.asking("shop", "berlin", "shop-7")
        shop.await_connected(to="two.test")
        self.assertEqual(["two.test"], self.sent_to(shop))
        lost = self.asking("lost", "lost")
        await_condition(lambda: "none of the rule's engines is reached now" in lost.log(), "it waits for its engine:\n" + lost.log())
        self.assertEqual([], self.sent_to(lost))
        preview = self.primary.json("rule", "preview")
        self.assertEqual(0, preview["changes"])
        found = {c["tags"][-1] if c["tags"] else "": (c["then"]["engine"], c["then"]["rule"]) for c in preview["collectors"]}
        self.assertEqual({"": ("one.test", ""), "shop-7": ("two.test", "shops"), "lost": ("", "gone")}, found)
        self.assertEqual("done", self.primary.json("rule", "set", "gone", "--fall-through", "true")["outcome"])
        lost.await_connected(to="one.test")
        self.assertEqual(["one.test"], self.sent_to(lost))
        self.assertEqual(["shops", "far", "gone"], [r["name"] for r in self.primary.json("rule", "list")["rules"]])
        # Edited by hand: reported, and adopted where it can be.
        with open(self.primary.file("rules/far.toml"), "r+") as file:
            text = file.read()
            file.seek(0)
            file.write(text.replace("198.51.100.0", "198.51.101.0"))
        done = self.primary.cli("--json", "rule", "delete", "far")
        self.assertEqual((1, "drift"), (done.code, done.json()["error"]["code"]), done)
        self.assertEqual("done", self.primary.json("generation", "adopt")["outcome"])
        self.assertEqual(["198.51.101.0/24"], self.primary.json("rule", "show", "far")["address"])
        self.assertEqual("done", self.primary.json("rule", "delete", "far")["outcome"])
        done = self.primary.cli("--json", "rule", "delete", "far")
        self.assertEqual((1, "unknown-rule"), (done.code, done.json()["error"]["code"]))
        # A change like any other: undone as any other.
        self.assertEqual(0, self.primary.cli("generation", "rollback", str(max(g["number"] for g in before["generations"]))).code)
        self.assertEqual({"rules": []}, self.primary.json("rule", "list"))
        self.look_at_devices({plain: "one.test", lost: "one.test", shop: "two.test"})

    def look_at_devices(self, belongs):
        ids = {c.status()["id"]: engine for c, engine in belongs.items()}

        def shown():
            page = self.devices()
            return {d["id"]: d["engine"] for d in page["devices"] if d["trust"] == "pinned"} == ids and page

        page = await_condition(shown, "the portal shows the devices of both engines")
        self.assertEqual((None, []), (page["next"], page["unreachable"]))
        shop = next(i for i, engine in ids.items() if engine == "two.test")
        for query, fits in (({"tag": "shop*"}, {shop}), ({"tag": "shop"}, set()), ({"engine": "two.test"}, {shop}), ({"os": "DEBIAN"}, set(ids)), ({"os": "plan 9"}, set()),
                            ({"trust": "pinned"}, set(ids)), ({"trust": "none"}, set()), ({"connected": "true"}, set(ids)), ({"connected": "false"}, set()),
                            ({"seen_since": "2020-01-01T00:00:00Z"}, set(ids)), ({"seen_since": "2120-01-01T00:00:00Z"}, set()), ({"name": "*"}, set(ids)), ({"name": "?"}, set()),
                            ({"root": page["devices"][0]["trust_roots"][0]}, set(ids)), ({"lacks_root": page["devices"][0]["trust_roots"][0]}, set()),
                            ({"lacks_root": "0" * 64}, set(ids)), ({"version": page["devices"][0]["version"]}, set(ids)), ({"version": "0"}, set())):
            self.assertEqual(fits, {d["id"] for d in self.devices(**query)["devices"]}, query)
        # Page by page, across engines; a page that is exactly full has one more that is empty at most.
        for limit in (1, 2):
            walked, cursor = [], {}
            for _ in range(6):
                part = self.devices(limit=limit, **cursor)
                self.assertLessEqual(len(part["devices"]), limit)
                walked += [d["id"] for d in part["devices"]]
                if part["next"] is None:
                    break
                cursor = {"cursor": part["next"]}
            self.assertEqual(sorted(ids), sorted(walked), limit)
        status, _, summary = self.ask(self.primary, self.primary.portal, "/api/v1/summary")
        self.assertEqual((200, 3, {"pinned": 3}, 1), (status, summary["total"], summary["trust"], summary["tags"]["shop-7"]))
        status, kind, text = self.ask(self.primary, self.primary.portal, "/devices")
        self.assertEqual((200, "text/html", True), (status, kind, shop[:16] in text))

        status, _, device = self.ask(self.primary, self.primary.portal, f"/api/v1/devices/{shop}")
        self.assertEqual((200, shop, "two.test", ["berlin", "shop-7"]), (status, device["id"], device["engine"], device["tags"]))
        status, _, sent = self.ask(self.primary, self.primary.portal, "/api/v1/rules")
        self.assertEqual((200, [], ids), (status, sent["rules"], {c["id"]: c["engine"] for c in sent["collectors"]}))
        certificates = self.look_at_certificates()

        for appliance, port in ((self.primary, self.primary.portal), (self.engines["one.test"], self.engines["one.test"].engine_api)):
            self.hold_against_its_description(appliance, port)
        # An engine that is away takes nobody else's devices along.
        self.engines["two.test"].stop("engine")
        part = self.devices()
        self.assertEqual(["two.test"], [u["engine"] for u in part["unreachable"]])
        self.assertEqual({"one.test"}, {d["engine"] for d in part["devices"]})
        status, _, problem = self.ask(self.primary, self.primary.portal, f"/api/v1/devices/{shop}")
        self.assertEqual((404, "unknown-device", True), (status, problem["code"], "two.test" in problem["detail"]))
        # Of its certificates what it told last is there, and it is named.
        self.assertEqual(certificates, await_condition(lambda: self.look_at_certificates(away=["two.test"]), "the portal notices"))

    def look_at_certificates(self, away=()):
        """All certificates that the appliances themselves say they have, or None while the portal does not miss those that are away."""
        status, _, document = self.ask(self.primary, self.primary.portal, "/api/v1/certificates")
        self.assertEqual(200, status, document)
        if [u["engine"] for u in document["unreachable"]] != list(away):
            return None
        shown = {(c["member"], c["identity"]): c["certificate"] for c in document["certificates"]}
        own = {(a.name, i["identity"]): i["certificate"] for a in (self.primary, *self.engines.values()) for i in a.json("cert", "list")["identities"]}
        self.assertEqual(own, shown)
        # Whoever sends an intermediate along has a certificate under that name; each root is there without anybody sending it.
        sent = {(a["certificate"]["subject"], member) for a in document["authorities"] for member in a["members"]}
        self.assertEqual({(c["issuer"], member) for (member, _), c in own.items()}, sent)
        self.assertEqual(file_fingerprints(self.primary.root()), [a["certificate"]["sha256"] for a in document["authorities"] if not a["members"]])
        return shown

    def hold_against_its_description(self, appliance, port):
        status, _, description = self.ask(appliance, port, "/api/v1/openapi.json", signed_in=False)
        self.assertEqual((200, "3.1.0"), (status, description["openapi"]))

        def schema_of(part):
            return {"$schema": "https://json-schema.org/draft/2020-12/schema", **part, "components": description["components"]}

        for name in description["components"]["schemas"]:
            jsonschema.Draft202012Validator.check_schema(schema_of({"$ref": f"#/components/schemas/{name}"}))

        def response_of(operation, status):
            self.assertIn(str(status), operation["responses"], operation["operationId"])
            found = operation["responses"][str(status)]
            while "$ref" in found:
                found = description["components"]["responses"][found["$ref"].rsplit("/", 1)[1]]
            return found["content"]

        def expect(operation, path, status, query=None, signed_in=True):
            found, kind, document = self.ask(appliance, port, path, query, signed_in)
            self.assertEqual(status, found, (path, query, document))
            content = response_of(operation, status)
            self.assertIn(kind, content, (path, query))
            jsonschema.Draft202012Validator(schema_of(content[kind]["schema"]), format_checker=jsonschema.FormatChecker()).validate(document)
            return document

        for template, methods in description["paths"].items():
            for method, operation in methods.items():
                self.assertEqual("get", method)
                if "text/event-stream" in operation.get("responses", {}).get("200", {}).get("content", {}):
                    expect(operation, template, 401, signed_in=False)  # one that has no end: test_portal_pages listens
                    continue
                path = template
                if "{id}" in path:
                    some = self.ask(appliance, port, "/api/v1/devices")[2]["devices"]
                    path = path.replace("{id}", some[0]["id"])
                    expect(operation, template.replace("{id}", "f" * 64), 404)
                if operation.get("security", description["security"]) == []:
                    expect(operation, path, 200, signed_in=False)
                else:
                    expect(operation, path, 401, signed_in=False)
                    expect(operation, path, 200)
                for parameter in operation.get("parameters", []):
                    if parameter["in"] != "query":
                        continue
                    example = parameter["example"]
                    if parameter["name"] == "engine":
                        expect(operation, path, 404, {"engine": "nowhere.test"})
                        example = "one.test"
                    expect(operation, path, 200, {parameter["name"]: str(example).lower() if isinstance(example, bool) else example})
                    expect(operation, path, 400, {parameter["name"]: ""}) if parameter["name"] != "engine" else None
                    schema = schema_of(parameter["schema"])
                    for wrong in ("%", "0", "1001", "maybe"):
                        value = int(wrong) if parameter["schema"].get("type") == "integer" and wrong.isdigit() else wrong
                        allowed = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).is_valid(value)
                        if not allowed:
                            expect(operation, path, 400, {parameter["name"]: wrong})
                if "400" in operation["responses"]:
                    expect(operation, path, 400, {"colour": "blue"})
                # What is described is all that there is: other methods are refused.
                request = urllib.request.Request(f"https://localhost:{port}{path}", data=b"{}", method="POST")
                with self.assertRaises(urllib.error.HTTPError) as refused:
                    urllib.request.urlopen(request, context=ssl.create_default_context(cafile=self.primary.root()), timeout=20)
                self.assertIn(refused.exception.code, (404, 405))


if __name__ == "__main__":
    unittest.main()
