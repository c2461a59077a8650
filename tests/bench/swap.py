"""Certificates swapped under load: who fails, who is dropped, and how long both leaves are seen."""
import json
import re
from statistics import median

import table
from servers import PEERS, Ours, Peer, load


def one_round(server, rate, swaps):
    interval = 2000 if server.name == "lighttpd" else 1000
    out = load("reload", server.port, "-c", 16, "-R", rate, "-L", 200, "-p", server.protocol, "-i", interval, "-S", swaps,
               "-T", server.swap_time_file(), "-x", server.swap_command())
    last = re.search(r"RELOAD .*", out)
    if not last:
        raise AssertionError(f"{server.name}: the load generator has no result\n{out}")
    failures = sum(int(number) for number in re.findall(r"(?:conn|hs|req|timeout)=(\d+)", last[0]))
    return {
        "swaps": [int(n) for n in re.findall(r"rc=(\d+)", out)],
        "ok": int(re.search(r"handshakes_ok=(\d+)", last[0])[1]),
        "failures": failures,
        "dropped": int(re.search(r"long-lived dead=(\d+)", last[0])[1]),
        "first_new": [float(n) for n in re.findall(r"first_new_ms=(-?[\d.]+)", out)],
        "last_old": [float(n) for n in re.findall(r"last_old_ms=(-?[\d.]+)", out)],
    }


def gather(rate, rounds, swaps):
    found, replaces = {}, []
    for _ in range(rounds):
        for make in [Ours] + [lambda name=name: Peer(name, workers=2) for name in PEERS]:
            server = make()
            try:
                found.setdefault(server.name, []).append(one_round(server, rate, swaps))
                if isinstance(server, Ours):
                    with open(server.appliance.state + ".replaces") as file:
                        replaces += [json.loads(line) for line in file]
            finally:
                server.stop()
    return found, replaces


def tell(rate, found, replaces):
    rows = []
    for name, rounds in found.items():
        first = [value for one in rounds for value in one["first_new"] if value >= 0]
        old = [value for one in rounds for value in one["last_old"]]
        rows.append([name, sum(len(one["swaps"]) for one in rounds), sum(one["ok"] for one in rounds), sum(one["failures"] for one in rounds),
                     f"{sum(one['dropped'] for one in rounds)} of {200 * len(rounds)}", median(first) if first else None,
                     max(first) if first else None, median(old), max(old)])
    first = [value for one in found["chancery"] for value in one["first_new"] if value >= 0]
    old = [value for one in found["chancery"] for value in one["last_old"]]
    refused = sum(code != 0 for one in found["chancery"] for code in one["swaps"])
    late = sum(value > one["after_switch"] for value, one in zip(old, replaces))
    table.show(f"Swap under load: {rate} handshakes/s offered, 200 long-lived connections",
               ["server", "swaps", "handshakes", "failed", "dropped", "new ms", "most", "old ms", "most"], rows,
               ["new: from the request (chancery: from the switch) to the first handshake with the new leaf, median and most",
                "old: to the end of the last handshake with the old leaf"])
    whole = [one["whole"] for one in replaces]
    table.show(f"`chancery cert replace` under that load ({len(replaces)} times, {refused} refused)", ["figure", "median", "most", "at most", ""],
               [["from the switch to the first new handshake, ms", median(first), max(first), 6.0, table.verdict(median(first), 6.0)],
                ["last handshake with the old leaf after it, ms", median(old), max(old), 3.0, table.verdict(median(old), 3.0)],
                ["handshakes ended old after `replace` returned", late, late, 0, table.verdict(late, 0)],
                ["from the command to the switch, ms", median(one["to_switch"] for one in replaces), max(one["to_switch"] for one in replaces), None, ""],
                ["the whole command, ms", median(whole), max(whole), None, ""]])


def run(options):
    rounds, swaps = (1, 4) if options.quick else (2, 10)
    for rate in (400, 1000) if options.long else (400,):
        tell(rate, *gather(rate, rounds, swaps))
