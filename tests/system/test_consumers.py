"""An appliance's other services follow the same generations: real nginx and real lighttpd as consumers that read
current/identities/portal/…, reloaded, probed and rolled back like our own programs (P18)."""
import os
import subprocess
import unittest

from harness import SystemTest, await_condition, free_port_base, served_chain


def reads(pid_file):
    try:
        with open(pid_file) as file:
            return int(file.read().strip() or 0)
    except (OSError, ValueError):
        return 0


class Consumers(SystemTest):
    def setUp(self):
        super().setUp()
        self.primary = self.appliance("primary").start()
        self.pki_used = self.pki()
        self.port = free_port_base(1)
        self.pid_file = os.path.join(self.folder, "service.pid")

    def _start(self, command):
        with open(os.path.join(self.folder, "service.log"), "ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)
        self.processes.append(process)
        await_condition(lambda: served_chain(self.port), "the service serves")
        return process

    def nginx(self):
        identity = os.path.join(self.primary.state, "current", "identities", "portal")
        self.conf = os.path.join(self.folder, "nginx.conf")
        with open(self.conf, "w") as file:
            file.write(f"""daemon off; pid {self.pid_file}; error_log {self.folder}/nginx.log; worker_processes 1;
events {{ worker_connections 64; }}
http {{ access_log off; client_body_temp_path {self.folder}/b; proxy_temp_path {self.folder}/p; fastcgi_temp_path {self.folder}/f;
uwsgi_temp_path {self.folder}/u; scgi_temp_path {self.folder}/s;
server {{ listen 127.0.0.1:{self.port} ssl; location / {{ return 200 "hello\\n"; }}
ssl_certificate {identity}/fullchain.pem;
ssl_certificate_key {identity}/key.pem;
}} }}
""")
        return self._start(["nginx", "-c", self.conf, "-e", os.path.join(self.folder, "nginx.log")])

    def lighttpd(self):
        identity = os.path.join(self.primary.state, "current", "identities", "portal")
        self.conf = os.path.join(self.folder, "lighttpd.conf")
        with open(self.conf, "w") as file:
            file.write(f"""server.modules = ( "mod_openssl" )
server.document-root = "{self.folder}"
server.port = {self.port}
server.bind = "127.0.0.1"
server.pid-file = "{self.pid_file}"
ssl.engine = "enable"
ssl.pemfile = "{identity}/certificate.pem"
ssl.privkey = "{identity}/key.pem"
ssl.ca-file = "{identity}/intermediate.crt"
""")
        return self._start(["lighttpd", "-D", "-f", self.conf])

    def declare(self, reload_command, *more):
        done = self.primary.cli("consumer", "set", "web", "--reload", reload_command, "--probe", f"127.0.0.1:{self.port}",
                                "--identity", "portal", *more)
        self.assertEqual(0, done.code, done)

    def replace(self):
        leaf = self.pki_used.leaf(["appliance.test", "localhost"])
        return leaf, self.primary.cli("--json", "cert", "replace", *self.pki_used.files(leaf))

    def assert_followed(self):
        leaf, done = self.replace()
        self.assertEqual(0, done.code, done)
        self.assertEqual(self.pki_used.sent(leaf), served_chain(self.port), "the service presents the new chain when replace returns")
        self.assertIn("web", done.out, "the proof names the consumer")
        return leaf

    def test_nginx_follows(self):
        self.nginx()
        self.declare(f"nginx -c {self.conf} -e {self.folder}/nginx.log -s reload")
        self.assert_followed()

    def test_lighttpd_follows(self):
        """lighttpd 1.4 restarts itself gracefully on SIGUSR1; the line that names the chain file is required (P18)."""
        self.lighttpd()
        identity = os.path.join(self.primary.state, "current", "identities", "portal")
        self.declare(f"sh -c 'kill -USR1 $(cat {self.pid_file})'", "--requires", f'{self.conf}:ssl.ca-file = "{identity}/intermediate.crt"')
        self.assert_followed()

    def test_a_reload_that_is_refused_rolls_everything_back(self):
        """Threat 19: the old one is still in force and served by our programs and by the service."""
        self.nginx()
        flag = os.path.join(self.folder, "fail")
        # Fails once, for the new generation, and works again on the way back.
        self.declare(f"sh -c 'if rm {flag}; then exit 1; fi; nginx -c {self.conf} -e {self.folder}/nginx.log -s reload'")
        leaf = self.assert_followed()
        before = self.primary.in_force()
        open(flag, "w").close()
        _, done = self.replace()
        self.assertFalse(os.path.exists(flag), "the reload was asked for")
        self.assertEqual(1, done.code, done)
        self.assertEqual("reload-failed", done.json()["error"]["code"], done)
        self.assertEqual(before, self.primary.in_force())
        for port in (self.port, self.primary.portal, self.primary.console):
            self.assertEqual(self.pki_used.sent(leaf), served_chain(port))

    def test_an_undo_that_fails_after_the_switch_leaves_the_edits(self):
        """Edits by hand are what was in force, so they are what the way back leads to; undone again, they are gone."""
        self.nginx()
        flag = os.path.join(self.folder, "fail")
        self.declare(f"sh -c 'if rm {flag}; then exit 1; fi; nginx -c {self.conf} -e {self.folder}/nginx.log -s reload'")
        leaf = self.assert_followed()
        made = self.primary.in_force()
        with open(self.primary.file("identities/portal/key.pem"), "ab") as file:
            file.write(b"edited by hand\n")
        edited = self.primary.in_force()
        self.assertNotEqual(made, edited)
        open(flag, "w").close()
        failed = self.primary.cli("--json", "generation", "undo")
        self.assertFalse(os.path.exists(flag), "the reload was asked for: the switch had happened")
        self.assertEqual(1, failed.code, failed)
        self.assertEqual("reload-failed", failed.json()["error"]["code"])
        self.assertIn("is in force again", failed.json()["error"]["message"])
        self.assertEqual(edited, self.primary.in_force())
        self.assertEqual(1, self.primary.json("status")["drift"])
        for port in (self.port, self.primary.portal, self.primary.console):
            self.assertEqual(self.pki_used.sent(leaf), served_chain(port))
        done = self.primary.cli("--json", "generation", "undo")
        self.assertEqual(0, done.code, done)
        self.assertEqual(0, self.primary.json("status")["drift"])
        with open(self.primary.file("identities/portal/key.pem"), "rb") as file:
            self.assertNotIn(b"edited", file.read())
        self.assertEqual(self.pki_used.sent(leaf), served_chain(self.port))

    def test_a_service_that_keeps_serving_the_old_one_rolls_everything_back(self):
        """Threat 21: a reload command that lies is found by the probe."""
        self.nginx()
        before_served = served_chain(self.port)
        self.declare("true")
        before = self.primary.in_force()
        _, done = self.replace()
        self.assertEqual(1, done.code, done)
        self.assertEqual(before, self.primary.in_force())
        for port in (self.port, self.primary.portal):
            self.assertEqual(before_served, served_chain(port))

    def test_a_failing_reload_on_the_way_back_too_needs_a_person(self):
        self.nginx()
        flag = os.path.join(self.folder, "fail")
        self.declare(f"sh -c 'test ! -e {flag}'")
        open(flag, "w").close()
        before = self.primary.in_force()
        before_served = served_chain(self.primary.portal)
        _, done = self.replace()
        self.assertEqual(3, done.code, done)
        self.assertIn("web", done.out)
        self.assertEqual(before, self.primary.in_force())
        self.assertEqual(before_served, served_chain(self.primary.portal))

    def test_a_missing_line_is_a_finding_and_stops_the_change(self):
        self.lighttpd()
        identity = os.path.join(self.primary.state, "current", "identities", "portal")
        self.declare(f"sh -c 'kill -USR1 $(cat {self.pid_file})'", "--requires", f'{self.conf}:ssl.ca-file = "{identity}/intermediate.crt"')
        with open(self.conf) as file:
            text = file.read()
        with open(self.conf, "w") as file:
            file.write(text.replace("ssl.ca-file", "#ssl.ca-file"))
        before = self.primary.in_force()
        _, done = self.replace()
        self.assertEqual(1, done.code, done)
        self.assertIn("consumer-config", done.out)
        self.assertEqual(before, self.primary.in_force())
        doctor = self.primary.cli("--json", "doctor")
        self.assertIn("consumer", doctor.out)
        self.assertNotEqual(0, doctor.code)

    def test_a_consumer_that_cannot_be_reloaded_is_not_taken(self):
        before = self.primary.in_force()
        done = self.primary.cli("--json", "consumer", "set", "web", "--reload", "false", "--probe", f"127.0.0.1:{self.primary.portal}",
                                "--identity", "portal")
        self.assertEqual(1, done.code, done)
        self.assertEqual("reload-failed", done.json()["error"]["code"])
        self.assertEqual(before, self.primary.in_force())

    def test_an_xml_element_can_be_required(self):
        self.nginx()
        config = os.path.join(self.folder, "server.xml")
        with open(config, "w") as file:
            file.write("<server>\n  <certificate_chain_file>/etc/chain.pem</certificate_chain_file>\n</server>\n")
        element = "<certificate_chain_file>/etc/chain.pem</certificate_chain_file>"
        self.declare(f"nginx -c {self.conf} -e {self.folder}/nginx.log -s reload", "--requires", f"{config}:{element}")
        self.assert_followed()


if __name__ == "__main__":
    unittest.main()
