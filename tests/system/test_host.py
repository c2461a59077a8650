"""What the machine around an appliance does to it: umask, links, pipes and squatters in its place, loose modes, crashes (threats 37, 39)."""
import os
import resource
import signal
import socket
import stat
import subprocess
import unittest

from harness import BIN, PROGRAMS, SystemTest, await_condition, must, run, served_chain

SECRET_NAMES = ("key.pem", "combined.pem", "keystore.p12", "keystore.password", "customer.key", "root.key", "issuing.key", "generation.key",
                "repair.key", "collector.key")


class Host(SystemTest):
    def replaceable(self, role="single", **more):
        """A running appliance, and the arguments that would replace its certificate."""
        appliance = self.appliance(role, **more).start()
        pki = self.pki()
        leaf = pki.leaf(["appliance.test", "localhost"])
        return appliance, pki, leaf

    def assert_closed(self, state):
        """Nothing below a state is open to anybody but its owner; a running manager's socket is for all, and nobody gets to it."""
        checked = 0
        for folder, folders, files in os.walk(state):
            self.assertEqual(0o700, stat.S_IMODE(os.stat(folder).st_mode), folder)
            for name in files:
                path = os.path.join(folder, name)
                at = os.lstat(path)
                if stat.S_ISLNK(at.st_mode) or stat.S_ISSOCK(at.st_mode):
                    continue
                self.assertEqual(0, at.st_mode & 0o022, path)
                if name in SECRET_NAMES or name.endswith((".db", ".zip", ".db-wal")) or name == "administrator.hash":
                    self.assertEqual(0o600, stat.S_IMODE(at.st_mode), path)
                    checked += 1
        self.assertGreater(checked, 20)

    def test_a_loose_umask_opens_nothing(self):
        before = os.umask(0)
        try:
            primary, secondary = self.federation()
            pki = self.pki()
            leaf = pki.leaf(["primary.test", "localhost"])
            for arguments in (["cert", "replace", *pki.files(leaf)], ["cert", "csr", "console"], ["trust", "append", pki.root], ["cert", "reset", "portal"]):
                done = primary.cli(*arguments)
                self.assertEqual(0, done.code, done)
            collector = self.collector(secondary, primary)
            collector.await_connected()
            # The same by the CLI alone, which then writes itself.
            secondary.stop()
            self.assertEqual(0, secondary.cli("trust", "append", pki.root).code)
        finally:
            os.umask(before)
        for appliance in (primary, secondary):
            self.assert_closed(appliance.state)
            self.assertEqual(0o600, stat.S_IMODE(os.stat(appliance.password_file).st_mode))
            self.assertEqual(0, appliance.cli("doctor").code & ~1, appliance.cli("doctor"))
        for name in os.listdir(collector.state):
            if name.endswith(".key"):
                self.assertEqual(0o600, stat.S_IMODE(os.stat(os.path.join(collector.state, name)).st_mode), name)

    def test_links_and_pipes_in_place_of_a_key_are_refused(self):
        single, pki, leaf = self.replaceable()
        key = single.file("identities/portal/key.pem")
        served = {port: served_chain(port) for port in (single.portal, single.console, single.engine_api)}
        generation = single.generation()
        kept = os.path.join(self.folder, "kept.pem")
        os.rename(key, kept)
        elsewhere = os.path.join(self.folder, "elsewhere.pem")
        with open(elsewhere, "w") as file:
            file.write("untouched\n")

        def link():
            os.symlink(elsewhere, key)

        def link_to_the_real_one():
            os.symlink(kept, key)

        def pipe():
            os.mkfifo(key, 0o600)

        def folder():
            os.mkdir(key)

        for put in (link, link_to_the_real_one, pipe, folder):
            with self.subTest(put.__name__):
                put()
                for arguments in (["cert", "replace", *pki.files(leaf)], ["cert", "reset", "portal"], ["trust", "append", pki.root]):
                    done = single.cli(*arguments)
                    self.assertEqual(1, done.code, done)
                    self.assertIn("key.pem", done.err)
                    self.assertIn("hint:", done.err)
                self.assertEqual(generation, single.generation())
                self.assertEqual(served, {port: served_chain(port) for port in served})
                doctor = single.cli("doctor")
                self.assertEqual(2, doctor.code, doctor)
                # A program that starts now does not follow it either.
                single.stop("portal")
                done = run(os.path.join(BIN, "chancery-portal"), "--state", single.state)
                self.assertEqual(1, done.returncode, done)
                self.assertIn(b"key.pem", done.stderr)
                self.assertIn(b"hint:", done.stderr)
                os.rmdir(key) if put is folder else os.unlink(key)
                os.rename(kept, key)
                single.start("portal")
                self.assertEqual(served[single.portal], served_chain(single.portal))
                os.rename(key, kept)
        os.rename(kept, key)
        with open(elsewhere) as file:
            self.assertEqual("untouched\n", file.read())
        self.assertEqual(0, single.cli("cert", "replace", *pki.files(leaf)).code)

    def test_a_link_in_place_of_a_folder_is_refused(self):
        single, pki, leaf = self.replaceable()
        outside = os.path.join(self.folder, "outside")
        os.mkdir(outside, 0o700)
        before, served = single.in_force(), served_chain(single.portal)
        for name in ("backups", "secrets", "generations"):
            with self.subTest(name):
                real, kept = os.path.join(single.state, name), os.path.join(self.folder, "kept-" + name)
                os.rename(real, kept)
                os.symlink(kept if name != "backups" else outside, real)
                for arguments in (["cert", "replace", *pki.files(leaf)], ["cert", "reset", "portal"]):
                    done = single.cli(*arguments)
                    self.assertEqual(1, done.code, done)
                    self.assertIn(name, done.err)
                    self.assertIn("hint:", done.err)
                os.unlink(real)
                os.rename(kept, real)
                self.assertEqual(before, single.in_force())
                self.assertEqual(served, served_chain(single.portal))
        self.assertEqual([], os.listdir(outside))
        self.assertEqual(0, single.cli("cert", "replace", *pki.files(leaf)).code)

    def test_a_state_that_others_can_write_is_not_served_from(self):
        single, pki, leaf = self.replaceable()
        before, served = single.in_force(), served_chain(single.portal)
        single.stop("console", "manager")
        for name in ("", "settings", "generations", "run", "secrets", "authority"):
            for mode in (0o777, 0o720):
                path = os.path.join(single.state, name).rstrip("/")
                right = stat.S_IMODE(os.stat(path).st_mode)
                os.chmod(path, mode)
                for program in ("console", "manager"):
                    done = run(os.path.join(BIN, f"chancery-{program}"), "--state", single.state)
                    self.assertEqual(1, done.returncode, f"{program}, {name}: {done}")
                    self.assertIn(b"chmod go-w " + path.encode(), done.stderr)
                done = single.cli("cert", "replace", *pki.files(leaf))
                self.assertEqual(1, done.code, done)
                self.assertIn("chmod go-w", done.err)
                doctor = single.cli("doctor")
                self.assertEqual(2, doctor.code, f"{name} {mode:o}: {doctor}")
                os.chmod(path, right)
                self.assertEqual(before, single.in_force())
        if os.geteuid() == 0:
            path = os.path.join(single.state, "settings")
            os.chown(path, 65534, 65534)
            done = run(os.path.join(BIN, "chancery-console"), "--state", single.state)
            self.assertEqual(1, done.returncode, done)
            self.assertIn(b"chown", done.stderr)
            os.chown(path, 0, 0)
        self.assertEqual(served, served_chain(single.portal))
        single.start("manager", "console")
        self.assertEqual(0, single.cli("cert", "replace", *pki.files(leaf)).code)

    def test_a_squatted_control_socket_is_replaced_or_refused(self):
        single, pki, leaf = self.replaceable()
        served = served_chain(single.portal)
        # A manager that is gone: whoever listens in its place is not asked, since nobody holds the run lock.
        single.stop("manager")
        path = os.path.join(single.state, "run", "manager", "control.sock")
        with socket.socket(socket.AF_UNIX) as squatter:
            folder = os.open(os.path.dirname(path), os.O_RDONLY)
            squatter.bind(f"/proc/self/fd/{folder}/control.sock")
            os.close(folder)
            squatter.listen(5)
            squatter.setblocking(False)
            done = single.cli("cert", "replace", *pki.files(leaf))
            self.assertEqual(0, done.code, done)
            with self.assertRaises(BlockingIOError):
                squatter.accept()
            # The next manager takes the place of the squatter. (The harness knocks there until it has.)
            squatted = os.lstat(path).st_ino
            single.start("manager")
            await_condition(lambda: os.lstat(path).st_ino != squatted, "the socket is the manager's")
            while True:
                try:
                    squatter.accept()[0].close()
                except BlockingIOError:
                    break
            self.assertEqual(0, single.cli("cert", "reset", "portal").code)
            with self.assertRaises(BlockingIOError):
                squatter.accept()
        self.assertNotEqual([], served_chain(single.portal))
        # Anything else in the place of a program's socket.
        for put, works in ((lambda p: open(p, "w").close(), True), (os.mkfifo, True), (lambda p: os.symlink("/dev/null", p), True), (os.mkdir, False)):
            single.stop("portal")
            place = os.path.join(single.state, "run", "portal", "control.sock")
            put(place)
            if works:
                single.start("portal")
                self.assertTrue(stat.S_ISSOCK(os.lstat(place).st_mode))
            else:
                done = run(os.path.join(BIN, "chancery-portal"), "--state", single.state)
                self.assertEqual(1, done.returncode, done)
                self.assertIn(b"hint:", done.stderr)
                os.rmdir(place)
                single.start("portal")
            self.assertNotEqual([], served_chain(single.portal))
        self.assertTrue(stat.S_ISCHR(os.stat("/dev/null").st_mode))

    def test_a_crash_leaves_no_core(self):
        """kill -SEGV of every program: RLIMIT_CORE is 0 and nothing is dumped, though the caller asked for cores."""
        hard = resource.getrlimit(resource.RLIMIT_CORE)
        if hard[1] != resource.RLIM_INFINITY and os.geteuid() != 0:
            self.skipTest("the hard limit on cores is set already")
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_CORE, hard)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)

        def crash(process):
            with open(f"/proc/{process.pid}/limits") as file:
                limit = next(line for line in file if line.startswith("Max core file size"))
            process.send_signal(signal.SIGSEGV)
            _, status = os.waitpid(process.pid, 0)
            process.returncode = -os.WTERMSIG(status)
            return limit.split()[4:6], os.WTERMSIG(status), os.WCOREDUMP(status)

        control = subprocess.Popen(["sleep", "60"])
        limit, number, dumped = crash(control)
        self.assertEqual((["unlimited", "unlimited"], signal.SIGSEGV), (limit, number))
        cores = {name for name in os.listdir(".") if "core" in name}  # whether `sleep` could leave one is the system's matter
        primary, secondary = self.federation()
        collector = self.collector(secondary, primary)
        collector.await_connected()
        waiting = subprocess.Popen([os.path.join(BIN, "chancery"), "--state", primary.state, "cert", "check", "--certificate", "-"],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

        def limited():
            with open(f"/proc/{waiting.pid}/limits") as file:
                return "Max core file size        0 " in file.read()

        await_condition(limited, "chancery limits its cores")
        processes = {**primary.processes, **{f"secondary's {name}": p for name, p in secondary.processes.items()}, "collector": collector.process, "chancery": waiting}
        self.assertEqual(9, len(processes))
        for name, process in processes.items():
            self.assertEqual((["0", "0"], signal.SIGSEGV, False), crash(process), name)
        for pipe in (waiting.stdin, waiting.stdout, waiting.stderr):
            pipe.close()
        self.assertEqual(cores, {name for name in os.listdir(".") if "core" in name})
        # And what crashed starts again.
        for appliance in (primary, secondary):
            appliance.processes.clear()
            appliance.start()
            self.assertEqual(0, appliance.cli("cert", "list").code)
        if not dumped:
            print("note: this system dumps no cores at all (kernel.core_pattern); the limits were checked")


if __name__ == "__main__":
    unittest.main()
