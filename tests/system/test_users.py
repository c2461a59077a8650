"""Least privilege (threat 40) and "who may do what" of architecture.md: one user a program, the manager as root.

The users must exist while this runs, and their existence changes what `init` by root does. So this file works in a mount
namespace of its own with a copy of /etc; where a namespace is not to be had it makes the users for real and removes them
at the end (ctest runs it alone for that reason).
"""
import datetime
import ctypes
import grp
import json
import os
import pwd
import shutil
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import unittest

import harness
from harness import BIN, PROGRAMS, Appliance, SystemTest, await_condition, must, run, served_chain

USERS = [f"chancery-{program}" for program in ("console", "portal", "engine", "authority")]
SHARED = "chancery-member"  # what portal and engine of a single appliance share
CLONE_NEWNS, MS_BIND, MS_REC, MS_PRIVATE = 0x20000, 0x1000, 0x4000, 0x40000


def own_etc():
    """A private /etc for this process and its children; False where the kernel does not allow it."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0 or libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None) != 0:
        return False
    copy = tempfile.mkdtemp(prefix="chancery-etc-")
    must("cp", "-a", "/etc/.", copy)
    if libc.mount(copy.encode(), b"/etc", None, MS_BIND, None) != 0:
        shutil.rmtree(copy)
        return False
    unittest.addModuleCleanup(shutil.rmtree, copy, True)
    return True


def setUpModule():
    if os.geteuid() != 0:
        raise unittest.SkipTest("making users and changing to them needs root")
    os.umask(0o022)
    if not own_etc():
        unittest.addModuleCleanup(run, "groupdel", SHARED)
        for user in USERS:
            unittest.addModuleCleanup(run, "userdel", user)
    for user in USERS:
        must("useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", user)
    must("groupadd", "--system", SHARED)
    for user in ("chancery-portal", "chancery-engine"):
        must("usermod", "--append", "--groups", SHARED, user)


class SeparateAppliance(Appliance):
    def launcher(self, program):
        if program == "manager":
            return []
        return as_user(f"chancery-{program}")


def as_user(user):
    entry = pwd.getpwnam(user)
    return ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--init-groups", "--no-new-privs", "--bounding-set=-all"]


def ask_manager(appliance, verb, user):
    """One control message as `user`, without the CLI between: what the door itself says."""
    script = f"""
import json, socket, struct, os
os.chdir({os.path.join(appliance.state, 'run', 'manager')!r})
link = socket.socket(socket.AF_UNIX); link.settimeout(10); link.connect("control.sock")
text = json.dumps({{"verb": {verb!r}, "arguments": {{}}}}).encode()
link.sendall(struct.pack(">I", len(text)) + text + struct.pack(">H", 0))
def take(count):
    out = b""
    while len(out) < count:
        piece = link.recv(count - len(out))
        assert piece, "closed"
        out += piece
    return out
