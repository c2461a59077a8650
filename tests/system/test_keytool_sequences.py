"""Random sequences of keytool's commands. More steps: KEYTOOL_STEPS=2000; another sequence: KEYTOOL_SEED=7 (printed when it fails)."""
import os
import random
import shutil
import time
import unittest

from keytool_stage import P, require, setUpModule, stage, tearDownModule  # noqa: F401  unittest looks for the two of the module

STEPS = int(os.environ.get("KEYTOOL_STEPS", "25"))
SEED = int(os.environ.get("KEYTOOL_SEED", "0")) or int(time.time())


class Sequences(unittest.TestCase):
    """Random operations by both; after each the stores agree, and each program reads what the other wrote."""
    maxDiff = None
    CERTIFICATES = ["root.crt", "sub.crt", "leaf.crt", "p384.crt", "ed25519.crt", "odd.crt", "sha1.crt", "all.crt", "rsa2048.crt"]
    ALIASES = ["a", "B", "c d", "ÄÖ", "E" * 40, "trust-1", "😀x", "Key", "key2"]

    def operation(self, dice, kind, state):
        store = ["-keystore", "s." + kind, "-storepass", state["password"]]
        alias, other = dice.choice(self.ALIASES), dice.choice(self.ALIASES)
        answer = dice.choice(["yes\n", "no\n", "y\n", ""])
        source = ["-importkeystore", "-srckeystore", "source.p12", "-srcstorepass", "changeit", "-destkeystore", "s." + kind,
                  "-deststorepass", state["password"]]
        new = "pass" + str(dice.randrange(10 ** 6)).zfill(6)
        choices = [
            (4, ["-importcert", "-noprompt", "-alias", alias, "-file", dice.choice(self.CERTIFICATES), *store], ""),
            (3, ["-importcert", "-alias", alias, "-file", dice.choice(self.CERTIFICATES), *store], answer),
            (3, ["-delete", "-alias", alias, *store], ""),
            (3, ["-changealias", "-alias", alias, "-destalias", other, *store], ""),
            (3, [*source, "-srcalias", dice.choice(["rsa", "ec", "ed", "root"]), "-destalias", alias, "-noprompt"], ""),
            (1, [*source, "-noprompt"], ""),
            (1, ["-exportcert", "-alias", alias, *store], ""),
            (1, ["-exportcert", "-rfc", "-alias", alias, *store], ""),
            (1, ["-storepasswd", "-keystore", "s." + kind, "-storepass", state["password"], "-new", new], ""),
            (1, ["-list", "-rfc", *store], ""),
            (1, ["-delete", "-alias", alias, "-keystore", "s." + kind, "-storepass", "wrong-one"], ""),
        ]
        return dice.choices([(arguments, stdin) for _, arguments, stdin in choices], [weight for weight, _, _ in choices])[0]

    def check(self, kind, state):
        theirs, mine = os.path.join(stage.peers.theirs, "s." + kind), os.path.join(stage.peers.mine, "s." + kind)
        self.assertEqual(os.path.exists(theirs), os.path.exists(mine))
        if not os.path.exists(theirs):
            return
        passwords = [state["password"], "changeit", *state["old"]]
        self.assertEqual(stage.peers.dump(theirs, *passwords), stage.peers.dump(mine, *passwords))
        arguments = ["-list", "-v", "-storepass", state["password"], "-nowarn", "-keystore"]
        lists = {program(*arguments, path)[:2] for program in (stage.peers.real, stage.peers.ours) for path in (theirs, mine)}
        self.assertEqual(1, len(lists), lists)

    def sequence(self, kind):
        dice = random.Random(f"{SEED} {kind}")
        stage.peers.clear()
        for name in self.CERTIFICATES:
            stage.peers.put(stage.zoo.path(name))
        stage.peers.put(os.path.join(stage.root, "keys.pkcs12"), "source.p12")
        for program in (stage.peers.theirs, stage.peers.mine):
            os.rename(os.path.join(program, "source.p12"), os.path.join(program, "all.p12"))
        require(stage.peers.real("-importkeystore", "-srckeystore", "all.p12", "-destkeystore", "source.p12", "-srcstorepass", "changeit",
                           "-deststorepass", "changeit"))
        require(stage.peers.real("-delete", "-alias", "aes", "-keystore", "source.p12", *P))
        shutil.copy(os.path.join(stage.peers.theirs, "source.p12"), stage.peers.mine)
        state = {"password": "changeit", "old": []}
        first = ["-importcert", "-noprompt", "-alias", "first", "-file", "root.crt", "-keystore", "s." + kind, "-storetype", kind, *P]
        require(stage.peers.real(*first))
        shutil.copy(os.path.join(stage.peers.theirs, "s." + kind), stage.peers.mine)
        done = [first]
        try:
            for _ in range(STEPS):
                arguments, stdin = self.operation(dice, kind, state)
                done.append(arguments)
                theirs, ours = stage.peers.both(*arguments, stdin=stdin)
                self.assertEqual(theirs, ours)
                if arguments[0] == "-storepasswd" and theirs[0] == 0:
                    state["old"].append(state["password"])
                    state["password"] = arguments[-1]
                self.check(kind, state)
        except AssertionError:
            print(f"KEYTOOL_SEED={SEED}, {kind}, after {len(done)} steps:", *done[-5:], sep="\n  ")
            raise

    def test_jks(self):
        self.sequence("jks")

    def test_jceks(self):
        self.sequence("jceks")

    def test_pkcs12(self):
        self.sequence("pkcs12")


if __name__ == "__main__":
    unittest.main()
