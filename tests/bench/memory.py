"""Resident memory at rest, and of each idle connection."""
import table
from servers import PEERS, Ours, Peer, PeerInForeground, client_file, figure, load, rss_kib


def at_rest():
    rows = []
    for role in ("primary", "single"):
        ours = Ours(role=role)
        try:
            for program, process in ours.appliance.processes.items():
                rss, private = rss_kib([process.pid])
                rows.append([f"chancery-{program} ({role})", rss / 1024, private / 1024])
        finally:
            ours.stop()
    for name in PEERS:
        peer = Peer(name)
        try:
            rss, private = rss_kib(peer.all_pids())
            rows.append([name, rss / 1024, private / 1024])
        finally:
            peer.stop()
    table.show("Memory at rest, MiB", ["program", "resident", "of it private"], rows,
               ["peers: one worker, all their processes; private: shared with no other process"])


def idle(server, count, *more):
    pids = ",".join(map(str, server.pids()))
    out = load("idle", server.port, "-n", count, "-c", 8, "-p", server.protocol, "-P", pids, *more)
    failed = figure(out, "open_fail") + figure(out, "dead")
    return figure(out, "per_conn_rss"), int(failed)


def run(options):
    at_rest()
    count = 500 if options.quick else 4000
    rows = []
    for make in [Ours] + [lambda name=name: Peer(name) for name in ("nginx", "haproxy", "mosquitto", "lighttpd")]:
        server = make()
        try:
            each, failed = idle(server, count)
        finally:
            server.stop()
        ours = isinstance(server, Ours)
        rows.append([f"{server.name}, keep-alive after one request", each, failed, 14.2 if ours else None, table.verdict(each, 14.2) if ours else ""])
    for make in [lambda: Ours(mutual=True)] + [lambda name=name: PeerInForeground(name, mutual=True) for name in ("nginx", "haproxy", "mosquitto")]:
        server = make()
        try:
            each, failed = idle(server, count, "-k", client_file())
        finally:
            server.stop()
        ours = isinstance(server, Ours)
        rows.append([f"{server.name}, mutual TLS", each, failed, 20 if ours else None, table.verdict(each, 20) if ours else ""])
    table.show(f"Memory of an idle TLS 1.3 connection, KiB resident ({count} connections)", ["connection", "KiB", "failed", "at most", ""], rows,
               ["mutual TLS: the client sends its leaf only; collectors in an engine are the section `collectors`"])
