"""What the keytool tests stand on: the real keytool in one JVM, ours beside it, and files for both to work on.

    peers = Peers(folder)
    theirs, ours = peers.both("-list", "-keystore", "s.jks", stdin="changeit\n")     # (exit, stdout, stderr) each

Both work in folders of their own (`theirs`, `mine`) on files of the same names, so that messages agree byte by byte.
"""
import base64
import os
import pathlib
import shutil
import subprocess

from harness import BIN, SOURCE, must

DRIVER = os.path.join(SOURCE, "tests", "system", "java", "KeytoolDriver.java")

# Of what Java writes, and of what is made of that: ten thousand rounds for every key and list would be most of the time.
FEW_ITERATIONS = ["-Djdk.jceks.iterationCount=10000"] + [f"-Dkeystore.pkcs12.{what}IterationCount=100" for what in ("mac", "certPbe", "keyPbe")]


class Peers:
    def __init__(self, folder, zone="UTC"):
        self.zone = zone
        self.theirs, self.mine = os.path.join(folder, "theirs"), os.path.join(folder, "mine")
        os.mkdir(self.theirs)
        os.mkdir(self.mine)
        # Backup sets go where tests may leave them.
        self.environment = dict(os.environ, LANG="C.UTF-8", TZ=zone, XDG_STATE_HOME=os.path.join(folder, "xdg"))
        self.java = subprocess.Popen(
            ["java", "--add-exports", "java.base/sun.security.tools.keytool=ALL-UNNAMED", "-Djava.security.manager=allow",
             "-XX:+UseSerialGC", *FEW_ITERATIONS, DRIVER],
            cwd=self.theirs, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=self.environment)

    def close(self):
        self.java.stdin.close()
        self.java.wait(timeout=30)
        self.java.stdout.close()

    def ask(self, *fields):
        line = ",".join(base64.b64encode(field.encode()).decode() for field in fields)
        self.java.stdin.write(line.encode() + b"\n")
        self.java.stdin.flush()
        code, out, err = self.java.stdout.readline().decode().rstrip("\n").split(" ")
        return int(code), base64.b64decode(out).decode(errors="surrogateescape"), base64.b64decode(err).decode(errors="surrogateescape")

    def real(self, *arguments, stdin=""):
        # From 17.0.17 or so it warns where nothing is to be read and there is no console; ours never echoes.
        code, out, err = self.ask("run", stdin, *arguments)
        return code, out, err.replace("[WARNING: Input may be visible on screen] ", "")

    def ours(self, *arguments, stdin=""):
        done = subprocess.run([os.path.join(BIN, "chancery"), "keytool", *arguments], cwd=self.mine, input=stdin.encode(),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.environment, timeout=60)
        return done.returncode, done.stdout.decode(errors="surrogateescape"), done.stderr.decode(errors="surrogateescape")

    def both(self, *arguments, stdin=""):
        return self.real(*arguments, stdin=stdin), self.ours(*arguments, stdin=stdin)

    def dump(self, path, *passwords):
        """Java's view of a store's content: aliases, digests of certificates and of opened keys."""
        code, out, _ = self.ask("dump", path, *passwords)
        return out if code == 0 else f"unreadable: {out}"

    def put(self, path, name=None):
        """The same file for both."""
        for folder in (self.theirs, self.mine):
            shutil.copy(path, os.path.join(folder, name or os.path.basename(path)))

    def clear(self):
        for folder in (self.theirs, self.mine):
            for name in os.listdir(folder):
                os.remove(os.path.join(folder, name))


