"""One `cert replace` at rest: all steps, every endpoint of console and portal probed."""
from statistics import median

import table
from servers import Ours

STEPS = ["planned", "staged", "backed-up", "prepared", "switched", "activated", "probed", "committed", "total"]
LIMITS = {"planned": 20.0, "total": 300.0}


def run(options):
    ours = Ours()
    try:
        taken = [ours.replace("BA"[turn % 2])["milliseconds"] for turn in range(5 if options.quick else 30)]
    finally:
        ours.stop()
    rows = []
    for step in sorted(taken[0], key=lambda name: STEPS.index(name) if name in STEPS else -1):
        values = [one[step] for one in taken if step in one]
        limit = LIMITS.get(step)
        rows.append([step, median(values), min(values), max(values), limit, table.verdict(median(values), limit) if limit else ""])
    table.show(f"cert replace, milliseconds from the step before ({len(taken)} times, console and portal probed)",
               ["step", "median", "least", "most", "at most", ""], rows,
               ["planned: the preflight with reading the files; total: in the manager, all steps. No peer does this."])
