"""Who sits between a joiner and its authority. Three of them, by what they can do:

    RecordRelay      a wire tapper: forwards TLS records, and may alter, repeat or cut one, or have somebody killed at it
    ForeignRelay     ends TLS with a certificate of its own, as a proxy does
    StolenKeyRelay   ends TLS with the authority's own key, so that it reads and writes the messages themselves

Each connects onwards from an address of its own (127.1.x.y), so that the authority's limits on failures count it alone.
"""
import json
import os
import socket
import ssl
import threading

_next_source = [0]


def next_source():
    _next_source[0] += 1
    return f"127.1.{_next_source[0] // 250}.{_next_source[0] % 250 + 1}"


class Cut(Exception):
    """The connection ends here."""


class _Listener:
    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                link, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._guarded, args=(link,), daemon=True).start()

    def _guarded(self, link):
        with link:
            try:
                self.serve(link)
            except (OSError, Cut):
                pass

    def close(self):
        self.socket.close()


class RecordRelay(_Listener):
    def __init__(self, port):
        self.upstream = port
        self.touch = None  # (direction, index, record) -> bytes to forward; raises Cut
        self.counts = {}
        super().__init__()

    def serve(self, link):
        upstream = socket.create_connection(("127.0.0.1", self.upstream), 10, source_address=(next_source(), 0))
        upstream.settimeout(None)
        self.counts = {"out": 0, "back": 0}
        with upstream:
            back = threading.Thread(target=self._pump, args=("back", upstream, link), daemon=True)
            back.start()
            self._pump("out", link, upstream)
            back.join(20)

    def _pump(self, direction, source, target):
        try:
            while True:
                record = self._record(source)
                index = self.counts[direction]
                self.counts[direction] += 1
                touch = self.touch
                target.sendall(record if touch is None else touch(direction, index, record))
        except (OSError, Cut):
            pass
        for end, how in ((source, socket.SHUT_RD), (target, socket.SHUT_WR)):
            try:
                end.shutdown(how)
            except OSError:
                pass

    @staticmethod
    def _record(source):
        def exactly(count):
            got = b""
            while len(got) < count:
                more = source.recv(count - len(got))
                if not more:
                    raise Cut()
                got += more
            return got

        head = exactly(5)
        return head + exactly(int.from_bytes(head[3:], "big"))


def read_message(link):
    """The first line and the body of an HTTP message with Content-Length."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = link.recv(65536)
        if not more:
            raise Cut()
        data += more
    head, body = data.split(b"\r\n\r\n", 1)
    size = 0
    for line in head.split(b"\r\n")[1:]:
        name, value = line.split(b":", 1)
        if name.strip().lower() == b"content-length":
            size = int(value)
    while len(body) < size:
        more = link.recv(65536)
        if not more:
            raise Cut()
        body += more
    return head.split(b"\r\n")[0].decode(), body[:size]


def ask_authority(port, body, source=None, path="/join", host="localhost"):
    """POST over a TLS session of one's own: status and body."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    raw = socket.create_connection(("127.0.0.1", port), 10, source_address=(source or next_source(), 0))
    with context.wrap_socket(raw, server_hostname=host) as link:
        return post(link, body, path, host)


def post(link, body, path="/join", host="localhost"):
    link.sendall(f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    line, answer = read_message(link)
    return int(line.split()[1]), answer


class _Ending(_Listener):
    def __init__(self, chain, key):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(chain, key)
        self.context.set_alpn_protocols(["http/1.1"])
        self.received = []  # what joiners sent inside of TLS
        super().__init__()

    def serve(self, link):
        with self.context.wrap_socket(link, server_side=True) as session:
            _, body = read_message(session)
            self.received.append(body)
            status, answer = self.answer(body)
            session.sendall(f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(answer)}\r\nConnection: close\r\n\r\n".encode() + answer)


class ForeignRelay(_Ending):
    def __init__(self, port, chain, key):
        self.upstream = port
        super().__init__(chain, key)

    def answer(self, body):
        return ask_authority(self.upstream, body)


class StolenKeyRelay(_Ending):
    """`attack(body, forward)` answers; forward(body) asks the authority in the relay's own session."""

    def __init__(self, primary):
        folder = primary.file("identities/authority-tls")
        self.upstream = primary.join
        self.attack = lambda body, forward: forward(body)
        super().__init__(os.path.join(folder, "fullchain.pem"), os.path.join(folder, "key.pem"))

    def answer(self, body):
        return self.attack(body, lambda message: ask_authority(self.upstream, message))


def altered(body, change):
    """The JSON of a request with `change` made to it."""
    document = json.loads(body)
    change(document)
    return json.dumps(document).encode()
