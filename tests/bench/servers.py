"""The servers that are measured: our appliance, and the peers by the scripts of the shared tools."""
import os
import re
import shutil
import subprocess
import sys

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(SOURCE, "tests", "system"))
import harness  # noqa: E402

PERF = os.path.join(SOURCE, "build", "bench", "perf")
PEERS = ["nginx", "haproxy", "lighttpd", "mosquitto", "stunnel"]
HERE = os.path.dirname(os.path.abspath(__file__))


def script(name, *arguments, env=None):
    done = subprocess.run(["bash", os.path.join(PERF, "scripts", name), *map(str, arguments)], cwd=PERF, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60, env={**os.environ, **(env or {})})
    if done.returncode != 0:
        raise AssertionError(f"{name} {' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stdout.decode()}")
    return done.stdout.decode().strip()


def load(mode, port, *options, cpu=None, timeout=900):
    """One run of the load generator; its output."""
    pin = ["taskset", "-c", str(cpu)] if cpu is not None else []
    done = subprocess.run([*pin, os.path.join(PERF, "run", "tlsbench"), mode, f"127.0.0.1:{port}", *map(str, options)], cwd=PERF,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout)
    return done.stdout.decode()


def figure(output, name):
    found = re.findall(re.escape(name) + r"=\s*(-?[\d.]+)", output)
    return float(found[-1]) if found else None


def rss_kib(pids):
    """Resident memory of processes, and of it what they share with nobody (KiB)."""
    rss = private = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup") as file:
                for line in file:
                    if line.startswith("Rss:"):
                        rss += int(line.split()[1])
                    elif line.startswith(("Private_Clean:", "Private_Dirty:")):
                        private += int(line.split()[1])
        except OSError:
            continue
    return rss, private


class Peer:
    def __init__(self, name, key="ec256", workers=1):
        self.name, self.key = name, key
        self.port = harness.free_port_base(width=2)
        self.protocol = "mqtt" if name == "mosquitto" else "http"
        script("serve.sh", name, key, self.port, workers)

    def pids(self):
        return [int(pid) for pid in script("pids.sh", self.name, self.port).split(",")]

    def all_pids(self):
        with open(os.path.join(PERF, "run", f"{self.name}.{self.port}.pid")) as file:
            main = int(file.read())
        return sorted({main, *self.pids()})

    def swap_command(self):
        return f"bash scripts/swap.sh {self.name} {self.port} {self.key}"

    def swap_time_file(self):
        return os.path.join(PERF, "run", "swap.ts")

    def stop(self):
        script("stop.sh", self.name, self.port)


def client_file():
    """What the load generator presents where a client certificate is asked for: key and leaf, no intermediate."""
    path = os.path.join(PERF, "run", "client.pem")
    with open(path, "w") as out:
        for part in ("ec256-B.key", "ec256-B.crt"):
            with open(os.path.join(PERF, "pki", part)) as file:
                out.write(file.read())
    return path


def prepare_peer(name, key, port, mutual=False):
    """A command that serves the chain of `key` on `port` in the foreground, in one process."""
    folder = os.path.join(PERF, "run", f"foreground-{name}")
    os.makedirs(folder, exist_ok=True)
    for suffix in ("chain", "key", "pem"):
        shutil.copy(os.path.join(PERF, "pki", f"{key}-A.{suffix}"), folder)
    trusted = os.path.join(folder, "trusted.pem")
    with open(trusted, "w") as out:
        for part in ("ec256-int.crt", "ec256-root.crt"):
            with open(os.path.join(PERF, "pki", part)) as file:
                out.write(file.read())
    os.chmod(folder, 0o755)
    pki = f"{folder}/{key}-A"
    path = os.path.join(folder, "conf")
    temporary = "\n".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    asks = {"nginx": f"ssl_verify_client on; ssl_client_certificate {trusted}; ssl_verify_depth 3;", "haproxy": f"ca-file {trusted} verify required",
            "mosquitto": f"cafile {trusted}\nrequire_certificate true"}[name] if mutual else ""
    text = {
        "nginx": f"""daemon off; master_process off; user root; pid {folder}/pid; error_log {folder}/error.log crit; worker_rlimit_nofile 20000;
events {{ worker_connections 19500; }}
http {{ access_log off; keepalive_timeout 3600s; keepalive_requests 1000000000; {temporary}
server {{ listen 127.0.0.1:{port} ssl backlog=4096; ssl_certificate {pki}.chain; ssl_certificate_key {pki}.key; ssl_protocols TLSv1.2 TLSv1.3; {asks}
location / {{ return 200 "ok"; }} }} }}
""",
        "haproxy": f"""global
 nbthread 1
 maxconn 9000
defaults
 mode http
 timeout client 1h
 timeout server 1h
 timeout connect 5s
 timeout http-keep-alive 1h
frontend f
 bind 127.0.0.1:{port} ssl crt {pki}.pem alpn http/1.1 backlog 4096 {asks}
 http-request return status 200 content-type text/plain string ok
""",
        "mosquitto": f"""listener {port} 127.0.0.1
allow_anonymous true
certfile {pki}.chain
keyfile {pki}.key
{asks}
log_type error
user root
"""}[name]
    with open(path, "w") as file:
        file.write(text)
    return {"nginx": ["nginx", "-e", f"{folder}/error.log", "-c", path], "haproxy": ["haproxy", "-db", "-f", path],
            "mosquitto": ["mosquitto", "-c", path]}[name]


