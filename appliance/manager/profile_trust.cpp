#include "appliance/manager/profile_trust.h"

#include <algorithm>
#include <sstream>

#include "keystore/fault.h"
#include "keystore/x509/material.h"

namespace chancery::manager {
namespace {

constexpr std::size_t longest_name = 64;

// "/etc/pki/Clients CA.crt" -> "clients-ca.pem"
std::string plain_name(const std::string& path) {
  std::string name = path.substr(path.rfind('/') + 1);
  name = name.substr(0, std::min(name.rfind('.'), longest_name));
  for (char& character : name) {
    const bool is_upper = character >= 'A' && character <= 'Z';
    if (is_upper) character = static_cast<char>(character - 'A' + 'a');
    const bool is_plain = (character >= 'a' && character <= 'z') || (character >= '0' && character <= '9');
    if (!is_plain) character = '-';
  }
  return name.empty() ? "trusted" : name;
}

Failure unusable(const std::string& profile, const std::string& cause) {
  return Failure({.code = "bad-profile",
                  .subject = "profile " + profile,
                  .cause = cause,
                  .hint = "give the certificates of the clients' CAs, or of the clients themselves, as PEM, DER or "
                          "PKCS#7, without keys"});
}

Bytes certificates_in(const std::string& profile, const preflight::SourceFile& file) {
  const Material found = read_material(view_of(file.bytes), {.source = file.name});
  if (!found.keys.empty()) throw unusable(profile, file.name + " holds a private key");
  if (found.certificates.empty()) throw unusable(profile, "there is no certificate in " + file.name);
  Bytes pem;
  for (const Certificate& certificate : found.certificates) {
    const std::string text = certificate.to_pem();
    pem.insert(pem.end(), text.begin(), text.end());
  }
  return pem;
}

}  // namespace

std::string folder_of_trusted(const std::string& profile) { return "trust/clients/" + profile + "/"; }

ProfileTrust take_trusted(const std::string& profile, const std::string& trusted,
                          const std::vector<preflight::SourceFile>& given) {
  ProfileTrust out;
  std::istringstream entries(trusted);
  for (std::string entry; std::getline(entries, entry, ';');) {
    const auto first = entry.find_first_not_of(' ');
    if (first == std::string::npos) continue;
    entry = entry.substr(first, entry.find_last_not_of(' ') - first + 1);
    const auto file =
        std::find_if(given.begin(), given.end(), [&](const preflight::SourceFile& one) { return one.name == entry; });
    if (file != given.end()) {
      const std::string stem = folder_of_trusted(profile) + plain_name(entry);
      entry = stem + ".pem";
      for (int number = 2; out.files.contains(entry); ++number) entry = stem + "-" + std::to_string(number) + ".pem";
      out.files[entry] = certificates_in(profile, *file);
    }
    out.trusted += (out.trusted.empty() ? "" : ";") + entry;
  }
  return out;
}

}  // namespace chancery::manager
