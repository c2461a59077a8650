"""P1's arrows browser -> console and browser -> portal: Debian's Chromium, with and without the root in its NSS database."""
import os
import re
import shutil
import subprocess
import unittest
import urllib.parse

from harness import SystemTest, must


class Browser:
    """Headless Chromium with a home of its own. `import_root` is what a person does with a downloaded root."""

    def __init__(self, test, name):
        self.home = os.path.join(test.folder, name)
        self.database = "sql:" + os.path.join(self.home, ".pki", "nssdb")
        os.makedirs(os.path.join(self.home, ".pki", "nssdb"))
        must("certutil", "-d", self.database, "-N", "--empty-password")
        self.visits = 0

    def import_root(self, path, name):
        must("certutil", "-d", self.database, "-A", "-t", "C,,", "-n", name, "-i", path)

    def _run(self, url, *options):
        self.visits += 1
        environment = {"HOME": self.home, "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        done = subprocess.run(["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                               "--disable-background-networking", "--disable-component-update", "--lang=en-US", "--timeout=10000",
                               f"--user-data-dir={self.home}/profile-{self.visits}", *options, url],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=90, env=environment)
        shutil.rmtree(f"{self.home}/profile-{self.visits}", ignore_errors=True)
        return done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")

    def visit(self, url):
        """(the document as the browser has it in the end, why it would not load the page: "ERR_CERT_…" or "")"""
        document, messages = self._run(url, "--dump-dom")
        failed = re.search(r"Page load failed: net::(\w+)", messages)
        return document, failed.group(1) if failed else ""

    def picture(self, url, path):
        self._run(url, f"--screenshot={path}", "--window-size=1100,700", "--hide-scrollbars")


def text_of(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", re.sub(r"(?s)<(script|style).*?</\1>", " ", page)))


class BrowserToPages(SystemTest):
    def address(self, appliance, port, host="localhost"):
        password = urllib.parse.quote(appliance.password(), safe="")
        return f"https://administrator:{password}@{host}:{port}/"

    def keep(self, browser, url, name):
        """Pictures for people to look at, where CHANCERY_PICTURES names a folder."""
        folder = os.environ.get("CHANCERY_PICTURES")
        if folder:
            browser.picture(url, os.path.join(folder, name + ".png"))

    def test_console_and_portal_of_an_ad_hoc_federation(self):
        appliance = self.appliance("single", name="single.test").start("manager", "console", "portal")
        stranger, person = Browser(self, "stranger"), Browser(self, "person")
        person.import_root(appliance.root(), "the ad-hoc root")
        # What the console's pages do is test_console_pages.py's; here it is enough that their script has put something there.
        pages = {"console": (appliance.console, '<main class="alone">'), "portal": (appliance.portal, "<h1>Engines</h1>")}
        for name, (port, title) in pages.items():
            with self.subTest(page=name):
                url = self.address(appliance, port)
                self.assertEqual(("", "ERR_CERT_AUTHORITY_INVALID"), stranger.visit(url))
                page, problem = person.visit(url)
                self.assertEqual("", problem)
                self.assertIn(title, page)
                self.assertEqual(name == "portal", "single.test" in text_of(page), "the console tells nothing before somebody has signed in")
                self.keep(person, url, name)
        # The root is right and the name is not: a certificate is for those names that stand in it.
        self.assertEqual(("", "ERR_CERT_COMMON_NAME_INVALID"), person.visit(self.address(appliance, appliance.portal, "other.localhost")))
        # Without a password nothing is shown.
        self.assertNotIn("Engines", person.visit(f"https://localhost:{appliance.portal}/")[0])

    def test_a_chain_with_two_intermediates_after_a_replacement(self):
        """The browser knows the root alone: whatever the server leaves out, it would not find."""
        appliance = self.appliance("single", name="single.test").start("manager", "console", "portal")
        person = Browser(self, "person")
        pki = self.pki("rsa")
        person.import_root(pki.root, "the company's root")
        url = self.address(appliance, appliance.console)
        self.assertEqual(("", "ERR_CERT_AUTHORITY_INVALID"), person.visit(url))
        done = appliance.cli("cert", "replace", *pki.files(pki.leaf(["single.test", "localhost"])))
        self.assertEqual(0, done.code, done)
        page, problem = person.visit(url)
        self.assertEqual("", problem)
        self.assertIn('<main class="alone">', page)


if __name__ == "__main__":
    unittest.main()
