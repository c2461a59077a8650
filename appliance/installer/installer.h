// An installer for endpoints (P25): a zip with the collector, its settings, the Customer Key, the public half of the
// repair key, the root where it is pinned, an install script and a systemd unit; and scripts that distribute the root to
// the trust stores of Linux, Windows and macOS.
//
//   InstallerParts parts{.collector = …, .settings = {.servers = {"engine.example.com:443"}}, …};
//   SecretBytes zip = write_installer(parts, now);
//
// Everything lies in one folder, chancery-collector/, with a README.txt that tells what was tested and what was not, and
// SHA256SUMS that install.sh compares first. The Customer Key is in it as it is: whoever has the zip can be admitted as a
// collector, until `chancery customer-key rotate`. Equal parts and time give equal bytes. Not checked: whether the root
// fits what is served. Failure("too-large") for a collector of more than 64 MiB. Thread safety: pure functions.
#pragma once

#include <string>
#include <vector>

#include "keystore/bytes/secret.h"
#include "keystore/x509/certificate.h"
#include "keystore/x509/instant.h"

namespace chancery::installer {

struct InstallerParts {
  Bytes collector;                   // the program
  Bytes windows_trust = {};          // chancery-trust.exe, which the scripts for Windows use; empty: they do without
  std::vector<std::string> servers;  // HOST:PORT of engines, tried in order
  std::string portal;                // or HOST:PORT of the portal that assigns one
  std::vector<std::string> tags;     // what assignment rules look at
  SecretBytes customer_key;
  std::string repair_key;                // repair::write_shipped_key: public
  std::vector<Certificate> pinned;       // trusted and nothing else; empty: the operating system's store
  std::vector<Certificate> distributed;  // what the trust scripts bring to operating systems; may be empty
  std::string made_by;                   // "primary.example.com, chancery 1.0"
};

struct InstallerFile {
  std::string path;
  mode_t mode = 0644;
  SecretBytes bytes;
};

[[nodiscard]] std::vector<InstallerFile> installer_files(const InstallerParts& parts, Instant when);
[[nodiscard]] SecretBytes write_installer(const std::vector<InstallerFile>& files, Instant when);

// Texts of the folder, each in a source of its own.
[[nodiscard]] std::string install_script();  // install.sh
[[nodiscard]] std::string unit_template();   // chancery-collector.service, with @…@ to be filled in
[[nodiscard]] std::string collector_settings(const InstallerParts& parts);
[[nodiscard]] std::string readme(const InstallerParts& parts, Instant when);
// trust/…
[[nodiscard]] std::vector<InstallerFile> trust_files(const std::vector<Certificate>& roots, const Bytes& windows_trust);

}  // namespace chancery::installer
