"""Peers of the collector channel that mean harm or have gone astray: each is refused or dropped by itself, the log says why, and a collector
that is connected all the while notices nothing. (Web ports: test_ports.py.)"""
import base64
import concurrent.futures
import json
import os
import socket
import sqlite3
import struct
import time
import unittest

from channel_peer import Channel, Collector, Identity, client_context, text
from harness import SystemTest, await_condition, file_fingerprints


def frame(body):
    body = body if isinstance(body, bytes) else body.encode()
    return struct.pack(">I", len(body)) + body


class HostilePeers(SystemTest):
    def setUp(self):
        super().setUp()
        self.single = self.appliance("single").start("portal", "engine", "manager")
        with open(self.single.file("customer-key/customer.key"), "rb") as file:
            self.key = file.read()
        self.context = client_context()
        self.port = self.single.collectors
        self.witness = Collector(self.context, self.port, self.key)
        self.addCleanup(self.witness.close)

    def collector(self):
        return Collector(self.context, self.port, self.key)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.single.processes['engine'].pid}/fd"))

    def resident(self):
        with open(f"/proc/{self.single.processes['engine'].pid}/statm") as file:
            return int(file.read().split()[1]) * 4096

    def assert_undisturbed(self):
        self.witness.send(type="ping")
        self.assertEqual({"type": "pong"}, self.witness.expect("pong"))
        fresh = self.collector()
        fresh.close()

    def ends(self, channel, *writes):
        """What the engine says to these bytes before it ends the connection."""
        said = []
        try:
            for raw in writes:
                channel.write(raw)
            while True:
                said.append(channel.receive())
        except (ConnectionError, OSError, ValueError):
            return [message for message in said if message["type"] not in ("anchors", "revocations")]
        finally:
            channel.close()

    def test_what_is_no_message(self):
        """Before the greeting and after it."""
        deep = "[" * 100_000
        identity = Identity()
        signed = lambda **more: json.dumps({"type": "hello", "id": identity.id, "version": "x", "key": text(identity.public), "signature": text(bytes(64)), **more})
        wrong = {
            "oversize": (struct.pack(">I", 256 * 1024 + 1), "announced a frame of 262145 bytes"),
            "as large as can be said": (b"\xff" * 4, "announced a frame of 4294967295 bytes"),
            "empty": (b"\0\0\0\0", "announced a frame of 0 bytes"),
            "not JSON": (frame(b"\xff\xfe garbage"), "not a JSON object"),
            "no object": (frame("[]"), "not a JSON object"),
            "nested": (frame('{"type":' + deep), "nested too deeply"),
            "no type": (frame("{}"), "\"type\" is missing"),
            "unknown": (frame('{"type":"root"}'), "unknown type"),
            "HTTP": (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "announced a frame of"),
            "TLS in TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "announced a frame of"),
            "out of turn": (frame('{"type":"welcome","server":"x","proof":"","interval":1}'), "out of turn"),
            "a key that is too long": (frame(signed(key=text(bytes(20_000)))), "too long"),
            "no base64": (frame(signed(key="%%%")), ""),
        }
        for name, (raw, why) in wrong.items():
            with self.subTest(name):
                self.assertEqual([], self.ends(Channel(self.port, self.context), raw))
                await_condition(lambda: why in self.single.log("engine"), f"the log says {why}")
                if name != "out of turn":
                    self.assertEqual([], self.ends(self.collector(), raw))
        refused = {"another id": (signed(id="0" * 64), "id-invalid"), "not signed": (signed(), "signature-invalid"),
                   "no key at all": (signed(key="", id="e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"), "id-invalid")}
        for name, (raw, code) in refused.items():
            with self.subTest(name):
                self.assertEqual([code], [m.get("code") for m in self.ends(Channel(self.port, self.context), frame(raw))])
        self.assert_undisturbed()

    def proven(self, id):
        """{root: when} of a collector, as the portal knows it."""
        database = sqlite3.connect(f"file:{self.single.state}/databases/portal.db?mode=ro", uri=True, timeout=5)
        try:
            return dict(database.execute("SELECT sha256, proven FROM proven_anchors WHERE who = ?", (id,)))
        finally:
            database.close()

    def test_a_root_that_was_not_reached_is_not_proven(self):
        """A collector that says so of another root than its own handshake's chain ends at is sent away, and nothing is written down."""
        [root], other = file_fingerprints(self.single.root()), "a" * 64
        identity = Identity()
        collector = Collector(self.context, self.port, self.key, identity)
        collector.send(type="holds", needs=True, held=[root, other], proven=[], lists=[])
        await_condition(lambda: self.proven(identity.id) == {root: 0, other: 0}, "the portal knows what it holds")
        said = self.ends(collector, frame(json.dumps({"type": "proof", "root": other})))
        self.assertEqual(["not-proven"], [m.get("code") for m in said], said)
        # What its chain ends at is taken, and told on with all that is known of it.
        again = Collector(self.context, self.port, self.key, identity)
        self.addCleanup(again.close)
        again.send(type="proof", root=root)
        self.assertEqual(root, again.expect("proof")["root"])
        await_condition(lambda: self.proven(identity.id).get(root), "the portal knows that it has proven that one")
        self.assertEqual(0, self.proven(identity.id)[other])
        self.assert_undisturbed()

    def test_what_is_no_tls(self):
        """On ports that demand it: closed with an alert or an answer, and said in the log."""
        answers = {}
        for name, raw in {"a frame": frame('{"type":"nonce","nonce":"' + text(bytes(32)) + '"}'), "zeros": bytes(64), "garbage": b"\x80\x81garbage\xff" * 100,
                          "HTTP": b"GET / HTTP/1.1\r\n\r\n", "SSH": b"SSH-2.0-x\r\n", "SSLv2": b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + bytes(40)}.items():
            for port in (self.port, self.single.portal, self.single.engine_api):
                with socket.create_connection(("127.0.0.1", port), 10) as link:
                    link.sendall(raw)
                    link.shutdown(socket.SHUT_WR)
                    answer = b""
                    try:
                        while piece := link.recv(4096):
                            answer += piece
                    except ConnectionError:
                        pass
                answers.setdefault(name, []).append(answer)
        for name, each in answers.items():
            for answer in each:
                # An alert of TLS, what plain HTTP is told, or nothing; never a frame.
                self.assertTrue(answer == b"" or answer[:1] == b"\x15" or answer.startswith(b"HTTP/1.1 400 "), (name, answer))
        self.assertTrue(all(a.startswith(b"HTTP/1.1 400 ") for a in answers["HTTP"]))
        for line in ("what arrived is not TLS", "plain HTTP arrived where TLS was expected"):
            self.assertIn(line, self.single.log("engine"))
        self.assert_undisturbed()

    def test_slow_and_silent_peers_are_dropped(self):
        """Each kind by its own deadline, 10 s; while 300 of them wait nobody else does."""
        before = self.descriptors()
        patience = 25

        def silent():
            return socket.create_connection(("127.0.0.1", self.port), patience)

        def half_a_handshake():
            link = silent()
            link.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
            return link

        def greeted_by_nobody():
            return Channel(self.port, self.context, timeout=patience)

        def half_a_frame():
            channel = Channel(self.port, self.context, timeout=patience)
            channel.write(struct.pack(">I", 1000) + b"{")
            return channel

        def hello_and_no_more():
            class Shy(Collector):
                def greet(self):
                    self.hello()
                    self.expect("admission")

            return Shy(self.context, self.port, self.key, timeout=patience)

        def half_a_report():
            channel = Collector(self.context, self.port, self.key, timeout=patience)
            channel.write(struct.pack(">I", 1000) + b"{")
            return channel

        def is_dropped(peer, drip):
            link = peer if isinstance(peer, socket.socket) else peer.socket
            try:
                while True:
                    link.settimeout(1 if drip else patience)
                    try:
                        if not link.recv(65536):
                            return True
                    except TimeoutError:
                        if not drip:
                            return False
                        peer.write(b" ") if drip == "frame" else link.sendall(b"\0")
            except (ConnectionError, OSError):
                return True
            finally:
                peer.close()

        crowd = [silent() for _ in range(250)] + [half_a_handshake() for _ in range(50)]
        kinds = {"silent": (silent, ""), "half a handshake": (half_a_handshake, ""), "a handshake that drips": (half_a_handshake, "bytes"),
                 "nothing after the handshake": (greeted_by_nobody, ""), "half a frame": (half_a_frame, ""), "a frame that drips": (half_a_frame, "frame"),
                 "hello and no more": (hello_and_no_more, ""), "half a report": (half_a_report, ""), "a report that drips": (half_a_report, "frame")}
        with concurrent.futures.ThreadPoolExecutor(len(kinds) + 1) as pool:
            waiting = {name: pool.submit(is_dropped, make(), drip) for name, (make, drip) in kinds.items()}
            begun = time.monotonic()
            while not all(job.done() for job in waiting.values()):
                self.assert_undisturbed()
                time.sleep(0.5)
                self.assertLess(time.monotonic() - begun, patience + 10)
        self.assertEqual({name: True for name in kinds}, {name: job.result() for name, job in waiting.items()})
        for link in crowd:
            link.settimeout(patience)
            self.assertEqual(b"", link.recv(1))
            link.close()
        for why in ("began a frame and did not end it", "was silent for too long"):
            self.assertIn(why, self.single.log("engine"))
        await_condition(lambda: self.descriptors() <= before + 1, "nothing is left of them")

    def test_a_peer_that_floods_and_does_not_read(self):
        resident = self.resident()
        flood = self.collector()
        flood.socket.settimeout(5)
        many = frame('{"type":"ping"}') * 2000
        began = time.monotonic()
        sent = 0
        with self.assertRaises((ConnectionError, OSError)):
            while time.monotonic() - began < 60:
                flood.write(many)
                sent += 2000
                if sent % 20_000 == 0:
                    self.assert_undisturbed()
        flood.close()
        self.assert_undisturbed()
        self.assertLess(self.resident() - resident, 16 << 20)


if __name__ == "__main__":
    unittest.main()