CONFIGURATION = """
[req]
distinguished_name=dn
prompt=no
string_mask=utf8only
utf8=yes
[dn]
C=DE
ST=Bavaria
L=Munich, Old Town
O=Example "Quoted" GmbH
OU=IT + Ops
CN=zoo.example.com
emailAddress=a@example.com
[odd]
C=DE
serialNumber=12345
street=Main  Street
title=Dr
GN=Ada
SN=Lovelace
initials=AL
generationQualifier=III
dnQualifier=dq
UID=ada
1.DC=com
2.DC=example
businessCategory=Private Organization
jurisdictionC=US
postalCode=80331
CN=Ünïcode Ω 😀
[other]
C=US
O=San Org
CN=dir name
[ca]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
[leaf]
basicConstraints=CA:FALSE
subjectAltName=DNS:leaf.example.com
[server]
extendedKeyUsage=serverAuth
[code]
extendedKeyUsage=codeSigning
[stamp]
extendedKeyUsage=critical,timeStamping
[none]
[all]
basicConstraints=critical,CA:TRUE,pathlen:3
keyUsage=critical,digitalSignature,nonRepudiation,keyEncipherment,dataEncipherment,keyAgreement,keyCertSign,cRLSign,encipherOnly,decipherOnly
extendedKeyUsage=serverAuth,clientAuth,codeSigning,emailProtection,timeStamping,OCSPSigning,anyExtendedKeyUsage,ipsecEndSystem,ipsecTunnel,ipsecUser,1.3.6.1.4.1.311.20.2.2,2.16.840.1.113730.4.1,1.2.3.4.5
subjectAltName=DNS:a.example.com,DNS:*.b.example.com,IP:10.0.0.1,IP:2001:db8::1,IP:::,URI:https://x.example/y?z=1,email:me@example.com,RID:1.2.3.4,dirName:other,otherName:1.3.6.1.4.1.311.20.2.3;UTF8:user@example.com
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid:always,issuer:always
crlDistributionPoints=cdp1,cdp2
freshestCRL=cdp2
certificatePolicies=1.2.3.4,2.5.29.32.0,@policy
authorityInfoAccess=OCSP;URI:http://ocsp.example.com,caIssuers;URI:http://ca.example.com/ca.crt,1.2.3;DNS:x.example.com
subjectInfoAccess=1.3.6.1.5.5.7.48.5;URI:http://repo.example.com
nameConstraints=critical,permitted;DNS:example.com,permitted;IP:10.0.0.0/255.0.0.0,excluded;email:.bad.example,excluded;DNS:evil.example,permitted;dirName:other,excluded;IP:2001:db8::/ffff:ffff::
issuerAltName=DNS:iss.example
policyConstraints=requireExplicitPolicy:3,inhibitPolicyMapping:1
inhibitAnyPolicy=critical,2
policyMappings=1.2.3:1.5.6,1.2.4:1.5.7
nsComment="hello world"
nsCertType=server,client,email,objsign,sslCA,emailCA,objCA
tlsfeature=status_request
1.2.3.4.5.6=critical,DER:0102030405060708090a0b0c0d0e0f101112131415161718
1.2.3.4.5.7=ASN1:UTF8String:hello {|}~
2.5.29.16=ASN1:SEQUENCE:period
[period]
from=IMPLICIT:0,GENERALIZEDTIME:20200101000000Z
to=IMPLICIT:1,GENERALIZEDTIME:20300101000000Z
[few]
policyConstraints=requireExplicitPolicy:0
noCheck=ignored
crlDistributionPoints=cdp3
nameConstraints=permitted;DNS:example.com
basicConstraints=CA:FALSE
[cdp1]
fullname=URI:http://crl.example.com/a.crl,URI:ldap://x/y
CRLissuer=dirName:other
reasons=keyCompromise,CACompromise,affiliationChanged,superseded,cessationOfOperation,certificateHold,privilegeWithdrawn,AACompromise
[cdp2]
fullname=URI:http://crl2.example.com/b.crl
[cdp3]
fullname=DNS:crl.example.com
reasons=keyCompromise
[policy]
policyIdentifier=1.3.5.8
CPS.1=http://cps.example.com/
userNotice.1=@notice
[notice]
explicitText="Explicit text here"
organization="Org Name"
noticeNumbers=1,2,3
"""

EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]


