"""The backup of a whole appliance (C13, threat 50): the primary is deleted and comes back from one encrypted file; its members
and collectors notice nothing but a pause. What was altered, cut or made by somebody else is refused, and nothing is written."""
import json
import os
import re
import shutil
import sqlite3
import stat
import unittest

from harness import BIN, SystemTest, await_condition, must, run, served_chain


class Recovery(SystemTest):
    def backup(self, appliance, name="backup.bin"):
        self.passphrase = os.path.join(self.folder, "passphrase")
        with open(os.open(self.passphrase, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write("correct horse battery staple\n")
        output = os.path.join(self.folder, name)
        done = appliance.cli("--json", "backup", "appliance", "--output", output, "--passphrase-file", self.passphrase)
        self.assertEqual(0, done.code, done)
        self.assertEqual(0o600, stat.S_IMODE(os.stat(output).st_mode))
        return output, done.json()

    def rebuild(self, appliance, output, *more):
        return appliance.cli("--json", "init", "--from", output, "--passphrase-file", self.passphrase, *more)

    def records(self, appliance):
        return appliance.json("audit", "show", "--limit", "1000")["records"]

    def revoked(self, appliance):
        text = must("openssl", "crl", "-in", appliance.file("trust/federation/crl.pem"), "-noout", "-text")
        return sorted(re.findall(r"Serial Number: (\w+)", text))

    def token(self, primary, name):
        path = os.path.join(self.folder, name + ".token")
        done = primary.cli("federation", "token", "--role", "engine", "--name", name, "--san", "localhost", "--san", "127.0.0.1")
        self.assertEqual(0, done.code, done)
        with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write(done.out)
        return path


def picture(state):
    """Owner, group, mode and bytes of everything below a state that does not change by being looked at."""
    seen = {}
    for folder, folders, files in os.walk(state):
        for name in folders + files:
            path = os.path.join(folder, name)
            relative = os.path.relpath(path, state)
            status = os.lstat(path)
            if relative.split("/")[0] in ("run", "lock") or relative.endswith(("-wal", "-shm")):
                continue
            if relative.startswith(("audit/", "databases/", "authority/authority.db")) or relative in ("generations/last",):
                content = None
            elif stat.S_ISREG(status.st_mode):
                with open(path, "rb") as file:
                    content = file.read()
            else:
                content = os.readlink(path) if stat.S_ISLNK(status.st_mode) else None
            seen[relative] = (status.st_uid, status.st_gid, oct(status.st_mode), content)
    return seen


class Primary(Recovery):
    def test_the_primary_is_deleted_and_comes_back(self):
        primary, secondary = self.federation()
        collector = self.collector(secondary, primary)
        collector.await_connected()
        early = self.token(primary, "early.test")
        self.token(primary, "late.test")
        self.assertEqual(0, primary.cli("profile", "set", "strict", "--minimum-protocol", "TLSv1.3").code)
        third = self.appliance("secondary", name="third.test")
        done = third.cli("federation", "join", "--primary", f"127.0.0.1:{primary.join}", "--token-file", self.token(primary, "third.test"))
        self.assertEqual(0, done.code, done)
        portal = served_chain(primary.portal)
        members = primary.json("federation", "list")["members"]

        output, told = self.backup(primary)
        with open(output, "rb") as file:
            sealed = file.read()
        for secret in (b"BEGIN", b"generations", b"primary.test", primary.password().encode()):
            self.assertNotIn(secret, sealed)
        verified = primary.json("backup", "verify", output, "--passphrase-file", self.passphrase)
        self.assertTrue(verified["verified"])
        self.assertEqual((told["files"], told["bytes"], told["audit_record"]), (verified["files"], verified["bytes"], verified["audit_record"]))
        # Joins are told to the audit by another process, which may come after it.
        self.assertIn("backup-appliance", [record["verb"] for record in self.records(primary)[-3:]])
        self.assertEqual([], [n for n in os.listdir(primary.state) if n.startswith(".")])

        # After the backup: changes and a join that it does not know.
        for name in ("lost-1", "lost-2"):
            self.assertEqual(0, primary.cli("profile", "set", name, "--minimum-protocol", "TLSv1.3").code)
        self.assertEqual(0, primary.cli("federation", "remove", "third.test").code)
        await_condition(lambda: os.path.exists(secondary.file("trust/federation/crl.pem")), "the secondary knows who was removed")
        revoked = self.revoked(secondary)
        self.assertTrue(revoked)
        last = self.records(primary)[-1]["number"]
        await_condition(lambda: (primary.cli("--json", "audit", "verify").json()["confirmed"] or {}).get("record") == last,
                        "the secondary holds the newest head")
        generation = int(primary.generation().split("/")[1])
        before = picture(primary.state)
        primary.stop()
        shutil.rmtree(primary.state)
        await_condition(lambda: "failed" in secondary.log("engine"), "the secondary misses its portal")

        planned = self.rebuild(primary, output, "--dry-run")
        self.assertEqual("planned", planned.json()["outcome"], planned)
        self.assertFalse(os.path.exists(primary.state))
        done = self.rebuild(primary, output)
        self.assertEqual(0, done.code, done)
        self.assertEqual(2, done.json()["tokens_revoked"])
        rebuilt = picture(primary.state)
        for path, entry in rebuilt.items():
            if path in before and not re.match(r"current|backups/|generations/0+\d+$", path):
                self.assertEqual(before[path], entry, path)
        self.assertEqual(generation - 3, int(primary.generation().split("/")[1]))
        primary.start()

        # Members and collectors come back by themselves.
        self.assertEqual(portal, served_chain(primary.portal))
        beats = secondary.log("engine").count("heartbeat accepted")
        await_condition(lambda: secondary.log("engine").count("heartbeat accepted") > beats, "heartbeats are accepted again",
                        patience=90)  # an engine that has missed its portal for long asks less often
        self.assertEqual([m["name"] for m in members], [m["name"] for m in primary.json("federation", "list")["members"]])
        self.assertTrue(collector.status().get("connected"), collector.log())
        again = self.collector(secondary, primary, name="another")
        again.await_connected()

        # Who was removed after the backup stays out: members keep the newer list that they have.
        asked = primary.log("authority").count(" request from ")
        await_condition(lambda: primary.log("authority").count(" request from ") >= asked + 2, "the secondary has asked for the list twice")
        self.assertEqual(revoked, self.revoked(secondary))

        # Renewals and joins work; numbers go on higher than any before; open tokens are good for nothing.
        done = secondary.cli("--json", "federation", "renew")
        self.assertEqual(0, done.code, done)
        refused = self.appliance("secondary", name="early.test")
        done = refused.cli("federation", "join", "--primary", f"127.0.0.1:{primary.join}", "--token-file", early)
        self.assertEqual(1, done.code, done)
        done = refused.cli("federation", "join", "--primary", f"127.0.0.1:{primary.join}", "--token-file", self.token(primary, "early.test"))
        self.assertEqual(0, done.code, done)
        self.assertEqual(0, primary.cli("profile", "set", "new", "--minimum-protocol", "TLSv1.3").code)
        self.assertGreater(int(primary.generation().split("/")[1]), generation)
        self.assertEqual(0, int(primary.generation().split("/")[1]) // 1000 - 1)
        done = primary.cli("federation", "remove", "secondary.test")
        self.assertEqual(0, done.code, done)
        text = must("openssl", "crl", "-in", primary.file("trust/federation/crl.pem"), "-noout", "-crlnumber")
        self.assertGreater(int(text.strip().split("=")[1], 16), 1_700_000_000, text)

        # The audit goes on, and the heads that the secondary holds tell exactly what was lost.
        records = self.records(primary)
        numbers = [r["number"] for r in records]
        rebuild = [r for r in records if r["kind"] == "rebuild"]
        self.assertEqual([1_000_000], [r["number"] for r in rebuild])
        self.assertEqual(told["audit_record"], max(n for n in numbers if n < 1_000_000))
        self.assertEqual(told["audit_record"], rebuild[0]["arguments"]["last_record"])

    def test_the_heads_of_peers_tell_what_was_lost(self):
        primary, secondary = self.federation()
        output, told = self.backup(primary)
        for name in ("lost-1", "lost-2", "lost-3"):
            self.assertEqual(0, primary.cli("profile", "set", name, "--minimum-protocol", "TLSv1.3").code)
        last = self.records(primary)[-1]["number"]
        self.assertEqual(told["audit_record"] + 3, last)
        await_condition(lambda: (primary.cli("--json", "audit", "verify").json()["confirmed"] or {}).get("record") == last,
                        "the secondary holds the newest head")
        primary.stop()
        shutil.rmtree(primary.state)
        self.assertEqual(0, self.rebuild(primary, output).code)
        primary.start()
        self.assertEqual(0, primary.cli("profile", "set", "new", "--minimum-protocol", "TLSv1.3").code)

        def told_of_loss():
            verdict = primary.cli("--json", "audit", "verify")
            document = verdict.json()
            lost = [f for f in document["findings"] if f["code"] == "lost-by-rebuild"]
            return (verdict.code, document["verdict"], lost) if lost and (document["confirmed"] or {}).get("record", 0) > 1_000_000 else None

        code, verdict, lost = await_condition(told_of_loss, "the secondary is asked, and holds what is new as well")
        self.assertEqual((0, "warn"), (code, verdict))
        self.assertEqual(told["audit_record"] + 1, lost[0]["record"])
        self.assertIn(f"{told['audit_record'] + 1} to {last} (3)", lost[0]["message"])
        self.assertNotIn("audit of", secondary.cli("doctor").out)


class Refusals(Recovery):
    def test_what_is_not_right_is_refused_and_nothing_is_written(self):
        single = self.appliance("single")
        output, _ = self.backup(single)
        there = single.in_force()
        self.assertEqual("already-initialised", self.rebuild(single, output).json()["error"]["code"])
        self.assertEqual(there, single.in_force())
        done = single.cli("init", "--from", output, "--passphrase-file", self.passphrase, "--role", "single")
        self.assertEqual(2, done.code, done)
        done = single.cli("--json", "backup", "appliance", "--output", output, "--passphrase-file", self.passphrase)
        self.assertEqual("already-exists", done.json()["error"]["code"])

        target = os.path.join(self.folder, "elsewhere")
        with open(output, "rb") as file:
            good = file.read()
        wrong = os.path.join(self.folder, "wrong")
        with open(wrong, "w") as file:
            file.write("another passphrase")
        broken = os.path.join(self.folder, "broken")

        def refuses(data, passphrase=self.passphrase):
            with open(broken, "wb") as file:
                file.write(data)
            listing = sorted(os.listdir(self.folder))
            for command in (["init", "--from", broken], ["init", "--from", broken, "--dry-run"], ["backup", "verify", broken]):
                done = run(os.path.join(BIN, "chancery"), "--state", target, "--json", *command, "--passphrase-file", passphrase)
                self.assertEqual(1, done.returncode, done)
                self.assertIn(json.loads(done.stdout)["error"]["code"], ("passphrase-wrong", "backup-damaged", "not-initialised"), done)
            self.assertEqual(listing, sorted(os.listdir(self.folder)))
            self.assertFalse(os.path.exists(target))

        refuses(good, wrong)
        for size in (0, 5, 8, 40, 56, 100, len(good) // 2, len(good) - 1):
            with self.subTest(cut=size):
                refuses(good[:size])
        for at in (0, 9, 20, 40, 60, len(good) // 3, len(good) - 5):
            with self.subTest(flipped=at):
                refuses(good[:at] + bytes([good[at] ^ 1]) + good[at + 1:])
        refuses(good + b"x")
        done = run(os.path.join(BIN, "chancery"), "--state", target, "--json", "init", "--from", output, "--passphrase-file", self.passphrase)
        self.assertEqual(0, done.returncode, done)

    def test_what_lies_on_a_server_is_named(self):
        """The register on PostgreSQL is the server's to back up: it is neither read nor changed."""
        primary = self.appliance("primary")
        with open(os.path.join(primary.state, "settings", "authority.toml"), "w") as file:
            file.write('storage = "postgresql://chancery@db.example.com/federation?sslmode=verify-full"\n')
        output, told = self.backup(primary)
        self.assertEqual(["register of the authority: postgresql://chancery@db.example.com:5432/federation"], told["outside"])
        self.assertIn("is not in this file", primary.cli("backup", "appliance", "--output", output + "2", "--passphrase-file", self.passphrase).err)
        shutil.rmtree(primary.state)
        done = self.rebuild(primary, output)
        self.assertEqual((0, told["outside"], 0), (done.code, done.json()["outside"], done.json()["tokens_revoked"]), done)

    def test_killed_at_any_step_there_is_no_appliance_or_the_whole(self):
        single = self.appliance("single")
        output, _ = self.backup(single)
        whole = picture(single.state)
        target = os.path.join(self.folder, "target")
        command = [os.path.join(BIN, "chancery"), "--state", target, "init", "--from", output, "--passphrase-file", self.passphrase]
        endings = set()
        for call, points in (("openat", (60, 140)), ("write", (90,)), ("mkdirat", (4,)), ("renameat", (1, 3, 5)), ("fsync", (1, 8)), ("syncfs", (1,))):
            for point in points:
                with self.subTest(call=call, point=point):
                    shutil.rmtree(target, ignore_errors=True)
                    run("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={point}", *command)
                    landed = os.path.exists(target)
                    endings.add(landed)
                    if not landed:
                        must(*command)
                    rebuilt = picture(target)
                    self.assertEqual({p: e for p, e in whole.items() if p not in ("generations/last",)},
                                     {p: e for p, e in rebuilt.items() if p in whole and p != "generations/last"})
                    # What killed attempts built beside is gone with the next one.
                    if not landed:
                        self.assertEqual([], [n for n in os.listdir(self.folder) if n.startswith("target.init-")])
        self.assertIn(False, endings)
        shutil.rmtree(target)
        os.makedirs(os.path.join(target, "settings"))
        must(*command)  # into a folder that is there, with settings laid out before
        self.assertEqual(set(whole), {p for p in picture(target) if p in whole})

    def test_a_backup_while_it_is_written_to(self):
        """Consistent while programs write and changes are made: every backup taken is whole and can be started."""
        single = self.appliance("single").start()
        import threading
        stop, made = threading.Event(), []

        def change():
            count = 0
            while not stop.is_set():
                count += 1
                made.append(single.cli("profile", "set", f"p{count}", "--minimum-protocol", "TLSv1.3").code)

        worker = threading.Thread(target=change)
        worker.start()
        try:
            outputs = [self.backup(single, f"backup-{n}.bin")[0] for n in range(3)]
            # One that is slow: what is changed meanwhile is in all of its parts or in none.
            slow = os.path.join(self.folder, "slow.bin")
            count = len(made)
            must("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=openat", "-e", "inject=openat:delay_enter=4000", os.path.join(BIN, "chancery"),
                 "--state", single.state, "backup", "appliance", "--output", slow, "--passphrase-file", self.passphrase)
            await_condition(lambda: len(made) > count + 2, "changes go on")
            outputs.append(slow)
        finally:
            stop.set()
            worker.join()
        self.assertEqual({0}, set(made))
        single.stop()
        for output in outputs:
            target = output + ".state"
            must(os.path.join(BIN, "chancery"), "--state", target, "init", "--from", output, "--passphrase-file", self.passphrase)
            for name in ("authority/authority.db", "audit/audit.db", "databases/portal.db"):
                with sqlite3.connect(os.path.join(target, name)) as database:
                    self.assertEqual([("ok",)], database.execute("PRAGMA integrity_check").fetchall(), name)
                database.close()
            self.assertEqual(0, run(os.path.join(BIN, "chancery"), "--state", target, "audit", "verify").returncode)
            self.assertFalse(os.path.exists(os.path.join(target, "change.json")))
            self.assertLess(run(os.path.join(BIN, "chancery"), "--state", target, "doctor").returncode, 2)
            profiles = json.loads(must(os.path.join(BIN, "chancery"), "--state", target, "--json", "profile", "list"))["profiles"]
            told = json.loads(must(os.path.join(BIN, "chancery"), "--state", target, "--json", "audit", "show", "--verb", "profile-set", "--limit", "1000"))
            self.assertEqual(len([r for r in told["records"] if r["outcome"] == "done"]), len([p for p in profiles if re.fullmatch(r"p\d+", p["name"])]))


if __name__ == "__main__":
    unittest.main()
