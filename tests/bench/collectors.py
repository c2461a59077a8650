"""The collector channel with as many as an engine is meant for: how fast they come, what each costs, what a small message costs, and
whether one is dropped or refused while certificate, trust and policy are replaced under them."""
import ctypes
import multiprocessing
import resource
import time
from statistics import median

import table
from channel_peer import Collector, Identity, client_context, ssl
from servers import Ours, Peer, figure, load, rss_kib

PROCESSES = 4
MOST = 15_000
RELEASE_BUFFERS = 0x10  # SSL_MODE_…: this end is not what is measured
SET_MODE = 33


def context():
    made = client_context()
    ssl.SSL_CTX_ctrl(made, SET_MODE, ctypes.c_long(RELEASE_BUFFERS), None)
    return made


class Reporting(Collector):
    """One that has told what a real one tells, and then says nothing."""

    def greet(self):
        super().greet()
        anchors = self.expect("anchors")
        # All are under one root and see one certificate; of systems and versions there are a few, as in life.
        kind = int(self.identity.id[:4], 16) % 12
        self.send(type="facts", host=f"endpoint-{self.identity.id[:8]}.example.com", system=f"Debian GNU/Linux 12.{kind} (bookworm), x86_64",
                  addresses=["192.0.2.17", "2001:db8::" + self.identity.id[:4]], version=f"0.1.{kind % 3}", trust="pinned", trust_roots=["ab" * 32],
                  presented="cd" * 32, name="localhost")
        self.send(type="holds", needs=bool(anchors["roots"]), held=[], proven=[], lists=[])
        self.send(type="ping")
        self.expect("pong")


