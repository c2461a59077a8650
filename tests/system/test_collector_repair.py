"""T5: an endpoint that is locked out, repair files, what a local administrator does, and a kill at every file call."""
import json
import os
import re
import shutil
import unittest

from harness import await_condition, free_port_base, run
from endpoint_stage import COLLECTOR, CollectorTest


class Repairs(CollectorTest):
    def make(self, appliance, name, *more):
        path = os.path.join(self.folder, name)
        done = appliance.cli("collector", "repair", "make", "--output", path, *more)
        self.assertEqual(0, done.code, done)
        return path

    def edited(self, path, edit):
        with open(path) as file:
            document = json.load(file)
        edit(document)
        with open(path + ".edited", "w") as file:
            json.dump(document, file)
        return path + ".edited"

    def test_a_locked_out_collector_is_mended_without_a_network(self):
        import base64

        self.serve()
        away = free_port_base(1)
        state = self.state(f'collector.servers = ["localhost:{away}"]')
        to_b = ["--to", f"localhost:{self.b}", "--ca", self.corporate.root]
        older = self.make(self.single, "older.json", *to_b)
        newer = self.make(self.single, "newer.json", *to_b)
        foreign = self.make(self.appliance("single", name="foreign.test"), "foreign.json", *to_b)

        def change(document):
            order = json.loads(base64.b64decode(document["order"]))
            order["number"] += 100
            document["order"] = base64.b64encode(json.dumps(order).encode()).decode()

        def cut(document):
            document["order"] = document["order"][:-8]

        # Never started, nothing runs, no server is there.
        for file, code in ((self.edited(newer, change), "repair-signer"), (foreign, "repair-signer"), (self.edited(newer, cut), "repair-signer"),
                           (self.make(self.single, "others.json", "--only", "0" * 64, *to_b), "repair-target"), (self.corporate.root, "repair-invalid")):
            self.refused(state, code, "repair", "apply", file)
        late = run("faketime", "+31 days", COLLECTOR, "--state", state, "--json", "repair", newer)
        self.assertEqual("repair-expired", json.loads(late.stdout)["error"]["code"])
        self.assertIsNone(self.trust_of(state))
        # The right key, another federation.
        with open(os.path.join(state, "repair-key.json")) as file:
            shipped = json.load(file)
        with open(os.path.join(state, "repair-key.json"), "w") as file:
            json.dump({**shipped, "federation": "another"}, file)
        self.refused(state, "repair-foreign", "repair", "apply", newer)
        with open(os.path.join(state, "repair-key.json"), "w") as file:
            json.dump(shipped, file)

        self.assertEqual("planned", self.on_endpoint(state, "repair", "apply", newer, "--dry-run")[1]["outcome"])
        self.assertIsNone(self.trust_of(state))
        self.done(state, "repair", "apply", newer)
        self.refused(state, "repair-old", "repair", "apply", newer)
        self.refused(state, "repair-old", "repair", "apply", older)
        collector = self.run_collector(state)
        await_condition(lambda: self.bound_to(state) == ("repair", [self.b]), "mended:\n" + collector.log())
        collector.await_connected()

        # A successor of the key: files of it count, and then those of the one before do not.
        before = self.make(self.single, "before.json", *to_b)
        self.assertEqual("planned", self.single.json("collector", "repair", "rotate-key", "--dry-run")["outcome"])
        self.assertEqual("done", self.single.json("collector", "repair", "rotate-key")["outcome"])
        again = self.make(self.single, "again.json", *to_b)
        self.done(state, "repair", "apply", again)
        await_condition(lambda: json.loads(self.trust_of(state))["candidate"] is None, "tried and bound")
        self.refused(state, "repair-signer", "repair", "apply", self.edited(again, lambda d: d.update(keys=[])))
        self.refused(state, "repair-signer", "repair", "apply", before)

        # Back to what it was shipped with; the numbers stay, and what is wrong with it can be mended again.
        self.assertEqual("planned", self.on_endpoint(state, "reset", "--dry-run")[1]["outcome"])
        self.done(state, "reset")
        await_condition(lambda: self.bound_to(state) == ("shipped", [away]), "as it was shipped")
        await_condition(lambda: f"connecting to localhost:{away}" in collector.log(), "it goes there:\n" + collector.log())
        self.assertEqual(0o400, os.stat(os.path.join(state, "shipped.json")).st_mode & 0o777)
        self.refused(state, "repair-old", "repair", "apply", again)
        self.done(state, "repair", "apply", self.make(self.single, "last.json", *to_b))
        await_condition(lambda: self.bound_to(state) == ("repair", [self.b]), "mended once more")

        # A CA from local media, while it is connected: proven at the server that it goes to already.
        self.refused(state, "not-a-certificate", "install-trust", os.path.join(state, "customer.key"))
        self.done(state, "install-trust", self.corporate.path("intermediate1.crt"))
        await_condition(lambda: self.bound_to(state) == ("install-trust", [self.b]), "bound to the given CA:\n" + collector.log())
        self.assertEqual("unchanged", self.on_endpoint(state, "install-trust", self.corporate.path("intermediate1.crt"))[1]["outcome"])

    def test_killed_at_every_file_call(self):
        """Old or new, and the next start goes on: sampled here over the verbs and the binding by the collector itself."""
        self.serve()
        file = self.make(self.single, "mend.json", "--to", f"localhost:{self.b}", "--ca", self.corporate.root)
        first = self.state(f'collector.servers = ["localhost:{self.a}"]')
        collector = self.run_collector(first)
        collector.await_connected()
        self.stop(collector)
        os.unlink(os.path.join(first, "run", "collector", "lock"))
        verbs = {"repair": ["repair", file], "install-trust": ["install-trust", self.corporate.root], "reset": ["reset"]}
        calls = ("openat", "write", "fsync", "rename,renameat,renameat2")
        for name, words in verbs.items():
            before = self.trust_of(first)
            done = 0
            counted = run("strace", "-f", "-qq", "-e", "trace=" + ",".join(calls), COLLECTOR, "--state", shutil.copytree(first, os.path.join(self.folder, name)), *words).stderr.decode()
            self.assertIn("trust.json", counted)
            for call in calls:
                state = shutil.copytree(first, os.path.join(self.folder, f"{name}-{call[:5]}"))
                total = len(re.findall(rf"^(?:\[pid +\d+\] )?(?:{call.replace(',', '|')})\(", counted, re.M))
                # The last calls of each kind are those that change something.
                for point in range(max(1, total - 1), total + 1):
                    run("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={point}", COLLECTOR, "--state", state, *words)
                    left = self.trust_of(state)
                    self.assertTrue(left == before or json.loads(left)["format"], f"{name} killed at {call} #{point}")
                    code, reply = self.on_endpoint(state, *(["repair", "apply", file] if name == "repair" else words), "--dry-run")
                    self.assertTrue(code == 0 or (name == "repair" and reply["error"]["code"] == "repair-old"), reply)
                    done += 1
            self.assertGreaterEqual(done, 6)
        # The first binding of a new endpoint: killed, it starts as if nothing had been, or as bound.
        for call, point in (("fsync", 2), ("fsync", 3), ("fsync", 4), ("renameat,rename,renameat2", 2), ("renameat,rename,renameat2", 3)):
            state = self.state(f'collector.servers = ["localhost:{self.a}"]', name=f"new-{call[:4]}-{point}")
            killed = self.run_collector(state, launcher=("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={point}"))
            await_condition(lambda: killed.process.poll() is not None or killed.status().get("connected"), "killed, or through")
            if killed.process.poll() is None:
                os.kill(killed.status()["pid"], 9)
                killed.process.wait(10)
            collector = self.run_collector(state)
            await_condition(lambda: self.bound_to(state) == ("settings", [self.a]), "it goes on:\n" + collector.log())
            self.stop(collector)


if __name__ == "__main__":
    unittest.main()
