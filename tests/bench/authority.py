"""The authority: one certificate beside textbook OpenSSL, one join beside cfssl's authsign, and what one more member of a
federation costs as it grows. Everything is processor time, of this process or of the server, measured in turns."""
import base64
import hashlib
import hmac
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
from statistics import median

import table
from servers import PERF
from harness import BIN, Appliance, await_condition, free_port_base

BENCH = os.path.join(BIN, "authority-bench")
PASSPHRASE = bytes.fromhex("0123456789abcdef0123456789abcdef")


def ours(*arguments):
    done = subprocess.run([BENCH, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=1800)
    if done.returncode != 0:
        raise AssertionError(f"authority-bench {arguments}: {done.stderr.decode()}")
    return json.loads(done.stdout)


def spent(pid):
    """Microseconds of processor time, as the scheduler counts them for each thread."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat") as file:
            total += int(file.read().split()[0])
    return total / 1e3


def textbook(count):
    """The same with OpenSSL's ordinary calls: microseconds a certificate."""
    pki = os.path.join(PERF, "pki")
    csr = os.path.join(PERF, "run", "bench.csr")
    if not os.path.exists(csr):
        subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", os.devnull, "-subj",
                        "/CN=engine-1.example", "-out", csr], check=True, stderr=subprocess.DEVNULL)
    done = subprocess.run([os.path.join(PERF, "run", "issue"), "sign", str(count), f"{pki}/ec256-int.crt", f"{pki}/ec256-int.key", csr],
                          stdout=subprocess.PIPE, check=True)
    return float(re.search(rb"total=([\d.]+)", done.stdout)[1])


class Cfssl:
    """`cfssl serve`, asked as its own authsign is: one certificate, a new TLS connection each."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="chancery-bench-")
        pki = os.path.join(PERF, "pki")
        configuration = os.path.join(self.folder, "config.json")
        with open(configuration, "w") as file:
            json.dump({"signing": {"default": {"expiry": "8760h", "usages": ["signing", "server auth", "client auth"], "auth_key": "k"}},
                       "auth_keys": {"k": {"type": "standard", "key": PASSPHRASE.hex()}}}, file)
        self.port = free_port_base(1)
        self.process = subprocess.Popen(["cfssl", "serve", "-address", "127.0.0.1", "-port", str(self.port), "-ca", f"{pki}/ec256-int.crt", "-ca-key",
                                         f"{pki}/ec256-int.key", "-config", configuration, "-tls-cert", f"{pki}/ec256-A.chain", "-tls-key",
                                         f"{pki}/ec256-A.key", "-loglevel", "5"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        csr = subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", os.devnull, "-subj",
                              "/CN=engine-1.example"], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.decode()
        request = json.dumps({"certificate_request": csr, "hosts": ["engine-1.example"]}).encode()
        self.body = json.dumps({"token": base64.b64encode(hmac.new(PASSPHRASE, request, hashlib.sha256).digest()).decode(),
                                "request": base64.b64encode(request).decode()}).encode()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE
        await_condition(self.answers, "cfssl answers")

    def answers(self):
        try:
            self.sign()
            return True
        except OSError:
            return False

    def sign(self):
        with socket.create_connection(("127.0.0.1", self.port), 10) as raw, self.context.wrap_socket(raw) as link:
            link.sendall(b"POST /api/v1/cfssl/authsign HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: " +
                         str(len(self.body)).encode() + b"\r\n\r\n" + self.body)
            answer = b""
            while True:
                more = link.recv(65536)
                if not more:
                    break
                answer += more
        if b'"success":true' not in answer:
            raise AssertionError(answer.decode(errors="replace"))

    def cost(self, count):
        before = spent(self.process.pid)
        for _ in range(count):
            self.sign()
        return (spent(self.process.pid) - before) / count

    def stop(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Primary:
    """A primary of ours in memory, with its authority and nothing else running."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="chancery-bench-", dir="/dev/shm")
        self.processes = []
        self.appliance = Appliance(self, "primary", name="primary.test")
        self.appliance.start("authority")
        self.pid = self.appliance.processes["authority"].pid

    def joins(self, count, identities, *only):
        return ours("federation", self.appliance.state, "127.0.0.1", self.appliance.join, self.pid, count, identities, *only)

    def where(self, members):
        return [self.appliance.state, self.appliance.join, self.pid, members]

    def stop(self):
        self.appliance.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def issuing(options):
    count, rounds = (400, 1) if options.quick else (4000, 7)
    own, other = [], []
    for _ in range(rounds):
        own.append(ours("issue", count)["each"])
        other.append(textbook(count))
    ratio = median(own) / median(other)
    rows = [["Chancery", median(own), ratio, 0.32, table.verdict(ratio, 0.32)], ["textbook OpenSSL", median(other), 1.0, None, ""]]
    many = 20_000 if options.quick else 1_000_000
    grown = ours("register", many, 2000 if options.quick else 10_000, "/dev/shm")
    ratio = grown["full"] / grown["empty"]
    rows += [["Chancery, a new register", grown["empty"], 1.0, None, ""],
             [f"Chancery, {many:,} issued before", grown["full"], ratio, 1.1, table.verdict(ratio, 1.1)]]
    table.show("Issue one certificate in process: CSR read and proven, leaf signed and written as PEM; µs of processor time", ["", "µs", "ratio", "at most", ""],
               rows, ["ours also enters it in the register (SQLite, durable); ratio: to OpenSSL, asked for 130 µs where that one takes 404; of the last line,",
                      "to the one before, in turns; its rows were entered in batches, through the register's own tables and indexes"])


