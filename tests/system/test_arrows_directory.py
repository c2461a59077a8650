"""P1's arrow portal -> LDAP (P23, P27): people sign in on the portal's pages by a real slapd over TLS, and only there."""
import base64
import json
import os
import socket
import ssl
import subprocess
import threading
import unittest
import urllib.error
import urllib.request

import test_browser
import test_console_pages
from harness import BIN, SystemTest, await_condition, must, free_port_base

PEOPLE = """dn: dc=example,dc=com
objectClass: dcObject
objectClass: organization
o: Example
dc: example

dn: ou=people,dc=example,dc=com
objectClass: organizationalUnit
ou: people

dn: ou=guests,dc=example,dc=com
objectClass: organizationalUnit
ou: guests

dn: uid=ada,ou=people,dc=example,dc=com
objectClass: account
objectClass: simpleSecurityObject
uid: ada
description: admin
userPassword: correct horse

dn: uid=o\\, malley (\\2a),ou=people,dc=example,dc=com
objectClass: account
objectClass: simpleSecurityObject
uid: o, malley (*)
description: admin
userPassword: staple

dn: ou=locked,ou=people,dc=example,dc=com
objectClass: organizationalUnit
ou: locked

dn: uid=eve,ou=locked,ou=people,dc=example,dc=com
objectClass: account
objectClass: simpleSecurityObject
uid: eve
userPassword: staircase

dn: uid=bob,ou=guests,dc=example,dc=com
objectClass: account
objectClass: simpleSecurityObject
uid: bob
userPassword: battery

dn: cn=searcher,dc=example,dc=com
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: searcher
userPassword: look but do not touch
"""


