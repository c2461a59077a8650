"""What a full TLS 1.3 handshake costs: instructions under callgrind, and processor time in turns."""
import os
from statistics import median

import table
from harness import BIN, free_port_base
from servers import PERF, Ours, Peer, PeerInForeground, UnderCallgrind, client_file, figure, load, prepare_peer

LIMITS = {"ec256": 0.95, "rsa2048": 1.00}


def per_handshake(command, port, counts, options=()):
    """Instructions per handshake: the difference of two runs, so that start and end do not count."""
    spent = []
    for count in counts:
        server = UnderCallgrind(command, port, os.path.join(PERF, "run", "callgrind.out"), options)
        out = load("hs", port, "-n", count, "-c", 1, *options)
        spent.append(server.instructions())
        if f" ok={count} " not in out:
            raise AssertionError(f"{command}: {out}")
    return (spent[1] - spent[0]) / (counts[1] - counts[0]) / 1e3


def instructions(key, quick, peers, mutual=False):
    counts = {"ec256": (50, 150), "rsa2048": (20, 60)}[key]
    options = ("-k", client_file()) if mutual else ()
    found = {}
    ours = Ours(key, mutual=mutual)
    try:
        ours.appliance.stop("portal")
        command = [os.path.join(BIN, "chancery-portal"), "--state", ours.appliance.state]
        found["chancery"] = per_handshake(command, ours.port, counts, options)
    finally:
        ours.stop()
    for name in peers[:1] if quick else peers:
        port = free_port_base()
        found[name] = per_handshake(prepare_peer(name, key, port, mutual), port, counts, options)
    return found


def processor_time(key, rounds, peers):
    """Microseconds of the server per handshake, with it alone on processor 0 and the load on 1; peers in turns."""
    servers = [Ours(key)] + [Peer(name, key) for name in peers]
    taken = {server.name: [] for server in servers}
    try:
        for server in servers:
            for pid in server.pids():
                os.system(f"taskset -apc 0 {pid} >/dev/null")
        for _ in range(rounds):
            for server in servers:
                out = load("hs", server.port, "-d", 2, "-c", 4, "-P", ",".join(map(str, server.pids())), cpu=1)
                taken[server.name].append(figure(out, "srv_cpu_us"))
    finally:
        for server in servers:
            server.stop()
    return taken


def mutual(options, peers):
    counted = instructions("ec256", options.quick, peers, mutual=True)
    rows = [[name, count, count / counted["nginx"]] for name, count in counted.items()]
    table.show("Full handshake with mutual TLS, ec256, the client sends its leaf only", ["server", "k instr.", "× nginx"], rows,
               [f"at most 0.75 × nginx: {rows[0][2]:.3f}, {table.verdict(rows[0][2], 0.75)}"])


def echo(options, peers):
    """A small request and its answer over 2,000 connections, each in turn."""
    rows = []
    for make in [Ours] + [lambda name=name: PeerInForeground(name) for name in peers]:
        server = make()
        try:
            out = load("echo", server.port, "-n", 2000, "-c", 4, "-d", 2 if options.quick else 5, "-p", server.protocol, "-P", ",".join(map(str, server.pids())))
        finally:
            server.stop()
        rows.append([server.name, figure(out, "srv_cpu_us/msg"), int(figure(out, "fail"))])
    table.show("A small request over 2,000 connections (HTTP; mosquitto: ping), CPU µs of the server", ["server", "µs", "failed"], rows,
               ["ours hands each request to a worker; messages of the collector channel are the section `collectors`"])


def run(options):
    peers = ["nginx", "haproxy", "mosquitto"]
    mutual(options, peers)
    echo(options, peers)
    for key in ("ec256", "rsa2048"):
        counted = instructions(key, options.quick, peers)
        timed = processor_time(key, 2 if options.quick else 9 if options.long else 5, peers)
        rows = []
        for name in ["chancery", *peers]:
            ratio = median(one / nginx for one, nginx in zip(timed[name], timed["nginx"]))
            rows.append([name, counted.get(name), counted[name] / counted["nginx"] if name in counted else None, median(timed[name]), min(timed[name]), ratio])
        limit = LIMITS[key]
        mine = counted["chancery"] / counted["nginx"]
        notes = [f"instructions at most {limit:.2f} × nginx: {mine:.3f}, {table.verdict(mine, limit)}"]
        if key == "ec256":
            notes.append(f"processor time at most 1.05 × nginx, median of the ratios of each round: {rows[0][5]:.3f}, {table.verdict(rows[0][5], 1.05)}")
        table.show(f"Full TLS 1.3 handshake, {key}, leaf and one intermediate", ["server", "k instr.", "× nginx", "CPU µs", "least", "× nginx"], rows, notes)
