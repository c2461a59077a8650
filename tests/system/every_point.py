"""every_point.py OPERATION KIND [MAX]: one change, killed or failed at each of its file calls in turn (strace), with the
check of fault_check.py after each. KIND: kill, or an errno that the call then returns.

The calls are those of one run that nothing disturbs. Which of them count:
- kill: those that change something below STATE, and the end. What is killed in front of a call that changes nothing
  leaves what being killed in front of the next one that does leaves.
- ENOSPC EDQUOT EROFS: those that change something; nothing else can fail so.
- EMFILE: those that open something below STATE.
- EIO, EACCES, and any other: those that open or change something below STATE."""
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

import fault_check

HERE = os.path.dirname(os.path.abspath(__file__))
STAGE = os.path.join(HERE, "fault_stage.sh")
CHANGING = ["write", "pwrite64", "writev", "rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "unlink", "unlinkat", "fsync",
            "fdatasync", "syncfs", "chmod", "fchmod", "fchmodat", "fchown", "fchownat", "ftruncate", "mkdir", "mkdirat"]
OPENING = ["openat", "open", "creat"]
ONLY_WHEN_WRITING = {"ENOSPC", "EDQUOT", "EROFS"}


def calls_of(operation, state, log):
    """(name, n, text) of each file call of the undisturbed run: its n-th of this name in the thread that makes it."""
    subprocess.run(["strace", "-f", "-qq", "-y", "-o", log, "-e", "trace=" + ",".join(CHANGING + OPENING + ["close"]), *operation],
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    counts, calls = {}, []
    with open(log, errors="replace") as file:
        for line in file:
            found = re.match(r"(\d+) +(\w+)\((.*)", line)
            if not found:
                continue
            thread, name, text = found.groups()
            counts[thread, name] = counts.get((thread, name), 0) + 1
            calls.append((name, counts[thread, name], text if state in text else ""))
    return calls


def writes(name, text):
    if name == "close":
        return False
    return name not in OPENING or any(flag in text for flag in ("O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC"))


def points_of(calls, kind):
    below = [(name, n, text) for name, n, text in calls if text]
    changing = [(name, n) for name, n, text in below if writes(name, text)]
    if kind == "kill":
        last = [(name, n) for name, n, _ in calls[-1:]]
        chosen = changing + last
    elif kind in ONLY_WHEN_WRITING:
        chosen = changing
    elif kind == "EMFILE":
        chosen = [(name, n) for name, n, _ in below if name in OPENING]
    else:
        chosen = [(name, n) for name, n, text in below if name in OPENING or writes(name, text)]
    return list(dict.fromkeys(chosen))


def main(name, kind, most):
    where = "/dev/shm" if os.path.isdir("/dev/shm") else None
    folder = tempfile.mkdtemp(prefix="chancery-faults-", dir=where)
    try:
        os.environ.update({"SSL_CERT_FILE": os.path.join(folder, "os.pem"), "TMPDIR": folder})
        subprocess.run(["bash", STAGE, "make", folder], check=True)
        state, pristine, log = (os.path.join(folder, part) for part in ("state", "pristine", "trace"))
        operation = shlex.split(subprocess.run(["bash", STAGE, "operation", folder, name], check=True, stdout=subprocess.PIPE).stdout.decode())

        def set_up():
            shutil.rmtree(state, ignore_errors=True)
            subprocess.run(["cp", "-a", pristine, state], check=True)

        set_up()
        before = os.readlink(os.path.join(state, "current"))
        calls = calls_of(operation, state, log)
        if os.readlink(os.path.join(state, "current")) == before:
            sys.exit(f"{name} changes nothing on this stage: there is nothing to disturb")
        # strace 6.1 sends no signals from where it stops at the one call only.
        tracer = ["strace", "-f", "-qq", "-o", log] + (["--seccomp-bpf"] if kind != "kill" else [])
        tried = bad = 0
        for call, n in points_of(calls, kind)[:most]:
            set_up()
            fault = "signal=KILL" if kind == "kill" else f"error={kind}"
            try:
                done = subprocess.run([*tracer, "-e", f"trace={call}", "-e", f"inject={call}:{fault}:when={n}", *operation],
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=60)
                with open(log, errors="replace") as file:
                    text = file.read()
                if "INJECTED" not in text and "killed by SIGKILL" not in text:
                    continue
                tried += 1
                fault_check.check(folder, state)
                if kind != "kill" and done.returncode not in (0, 1, 3):
                    raise SystemExit(f"exit {done.returncode}: {done.stdout.decode()[-300:]}")
            except (SystemExit, subprocess.TimeoutExpired) as wrong:
                bad += 1
                print(f"BAD {call} #{n}: {wrong}", flush=True)
        print(f"{name} {kind}: points={tried} of {len(calls)} calls, bad={bad}", flush=True)
        return 0 if tried and not bad else 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else None))
