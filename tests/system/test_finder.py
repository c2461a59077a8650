"""Finder (P20): asks portal and engine as a person at an endpoint would, each validated with the operating system's store; says the
sentence and asks before it goes on; passes silently with the intermediate sent, or in the store. And whose word counts in such a
store: intermediates help to build a path, for finder and collector alike, and anchor nothing (P19)."""
import os
import pty
import select
import subprocess
import unittest

from harness import BIN, SystemTest, await_condition

SENTENCE = "The security certificate of the {} could not be validated"


class Finder(SystemTest):
    def setUp(self):
        super().setUp()
        self.primary, self.secondary = self.federation()
        self.where = ["--portal", f"localhost:{self.primary.portal}", "--engine", f"localhost:{self.secondary.engine}"]

    def store(self, name, *files):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as out:
            for file in files:
                with open(file, "rb") as part:
                    out.write(part.read())
        return path

    def find(self, store):
        return self.primary.cli("finder", *self.where, env={"SSL_CERT_FILE": store})

    def at_a_terminal(self, store, answers):
        """What a person sees, who types these answers in turn; and the exit code."""
        parent, child = pty.openpty()
        process = subprocess.Popen([os.path.join(BIN, "chancery"), "finder", *self.where], stdin=child, stdout=child, stderr=child,
                                   env={**os.environ, "SSL_CERT_FILE": store, "NO_COLOR": "1"})
        os.close(child)
        seen = ""
        left = list(answers)
        while True:
            ready, _, _ = select.select([parent], [], [], 30)
            self.assertTrue(ready, seen)
            try:
                piece = os.read(parent, 4096)
            except OSError:
                break
            if not piece:
                break
            seen += piece.decode(errors="replace")
            if left and seen.count("Continue anyway?") > len(answers) - len(left):
                os.write(parent, left.pop(0).encode() + b"\n")
        os.close(parent)
        return seen, process.wait(30)

    def test_as_a_person_would(self):
        ours = self.store("ours.pem", self.primary.root())
        done = self.find(ours)
        self.assertEqual((0, "", 2), (done.code, done.err, done.out.count("validated, answers")), done)

        # The engine sends its leaf alone: with the intermediate beside its root in the store it passes all the same. Without
        # the root it does not, for an intermediate anchors nothing; nor does a collector that uses such a store.
        pki = self.pki(intermediates=1)
        leaf = pki.leaf(["secondary.test", "localhost"])
        done = self.secondary.cli("cert", "replace", "--certificate", pki.path(leaf + ".crt"), "--key", pki.path(leaf + ".key"), "--also-trust", pki.root,
                                  "--accept", "missing-intermediate", "--no-rehearsal")
        self.assertEqual(0, done.code, done)
        half = self.store("half.pem", self.primary.root(), pki.intermediates)
        whole = self.store("whole.pem", self.primary.root(), pki.root, pki.intermediates)
        both = self.store("both.pem", self.primary.root(), pki.root)
        self.assertEqual((0, ""), (self.find(whole).code, self.find(whole).err))
        for store in (half, both):
            done = self.find(store)
            self.assertEqual((1, True), (done.code, SENTENCE.format("Engine") in done.err), done)
        collector = self.collector_with(half, "by-half")
        await_condition(lambda: "[1] " in collector.log() and "hint" in collector.log(), "its first attempt has ended:\n" + collector.log())
        self.assertFalse(collector.status().get("connected"), collector.log())
        self.collector_with(whole, "by-whole").await_connected()
        # It sends its intermediate as well: silence, once the root is in the store.
        self.assertEqual(0, self.secondary.cli("cert", "replace", *pki.files(leaf), "--no-rehearsal").code)
        done = self.find(both)
        self.assertEqual((0, ""), (done.code, done.err), done)
        # Nobody to ask: it stops at the engine, with the sentence, and does not go on.
        done = self.find(ours)
        self.assertEqual((1, True, False), (done.code, SENTENCE.format("Engine") in done.err, SENTENCE.format("Portal") in done.err), done)
        self.assertIn("hint:", done.err)
        done = self.primary.cli("--json", "finder", *self.where, env={"SSL_CERT_FILE": ours})
        self.assertEqual("untrusted-root", done.json()["error"]["code"])
        self.assertIn(SENTENCE.format("Engine"), done.json()["error"]["message"])
        # A person is asked, once for each that fails, and may go on or not.
        stranger = self.store("stranger.pem", self.pki(name="stranger").root)
        seen, code = self.at_a_terminal(stranger, ["y", "yes"])
        self.assertEqual((0, 2, True, True, 2), (code, seen.count("Continue anyway?"), SENTENCE.format("Portal") in seen, SENTENCE.format("Engine") in seen, seen.count("not validated, answers")), seen)
        seen, code = self.at_a_terminal(stranger, ["n"])
        self.assertEqual((1, 1, False), (code, seen.count("Continue anyway?"), SENTENCE.format("Engine") in seen), seen)
        seen, code = self.at_a_terminal(ours, [""])
        self.assertEqual((1, 1, True), (code, seen.count("Continue anyway?"), SENTENCE.format("Engine") in seen), seen)

    def collector_with(self, store, name):
        before = os.environ.get("SSL_CERT_FILE")
        os.environ["SSL_CERT_FILE"] = store
        try:
            return self.collector(self.secondary, self.primary, [f'collector.servers = ["localhost:{self.secondary.engine}"]', "collector.report-interval = 1"], name)
        finally:
            del os.environ["SSL_CERT_FILE"]
            if before is not None:
                os.environ["SSL_CERT_FILE"] = before


if __name__ == "__main__":
    unittest.main()
