"""What the system tests stand on: appliances and collectors as real processes on loopback, and PKIs made by openssl.

    class Replace(SystemTest):
        def test_it(self):
            appliance = self.appliance("single")
            appliance.start()
            pki = self.pki("ec")
            done = appliance.cli("cert", "replace", *pki.files())
            self.assertEqual(0, done.code)

Everything is made below one temporary folder and stopped at the end of the test. Times are awaited, never slept.
"""
import hashlib
import io
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import unittest
import zipfile

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("CHANCERY_BIN", os.path.join(SOURCE, "build", "bin"))
TOOLS = os.environ.get("CHANCERY_TOOLS", os.path.join(os.path.dirname(SOURCE), "shared", "tools"))
# The team's own tools lie beside the checkout, not in it: a clone elsewhere goes without these checks, and says so.
needs_tools = unittest.skipUnless(os.path.isdir(TOOLS), f"{TOOLS} is not there: set CHANCERY_TOOLS")
PATIENCE = 30.0

PROGRAMS = {
    "primary": ["authority", "console", "portal"],
    "secondary": ["console", "engine"],
    "single": ["authority", "console", "portal", "engine"],
}
_given_bases = set()


def await_condition(condition, what, patience=PATIENCE):
    """Polls until condition() is true; fails with `what` when it does not become so in time."""
    deadline = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"still not after {patience} s: {what}")
        time.sleep(0.02)


def free_port_base(width=5):
    """The first of `width` consecutive free ports, different for each caller and process."""
    base = 20000 + (os.getpid() * 97) % 20000
    while True:
        base += width
        if base > 60000:
            base = 20000
        if base in _given_bases:
            continue
        sockets = []
        try:
            for port in range(base, base + width):
                one = socket.socket()
                sockets.append(one)
                one.bind(("127.0.0.1", port))
        except OSError:
            continue
        finally:
            for one in sockets:
                one.close()
        _given_bases.add(base)
        return base


def run(*command, **more):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=120, **more)


def must(*command, **more):
    done = run(*command, **more)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout.decode()}\n{done.stderr.decode()}")
    return done.stdout.decode()


