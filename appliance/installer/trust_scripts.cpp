// How the root gets into the trust stores of operating systems: the makers' own commands, as scripts.
#include <algorithm>
#include <cctype>

#include "appliance/installer/installer.h"
#include "keystore/bytes/text_encoding.h"

namespace chancery::installer {
namespace {

struct Root {
  std::string name;  // "root-3fa9c2107b44e6d1"
  const Certificate& certificate;
};

InstallerFile text_file(std::string path, const std::string& text, mode_t mode = 0644) {
  return {.path = std::move(path), .mode = mode, .bytes = secret_copy(text)};
}

std::string with_dos_line_ends(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '\n' ? std::string("\r\n") : std::string(1, c);
  return out;
}

// The shape of a UUID from a fingerprint: the same root has the same one in every profile, so that a profile that is
// installed again replaces itself.
std::string uuid_of(const std::string& hex, std::size_t from) {
  std::string text = hex.substr(from, 8) + "-" + hex.substr(from + 8, 4) + "-4" + hex.substr(from + 13, 3) + "-8" +
                     hex.substr(from + 17, 3) + "-" + hex.substr(from + 20, 12);
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

std::string linux_script(const std::vector<Root>& roots) {
  std::string text = R"SH(#!/bin/sh
# Adds the federation's root to the trust store of this Linux machine (as root). TESTED on Debian 12.
# The commands for Red Hat and SUSE are those of their manuals and were not run by the makers.
#   sh trust-root.sh            adds it          sh trust-root.sh --remove    takes it away again
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
if command -v update-ca-certificates >/dev/null 2>&1; then
  if [ -d /etc/pki/trust/anchors ]; then folder=/etc/pki/trust/anchors; else folder=/usr/local/share/ca-certificates; fi
  refresh=update-ca-certificates
elif command -v update-ca-trust >/dev/null 2>&1; then
  folder=/etc/pki/ca-trust/source/anchors
  refresh=update-ca-trust
else
  echo 'trust-root.sh: neither update-ca-certificates nor update-ca-trust is here' >&2
  echo 'hint: install the package ca-certificates' >&2
  exit 1
fi
one() { # NAME SHA256
  if [ "${mode:-add}" = remove ]; then rm -f -- "$folder/chancery-$1.crt"; return; fi
  found=$(openssl x509 -in "$here/../$1.crt" -outform DER | sha256sum | cut -d' ' -f1)
  if [ "$found" != "$2" ]; then echo "trust-root.sh: $1.crt is not the root that was packed" >&2; exit 1; fi
  install -m 0644 -- "$here/../$1.crt" "$folder/chancery-$1.crt"
}
if [ "${1:-}" = --remove ]; then mode=remove; fi
)SH";
  for (const Root& root : roots) text += "one " + root.name + " " + root.certificate.fingerprint() + "\n";
  return text + "$refresh\n";
}

std::string windows_script(const std::vector<Root>& roots) {
  std::string text = R"BAT(@echo off
rem Adds the federation's root to "Trusted Root Certification Authorities" of this computer (Cert:\LocalMachine\Root,
rem what certlm.msc shows), or takes it away again with --remove. Run it as administrator.
rem With chancery-trust.exe beside it: TESTED under Wine, not on Windows itself. Without: certutil, which is part of
rem Windows, by its documented options, NOT TESTED, and --remove is yours to do in certlm.msc.
rem For a domain use a group policy instead: Computer Configuration, Windows Settings, Security Settings, Public Key
rem Policies, Trusted Root Certification Authorities, Import.
if not exist "%~dp0chancery-trust.exe" goto certutil
if /i "%~1"=="--remove" goto remove
)BAT";
  for (const Root& root : roots) {
    text += "\"%~dp0chancery-trust.exe\" add --machine --store Root --file \"%~dp0..\\" + root.name +
            ".cer\" --sha256 " + root.certificate.fingerprint() + "\nif errorlevel 1 exit /b 1\n";
  }
  text += "exit /b 0\n:remove\n";
  for (const Root& root : roots) {
    text += "\"%~dp0chancery-trust.exe\" remove --machine --store Root --sha256 " + root.certificate.fingerprint() +
            "\nif errorlevel 1 exit /b 1\n";
  }
  text += R"BAT(exit /b 0
:certutil
if /i "%~1"=="--remove" (
  echo import-root.cmd: chancery-trust.exe is not here to remove it: use certlm.msc
  exit /b 1
)
net session >nul 2>&1
if errorlevel 1 (
  echo import-root.cmd: this must run as administrator
  exit /b 1
)
)BAT";
  for (const Root& root : roots) {
    text += "certutil -hashfile \"%~dp0..\\" + root.name + ".cer\" SHA256 | findstr /i /c:\"" +
            root.certificate.fingerprint() + "\" >nul\n";
    text += "if errorlevel 1 (\n  echo import-root.cmd: " + root.name +
            ".cer is not the root that was packed\n  exit /b 1\n)\n";
    text += "certutil -addstore -f Root \"%~dp0..\\" + root.name + ".cer\"\nif errorlevel 1 exit /b 1\n";
  }
  return with_dos_line_ends(text);
}