class PeerInForeground:
    def __init__(self, name, key="ec256", mutual=False):
        self.name, self.key = name, key
        self.port = harness.free_port_base(width=2)
        self.protocol = "mqtt" if name == "mosquitto" else "http"
        self.process = subprocess.Popen(prepare_peer(name, key, self.port, mutual), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        harness.await_condition(lambda: harness.served_chain(self.port), f"{name} serves")

    def pids(self):
        return [self.process.pid]

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


class Bench(harness.SystemTest):
    """A temporary folder with processes that end with it; no test."""

    def runTest(self):
        raise NotImplementedError


class Ours:
    """A primary that serves the same chains as the peers; measured is its portal."""
    name = "chancery"
    protocol = "http"

    def __init__(self, key="ec256", role="primary", mutual=False):
        self.key = key
        self.bench = Bench()
        self.bench.setUp()
        self.appliance = self.bench.appliance(role, name="localhost", sans=("localhost", "127.0.0.1")).start()
        self.port = self.appliance.portal
        self.replace("A")
        if mutual:
            self.demand_certificates()

    def demand_certificates(self):
        pki = os.path.join(PERF, "pki", "ec256")
        for words in (["profile", "set", "mutual", "required-level=TLSPeerAuth", f"trusted={pki}-int.crt;{pki}-root.crt"],
                      ["endpoint", "set", "portal", "profile=mutual"]):
            done = self.appliance.cli(*words)
            assert done.code == 0, done

    def files(self, which):
        pki = os.path.join(PERF, "pki", self.key)
        return ["--certificate", f"{pki}-{which}.crt", "--key", f"{pki}-{which}.key", "--intermediate", f"{pki}-int.crt",
                "--also-trust", f"{pki}-root.crt"]

    def replace(self, which):
        done = self.appliance.cli("--json", "cert", "replace", *self.files(which))
        assert done.code == 0, done
        return done.json()

    def pid(self, program):
        return self.appliance.processes[program].pid

    def pids(self):
        return [self.pid("portal")]

    def swap_command(self):
        return f"python3 -B {HERE}/swap_ours.py {self.appliance.state} {self.key}"

    def swap_time_file(self):
        return self.appliance.state + ".swap"

    def stop(self):
        self.bench.doCleanups()


class UnderCallgrind:
    """A command as a server under callgrind, on a port; its instructions are read when it has ended."""

    def __init__(self, command, port, out, options=()):
        self.out, self.options = out, options
        if os.path.exists(out):
            os.unlink(out)
        self.process = subprocess.Popen(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", *command], cwd=PERF,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        harness.await_condition(lambda: self.answers(port), f"{command[0]} answers under callgrind", patience=180)

    def answers(self, port):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.process.args} ended with {self.process.returncode}")
        return " ok=1 " in load("hs", port, "-n", 1, "-c", 1, *self.options)

    def instructions(self):
        self.process.terminate()
        self.process.wait(timeout=120)
        with open(self.out) as file:
            return int(re.search(r"^(?:summary|totals): (\d+)", file.read(), re.MULTILINE)[1])

