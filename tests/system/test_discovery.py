"""T6, T7: servers that are found: static, beacon and broadcast in order, beside a rogue; nobody answers by default."""
import json
import os
import re
import shutil
import socket
import threading
import unittest

from harness import Pki, await_condition, free_port_base
from endpoint_stage import CollectorTest, TlsServer


class Rogue:
    """Answers every question that is broadcast, before or after the right server, with a port of its own."""

    def __init__(self, udp, port):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("0.0.0.0", udp))
        self.port, self.asked = port, 0
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                question, peer = self.socket.recvfrom(1024)
            except OSError:
                return
            found = re.match(rb"chancery-discovery/1 ask ([0-9a-f]{16})", question)
            if found:
                self.asked += 1
                for nonce in (b"0" * 16, found.group(1), found.group(1) + b"x"):
                    self.socket.sendto(b"chancery-discovery/1 here %s %d" % (nonce, self.port), peer)


class Discovery(CollectorTest):
    def test_steps_in_order_rogues_and_addresses_without_names(self):
        udp = free_port_base(1)
        on = [f'engine.discovery = ["broadcast", "beacon"]', f"engine.discovery-port = {udp}", 'engine.discovery-address = "127.255.255.255"', "engine.beacon-interval = 1"]
        at_portal = free_port_base(1)
        self.serve(engine=on, portal=['portal.discovery = ["broadcast"]', f"portal.discovery-port = {at_portal}"])
        stranger = Pki(os.path.join(self.folder, "stranger"), intermediates=0)
        leaf = stranger.leaf(["127.0.0.1"])
        liar = TlsServer(stranger.path(leaf + ".crt"), stranger.path(leaf + ".key"))
        rogue = Rogue(udp, liar.port)
        self.addCleanup(rogue.socket.close)
        dead = free_port_base(1)
        address = 'collector.discovery-address = "127.255.255.255"'
        common = [f"collector.discovery-port = {udp}", address]

        def one(name, steps, *more):
            state = self.state(*common, f"collector.discovery = {json.dumps(steps)}", *more, name=name)
            shutil.copy(self.corporate.root, os.path.join(state, "root.pem"))
            return self.run_collector(state)

        # Falling through is off: a server that is not there is the end of it, and nobody is asked.
        stays = one("stays", ["static", "broadcast"], f'collector.servers = ["localhost:{dead}"]')
        # On: asked, the liar answers as well, and is found out by its certificate; ours by its CA, whatever its name.
        falls = one("falls", ["static", "broadcast"], f'collector.servers = ["localhost:{dead}"]', "collector.fall-through = true")
        hears = one("hears", ["beacon"])
        # The portal likewise, under the federation's root.
        asks = self.run_collector(self.state(address, f"collector.discovery-port = {at_portal}", 'collector.discovery = ["broadcast"]', name="asks"))
        strict = one("strict", ["broadcast"], "collector.verify-hostname = true")
        for collector in (falls, hears):
            collector.await_connected()
            self.assertIn("found by address only: its CA is checked, its name not", collector.log())
            status = collector.status()
            self.assertEqual((True, False), (status["found"], status["verifies_name"]))
        asks.await_connected()
        self.assertRegex(asks.log(), rf"connected to 127.0.0.1:{self.a} ")
        self.assertGreater(rogue.asked, 0)
        self.assertNotRegex(falls.log(), rf"connected to 127.0.0.1:{liar.port} ")
        self.awaits(strict, "its certificate is for")
        self.assertFalse(strict.status()["connected"])
        await_condition(lambda: stays.log().count(f"connecting to localhost:{dead}") >= 2, "it tries again")
        self.assertNotIn("discovery", stays.log())

    def test_servers_answer_nobody_by_default(self):
        self.serve()
        udp = os.path.join("/proc/net/udp")
        with open(udp) as file:
            ports = {int(line.split()[1].split(":")[1], 16) for line in file.readlines()[1:]}
        inodes = {os.readlink(f"/proc/{self.single.processes[p].pid}/fd/{fd}") for p in ("portal", "engine") for fd in os.listdir(f"/proc/{self.single.processes[p].pid}/fd")}
        with open(udp) as file:
            mine = [line for line in file.readlines()[1:] if f"socket:[{line.split()[9]}]" in inodes]
        self.assertEqual([], mine, ports)


if __name__ == "__main__":
    unittest.main()
