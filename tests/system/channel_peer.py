"""A peer of the collector channel written by its description alone (appliance/wire/collector_messages.h, plain_text.h): over libssl by
ctypes, because Python's own ssl has no exporter, which every proof over TLS is bound to; or over TCP alone, with nonces."""
import base64
import ctypes
import hashlib
import hmac
import json
import os
import socket
import struct

ssl = ctypes.CDLL("libssl.so.3")
crypto = ctypes.CDLL("libcrypto.so.3")
for library, names in ((ssl, ("SSL_CTX_new", "TLS_client_method", "SSL_new", "SSL_get_version")), (crypto, ("EVP_PKEY_Q_keygen", "EVP_MD_CTX_new"))):
    for name in names:
        getattr(library, name).restype = ctypes.c_void_p
PROTOCOL = b"chancery-collector/1"
SPEAKS = {False: b"chancery collector speaks 1\n", True: b"chancery collector speaks in plain text 1\n"}
ANSWERS = {False: b"chancery server speaks 1\n", True: b"chancery server speaks in plain text 1\n"}
LABEL = b"EXPORTER-chancery-collector"
SET_MINIMUM, SET_MAXIMUM = 123, 124  # SSL_CTRL_SET_{MIN,MAX}_PROTO_VERSION
SET_GROUPS = 92  # SSL_CTRL_SET_GROUPS_LIST
CIPHERS = b":".join(b"ECDHE-%s-%s" % (key, suite) for suite in (b"AES128-GCM-SHA256", b"AES256-GCM-SHA384", b"CHACHA20-POLY1305") for key in (b"ECDSA", b"RSA"))
PEM = 1


def check(good, what):
    if not good:
        raise ConnectionError(f"{what} failed")


def text(raw):
    return base64.b64encode(raw).decode()


def client_context(version=None, certificate=None, key=None, alpn=PROTOCOL):
    """An SSL_CTX that takes any server; `version` 0x0303 or 0x0304 for that one alone."""
    context = ctypes.c_void_p(ssl.SSL_CTX_new(ctypes.c_void_p(ssl.TLS_client_method())))
    wire = bytes([len(alpn)]) + alpn
    check(ssl.SSL_CTX_set_alpn_protos(context, wire, len(wire)) == 0, "ALPN")
    # What a collector offers (appliance/tls/security_profile.cpp): it costs the other side memory for as long as the connection lives.
    check(ssl.SSL_CTX_set_cipher_list(context, CIPHERS) == 1 and ssl.SSL_CTX_ctrl(context, SET_GROUPS, ctypes.c_long(0), b"X25519:P-256:P-384") == 1, "lists")
    if version:
        for what in (SET_MINIMUM, SET_MAXIMUM):
            check(ssl.SSL_CTX_ctrl(context, what, ctypes.c_long(version), None) == 1, "version")
    if certificate:
        check(ssl.SSL_CTX_use_certificate_chain_file(context, certificate.encode()) == 1, "certificate")
        check(ssl.SSL_CTX_use_PrivateKey_file(context, key.encode(), PEM) == 1, "key")
    return context


class Identity:
    """A collector's own key pair; one can come back with it."""

    def __init__(self):
        self.key = ctypes.c_void_p(crypto.EVP_PKEY_Q_keygen(None, None, b"ED25519"))
        encoded = ctypes.create_string_buffer(128)
        at = ctypes.c_void_p(ctypes.addressof(encoded))
        size = crypto.i2d_PUBKEY(self.key, ctypes.byref(at))
        self.public = encoded.raw[:size]
        self.id = hashlib.sha256(self.public).hexdigest()

    def sign(self, message):
        context = ctypes.c_void_p(crypto.EVP_MD_CTX_new())
        check(crypto.EVP_DigestSignInit(context, None, None, None, self.key) == 1, "sign")
        signature = ctypes.create_string_buffer(64)
        size = ctypes.c_size_t(64)
        check(crypto.EVP_DigestSign(context, signature, ctypes.byref(size), message, ctypes.c_size_t(len(message))) == 1, "sign")
        crypto.EVP_MD_CTX_free(context)
        return signature.raw[:size.value]


