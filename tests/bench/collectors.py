"""The collector channel with as many as an engine is meant for: how fast they come, what each costs, what a small message costs, and
whether one is dropped or refused while certificate, trust and policy are replaced under them."""
import concurrent.futures
import ctypes
import os
import resource
import time

import table
from channel_peer import Collector, Identity, client_context, ssl
from servers import Ours, rss_kib

THREADS = 8
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
        roots = [os.urandom(32).hex()]
        self.send(type="facts", host=f"endpoint-{self.identity.id[:8]}.example.com", system="Debian GNU/Linux 12 (bookworm), x86_64",
                  addresses=["192.0.2.17", "2001:db8::17"], version="0.1.0", trust="pinned", trust_roots=roots, presented=os.urandom(32).hex(), name="localhost")
        self.send(type="holds", needs=bool(anchors["roots"]), held=[], proven=[], lists=[])
        self.send(type="ping")
        self.expect("pong")


def all_come(port, key, identities, kind=Reporting):
    """Everybody at once, over THREADS; (collectors, how many did not get in, seconds)."""
    contexts = [context() for _ in range(THREADS)]
    failed = []

    def come(number):
        try:
            return kind(contexts[number % THREADS], port, key, identities[number], timeout=120, source=f"127.0.0.{2 + number % 32}")
        except OSError as problem:
            failed.append(repr(problem))
            return None

    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        collectors = [one for one in pool.map(come, range(len(identities))) if one]
    for problem in failed[:3]:
        print("  ", problem)
    return collectors, len(failed), time.monotonic() - began


def cpu_seconds(pid):
    return time.clock_gettime((~pid << 3) | 2)


def echo(collectors, pid, rounds):
    """Microseconds of the engine for one small message and its answer, each connection in turn."""
    began = cpu_seconds(pid)
    for _ in range(rounds):
        for one in collectors:
            one.send(type="ping")
            one.expect("pong")
    return (cpu_seconds(pid) - began) * 1e6 / (rounds * len(collectors))


def settled(pid):
    """Resident MiB once what came has been written down."""
    time.sleep(3)
    return rss_kib([pid])[0] / 1024


def changes(ours, collectors):
    """How many are lost over a replace, a change of trust, of policy, and a reset; and the new one refused between them."""
    refused = 0
    for words in (["cert", "replace", *ours.files("B"), "--identity", "engine-collector"], ["trust", "append", ours.files("B")[-1]],
                  ["profile", "set", "default", "minimum-protocol=TLSv1.3"], ["cert", "reset", "engine-collector"]):
        done = ours.appliance.cli("--json", *words)
        if done.code != 0:
            raise AssertionError(str(done))
        for one in collectors[::50]:
            one.send(type="ping")
            one.expect("pong")
        try:
            Collector(context(), ours.appliance.collectors, ours.customer_key).close()
        except OSError:
            refused += 1
    return sum(not one.is_open() for one in collectors), refused


def run(options):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = 1000 if options.quick else min(MOST, hard - 1000)
    ours = Ours(role="single")
    try:
        with open(ours.appliance.file("customer-key/customer.key"), "rb") as file:
            ours.customer_key = file.read()
        pid, port = ours.pid("engine"), ours.appliance.collectors
        empty = settled(pid)
        identities = [Identity() for _ in range(count)]
        collectors, failed, seconds = all_come(port, ours.customer_key, identities)
        full = settled(pid)
        message = echo(collectors[:2000], pid, 2)
        lost, refused = changes(ours, collectors)
        after = settled(pid)
        again, failed_again, seconds_again = all_come(port, ours.customer_key, identities[:count // 3], Collector)
        for one in collectors + again:
            one.close()
    finally:
        ours.stop()
    budget = 240 * count / MOST
    each = (full - empty) * 1024 / count
    table.show(f"{count} collectors in one engine, each with a report of what it is", ["figure", "value", "at most", ""],
               [["engine without collectors, MiB", empty, None, ""],
                ["engine with all of them, MiB", full, budget if count == MOST else None, table.verdict(full, budget) if count == MOST else ""],
                ["each, KiB", each, None, ""],
                ["the same after four changes, MiB", after, None, ""],
                ["did not get in, all at once", failed, 0, table.verdict(failed, 0)],
                ["of them a second", count / seconds, None, ""],
                ["dropped by certificate, trust and policy replaced", lost, 0, table.verdict(lost, 0)],
                ["refused between these", refused, 0, table.verdict(refused, 0)],
                ["a third of them once more, known by now: did not get in", failed_again, 0, table.verdict(failed_again, 0)],
                ["of them a second", count / 3 / seconds_again, None, ""],
                ["echo of a small message over 2,000 connections, CPU µs", message, 16, table.verdict(message, 16)]],
               [f"open files end at {hard} here; the load is made on the same two processors"])
