"""C5: certificates are replaced 100 times while clients shake hands without pause and long-lived connections stream. None
fails, none drops, and every handshake that starts after `replace` returned sees the new leaf and a complete chain."""
import hashlib
import http.client
import socket
import ssl
import threading
import unittest

from harness import SystemTest, file_fingerprints, served_chain

REPLACES = 100
HANDSHAKERS = 4
LONG_LIVED = 40


class Handshaker(threading.Thread):
    """Shakes hands in a loop, each time verifying chain and name with only the roots."""

    def __init__(self, port, roots, allowed):
        super().__init__(daemon=True)
        self.port, self.allowed, self.done, self.failures, self.count = port, allowed, threading.Event(), [], 0
        self.context = ssl.create_default_context(cafile=roots)

    def run(self):
        while not self.done.is_set():
            try:
                with socket.create_connection(("127.0.0.1", self.port), 10) as raw, \
                        self.context.wrap_socket(raw, server_hostname="localhost") as link:
                    seen = hashlib.sha256(link.getpeercert(True)).hexdigest()
                    if seen not in self.allowed:
                        self.failures.append(f"unknown leaf {seen}")
                self.count += 1
            except OSError as error:
                self.failures.append(repr(error))


class LongLived(threading.Thread):
    """One keep-alive connection that asks again and again and must never be dropped."""

    def __init__(self, port, roots):
        super().__init__(daemon=True)
        self.done, self.failures, self.count = threading.Event(), [], 0
        self.link = http.client.HTTPSConnection("localhost", port, timeout=20, context=ssl.create_default_context(cafile=roots))
        self.link.connect()
        self.socket = self.link.sock

    def run(self):
        try:
            while not self.done.wait(0.05):
                self.link.request("GET", "/healthz")
                reply = self.link.getresponse()
                if reply.read() != b"ok\n" or self.link.sock is not self.socket:
                    self.failures.append(f"status {reply.status}, or the connection was made anew")
                    return
                self.count += 1
        except (OSError, http.client.HTTPException) as error:
            self.failures.append(repr(error))


def finish(workers):
    for worker in workers:
        worker.done.set()
    for worker in workers:
        worker.join(30)


class UnderLoad(SystemTest):
    def test_a_hundred_replaces_without_one_failed_handshake_or_dropped_connection(self):
        primary = self.appliance("primary").start()
        pki = self.pki()
        leaves = [pki.leaf(["appliance.test", "localhost"]) for _ in range(2)]
        roots = self.folder + "/roots.pem"
        with open(roots, "w") as file:
            for path in (primary.root(), pki.root):
                with open(path) as part:
                    file.write(part.read())
        allowed = {file_fingerprints(pki.path(leaf + ".crt"))[0] for leaf in leaves}
        allowed |= {served_chain(port)[0] for port in (primary.portal, primary.console)}
        workers = [Handshaker(port, roots, allowed) for port in (primary.portal, primary.console) for _ in range(HANDSHAKERS // 2)]
        workers += [LongLived(port, roots) for port in (primary.portal, primary.console) for _ in range(LONG_LIVED // 2)]
        for worker in workers:
            worker.start()
        try:
            for turn in range(REPLACES):
                leaf = leaves[turn % 2]
                done = primary.cli("cert", "replace", *pki.files(leaf))
                self.assertEqual(0, done.code, done)
                if turn % 10 == 0:
                    for port in (primary.portal, primary.console):
                        self.assertEqual(pki.sent(leaf), served_chain(port), f"after replace {turn}")
        finally:
            finish(workers)
        self.assertEqual([], [f for worker in workers for f in worker.failures])
        self.assertGreater(sum(w.count for w in workers if isinstance(w, Handshaker)), REPLACES)
        self.assertTrue(all(w.count > 0 for w in workers), "every worker has worked")


if __name__ == "__main__":
    unittest.main()
