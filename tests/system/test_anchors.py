"""C8 and C9 at the ends of the federation: roots are taken, proven and dropped by collectors, members prove, revoked servers
are refused, and the primary sees all of it. The rotation itself is made here by openssl and put into the generation in force by
hand, so that each step, and what a thief would try, can be looked at apart from the commands that do it."""
import json
import os
import sqlite3
import ssl
import subprocess
import time
import unittest
import urllib.request

from harness import BIN, SystemTest, await_condition, file_fingerprints, must


class Rotation:
    """A new root beside the federation's: `cross` is the old root's word for it, `leaf()` what it issues."""

    def __init__(self, test, primary):
        self.folder = os.path.join(test.folder, "rotation")
        os.makedirs(self.folder)
        self.old, self.old_key = primary.root(), os.path.join(primary.state, "authority", "root.key")
        ca = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
        self.root = self.make("root", "/CN=New Root", None, ca)
        self.cross = self.sign("cross", "root", "/CN=New Root", self.old, self.old_key, ca)
        self.issuing = self.make("issuing", "/CN=New Issuing", "root", ca)
        self.evil = self.make("evil", "/CN=Evil Root", None, ca)
        # What an issuing CA's thief could sign: no root of ours, so nobody's word.
        member = primary.file("identities/member/intermediate.crt")
        self.evil_cross = self.sign("evil-cross", "evil", "/CN=Evil Root", member, os.path.join(primary.state, "authority", "issuing.key"), ca)
        self.sha256 = file_fingerprints(self.root)[0]
        self.old_sha256 = file_fingerprints(self.old)[0]

    def path(self, name):
        return os.path.join(self.folder, name)

    def sign(self, name, key_of, subject, issuer, issuer_key, extensions):
        with open(self.path(name + ".ext"), "w") as file:
            file.write(extensions)
        must("openssl", "req", "-new", "-key", self.path(key_of + ".key"), "-subj", subject, "-out", self.path(name + ".csr"))
        must("openssl", "x509", "-req", "-in", self.path(name + ".csr"), "-CA", issuer, "-CAkey", issuer_key, "-set_serial",
             "0x" + os.urandom(8).hex(), "-days", "800", "-extfile", self.path(name + ".ext"), "-out", self.path(name + ".crt"))
        return self.path(name + ".crt")

    def make(self, name, subject, issuer, extensions):
        must("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", self.path(name + ".key"))
        if issuer:
            return self.sign(name, name, subject, self.path(issuer + ".crt"), self.path(issuer + ".key"), extensions)
        must("openssl", "req", "-x509", "-new", "-key", self.path(name + ".key"), "-subj", subject, "-days", "900", "-out", self.path(name + ".crt"),
             *(part for line in extensions.splitlines()[:2] for part in ("-addext", line)))
        return self.path(name + ".crt")

    def leaf(self, name, *names, chain=()):
        """The files of an identity with a leaf of the new issuing CA, and `chain` sent after it."""
        sans = ",".join(("IP:" if n[0].isdigit() else "DNS:") + n for n in names)
        self.make(name, "/CN=" + names[0], "issuing", f"basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\n"
                  f"extendedKeyUsage=serverAuth\nsubjectAltName={sans}\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
        return {"certificate.pem": joined(self.path(name + ".crt")), "key.pem": joined(self.path(name + ".key")),
                "intermediate.crt": joined(self.issuing, *chain), "fullchain.pem": joined(self.path(name + ".crt"), self.issuing, *chain)}


def joined(*paths):
    text = ""
    for path in paths:
        with open(path) as file:
            text += file.read()
    return text


class Anchors(SystemTest):
    def put(self, appliance, folder, files):
        """Files of the generation in force (None: away), as a rotation would put them, and what runs told so."""
        for name, content in files.items():
            path = appliance.file(folder + "/" + name)
            if content is None:
                os.unlink(path)
            else:
                with open(path, "w") as file:
                    file.write(content)
        number = int(os.path.basename(appliance.generation()))
        for program in appliance.processes:
            if program in ("engine", "portal"):
                self.assertEqual({"ok": True}, appliance.control(program, {"verb": "activate", "generation": number}))

    def roots(self, appliance, roots, cross=(), retired=()):
        self.put(appliance, "trust/federation", {"roots.pem": joined(*roots), "cross.pem": joined(*cross), "retired.pem": joined(*retired)})

    def rows(self, primary, kind):
        """{who: {sha256: proven}} of the portal's table."""
        database = sqlite3.connect(f"file:{primary.state}/databases/portal.db?mode=ro", uri=True, timeout=5)
        try:
            found = {}
            for who, sha256, proven in database.execute("SELECT who, sha256, proven FROM proven_anchors WHERE kind = ?", (kind,)):
                found.setdefault(who, {})[sha256] = proven
            return found
        finally:
            database.close()

    def kept(self, collector):
        path = os.path.join(collector.state, "anchors.json")
        if not os.path.exists(path):
            return {"added": [], "dropped": [], "proven": {}}
        with open(path) as file:
            return json.load(file)

    def again(self, collector, **env):
        """The same collector, started anew."""
        collector.process.terminate()
        collector.process.wait(10)
        with open(collector.log_path, "ab") as out:
            collector.process = subprocess.Popen([os.path.join(BIN, "chancery-collector"), "--state", collector.state], stdout=out, stderr=out,
                                                 env={**os.environ, **env})
        self.processes.append(collector.process)
        return collector

    def test_a_collector_takes_proves_and_is_bound_to_the_new_root(self):
        primary, secondary = self.federation()
        new = Rotation(self, primary)
        collector = self.collector(secondary, primary)
        collector.await_connected()
        who = collector.status()["id"]
        other = self.collector(secondary, primary, name="elsewhere", settings=[
            f'collector.servers = ["localhost:{secondary.engine}"]', 'collector.required-level = "TLSNoPeerAuth"'])
        other.await_connected()
        await_condition(lambda: self.rows(primary, "collector").get(who) == {new.old_sha256: 0}, "the portal knows what it holds")
        await_condition(lambda: self.rows(primary, "collector").get(other.status()["id"]) == {"none": 0}, "and who depends on nothing")

        # A root that no root of ours has signed is not taken, whoever the engine is.
        self.roots(secondary, [new.old, new.evil], [new.evil_cross])
        # Prepared: trusted besides the old one, over the connection that is there.
        self.roots(secondary, [new.old, new.evil, new.root], [new.evil_cross, new.cross])
        await_condition(lambda: self.rows(primary, "collector").get(who, {}).get(new.sha256) == 0, "it holds the new root:\n" + collector.log())
        self.assertEqual(1, len(self.kept(collector)["added"]))
        self.assertEqual(0o600, os.stat(os.path.join(collector.state, "anchors.json")).st_mode & 0o777)
        self.assertEqual({"none": 0}, self.rows(primary, "collector")[other.status()["id"]])
        self.assertEqual([], self.kept(other)["added"])

        # Activated: the engine's chain ends at the new root, and at the old one by the cross certificate.
        engine = "identities/engine"
        names = ("secondary.test", "localhost", "127.0.0.1")
        before = {name: joined(secondary.file(f"{engine}/{name}")) for name in ("certificate.pem", "key.pem", "intermediate.crt", "fullchain.pem")}
        self.put(secondary, engine, new.leaf("engine", *names, chain=(new.cross,)))
        await_condition(lambda: self.rows(primary, "collector").get(who, {}).get(new.sha256, 0) > 0, "it has proven the new root:\n" + collector.log())
        self.assertIn(new.sha256, self.kept(collector)["proven"])
        self.assertNotIn("hint", collector.log().split("is proven")[-1])
        # The collector's word and the engine's are one: it stays proven after a restart of either.
        self.again(collector).await_connected()
        secondary.stop("engine")
        secondary.start("engine")
        collector.await_connected()

        # Retired while another collector has not proven: that one keeps what worked.
        late = self.collector(secondary, primary, name="late")
        late.await_connected()
        late.process.terminate()
        late.process.wait(10)
        self.roots(secondary, [new.root], [], [new.old])
        await_condition(lambda: self.kept(collector)["dropped"] == [new.old_sha256], "the old root is dropped:\n" + collector.log())
        self.assertEqual(1, len(self.kept(collector)["added"]))
        await_condition(lambda: set(self.rows(primary, "collector").get(who, {})) == {new.sha256}, "the portal knows")
        # With the cross certificate gone, the new root alone carries it, also after a restart.
        self.put(secondary, engine, new.leaf("engine2", *names))
        self.again(collector).await_connected()
        # Bound: a server of the old root is not believed any more (C9, threat 43).
        self.put(secondary, engine, before)
        self.again(collector)
        await_condition(lambda: "untrusted-root" in collector.log().splitlines()[-1] or "trust" in collector.log().splitlines()[-1], "it refuses")
        self.assertFalse(collector.status().get("connected"))

    def test_on_an_operating_system_store_the_new_root_is_taken_where_the_old_one_stands(self):
        primary, secondary = self.federation()
        new = Rotation(self, primary)
        settings = [f'collector.servers = ["localhost:{secondary.engine}"]', 'collector.root-ca = ""', "collector.report-interval = 1"]
        collector = self.collector(secondary, primary, name="os", settings=settings)
        self.again(collector, SSL_CERT_FILE=primary.root()).await_connected()
        self.roots(secondary, [new.old, new.root], [new.cross])
        await_condition(lambda: self.rows(primary, "collector").get(collector.status()["id"], {}).get(new.sha256) == 0, "it is held")
        self.put(secondary, "identities/engine", new.leaf("engine", "secondary.test", "localhost", "127.0.0.1"))
        self.again(collector, SSL_CERT_FILE=primary.root()).await_connected()
        await_condition(lambda: self.rows(primary, "collector").get(collector.status()["id"], {}).get(new.sha256, 0) > 0, "and proven")

    def test_members_prove_to_each_other(self):
        primary, secondary = self.federation()
        new = Rotation(self, primary)
        for appliance, bundle in ((primary, "trust/portal/cacerts"), (secondary, "trust/engine/ca-bundle.crt")):
            done = appliance.cli("trust", "append", new.root, "--store", appliance.file(bundle)) if appliance is primary else appliance.cli("trust", "append", new.root)
            self.assertEqual(0, done.code, done)
            self.roots(appliance, [new.old, new.root], [new.cross])

        def member(name):
            return self.rows(primary, "member").get(name, {})

        await_condition(lambda: member("secondary.test") == {new.old_sha256: 0, new.sha256: 0}, "it holds both, and has proven none")
        await_condition(lambda: member("primary.test") == {new.old_sha256: 0, new.sha256: 0}, "the primary likewise")
        self.put(primary, "identities/portal", new.leaf("portal", "primary.test", "localhost", "127.0.0.1", chain=(new.cross,)))
        self.put(secondary, "identities/engine", new.leaf("engine", "secondary.test", "localhost", "127.0.0.1", chain=(new.cross,)))
        await_condition(lambda: member("primary.test").get(new.sha256, 0) > 0, "the portal has proven it with the engine", 60)
        await_condition(lambda: member("secondary.test").get(new.sha256, 0) > 0, "the engine has proven it with the portal", 60)

    def heartbeat(self, primary, secondary, **said):
        """A heartbeat as the engine of `secondary` would send it, with other words in it."""
        context = ssl.create_default_context(cafile=primary.root())
        context.load_cert_chain(secondary.file("identities/member/fullchain.pem"), secondary.file("identities/member/key.pem"))
        context.set_alpn_protocols(["chancery-member/1"])
        body = {"name": "secondary.test", "internal_name": "secondary.test", "version": "0", "port": secondary.engine, "devices": 0,
                "connected": 0, "generation": 3, **said}
        request = urllib.request.Request(f"https://localhost:{primary.portal}/api/v1/heartbeat", json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, context=context, timeout=10) as reply:
            return json.loads(reply.read())

    def test_the_roster_shows_what_is_off(self):
        primary, secondary = self.federation()

        def listed():
            return {m["name"]: m for m in primary.json("federation", "list")["members"]}["secondary.test"]

        member = await_condition(lambda: listed() if listed().get("version") else None, "the first heartbeat is written down")
        self.assertEqual(("ok", []), (member["state"], member["problems"]))
        self.assertLess(abs(member["clock_ahead_seconds"]), 30)
        served = {s["endpoint"]: s["sha256"] for s in member["served"]}
        self.assertEqual({"engine", "engine-api", "engine-collector"}, set(served))
        self.assertEqual(file_fingerprints(secondary.file("identities/engine/certificate.pem"))[0], served["engine"])
        version = member["version"]
        table = primary.cli("federation", "list")
        self.assertRegex(table.out, rf"NAME +ROLE +STATE +VERSION +LAST SEEN")
        self.assertRegex(table.out, rf"secondary\.test +secondary +ok +{version}")
        self.assertEqual(0, primary.cli("--json", "doctor").code)

        # Other words of the same member.
        secondary.stop("engine")
        now = int(time.time())
        soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + 5 * 86400 + 3600))
        engine = {"endpoint": "engine", "identity": "engine", "sha256": "a" * 64, "not_after": soon}
        self.heartbeat(primary, secondary, clock=now - 7300, version="0.0.1", served=[engine])
        self.assertEqual(["clock differs by 2 h", "certificate ends in 5 days", "version differs (0.0.1)"], listed()["problems"])
        self.assertEqual("clock differs by 2 h", listed()["state"])
        doctor = primary.cli("--json", "doctor")
        self.assertEqual(1, doctor.code, doctor)
        for text in listed()["problems"]:
            self.assertIn(text, doctor.out)
        self.heartbeat(primary, secondary, clock=now, version=version, served=[{**engine, "not_after": "2020-01-01T00:00:00Z"}])
        self.assertEqual(["certificate has ended"], listed()["problems"])
        # A portal that was started anew says so by another epoch.
        epoch = self.heartbeat(primary, secondary, clock=now)["anchors"]
        primary.stop("portal")
        primary.start("portal")
        self.assertNotEqual(epoch, self.heartbeat(primary, secondary, clock=now)["anchors"])