std::string powershell_script(const std::vector<Root>& roots) {
  std::string text =
      R"PS(# The same as import-root.cmd, for PowerShell (as administrator). NOT TESTED on Windows by the makers.
$ErrorActionPreference = 'Stop'
$program = Join-Path $PSScriptRoot 'chancery-trust.exe'
)PS";
  for (const Root& root : roots) {
    const std::string fingerprint = root.certificate.fingerprint();
    text += "$file = Join-Path $PSScriptRoot '..\\" + root.name + ".cer'\n";
    text += "if (Test-Path $program) {\n  & $program add --machine --store Root --file $file --sha256 " + fingerprint +
            "\n  if ($LASTEXITCODE -ne 0) { exit 1 }\n} else {\n";
    text += "  if ((Get-FileHash -Algorithm SHA256 $file).Hash -ne '" + fingerprint +
            "') { throw \"$file is not the root that was packed\" }\n";
    text += "  Import-Certificate -FilePath $file -CertStoreLocation Cert:\\LocalMachine\\Root\n}\n";
  }
  return with_dos_line_ends(text);
}

std::string macos_script(const std::vector<Root>& roots) {
  std::string text = R"SH(#!/bin/sh
# Trusts the federation's root on this Mac, for all its users (sudo). NOT TESTED on macOS by the makers: the documented
# options of `security`. Since macOS 11 it asks for an administrator's consent; for many Macs use the profile
# root.mobileconfig through your device management instead.
#   sudo sh trust-root.sh
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
one() { # NAME SHA256
  found=$(shasum -a 256 "$here/../$1.cer" | cut -d' ' -f1)
  if [ "$found" != "$2" ]; then echo "trust-root.sh: $1.cer is not the root that was packed" >&2; exit 1; fi
  security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain "$here/../$1.cer"
}
)SH";
  for (const Root& root : roots) text += "one " + root.name + " " + root.certificate.fingerprint() + "\n";
  return text;
}

std::string in_lines(const std::string& base64) {
  std::string out;
  for (std::size_t at = 0; at < base64.size(); at += 68) out += "\t\t\t" + base64.substr(at, 68) + "\n";
  return out;
}

// A configuration profile with one payload for each root (Apple's Device Management, "CertificateRoot").
std::string macos_profile(const std::vector<Root>& roots) {
  std::string payloads;
  for (const Root& root : roots) {
    const std::string hex = root.certificate.fingerprint();
    payloads +=
        "\t\t<dict>\n\t\t\t<key>PayloadType</key>\n\t\t\t<string>com.apple.security.root</string>\n"
        "\t\t\t<key>PayloadVersion</key>\n\t\t\t<integer>1</integer>\n"
        "\t\t\t<key>PayloadIdentifier</key>\n\t\t\t<string>chancery." +
        root.name +
        "</string>\n"
        "\t\t\t<key>PayloadUUID</key>\n\t\t\t<string>" +
        uuid_of(hex, 0) +
        "</string>\n"
        "\t\t\t<key>PayloadDisplayName</key>\n\t\t\t<string>Chancery " +
        root.name +
        "</string>\n"
        "\t\t\t<key>PayloadCertificateFileName</key>\n\t\t\t<string>" +
        root.name +
        ".cer</string>\n"
        "\t\t\t<key>PayloadContent</key>\n\t\t\t<data>\n" +
        in_lines(to_base64(root.certificate.der())) + "\t\t\t</data>\n\t\t</dict>\n";
  }
  const std::string hex = roots.front().certificate.fingerprint();
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
         "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n"
         "<!-- NOT TESTED on macOS by the makers: open it in System Settings, or give it to your device management. "
         "-->\n"
         "<plist version=\"1.0\">\n<dict>\n\t<key>PayloadContent</key>\n\t<array>\n" +
         payloads +
         "\t</array>\n\t<key>PayloadDisplayName</key>\n\t<string>Chancery: root of the federation</string>\n"
         "\t<key>PayloadIdentifier</key>\n\t<string>chancery.roots." +
         hex.substr(0, 16) +
         "</string>\n"
         "\t<key>PayloadScope</key>\n\t<string>System</string>\n"
         "\t<key>PayloadType</key>\n\t<string>Configuration</string>\n"
         "\t<key>PayloadUUID</key>\n\t<string>" +
         uuid_of(hex, 32) +
         "</string>\n"
         "\t<key>PayloadVersion</key>\n\t<integer>1</integer>\n</dict>\n</plist>\n";
}

}  // namespace

std::vector<InstallerFile> trust_files(const std::vector<Certificate>& certificates, const Bytes& windows_trust) {
  std::vector<InstallerFile> files;
  if (certificates.empty()) return files;
  std::vector<Root> roots;
  for (const Certificate& each : certificates) roots.push_back({"root-" + each.fingerprint().substr(0, 16), each});
  for (const Root& root : roots) {
    const Bytes& der = root.certificate.der();
    files.push_back(text_file("trust/" + root.name + ".crt", root.certificate.to_pem()));
    files.push_back(
        {.path = "trust/" + root.name + ".cer", .mode = 0644, .bytes = SecretBytes(der.begin(), der.end())});
  }
  files.push_back(text_file("trust/linux/trust-root.sh", linux_script(roots), 0755));
  files.push_back(text_file("trust/windows/import-root.cmd", windows_script(roots)));
  files.push_back(text_file("trust/windows/import-root.ps1", powershell_script(roots)));
  if (!windows_trust.empty()) {
    files.push_back({.path = "trust/windows/chancery-trust.exe",
                     .mode = 0755,
                     .bytes = SecretBytes(windows_trust.begin(), windows_trust.end())});
  }
  files.push_back(text_file("trust/macos/trust-root.sh", macos_script(roots), 0755));
  files.push_back(text_file("trust/macos/root.mobileconfig", macos_profile(roots)));
  return files;
}

}  // namespace chancery::installer