class Slapd:
    """Debian's slapd: takes passwords over TLS only, and says yes to an empty one, as many do."""

    def __init__(self, test, certificate=None, key=None, anonymous_search=True, people=PEOPLE):
        folder = os.path.join(test.folder, f"slapd-{len(os.listdir(test.folder))}")
        os.makedirs(os.path.join(folder, "db"))
        self.plain = free_port_base(2)
        self.tls = self.plain + 1
        self.log_path = os.path.join(folder, "log")
        lines = ["include /etc/ldap/schema/core.schema", "include /etc/ldap/schema/cosine.schema", "modulepath /usr/lib/ldap", "moduleload back_mdb",
                 "allow bind_anon_dn", f"pidfile {folder}/pid"]
        if certificate:
            lines += [f"TLSCertificateFile {certificate}", f"TLSCertificateKeyFile {key}", "security simple_bind=128"]
        lines += ["database mdb", 'suffix "dc=example,dc=com"', f"directory {folder}/db", "maxsize 10485760", "dbnosync",
                  "access to attrs=userPassword by anonymous auth by * none",
                  "access to * by * read" if anonymous_search else 'access to * by dn.exact="cn=searcher,dc=example,dc=com" read by anonymous auth by * none']
        conf = os.path.join(folder, "slapd.conf")
        with open(conf, "w") as file:
            file.write("\n".join(lines) + "\n")
        ldif = os.path.join(folder, "people.ldif")
        with open(ldif, "w") as file:
            file.write(people)
        must("/usr/sbin/slapadd", "-f", conf, "-l", ldif)
        urls = f"ldap://127.0.0.1:{self.plain}" + (f" ldaps://127.0.0.1:{self.tls}" if certificate else "")
        with open(self.log_path, "ab") as out:
            self.process = process = subprocess.Popen(["/usr/sbin/slapd", "-f", conf, "-h", urls, "-d", "256"], stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        test.processes.append(process)

        def listens():
            with socket.socket() as link:
                return link.connect_ex(("127.0.0.1", self.plain)) == 0

        await_condition(listens, "slapd listens:\n" + self.log())

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def binds(self):
        return [line for line in self.log().splitlines() if " BIND dn=" in line]


class PortalToLdap(SystemTest):
    def setUp(self):
        super().setUp()
        self.roots = self.pki(intermediates=0)
        self.single = self.appliance("single", name="single.test")

    def slapd(self, names=("127.0.0.1",), **more):
        leaf = self.roots.leaf(names)
        return Slapd(self, self.roots.path(leaf + ".crt"), self.roots.path(leaf + ".key"), **more)

    def portal_with(self, *settings):
        with open(os.path.join(self.single.state, "settings", "portal.toml"), "w") as file:
            file.write("\n".join(settings) + "\n")
        if "portal" in self.single.processes:
            self.single.stop("portal")
        self.single.start("portal")

    def trust(self):
        done = self.single.cli("trust", "append", self.roots.root, "--store", "portal")
        self.assertEqual(0, done.code, done)

    def sign_in(self, user, password):
        request = urllib.request.Request(f"https://localhost:{self.single.portal}/")
        request.add_header("Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())
        try:
            with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=self.single.root()), timeout=30) as reply:
                return reply.status
        except urllib.error.HTTPError as error:
            return error.code

    def conditions(self):
        checks = json.loads(self.single.cli("--json", "doctor").out)["checks"]
        return {check["check"]: check["message"] + " | " + check.get("hint", "") for check in checks if check["status"] != "ok"}

    def administrator(self):
        return self.sign_in("administrator", self.single.password())

    def test_only_a_directory_that_is_trusted_is_told_a_password(self):
        server = self.slapd()
        for url in (f"ldaps://127.0.0.1:{server.tls}", f"ldap://127.0.0.1:{server.plain}"):
            with self.subTest(url=url):
                self.portal_with(f'ldap.url = "{url}"', 'ldap.user-dn = "uid={user},ou=people,dc=example,dc=com"')
                self.assertEqual(503, self.sign_in("ada", "correct horse"))
                self.assertEqual([], server.binds(), "the password was not sent")
                said = self.conditions()["portal directory"]
                self.assertIn("trust", said)
                self.assertIn("directory: ", self.single.log("portal"))
                self.assertEqual(200, self.administrator(), "the administrator does not depend on the directory")
        self.trust()
        for url in (f"ldap://127.0.0.1:{server.plain}", f"ldaps://127.0.0.1:{server.tls}"):
            with self.subTest(url=url, trusted=True):
                self.portal_with(f'ldap.url = "{url}"', 'ldap.user-dn = "uid={user},ou=people,dc=example,dc=com"')
                self.assertEqual(200, self.sign_in("ada", "correct horse"))
                self.assertEqual(401, self.sign_in("ada", "incorrect horse"))
                self.assertNotIn("portal directory", self.conditions())
        self.assertEqual(200, self.sign_in("o, malley (*)", "staple"), "a name with what is special in a DN")
        # Who is remembered costs the directory nothing.
        self.assertEqual(200, self.sign_in("ada", "correct horse"))
        asked = len(server.binds())
        self.assertEqual(200, self.sign_in("ada", "correct horse"))
        self.assertEqual(asked, len(server.binds()))
        # Trust that is taken away ends it, for those who were remembered too.
        fingerprint = [c["sha256"] for c in self.single.json("trust", "list", "--store", "portal")["certificates"] if "Example Root" in c["subject"]]
        self.assertEqual(0, self.single.cli("trust", "remove", *fingerprint, "--store", "portal").code)
        self.assertEqual(503, self.sign_in("ada", "correct horse"))
        self.assertNotIn("correct horse", self.single.log("portal"))

    def test_nobody_comes_in_by_what_is_no_name_or_no_password(self):
        server = self.slapd()
        self.trust()
        self.portal_with(f'ldap.url = "ldaps://127.0.0.1:{server.tls}"', 'ldap.user-dn = "uid={user},ou=people,dc=example,dc=com"')
        # slapd says yes to a name without a password (allow bind_anon_dn): the portal must not ask it.
        must("ldapwhoami", "-x", "-H", f"ldap://127.0.0.1:{server.plain}", "-D", "uid=ada,ou=people,dc=example,dc=com", "-w", "")
        asked = len(server.binds())
        self.assertEqual(401, self.sign_in("ada", ""))
        self.assertEqual(401, self.sign_in("", "correct horse"))
        self.assertEqual(401, self.sign_in("a" * 200, "correct horse"))
        self.assertEqual(401, self.sign_in("ada\n", "correct horse"))
        self.assertEqual(asked, len(server.binds()))
        # A comma in a name reaches no branch below the pattern's own, and the pattern no other branch: bob is a guest.
        self.assertEqual(401, self.sign_in("eve,ou=locked", "staircase"))
        self.assertEqual(401, self.sign_in("bob,ou=guests,dc=example,dc=com", "battery"))
        self.assertEqual(401, self.sign_in("bob", "battery"))
        self.assertEqual(200, self.sign_in("ada", "correct horse"))
        # Ten wrong answers from an address, and it waits; the administrator's own count is another.
        for _ in range(10):
            last = self.sign_in("ada", "guess")
        self.assertEqual(429, last if last == 429 else self.sign_in("ada", "guess"))
        self.assertEqual(429, self.sign_in("o, malley (*)", "staple"))
        self.assertEqual(200, self.administrator())

    def test_searching_lets_in_whom_the_filter_names(self):
        server = self.slapd(anonymous_search=False)
        self.trust()
        secret = os.path.join(self.single.state, "searcher.password")
        with open(os.open(secret, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write("look but do not touch\n")
        self.portal_with(f'ldap.url = "ldaps://127.0.0.1:{server.tls}"', 'ldap.search-base = "dc=example,dc=com"',
                         'ldap.search-filter = "(&(uid={user})(description=admin))"', 'ldap.bind-dn = "cn=searcher,dc=example,dc=com"',
                         f'ldap.bind-password-file = "{secret}"')
        self.assertEqual(200, self.sign_in("ada", "correct horse"))
        self.assertEqual(200, self.sign_in("o, malley (*)", "staple"), "a name with what is special in a filter")
        self.assertEqual(401, self.sign_in("bob", "battery"), "right password, not an admin")
        for name in ("*", "ad*", "ada)(uid=*", "bob)(|(uid=*", "x)(description=admin))(|(uid=ada", "\\61da"):
            self.assertEqual(401, self.sign_in(name, "correct horse"), name)
        # Who searches is refused: said, and nobody comes in by it.
        with open(secret, "w") as file:
            file.write("wrong\n")
        self.assertEqual(503, self.sign_in("ada", "correct  horse"))
        self.assertIn("ldap.bind-password-file", self.conditions()["portal directory"])
        os.chmod(secret, 0o644)
        self.assertEqual(503, self.sign_in("ada", "correct   horse"))
        self.assertIn("chmod 600", self.conditions()["portal directory"])

    def test_a_certificate_for_another_name_is_refused_and_the_setting_skips_all_checks(self):
        server = self.slapd(names=["other.test"])
        self.trust()
        settings = [f'ldap.url = "ldaps://127.0.0.1:{server.tls}"', 'ldap.user-dn = "uid={user},ou=people,dc=example,dc=com"']
        self.portal_with(*settings)
        self.assertEqual(503, self.sign_in("ada", "correct horse"))
        self.assertEqual([], server.binds())
        self.assertIn("name", self.conditions()["portal directory"])
        self.portal_with(*settings, "globalconfig.ldap.skip-ssl-certificate-validations = true")
        self.assertEqual(200, self.sign_in("ada", "correct horse"))
        self.assertIn("is not checked", self.conditions()["portal directory certificate"])
        self.assertIn("skip-ssl-certificate-validations", self.single.log("portal"))

    def test_a_directory_without_tls_or_without_an_answer(self):
        server = Slapd(self)
        self.trust()
        self.portal_with(f'ldap.url = "ldap://127.0.0.1:{server.plain}"', 'ldap.user-dn = "uid={user},ou=people,dc=example,dc=com"',
                         "globalconfig.ldap.skip-ssl-certificate-validations = true")
        self.assertEqual(503, self.sign_in("ada", "correct horse"))
        self.assertEqual([], server.binds(), "never in plain text, whatever is skipped")
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen(64)
            self.portal_with(f'ldap.url = "ldaps://127.0.0.1:{silent.getsockname()[1]}"', 'ldap.user-dn = "uid={user},ou=people,dc=example,dc=com"')
            results = []
            many = [threading.Thread(target=lambda: results.append(self.sign_in("ada", "correct horse"))) for _ in range(12)]
            for one in many:
                one.start()
            self.assertEqual(200, self.administrator(), "while the directory hangs")
            for one in many:
                one.join()
            self.assertEqual([503] * 12, results)

    def test_a_person_of_the_directory_at_the_pages(self):
        """The same in Chromium: who may come in sees the pages, others and those whom nobody can judge now are told why not."""
        server = self.slapd()
        self.trust()
        self.portal_with(f'ldap.url = "ldaps://127.0.0.1:{server.tls}"', 'ldap.user-dn = "uid={user},ou=people,dc=example,dc=com"')
        visitor = test_browser.Browser(self, "directory")
        visitor.import_root(self.single.root(), "the root")
        path = os.path.join(self.folder, "directory.json")
        with open(path, "w") as file:
            json.dump({"modules": test_console_pages.modules(), "home": visitor.home, "pictures": test_console_pages.PICTURES,
                       "allPictures": bool(os.environ.get("CHANCERY_PICTURES")), "portal": f"https://localhost:{self.single.portal}",
                       "administrator": self.single.password()}, file)
        with subprocess.Popen(["node", os.path.join(test_console_pages.TESTS, "directory.mjs"), path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True) as process:
            for line in process.stdout:
                print(line, end="")
                if line.strip() == "take the directory away":
                    server.process.terminate()
                    server.process.wait(timeout=30)
                    process.stdin.write("it is away\n")
                    process.stdin.flush()
        self.assertEqual(0, process.returncode)
        self.assertTrue([line for line in server.binds() if "uid=ada,ou=people" in line], "it was the directory that was asked")
        self.assertFalse([line for line in server.binds() if "administrator" in line], "and never about the administrator")

    def test_settings_that_cannot_be(self):
        for settings, word in ((['ldap.url = "http://localhost"', 'ldap.user-dn = "uid={user}"'], "no address of a directory"),
                               (['ldap.url = "ldaps://localhost"', 'ldap.user-dn = "uid=ada"'], "{user}"),
                               (['ldap.url = "ldaps://localhost"'], "in one way"),
                               (['ldap.user-dn = "uid={user}"'], "not named"),
                               (['ldap.url = "ldaps://localhost"', 'ldap.user-dn = "uid={user}"', 'ldap.bind-nd = "cn=x"'], "did you mean"),
                               (['storage = "postgresql://engine@localhost/engine"'], "portal keeps its rows in a file")):
            self.single.refuses_settings("portal", settings, word)


if __name__ == "__main__":
    unittest.main()