class Channel:
    """Frames over TLS (`context`) or, without one, over TCP alone."""

    def __init__(self, port, context=None, timeout=20, source=None):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout, (source, 0) if source else None)
        self.ssl, self.binding = None, None
        if context is None:
            return
        self.socket.settimeout(None)
        seconds = struct.pack("ll", timeout, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, seconds)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, seconds)
        self.ssl = ctypes.c_void_p(ssl.SSL_new(context))
        ssl.SSL_set_fd(self.ssl, self.socket.fileno())
        if ssl.SSL_connect(self.ssl) != 1:
            self.close()
            check(False, "handshake")
        bound = ctypes.create_string_buffer(32)
        check(ssl.SSL_export_keying_material(self.ssl, bound, ctypes.c_size_t(32), LABEL, ctypes.c_size_t(len(LABEL)), None, ctypes.c_size_t(0), 0) == 1, "exporter")
        self.binding = bound.raw

    @property
    def is_plain(self):
        return self.ssl is None

    def version(self):
        return ctypes.string_at(ssl.SSL_get_version(self.ssl)).decode() if self.ssl else ""

    def write(self, raw):
        if self.ssl is None:
            self.socket.sendall(raw)
        else:
            check(ssl.SSL_write(self.ssl, raw, len(raw)) == len(raw), "write")

    def read(self, size):
        out = b""
        while len(out) < size:
            if self.ssl is None:
                piece = self.socket.recv(size - len(out))
            else:
                block = ctypes.create_string_buffer(size - len(out))
                count = ssl.SSL_read(self.ssl, block, size - len(out))
                piece = block.raw[:max(0, count)]
            check(piece, "read")
            out += piece
        return out

    def send(self, **message):
        body = json.dumps(message, separators=(",", ":")).encode()
        self.write(struct.pack(">I", len(body)) + body)

    def receive(self):
        return json.loads(self.read(struct.unpack(">I", self.read(4))[0]))

    def expect(self, kind):
        """The next message of this kind; others before it are passed over, a refusal is not."""
        while True:
            message = self.receive()
            if message["type"] == kind:
                return message
            if message["type"] in ("refused", "later"):
                raise ConnectionError(f"{kind} expected: {message}")

    def is_open(self):
        try:
            return self.socket.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False

    def close(self):
        if self.ssl is not None:
            ssl.SSL_free(self.ssl)
            self.ssl = None
        self.socket.close()


class Collector(Channel):
    """A channel on which the greeting has been gone through: hello, the Customer Key where it is asked for, the welcome."""

    def __init__(self, context, port, customer_key, identity=None, **more):
        super().__init__(port, context, **more)
        self.identity = identity or Identity()
        self.customer_key = customer_key
        try:
            self.greet()
        except BaseException:
            self.close()
            raise

    def transcript(self, labels=SPEAKS):
        return labels[self.is_plain] + self.binding + self.identity.id.encode()

    def exchange_nonces(self):
        mine = os.urandom(32)
        self.send(type="nonce", nonce=text(mine))
        self.binding = mine + base64.b64decode(self.expect("nonce")["nonce"])

    def hello(self):
        signature = self.identity.sign(self.transcript())
        self.send(type="hello", id=self.identity.id, version="bench", key=text(self.identity.public), signature=text(signature))

    def greet(self):
        if self.is_plain:
            self.exchange_nonces()
        self.hello()
        answer = self.receive()
        if answer["type"] == "admission":
            self.send(type="admission", proof=text(hmac.digest(self.customer_key, self.transcript(), "sha256")))
            answer = self.receive()
        if answer["type"] != "welcome":
            raise ConnectionError(f"welcome expected: {answer}")
        check(base64.b64decode(answer["proof"]) == hmac.digest(self.customer_key, self.transcript(ANSWERS), "sha256"), "the server's proof")
        self.welcome = answer
