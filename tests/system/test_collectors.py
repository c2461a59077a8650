"""Threat 41: a stolen collector is blocked in the whole federation within ten seconds and stays so; no other collector is lost."""
import os
import shutil
import subprocess
import time
import unittest

from harness import BIN, CollectorProcess, SystemTest, await_condition


class Collectors(SystemTest):
    def listed(self, primary):
        return {c["id"]: c for c in primary.json("collector", "list")["collectors"]}

    def again(self, collector):
        """The same one, started anew: it has waited longer and longer between two attempts."""
        collector.process.terminate()
        collector.process.wait(10)
        before = len(collector.log())
        with open(collector.log_path, "ab") as out:
            collector.process = subprocess.Popen([os.path.join(BIN, "chancery-collector"), "--state", collector.state], stdout=out, stderr=out)
        self.processes.append(collector.process)
        ends = ("accepted by", "refused this collector")
        await_condition(lambda: any(end in collector.log()[before:] for end in ends), "its first attempt has ended:\n" + collector.log())
        return collector

    def test_a_stolen_collector_is_blocked(self):
        primary, secondary = self.federation()
        stolen, other = self.collector(secondary, primary, name="stolen"), self.collector(secondary, primary, name="other")
        for collector in (stolen, other):
            collector.await_connected()
        id, other_id = stolen.status()["id"], other.status()["id"]
        await_condition(lambda: {id, other_id} <= set(self.listed(primary)), "the primary knows both")
        self.assertEqual(("secondary.test", False), (self.listed(primary)[id]["engine"], self.listed(primary)[id]["blocked"]))
        self.assertIn(id[:16], primary.cli("collector", "list").out)

        # What is refused and what is only planned changes nothing.
        for words, code in ((["nothing-like-it"], "unknown-collector"), (["ab" * 33], "unknown-collector"), (["x" * 64], "bad-id")):
            done = primary.cli("--json", "collector", "block", *words)
            self.assertEqual((1, code), (done.code, done.json()["error"]["code"]), done)
        self.assertEqual("planned", primary.json("collector", "block", id[:12], "--dry-run")["outcome"])
        done = secondary.cli("--json", "collector", "block", id)
        self.assertEqual((1, "not-running"), (done.code, done.json()["error"]["code"]), done)
        self.assertIn("primary", done.json()["error"]["hint"])
        self.assertFalse(any(c["blocked"] for c in self.listed(primary).values()))
        self.assertTrue(stolen.status()["connected"])

        # A copy of its disk is the same collector.
        copy = os.path.join(self.folder, "copy")
        shutil.copytree(stolen.state, copy, ignore=shutil.ignore_patterns("run"))
        with open(os.path.join(copy, "settings", "collector.toml"), "r+") as file:
            text = file.read().replace(stolen.state, copy)
            file.seek(0)
            file.truncate()
            file.write(text)
        began = time.monotonic()
        self.assertEqual({"id": id, "outcome": "done"}, primary.json("collector", "block", id[:12]))
        await_condition(lambda: "blocked this collector" in stolen.log(), "its session has ended:\n" + stolen.log(), 10)
        await_condition(lambda: not stolen.status().get("connected"), "and no other begins", 10 - (time.monotonic() - began))
        log = os.path.join(self.folder, "copy.log")
        with open(log, "wb") as out:
            self.processes.append(subprocess.Popen([os.path.join(BIN, "chancery-collector"), "--state", copy], stdout=out, stderr=out))
        thief = CollectorProcess(copy, self.processes[-1], log)
        await_condition(lambda: "blocked this collector" in thief.log(), "nor does its copy's")
        self.assertEqual("unchanged", primary.json("collector", "block", id)["outcome"])
        self.assertTrue(self.listed(primary)[id]["blocked"])
        self.assertTrue(other.status()["connected"])
        self.assertNotIn("blocked", other.log())

        # The engine remembers, with the primary away.
        primary.stop("portal")
        secondary.stop("engine")
        secondary.start("engine")
        other.await_connected()
        refusals = stolen.log().count("blocked this collector")
        self.again(stolen)
        await_condition(lambda: stolen.log().count("blocked this collector") > refusals, "it is still refused")
        primary.start("portal")
        self.assertEqual("done", primary.json("collector", "unblock", id)["outcome"])
        # Each has one record, with the whole id; what changed nothing and a dry run have none.
        records = [r for r in primary.json("audit", "show", "--verb", "collector-block")["records"] if r["outcome"] == "done"]
        self.assertEqual([{"id": id, "blocked": True}, {"id": id, "blocked": False}], [r["arguments"] for r in records])
        self.assertRegex(records[0]["who"], r"^\S+ \(uid \d+\)")
        await_condition(lambda: self.again(stolen).status().get("connected"), "it is let in again")


if __name__ == "__main__":
    unittest.main()
