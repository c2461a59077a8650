"""Keystores: whole processes, ours, keytool's and where it can do the same openssl's, in turns on copies of the same files; wall, processor
and peak memory."""
import os
import shutil
import subprocess
import sys
import tempfile
import time
from statistics import median

import table
from harness import BIN

CHANCERY = os.path.join(BIN, "chancery")
PASSWORD = "changeit"


def once(command):
    """(wall s, processor s) of one run that must succeed."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if status != 0:
        raise RuntimeError(f"{' '.join(command)}: {said.decode(errors='replace')}")
    return wall, usage.ru_utime + usage.ru_stime


def peak_of(command):
    """Peak MiB, in a run of its own: a child of this program starts out with Python's peak, which getrusage never forgets."""
    said = subprocess.run(["/usr/bin/time", "-f", "%M", *command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True, text=True).stderr
    return int(said.split()[-1]) / 1024


def syncs(folder):
    """ms that the four syncs of an edit take by themselves (a file and its folder, twice): keytool has none."""
    taken = []
    for _ in range(9):
        begun = time.perf_counter()
        for name in ("synced-set", "synced-store"):
            with open(f"{folder}/{name}.new", "wb", buffering=0) as file:
                file.write(b"x" * 120000)
                os.fsync(file.fileno())
            os.rename(f"{folder}/{name}.new", f"{folder}/{name}")
            descriptor = os.open(folder, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)
        taken.append(time.perf_counter() - begun)
    return median(taken) * 1e3


class Files:
    """Stores of a size, made once by keytool's own JDK: one Java program, so that 10,000 entries take seconds."""

    MAKER = """
import java.io.*; import java.security.*; import java.security.cert.*; import java.util.*;
public class MakeStores {
  public static void main(String[] args) throws Exception {
    CertificateFactory factory = CertificateFactory.getInstance("X.509");
    byte[] der; try (InputStream in = new FileInputStream(args[0])) { der = factory.generateCertificate(in).getEncoded(); }
    for (String type : new String[] {"JKS", "PKCS12"}) for (int i = 2; i < args.length; i++) {
      int size = Integer.parseInt(args[i]);
      KeyStore store = KeyStore.getInstance(type); store.load(null, null);
      for (int n = 0; n < size; n++) {
        byte[] own = der.clone();   // another signature value: another certificate, which nobody verifies here
        for (int b = 0; b < 4; b++) own[own.length - 1 - b] = (byte) (n >>> (8 * b));
        store.setCertificateEntry("ca-" + n, factory.generateCertificate(new ByteArrayInputStream(own)));
      }
      try (OutputStream out = new FileOutputStream(args[1] + "/" + type + "-" + size)) { store.store(out, "changeit".toCharArray()); }
    }
  }
}
"""

    def __init__(self, sizes):
        # In memory, so that a disk's waits do not stand in for the work; TMPDIR=/var/tmp shows them.
        in_memory = "TMPDIR" not in os.environ and os.access("/dev/shm", os.W_OK)
        self.folder = tempfile.mkdtemp(prefix="chancery-bench-keystores-", dir="/dev/shm" if in_memory else None)
        for name in ("entry", "new"):
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj", f"/CN={name}/O=Bench", "-keyout", "/dev/null",
                            "-out", f"{self.folder}/{name}.pem"], check=True, stderr=subprocess.DEVNULL)
        with open(f"{self.folder}/MakeStores.java", "w") as file:
            file.write(self.MAKER)
        with open(f"{self.folder}/password", "w") as file:
            file.write(PASSWORD)
        with open(f"{self.folder}/new-password", "w") as file:
            file.write("changeit2")
        self.sizes = sizes
        subprocess.run(["java", f"{self.folder}/MakeStores.java", f"{self.folder}/entry.pem", self.folder, *map(str, sizes)], check=True)
        for size in sizes:  # the same certificates as PEM
            subprocess.run(["openssl", "pkcs12", "-in", f"{self.folder}/PKCS12-{size}", "-nokeys", "-passin", f"pass:{PASSWORD}", "-out", f"{self.folder}/PEM-{size}"], check=True)
        # Sets of the stores before go here and not to the machine's own.
        os.environ["XDG_STATE_HOME"] = f"{self.folder}/sets"
        os.environ["CHANCERY_STATE"] = f"{self.folder}/no-appliance"

    def copy(self, kind, size):
        target = f"{self.folder}/work"
        shutil.copyfile(f"{self.folder}/{kind}-{size}", target)
        return target

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def operations(files):
    """name -> (keytool's, ours, openssl's) as functions from the store's path to a command; openssl knows no JKS and edits nothing in place."""
    new, password, new_password = (f"{files.folder}/{name}" for name in ("new.pem", "password", "new-password"))
    keytool = ["keytool"]
    ours = [CHANCERY, "keystore"]
    return {
        "import one": (lambda store: [*keytool, "-importcert", "-noprompt", "-alias", "new", "-file", new, "-keystore", store, "-storepass", PASSWORD],
                       lambda store: [*ours, "import", "--alias", "new", "--file", new, "--keystore", store, "--storepass-file", password], None),
        "list": (lambda store: [*keytool, "-list", "-keystore", store, "-storepass", PASSWORD],
                 lambda store: [CHANCERY, "keytool", "-list", "-keystore", store, "-storepass", PASSWORD],
                 lambda store: ["openssl", "pkcs12", "-in", store, "-nokeys", "-passin", f"pass:{PASSWORD}", "-out", "/dev/null"]),
        "list, all decoded": (lambda store: [*keytool, "-list", "-v", "-keystore", store, "-storepass", PASSWORD],
                              lambda store: [*ours, "list", "--keystore", store, "--storepass-file", password],
                              lambda store: ["openssl", "pkcs12", "-in", store, "-nokeys", "-passin", f"pass:{PASSWORD}", "-out", "/dev/null"]),
        "storepasswd": (lambda store: [*keytool, "-storepasswd", "-new", "changeit2", "-keystore", store, "-storepass", PASSWORD],
                        lambda store: [*ours, "passwd", "--keystore", store, "--storepass-file", password, "--new-storepass-file", new_password], None),
        "JKS -> PKCS12": (lambda store: [*keytool, "-importkeystore", "-noprompt", "-srckeystore", store, "-srcstorepass", PASSWORD, "-deststoretype", "PKCS12",
                                         "-destkeystore", f"{files.folder}/converted", "-deststorepass", PASSWORD],
                          lambda store: [*ours, "convert", "--keystore", store, "--storepass-file", password, "--type", "PKCS12", "--output",
                                         f"{files.folder}/converted"], None),
        "make of PEM": (None, lambda store: [*ours, "import", "--file", store, "--keystore", f"{files.folder}/converted", "--storepass-file", password],
                        lambda store: ["openssl", "pkcs12", "-export", "-nokeys", "-in", store, "-out", f"{files.folder}/converted", "-passout", f"pass:{PASSWORD}"]),
    }


