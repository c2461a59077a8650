"""Marker secrets (threat 38): with everything logged, no secret is found in any log, output, command line or environment.

Every secret that is used is known here before or after, in each spelling a program could let slip: the lines of its PEM,
hex in both cases and with colons, base64, and the raw bytes. The two places that may print one are told apart: the
administrator's password where `init` is asked to print it, the token where `federation token` prints it.
"""
import base64
import json
import os
import subprocess
import unittest
import urllib.error
import urllib.request
import ssl

from harness import BIN, PROGRAMS, Appliance, SystemTest, await_condition, must, run, served_chain

MARK_PASSPHRASE = "Marker-Passphrase-7f3a91c2"
MARK_PASSWORD = "Marker-Administrator-b81d04e6"


def spellings(secret, what):
    """{bytes to look for: what it is}"""
    hexed = secret.hex()
    pairs = [hexed[i:i + 2] for i in range(0, len(hexed), 2)]
    standard = base64.b64encode(secret)
    found = {hexed.encode(): what, hexed.upper().encode(): what, ":".join(pairs).encode(): what, ":".join(pairs).upper().encode(): what,
             secret: what, standard.rstrip(b"="): what, base64.urlsafe_b64encode(secret).rstrip(b"="): what}
    return {spelling: f"{name} ({len(spelling)} bytes)" for spelling, name in found.items() if len(spelling) >= 12}


def key_spellings(path, what):
    """Of a private key of an elliptic curve in PEM: the lines of its base64 that hold its secret number, its DER, the number."""
    with open(path, "rb") as file:
        lines = [line.strip() for line in file if line.strip() and b"-----" not in line]
    der = base64.b64decode(b"".join(lines))
    text = run("openssl", "pkey", "-in", path, "-noout", "-text").stdout.decode()
    number = bytes.fromhex("".join(text.split("priv:")[1].split("pub:")[0].split()).replace(":", ""))[-32:]
    at = der.index(number)
    found = {}
    for index, line in enumerate(lines):
        # A line is 48 bytes; the rest of the structure is the same for every key, or public.
        if min(48 * index + 48, at + 32) - max(48 * index, at) >= 10:
            found[line] = f"{what}, a line of its PEM"
    assert found
    found.update(spellings(number, what + ", its secret number"))
    found.update(spellings(der, what + ", its DER"))
    return found


class LoudAppliance(Appliance):
    """Logs everything; everything its CLI prints is kept."""

    options = ("--log-level", "trace")

    def __init__(self, test, role, **more):
        self.printed = []
        super().__init__(test, role, **more)

    def cli(self, *arguments, meant=False, **more):
        done = super().cli(*arguments, **more)
        if not meant:
            self.printed.append((arguments, done))
        return done