class Zoo:
    """Certificates of every sort, made by openssl once and kept in one folder."""

    def __init__(self, folder):
        self.folder = folder
        with open(self.path("openssl.cnf"), "w") as file:
            file.write(CONFIGURATION)
        with open(self.path("odd.cnf"), "w") as file:
            file.write(CONFIGURATION.replace("distinguished_name=dn", "distinguished_name=odd", 1))
        self.singles()
        self.chain()
        self.files()

    def path(self, name):
        return os.path.join(self.folder, name)

    def self_signed(self, name, key, section, *more, configuration="openssl.cnf", serial="1"):
        must("openssl", "req", "-x509", "-config", self.path(configuration), *key, "-nodes", "-keyout", self.path(name + ".key"),
             "-out", self.path(name + ".crt"), "-days", "3650", "-set_serial", serial, "-extensions", section, *more)

    def singles(self):
        curve = lambda name: ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:" + name]
        self.self_signed("all", EC, "all", serial="0x00ff12345678")
        self.self_signed("few", EC, "few", serial="-7")
        self.self_signed("odd", EC, "ca", configuration="odd.cnf", serial="0")
        self.self_signed("rsa2048", ["-newkey", "rsa:2048"], "ca", serial="0x8000000000000000")
        self.self_signed("rsa1024", ["-newkey", "rsa:1024"], "leaf")
        self.self_signed("rsa512", ["-newkey", "rsa:512"], "leaf")
        self.self_signed("sha1", ["-key", self.path("rsa2048.key")], "ca", "-sha1")
        self.self_signed("sha1server", ["-key", self.path("rsa2048.key")], "server", "-sha1")
        self.self_signed("sha1code", ["-key", self.path("rsa2048.key")], "code", "-sha1")
        self.self_signed("sha1stamp", ["-key", self.path("rsa2048.key")], "stamp", "-sha1")
        self.self_signed("md5", ["-key", self.path("rsa2048.key")], "ca", "-md5")
        self.self_signed("sha512", ["-key", self.path("rsa2048.key")], "none", "-sha512")
        self.self_signed("pss", ["-key", self.path("rsa2048.key")], "ca", "-sigopt", "rsa_padding_mode:pss")
        self.self_signed("p384", curve("P-384"), "ca", "-sha384")
        self.self_signed("p521", curve("P-521"), "ca", "-sha1")
        self.self_signed("p192", curve("prime192v1"), "ca")
        self.self_signed("k1", curve("secp256k1"), "ca")
        self.self_signed("brainpool", curve("brainpoolP256r1"), "ca")
        self.self_signed("ed25519", ["-newkey", "ed25519"], "ca")
        self.self_signed("ed448", ["-newkey", "ed448"], "ca")
        must("openssl", "genpkey", "-genparam", "-algorithm", "DSA", "-pkeyopt", "dsa_paramgen_bits:1024", "-out", self.path("dsa.pem"))
        must("openssl", "genpkey", "-paramfile", self.path("dsa.pem"), "-out", self.path("dsa.key"))
        self.self_signed("dsa", ["-key", self.path("dsa.key")], "ca")
        must("openssl", "req", "-new", "-config", self.path("openssl.cnf"), "-key", self.path("rsa2048.key"), "-out", self.path("v1.csr"))
        must("openssl", "x509", "-req", "-in", self.path("v1.csr"), "-signkey", self.path("rsa2048.key"), "-days", "20000",
             "-out", self.path("v1.crt"))

    def issued(self, name, issuer, section, subject):
        must("openssl", "req", "-new", "-config", self.path("openssl.cnf"), *EC, "-nodes", "-keyout", self.path(name + ".key"),
             "-subj", subject, "-out", self.path(name + ".csr"))
        must("openssl", "x509", "-req", "-in", self.path(name + ".csr"), "-CA", self.path(issuer + ".crt"),
             "-CAkey", self.path(issuer + ".key"), "-CAcreateserial", "-days", "900", "-extfile", self.path("openssl.cnf"),
             "-extensions", section, "-out", self.path(name + ".crt"))

    def chain(self):
        self.self_signed("root", EC, "ca", "-subj", "/CN=Root/O=Chain")
        self.issued("sub", "root", "ca", "/CN=Sub/O=Chain")
        self.issued("leaf", "sub", "leaf", "/CN=leaf.example.com/O=Chain")
        self.issued("orphan", "sub", "leaf", "/CN=orphan.example.com/O=Chain")

    def files(self):
        read = lambda name: pathlib.Path(self.path(name)).read_text()
        with open(self.path("bundle.pem"), "w") as file:
            file.write("a comment\n" + read("leaf.crt") + "between\n" + read("sub.crt") + read("root.crt"))
        with open(self.path("crlf.pem"), "w", newline="") as file:
            file.write(read("root.crt").replace("\n", "\r\n"))
        with open(self.path("garbage.pem"), "w") as file:
            file.write("this is no certificate\n")
        open(self.path("empty"), "w").close()
        must("openssl", "x509", "-in", self.path("root.crt"), "-outform", "DER", "-out", self.path("root.der"))
        for form, name in (("PEM", "chain.p7b"), ("DER", "chain.p7c")):
            must("openssl", "crl2pkcs7", "-nocrl", "-certfile", self.path("bundle.pem"), "-outform", form, "-out", self.path(name))
