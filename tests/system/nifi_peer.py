"""The other side of NiFi mode, client and server, by the wire facts alone (capabilities.md): Python's ssl, http and hmac, with
openssl's command line for everything that is a certificate. For test_nifi*.py."""
import base64
import hashlib
import hmac
import http.client
import http.server
import json
import os
import ssl
import subprocess
import threading

from harness import BIN, SystemTest, await_condition, free_port_base, must

TOKEN = "a shared token of many bytes: 4711"
MIB = 1024 * 1024
KEYTOOL = ["keytool", "-J-XX:TieredStopAtLevel=1", "-J-Xshare:auto"]


def content(path):
    with open(path, "rb") as file:
        return file.read()


def key_identifier(public_key_pem):
    """SHA-1 of the subjectPublicKey bits; of an RSA key they are its PKCS#1 encoding."""
    done = subprocess.run(["openssl", "rsa", "-pubin", "-RSAPublicKey_out", "-outform", "DER"], input=public_key_pem,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    return hashlib.sha1(done.stdout).digest()


_keys = {}


def rsa_key(name, bits=2048):
    """Made once for each name: making them is what would take the time here."""
    if (name, bits) not in _keys:
        _keys[name, bits] = must("openssl", "genrsa", str(bits)).encode()
    return _keys[name, bits]


def key_of(kind, pem):
    return subprocess.run(["openssl", kind, "-noout", "-pubkey"], input=pem, stdout=subprocess.PIPE, check=True).stdout


def mac(token, kind, pem):
    return base64.b64encode(hmac.new(token.encode(), key_identifier(key_of(kind, pem)), hashlib.sha256).digest()).decode()


class ToolkitServer:
    """A CA by the wire facts, which can also misbehave. `seen` holds the bodies of the requests that arrived."""

    def __init__(self, test, certificate, key, behave=None, token=TOKEN, ca=None):
        self.seen, self.test, self.token = [], test, token
        self.certificate, self.key = ca or (certificate, key)
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                owner.seen.append((self.path, body))
                status, reply = (behave or ToolkitServer.honest)(owner, body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, *_):
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def get_request(self):
                link, address = self.socket.accept()
                return context.wrap_socket(link, server_side=True, do_handshake_on_connect=False), address

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        test.addCleanup(self.server.server_close)
        test.addCleanup(self.server.shutdown)

    def sign(self, csr, days="825", extra=None):
        request = self.test.write("asked.csr", csr)
        extensions = self.test.write("asked.ext", (extra or "basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth,serverAuth\n").encode())
        return subprocess.run(["openssl", "x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-days", days,
                               "-extfile", extensions, "-copy_extensions", "copy", "-set_serial", "4711"],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout

    def reply(self, certificate, own=None, token=None):
        code = mac(token or self.token, "x509", content(own or self.certificate))
        # As Jackson writes the toolkit's object: what is not set is null.
        return 200, json.dumps({"hmac": code, "pemEncodedCertificate": certificate.decode(), "error": None}).encode()

    def honest(self, body):
        asked = json.loads(body)
        csr = asked["csr"].encode()
        if not hmac.compare_digest(asked["hmac"], mac(self.token, "req", csr)):
            return 403, b'{"error":"forbidden","hmac":null,"pemEncodedCertificate":null}'
        return self.reply(self.sign(csr))


class Nifi(SystemTest):
    def setUp(self):
        super().setUp()
        self.token = self.write("token", TOKEN.encode() + b"\n")

    def at(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, content):
        with open(self.at(name), "wb") as file:
            file.write(content)
        return self.at(name)

    def chancery(self, *arguments, exit=0, prefix=()):
        done = subprocess.run([*prefix, os.path.join(BIN, "chancery"), "--state", self.at("nowhere"), "--json", *map(str, arguments)],
                              cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
        self.assertEqual(exit, done.returncode, done.stdout + done.stderr)
        return json.loads(done.stdout) if done.stdout.strip() else None

    # Our server.
    def serve(self, *more, directory="ca", hostname="localhost", token=None, port=None):
        port = port or free_port_base(1)
        log = self.at(f"serve-{port}.log")
        out = self.at(f"serve-{port}.out")
        with open(log, "ab") as errors, open(out, "wb") as output:
            process = subprocess.Popen([os.path.join(BIN, "chancery"), "--json", "federation", "nifi", "serve", "--hostname", hostname, "--port", str(port),
                                        "--listen", "127.0.0.1", "--token-file", token or self.token, "--directory", self.at(directory), *more],
                                       stdin=subprocess.DEVNULL, stdout=output, stderr=errors)
        self.processes.append(process)

        def ready():
            self.assertIsNone(process.poll(), self.read(log) + self.read(out))
            with open(out) as file:
                text = file.read()
            return text.endswith("}\n") and json.loads(text)

        process.told = await_condition(ready, "the NiFi CA serves")
        process.port, process.log = port, log
        return process

    def read(self, path):
        with open(path, errors="replace") as file:
            return file.read()

    def enrol(self, port, *more, dn="CN=node1.test, OU=NIFI", hostname="node1.test", directory="node", ca="localhost", token=None, exit=0, prefix=()):
        done = self.chancery("federation", "nifi", "enrol", "--ca-hostname", ca, "--port", port, "--token-file", token or self.token, "--dn", dn,
                             "--hostname", hostname, "--directory", self.at(directory), *more, exit=exit, prefix=prefix)
        return done if exit == 0 else done["error"]

    # A client by the wire facts.
    def csr(self, subject="/OU=NIFI/CN=node9.test", *extensions, bits=2048, name="node9"):
        key = self.write(name + ".key", rsa_key(name, bits))
        added = [part for each in extensions for part in ("-addext", each)]
        return must("openssl", "req", "-new", "-key", key, "-subj", subject, *added).encode()

    def post(self, port, body, source=None, path="/", method="POST", headers=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        link = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=20, source_address=source and (source, 0))
        try:
            link.request(method, path, body, headers or {})
            reply = link.getresponse()
            return reply.status, json.loads(reply.read())
        finally:
            link.close()

    def ask(self, port, csr, token=TOKEN, **more):
        return self.post(port, json.dumps({"hmac": mac(token, "req", csr), "csr": csr.decode()}), **more)

    def self_signed(self, name, cn="localhost"):
        self.write(name + ".key", rsa_key(name))
        must("openssl", "req", "-x509", "-key", self.at(name + ".key"), "-out", self.at(name + ".pem"), "-days", "30", "-subj",
             f"/OU=NIFI/CN={cn}", "-addext", "keyUsage=critical,digitalSignature,keyCertSign")
        return self.at(name + ".pem"), self.at(name + ".key")

    def keytool(self, *arguments):
        done = subprocess.run([*KEYTOOL, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
        self.assertEqual(0, done.returncode, done.stdout)
        return done.stdout

    def nothing_written(self, directory="node"):
        self.assertFalse(os.path.lexists(self.at(directory)), os.listdir(self.folder))
        self.assertEqual([], [name for name in os.listdir(self.folder) if "unfinished" in name])

    def sha256(self, pem_path):
        return must("openssl", "x509", "-in", pem_path, "-noout", "-fingerprint", "-sha256").strip().split("=")[1].replace(":", "").lower()