class Secrets(SystemTest):
    def appliance(self, role, **more):
        return LoudAppliance(self, role, **more)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
            file.write(text.encode() if isinstance(text, str) else text)
        return path

    def text(self, path):
        with open(path) as file:
            return file.read()

    def sign_in(self, port, password):
        request = urllib.request.Request(f"https://localhost:{port}/api/v1/status" if port else "")
        request.add_header("Authorization", "Basic " + base64.b64encode(f"administrator:{password}".encode()).decode())
        try:
            with urllib.request.urlopen(request, context=ssl._create_unverified_context(), timeout=20) as reply:
                return reply.status
        except urllib.error.HTTPError as error:
            return error.code

    def assert_nowhere(self, secrets, places):
        """No spelling of any secret in any place ({name: bytes})."""
        hits = [f"{what} in {name}" for name, content in places.items() for spelling, what in secrets.items() if spelling in content]
        self.assertEqual([], hits)

    def processes_of(self, *appliances):
        places = {}
        for appliance in appliances:
            for program, process in appliance.processes.items():
                for name in ("cmdline", "environ"):
                    with open(f"/proc/{process.pid}/{name}", "rb") as file:
                        places[f"{name} of {program}"] = file.read()
        return places

    def test_no_secret_is_found_where_it_does_not_belong(self):
        primary = self.appliance("primary", name="primary.test")
        # init with a given password prints none of it.
        given = self.appliance("single", name="given.test")
        again = os.path.join(self.folder, "given")
        password_file = self.write("password", MARK_PASSWORD + "\n")
        chosen = run(os.path.join(BIN, "chancery"), "--state", again, "--json", "init", "--role", "primary", "--name", "other.test",
                     "--administrator-password-file", password_file)
        self.assertEqual(0, chosen.returncode, chosen)
        primary.start()
        secondary = self.appliance("secondary", name="secondary.test")
        # Joining.
        made = primary.cli("federation", "token", "--role", "engine", "--name", "secondary.test", "--san", "localhost", "--san", "127.0.0.1", meant=True)
        self.assertEqual(0, made.code, made)
        token = made.out.strip()
        wrong = self.write("wrong-token", token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB"))
        join = ["federation", "join", "--primary", f"127.0.0.1:{primary.join}", "--token-file"]
        self.assertEqual(1, secondary.cli(*join, wrong).code)
        done = secondary.cli(*join, self.write("token", token + "\n"))
        self.assertEqual(0, done.code, done)
        secondary.cli(*join, os.path.join(self.folder, "token"))  # again: whatever it says, it says it without the token
        secondary.start()
        await_condition(lambda: "heartbeat accepted" in secondary.log("engine"), "the first heartbeat")
        collector = self.collector(secondary, primary)
        collector.await_connected()
        # Replacing, by a key under a passphrase, and by everything that fails.
        pki, others = self.pki(), self.pki(name="others")
        leaf, stranger = pki.leaf(["primary.test", "localhost"]), others.leaf(["primary.test", "localhost"])
        passphrase = self.write("passphrase", MARK_PASSPHRASE + "\n")
        wrong_phrase = self.write("wrong-passphrase", "Marker-Wrong-Passphrase-11aa\n")
        locked = pki.path("locked.key")
        must("openssl", "pkcs8", "-topk8", "-in", pki.path(leaf + ".key"), "-out", locked, "-passout", "file:" + passphrase)
        files = ["--certificate", pki.path(leaf + ".crt"), "--key", locked, "--intermediate", pki.intermediates, "--also-trust", pki.root]
        before, served = primary.in_force(), served_chain(primary.portal)
        refused = [
            [*files],
            [*files, "--passphrase-file", wrong_phrase],
            ["--certificate", pki.path(leaf + ".crt"), "--key", others.path(stranger + ".key"), "--intermediate", pki.intermediates],
            ["--certificate", pki.path(leaf + ".key"), "--key", pki.path(leaf + ".key")],
            ["--certificate", pki.path(leaf + ".crt"), "--key", self.write("cut.key", self.text(pki.path(leaf + ".key"))[:150])],
            ["--certificate", pki.path(leaf + ".crt"), "--key", self.write("odd.key", "text before " + self.text(pki.path(leaf + ".key")).replace("PRIVATE", "PRIVAT"))],
            ["--certificate", pki.path(leaf + ".crt"), "--key", pki.path(leaf + ".key"), "--intermediate", pki.path(leaf + ".key")],
        ]
        for arguments in refused:
            for form in ([], ["--json"]):
                done = primary.cli(*form, "cert", "replace", *arguments)
                self.assertEqual(1, done.code, done)
        for arguments in (["trust", "append", pki.path(leaf + ".key")], ["cert", "show", pki.path(leaf + ".key")], ["cert", "show", locked],
                          ["cert", "check", "--certificate", pki.path(leaf + ".key")], ["backup", "restore", token[:40]],
                          ["generation", "purge", "--key", "00" * 32]):
            primary.cli(*arguments)
        self.assertEqual(before, primary.in_force())
        self.assertEqual(served, served_chain(primary.portal))
        done = primary.cli("cert", "replace", *files, "--passphrase-file", passphrase)
        self.assertEqual(0, done.code, done)
        self.assertEqual(pki.sent(leaf), served_chain(primary.portal))
        done = primary.cli("cert", "replace", *files, "--passphrase-env", "MARKER", "--dry-run", env={"MARKER": MARK_PASSPHRASE})
        self.assertEqual(0, done.code, done)
        custom_key = primary.file("identities/portal/key.pem")
        secrets = key_spellings(custom_key, "the replaced portal's key")
        secrets.update(key_spellings(pki.path(leaf + ".key"), "the administrator's key file"))
        with open(primary.file("identities/portal/keystore.password"), "rb") as file:
            secrets[file.read().strip()] = "the password of the PKCS#12 file"
        self.assertEqual(0, primary.cli("backup", "restore", primary.json("backup", "list")["sets"][0]["id"]).code)
        done = primary.cli("cert", "csr", "portal")
        self.assertEqual(0, done.code, done)
        for arguments in (["status"], ["cert", "list"], ["doctor"], ["backup", "list"], ["generation", "list"], ["federation", "list"],
                          ["federation", "tokens", "list"], ["cert", "show", "portal"], ["trust", "list"]):
            for form in ([], ["--json"]):
                primary.cli(*form, *arguments)
                secondary.cli(*form, *arguments)
        # Signing in, rightly and wrongly.
        self.assertEqual(200, self.sign_in(primary.console, primary.password()))
        self.assertEqual(401, self.sign_in(primary.console, "Marker-Wrong-Password-22bb"))

        for appliance in (primary, secondary):
            for folder, _, names in os.walk(appliance.state):
                for name in names:
                    path = os.path.join(folder, name)
                    if name in ("key.pem", "root.key", "issuing.key", "repair.key") and os.path.getsize(path) > 0:
                        secrets.update(key_spellings(path, os.path.relpath(path, self.folder)))
                    elif name in ("customer.key", "generation.key"):
                        with open(path, "rb") as file:
                            secrets.update(spellings(file.read(), os.path.relpath(path, self.folder)))
            secrets[appliance.password().encode()] = "the administrator's password"
        body = token.split(".")[-1]
        secrets.update({MARK_PASSPHRASE.encode(): "the passphrase", MARK_PASSWORD.encode(): "the chosen password",
                        b"Marker-Wrong-Passphrase-11aa": "a wrong passphrase", b"Marker-Wrong-Password-22bb": "a wrong password",
                        token.encode(): "the token", body[-40:].encode(): "the token's end", body[:40].encode(): "the token's beginning"})
        credential = base64.b64encode(f"administrator:{primary.password()}".encode())
        secrets[credential.rstrip(b"=")] = "the password as HTTP carries it"
        self.assertGreater(len(secrets), 200)

        places = {f"log of {a.role}'s {p}": a.log(p).encode("utf-8", "surrogateescape") for a in (primary, secondary) for p in a.logs}
        for name, content in places.items():
            self.assertTrue(content, f"{name} is empty")
        places["log of the collector"] = collector.log().encode()
        for appliance in (primary, secondary, given):
            for arguments, done in appliance.printed:
                places[f"{appliance.role}: chancery {' '.join(map(str, arguments))}"] = (done.out + done.err).encode("utf-8", "surrogateescape")
        places["init with a chosen password"] = chosen.stdout + chosen.stderr
        places.update(self.processes_of(primary, secondary))
        with open(f"/proc/{collector.process.pid}/cmdline", "rb") as file:
            places["cmdline of the collector"] = file.read()
        # What anybody may read in the state: manifests, journals, certificates, settings.
        for appliance in (primary, secondary):
            for folder, _, names in os.walk(appliance.state):
                for name in names:
                    path = os.path.join(folder, name)
                    if os.path.isfile(path) and not os.path.islink(path) and os.stat(path).st_mode & 0o077:
                        with open(path, "rb") as file:
                            places["readable file " + os.path.relpath(path, appliance.state)] = file.read()
        self.assert_nowhere(secrets, places)
        # The search itself finds what is there.
        with self.assertRaises(AssertionError):
            self.assert_nowhere(secrets, {"the key itself": self.text(pki.path(leaf + ".key")).encode()})
        with self.assertRaises(AssertionError):
            self.assert_nowhere(secrets, {"what federation token prints": made.out.encode()})

    def test_a_waiting_command_shows_no_secret(self):
        """What a person's `ps` and /proc show while a command has the passphrase and waits for the certificate on stdin."""
        single = self.appliance("single")
        passphrase = self.write("passphrase", MARK_PASSPHRASE)
        process = subprocess.Popen([os.path.join(BIN, "chancery"), "--state", single.state, "cert", "check", "--certificate", "-", "--passphrase-file", passphrase],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.processes.append(process)
        def sleeps():
            with open(f"/proc/{process.pid}/stat") as file:
                return ") S " in file.read()

        await_condition(sleeps, "it waits for stdin")
        for name in ("cmdline", "environ"):
            with open(f"/proc/{process.pid}/{name}", "rb") as file:
                self.assertNotIn(MARK_PASSPHRASE.encode(), file.read())
        out, err = process.communicate(b"no certificate\n", timeout=30)
        self.assertNotEqual(0, process.returncode)
        self.assertNotIn(MARK_PASSPHRASE.encode(), out + err)


if __name__ == "__main__":
    unittest.main()
