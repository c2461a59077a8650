"""The audit (C12): one record for each change and sign-in, however it ends, and every way of tampering with the database is
found: by what the appliance itself holds, or by the heads that its peers hold."""
import base64
import hashlib
import json
import os
import re
import shutil
import sqlite3
import ssl
import stat
import struct
import subprocess
import unittest
import urllib.error
import urllib.request

from harness import BIN, SystemTest, await_condition, must, run


def records_of(appliance, *filters):
    return appliance.json("audit", "show", "--limit", "10000", *filters)["records"]


def verdict_of(appliance):
    done = appliance.cli("--json", "audit", "verify")
    document = done.json()
    assert done.code == (1 if document["verdict"] == "broken" else 0), done
    return document


def findings_of(appliance):
    return [(f["code"], f["record"]) for f in verdict_of(appliance)["findings"] if f["severity"] != "info"]


def database_of(appliance):
    return os.path.join(appliance.state, "audit", "audit.db")


def sql(appliance, statements):
    with sqlite3.connect(database_of(appliance)) as database:
        database.executescript(statements)
    database.close()


class Forger:
    """Somebody with root: writes chains and heads by the words of the headers record.h and head.h alone."""

    def __init__(self, appliance):
        self.appliance = appliance
        self.key = os.path.join(appliance.state, "secrets", "audit.key")

    def hash(self, number, previous, fields):
        time, kind, who, verb, arguments, before, after, outcome, code, leaves, change = fields
        message = b"chancery-audit-record-1" + struct.pack(">q", number) + previous + struct.pack(">qqq", time, before, after)
        for text in (kind, who, verb, arguments, outcome, code, leaves, change):
            message += struct.pack(">I", len(text.encode())) + text.encode()
        return hashlib.sha256(message).digest()

    def chain_anew(self, edit):
        """Every record through edit(number, who), with hashes and a head that fit."""
        with sqlite3.connect(database_of(self.appliance)) as database:
            rows = database.execute("SELECT number, time, kind, who, verb, arguments, from_generation, to_generation, outcome, code, "
                                    "leaves, change FROM records ORDER BY number").fetchall()
            database.execute("DELETE FROM records")
            previous = bytes(32)
            for row in rows:
                fields = list(row[1:])
                fields[2] = edit(row[0], fields[2])
                if fields[2] is None:
                    break
                digest = self.hash(row[0], previous, fields)
                database.execute("INSERT INTO records VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)", (row[0], *fields, previous, digest))
                last, previous = (row[0], digest, fields[0]), digest
            database.execute("UPDATE head SET number=?, hash=?, time=?, signature=?", (*last, self.signature(*last)))
        database.close()

    def signature(self, number, digest, time):
        public = subprocess.run(["openssl", "pkey", "-in", self.key, "-pubout", "-outform", "DER"], stdout=subprocess.PIPE, check=True).stdout
        name = self.appliance.name.encode()
        message = (b"chancery-audit-head-1" + struct.pack(">H", len(name)) + name + struct.pack(">q", number) + digest +
                   struct.pack(">q", time) + struct.pack(">H", len(public)) + public)
        path = os.path.join(self.appliance.test.folder, "head.bin")
        with open(path, "wb") as file:
            file.write(message)
        return subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.key, "-in", path], stdout=subprocess.PIPE, check=True).stdout


