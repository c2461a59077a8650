"""fault_check.py DIR STATE [CHECK-OF-DOCTOR-TO-PASS-OVER]: is STATE, as a fault left it, wholly the old or wholly the new
one; does the next start resolve it; and is it one of the two then? Exit 0, or one line that says what is wrong.

What is asked depends on nothing but the bytes and modes below STATE, so a state that equals one which passed (DIR/passed)
passes: most faults strike before anything was changed, and only this makes trying all of them affordable."""
import base64
import hashlib
import json
import os
import subprocess
import sys

BIN = os.environ["CHANCERY_BIN"]
TOOLS = os.environ["CHANCERY_TOOLS"]
IDENTITIES = ("console", "portal")
HOLDS_NO_STATE = ("lock",)  # who held it last


def digest_of(state):
    digest = hashlib.sha256()
    for folder, folders, files in os.walk(state):
        folders.sort()
        for name in sorted(folders + files):
            path = os.path.join(folder, name)
            digest.update(f"{os.path.relpath(path, state)}\0{os.lstat(path).st_mode:o}\0".encode())
            if os.path.islink(path):
                digest.update(os.readlink(path).encode())
            elif name in files and os.path.relpath(path, state) not in HOLDS_NO_STATE:
                with open(path, "rb") as file:
                    digest.update(hashlib.sha256(file.read()).digest())
    return digest.hexdigest()


def first_leaf(path):
    with open(path) as file:
        text = file.read()
    body = text.split("-----BEGIN CERTIFICATE-----", 1)[1].split("-----END CERTIFICATE-----", 1)[0]
    return hashlib.sha256(base64.b64decode("".join(body.split()))).hexdigest()


class Check:
    def __init__(self, folder, state):
        self.folder, self.state = folder, state
        leaf = lambda name: first_leaf(os.path.join(folder, name + ".crt"))
        self.sets = [(leaf("old"),) * 2, (leaf("new"),) * 2, tuple(leaf("default-" + i) for i in IDENTITIES)]

    def expect_pair(self, certificate, key, where):
        """The shared tool is asked once for each pair of files (and mode) there is."""
        digest = hashlib.sha256()
        for path in (certificate, key):
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    digest.update(f"{os.stat(path).st_mode:o} {os.fstat(file.fileno()).st_size}\0".encode() + file.read())
        matches = os.path.join(self.folder, "passed", "pair-" + digest.hexdigest())
        if os.path.exists(matches):
            return
        pair = subprocess.run(["bash", os.path.join(TOOLS, "paircheck.sh"), certificate, key], stdout=subprocess.PIPE)
        if pair.returncode:
            sys.exit(f"{where}: {pair.stdout.decode().strip()}")
        os.makedirs(os.path.dirname(matches), exist_ok=True)
        open(matches, "w").close()

    def expect_pairs(self, when):
        """What any program would read right now."""
        found = []
        for identity in IDENTITIES:
            path = lambda name: os.path.join(self.state, "current", "identities", identity, name)
            self.expect_pair(path("certificate.pem"), path("key.pem"), f"{when}: {identity}")
            found.append(first_leaf(path("certificate.pem")))
            if found[-1] != first_leaf(path("fullchain.pem")):
                sys.exit(f"{when}: {identity} has another fullchain.pem")
        if tuple(found) not in self.sets:
            sys.exit(f"{when}: console and portal present neither the old set, nor the new, nor the first default: {found}")

    def expect_portal_store(self, when):
        """The portal's keystore opens under the password that lies beside it; asked once for each file there is."""
        store = os.path.join(self.state, "current", "trust", "portal", "cacerts")
        with open(store, "rb") as file:
            opens = os.path.join(self.folder, "passed", "store-" + hashlib.sha256(file.read()).hexdigest())
        if os.path.exists(opens):
            return
        done = subprocess.run([os.path.join(BIN, "chancery"), "--state", self.state, "--json", "keystore", "list", "--keystore", store, "--storepass-file",
                               store + ".password"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode or json.loads(done.stdout)["integrity"] != "verified":
            sys.exit(f"{when}: the portal's keystore does not open: {done.stdout.decode()[-300:]}")
        os.makedirs(os.path.dirname(opens), exist_ok=True)
        open(opens, "w").close()

    def expect_resolved(self):
        """The next start: whoever takes the lock first resolves the change in doubt, and then nothing is in doubt."""
        done = subprocess.run([os.path.join(BIN, "chancery-manager"), "--state", self.state, "--resolve"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        if done.returncode:
            sys.exit(f"the next start could not resolve it: {done.stderr.decode().strip()}")
        if os.path.lexists(os.path.join(self.state, "change.json")):
            sys.exit("change.json is left")

    def expect_healthy(self, passed_over):
        done = subprocess.run([os.path.join(BIN, "chancery"), "--state", self.state, "--json", "doctor"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        critical = [c for c in json.loads(done.stdout)["checks"] if c["status"] == "critical" and c["check"] != passed_over]
        if critical:
            sys.exit(f"doctor: {critical}")


def check(folder, state, passed_over=""):
    os.environ["SSL_CERT_FILE"] = os.path.join(folder, "os.pem")
    passed = os.path.join(folder, "passed")
    digest = digest_of(state) + passed_over
    if os.path.exists(os.path.join(passed, digest)):
        return
    asked = Check(folder, state)
    asked.expect_pairs("as left")
    asked.expect_portal_store("as left")
    asked.expect_resolved()
    asked.expect_pairs("after the next start")
    asked.expect_healthy(passed_over)
    os.makedirs(passed, exist_ok=True)
    open(os.path.join(passed, digest), "w").close()


if __name__ == "__main__":
    check(*sys.argv[1:])
