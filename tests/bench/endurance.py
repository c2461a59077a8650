"""A thousand replaces with fifty clients: failures, memory, descriptors. Long: `./dev bench --long`."""
import os
import threading
from statistics import median

import table
from servers import Ours, figure, load, rss_kib

CLIENTS = 50
RATE = 200
WARM_UP = 50


def held(appliance):
    return {name: (rss_kib([process.pid])[0], len(os.listdir(f"/proc/{process.pid}/fd"))) for name, process in appliance.processes.items()}


def under_load(ours, replaces):
    """Replaces while the clients shake hands and ask; what the load generator says of every portion."""
    taken, outputs, done = [], [], threading.Event()

    def clients():
        while not done.is_set():
            outputs.append(load("hs", ours.port, "-c", CLIENTS, "-R", RATE, "-d", 10, "-p", "http"))

    thread = threading.Thread(target=clients)
    thread.start()
    try:
        for turn in range(replaces):
            taken.append(ours.replace("BA"[turn % 2])["milliseconds"]["total"])
    finally:
        done.set()
        thread.join()
    failed = sum(figure(out, name) or 0 for out in outputs for name in ("conn", "hs", "req", "to"))
    return taken, int(sum(figure(out, "ok") or 0 for out in outputs)), int(failed)


def run(options):
    replaces = 20 if options.quick else 1000
    ours = Ours()
    try:
        under_load(ours, 6 if options.quick else WARM_UP)
        before = held(ours.appliance)
        taken, handshakes, failed = under_load(ours, replaces)
        after = held(ours.appliance)
    finally:
        ours.stop()
    rows = []
    for name in before:
        growth = (after[name][0] - before[name][0]) / 1024
        descriptors = after[name][1] - before[name][1]
        ok = growth < 5 and descriptors == 0
        rows.append([f"chancery-{name}", before[name][0] / 1024, growth, before[name][1], f"{descriptors:+d}", "reached" if ok else "NOT reached"])
    table.show(f"{replaces} replaces with {CLIENTS} clients ({handshakes} handshakes with a request, {failed} failed)",
               ["program", "MiB before", "growth", "descriptors", "change", ""], rows,
               [f"median {median(taken):.0f} ms a replace, most {max(taken):.0f}; at most: 0 failed, +5 MiB, +0 descriptors; counted after {WARM_UP} replaces"])
