#include "appliance/installer/installer.h"

namespace chancery::installer {
namespace {

std::string listed(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

}  // namespace

std::string readme(const InstallerParts& parts, Instant when) {
  std::string text =
      "Chancery collector, made by " + parts.made_by + " at " + to_rfc3339(when) +
      "\n\nKeep this folder to yourself: customer.key in it admits collectors. Delete it, and the zip, when the\n"
      "collector is installed.\n\nWhere it connects   ";
  text += parts.portal.empty() ? listed(parts.servers) : "the engine that the portal " + parts.portal + " names";
  text += "\nWhom it trusts      ";
  if (parts.pinned.empty()) {
    text += "the operating system's trust store\n";
  } else {
    std::string line;
    for (const Certificate& each : parts.pinned) {
      line += (line.empty() ? "" : "                    ") + each.subject() + "\n                    SHA-256 " +
              each.fingerprint() + "\n";
    }
    text += line;
  }
  text +=
      "\nInstalling on Linux\n"
      "  sudo sh install.sh                  a user of its own, and a systemd service\n"
      "  sh install.sh --prefix DIR          everything below DIR, as an ordinary user\n"
      "  sh install.sh --uninstall           takes it away again\n"
      "TESTED on Debian 12 (amd64), as root and as an ordinary user, in a folder of its own; the systemd unit was "
      "checked\n"
      "with systemd-analyze and not run. The program is the appliance's own and needs Debian's libspdlog1.10, "
      "libfmt9,\n"
      "libssl3 and libidn2-0. There is no collector for Windows or macOS in this folder.\n";
  if (!parts.distributed.empty()) {
    text +=
        "\nThe root for operating systems: trust/\n"
        "For browsers and the finder on endpoints, and for collectors that use the operating system's trust store.\n"
        "  linux/trust-root.sh                 TESTED on Debian 12; Red Hat and SUSE NOT TESTED\n"
        "  windows/import-root.cmd             " +
        (parts.windows_trust.empty() ? std::string("NOT TESTED on Windows\n")
                                     : std::string("with chancery-trust.exe TESTED under Wine, NOT on Windows\n")) +
        "  windows/import-root.ps1             NOT TESTED on Windows\n"
        "  macos/trust-root.sh                 NOT TESTED on macOS\n"
        "  macos/root.mobileconfig             NOT TESTED on macOS; read back as a property list, its certificate "
        "compared\n"
        "Every script compares the root with the SHA-256 below before it touches anything. Compare it yourself by "
        "another\n"
        "way (telephone, paper) with what `chancery authority root` prints on the primary.\n";
    for (const Certificate& each : parts.distributed) {
      text += "  " + each.subject() + "\n    SHA-256 " + each.fingerprint() + "\n";
    }
  }
  return text;
}

}  // namespace chancery::installer
