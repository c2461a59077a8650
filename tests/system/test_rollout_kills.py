"""C7: a rollout whose coordinator or member is killed goes on as if there had been no kill."""
import json
import os
import signal
import subprocess
import unittest

import harness
from harness import SystemTest, await_condition, must, served_chain
from rollout_stage import NAMES, replaceable

# Kills the process it is loaded into in front of its n-th connection to another appliance or its n-th rename, whichever comes
# first in one count, and writes down how many there were.
KILLER = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
static atomic_int count;
static void point(void) {
  const int now = atomic_fetch_add(&count, 1) + 1;
  const char* at = getenv("KILL_AT");
  if (at && now == atoi(at)) kill(getpid(), SIGKILL);
}
__attribute__((destructor)) static void tell(void) {
  const char* path = getenv("KILL_COUNT");
  FILE* file = path ? fopen(path, "w") : NULL;
  if (file) { fprintf(file, "%d", atomic_load(&count)); fclose(file); }
}
int connect(int fd, const struct sockaddr* address, socklen_t size) {
  static int (*real)(int, const struct sockaddr*, socklen_t);
  if (!real) real = dlsym(RTLD_NEXT, "connect");
  if (address->sa_family != AF_UNIX) point();
  return real(fd, address, size);
}
int renameat(int from, const char* a, int to, const char* b) {
  static int (*real)(int, const char*, int, const char*);
  if (!real) real = dlsym(RTLD_NEXT, "renameat");
  point();
  return real(from, a, to, b);
}
"""


class KilledCoordinator(SystemTest):
    """No manager on the primary: the command does the work itself, and dies at each of its points in turn."""

    def setUp(self):
        super().setUp()
        self.primary = self.appliance("primary", name="primary.test").start("authority", "portal")
        self.members = {}
        for name in NAMES[:2]:
            self.members[name] = self.appliance("secondary", name=name)
            self.members[name].join_federation_of(self.primary)
            self.members[name].start("manager", "engine")
        self.ca = self.pki()
        self.entries, self.turn = {}, 0
        for name in self.members:
            self.entries[name] = [self.ca.leaf((name, "localhost")) for _ in range(2)]
        with open(os.path.join(self.folder, "killer.c"), "w") as file:
            file.write(KILLER)
        self.killer = os.path.join(self.folder, "killer.so")
        must("gcc", "-shared", "-fPIC", "-o", self.killer, os.path.join(self.folder, "killer.c"), "-ldl")

    def plan(self):
        """The other ones of two certificates for each member, in turn."""
        self.turn += 1
        self.target = {name: leaves[self.turn % 2] for name, leaves in self.entries.items()}
        path = os.path.join(self.folder, f"plan{self.turn}.json")
        entries = {name: {"certificate": self.ca.path(leaf + ".crt"), "key": self.ca.path(leaf + ".key"), "intermediate": self.ca.intermediates,
                          "also-trust": self.ca.root, "address": f"127.0.0.1:{self.members[name].engine}"} for name, leaf in self.target.items()}
        with open(path, "w") as file:
            json.dump({"member": entries}, file)
        return path

    def rollout(self, *arguments, kill_at=None):
        count = os.path.join(self.folder, "count")
        env = {"LD_PRELOAD": self.killer, "KILL_COUNT": count, **({"KILL_AT": str(kill_at)} if kill_at else {})}
        done = self.primary.cli("--json", "federation", "rollout", *arguments, env=env)
        points = 0
        if os.path.exists(count):
            with open(count) as file:
                points = int(file.read())
            os.remove(count)
        return done, points

    def ended(self, plan, code):
        """What whoever comes after the crash does: goes on, or where nothing had begun, begins."""
        done, _ = self.rollout("--resume")
        if done.code == 1 and done.json().get("error", {}).get("code") == "unknown-rollout":
            done, _ = self.rollout("--plan", plan, "--waves", "1,100%")
        self.assertEqual(code, done.code, done)
        return done

    def generations(self):
        return [int(m.generation().rsplit("/", 1)[1]) for m in self.members.values()]

    def serving(self):
        return {name: served_chain(m.engine) for name, m in self.members.items()}

    def test_killed_at_every_message_it_ends_as_without_the_kill(self):
        done, points = self.rollout("--plan", self.plan(), "--waves", "1,100%")
        self.assertEqual(0, done.code, done)
        self.assertGreater(points, 10)
        finished = 0
        for at in range(1, points + 1):
            with self.subTest(point=at, of=points):
                before = self.generations()
                plan = self.plan()
                killed, _ = self.rollout("--plan", plan, "--waves", "1,100%", kill_at=at)
                self.assertEqual(-signal.SIGKILL, killed.code, killed)
                standing = RolloutStates(self.primary).last()
                if standing == "done" and self.serving() == {name: self.ca.sent(leaf) for name, leaf in self.target.items()}:
                    finished += 1  # killed after the last word was written
                else:
                    self.ended(plan, 0)
                self.assertEqual({name: self.ca.sent(leaf) for name, leaf in self.target.items()}, self.serving())
                self.assertEqual([number + 1 for number in before], self.generations(), "each member changed once")
                self.assertEqual("done", RolloutStates(self.primary).last())
                self.assertEqual([], RolloutStates(self.primary).sealed())
        self.assertLess(finished, 3)

    def test_killed_while_a_wave_goes_back_it_ends_as_without_the_kill(self):
        done, _ = self.rollout("--plan", self.plan(), "--waves", "1,100%")
        self.assertEqual(0, done.code, done)
        trap = os.path.join(self.folder, "reload")
        with open(trap, "w") as file:
            file.write(f'#!/bin/sh\ntest ! -e "{trap}.broken" || grep -q "$(cat {trap}.broken)" "$1"\n')
        os.chmod(trap, 0o755)
        member = self.members["engine2.test"]
        engine = member.file("identities/engine/certificate.pem")
        done = member.cli("consumer", "set", "web", "--identity", "engine", "--reload", f"{trap} {engine}", "--probe", f"127.0.0.1:{member.engine}")
        self.assertEqual(0, done.code, done)
        # From here on its service takes the present certificate and no other.
        with open(engine) as source, open(trap + ".broken", "w") as file:
            file.write(source.read().splitlines()[5])
        serving = self.serving()
        before = {name: replaceable(m) for name, m in self.members.items()}
        plan = self.plan()
        done, points = self.rollout("--plan", plan, "--waves", "100%")
        self.assertEqual((1, "failed"), (done.code, done.json()["outcome"]), done)
        self.assertEqual(before, {name: replaceable(m) for name, m in self.members.items()})
        self.assertEqual(serving, self.serving())
        for at in range(points, 2, -3):
            with self.subTest(point=at, of=points):
                killed, _ = self.rollout("--plan", plan, "--waves", "100%", kill_at=at)
                self.assertEqual(-signal.SIGKILL, killed.code, killed)
                if RolloutStates(self.primary).is_under_way():
                    done, _ = self.rollout("--resume")
                    self.assertEqual((1, "failed"), (done.code, done.json()["outcome"]), done)
                self.assertEqual(before, {name: replaceable(m) for name, m in self.members.items()})
                self.assertEqual(serving, self.serving())


class RolloutStates:
    def __init__(self, primary):
        self.folder = os.path.join(primary.state, "rollouts")

    def ids(self):
        return sorted(name for name in os.listdir(self.folder) if not name.startswith(".")) if os.path.isdir(self.folder) else []

    def last(self):
        for name in reversed(self.ids()):
            path = os.path.join(self.folder, name, "rollout.json")
            if os.path.exists(path):
                with open(path) as file:
                    return json.load(file)["state"]
        return None

    def is_under_way(self):
        return self.last() in ("running", "going-back")

    def sealed(self):
        return [name for name in self.ids() if os.path.exists(os.path.join(self.folder, name, "files.sealed"))]


class KilledMember(SystemTest):
    def setUp(self):
        super().setUp()
        self.primary = self.appliance("primary", name="primary.test").start("manager", "authority", "portal")
        self.member = self.appliance("secondary", name="engine1.test")
        self.member.join_federation_of(self.primary)
        self.member.start("manager", "engine")
        self.ca = self.pki()
        self.leaf = self.ca.leaf(("engine1.test", "localhost"))
        self.pipe = os.path.join(self.folder, "pipe")
        os.mkfifo(self.pipe)
        reload = os.path.join(self.folder, "reload")
        with open(reload, "w") as file:
            file.write(f'#!/bin/sh\ntest ! -e {reload}.slow || {{ echo here > {reload}.begun; cat {self.pipe}; }}\n')
        os.chmod(reload, 0o755)
        done = self.member.cli("consumer", "set", "web", "--identity", "engine", "--reload", reload, "--probe", f"127.0.0.1:{self.member.engine}")
        self.assertEqual(0, done.code, done)
        self.reload = reload
        self.before = replaceable(self.member), served_chain(self.member.engine)

    def begin(self, patience):
        """A rollout that stands in the middle of the member's change: switched, not yet proven."""
        path = os.path.join(self.folder, "plan.toml")
        with open(path, "w") as file:
            file.write(f'[member."engine1.test"]\ncertificate = "pki/{self.leaf}.crt"\nkey = "pki/{self.leaf}.key"\n'
                       f'intermediate = "pki/intermediates.pem"\nalso-trust = "pki/root.crt"\naddress = "127.0.0.1:{self.member.engine}"\n')
        open(self.reload + ".slow", "w").close()
        asking = subprocess.Popen([os.path.join(harness.BIN, "chancery"), "--state", self.primary.state, "--json", "federation", "rollout", "--plan", path,
                                   "--patience", patience],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.processes.append(asking)
        await_condition(lambda: os.path.exists(self.reload + ".begun"), "the member is in the middle of its change")
        self.member.stop("manager", how=signal.SIGKILL)
        os.remove(self.reload + ".slow")
        with open(self.pipe, "w"):
            pass  # the orphaned reload ends
        return asking

    def test_a_members_manager_that_is_killed_and_comes_back_finishes_the_same_order(self):
        asking = self.begin("60s")
        self.member.start("manager")
        out, err = asking.communicate(timeout=60)
        self.assertEqual(0, asking.returncode, (out, err))
        self.assertEqual(self.ca.sent(self.leaf), served_chain(self.member.engine))
        self.assertEqual("replaced", json.loads(out)["members"][0]["state"])
        # It was one change, whether the one that was cut short or the one that took its place.
        sets = [s for s in self.member.json("backup", "list")["sets"] if "(order " in s["who"]]
        self.assertEqual(1, len({s["who"] for s in sets}), sets)

    def test_a_members_manager_that_stays_away_needs_a_person_and_goes_back_then(self):
        asking = self.begin("1s")
        out, err = asking.communicate(timeout=90)
        self.assertEqual(3, asking.returncode, (out, err))
        self.assertEqual("stuck", json.loads(out)["members"][0]["state"])
        self.assertIn("--resume", json.loads(out)["error"]["hint"])
        self.member.start("manager")
        done = self.primary.cli("--json", "federation", "rollout", "--resume")
        self.assertEqual((1, "failed"), (done.code, done.json()["outcome"]), done)
        self.assertEqual(self.before, (replaceable(self.member), served_chain(self.member.engine)))


if __name__ == "__main__":
    unittest.main()
