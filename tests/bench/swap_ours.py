"""swap_ours.py STATE KEY A|B: one `cert replace`, as the load generator asks for it.

Writes to STATE.swap when generation folder `current` was renamed (seen by inotify), and appends what the steps took to
STATE.replaces."""
import ctypes
import json
import os
import select
import struct
import subprocess
import sys
import threading
import time

IN_MOVED_TO = 0x80


def watch(folder, name, seen):
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(os.O_CLOEXEC)
    if descriptor < 0 or libc.inotify_add_watch(descriptor, os.fsencode(folder), IN_MOVED_TO) < 0:
        raise OSError(ctypes.get_errno(), "inotify")

    def wait():
        while select.select([descriptor], [], [], 60)[0]:
            now = time.time()
            events = os.read(descriptor, 4096)
            at = 0
            while at < len(events):
                size = struct.unpack_from("iIII", events, at)[3]
                if events[at + 16:at + 16 + size].rstrip(b"\0") == name.encode():
                    seen.append(now)
                    return
                at += 16 + size

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def main():
    state, key, which = sys.argv[1:]
    pki = os.path.join("pki", key)
    seen = []
    thread = watch(state, "current", seen)
    begun = time.time()
    done = subprocess.run([os.path.join(os.environ["CHANCERY_BIN"], "chancery"), "--state", state, "--json", "cert", "replace",
                           "--certificate", f"{pki}-{which}.crt", "--key", f"{pki}-{which}.key", "--intermediate", f"{pki}-int.crt",
                           "--also-trust", f"{pki}-root.crt"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    ended = time.time()
    thread.join(5)
    switched = seen[0] if seen else begun
    with open(state + ".swap", "w") as file:
        file.write(f"{switched:.6f}\n")
    with open(state + ".replaces", "a") as file:
        file.write(json.dumps({"exit": done.returncode, "to_switch": (switched - begun) * 1e3, "after_switch": (ended - switched) * 1e3,
                               "whole": (ended - begun) * 1e3, "steps": json.loads(done.stdout).get("milliseconds")}) + "\n")
    sys.exit(done.returncode)


main()
