"""What a full TLS 1.3 handshake costs: instructions under callgrind, and processor time in turns."""
import os
import shutil
from statistics import median

import table
from harness import BIN, free_port_base
from servers import PERF, Ours, Peer, UnderCallgrind, figure, load

LIMITS = {"ec256": 0.95, "rsa2048": 1.00}


def prepare_peer(name, key, port):
    """A command that serves the chain of `key` on `port` in the foreground, in one process."""
    folder = os.path.join(PERF, "run", f"callgrind-{name}")
    os.makedirs(folder, exist_ok=True)
    for suffix in ("chain", "key", "pem"):
        shutil.copy(os.path.join(PERF, "pki", f"{key}-A.{suffix}"), folder)
    pki = f"{folder}/{key}-A"
    path = os.path.join(folder, "conf")
    temporary = "\n".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    text = {
        "nginx": f"""daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log crit;
events {{ worker_connections 1000; }}
http {{ access_log off; {temporary}
server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {pki}.chain; ssl_certificate_key {pki}.key; ssl_protocols TLSv1.2 TLSv1.3; location / {{ return 200 "ok"; }} }} }}
""",
        "haproxy": f"""global
 nbthread 1
defaults
 mode http
 timeout client 1h
 timeout server 1h
 timeout connect 5s
frontend f
 bind 127.0.0.1:{port} ssl crt {pki}.pem alpn http/1.1
 http-request return status 200
""",
        "mosquitto": f"""listener {port} 127.0.0.1
allow_anonymous true
certfile {pki}.chain
keyfile {pki}.key
log_type error
user root
"""}[name]
    with open(path, "w") as file:
        file.write(text)
    return {"nginx": ["nginx", "-e", f"{folder}/error.log", "-c", path], "haproxy": ["haproxy", "-db", "-f", path],
            "mosquitto": ["mosquitto", "-c", path]}[name]


def per_handshake(command, port, counts, options=()):
    """Instructions per handshake: the difference of two runs, so that start and end do not count."""
    spent = []
    for count in counts:
        server = UnderCallgrind(command, port, os.path.join(PERF, "run", "callgrind.out"))
        out = load("hs", port, "-n", count, "-c", 1, *options)
        spent.append(server.instructions())
        if f" ok={count} " not in out:
            raise AssertionError(f"{command}: {out}")
    return (spent[1] - spent[0]) / (counts[1] - counts[0]) / 1e3


def instructions(key, quick, peers):
    counts = {"ec256": (50, 150), "rsa2048": (20, 60)}[key]
    found = {}
    ours = Ours(key)
    try:
        ours.appliance.stop("portal")
        command = [os.path.join(BIN, "chancery-portal"), "--state", ours.appliance.state]
        found["chancery"] = per_handshake(command, ours.port, counts)
    finally:
        ours.stop()
    for name in peers[:1] if quick else peers:
        port = free_port_base()
        found[name] = per_handshake(prepare_peer(name, key, port), port, counts)
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


def run(options):
    peers = ["nginx", "haproxy", "mosquitto"]
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