class Done:
    """The outcome of one run of `chancery`."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return f"exit {self.code}\nstdout: {self.out}\nstderr: {self.err}"


def served_chain(port, name="localhost", host="127.0.0.1", alpn=None):
    """The certificates a server presents, as lower-case SHA-256, leaf first; [] when there is no handshake."""
    command = ["openssl", "s_client", "-connect", f"{host}:{port}", "-servername", name, "-showcerts"]
    if alpn:
        command += ["-alpn", alpn]
    out = run(*command).stdout.decode(errors="replace")
    chain, block, inside = [], [], False
    for line in out.splitlines():
        if "-----BEGIN CERTIFICATE-----" in line:
            inside, block = True, []
        elif "-----END CERTIFICATE-----" in line and inside:
            inside = False
            chain.append(pem_fingerprint("".join(block)))
        elif inside:
            block.append(line.strip())
        elif line.startswith("Server certificate"):
            break
    return chain


def pem_fingerprint(base64_text):
    import base64

    return hashlib.sha256(base64.b64decode(base64_text)).hexdigest()


def file_fingerprints(path):
    with open(path) as file:
        text = file.read()
    return [pem_fingerprint("".join(part.split("-----END CERTIFICATE-----")[0].split()))
            for part in text.split("-----BEGIN CERTIFICATE-----")[1:]]


def tree_digest(path):
    """SHA-256 over names, modes and bytes of everything below `path` (links as their targets)."""
    digest = hashlib.sha256()
    for folder, folders, files in os.walk(path):
        folders.sort()
        for name in sorted(files + [f for f in folders if os.path.islink(os.path.join(folder, f))]):
            full = os.path.join(folder, name)
            digest.update(os.path.relpath(full, path).encode() + b"\0")
            if os.path.islink(full):
                digest.update(b"L" + os.readlink(full).encode())
            else:
                digest.update(oct(os.stat(full).st_mode).encode())
                with open(full, "rb") as file:
                    digest.update(file.read())
    return digest.hexdigest()


def forged(archive, path, content):
    """The bytes of a sealed archive with another content of `path` in it, right in everything that takes no key: member, size
    and hash in its manifest, checksums, and the old seal under a file that is whole."""
    with zipfile.ZipFile(archive) as old:
        manifest = json.loads(old.read("manifest.json"))
        manifest["files"][path].update(sha256=hashlib.sha256(content).hexdigest(), size=len(content))
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as new:
            for member in old.infolist():
                parts = {"manifest.json": json.dumps(manifest).encode(), path: content}
                new.writestr(member, parts.get(member.filename, old.read(member)))
            new.comment = old.comment
    return made.getvalue()


class Pki:
    """A root, two intermediates and a leaf, made by openssl: `kind` is ec, rsa or ed25519."""

    KEYS = {"ec": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
            "rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
            "ed25519": ["-algorithm", "ED25519"]}

    def __init__(self, folder, kind="ec", intermediates=2):
        self.folder, self.kind = folder, kind
        self.count = 0
        os.makedirs(folder, exist_ok=True)
        self.root = self._certificate("root", "/O=Example/CN=Example Root", None, "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n")
        issuer, self.chain = "root", []
        for level in range(1, intermediates + 1):
            name = f"intermediate{level}"
            self._certificate(name, f"/O=Example/CN=Example Intermediate {level}", issuer,
                              "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
            issuer = name
            self.chain.insert(0, name)
        self.issuer = issuer
        self.intermediates = os.path.join(folder, "intermediates.pem")
        with open(self.intermediates, "wb") as file:
            for name in self.chain:
                with open(self.path(name + ".crt"), "rb") as part:
                    file.write(part.read())

    def path(self, name):
        return os.path.join(self.folder, name)

    def _certificate(self, name, subject, issuer, extensions, days=365):
        key, crt, csr, ext = (self.path(name + suffix) for suffix in (".key", ".crt", ".csr", ".ext"))
        must("openssl", "genpkey", *self.KEYS[self.kind], "-out", key)
        with open(ext, "w") as file:
            file.write(extensions)
        must("openssl", "req", "-new", "-key", key, "-subj", subject, "-out", csr)
        sign = ["-signkey", key] if issuer is None else ["-CA", self.path(issuer + ".crt"), "-CAkey", self.path(issuer + ".key"), "-CAcreateserial"]
        must("openssl", "x509", "-req", "-in", csr, "-days", str(days), "-extfile", ext, "-out", crt, *sign)
        return crt

    def leaf(self, names=("localhost",), extra="", days=90):
        """A fresh leaf (new key); returns its name: NAME.crt and NAME.key are in the folder."""
        self.count += 1
        name = f"leaf{self.count}"
        sans = ",".join(("IP:" if n.replace(".", "").isdigit() else "DNS:") + n for n in names)
        self._certificate(name, f"/CN={names[0]}", self.issuer,
                          f"basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\nsubjectAltName={sans}\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n{extra}", days)
        return name

    def files(self, name, root=True):
        """Arguments of `cert replace` for a leaf of leaf()."""
        arguments = ["--certificate", self.path(name + ".crt"), "--key", self.path(name + ".key"), "--intermediate", self.intermediates]
        return arguments + (["--also-trust", self.root] if root else [])

    def sent(self, name):
        """Fingerprints as a server should send them: leaf, then intermediates."""
        return file_fingerprints(self.path(name + ".crt")) + file_fingerprints(self.intermediates)


class Appliance:
    def __init__(self, test, role, name="appliance.test", internal_name=None, sans=("localhost", "127.0.0.1"), state=None):
        self.test, self.role, self.name = test, role, name
        self.base = free_port_base()
        self.state = state or os.path.join(test.folder, f"{role}-{self.base}")
        self.processes, self.logs = {}, {}
        arguments = ["init", "--role", role, "--name", name, "--listen", "127.0.0.1", "--port-base", str(self.base)]
        if internal_name:
            arguments += ["--internal-name", internal_name]
        for san in sans:
            arguments += ["--san", san]
        self.password_file = self.state + ".password"
        done = self.cli(*arguments, "--password-file", self.password_file)
        assert done.code == 0, done
        self.sans = sans

    # Ports by docs/state.md.
    console = property(lambda self: self.base)
    portal = property(lambda self: self.base + 1)
    engine = property(lambda self: self.base + 1)
    engine_api = property(lambda self: self.base + 2)
    collectors = property(lambda self: self.base + 3)
    join = property(lambda self: self.base + 4)

    def cli(self, *arguments, stdin=None, env=None):
        done = subprocess.run([os.path.join(BIN, "chancery"), "--state", self.state, *map(str, arguments)], input=stdin,
                              stdin=None if stdin is not None else subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=120,
                              # Backup sets of keystores are a person's: not those of whoever runs the tests.
                              env={**os.environ, "XDG_STATE_HOME": os.path.join(self.test.folder, "xdg"), **(env or {})})
        return Done(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))

    def json(self, *arguments):
        done = self.cli("--json", *arguments)
        assert done.code == 0, done
        return done.json()

    def start(self, *programs, manager=True):
        """Starts the role's programs (or those named), and waits until they answer."""
        if manager and not programs:
            self.start_one("manager")
        for program in programs or PROGRAMS[self.role]:
            self.start_one(program)
        return self

    def start_one(self, program, env=None):
        log = os.path.join(self.test.folder, f"{os.path.basename(self.state)}-{program}.log")
        self.logs[program] = log
        with open(log, "ab") as out:
            process = subprocess.Popen([*self.launcher(program), os.path.join(BIN, f"chancery-{program}"), "--state", self.state, *self.options],
                                       stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                       env={**os.environ, **self.environment, **(env or {})})
        self.processes[program] = process
        self.test.processes.append(process)

        def ready():
            if process.poll() is not None:
                raise AssertionError(f"chancery-{program} ended with {process.returncode}:\n" + self.log(program))
            return self.answers(program)

        await_condition(ready, f"chancery-{program} answers")

    # What every program of this appliance is started with besides --state, and by what: `setpriv …` in test_users.py. Tests wait
    # for heartbeats, so they come each second.
    options = ()
    environment = {"CHANCERY_ENGINE_HEARTBEAT_INTERVAL": "1"}

    def launcher(self, program):
        return []

    def join_federation_of(self, primary, *sans):
        """With a token for this appliance's name and `sans`, and for localhost, where everything listens."""
        names = [word for name in (*sans, "localhost", "127.0.0.1") for word in ("--san", name)]
        done = primary.cli("federation", "token", "--role", "engine", "--name", self.name, *names)
        self.test.assertEqual(0, done.code, done)
        token = os.path.join(self.test.folder, f"token-{self.name}")
        with open(os.open(token, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
            file.write(done.out)
        done = self.cli("federation", "join", "--primary", f"127.0.0.1:{primary.join}", "--token-file", token)
        self.test.assertEqual(0, done.code, done)

    def refuses_settings(self, program, lines, word):
        """A program with such settings does not start, and says why."""
        with open(os.path.join(self.state, "settings", program + ".toml"), "w") as file:
            file.write("\n".join(lines) + "\n")
        done = subprocess.run([os.path.join(BIN, "chancery-" + program), "--state", self.state], capture_output=True, timeout=30)
        self.test.assertEqual(1, done.returncode, lines)
        self.test.assertIn(word, done.stderr.decode())

    def answers(self, program):
        path = os.path.join(self.state, "run", program, "control.sock")
        if len(path) > 100:
            folder = os.open(os.path.dirname(path), os.O_RDONLY)
            path = f"/proc/self/fd/{folder}/control.sock"
        else:
            folder = None
        try:
            with socket.socket(socket.AF_UNIX) as link:
                link.connect(path)
                return True
        except OSError:
            return False
        finally:
            if folder is not None:
                os.close(folder)

    def control(self, program, question):
        """Asks a running program by the control protocol (docs/state.md): one message each way, no attachments."""
        text = json.dumps(question).encode()
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(os.path.join(self.state, "run", program, "control.sock"))
            link.sendall(struct.pack(">I", len(text)) + text + struct.pack(">H", 0))
            reply = b""
            while chunk := link.recv(65536):
                reply += chunk
        return json.loads(reply[4:4 + struct.unpack(">I", reply[:4])[0]])

    def stop(self, *programs, how=signal.SIGTERM):
        stopped = [self.processes.pop(program) for program in programs or list(self.processes)]
        for process in stopped:
            if process.poll() is None:
                process.send_signal(how)
        for process in stopped:
            process.wait(timeout=PATIENCE)
        return self

    def log(self, program):
        with open(self.logs[program], errors="replace") as file:
            return file.read()

    def generation(self):
        return os.readlink(os.path.join(self.state, "current"))

    def file(self, path):
        return os.path.join(self.state, "current", path)

    def password(self):
        with open(self.password_file) as file:
            return file.read().strip()

    def root(self):
        return self.file("trust/federation/roots.pem")

    def in_force(self):
        """What must not move when a change is refused: the generation and everything in it."""
        return self.generation(), tree_digest(os.path.join(self.state, "current") + "/")


class SystemTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="chancery-test-")
        self.processes = []
        self.addCleanup(self._clean_up)

    def _clean_up(self):
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in self.processes:
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def appliance(self, role, **more):
        return Appliance(self, role, **more)

    def pki(self, kind="ec", name="pki", intermediates=2):
        return Pki(os.path.join(self.folder, name), kind, intermediates)

    def federation(self):
        """A running primary and a running secondary that has joined it."""
        primary = self.appliance("primary", name="primary.test").start()
        secondary = self.appliance("secondary", name="secondary.test")
        secondary.join_federation_of(primary)
        return primary, secondary.start()

    def collector(self, secondary, primary, settings=None, name="collector"):
        state = os.path.join(self.folder, name)
        os.makedirs(os.path.join(state, "settings"), mode=0o700)
        shutil.copy(primary.file("customer-key/customer.key"), os.path.join(state, "customer.key"))
        shutil.copy(primary.root(), os.path.join(state, "root.pem"))
        lines = settings or [f'collector.servers = ["localhost:{secondary.engine}"]', f'collector.root-ca = "{state}/root.pem"',
                             "collector.report-interval = 1"]
        with open(os.path.join(state, "settings", "collector.toml"), "w") as file:
            file.write("\n".join(lines) + "\n")
        log = os.path.join(self.folder, name + ".log")
        with open(log, "ab") as out:
            process = subprocess.Popen([os.path.join(BIN, "chancery-collector"), "--state", state], stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self.processes.append(process)
        return CollectorProcess(state, process, log)


class CollectorProcess:
    def __init__(self, state, process, log_path):
        self.state, self.process, self.log_path = state, process, log_path

    def status(self):
        done = run(os.path.join(BIN, "chancery-collector"), "--state", self.state, "--status")
        return json.loads(done.stdout) if done.returncode == 0 else {}

    def await_connected(self, patience=PATIENCE, to=None):
        """`to` names its engine: one that asks the portal first is connected there for a moment."""
        def connected():
            now = self.status()
            return now.get("connected") and to in (None, now["server"])

        return await_condition(connected, f"the collector is connected to {to or 'a server'}:\n" + self.log(), patience)

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()
