#include "appliance/preflight/describe.h"

#include <openssl/err.h>

#include <algorithm>

#include "keystore/bytes/text_encoding.h"
#include "keystore/openssl/handles.h"

namespace chancery::preflight {

namespace {

constexpr std::size_t longest_text = 400;
constexpr std::size_t most_names = 12;

}  // namespace

std::string short_name(const Certificate& certificate) {
  if (!certificate.common_name().empty()) return "CN=" + certificate.common_name();
  if (!certificate.subject().empty()) return certificate.subject();
  return "certificate " + short_fingerprint(certificate);
}

std::string short_fingerprint(const Certificate& certificate) { return certificate.fingerprint().substr(0, 16); }

std::string days_text(std::chrono::seconds duration) {
  const auto days = std::chrono::duration_cast<std::chrono::days>(duration).count();
  if (days == 0 && duration.count() > 0) return "less than a day";
  return std::to_string(days) + (days == 1 ? " day" : " days");
}

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, longest_text)) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      out += c;
    } else {
      out += "\\x" + to_hex(ByteView(&byte, 1));
    }
  }
  if (text.size() > longest_text) out += "…";
  return out;
}

std::string names_text(const std::vector<AlternativeName>& names) {
  if (names.empty()) return "no name at all";
  std::string out;
  for (std::size_t i = 0; i < std::min(names.size(), most_names); ++i) {
    out += (i == 0 ? "" : ", ") + to_text(names[i]);
  }
  if (names.size() > most_names) out += " and " + std::to_string(names.size() - most_names) + " more";
  return out;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i != 0) out += i + 1 == words.size() ? " and " : ", ";
    out += words[i];
  }
  return out;
}

std::vector<std::string> issuer_urls(const Certificate& certificate) {
  std::vector<std::string> urls;
  using AccessPtr = std::unique_ptr<AUTHORITY_INFO_ACCESS, ossl::Deleter<AUTHORITY_INFO_ACCESS_free>>;
  const AccessPtr access(
      static_cast<AUTHORITY_INFO_ACCESS*>(X509_get_ext_d2i(certificate.native(), NID_info_access, nullptr, nullptr)));
  ERR_clear_error();
  if (!access) return urls;
  for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(access.get()); ++i) {
    const ACCESS_DESCRIPTION* entry = sk_ACCESS_DESCRIPTION_value(access.get(), i);
    if (OBJ_obj2nid(entry->method) != NID_ad_ca_issuers || entry->location->type != GEN_URI) continue;
    const ASN1_IA5STRING* uri = entry->location->d.uniformResourceIdentifier;
    const std::string_view text(reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)),
                                static_cast<std::size_t>(ASN1_STRING_length(uri)));
    if (text.starts_with("http://") || text.starts_with("https://")) urls.push_back(printable(text));
  }
  return urls;
}

}  // namespace chancery::preflight
