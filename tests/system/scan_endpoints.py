"""testssl.sh and nmap's TLS scripts on every endpoint of a running federation; minutes an endpoint. `./dev scan [ENDPOINT…]`.

No finding above low is allowed, but for what an ad-hoc CA necessarily gives: no public chain, no CAA, no transparency log, no OCSP."""
import json
import os
import re
import subprocess
import sys

from harness import SystemTest

ADHOC = ("cert_chain_of_trust", "cert_trust", "cert_revocation", "cert_caIssuers", "DNS_CAArecord", "certificate_transparency", "cert_crlDistributionPoints",
         "cert_ocspURL", "OCSP_stapling", "cert_mustStapleExtension", "overall_grade", "grade_cap_reason", "scanProblem", "scanTime")
# Those that look at a TLS server; nmap's wording where one finds something.
SCRIPTS = "ssl-enum-ciphers,ssl-dh-params,ssl-heartbleed,ssl-poodle,ssl-ccs-injection,sslv2,sslv2-drown,ssl-known-key,tls-ticketbleed,rsa-vuln-roca"
WEAK = re.compile(r"VULNERABLE|least strength: [B-F]|SSLv[23]|TLSv1\.[01]\b|WEAK|_NULL|NULL_|EXPORT|RC4|3DES")


class Scan(SystemTest):
    def runTest(self):
        raise NotImplementedError

    def endpoints(self):
        primary, secondary = self.federation()
        self.root = primary.root()
        return {"console": primary.console, "portal": primary.portal, "portal-collector": primary.collectors, "join": primary.join,
                "secondary's console": secondary.console, "engine": secondary.engine, "engine-api": secondary.engine_api, "engine-collector": secondary.collectors}

    def testssl(self, port):
        report = os.path.join(self.folder, f"{port}.json")
        subprocess.run(["testssl", "--quiet", "--color", "0", "--warnings", "off", "--nodns", "min", "--add-ca", self.root, "--jsonfile", report, f"localhost:{port}"],
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=1800)
        with open(report) as file:
            findings = json.load(file)
        above = [f for f in findings if f["severity"] in ("MEDIUM", "HIGH", "CRITICAL", "FATAL") and not f["id"].startswith(ADHOC)]
        return len(findings), [f"{f['severity']} {f['id']}: {f['finding']}" for f in above]

    def nmap(self, port):
        done = subprocess.run(["nmap", "-Pn", "-n", "-sV", "--version-light", "-p", str(port), "--script", SCRIPTS, "127.0.0.1"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=1800)
        text = done.stdout.decode(errors="replace")
        if f"{port}/tcp open" not in text:
            return [f"nmap does not find the port open:\n{text}"]
        return [line.strip() for line in text.splitlines() if WEAK.search(line)]


def main(wanted):
    scan = Scan()
    scan.setUp()
    failed = 0
    try:
        for name, port in scan.endpoints().items():
            if wanted and name not in wanted:
                continue
            count, above = scan.testssl(port)
            above += scan.nmap(port)
            failed += bool(above) or count < 40
            print(f"{name}: {count} findings of testssl, above low: {len(above)}", flush=True)
            for line in above:
                print("   ", line)
    finally:
        scan.doCleanups()
    print("FAIL" if failed else "PASS")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
