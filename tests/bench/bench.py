"""bench.py [--long] [--quick] [SECTION…]: runs the sections in order and prints their tables (see bench.sh)."""
import argparse
import os
import platform
import subprocess
import time

import authority
import collectors
import console
import endurance
import handshakes
import keystores
import memory
import rehearsal
import replace
import start
import swap
import trust

SECTIONS = {"replace": replace.run, "start": start.run, "memory": memory.run, "swap": swap.run, "handshakes": handshakes.run, "collectors": collectors.run,
            "keystores": keystores.run, "authority": authority.run, "trust": trust.run, "rehearsal": rehearsal.run, "console": console.run, "endurance": endurance.run}


def machine():
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), "?")
    openssl = subprocess.run(["openssl", "version"], stdout=subprocess.PIPE).stdout.decode().split()[1]
    return (f"{time.strftime('%Y-%m-%d %H:%M')} · {os.cpu_count()} × {model} · Linux {platform.release()} · OpenSSL {openssl} · "
            f"load {os.getloadavg()[0]:.1f} before")


def main():
    parser = argparse.ArgumentParser(description="Our figures beside those of the peers, measured in turns in the same run.")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--long", action="store_true", help="more rounds, 1,000 handshakes/s as well, 1,000 replaces under 50 clients")
    parser.add_argument("--quick", action="store_true", help="few rounds: to see that it works, not to quote")
    options = parser.parse_args()
    unknown = set(options.sections) - set(SECTIONS)
    if unknown:
        parser.error(f"no such section: {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    print(machine())
    print(f"programs: {os.environ['CHANCERY_BIN']}")
    chosen = options.sections or [name for name in SECTIONS if name != "endurance" or options.long]
    for name in chosen:
        SECTIONS[name](options)
    print(f"\nload {os.getloadavg()[0]:.1f} after")


main()
