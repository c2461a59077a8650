"""C7: a rollout that is over is taken back whole: every member is asked first, then all go back in reverse waves, each by its own
backup set, and whoever was changed since, or is away, stops it before anything is changed."""
import json
import os
import signal
import unittest

import test_rollout
import test_rollout_kills
from harness import served_chain
from rollout_stage import NAMES, replaceable


class Undo(test_rollout.Rollout):
    def standing(self):
        return {name: (replaceable(member), served_chain(member.engine)) for name, member in self.members.items()}

    def waves_of(self, done, event):
        return [(each["wave"], each["member"]) for each in map(json.loads, done.err.splitlines()) if each["event"] == event and "member" in each]

    def test_every_member_has_again_what_it_had(self):
        first, leaves = self.leaves(), self.leaves()
        done = self.rollout("--plan", self.plan(first), "--waves", "100%")
        self.assertEqual(0, done.code, done)
        before = self.standing()
        done = self.rollout("--plan", self.plan(leaves), "--waves", "1,2,100%")
        self.assertEqual((0, "done"), (done.code, done.json()["outcome"]), done)
        rollout, there = done.json()["id"], self.standing()
        planned = self.rollout("--undo", "last", "--dry-run")
        self.assertEqual((0, "planned", rollout), (planned.code, planned.json()["outcome"], planned.json()["id"]), planned)
        self.assertEqual([("accept", 1), ("accept", 2), ("accept", 3)], sorted(("accept" if m["verdict"] in ("accept", "warn") else m["verdict"], m["wave"]) for m in planned.json()["members"]))
        self.assertEqual(there, self.standing(), "a dry run changes nothing")
        # One that cannot be asked: nothing is changed anywhere.
        self.members["engine2.test"].stop("manager")
        refused = self.rollout("--undo", rollout)
        self.assertEqual((1, "refused"), (refused.code, refused.json()["outcome"]), refused)
        self.assertEqual("not-running", next(m for m in refused.json()["members"] if m["name"] == "engine2.test")["error"]["code"])
        self.assertEqual(there, self.standing())
        self.members["engine2.test"].start("manager")
        undone = self.rollout("--undo", rollout, "--events")
        self.assertEqual((0, "undone"), (undone.code, undone.json()["outcome"]), undone)
        self.assertEqual([3, 2, 1], [wave for wave, _ in self.waves_of(undone, "undone")], "the last wave first")
        self.assertEqual(before, self.standing())
        self.assertEqual({name: "undone" for name in NAMES}, self.states(undone))
        # It stands in the audit of both, and once is enough.
        [record] = [each for each in self.primary.json("audit", "show", "--verb", "rollout-undo")["records"] if each["outcome"] == "running"]
        self.assertEqual(rollout, record["arguments"]["id"])
        for member in self.members.values():
            [record] = member.json("audit", "show", "--verb", "order-undo")["records"]
            self.assertIn("primary.test (order ", record["who"])
        again = self.rollout("--undo", rollout)
        self.assertEqual((1, "nothing-to-undo"), (again.code, again.json()["error"]["code"]), again)
        self.assertEqual(["undone", "done"], [each["state"] for each in self.rollout("--status").json()["rollouts"]])
        self.assertEqual(["rollout.json"], os.listdir(os.path.join(self.primary.state, "rollouts", rollout)), "the key that signed is gone")

    def test_whoever_was_changed_since_stays_as_it_is(self):
        leaves = self.leaves()
        before = self.standing()
        done = self.rollout("--plan", self.plan(leaves), "--waves", "100%")
        self.assertEqual(0, done.code, done)
        rollout = done.json()["id"]
        member, other = self.members["engine1.test"], self.ca.leaf(("engine1.test", "localhost"))
        self.assertEqual(0, member.cli("cert", "replace", *self.ca.files(other)).code)
        there = self.standing()
        refused = self.rollout("--undo", rollout)
        self.assertEqual((1, "refused"), (refused.code, refused.json()["outcome"]), refused)
        self.assertEqual("changed-since", next(m for m in refused.json()["members"] if m["name"] == "engine1.test")["error"]["code"])
        self.assertEqual(there, self.standing())
        nobody = self.rollout("--undo", rollout, "--without", "nobody.test")
        self.assertEqual((1, "unknown-member"), (nobody.code, nobody.json()["error"]["code"]))
        undone = self.rollout("--undo", rollout, "--without", "engine1.test")
        self.assertEqual((0, "undone"), (undone.code, undone.json()["outcome"]), undone)
        now = self.standing()
        self.assertEqual(there["engine1.test"], now["engine1.test"])
        self.assertEqual({name: before[name] for name in NAMES[1:]}, {name: now[name] for name in NAMES[1:]})
        self.assertEqual({"engine1.test": "replaced", "engine2.test": "undone", "engine3.test": "undone"}, self.states(undone))
        # A set that is no longer kept is told, and never passed over as if the member stood as before.
        done = self.rollout("--plan", self.plan(self.leaves()), "--waves", "100%")
        self.assertEqual(0, done.code, done)
        set_id = next(m for m in done.json()["members"] if m["name"] == "engine2.test")["backup_set"]
        os.remove(os.path.join(self.members["engine2.test"].state, "backups", set_id + ".zip"))
        refused = self.rollout("--undo", "last")
        self.assertEqual((1, "refused"), (refused.code, refused.json()["outcome"]), refused)
        self.assertEqual("set-gone", next(m for m in refused.json()["members"] if m["name"] == "engine2.test")["error"]["code"])


for inherited in [name for name in dir(test_rollout.Rollout) if name.startswith("test_")]:
    setattr(Undo, inherited, None)


class KilledUndo(test_rollout_kills.KilledCoordinator):
    def test_killed_at_every_message_every_member_goes_back(self):
        done, _ = self.rollout("--plan", self.plan(), "--waves", "100%")
        self.assertEqual(0, done.code, done)
        before = {name: replaceable(member) for name, member in self.members.items()}
        serving = self.serving()

        def replaced():
            done, _ = self.rollout("--plan", self.plan(), "--waves", "1,100%")
            self.assertEqual(0, done.code, done)
            self.assertNotEqual(serving, self.serving())

        replaced()
        self.turn += 1  # the same certificates each time: the other ones of the two are in force in between
        done, points = self.rollout("--undo", "last")
        self.assertEqual((0, "undone"), (done.code, done.json()["outcome"]), done)
        self.assertEqual((before, serving), ({name: replaceable(member) for name, member in self.members.items()}, self.serving()))
        self.assertGreater(points, 8)
        for at in range(1, points + 1):
            with self.subTest(point=at, of=points):
                replaced()
                self.turn += 1
                killed, _ = self.rollout("--undo", "last", kill_at=at)
                self.assertEqual(-signal.SIGKILL, killed.code, killed)
                standing = test_rollout_kills.RolloutStates(self.primary).last()
                if standing != "undone":
                    done, _ = self.rollout(*(["--resume"] if standing == "undoing" else ["--undo", "last"]))
                    self.assertEqual((0, "undone"), (done.code, done.json()["outcome"]), done)
                self.assertEqual((before, serving), ({name: replaceable(member) for name, member in self.members.items()}, self.serving()))
                self.assertEqual([], test_rollout_kills.RolloutStates(self.primary).sealed())


for inherited in [name for name in dir(test_rollout_kills.KilledCoordinator) if name.startswith("test_")]:
    setattr(KilledUndo, inherited, None)
del inherited


if __name__ == "__main__":
    unittest.main()
