"""Start-up of the command line: wall time in turns with others, and instructions, which do not depend on the load."""
import os
import re
import resource
import subprocess
import time
from statistics import median

import table
from servers import PERF
from harness import BIN


def commands():
    pki = os.path.join(PERF, "pki")
    chancery = os.path.join(BIN, "chancery")
    check = ["--certificate", f"{pki}/ec256-A.crt", "--key", f"{pki}/ec256-A.key", "--intermediate", f"{pki}/ec256-int.crt", "--trust", f"{pki}/ec256-root.crt",
             "--name", "localhost"]
    return {
        "/bin/true": ["/bin/true"],
        "nginx -v": ["nginx", "-v"],
        "openssl version": ["openssl", "version"],
        "chancery --version": [chancery, "--version"],
        "chancery-portal --version": [os.path.join(BIN, "chancery-portal"), "--version"],
        "openssl verify (chain)": ["openssl", "verify", "-CAfile", f"{pki}/ec256-root.crt", "-untrusted", f"{pki}/ec256-int.crt",
                                   f"{pki}/ec256-A.crt"],
        "chancery cert check (chain, key)": [chancery, "cert", "check", *check],
    }


def once(command):
    """Wall and processor milliseconds."""
    begun = time.perf_counter()
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (time.perf_counter() - begun) * 1e3, (after.ru_utime + after.ru_stime - spent.ru_utime - spent.ru_stime) * 1e3


def instructions(command):
    done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *command], stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    found = re.search(r"Collected : (\d+)", done.stderr.decode(errors="replace"))
    return int(found[1]) / 1e6 if found else None


def run(options):
    taken = {name: [] for name in commands()}
    for _ in range(5 if options.quick else 60):
        for name, command in commands().items():
            taken[name].append(once(command))
    rows = []
    for name, command in commands().items():
        limit = 5.0 if name == "chancery --version" else None
        wall = [one[0] for one in taken[name]]
        processor = median(one[1] for one in taken[name])
        rows.append([name, min(wall), median(wall), processor, instructions(command), limit, table.verdict(processor, limit) if limit else ""])
    table.show("Start-up, milliseconds from fork to exit, in turns", ["command", "least", "median", "CPU", "M instr.", "at most", ""], rows,
               ["judged by processor time: wall time depends on what else runs on the machine"])
