#include "appliance/authority/ca_certificates.h"

#include <algorithm>
#include <charconv>

#include "keystore/x509/der.h"

namespace chancery::authority {
namespace {

constexpr std::chrono::hours backdating{1};
constexpr std::chrono::hours authority_validity{24 * 3652};
constexpr std::size_t shown_of_federation = 12;

std::string numbered(const std::string& kind, const std::string& federation, int generation) {
  std::string name = "Chancery " + kind + " " + federation.substr(0, shown_of_federation);
  if (generation > 1) name += " " + std::to_string(generation);
  return name;
}

}  // namespace

Bytes subject_bytes(const Certificate& certificate) {
  const auto outline = chancery::der::outline_of(certificate.der());
  return {outline->subject.begin(), outline->subject.end()};
}

std::string organisation_of(const std::string& federation) { return "Chancery federation " + federation; }

int generation_of(const Certificate& root) {
  // "Chancery root 3fa2b5c6d7e8" or "Chancery root 3fa2b5c6d7e8 2": three words, or four.
  const std::string& name = root.common_name();
  if (std::count(name.begin(), name.end(), ' ') != 3) return 1;
  int number = 1;
  const char* end = name.data() + name.size();
  const auto read = std::from_chars(name.data() + name.rfind(' ') + 1, end, number);
  return read.ec == std::errc{} && read.ptr == end ? std::max(number, 1) : 1;
}

Certificate signed_root(const PrivateKey& key, const std::string& federation, int generation, Instant now) {
  const Bytes public_key = key.public_key_der();
  const Bytes name = subject_name(organisation_of(federation), numbered("root", federation, generation));
  return Certificate::from_der(write_certificate(key, {.serial = new_serial(now),
                                                       .issuer = name,
                                                       .not_before = now - backdating,
                                                       .not_after = now + authority_validity,
                                                       .subject = name,
                                                       .public_key_der = public_key,
                                                       .extensions = root_extensions(key_identifier(public_key))}));
}

Certificate signed_issuing(const PrivateKey& root_key, const Certificate& root, const PrivateKey& issuing_key,
                           const std::string& federation, const NameConstraints& constraints, Instant now) {
  const Bytes public_key = issuing_key.public_key_der();
  const std::string name = numbered("issuing CA", federation, generation_of(root));
  return Certificate::from_der(write_certificate(
      root_key, {.serial = new_serial(now),
                 .issuer = subject_bytes(root),
                 .not_before = std::max(now - backdating, root.not_before()),
                 .not_after = root.not_after(),
                 .subject = subject_name(organisation_of(federation), name),
                 .public_key_der = public_key,
                 .extensions = issuing_extensions(key_identifier(public_key), root.subject_key_id(), constraints)}));
}

Certificate signed_cross(const PrivateKey& older_key, const Certificate& older, const Certificate& newer, Instant now) {
  const auto outline = chancery::der::outline_of(newer.der());
  return Certificate::from_der(
      write_certificate(older_key, {.serial = new_serial(now),
                                    .issuer = subject_bytes(older),
                                    .not_before = std::max(now - backdating, older.not_before()),
                                    .not_after = std::min(older.not_after(), newer.not_after()),
                                    .subject = subject_bytes(newer),
                                    .public_key_der = outline->key,
                                    .extensions = cross_extensions(newer.subject_key_id(), older.subject_key_id())}));
}

}  // namespace chancery::authority
