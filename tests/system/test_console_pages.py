"""The console's pages in Debian's Chromium, on the real programs over TLS: what an administrator does, and how every page looks and reads.

Pictures of every page are build output: CHANCERY_PICTURES, else build/pictures."""
import fcntl
import json
import os
import shutil
import subprocess
import unittest

import test_browser
import test_ports
from harness import SOURCE, SystemTest, must

TESTS = os.path.join(SOURCE, "tests", "browser")
MODULES = os.path.join(SOURCE, "build", "browser")
PICTURES = os.environ.get("CHANCERY_PICTURES", os.path.join(SOURCE, "build", "pictures"))


def modules():
    """Playwright and axe as package-lock.json says, installed once."""
    os.makedirs(MODULES, exist_ok=True)
    with open(os.path.join(MODULES, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted, installed = os.path.join(TESTS, "package-lock.json"), os.path.join(MODULES, "installed.json")
        with open(wanted) as file:
            text = file.read()
        known = ""
        if os.path.exists(installed):
            with open(installed) as file:
                known = file.read()
        if known != text:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(os.path.join(TESTS, name), MODULES)
            must("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", cwd=MODULES)
            with open(installed, "w") as file:
                file.write(text)
    return os.path.join(MODULES, "node_modules")


class ConsolePages(SystemTest):
    def walk(self, script, roots, told=None, **given):
        """`told`: what is done at a line that the script says."""
        person = test_browser.Browser(self, script)
        for number, root in enumerate(roots):
            person.import_root(root, f"root {number}")
        path = os.path.join(self.folder, script + ".json")
        with open(path, "w") as file:
            json.dump({"modules": modules(), "home": person.home, "pictures": PICTURES, **given}, file)
        with subprocess.Popen(["node", os.path.join(TESTS, script + ".mjs"), path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            self.processes.append(process)
            for line in process.stdout:
                print(line, end="", flush=True)
                (told or {}).get(line.strip(), lambda: None)()
        self.assertEqual(0, process.returncode)

    def test_what_an_administrator_does(self):
        primary = self.appliance("primary", name="primary.test").start()
        secondary = self.appliance("secondary", name="secondary.test").start()
        pki, other = self.pki(), self.pki(name="other")
        leaf = pki.leaf(["primary.test", "localhost", "127.0.0.1"])
        self.walk("flows", [primary.root(), pki.root], pile=self.pile(pki, leaf), primary=f"https://localhost:{primary.console}", primaryPassword=primary.password(),
                  secondary=f"https://localhost:{secondary.console}", secondaryPassword=secondary.password(), join=f"127.0.0.1:{primary.join}",
                  leaf=pki.path(leaf + ".crt"), key=pki.path(leaf + ".key"), intermediates=pki.intermediates, root=pki.root,
                  otherKey=other.path(other.leaf(["primary.test"]) + ".key"), otherRoot=other.root)

    def pile(self, pki, leaf):
        """A folder as somebody has it: what belongs together in folders of its own, and what file managers leave; and one with more than a hundred files."""
        folder = os.path.join(self.folder, "pile")
        for name, roots in ((folder, 3), (folder + "-large", 101)):
            inner = os.path.join(name, "from the CA")
            os.makedirs(os.path.join(inner, "roots"))
            shutil.copy(pki.path(leaf + ".crt"), os.path.join(name, "leaf.pem"))
            shutil.copy(pki.intermediates, os.path.join(inner, "chain.pem"))
            for number in range(roots):
                shutil.copy(pki.root, os.path.join(inner, "roots", f"root-{number}.txt"))
            for place in (name, inner):
                with open(os.path.join(place, ".DS_Store"), "w") as file:
                    file.write("no certificate")
        shutil.copy(pki.path(leaf + ".key"), os.path.join(folder, "leaf.key"))
        return folder

    HTML, ESC, LINES = test_ports.HostileNames.HTML, test_ports.HostileNames.ESC, test_ports.HostileNames.LINES
    hostile = test_ports.HostileNames.hostile

    def test_hostile_names_are_text(self):
        """Threat 34: nothing that stands in a certificate becomes a part of the page."""
        single = self.appliance("single", name="appliance.test").start("manager", "console")
        at = self.hostile()
        done = single.cli("trust", "append", at("root.crt"))
        self.assertEqual(0, done.code, done)
        self.walk("hostile", [single.root()], primary=f"https://localhost:{single.console}", primaryPassword=single.password(), files=[at("leaf.crt"), at("leaf.key")])

    def test_every_page_light_and_dark_wide_and_narrow(self):
        primary, secondary = self.federation()
        pki = self.pki()
        leaf = pki.leaf(["primary.test", "localhost", "127.0.0.1"], days=20)
        done = primary.cli("cert", "replace", *pki.files(leaf), "--identity", "portal")
        self.assertEqual(0, done.code, done)
        self.walk("look", [primary.root()], primary=f"https://localhost:{primary.console}", primaryPassword=primary.password(), goOn=True,
                  allPictures=bool(os.environ.get("CHANCERY_PICTURES")))

    def test_two_in_the_morning(self):
        """Somebody who has never seen the console replaces a certificate that ends, with every usual mistake on the way."""
        primary = self.appliance("primary", name="primary.test").start()
        # The CA has another issuing CA than last year: what it delivers now is all that the appliance knows of it.
        names, before, pki, other = ["primary.test", "localhost", "127.0.0.1"], self.pki(), self.pki(name="new"), self.pki(name="other")
        done = primary.cli("cert", "replace", *before.files(before.leaf(names, days=5)), "--identity", "portal")
        self.assertEqual(0, done.code, done)
        done = primary.cli("trust", "append", pki.root)
        self.assertEqual(0, done.code, done)
        leaf, expired = pki.leaf(names), pki.leaf(names, days=0)
        self.walk("night", [primary.root(), before.root, pki.root],
                  told={"stop the manager": lambda: primary.stop("manager"), "start the manager": lambda: primary.start_one("manager")}, primary=f"https://localhost:{primary.console}", primaryPassword=primary.password(),
                  leaf=pki.path(leaf + ".crt"), key=pki.path(leaf + ".key"), intermediates=pki.intermediates,
                  expired=pki.path(expired + ".crt"), expiredKey=pki.path(expired + ".key"), otherKey=other.path(other.leaf(names) + ".key"))


if __name__ == "__main__":
    unittest.main()
