"""Collectors that have been admitted and then say nothing: what each costs the engine.

They speak chancery-collector/1 (appliance/wire/collector_messages.h) over libssl by ctypes, because Python's own ssl has no
exporter, which every proof is bound to."""
import base64
import ctypes
import hashlib
import hmac
import json
import socket
import struct
import time

from servers import Ours, rss_kib

ssl = ctypes.CDLL("libssl.so.3")
crypto = ctypes.CDLL("libcrypto.so.3")
for library, names in ((ssl, ("SSL_CTX_new", "TLS_client_method", "SSL_new")), (crypto, ("EVP_PKEY_Q_keygen", "EVP_MD_CTX_new"))):
    for name in names:
        getattr(library, name).restype = ctypes.c_void_p
PROTOCOL = b"chancery-collector/1"
SPEAKER = b"chancery collector speaks 1\n"
LABEL = b"EXPORTER-chancery-collector"


def check(good, what):
    if not good:
        raise AssertionError(f"{what} failed")


def client_context():
    context = ctypes.c_void_p(ssl.SSL_CTX_new(ctypes.c_void_p(ssl.TLS_client_method())))
    wire = bytes([len(PROTOCOL)]) + PROTOCOL
    check(ssl.SSL_CTX_set_alpn_protos(context, wire, len(wire)) == 0, "ALPN")
    return context


class Collector:
    def __init__(self, context, port, customer_key):
        self.socket = socket.create_connection(("127.0.0.1", port), 20)
        self.socket.settimeout(None)
        self.ssl = ctypes.c_void_p(ssl.SSL_new(context))
        ssl.SSL_set_fd(self.ssl, self.socket.fileno())
        check(ssl.SSL_connect(self.ssl) == 1, "handshake")
        bound = ctypes.create_string_buffer(32)
        check(ssl.SSL_export_keying_material(self.ssl, bound, ctypes.c_size_t(32), LABEL, ctypes.c_size_t(len(LABEL)), None, ctypes.c_size_t(0), 0) == 1, "exporter")
        key = ctypes.c_void_p(crypto.EVP_PKEY_Q_keygen(None, None, b"ED25519"))
        encoded = ctypes.create_string_buffer(128)
        at = ctypes.c_void_p(ctypes.addressof(encoded))
        size = crypto.i2d_PUBKEY(key, ctypes.byref(at))
        public = encoded.raw[:size]
        identity = hashlib.sha256(public).hexdigest()
        transcript = SPEAKER + bound.raw + identity.encode()
        self.send(type="hello", id=identity, version="bench", key=text(public), signature=text(sign(key, transcript)))
        crypto.EVP_PKEY_free(key)
        self.expect("admission")
        self.send(type="admission", proof=text(hmac.digest(customer_key, transcript, "sha256")))
        self.expect("welcome")

    def expect(self, kind):
        message = self.receive()
        if message["type"] != kind:
            raise AssertionError(f"{kind} expected: {message}")

    def send(self, **message):
        body = json.dumps(message).encode()
        frame = struct.pack(">I", len(body)) + body
        check(ssl.SSL_write(self.ssl, frame, len(frame)) == len(frame), "write")

    def receive(self):
        return json.loads(self.read(struct.unpack(">I", self.read(4))[0]))

    def read(self, size):
        out = b""
        while len(out) < size:
            block = ctypes.create_string_buffer(size - len(out))
            count = ssl.SSL_read(self.ssl, block, size - len(out))
            check(count > 0, "read")
            out += block.raw[:count]
        return out

    def is_open(self):
        try:
            return self.socket.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK) != b""
        except BlockingIOError:
            return True

    def close(self):
        ssl.SSL_free(self.ssl)
        self.socket.close()


def text(raw):
    return base64.b64encode(raw).decode()


def sign(key, message):
    context = ctypes.c_void_p(crypto.EVP_MD_CTX_new())
    check(crypto.EVP_DigestSignInit(context, None, None, None, key) == 1, "sign")
    signature = ctypes.create_string_buffer(64)
    size = ctypes.c_size_t(64)
    check(crypto.EVP_DigestSign(context, signature, ctypes.byref(size), message, ctypes.c_size_t(len(message))) == 1, "sign")
    crypto.EVP_MD_CTX_free(context)
    return signature.raw[:size.value]


def per_collector(count):
    """KiB of the engine for each of `count` idle collectors, and how many were lost."""
    ours = Ours(role="single")
    collectors = []
    try:
        with open(ours.appliance.file("customer-key/customer.key"), "rb") as file:
            customer_key = file.read()
        context, pid = client_context(), ours.pid("engine")
        collectors += [Collector(context, ours.appliance.collectors, customer_key) for _ in range(20)]
        before = rss_kib([pid])[0]
        collectors += [Collector(context, ours.appliance.collectors, customer_key) for _ in range(count)]
        time.sleep(1)
        after = rss_kib([pid])[0]
        lost = sum(not one.is_open() for one in collectors)
    finally:
        for one in collectors:
            one.close()
        ours.stop()
    return (after - before) / count, lost
