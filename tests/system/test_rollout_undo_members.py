"""C7: a rollout is taken back while one of its members fails: its certificate manager is killed at any point of its own way back,
its machine goes away before it is asked, dies in the middle, or hangs. Then either all is as it was, or the member is named as the
one that has yet to follow, every other stands whole, and it follows when it is there again."""
import json
import os
import signal
import socket
import subprocess
import unittest

import harness
from faults_on_stage import spread
from harness import SystemTest, await_condition, must, served_chain
from rollout_stage import NAMES, replaceable

# Kills the manager that it is loaded into in front of its n-th step on the disk or to another program, counted from when the
# file KILL_ARMED says which (0: none), and writes down beside it how many there were.
KILLER = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int count;
static void point(void) {
  const char* path = getenv("KILL_ARMED");
  char text[512] = "";
  if (!path) return;
  pthread_mutex_lock(&lock);
  const int armed = open(path, O_RDONLY | O_CLOEXEC);
  if (armed < 0) {
    count = 0;
  } else {
    (void)!read(armed, text, 15);
    close(armed);
    if (++count == atoi(text)) kill(getpid(), SIGKILL);
    snprintf(text, sizeof text, "%s.count", path);
    const int told = open(text, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (told >= 0) {
      dprintf(told, "%d", count);
      close(told);
    }
  }
  pthread_mutex_unlock(&lock);
}
#define REAL(name, ...) static int (*real)(__VA_ARGS__); if (!real) real = dlsym(RTLD_NEXT, name); point()
int connect(int fd, const struct sockaddr* address, socklen_t size) {
  REAL("connect", int, const struct sockaddr*, socklen_t);
  return real(fd, address, size);
}
int renameat(int from, const char* a, int to, const char* b) {
  REAL("renameat", int, const char*, int, const char*);
  return real(from, a, to, b);
}
int unlinkat(int folder, const char* name, int flags) {
  REAL("unlinkat", int, const char*, int);
  return real(folder, name, flags);
}
int fsync(int fd) {
  REAL("fsync", int);
  return real(fd);
}
int fdatasync(int fd) {
  REAL("fdatasync", int);
  return real(fd);
}
"""
POINTS = 8


class UndoneMembers(SystemTest):
    """Two members in two waves; the way back begins with the second."""

    def setUp(self):
        super().setUp()
        self.primary = self.appliance("primary", name="primary.test").start("manager", "authority", "portal")
        self.members = {name: self.appliance("secondary", name=name) for name in NAMES[:2]}
        with open(os.path.join(self.folder, "killer.c"), "w") as file:
            file.write(KILLER)
        self.killer = os.path.join(self.folder, "killer.so")
        must("gcc", "-shared", "-fPIC", "-o", self.killer, os.path.join(self.folder, "killer.c"), "-ldl", "-lpthread")
        self.armed = os.path.join(self.folder, "armed")
        for member in self.members.values():
            member.join_federation_of(self.primary)
            member.start_one("engine")
        self.first, self.last = self.members.values()
        self.first.start_one("manager")
        self.start_with_killer(self.last)
        self.ca, self.turn = self.pki(), 0
        self.leaves = {name: [self.ca.leaf((name, "localhost")) for _ in range(2)] for name in self.members}
        self.roll_out()

    def start_with_killer(self, member):
        member.start_one("manager", env={"LD_PRELOAD": self.killer, "KILL_ARMED": self.armed})

    def arm(self, point):
        with open(self.armed + ".new", "w") as file:
            file.write(str(point))
        os.rename(self.armed + ".new", self.armed)

    def rollout(self, *arguments):
        return self.primary.cli("--json", "federation", "rollout", *arguments)

    def roll_out(self):
        """The other ones of two certificates for each member."""
        self.turn += 1
        path = os.path.join(self.folder, f"plan{self.turn}.json")
        with open(path, "w") as file:
            json.dump({"member": {name: {"certificate": self.ca.path(pair[self.turn % 2] + ".crt"), "key": self.ca.path(pair[self.turn % 2] + ".key"),
                                         "intermediate": self.ca.intermediates, "also-trust": self.ca.root,
                                         "address": f"127.0.0.1:{self.members[name].engine}"} for name, pair in self.leaves.items()}}, file)
        done = self.rollout("--plan", path, "--waves", "1,100%")
        self.assertEqual((0, "done"), (done.code, done.json()["outcome"]), done)

    def begin_undo(self, patience):
        asking = subprocess.Popen([os.path.join(harness.BIN, "chancery"), "--state", self.primary.state, "--json", "federation", "rollout", "--undo", "last",
                                   "--patience", patience], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.processes.append(asking)
        return asking

    def outcome(self, asking):
        out, err = asking.communicate(timeout=120)
        return harness.Done(asking.returncode, out, err)

    def standing(self):
        return {name: (replaceable(member), served_chain(member.engine)) for name, member in self.members.items()}

    def states(self, done):
        return {m["name"]: m["state"] for m in done.json()["members"]}

    def expect_undone(self, done, before):
        self.assertEqual((0, "undone"), (done.code, done.json()["outcome"]), done)
        self.assertEqual({name: "undone" for name in self.members}, self.states(done))
        self.assertEqual(before, self.standing())
        [rollout] = [each for each in self.rollout("--status").json()["rollouts"] if each["id"] == done.json()["id"]]
        self.assertEqual("undone", rollout["state"])
        self.assertEqual(["rollout.json"], os.listdir(os.path.join(self.primary.state, "rollouts", rollout["id"])), "the key that signed is gone")

    def expect_named(self, done, *codes):
        """One that could not be asked is the one that is named; who comes after it stands as rolled out, whole."""
        self.assertEqual((3, "needs-person"), (done.code, done.json()["outcome"]), done)
        self.assertEqual("stuck", self.states(done)[self.last.name], done)
        self.assertEqual("replaced", self.states(done)[self.first.name])
        [said] = [m["error"] for m in done.json()["members"] if m["name"] == self.last.name]
        self.assertIn(said["code"], codes)
        self.assertTrue(said["hint"])
        error = done.json()["error"]
        self.assertIn(self.last.name, error["message"])
        self.assertIn("--resume", error["hint"])
        self.assertEqual(self.rolled_out[self.first.name], self.standing()[self.first.name])
        told = self.primary.cli("federation", "rollout", "--status").out
        self.assertIn(self.last.name, told)
        self.assertIn("stuck", told)

    def test_its_manager_is_killed_at_any_point_of_its_way_back(self):
        before = self.standing()
        self.roll_out()
        self.arm(0)
        self.expect_undone(self.rollout("--undo", "last"), before)
        with open(self.armed + ".count") as file:
            points = int(file.read())
        os.remove(self.armed)
        self.assertGreater(points, 20)
        self.turn += 1  # the same certificates each time: the other ones of the two are in force in between
        named = 0
        for turn, at in enumerate(spread(points, POINTS)):
            comes_back = turn % 2 == 0
            with self.subTest(point=at, of=points, comes_back=comes_back):
                self.roll_out()
                self.turn += 1
                self.rolled_out = self.standing()
                self.arm(at)
                asking = self.begin_undo("60s" if comes_back else "1s")
                manager = self.last.processes["manager"]
                await_condition(lambda: manager.poll() is not None, f"its manager dies at point {at}")
                self.assertEqual(-signal.SIGKILL, manager.returncode)
                os.remove(self.armed)
                done = None
                if not comes_back:
                    done = self.outcome(asking)
                self.start_with_killer(self.last)
                done = done or self.outcome(asking)
                if done.json()["outcome"] == "refused":
                    # It was killed while it was asked: nothing has changed anywhere.
                    self.assertEqual((1, self.rolled_out), (done.code, self.standing()), done)
                    done = self.rollout("--undo", "last")
                elif not comes_back and done.code != 0:
                    self.expect_named(done, "not-running", "closed", "timeout")
                    named += 1
                    done = self.rollout("--resume")
                self.expect_undone(done, before)
        self.assertGreater(named, 0)

    def hold(self, member):
        """From now on its changes stand still after the switch, until let go."""
        pipe, reload = (os.path.join(self.folder, name) for name in ("pipe", "reload"))
        os.mkfifo(pipe)
        with open(reload, "w") as file:
            file.write(f'#!/bin/sh\ntest ! -e {reload}.slow || {{ echo here > {reload}.begun; cat {pipe}; }}\n')
        os.chmod(reload, 0o755)
        done = member.cli("consumer", "set", "web", "--identity", "engine", "--reload", reload, "--probe", f"127.0.0.1:{member.engine}")
        self.assertEqual(0, done.code, done)

        def begun():
            return os.path.exists(reload + ".begun")

        def let_go():
            os.remove(reload + ".slow")
            with open(pipe, "w"):
                pass

        def close():
            open(reload + ".slow", "w").close()

        return close, begun, let_go

    def away_while_the_other_goes_back(self, leave, code):
        # The first wave is the last to go back: away while the second one is at it.
        self.first, self.last = self.last, self.first
        close, begun, let_go = self.hold(self.first)
        before = self.standing()
        self.roll_out()
        self.rolled_out = self.standing()
        close()
        asking = self.begin_undo("1s")
        await_condition(begun, "the second wave is on its way back")
        leave()
        let_go()
        done = self.outcome(asking)
        self.assertEqual((3, "needs-person"), (done.code, done.json()["outcome"]), done)
        self.assertEqual({self.first.name: "undone", self.last.name: "stuck"}, self.states(done))
        self.assertEqual(code, next(m for m in done.json()["members"] if m["name"] == self.last.name)["error"]["code"])
        self.assertIn(self.last.name, done.json()["error"]["message"])
        self.assertIn("--resume", done.json()["error"]["hint"])
        self.assertEqual(before[self.first.name], (replaceable(self.first), served_chain(self.first.engine)))
        self.assertEqual(self.rolled_out[self.last.name][0], replaceable(self.last), "nothing is half done there")
        return before

    def test_its_machine_goes_away_before_it_is_its_turn_and_follows_when_it_is_back(self):
        before = self.away_while_the_other_goes_back(lambda: self.last.stop(how=signal.SIGKILL), "tcp-refused")
        # Asked again while it is away, it is named again.
        done = self.rollout("--resume", "--patience", "1s")
        self.assertEqual((3, "stuck"), (done.code, self.states(done)[self.last.name]), done)
        self.last.start("manager", "engine")
        self.expect_undone(self.rollout("--resume"), before)

    def test_its_machine_hangs_and_follows_when_it_goes_on(self):
        """It takes connections and says nothing, as one does whose disk is gone: it is given up soon, and not after minutes."""
        silent = socket.socket()
        self.addCleanup(silent.close)

        def hang():
            self.last.stop(how=signal.SIGKILL)
            silent.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            silent.bind(("127.0.0.1", self.last.engine))
            silent.listen(64)

        before = self.away_while_the_other_goes_back(hang, "timeout")
        silent.close()
        self.last.start("manager", "engine")
        self.expect_undone(self.rollout("--resume"), before)

    def test_its_machine_dies_in_the_middle_of_its_way_back(self):
        close, begun, let_go = self.hold(self.last)
        before = self.standing()
        self.roll_out()
        self.rolled_out = self.standing()
        close()
        asking = self.begin_undo("1s")
        await_condition(begun, "it has switched back, and has proven nothing yet")
        self.last.stop(how=signal.SIGKILL)
        let_go()
        self.expect_named(self.outcome(asking), "tcp-refused", "closed")
        # The others need not wait for it.
        done = self.rollout("--undo", "last", "--without", self.last.name)
        self.assertEqual((0, "undone"), (done.code, done.json()["outcome"]), done)
        self.assertEqual({self.first.name: "undone", self.last.name: "stuck"}, self.states(done))
        self.assertEqual(before[self.first.name], self.standing()[self.first.name])
        # It comes back with the one or the other, whole.
        self.start_with_killer(self.last)
        self.last.start("engine")
        self.assertIn((replaceable(self.last), served_chain(self.last.engine)), (before[self.last.name], self.rolled_out[self.last.name]))
        self.assertFalse(os.path.exists(os.path.join(self.last.state, "change.json")))
        self.expect_undone(self.rollout("--undo", "last"), before)


if __name__ == "__main__":
    unittest.main()