# (operation, type, size) -> how many times faster in wall and processor time, how many times less memory.
LIMITS = {
    **{("import one", "JKS", size): (40, 50, 5) for size in (144, 1000, 10000)},
    **{("import one", "PKCS12", size): (25, 30, None) for size in (144, 1000, 10000)},
    **{("list", kind, size): (40, None, None) for kind in ("JKS", "PKCS12") for size in (144, 1000, 10000)},
    **{("list, all decoded", kind, size): (3, None, None) for kind in ("JKS", "PKCS12") for size in (144, 1000, 10000)},
    **{("storepasswd", kind, size): (30, None, None) for kind in ("JKS", "PKCS12") for size in (144, 1000)},
    ("JKS -> PKCS12", "JKS", 10000): (20, None, None),
    # Ours takes bundles of up to 4 MiB.
    **{("make of PEM", "PEM", size): (None, None, None) for size in (144, 1000)},
}


def run(options):
    sizes = (144, 1000) if options.quick else (144, 1000, 10000)
    files = Files(sizes)
    rows = []
    try:
        synced = syncs(files.folder)
        for (name, kind, size), limits in LIMITS.items():
            if size not in sizes:
                continue
            makers = dict(zip(("theirs", "ours", "openssl"), operations(files)[name]))
            if kind == "JKS":
                makers["openssl"] = None
            makers = {who: make for who, make in makers.items() if make}
            taken = {who: [] for who in makers}
            peak = {}
            rounds = 3 if options.quick or size == 10000 else 5

            def command_on_a_copy(make):
                store = files.copy(kind, size)
                if os.path.exists(f"{files.folder}/converted"):
                    os.remove(f"{files.folder}/converted")
                return make(store)

            for _ in range(rounds):
                # Ours takes so little that more turns are needed for a median that stands still.
                for who, make in makers.items():
                    for _ in range(3 if who == "ours" else 1):
                        taken[who].append(once(command_on_a_copy(make)))
            for who, make in makers.items():
                peak[who] = median(peak_of(command_on_a_copy(make)) for _ in range(3 if who == "ours" else 1))
            now = {who: [*(median(run[part] for run in taken[who]) for part in range(2)), peak[who]] for who in makers}
            cells = [f"{name}, {kind} of {size:,}"]
            for who in ("ours", "theirs", "openssl"):
                cells += [f"{now[who][0] * 1e3:.1f}", f"{now[who][1] * 1e3:.1f}", now[who][2]] if who in now else [None, None, None]
            peer = now.get("theirs") or now["openssl"]
            ratios = [their / our for their, our in zip(peer, now["ours"])]
            missed = any(limit and ratio < limit for ratio, limit in zip(ratios, limits))
            rows.append([*cells, "/".join(f"{ratio:.1f}" if ratio < 10 else f"{ratio:.0f}" for ratio in ratios), "/".join(str(limit or "-") for limit in limits),
                         "" if not any(limits) else "NOT reached" if missed else "reached"])
            print(f"  measured: {rows[-1][0]}: {rows[-1][-3]}", file=sys.stderr, flush=True)  # a whole run takes minutes
    finally:
        files.remove()
    table.show("Keystores, whole process: ms wall, ms CPU, peak MiB; ours, keytool's, openssl's; times less than keytool (else openssl): wall/CPU/memory",
               ["operation", "wall", "CPU", "MiB", "keytool", "CPU", "MiB", "openssl", "CPU", "MiB", "times less", "asked", ""], rows,
               ["list: alias, date and fingerprint, as keytool lists; ours writes the file synced, after reading it back, with a backup set; keytool does none of that",
                "list, all decoded: all of each certificate but its public key, which `keystore list` does not show",
                f"the four syncs of an edit alone took {synced:.1f} ms in {files.folder}; TMPDIR chooses another"])