class Crowd:
    """Collectors in a process of their own: all come at once, and say now and then that they are there."""

    KEEP_ALIVE = 10
    AT_ONCE = 16 // PROCESSES  # messages under way: 16 of all crowds together, as the shared generator has them

    def __init__(self, port, key, count, number, kind=Reporting):
        self.mine, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=self.run, args=(theirs, port, key, count, number, kind), daemon=True)
        self.process.start()
        theirs.close()

    def ask(self, what):
        self.mine.send(what)

    def answer(self):
        return self.mine.recv()

    def run(self, orders, port, key, count, number, kind):
        made, identities, collectors, problems, last = context(), [Identity() for _ in range(count)], [], [], time.monotonic()
        source = f"127.0.0.{2 + number}"
        said = 0
        come = list(identities)
        while True:
            if come:
                try:
                    collectors.append(kind(made, port, key, come.pop(), timeout=120, source=source))
                except OSError as problem:
                    problems.append(repr(problem))
                if not come:
                    orders.send((len(collectors), problems))
            if orders.poll(0 if come else 1):
                order = orders.recv()
                if order == "echo":
                    said += self.say(collectors[:2000 // PROCESSES])
                    orders.send(said)
                elif order == "open":
                    orders.send(sum(one.is_open() for one in collectors))
                elif order == "again":
                    self.close(collectors)
                    collectors, problems, come, kind = [], [], list(identities), Collector
                else:
                    self.close(collectors)
                    return
            if time.monotonic() - last > self.KEEP_ALIVE:
                last = time.monotonic()
                said += self.say(collectors)

    def say(self, collectors):
        for begin in range(0, len(collectors), self.AT_ONCE):
            some = collectors[begin:begin + self.AT_ONCE]
            for one in some:
                one.send(type="ping")
            for one in some:
                one.expect("pong")
        return len(collectors)

    @staticmethod
    def close(collectors):
        for one in collectors:
            one.close()


def all_come(crowds, count, began):
    """(how many did not get in, how many of them a second)"""
    arrived = [crowd.answer() for crowd in crowds]
    seconds = time.monotonic() - began
    for problem in [problem for _, problems in arrived for problem in problems][:3]:
        print("  ", problem)
    return count - sum(came for came, _ in arrived), count / seconds


def cpu_seconds(pid):
    return time.clock_gettime((~pid << 3) | 2)


def echo(crowds, pid):
    """(microseconds of the engine for one small message and its answer, each of 2,000 connections in turn; the same of the limit probe, a bare
    loop of epoll and OpenSSL, by the shared generator; the median ratio of neighbouring rounds). What the collectors say meanwhile counts as
    well."""
    def all_echo():
        for crowd in crowds:
            crowd.ask("echo")
        return sum(crowd.answer() for crowd in crowds)

    each, floors = [], []
    floor = Peer("epoll")
    try:
        pids = ",".join(map(str, floor.pids()))
        for _ in range(9):
            said, began = all_echo(), cpu_seconds(pid)
            for _ in range(9):  # as long as the other one
                now = all_echo()
            each.append((cpu_seconds(pid) - began) * 1e6 / (now - said))
            floors.append(figure(load("echo", floor.port, "-n", 2000, "-c", 16, "-d", 1, "-p", floor.protocol, "-P", pids), "srv_cpu_us/msg"))
    finally:
        floor.stop()
    return median(each), median(floors), median(ours / least for ours, least in zip(each, floors))


def settled(pid):
    """Resident MiB once what came has been written down."""
    time.sleep(3)
    return rss_kib([pid])[0] / 1024


def changes(ours, crowds):
    """How many are lost over a replace, a change of trust, of policy, and a reset; and the new ones refused between them."""
    refused = 0
    unasked = ["--no-rehearsal", "--watch-share", "100%"]  # these collectors answer no rehearsal
    before = still_open(crowds)
    for words in (["cert", "replace", *ours.files("B"), "--identity", "engine-collector", *unasked], ["trust", "append", ours.files("B")[-1]],
                  ["profile", "set", "default", "minimum-protocol=TLSv1.3", *unasked], ["cert", "reset", "engine-collector", *unasked]):
        done = ours.appliance.cli("--json", *words)
        if done.code != 0:
            raise AssertionError(str(done))
        try:
            Collector(context(), ours.appliance.collectors, ours.customer_key).close()
        except OSError:
            refused += 1
    return before - still_open(crowds), refused


def still_open(crowds):
    for crowd in crowds:
        crowd.ask("open")
    return sum(crowd.answer() for crowd in crowds)


def run(options):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = 1000 if options.quick else min(MOST, hard - 1000)
    ours, crowds = Ours(role="single"), []
    try:
        with open(ours.appliance.file("customer-key/customer.key"), "rb") as file:
            ours.customer_key = file.read()
        pid, port = ours.pid("engine"), ours.appliance.collectors
        empty = settled(pid)
        began = time.monotonic()
        crowds = [Crowd(port, ours.customer_key, count // PROCESSES, number) for number in range(PROCESSES)]
        failed, a_second = all_come(crowds, count, began)
        full = settled(pid)
        message, floor, times = echo(crowds, pid)
        lost, refused = changes(ours, crowds)
        after = settled(pid)
        began = time.monotonic()
        for crowd in crowds:
            crowd.ask("again")
        failed_again, again_a_second = all_come(crowds, count, began)
        for crowd in crowds:
            crowd.ask("end")
            crowd.process.join(60)
    finally:
        for crowd in crowds:
            crowd.process.kill()
        ours.stop()
    budget = 240 if count == MOST else None
    table.show(f"{count} collectors in one engine, each with a report of what it is", ["figure", "value", "at most", ""],
               [["engine without collectors, MiB", empty, None, ""],
                ["engine with all of them, MiB", full, budget, table.verdict(full, budget) if budget else ""],
                ["each, KiB", (full - empty) * 1024 / count, None, ""],
                ["the same after four changes, MiB", after, None, ""],
                ["did not get in, all at once", failed, 0, table.verdict(failed, 0)],
                ["of them a second", a_second, None, ""],
                ["dropped by certificate, trust and policy replaced", lost, 0, table.verdict(lost, 0)],
                ["refused between these", refused, 0, table.verdict(refused, 0)],
                ["all gone and back at once, known by now: did not get in", failed_again, 0, table.verdict(failed_again, 0)],
                ["of them a second", again_a_second, None, ""],
                ["echo of a small message over 2,000 connections, CPU µs", message, 16, table.verdict(message, 16)],
                ["a bare loop of epoll and OpenSSL, over 2,000, CPU µs", floor, None, ""],
                ["ours in times of that (16 where it takes 13 to 15)", times, 16 / 14, table.verdict(times, 16 / 14)]],
               [f"open files end at {hard} here; the load is made on the same two processors"])
