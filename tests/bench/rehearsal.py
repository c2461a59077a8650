"""A rehearsal over as many collectors as open files allow: how long everybody takes to answer, and what it takes of the engine.
Half of the simulated collectors trust the candidate's root, half do not, so that the report names thousands."""
import json
import os
import resource
import subprocess
import threading
import time

import table
from servers import Ours, harness, rss_kib

WANTED, LIMIT_SECONDS, LIMIT_MIB = 15_000, 5.0, 100


def simulated(count):
    """Fewer where this machine allows fewer open files."""
    room = resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 500
    return min(count, room)


def peak_of(pids, work):
    """The most that these processes had while `work` ran (KiB), and its result."""
    seen, over = [sum(rss_kib([pid])[0] for pid in pids)], threading.Event()

    def look():
        while not over.wait(0.02):
            seen.append(sum(rss_kib([pid])[0] for pid in pids))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        result = work()
    finally:
        over.set()
        looking.join()
    return max(seen) - seen[0], result


def run(options):
    count = simulated(1000 if options.quick else WANTED)
    ours = Ours(role="single")
    single, peers = ours.appliance, None
    try:
        pki = harness.Pki(os.path.join(ours.bench.folder, "rehearsal"), "ec", intermediates=1)
        leaf = pki.leaf(["localhost"])
        both = os.path.join(ours.bench.folder, "both.pem")
        with open(both, "w") as out:
            for path in (single.root(), pki.root):
                with open(path) as part:
                    out.write(part.read())
        program = os.path.join(os.environ["CHANCERY_BIN"], "collectors-bench")
        began = time.monotonic()
        peers = subprocess.Popen([program, str(single.collectors), single.file("customer-key/customer.key"), str(count), both, single.root()],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if peers.stdout.readline().strip() != b"ready":
            raise AssertionError("the simulated collectors were not admitted")
        connected = time.monotonic() - began
        command = ["rehearse", "--identity", "engine-collector", "--certificate", pki.path(leaf + ".crt"), "--intermediate", pki.intermediates,
                   "--also-trust", pki.root, "--deadline", "30s"]
        pids = [ours.pid("engine"), ours.pid("manager")] if single.processes.get("manager") else [ours.pid("engine")]
        rounds, reports, growths = [], [], []
        for _ in range(3):
            began = time.monotonic()
            growth, done = peak_of(pids, lambda: single.cli("--json", *command))
            rounds.append(time.monotonic() - began)
            growths.append(growth / 1024)
            reports.append(json.loads(done.out))
        report = reports[-1]
        good = all(r["asked"] == count and r["would_trust"] == (count + 1) // 2 and len(r["would_break"]) == count // 2 for r in reports)
        seconds, mib = sorted(rounds)[1], max(growths)
        table.show(f"Rehearsal: {count} connected collectors (they connected in {connected:.0f} s)",
                   ["figure", "ours", "must be", ""],
                   [["answered, named and reported, s", seconds, LIMIT_SECONDS, table.verdict(seconds, LIMIT_SECONDS)],
                    ["more memory, MiB", mib, float(LIMIT_MIB), table.verdict(mib, LIMIT_MIB)],
                    ["said right, of " + str(count), sum((len(report["would_break"]), report["would_trust"])), count, "all" if good else "NOT all"]],
                   [f"the command's whole time, median of 3 ({', '.join(f'{r:.2f}' for r in rounds)} s); memory is the peak over before, at 20 ms"])
    finally:
        if peers:
            peers.stdin.close()
            peers.wait(60)
        ours.stop()
