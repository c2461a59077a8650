#include "appliance/installer/installer.h"

#include <algorithm>

#include "appliance/settings/setting_file.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/openssl/digest.h"

namespace chancery::installer {
namespace {

constexpr const char* folder = "chancery-collector/";

InstallerFile text_file(std::string path, const std::string& text, mode_t mode = 0644) {
  return {.path = std::move(path), .mode = mode, .bytes = secret_copy(text)};
}

std::string pem_of(const std::vector<Certificate>& certificates) {
  std::string pem;
  for (const Certificate& each : certificates) pem += each.to_pem();
  return pem;
}

}  // namespace

std::string collector_settings(const InstallerParts& parts) {
  std::string text = "# Made by " + parts.made_by + "; install.sh writes the folder in.\n";
  if (!parts.servers.empty()) text += "collector.servers = " + toml_quoted(parts.servers) + "\n";
  if (!parts.portal.empty()) text += "collector.portal = " + toml_quoted(parts.portal) + "\n";
  text += parts.pinned.empty() ? "# Empty: the operating system's trust store.\ncollector.root-ca = \"\"\n"
                               : "collector.root-ca = \"@STATE@/root.pem\"\n";
  if (!parts.tags.empty()) text += "collector.tags = " + toml_quoted(parts.tags) + "\n";
  return text;
}

std::vector<InstallerFile> installer_files(const InstallerParts& parts, Instant when) {
  std::vector<InstallerFile> files;
  files.push_back(text_file("README.txt", readme(parts, when)));
  files.push_back(text_file("install.sh", install_script(), 0755));
  files.push_back(text_file("chancery-collector.service", unit_template()));
  files.push_back({.path = "bin/chancery-collector",
                   .mode = 0755,
                   .bytes = SecretBytes(parts.collector.begin(), parts.collector.end())});
  files.push_back({.path = "customer.key", .mode = 0600, .bytes = secret_copy(view_of(parts.customer_key))});
  files.push_back(text_file("repair-key.json", parts.repair_key));
  files.push_back(text_file("settings/collector.toml", collector_settings(parts)));
  if (!parts.pinned.empty()) files.push_back(text_file("root.pem", pem_of(parts.pinned)));
  for (InstallerFile& each : trust_files(parts.distributed, parts.windows_trust)) files.push_back(std::move(each));
  std::ranges::sort(files, {}, &InstallerFile::path);
  std::string sums;
  for (const InstallerFile& each : files) sums += sha256_hex(view_of(each.bytes)) + "  " + each.path + "\n";
  files.push_back(text_file("SHA256SUMS", sums));
  for (InstallerFile& each : files) each.path = folder + each.path;
  return files;
}

}  // namespace chancery::installer
