"""Completion in the shells themselves: bash and zsh on a terminal, with the tabulator key; fish by its own `complete -C`."""
import os
import pty
import select
import shutil
import subprocess
import time
import unittest

from harness import BIN, PATIENCE, SystemTest, must

IDENTITIES = {"console", "portal", "engine", "portal-collector", "engine-collector", "member", "authority-tls"}


class Terminal:
    """An interactive shell in which `chancery` only says what it was given."""

    STARTED = {
        "bash": (["bash", "--norc", "--noprofile", "-i"], "bind 'set enable-bracketed-paste off'; source {script}; chancery() {{ echo \"GOT:$*:\"; }}"),
        "zsh": (["zsh", "-f", "-i"], "autoload -U compinit; compinit -u -D; source {script}; chancery() {{ print -r -- \"GOT:$*:\"; }}"),
    }

    def __init__(self, shell, script, folder):
        command, setting_up = self.STARTED[shell]
        self.process, self.descriptor = pty.fork()
        if self.process == 0:
            os.chdir(folder)
            os.execvpe(command[0], command, {**os.environ, "TERM": "dumb", "PS1": "", "HOME": folder, "ZDOTDIR": folder})
        self.send(setting_up.format(script=script) + "; echo REA''DY\n")
        self.read_until("READY")

    def send(self, text):
        os.write(self.descriptor, text.encode())

    def read_until(self, mark):
        got, end = "", time.monotonic() + PATIENCE
        while mark not in got:
            if not select.select([self.descriptor], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError(f"no {mark} in {got!r}")
            got += os.read(self.descriptor, 65536).decode(errors="replace")
        return got

    def completed(self, line):
        """What the command is called with when TAB is pressed at the end of `line`, then RETURN."""
        self.send(line + "\t\n")
        got = self.read_until("GOT:")
        got = got[got.index("GOT:") + 4:]
        return (got if ":" in got else got + self.read_until(":")).split(":")[0].strip()

    def close(self):
        os.close(self.descriptor)
        os.kill(self.process, 9)
        os.waitpid(self.process, 0)


class Completion(SystemTest):
    def script(self, shell):
        path = os.path.join(self.folder, shell)
        with open(path, "w") as file:
            file.write(must(os.path.join(BIN, "chancery"), "completion", shell))
        return path

    def on_a_terminal(self, shell):
        if shutil.which(shell) is None:
            self.skipTest(f"there is no {shell}")
        with open(os.path.join(self.folder, "leaf.pem"), "w"):
            pass
        terminal = Terminal(shell, self.script(shell), self.folder)
        self.addCleanup(terminal.close)
        for line, completed in (("chancery gener", "generation"), ("chancery cert rep", "cert replace"), ("chancery --state /tmp cert rep", "--state /tmp cert replace"),
                                ("chancery federation tokens rev", "federation tokens revoke"), ("chancery cert replace --ident", "cert replace --identity"),
                                ("chancery cert replace --identity cons", "cert replace --identity console"),
                                ("chancery cert csr portal --key-type rsa-3", "cert csr portal --key-type rsa-3072"),
                                ("chancery cert reset portal-c", "cert reset portal-collector"), ("chancery completion f", "completion fish"),
                                ("chancery cert check --certificate le", "cert check --certificate leaf.pem"), ("chancery nonsense", "nonsense")):
            with self.subTest(line):
                self.assertEqual(completed, terminal.completed(line))

    def test_bash(self):
        self.on_a_terminal("bash")

    def test_zsh(self):
        self.on_a_terminal("zsh")

    def test_bash_offers_all_there_is(self):
        offered = lambda *words: set(must("bash", "-c", f'source {self.script("bash")}; COMP_WORDS=({" ".join(repr(w) for w in words)}); COMP_CWORD={len(words) - 1}; '
                                          '_chancery; printf "%s\\n" "${COMPREPLY[@]}"').split())
        self.assertEqual({"list", "show", "csr", "check", "replace", "reset"}, offered("chancery", "cert", ""))
        self.assertEqual(IDENTITIES, offered("chancery", "cert", "reset", ""))

    def test_fish(self):
        if shutil.which("fish") is None:
            self.skipTest("there is no fish")
        script = self.script("fish")

        def offered(line):
            done = subprocess.run(["fish", "-N", "-c", f'source {script}; complete -C "{line}"'], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  cwd=self.folder, env={**os.environ, "HOME": self.folder}, timeout=PATIENCE)
            self.assertEqual((0, ""), (done.returncode, done.stderr.decode()), line)
            return {each.split("\t")[0] for each in done.stdout.decode().splitlines()}

        with open(os.path.join(self.folder, "leaf.pem"), "w"):
            pass
        self.assertEqual({"generation"}, offered("chancery gener"))
        self.assertLessEqual({"init", "cert", "backup", "federation", "doctor"}, offered("chancery "))
        self.assertEqual({"list", "show", "csr", "check", "replace", "reset"}, offered("chancery cert "))
        self.assertEqual({"replace", "reset"}, offered("chancery --state /tmp cert re"))
        self.assertEqual({"list", "revoke"}, offered("chancery federation tokens "))
        self.assertEqual(IDENTITIES, offered("chancery cert reset "))
        self.assertEqual({"--identity"}, offered("chancery cert replace --ident"))
        self.assertEqual({"rsa-2048", "rsa-3072", "rsa-4096"}, offered("chancery cert csr portal --key-type rs"))
        self.assertEqual({"leaf.pem"}, offered("chancery cert check --certificate le"))
        self.assertEqual(set(), offered("chancery federation token --prim"), "an option of federation join only")
        self.assertEqual(set(), offered("chancery federation tokens list --ttl"), "an option of federation token only")


if __name__ == "__main__":
    unittest.main()