class Records(SystemTest):
    def test_every_change_leaves_one_record(self):
        single = self.appliance("single")
        pki = self.pki()
        leaf = pki.leaf(["appliance.test", "localhost"])
        records = records_of(single)
        self.assertEqual([("change", "init", "done", {"from": 0, "to": 1})],
                         [(r["kind"], r["verb"], r["outcome"], r["generation"]) for r in records])
        before = single.json("cert", "show", "portal")["certificate"]["sha256"]

        def one(verb, outcome, *command, code=None, exits=0):
            """Runs a command and sees exactly one new record."""
            count = len(records_of(single))
            done = single.cli(*command)
            self.assertEqual(exits, done.code, done)
            new = records_of(single)[count:]
            self.assertEqual([(verb, outcome, code)], [(r["verb"], r["outcome"], r["code"]) for r in new], command)
            self.assertRegex(new[0]["who"], r"^\S+ \(uid \d+")
            return new[0]

        def none(*command, exits=0):
            count = len(records_of(single))
            done = single.cli(*command)
            self.assertEqual(exits, done.code, done)
            self.assertEqual(count, len(records_of(single)), command)

        done = one("cert-replace", "done", "cert", "replace", *pki.files(leaf))
        self.assertEqual({"from": 1, "to": 2}, done["generation"])
        portal = [l for l in done["leaves"] if l["identity"] == "portal"][0]
        self.assertEqual((before, pki.sent(leaf)[0]), (portal["before"], portal["after"]))
        self.assertIn(leaf + ".crt", json.dumps(done["arguments"]))
        refused = one("cert-replace", "refused", "cert", "replace", "--certificate", pki.path(leaf + ".crt"), "--key", pki.path("root.key"),
                      code="key-mismatch", exits=1)
        self.assertEqual({"from": 2, "to": 2}, refused["generation"])
        none("cert", "replace", *pki.files(leaf), "--dry-run")
        none("cert", "replace", *pki.files(leaf))  # unchanged
        none("cert", "list")
        one("cert-reset", "done", "cert", "reset", "portal")
        backup = single.json("backup", "list")["sets"][-1]["id"]
        one("backup-restore", "done", "backup", "restore", backup)
        one("generation-rollback", "done", "generation", "rollback", "2")
        one("profile-set", "done", "profile", "set", "strict", "--minimum-protocol", "TLSv1.3")
        one("cert-csr", "done", "cert", "csr", "portal")
        one("trust-append", "done", "trust", "append", pki.root)
        one("trust-append", "done", "trust", "append", pki.root, "--store", "portal")
        one("federation-token", "done", "federation", "token", "--role", "engine", "--name", "e.test")
        token = single.json("federation", "tokens", "list")["tokens"][0]["id"]
        one("federation-tokens-revoke", "done", "federation", "tokens", "revoke", token)
        one("federation-renew", "done", "federation", "renew")
        exported = os.path.join(self.folder, "set.bin")
        one("backup-export", "done", "backup", "export", backup, "--output", exported)
        one("backup-prune", "done", "backup", "prune", "--keep", "2")
        one("backup-import", "done", "backup", "import", exported)
        csr = os.path.join(self.folder, "client.csr")
        must("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", csr + ".key", "-subj", "/CN=x", "-out", csr)
        signed = one("authority-sign", "done", "authority", "sign", csr, "--purpose", "client", "--san", "client.test")
        self.assertEqual("issued", signed["leaves"][0]["identity"])
        one("generation-purge", "refused", "generation", "purge", "--key", single.json("cert", "show", "portal")["certificate"]["sha256"],
            code="in-use", exits=1)
        one("federation-remove", "refused", "federation", "remove", "nobody.test", code="unknown-member", exits=1)
        keystore = os.path.join(single.state, "current", "trust/portal/cacerts")
        must(os.path.join(BIN, "chancery"), "--state", single.state, "keystore", "import", "--alias", "x", "--file", pki.path("intermediate1.crt"),
             "--keystore", keystore, "--storepass", "changeit")
        self.assertEqual("keystore-put", records_of(single)[-1]["verb"])

        self.assertEqual("intact", verdict_of(single)["verdict"])
        numbers = [r["number"] for r in records_of(single)]
        self.assertEqual(list(range(1, len(numbers) + 1)), numbers)
        # Filters, and people's view.
        self.assertEqual(["cert-replace"] * 2, [r["verb"] for r in records_of(single, "--verb", "cert-replace")])
        self.assertEqual(numbers[-2:], [r["number"] for r in records_of(single, "--after", str(numbers[-3]))])
        self.assertEqual([], records_of(single, "--until", "2020-01-01"))
        self.assertEqual(numbers, [r["number"] for r in records_of(single, "--since", "1h")])
        self.assertRegex(single.cli("audit", "show", "--outcome", "refused").out, r"root +cert-replace +2 +refused key-m")
        self.assertIn(pki.sent(leaf)[0], single.cli("audit", "show", "--full").out)
        # Root's alone, and the database's folder is no program's.
        for path, mode in (("audit", 0o700), ("audit/audit.db", 0o600), ("secrets/audit.key", 0o600)):
            status = os.stat(os.path.join(single.state, path))
            self.assertEqual((mode, os.geteuid()), (stat.S_IMODE(status.st_mode), status.st_uid), path)

    def test_no_secret_is_in_it(self):
        single = self.appliance("single")
        marker = "marker-5ecret-passphrase"
        pki = self.pki()
        leaf = pki.leaf(["appliance.test", "localhost"])
        passphrase = os.path.join(self.folder, "passphrase")
        with open(passphrase, "w") as file:
            file.write(marker)
        must("openssl", "pkcs12", "-export", "-in", pki.path(leaf + ".crt"), "-inkey", pki.path(leaf + ".key"), "-certfile", pki.intermediates,
             "-passout", "pass:" + marker, "-out", pki.path("leaf.p12"))
        done = single.cli("cert", "replace", "--certificate", pki.path("leaf.p12"), "--also-trust", pki.root, "--passphrase-file", passphrase)
        self.assertEqual(0, done.code, done)
        token = single.cli("federation", "token", "--role", "engine", "--name", "e.test").out.strip()
        exported = os.path.join(self.folder, "set.bin")
        self.assertEqual(0, single.cli("backup", "export", single.json("backup", "list")["sets"][0]["id"], "--output", exported, "--passphrase-file", passphrase).code)
        self.assertEqual("(given)", records_of(single)[-1]["arguments"]["passphrase"])
        with open(pki.path(leaf + ".key")) as file:
            key = "".join(file.read().splitlines()[1:-1])
        held = b""
        for name in os.listdir(os.path.join(single.state, "audit")):
            with open(os.path.join(single.state, "audit", name), "rb") as file:
                held += file.read()
        for secret in (marker, token, key[:40], base64.b64decode(key)[-40:], hashlib.sha256(marker.encode()).hexdigest()):
            self.assertNotIn(secret if isinstance(secret, bytes) else secret.encode(), held)

    def test_sign_ins(self):
        single = self.appliance("single").start()

        def ask(port, password, path="/api/v1/status"):
            context = ssl.create_default_context(cafile=single.root())
            request = urllib.request.Request(f"https://localhost:{port}{path}", headers={
                "Authorization": "Basic " + base64.b64encode(f"administrator:{password}".encode()).decode()})
            try:
                with urllib.request.urlopen(request, context=context, timeout=20) as answer:
                    return answer.status
            except urllib.error.HTTPError as error:
                return error.code

        for _ in range(4):
            self.assertEqual(401, ask(single.console, "marker-wrong-password"))
        for _ in range(3):
            self.assertEqual(200, ask(single.console, single.password()))
        self.assertEqual(200, ask(single.portal, single.password(), "/api/v1/engines"))
        self.assertEqual(200, ask(single.engine_api, single.password(), "/api/v1/devices"))

        def told():
            found = records_of(single, "--kind", "sign-in")
            return found if {("console", "done"), ("console", "refused"), ("portal", "done"), ("engine", "done")} <= {
                (r["arguments"]["program"], r["outcome"]) for r in found} else None

        found = await_condition(told, "all sign-ins are in the audit")
        for program in ("console", "portal", "engine"):
            done = [r for r in found if r["arguments"]["program"] == program and r["outcome"] == "done"]
            self.assertEqual([("administrator", "127.0.0.1", 1)], [(r["who"], r["arguments"]["address"], r["arguments"]["count"]) for r in done])
        single.stop("console")  # tells what is left of the burst
        refused = [r for r in records_of(single, "--kind", "sign-in", "--outcome", "refused")]
        self.assertEqual(4, sum(r["arguments"]["count"] for r in refused))
        self.assertEqual({("administrator", "wrong-password")}, {(r["who"], r["code"]) for r in refused})
        with open(database_of(single), "rb") as file:
            self.assertNotIn(b"marker-wrong-password", file.read())
        self.assertEqual("intact", verdict_of(single)["verdict"])

    def test_others_may_not_write_into_it(self):
        if os.geteuid() != 0:
            self.skipTest("needs root, to be somebody else")
        single = self.appliance("single").start()
        for folder in (self.folder, single.state):
            os.chmod(folder, 0o755)
        for folder in ("run", "run/manager", "settings"):
            os.chmod(os.path.join(single.state, folder), 0o755)
        asking = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", os.path.join(BIN, "chancery"), "--state", single.state, "--json"]
        for _ in range(5):
            done = run(*asking, "cert", "reset", "portal")
            self.assertEqual("permission-denied", json.loads(done.stdout)["error"]["code"], done)
        denied = await_condition(lambda: records_of(single, "--kind", "denied"), "the denied request is in the audit")
        self.assertIn("uid 65534", denied[0]["who"])
        single.stop("manager")
        self.assertEqual(5, sum(r["arguments"]["count"] for r in records_of(single, "--kind", "denied")))