def joining(options):
    rounds, count = (1, 10) if options.quick else (6, 40)
    cfssl, one, whole = [], [], []
    peer = Cfssl()
    try:
        for _ in range(rounds):
            primary = Primary()
            try:
                one += primary.joins(count, 1, "joins")["joins"][3:]
                cfssl.append(peer.cost(count))
            finally:
                primary.stop()
            primary = Primary()
            try:
                whole += primary.joins(count, 4, "joins")["joins"][3:]
            finally:
                primary.stop()
    finally:
        peer.stop()
    base = median(cfssl)
    rows = [["cfssl authsign (1 certificate)", base, 1.0, None, ""],
            ["a join with 1 certificate", median(one), median(one) / base, 0.95, table.verdict(median(one) / base, 0.95)],
            ["a join as it is, 4 certificates", median(whole), median(whole) / base, None, ""]]
    table.show("A join over HTTPS on a new connection: µs of the server's processor time", ["", "µs", "ratio", "at most", ""], rows,
               ["a join also proves a signature, signs its answer, keeps roster and register, and hands over the Customer Key"])


def growing(options):
    count, first = (40 if options.quick else 200), 10
    primary = Primary()
    try:
        cost = primary.joins(count, 4)
    finally:
        primary.stop()
    rows = []
    for name, values in (("join", cost["joins"]), ("renewal", cost["renewals"])):
        begin, end = median(values[first:first + 20]), median(values[-20:])
        rows.append([name, begin, end, end / begin, 1.1, table.verdict(end / begin, 1.1)])
    table.show(f"A federation of {count} members: µs of the authority's processor time for one more, 4 certificates each",
               ["", "from the 10th", f"to the {count}th", "ratio", "at most", ""], rows)


def rotating(options):
    """A small and a large federation step in turns, so that both stand in the same weather."""
    small, large, rounds = 10, 40 if options.quick else 200, 1 if options.quick else 6
    primaries = [Primary(), Primary()]
    try:
        costs = ours("rotation", rounds, "127.0.0.1", *primaries[0].where(small), *primaries[1].where(large))
    finally:
        for primary in primaries:
            primary.stop()
    rows = []
    for name, what in (("prepare, the command", "federation-rotate-prepare"), ("activate, the command", "federation-rotate-activate"),
                       ("retire, the command", "federation-rotate-retire"), ("one member learns of it", "learn"), ("one member renews", "renew"),
                       ("one member proves it", "prove")):
        begin, end = costs["small"][what], costs["large"][what]
        ratio = costs["ratios"].get(what, end / begin)
        rows.append([name, begin, end, ratio, 1.1, table.verdict(ratio, 1.1)])
    begin, end = costs["small"]["federation-rotate-status"] / small, costs["large"]["federation-rotate-status"] / large
    rows.append(["who is waited for, a member", begin, end, end / begin, 1.1, table.verdict(end / begin, 1.1)])
    table.show(f"A rotation with {small} and with {large} members, in turns: µs of processor time of the command, or of the authority for a member",
               ["", f"{small} members", f"{large} members", "ratio", "at most", ""], rows,
               ["a command's ratio is the median of those of neighbouring runs; who is waited for goes over all members: what counts is the cost of each"])


def run(options):
    issuing(options)
    joining(options)
    growing(options)
    rotating(options)
