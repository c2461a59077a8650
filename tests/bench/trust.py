"""Trust: one root more in a bundle of many, and a chain of three certificates verified from their bytes."""
import json
import os
import re
import resource
import shutil
import subprocess
import tempfile
import time
from statistics import median

import table
from servers import PERF
from harness import BIN

BENCH = os.path.join(BIN, "trust-bench")
PUBLIC = "/etc/ssl/certs/ca-certificates.crt"


def ours(*arguments):
    done = subprocess.run([BENCH, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=600)
    if done.returncode != 0:
        raise AssertionError(f"trust-bench {arguments}: {done.stderr.decode()}")
    return json.loads(done.stdout)


def store(*arguments):
    return subprocess.run([os.path.join(PERF, "run", "store"), *map(str, arguments)], stdout=subprocess.PIPE, check=True).stdout.decode()


def roots(folder, count, name):
    path = os.path.join(folder, name)
    subprocess.run([os.path.join(PERF, "run", "issue"), "gen", str(count), path], check=True)
    return path


def debians(folder, root):
    """update-ca-certificates with one local CA more, on folders of its own: elapsed and processor milliseconds."""
    local, etc, hooks = (os.path.join(folder, name) for name in ("local", "etc", "hooks"))
    for path in (local, etc, hooks):
        shutil.rmtree(path, ignore_errors=True)
        os.mkdir(path)
    command = ["update-ca-certificates", "--localcertsdir", local, "--etccertsdir", etc, "--hooksdir", hooks]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    shutil.copy(root, os.path.join(local, "more.crt"))
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (time.monotonic() - begun) * 1e3, (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e3


def appending(options):
    rounds = 3 if options.quick else 15
    folder = tempfile.mkdtemp(prefix="chancery-bench-", dir="/dev/shm")
    try:
        root = roots(folder, 1, "root.pem")
        many = roots(folder, 10_000, "many.pem")
        rows = []
        for bundle, count, limit in ((PUBLIC, 144, 3.0), (many, 10_000, 100.0)):
            own, peer = [], []
            for _ in range(1 if count > 1000 else 3):
                own.append(ours("append", bundle, root, rounds))
                peer.append(float(re.search(r"mean=([\d.]+) ms/store", store("load", bundle, 1 if count > 1000 else 5))[1]))
            elapsed, processor = median(o["elapsed"] for o in own) / 1e3, median(o["cpu"] for o in own) / 1e3
            rows += [[f"Chancery, {count:,}", elapsed, processor, limit, table.verdict(elapsed, limit)],
                     [f"OpenSSL loads such a store, {count:,}", None, median(peer), None, ""]]
        elapsed, processor = debians(folder, root)
        rows.append(["update-ca-certificates, 144", elapsed, processor, None, ""])
        table.show("Append one root to a CA bundle, in process: read, every certificate compared, the new one judged, written durably", ["", "elapsed ms", "CPU ms", "at most", ""],
                   rows, ["the transaction around it (generation, backup set, programs) is `replace`'s"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def verifying(options):
    rounds, turns = (500, 1) if options.quick else (4000, 5)
    pki = os.path.join(PERF, "pki")
    root, issuing, leaf = (os.path.join(pki, name) for name in ("ec256-root.crt", "ec256-int.crt", "ec256-A.crt"))
    own, plain, apart = [], [], []
    for _ in range(turns):
        own.append(median(ours("chain", leaf, issuing, root, rounds, 2)["each"]))
        text = store("verify", rounds, root, issuing, leaf, PUBLIC, 2)
        plain.append(float(re.search(r"root only, leaf\+int parsed each time.*cpu=([\d.]+)", text)[1]))
        apart.append(float(re.search(r"one OSSL_LIB_CTX per thread.*cpu=([\d.]+)", text)[1]))
    base = median(plain)
    rows = [["Chancery", median(own), median(own) / base, 285 / 351, table.verdict(median(own) / base, 285 / 351)],
            ["OpenSSL", base, 1.0, None, ""],
            ["OpenSSL, a library context for each thread", median(apart), median(apart) / base, None, ""]]
    table.show("A chain of three, leaf and CA decoded anew, verified to a known root by 2 threads at once: µs of processor time", ["", "µs", "ratio", "at most", ""],
               rows, ["asked for: 285 µs where OpenSSL takes 351; ours builds the chain and checks its signatures, dates and names are compared later by preflight"])


def run(options):
    appending(options)
    verifying(options)
