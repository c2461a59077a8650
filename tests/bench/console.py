"""The console: what its pages weigh, how soon a person sees something, how long the API takes. No peer has such pages."""
import json
import os
import re
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "system"))

import table
import test_browser
import test_console_pages
from console_client import Console
from harness import SystemTest

WEIGHT_LIMIT = 80_000


class Bench(SystemTest):
    def runTest(self):
        pass


def weights(console):
    """{path: (bytes, bytes compressed)} of everything that the pages are, those included that only some of them load."""
    def fetch(path):
        replies = [console.ask("GET", path, plain=True, headers={"Accept-Encoding": encoding}) for encoding in ("identity", "gzip")]
        found[path] = tuple(len(reply.body) for reply in replies)
        for name in set(re.findall(r'["/](\w[\w.-]*-[A-Z0-9]{8}\.(?:js|css))"', replies[0].body.decode())):
            if "/" + name not in found:
                fetch("/" + name)

    found = {}
    fetch("/")
    fetch("/icon.svg")
    return found


def first_views(test, appliance, rounds):
    person = test_browser.Browser(test, "bench")
    person.import_root(appliance.root(), "root")
    path = os.path.join(test.folder, "first_view.json")
    with open(path, "w") as file:
        json.dump({"modules": test_console_pages.modules(), "home": person.home, "pictures": test.folder, "rounds": rounds,
                   "primary": f"https://localhost:{appliance.console}", "primaryPassword": appliance.password()}, file)
    done = subprocess.run(["node", os.path.join(test_console_pages.TESTS, "first_view.mjs"), path], stdout=subprocess.PIPE, check=True, timeout=200)
    return json.loads(done.stdout)


def latency(console, path, rounds):
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        assert console.get(path).status == 200, path
        times.append((time.perf_counter() - begun) * 1000)
        time.sleep(0.06)  # below the rate limit
    return statistics.median(times)


def run(options):
    rounds = 3 if options.quick else 15
    test = Bench()
    test.setUp()
    try:
        appliance = test.appliance("single", name="single.test").start("manager", "console", "portal", "authority", "engine")
        console = Console(appliance.console)
        assert console.sign_in(appliance.password()).status == 200
        found = weights(console)
        total = sum(packed for _, packed in found.values())
        rows = [[path, whole, packed] for path, (whole, packed) in found.items()]
        table.show("Console: weight of the pages (bytes)", ["file", "whole", "gzip"], rows + [["all", sum(whole for whole, _ in found.values()), total]],
                   [f"limit {WEIGHT_LIMIT} compressed: {table.verdict(total, WEIGHT_LIMIT)}"])
        views = first_views(test, appliance, max(3, rounds // 3))
        table.show("Console: a person waits (ms, median, Chromium without a cache)", ["view", "ms"], [["the door", views["door"]], ["signing in to the overview", views["overview"]]])
        asked = ["/session", "/certificates?probe=false", "/certificates", "/status", "/doctor", "/trust?store=engine"]
        table.show("Console: the API (ms, median, each on a new TLS connection)", ["address", "ms"], [[path, latency(console, path, rounds)] for path in asked])
    finally:
        test.doCleanups()
