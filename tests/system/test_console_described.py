"""What is written about the console's API is so: the README's curl examples are run as they stand there, and the OpenAPI document
is held against the running server."""
import json
import os
import re
import shutil
import subprocess
import unittest

from console_client import Console
from harness import SOURCE, SystemTest, served_chain

SCOPES = ("read", "certificates", "backups", "trust", "policy", "federation", "authority", "audit")


class Described(SystemTest):
    def signed_in(self, appliance):
        asker = Console(appliance.console)
        self.assertEqual(200, asker.sign_in(appliance.password()).status)
        return asker

    def test_the_examples_of_the_readme(self):
        appliance = self.appliance("single", name="primary.example.com").start()
        pki = self.pki()
        leaf = pki.leaf(["primary.example.com", "localhost"])
        done = appliance.cli("trust", "append", pki.root, "--store", "engine")
        self.assertEqual(0, done.code, done)
        for source, name in ((pki.path(leaf + ".crt"), "portal.pem"), (pki.path(leaf + ".key"), "portal.key"), (pki.intermediates, "chain.pem"), (appliance.root(), "root.pem")):
            shutil.copy(source, os.path.join(self.folder, name))
        token = self.signed_in(appliance).send("POST", "/tokens", {"name": "readme", "scopes": ["read", "certificates", "backups"]}).json()["token"]
        with open(os.path.join(SOURCE, "README.md")) as file:
            [block] = [text for text in file.read().split("```") if "curl --cacert" in text]
        commands = block.replace("\\\n", " ").strip().splitlines()
        self.assertEqual(3, len(commands))
        here = f"curl -sS --resolve primary.example.com:{appliance.console}:127.0.0.1 "
        answers = []
        for command in commands:
            # Another port than the usual one, a generation that there is, and the root of the CA beside the chain.
            command = command.replace("curl ", here, 1).replace(":99/", f":{appliance.console}/").replace('"number": 12', '"number": 1').replace("-F dry_run", f"-F also_trust=@{pki.root} -F dry_run")
            done = subprocess.run(["bash", "-c", command], cwd=self.folder, env={**os.environ, "TOKEN": token}, capture_output=True, text=True, timeout=60)
            self.assertEqual((0, ""), (done.returncode, done.stderr), command)
            answers.append(json.loads(done.stdout))
        self.assertIn("portal", [each["identity"] for each in answers[0]["identities"]])
        self.assertEqual("planned", answers[1]["outcome"], answers[1])
        self.assertEqual("done", answers[2]["outcome"], answers[2])
        self.assertNotEqual(pki.sent(leaf), served_chain(appliance.portal))

    def test_the_openapi_document(self):
        appliance = self.appliance("primary", name="primary.test").start()
        asker = self.signed_in(appliance)
        document = asker.get("/openapi.json").json()
        script = Console(appliance.console, asker.send("POST", "/tokens", {"name": "all", "scopes": list(SCOPES)}).json()["token"])
        before = appliance.in_force()
        answered = 0
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                if method == "parameters" or operation["operationId"] == "events":
                    continue
                is_own = operation["tags"] == ["session"]
                who = asker if is_own else script
                with self.subTest(method=method, path=path):
                    filled = re.sub(r"\{\w+\}", "nothing-of-this-name", path)
                    if method != "get":
                        if is_own:
                            continue  # what signs people in and out is tried in test_console.py
                        # Known, and not taken with what it does not describe.
                        reply = who.send(method.upper(), filled, {"surprise": True})
                        self.assertIn(reply.status, (400, 403), reply)
                        self.assertNotEqual("not-allowed", reply.json().get("code"), reply)
                        continue
                    reply = who.get(filled)
                    kind = reply.headers["Content-Type"].split(";")[0]
                    if reply.status == 200:
                        answered += 1
                        self.assertIn(kind, operation["responses"]["200"].get("content", {"application/json": {}}))
                        for parameter in operation.get("parameters", []):
                            if parameter["in"] == "query" and parameter["schema"]["type"] == "integer":
                                self.assertEqual(400, who.get(f"{filled}?{parameter['name']}=many").status)
                        self.assertEqual(400 if not is_own else 200, who.get(filled + "?surprise=1").status)
                    else:
                        self.assertNotIn(reply.json()["code"], ("unknown-path", "not-allowed"), reply)
                        self.assertEqual("application/problem+json", kind)
                        problem = document["components"]["schemas"]["Problem"]
                        self.assertLessEqual(set(problem["required"]), set(reply.json()))
                        self.assertEqual(reply.status, reply.json()["status"])
                    self.assertIn(who.ask("PATCH", filled, b"{}", "application/json").status, (403, 405, 501), "and by no other method")
        self.assertGreater(answered, 25)
        self.assertEqual(before, appliance.in_force())


if __name__ == "__main__":
    unittest.main()
