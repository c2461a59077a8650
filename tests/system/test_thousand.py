"""C5 on the collector channel: 1,000 collectors on one engine; certificate, trust and policy are replaced under them, and none is dropped or refused; the
engine ends and says when to come back; they come back all at once, and all are let in. (15,000: `./dev bench collectors`.)"""
import concurrent.futures
import hashlib
import resource
import signal
import ssl
import unittest

from channel_peer import Collector, Identity, client_context
from harness import SystemTest, await_condition, file_fingerprints, served_chain

COUNT = 1000
THREADS = 8


class Thousand(SystemTest):
    def setUp(self):
        super().setUp()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, COUNT + 1000)), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))

    def all_come(self, pool, port, key, identities):
        """All at once, as after an outage; one that is refused or fails fails the test."""
        contexts = [client_context() for _ in range(THREADS)]
        come = lambda number: Collector(contexts[number % THREADS], port, key, identities[number], timeout=60)
        collectors = list(pool.map(come, range(len(identities))))
        for collector in collectors:
            self.addCleanup(collector.close)
        return collectors

    def assert_all_answer(self, collectors):
        for collector in collectors:
            collector.send(type="ping")
        for collector in collectors:
            collector.expect("pong")

    def test_nothing_that_is_replaced_under_them_drops_or_refuses_one(self):
        single = self.appliance("single").start("portal", "engine", "manager")
        with open(single.file("customer-key/customer.key"), "rb") as file:
            key = file.read()
        pki = self.pki(intermediates=1)
        leaf = pki.leaf(["appliance.test", "localhost", "127.0.0.1"])
        identities = [Identity() for _ in range(COUNT)]
        with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            collectors = self.all_come(pool, single.collectors, key, identities)
            self.assert_all_answer(collectors)
            before = served_chain(single.collectors)
            # The collectors here are this test's own, and answer no rehearsal.
            unasked = ["--no-rehearsal", "--watch-share", "100%"]
            changes = {
                "certificate": ["cert", "replace", *pki.files(leaf), "--identity", "engine-collector", *unasked],
                "trust": ["trust", "append", pki.root],
                "policy": ["profile", "set", "default", "minimum-protocol=TLSv1.3", *unasked],
                "and back": ["cert", "reset", "engine-collector", *unasked],
            }
            for what, words in changes.items():
                done = single.cli(*words)
                self.assertEqual(0, done.code, f"{what}: {done}")
                self.assert_all_answer(collectors)
                fresh = Collector(client_context(), single.collectors, key)
                fresh.close()
                if what == "certificate":
                    self.assertEqual(pki.sent(leaf), served_chain(single.collectors))
            self.assertEqual(before, served_chain(single.collectors))
            self.assertEqual(COUNT, len([c for c in collectors if c.is_open()]))
            log = single.log("engine")
            self.assertNotIn("dropped", log)
            self.assertNotIn("refused", log)

            # The engine goes: each is told to come back, within a time that grows with their number; nobody obeys.
            single.stop("engine")
            for collector in collectors:
                with self.assertRaises(ConnectionError) as end:
                    while True:
                        collector.expect("pong")
                self.assertIn("'later'", str(end.exception))
                self.assertRegex(str(end.exception), r"'within': [23]\b")
            single.start("engine")
            collectors = self.all_come(pool, single.collectors, key, identities)
            self.assert_all_answer(collectors)
            self.assertNotIn("refused", single.log("engine")[len(log):])

    def test_an_engine_that_is_full_says_when_to_come_back(self):
        """As many as it may have files open, less 500 for everything else; whoever is there stays."""
        single = self.appliance("single").start("portal")
        single.launcher = lambda program: ["prlimit", "--nofile=1060:1060"]
        single.start("engine")
        with open(single.file("customer-key/customer.key"), "rb") as file:
            key = file.read()
        with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            collectors = self.all_come(pool, single.collectors, key, [Identity() for _ in range(560)])
        for _ in range(20):
            with self.assertRaisesRegex(ConnectionError, "'type': 'later'"):
                Collector(client_context(), single.collectors, key)
        self.assert_all_answer(collectors)
        collectors[0].close()
        await_condition(lambda: self.is_let_in(single, key), "one has gone, one may come")
        self.assert_all_answer(collectors[1:])

    @staticmethod
    def is_let_in(single, key):
        try:
            Collector(client_context(), single.collectors, key).close()
            return True
        except ConnectionError:
            return False


if __name__ == "__main__":
    unittest.main()
