"""`cert replace` on running programs, looked at by openssl, curl, GnuTLS and Java; and refusals that move nothing."""
import os
import shutil
import subprocess
import unittest

from harness import BIN, SystemTest, TOOLS, forged, must, needs_tools, run, served_chain, tree_digest


class ReplaceLive(SystemTest):
    def test_one_operation_covers_the_group_of_a_primary(self):
        """P4: console and portal, its collector traffic on the shared port included; the custom port is left alone."""
        primary = self.appliance("primary").start()
        before = served_chain(primary.collectors)
        pki = self.pki()
        leaf = pki.leaf(["appliance.test", "localhost"])
        done = primary.cli("cert", "replace", *pki.files(leaf))
        self.assertEqual(0, done.code, done)
        for port in (primary.console, primary.portal):
            self.assertEqual(pki.sent(leaf), served_chain(port))
        self.assertEqual(pki.sent(leaf), served_chain(primary.portal, alpn="chancery-collector/1"))
        self.assertEqual(before, served_chain(primary.collectors))

    def test_one_operation_covers_the_group_of_a_secondary(self):
        """P5: console and engine, on the shared port and on the Web API's own."""
        _, secondary = self.federation()
        pki = self.pki()
        leaf = pki.leaf(["secondary.test", "localhost"])
        self.assertEqual(0, secondary.cli("cert", "replace", *pki.files(leaf)).code)
        for port in (secondary.console, secondary.engine, secondary.engine_api):
            self.assertEqual(pki.sent(leaf), served_chain(port))

    @needs_tools
    def test_every_kind_of_chain_is_served_complete_and_accepted_by_independent_clients(self):
        primary = self.appliance("primary").start()
        for kind in ("ec", "rsa", "ed25519"):
            with self.subTest(kind):
                pki = self.pki(kind, kind)
                leaf = pki.leaf(["appliance.test", "localhost"])
                done = primary.cli("cert", "replace", *pki.files(leaf))
                self.assertEqual(0, done.code, done)
                self.assertEqual(pki.sent(leaf), served_chain(primary.portal))
                checked = run("bash", os.path.join(TOOLS, "chain.sh"), f"127.0.0.1:{primary.portal}", "localhost", pki.root)
                self.assertIn("PASS", checked.stdout.decode(), checked)
                pair = run("bash", os.path.join(TOOLS, "paircheck.sh"), primary.file("identities/portal/certificate.pem"),
                           primary.file("identities/portal/key.pem"), pki.root, primary.file("identities/portal/intermediate.crt"))
                self.assertEqual(0, pair.returncode, pair)

    def test_a_chain_of_easy_rsa(self):
        primary = self.appliance("primary").start()
        folder = os.path.join(self.folder, "easy")
        easy = "/usr/share/easy-rsa/easyrsa"
        env = {**os.environ, "EASYRSA_BATCH": "1", "EASYRSA_PKI": folder, "EASYRSA_ALGO": "ec", "EASYRSA_CURVE": "prime256v1",
               "EASYRSA_REQ_CN": "Easy Root"}
        for step in (["init-pki"], ["build-ca", "nopass"]):
            must(easy, *step, env=env, cwd=self.folder)
        must(easy, "--subject-alt-name=DNS:appliance.test,DNS:localhost", "build-server-full", "appliance.test", "nopass",
             env={k: v for k, v in env.items() if k != "EASYRSA_REQ_CN"}, cwd=self.folder)
        certificate, key = f"{folder}/issued/appliance.test.crt", f"{folder}/private/appliance.test.key"
        done = primary.cli("cert", "replace", "--certificate", certificate, "--key", key, "--also-trust", f"{folder}/ca.crt")
        self.assertEqual(0, done.code, done)
        self.assertIn("Verify return code: 0", run("openssl", "s_client", "-connect", f"127.0.0.1:{primary.portal}", "-CAfile",
                                                   f"{folder}/ca.crt", "-verify_hostname", "localhost").stdout.decode())

    def test_refusals_move_nothing(self):
        """Each bad input: exit 1, its code, and neither the generation nor a byte nor the served certificate has moved."""
        primary = self.appliance("primary").start()
        pki = self.pki()
        good, other = pki.leaf(["appliance.test", "localhost"]), pki.leaf(["appliance.test", "localhost"])
        elsewhere = pki.leaf(["elsewhere.test"])
        garbage = os.path.join(self.folder, "garbage.pem")
        with open(garbage, "wb") as file:
            file.write(os.urandom(2000))
        empty = os.path.join(self.folder, "empty.pem")
        open(empty, "w").close()
        crt, key = (lambda n: pki.path(n + ".crt")), (lambda n: pki.path(n + ".key"))
        base = ["--intermediate", pki.intermediates, "--also-trust", pki.root]
        cases = {
            "key-mismatch": ["--certificate", crt(good), "--key", key(other), *base],
            "missing-intermediate": ["--certificate", crt(good), "--key", key(good), "--also-trust", pki.root],
            "untrusted-root": ["--certificate", crt(good), "--key", key(good), "--intermediate", pki.intermediates],
            "name-mismatch": ["--certificate", crt(elsewhere), "--key", key(elsewhere), *base],
            "not-pem": ["--certificate", garbage, "--key", key(good), *base],
            "empty-input": ["--certificate", empty, "--key", key(good), *base],
        }
        before = primary.in_force(), served_chain(primary.portal), served_chain(primary.console)
        for code, arguments in cases.items():
            with self.subTest(code):
                done = primary.cli("--json", "cert", "replace", *arguments)
                self.assertEqual(1, done.code, done)
                answer = done.json()
                self.assertIn("error", answer)
                self.assertIn(code, [f["code"] for f in answer["report"]["findings"] if f["severity"] == "error"], answer)
                self.assertTrue(all(f["hint"] and f["message"] for f in answer["report"]["findings"]), answer)
                self.assertEqual(before, (primary.in_force(), served_chain(primary.portal), served_chain(primary.console)))
        missing = primary.cli("cert", "replace", "--certificate", os.path.join(self.folder, "nowhere.pem"), "--key", key(good))
        self.assertEqual(1, missing.code, missing)
        self.assertIn("hint:", missing.err)
        self.assertEqual(before[0], primary.in_force())

    def test_a_dry_run_changes_nothing_and_says_what_would(self):
        primary = self.appliance("primary").start()
        pki = self.pki()
        leaf = pki.leaf(["appliance.test", "localhost"])
        before = primary.in_force(), served_chain(primary.portal)
        done = primary.cli("cert", "replace", *pki.files(leaf), "--dry-run")
        self.assertEqual(0, done.code, done)
        self.assertIn("identities/portal/", done.out)
        self.assertEqual(before, (primary.in_force(), served_chain(primary.portal)))

    def test_reset_restore_and_rollback_are_served_at_once(self):
        """P8, P16, P17 and C1 on running programs."""
        primary = self.appliance("primary").start()
        default = served_chain(primary.portal)
        pki = self.pki()
        leaf = pki.leaf(["appliance.test", "localhost"])
        self.assertEqual(0, primary.cli("cert", "replace", *pki.files(leaf)).code)
        custom = primary.generation()
        sets = primary.json("backup", "list")["sets"]
        self.assertEqual(["console", "portal"], sets[0]["component"].split("+")[:2])
        self.assertTrue(sets[0]["verified"])
        self.assertEqual(0, primary.cli("cert", "reset", "portal").code)
        self.assertEqual(default, served_chain(primary.portal))
        self.assertEqual(pki.sent(leaf), served_chain(primary.console))
        self.assertEqual(0, primary.cli("generation", "rollback", str(int(custom.split("/")[1]))).code)
        self.assertEqual(pki.sent(leaf), served_chain(primary.portal))
        self.assertEqual(0, primary.cli("backup", "restore", sets[0]["id"]).code)
        self.assertEqual(default, served_chain(primary.portal))
        self.assertNotEqual(custom, primary.generation(), "numbers are never used again")

    def test_restoring_works_when_nothing_runs_and_counts_when_it_does_again(self):
        primary = self.appliance("primary").start()
        pki = self.pki()
        leaf = pki.leaf(["appliance.test", "localhost"])
        default = served_chain(primary.portal)
        self.assertEqual(0, primary.cli("cert", "replace", *pki.files(leaf)).code)
        modes = {n: os.stat(primary.file(f"identities/portal/{n}")).st_mode for n in os.listdir(primary.file("identities/portal"))}
        primary.stop()
        newest = primary.json("backup", "list")["sets"][0]["id"]
        done = primary.cli("backup", "restore", newest)
        self.assertEqual(0, done.code, done)
        self.assertEqual(modes, {n: os.stat(primary.file(f"identities/portal/{n}")).st_mode for n in os.listdir(primary.file("identities/portal"))})
        primary.start()
        self.assertEqual(default, served_chain(primary.portal))

    def test_hand_edits_are_drift_and_are_adopted_or_undone(self):
        """D4 and C1: an edit in current/ reaches no other generation; doctor shows it; adopt takes what is valid."""
        primary = self.appliance("primary").start()
        pki = self.pki()
        first, second = pki.leaf(["appliance.test", "localhost"]), pki.leaf(["appliance.test", "localhost"])
        self.assertEqual(0, primary.cli("cert", "replace", *pki.files(first)).code)
        older = os.path.join(primary.state, "generations", "000001")
        digest = tree_digest(older)
        for name, source in (("certificate.pem", second + ".crt"), ("key.pem", second + ".key")):
            with open(pki.path(source), "rb") as new, open(primary.file("identities/portal/" + name), "wb") as old:
                old.write(new.read())
        self.assertEqual(digest, tree_digest(older))
        doctor = primary.cli("--json", "doctor")
        self.assertGreaterEqual(doctor.code, 1, doctor)
        self.assertIn("drift", doctor.out)
        self.assertEqual(pki.sent(first), served_chain(primary.portal), "the old one stays in force until it is adopted")
        done = primary.cli("generation", "adopt")
        self.assertEqual(0, done.code, done)
        self.assertEqual(pki.sent(second), served_chain(primary.portal))
        # A key that does not match is not adopted.
        shutil.copyfile(pki.path(first + ".key"), primary.file("identities/portal/key.pem"))
        generation = primary.generation()
        self.assertEqual(1, primary.cli("generation", "adopt").code)
        self.assertEqual((generation, pki.sent(second)), (primary.generation(), served_chain(primary.portal)))

    def test_hand_edits_are_undone_to_the_byte_and_the_mode(self):
        """D4 and C1: whatever was edited in current/ is again what the last change put in force, and served."""
        primary = self.appliance("primary").start()
        pki = self.pki()
        leaf, other = pki.leaf(["appliance.test", "localhost"]), pki.leaf(["appliance.test", "localhost"])
        self.assertEqual(0, primary.cli("cert", "replace", *pki.files(leaf)).code)
        self.assertEqual("unchanged", primary.json("generation", "undo")["outcome"])

        def contents():
            found = {}
            for folder, _, names in os.walk(primary.file("")):
                for name in set(names) - {"manifest.json"}:
                    with open(os.path.join(folder, name), "rb") as file:
                        found[os.path.join(folder[len(primary.file("")):], name)] = (os.fstat(file.fileno()).st_mode, file.read())
            return found

        before, generation = contents(), primary.generation()
        shutil.copyfile(pki.path(other + ".crt"), primary.file("identities/portal/certificate.pem"))
        shutil.copyfile(pki.path(leaf + ".key"), primary.file("identities/console/key.pem"))
        with open(primary.file("trust/portal/cacerts"), "w") as file:
            file.write("not a keystore\n")
        with open(primary.file("endpoints/console.toml"), "w") as file:
            file.write("= damaged")
        os.chmod(primary.file("identities/portal/key.pem"), 0o644)
        os.remove(primary.file("customer-key/customer.key"))
        os.symlink("/etc/passwd", primary.file("identities/portal/link"))
        with open(primary.file("consumers\\left by an editor"), "w"):
            pass
        doctor = primary.cli("--json", "doctor")
        drift = next(check for check in doctor.json()["checks"] if check["check"] == "drift")
        self.assertEqual(("warning", True, True), (drift["status"], "generation adopt" in drift["hint"], "generation undo" in drift["hint"]), drift)
        planned = primary.json("generation", "undo", "--dry-run")
        self.assertEqual("planned", planned["outcome"])
        self.assertIn("trust/portal/cacerts", [file["path"] for file in planned["plan"]["files"]])
        self.assertEqual(generation, primary.generation())
        done = primary.cli("--json", "generation", "undo")
        self.assertEqual(0, done.code, done)
        self.assertEqual({"console", "portal"}, {proof["identity"] for proof in done.json()["proofs"] if proof["ok"]} & {"console", "portal"}, done)
        self.assertNotEqual(generation, primary.generation())
        self.assertEqual(before, contents())
        for port in (primary.portal, primary.console):
            self.assertEqual(pki.sent(leaf), served_chain(port))
        self.assertEqual(0, primary.json("status")["drift"])
        # The manifest itself, with everything else: the copy is all it takes, also when nothing runs.
        primary.stop()
        os.remove(primary.file("manifest.json"))
        shutil.rmtree(primary.file("identities"))
        done = primary.cli("generation", "undo")
        self.assertEqual(0, done.code, done)
        self.assertEqual(before, contents())
        kept = [name[:-4] for name in os.listdir(os.path.join(primary.state, "backups", "pristine"))]
        self.assertIn(os.path.basename(primary.generation()), kept)
        self.assertLessEqual(len(kept), 2, kept)
        self.assertTrue(all(each["verified"] for each in primary.json("backup", "list")["sets"]))

    def test_a_pristine_copy_that_was_tampered_with_undoes_nothing(self):
        primary = self.appliance("primary").start()
        default = served_chain(primary.portal)
        with open(primary.file("identities/portal/key.pem"), "ab") as file:
            file.write(b"edited\n")
        with open(os.path.join(primary.state, "backups", "pristine", "000001.zip"), "rb") as file:
            good = file.read()
        before = primary.in_force(), default
        middle = len(good) // 2
        with open(primary.file("identities/console/key.pem"), "rb") as file:
            another_key = file.read()
        damages = {"flipped": good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1:], "cut": good[:middle], "empty": b"",
                   "forged": forged(os.path.join(primary.state, "backups", "pristine", "000001.zip"), "identities/portal/key.pem", another_key)}
        for damage, content in damages.items():
            with self.subTest(damage):
                with open(os.path.join(primary.state, "backups", "pristine", "000001.zip"), "wb") as file:
                    file.write(content)
                refused = primary.cli("generation", "undo")
                self.assertEqual(1, refused.code, refused)
                self.assertIn("cannot be believed", refused.err)
                self.assertIn("generation adopt", refused.err)
                self.assertEqual(before, (primary.in_force(), served_chain(primary.portal)))
        os.remove(os.path.join(primary.state, "backups", "pristine", "000001.zip"))
        self.assertEqual(1, primary.cli("generation", "undo").code)
        self.assertEqual(before, (primary.in_force(), served_chain(primary.portal)))
        # Nor is the copy of another generation believed.
        with open(os.path.join(primary.state, "backups", "pristine", "000001.zip"), "wb") as file:
            file.write(good)
        self.assertEqual(0, primary.cli("generation", "undo").code)
        self.assertEqual(default, served_chain(primary.portal))
        with open(primary.file("identities/portal/key.pem"), "ab") as file:
            file.write(b"edited\n")
        before = primary.in_force(), default
        with open(os.path.join(primary.state, "backups", "pristine", "000002.zip"), "wb") as file:
            file.write(good)
        self.assertEqual(1, primary.cli("generation", "undo").code)
        self.assertEqual(before, (primary.in_force(), served_chain(primary.portal)))

    def test_the_cli_works_the_same_with_and_without_a_manager(self):
        primary = self.appliance("primary").start("console", "portal")
        pki = self.pki()
        leaf = pki.leaf(["appliance.test", "localhost"])
        self.assertEqual(0, primary.cli("cert", "replace", *pki.files(leaf)).code)
        self.assertEqual(pki.sent(leaf), served_chain(primary.portal))

    def test_twenty_at_once_serialise(self):
        """Threat 20: each says done or busy, one backup set a success, the end state is one of the inputs."""
        primary = self.appliance("primary").start()
        pki = self.pki()
        leaves = [pki.leaf(["appliance.test", "localhost"]) for _ in range(4)]
        before = len(primary.json("backup", "list")["sets"])
        running = [subprocess.Popen([os.path.join(BIN, "chancery"), "--state", primary.state, "--json", "cert", "replace",
                                     *pki.files(leaves[i % 4])], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                   for i in range(20)]
        codes = []
        unchanged = 0
        for process in running:
            out, err = process.communicate(timeout=120)
            codes.append(process.returncode)
            unchanged += b'"unchanged"' in out
            if process.returncode != 0:
                self.assertIn(b"busy", out + err)
        done = codes.count(0) - unchanged
        self.assertGreaterEqual(done, 1)
        self.assertEqual(before + done, len(primary.json("backup", "list")["sets"]))
        self.assertIn(served_chain(primary.portal), [pki.sent(leaf) for leaf in leaves])
        self.assertEqual(served_chain(primary.portal), served_chain(primary.console))


if __name__ == "__main__":
    unittest.main()