print(take(struct.unpack(">I", take(4))[0]).decode())
"""
    return json.loads(must(*as_user(user), sys.executable, "-c", script))


class Users(SystemTest):
    def setUp(self):
        super().setUp()
        os.chmod(self.folder, 0o755)

    def appliance(self, role, **more):
        return SeparateAppliance(self, role, **more)

    def assert_runs_as_its_user(self, appliance):
        for program in PROGRAMS[appliance.role]:
            process = appliance.processes[program]
            with open(f"/proc/{process.pid}/status") as file:
                uids = next(line for line in file if line.startswith("Uid:")).split()[1:]
            self.assertEqual({str(pwd.getpwnam(f"chancery-{program}").pw_uid)}, set(uids), program)
            # Not dumpable (PR_SET_DUMPABLE): the kernel then gives /proc/PID to root, away from the program's own user.
            self.assertEqual(0, os.stat(f"/proc/{process.pid}/environ").st_uid, program)

    def assert_modes(self, appliance):
        """docs/state.md: keys 0640 root:role, folders 0750 root:role, authority/ 0700 its user's, secrets/ root's."""
        keys = 0
        for identity in os.listdir(appliance.file("identities")):
            member = {"primary": "portal", "secondary": "engine", "single": "member"}[appliance.role]
            role = {"member": member, "authority-tls": "authority"}.get(identity, identity.split("-")[0])
            group = grp.getgrnam(f"chancery-{role}").gr_gid
            folder = appliance.file("identities/" + identity)
            at = os.stat(folder)
            self.assertEqual((0o750, 0, group), (stat.S_IMODE(at.st_mode), at.st_uid, at.st_gid), folder)
            for name in ("key.pem", "combined.pem", "keystore.p12", "keystore.password"):
                at = os.stat(os.path.join(folder, name))
                self.assertEqual((0o640, 0, group), (stat.S_IMODE(at.st_mode), at.st_uid, at.st_gid), f"{identity}/{name}")
                keys += 1
        self.assertGreaterEqual(keys, 12)
        for name in os.listdir(appliance.file("defaults")):
            at = os.stat(appliance.file(f"defaults/{name}/key.pem"))
            self.assertEqual((0o600, 0, 0), (stat.S_IMODE(at.st_mode), at.st_uid, at.st_gid))
        at = os.stat(os.path.join(appliance.state, "secrets"))
        self.assertEqual((0o700, 0), (stat.S_IMODE(at.st_mode), at.st_uid))
        self.assertEqual(0, os.stat(os.path.join(appliance.state, "backups")).st_mode & 0o077)

    def assert_unreadable(self, user, *paths):
        for path in paths:
            self.assertTrue(os.path.lexists(path), path)
            reader = "-r" if os.path.isfile(path) else "-x"
            done = run(*as_user(user), "test", reader, path)
            self.assertEqual(1, done.returncode, f"{user} can read {path}")

    def test_a_federation_of_separate_users_serves_and_is_replaced(self):
        primary, secondary = self.federation()
        for appliance in (primary, secondary):
            self.assert_runs_as_its_user(appliance)
            self.assert_modes(appliance)
        collector = self.collector(secondary, primary)
        collector.await_connected()
        await_condition(lambda: "heartbeat accepted" in secondary.log("engine"), "a heartbeat by the engine's user")
        for appliance in (primary, secondary):
            for identity in appliance.json("cert", "list")["identities"]:
                for served in identity["served"]:
                    self.assertTrue(served["ok"], identity)
            self.assertEqual(0, appliance.cli("doctor").code, appliance.cli("doctor"))
        # Replaced, served by the unprivileged programs, and the modes are those of before.
        pki = self.pki()
        for appliance, names, port in ((primary, ["primary.test", "localhost"], primary.portal), (secondary, ["secondary.test", "localhost"], secondary.engine)):
            leaf = pki.leaf(names)
            # The secondary's collector trusts the federation's root alone.
            done = appliance.cli("cert", "replace", *pki.files(leaf), "--accept-breakage", "1")
            self.assertEqual(0, done.code, done)
            self.assertEqual(pki.sent(leaf), served_chain(port))
            self.assertEqual(pki.sent(leaf), served_chain(appliance.console))
            self.assert_modes(appliance)
            backup = appliance.json("backup", "list")["sets"][0]["id"]
            self.assertEqual(0, appliance.cli("backup", "restore", backup).code)
            self.assert_modes(appliance)
            self.assertNotEqual(pki.sent(leaf), served_chain(port))
        self.assert_unreadable("chancery-engine", secondary.file("identities/console/key.pem"), os.path.join(secondary.state, "secrets"),
                               os.path.join(secondary.state, "backups"), secondary.file("defaults/engine"))
        self.assert_unreadable("chancery-engine", primary.file("identities/portal/key.pem"), primary.file("identities/authority-tls/key.pem"),
                               os.path.join(primary.state, "authority"), primary.file("customer-key/customer.key"),
                               os.path.join(primary.state, "databases", "portal.db"))
        for user in ("chancery-portal", "chancery-console", "chancery-engine", "nobody"):
            self.assert_unreadable(user, os.path.join(primary.state, "authority"), os.path.join(primary.state, "secrets"),
                                   primary.file("identities/authority-tls/key.pem"))
        self.assert_unreadable("chancery-authority", primary.file("identities/portal/key.pem"), os.path.join(primary.state, "secrets"))
        # None of them can write what is in force.
        for user in USERS + ["nobody"]:
            for path in (primary.state, primary.file(""), primary.file("identities/portal"), os.path.join(primary.state, "settings"),
                         os.path.join(primary.state, "run"), os.path.join(primary.state, "run", "manager")):
                self.assertEqual(1, run(*as_user(user), "test", "-w", path).returncode, f"{user} can write {path}")

    def test_a_single_appliance_of_separate_users_serves_collectors_through_the_portal(self):
        single = self.appliance("single").start()
        self.assert_runs_as_its_user(single)
        self.assert_modes(single)
        collector = self.collector(single, single)
        collector.await_connected()
        pki = self.pki()
        leaf = pki.leaf(["appliance.test", "localhost"])
        done = single.cli("cert", "replace", *pki.files(leaf), "--accept-breakage", "1")
        self.assertEqual(0, done.code, done)
        for port in (single.portal, single.engine_api, single.console):
            self.assertEqual(pki.sent(leaf), served_chain(port))
        self.assertEqual(0, single.cli("doctor").code, single.cli("doctor"))
        self.assert_unreadable("chancery-engine", single.file("identities/portal/key.pem"), os.path.join(single.state, "authority"),
                               os.path.join(single.state, "databases", "portal.db"))

    def test_strangers_may_only_ask_what_runs_and_what_is_installed(self):
        single = self.appliance("single").start()
        pki = self.pki()
        leaf = pki.leaf(["appliance.test", "localhost"])
        before, served = single.in_force(), served_chain(single.portal)
        for user in ("nobody", "chancery-portal", "chancery-engine", "chancery-authority"):
            self.assertNotIn("error", ask_manager(single, "status", user))
            self.assertIn("identities", ask_manager(single, "cert-list", user))
            for verb in ("cert-replace", "cert-reset", "backup-list", "backup-restore", "trust-append", "federation-token", "doctor",
                         "generation-rollback", "consumer-set", "", "nonsense"):
                reply = ask_manager(single, verb, user)
                self.assertEqual("permission-denied", reply["error"]["code"], f"{user}: {verb}: {reply}")
                self.assertTrue(reply["error"]["hint"])
        self.assertIn("sets", ask_manager(single, "backup-list", "chancery-console"))
        # The CLI in a stranger's hands: reads by the manager, refuses to change, and says what to do.
        chancery = [*as_user("nobody"), os.path.join(BIN, "chancery"), "--state", single.state]
        self.assertEqual(0, run(*chancery, "status").returncode)
        self.assertEqual(0, run(*chancery, "cert", "list").returncode, run(*chancery, "cert", "list"))
        for path in os.listdir(pki.folder):
            os.chmod(pki.path(path), 0o644)
        os.chmod(pki.folder, 0o755)
        for arguments in (["cert", "replace", *pki.files(leaf)], ["cert", "reset", "portal"], ["backup", "restore", "last"]):
            done = run(*chancery, *arguments)
            self.assertEqual(1, done.returncode, done)
            self.assertIn(b"hint:", done.stderr)
        # The programs' own sockets: nobody but root and the program's user gets even there.
        for program in PROGRAMS["single"]:
            self.assert_unreadable("nobody", os.path.join(single.state, "run", program))
        self.assertEqual(before, single.in_force())
        self.assertEqual(served, served_chain(single.portal))
        # A change while the manager is down is root's alone, too.
        single.stop("manager")
        done = run(*chancery, "cert", "reset", "portal")
        self.assertEqual(1, done.returncode, done)
        self.assertEqual(before, single.in_force())


    def test_audit_and_backup_with_separate_users(self):
        """Programs show and keep heads and report sign-ins without reading the audit; a rebuilt appliance has every owner again."""
        primary, secondary = self.federation()
        for appliance in (primary, secondary):
            await_condition(lambda: appliance.json("audit", "verify")["confirmed"], "a peer confirms the audit of " + appliance.name)
        self.assert_unreadable("chancery-portal", os.path.join(primary.state, "audit"), os.path.join(primary.state, "secrets"))
        self.assertEqual("permission-denied", ask_manager(primary, "audit-report", "chancery-authority")["error"]["code"])
        self.assertEqual("bad-argument", ask_manager(primary, "audit-report", "chancery-portal")["error"]["code"])
        self.assertEqual("permission-denied", ask_manager(primary, "audit-show", "chancery-portal")["error"]["code"])

        def owners():
            found = {}
            for folder, folders, files in os.walk(primary.state):
                for name in folders + files:
                    path = os.path.relpath(os.path.join(folder, name), primary.state)
                    if not path.endswith(("-wal", "-shm", ".sock", "lock", "audit-head.json", "health.json")):
                        at = os.lstat(os.path.join(primary.state, path))
                        found[path] = (pwd.getpwuid(at.st_uid).pw_name, grp.getgrgid(at.st_gid).gr_name, oct(at.st_mode))
            return found

        primary.stop()
        passphrase, output = os.path.join(self.folder, "passphrase"), os.path.join(self.folder, "whole.backup")
        with open(passphrase, "w") as file:
            file.write("a passphrase for the whole")
        done = primary.cli("backup", "appliance", "--output", output, "--passphrase-file", passphrase)
        self.assertEqual(0, done.code, done)
        before = owners()
        self.assertLess(3, len({owner for owner, _, _ in before.values()}))
        shutil.rmtree(primary.state)
        done = primary.cli("init", "--from", output, "--passphrase-file", passphrase)
        self.assertEqual(0, done.code, done)
        self.assertEqual(before, {path: owner for path, owner in owners().items() if path in before})
        rebuilt = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        primary.start()
        self.assert_runs_as_its_user(primary)
        self.assert_modes(primary)
        await_condition(lambda: any(member["name"] == secondary.name and (member["last_seen"] or "") > rebuilt
                                    for member in primary.json("federation", "list")["members"]), "the secondary comes back")
        # A user that the machine does not have is named, and nothing is made.
        primary.stop()
        shutil.rmtree(primary.state)
        must("userdel", "chancery-portal")
        self.addCleanup(must, "useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", "-G", SHARED, "chancery-portal")
        done = primary.cli("--json", "init", "--from", output, "--passphrase-file", passphrase)
        self.assertEqual(("unknown-user", "chancery-portal"), (done.json()["error"]["code"], done.json()["error"]["subject"]))
        self.assertFalse(os.path.exists(primary.state))


if __name__ == "__main__":
    unittest.main()