class Killed(SystemTest):
    def test_a_killed_change_leaves_one_record(self):
        """Killed at a spread of its file calls; whoever comes next concludes it, by what is in force."""
        primary = self.appliance("primary")
        pki = self.pki()
        leaves = [pki.leaf(["appliance.test", "localhost"]) for _ in range(2)]
        self.assertEqual(0, primary.cli("cert", "replace", *pki.files(leaves[0])).code)
        command = [os.path.join(BIN, "chancery"), "--state", primary.state, "cert", "replace"]
        log = os.path.join(self.folder, "trace")
        saved = os.path.join(self.folder, "saved")
        shutil.copytree(primary.state, saved, symlinks=True)
        run("strace", "-f", "-qq", "-o", log, "-e", "trace=renameat,fsync,unlinkat,fdatasync", *command, *pki.files(leaves[1]))
        with open(log) as file:
            text = file.read()
        counts = {name: len(re.findall(rf"\b{name}\(", text)) for name in ("renameat", "fsync", "unlinkat", "fdatasync")}
        points = [(name, n) for name, most in counts.items() for n in range(1, most + 1)]
        points = points[::max(1, len(points) // 12)]
        self.assertGreater(len(points), 8, counts)
        outcomes = set()
        for call, point in points:
            with self.subTest(call=call, point=point):
                shutil.rmtree(primary.state)
                shutil.copytree(saved, primary.state, symlinks=True)
                before, generation = records_of(primary, "--verb", "cert-replace"), primary.generation()
                run("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={point}", *command, *pki.files(leaves[1]))
                must(os.path.join(BIN, "chancery-manager"), "--state", primary.state, "--resolve")
                new = records_of(primary, "--verb", "cert-replace")[len(before):]
                moved = primary.generation() != generation
                self.assertLessEqual(len(new), 1, new)
                if moved:
                    self.assertEqual(1, len(new))
                    self.assertEqual("done", new[0]["outcome"])
                    self.assertNotEqual(new[0]["generation"]["from"], new[0]["generation"]["to"])
                elif new:
                    self.assertIn(new[0]["outcome"], ("interrupted", "rolled-back"))
                # Whoever comes after that finds nothing left to conclude.
                must(os.path.join(BIN, "chancery-manager"), "--state", primary.state, "--resolve")
                self.assertEqual(len(before) + len(new), len(records_of(primary, "--verb", "cert-replace")))
                self.assertEqual("intact", verdict_of(primary)["verdict"])
                outcomes.add(new[0]["outcome"] if new else "before the intent")
        self.assertLessEqual({"done", "interrupted"}, outcomes)


class Tampering(SystemTest):
    def test_with_sqlite_on_the_real_database(self):
        """What the appliance alone can find, programs stopped; exit codes are checked by verdict_of."""
        single = self.appliance("single")
        for name in ("a", "b", "c", "d", "e", "f"):
            self.assertEqual(0, single.cli("profile", "set", name, "--minimum-protocol", "TLSv1.3").code)
        saved = os.path.join(self.folder, "audit")
        shutil.copytree(os.path.join(single.state, "audit"), saved)
        self.assertEqual([], findings_of(single))
        generation = single.in_force()
        for what, statements, expected in (
            ("edit", "UPDATE records SET who = 'nobody' WHERE number = 3", [("altered", 3)]),
            ("another outcome", "UPDATE records SET outcome = 'refused' WHERE number = 5", [("altered", 5)]),
            ("deletion in the middle", "DELETE FROM records WHERE number IN (3, 4)", [("missing", 3)]),
            ("reordering", "UPDATE records SET number = -1 WHERE number = 3; UPDATE records SET number = 3 WHERE number = 5; "
                           "UPDATE records SET number = 5 WHERE number = -1", [("reordered", 3), ("reordered", 5)]),
            ("cut end", "DELETE FROM records WHERE number > 5", [("cut-end", 6)]),
            ("cut end with a head that is moved", "DELETE FROM records WHERE number > 5; UPDATE head SET number = 5, hash = "
                                                  "(SELECT hash FROM records WHERE number = 5)", [("head-forged", 5)]),
            ("no head", "DELETE FROM head", [("head-missing", 7)]),
            ("everything", "DELETE FROM records", [("cut-end", 1)]),
        ):
            with self.subTest(what):
                sql(single, statements)
                self.assertEqual(expected, [f for f in findings_of(single) if f[0] != "replaced"])
                self.assertIn("BROKEN", single.cli("audit", "verify").out)
                shutil.rmtree(os.path.join(single.state, "audit"))
                shutil.copytree(saved, os.path.join(single.state, "audit"))
                self.assertEqual([], findings_of(single))
        self.assertEqual(generation, single.in_force())
        with open(database_of(single), "r+b") as file:
            file.seek(0)
            file.write(b"x" * 4096)
        self.assertEqual([("unreadable", None)], findings_of(single))
        shutil.rmtree(os.path.join(single.state, "audit"))
        self.assertEqual([("no-audit", None)], findings_of(single))

    def test_with_the_key_peers_know_better(self):
        """Chain, hashes and signed head are all made anew: only the heads that the other appliance holds show it."""
        primary, secondary = self.federation()
        # What the authority did by itself is taken over from its register.
        joined = await_condition(lambda: records_of(primary, "--verb", "member-joined"), "the join is in the primary's audit")
        self.assertEqual([("member secondary.test", "done")], [(r["who"], r["outcome"]) for r in joined])
        self.assertLessEqual({"member", "engine"}, {leaf["identity"] for leaf in joined[0]["leaves"]})
        self.assertEqual("federation-join", records_of(secondary)[-1]["verb"])
        for appliance in (primary, secondary):
            for name in ("a", "b", "c"):
                self.assertEqual(0, appliance.cli("profile", "set", name, "--minimum-protocol", "TLSv1.3").code)

        def confirmed(appliance):
            verdict = verdict_of(appliance)
            return (verdict["confirmed"] or {}).get("record") == verdict["last"] and verdict["verdict"] == "intact"

        for appliance, peer, program in ((primary, "secondary.test", "portal"), (secondary, "primary.test", "engine")):
            with self.subTest(appliance.name):
                await_condition(lambda: confirmed(appliance), f"{peer} holds the newest head of {appliance.name}: {verdict_of(appliance)}")
                last = verdict_of(appliance)["last"]
                # Else the peer is shown what is forged here, and keeps that as well.
                appliance.stop("manager", program)
                saved = os.path.join(self.folder, appliance.name + "-audit")
                audit = os.path.join(appliance.state, "audit")
                shutil.copytree(audit, saved)

                def back():
                    shutil.rmtree(audit)
                    shutil.copytree(saved, audit)

                Forger(appliance).chain_anew(lambda number, who: "nobody" if number == 2 else who)
                self.assertEqual({"rewritten"}, {f[0] for f in findings_of(appliance)})
                back()
                Forger(appliance).chain_anew(lambda number, who: None if number > last - 2 else who)
                self.assertEqual([("cut-end", last - 1)], findings_of(appliance))
                self.assertIn(peer, appliance.cli("audit", "verify").out)
                # Written on after the cut: the numbers are there again, but the records are others.
                for name in ("x", "y", "z"):
                    self.assertEqual(0, appliance.cli("profile", "set", name, "--minimum-protocol", "TLSv1.3").code)
                self.assertIn("rewritten", {f[0] for f in findings_of(appliance)})
                back()
                self.assertEqual([], findings_of(appliance))
                # The whole log removed, and begun anew under the same key.
                shutil.rmtree(audit)
                self.assertEqual(0, appliance.cli("profile", "set", "w", "--minimum-protocol", "TLSv1.3").code)
                self.assertTrue({"rewritten", "cut-end"} & {f[0] for f in findings_of(appliance)})
                back()
                appliance.start_one("manager")
                appliance.start_one(program)
        # A peer that is away is told, and is no break.
        secondary.stop("engine")
        verdict = verdict_of(primary)
        self.assertEqual("intact", verdict["verdict"])
        self.assertEqual(["peer-silent"], [f["code"] for f in verdict["findings"]])
        secondary.start_one("engine")
        # A new key, endorsed by the one before, is followed.
        self.assertEqual(0, primary.cli("audit", "rotate-key", "--dry-run").code)
        self.assertEqual(0, primary.cli("audit", "rotate-key").code)
        self.assertEqual("audit-rotate-key", records_of(primary)[-1]["verb"])
        await_condition(lambda: confirmed(primary), "heads under the new key are held")
        self.assertNotIn("audit of", secondary.cli("doctor").out)
        # A log that goes back while its heads are shown: the peer notices by itself, and keeps the proof.
        last = verdict_of(secondary)["last"]
        Forger(secondary).chain_anew(lambda number, who: "nobody" if number == 2 else None if number == last else who)
        self.assertEqual(0, secondary.cli("profile", "set", "v", "--minimum-protocol", "TLSv1.3").code)
        await_condition(lambda: "audit of secondary.test" in primary.cli("doctor").out, "the primary's doctor tells")
        self.assertEqual({"rewritten"}, {f[0] for f in findings_of(secondary)})


if __name__ == "__main__":
    unittest.main()