class Revoked(SystemTest):
    def join(self, primary, name):
        secondary = self.appliance("secondary", name=name)
        token = os.path.join(self.folder, name + ".token")
        with open(os.open(token, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write(primary.cli("federation", "token", "--role", "engine", "--name", name, "--san", "localhost", "--san", "127.0.0.1").out)
        done = secondary.cli("federation", "join", "--primary", f"127.0.0.1:{primary.join}", "--token-file", token)
        self.assertEqual(0, done.code, done)
        return secondary

    def engines(self, primary):
        import base64
        request = urllib.request.Request(f"https://localhost:{primary.portal}/api/v1/engines")
        request.add_header("Authorization", "Basic " + base64.b64encode(f"administrator:{primary.password()}".encode()).decode())
        with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=primary.root()), timeout=10) as reply:
            return {e["name"]: e for e in json.loads(reply.read())["engines"]}

    def test_a_removed_members_server_is_refused_by_collectors_and_by_the_portal(self):
        primary = self.appliance("primary", name="primary.test").start()
        removed, other = self.join(primary, "removed.test"), self.join(primary, "other.test")
        removed.start("engine")  # no manager: it never hears that it was removed
        other.start()
        await_condition(lambda: self.engines(primary).get("removed.test", {}).get("verified"), "the portal asks it")
        state = os.path.join(self.folder, "watching")
        collector = self.collector(other, primary, name="watching", settings=[
            f'collector.servers = ["localhost:{other.engine}"]', f'collector.root-ca = "{state}/root.pem"', "collector.report-interval = 1"])
        collector.await_connected()
        self.assertEqual(0, primary.cli("federation", "remove", "removed.test").code)
        # As a server it is refused by the portal, with the reason, ...
        await_condition(lambda: "taken back" in self.engines(primary)["removed.test"]["problem"], "the portal refuses it")
        # ... and by a collector that was told by its own engine, over the connection that was there.
        await_condition(lambda: os.path.exists(os.path.join(state, "revocations.pem")), "the list came:\n" + collector.log())
        self.assertTrue(collector.status()["connected"])
        collector.process.terminate()
        collector.process.wait(10)
        with open(os.path.join(state, "settings", "collector.toml"), "w") as file:
            file.write(f'collector.servers = ["localhost:{removed.engine}"]\ncollector.root-ca = "{state}/root.pem"\n')
        # As if that were all it had ever known: else it would go back to the server that worked (test_collector_trust.py).
        os.unlink(os.path.join(state, "trust.json"))
        before = len(collector.log())
        with open(collector.log_path, "ab") as out:
            self.processes.append(subprocess.Popen([os.path.join(BIN, "chancery-collector"), "--state", state], stdout=out, stderr=out))
        await_condition(lambda: "was taken back by its CA" in collector.log(), "it refuses the removed one:\n" + collector.log())
        self.assertNotIn("connected to", collector.log()[before:], "in the handshake, before anything is said")
        self.assertFalse(collector.status().get("connected"))
        # One that does not know the list yet still connects: what was seen is the list.
        self.collector(removed, primary, name="fresh").await_connected()

    def test_a_live_session_ends_when_its_server_is_in_a_new_list(self):
        primary = self.appliance("primary", name="primary.test").start()
        removed = self.join(primary, "removed.test").start()
        collector = self.collector(removed, primary)
        collector.await_connected()
        self.assertEqual(0, primary.cli("federation", "remove", "removed.test").code)
        await_condition(lambda: "was taken back by its CA" in collector.log(), "the session has ended:\n" + collector.log())
        await_condition(lambda: not collector.status().get("connected"), "and no other one begins")


if __name__ == "__main__":
    unittest.main()
