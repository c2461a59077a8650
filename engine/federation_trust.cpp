#include "engine/federation_trust.h"

#include <algorithm>

#include "appliance/membership/revocation_list.h"
#include "appliance/settings/policy.h"
#include "appliance/wire/collector_messages.h"
#include "keystore/fault.h"
#include "keystore/x509/material.h"

namespace chancery::engine {

namespace {

constexpr const char* roots_path = "trust/federation/roots.pem";
constexpr const char* crosses_path = "trust/federation/cross.pem";
constexpr const char* retired_path = "trust/federation/retired.pem";
constexpr const char* member_folder = "identities/member/";
constexpr std::size_t most_roots = 8;
constexpr std::size_t most_crosses = 16;
constexpr std::size_t most_retired = 64;
constexpr std::size_t most_list_bytes = std::size_t{180} * 1024;  // with base64 and the CAs it fits a frame

std::vector<Certificate> certificates_in(const backup::Generation& generation, const std::string& path) {
  if (!generation.has(path)) return {};
  return read_material(generation.read(path), {.source = path}).certificates;
}

// The newest, which stand at the end.
std::vector<Certificate> last_of(std::vector<Certificate> all, std::size_t most) {
  if (all.size() > most) all.erase(all.begin(), all.end() - static_cast<std::ptrdiff_t>(most));
  return all;
}

std::vector<Bytes> der_of(const std::vector<Certificate>& certificates) {
  std::vector<Bytes> all;
  for (const Certificate& certificate : certificates) all.push_back(certificate.der());
  return all;
}

std::vector<std::string> names_of(const std::vector<Certificate>& certificates) {
  std::vector<std::string> all;
  for (const Certificate& certificate : certificates) all.push_back(certificate.fingerprint());
  return all;
}

std::vector<std::string> reached_by(const std::vector<Certificate>& chain, const std::vector<Certificate>& roots) {
  const auto is_root_key = [&](const Certificate& each) {
    return std::ranges::any_of(roots, [&](const Certificate& root) { return root.key_digest() == each.key_digest(); });
  };
  std::vector<std::string> reached;
  for (const Certificate& root : roots) {
    const bool ends_here = std::ranges::any_of(
        chain, [&](const Certificate& each) { return !is_root_key(each) && each.is_signed_by(root); });
    if (ends_here) reached.push_back(root.fingerprint());
  }
  return reached;
}

void read_endpoints(const backup::Generation& generation, const std::vector<Certificate>& roots,
                    FederationTrust& trust) {
  constexpr std::string_view prefix = "endpoints/";
  constexpr std::string_view suffix = ".toml";
  for (const std::string& path : generation.files(std::string(prefix))) {
    if (!path.ends_with(suffix)) continue;
    const std::string name = path.substr(prefix.size(), path.size() - prefix.size() - suffix.size());
    if (endpoint_program(name) != "engine") continue;
    const std::string folder = "identities/" + parse_endpoint(name, generation.read(path)).identity + "/";
    std::vector<Certificate> chain = certificates_in(generation, folder + "certificate.pem");
    for (Certificate& above : certificates_in(generation, folder + "intermediate.crt")) chain.push_back(above);
    trust.reached[name] = reached_by(chain, roots);
  }
}

// The CAs that may have signed a list: those above this member's own certificate, and the others that we were given.
std::vector<Certificate> issuers_of(const backup::Generation& generation, const std::vector<RevocationList>& lists) {
  std::vector<Certificate> known = certificates_in(generation, std::string(member_folder) + "intermediate.crt");
  for (Certificate& each : certificates_in(generation, "trust/appliance/known.pem")) known.push_back(each);
  std::vector<Certificate> issuers;
  for (const Certificate& each : known) {
    const bool is_used =
        std::ranges::any_of(lists, [&](const RevocationList& list) { return list.is_signed_by(each); });
    if (is_used && std::ranges::find(issuers, each) == issuers.end() && issuers.size() < most_roots) {
      issuers.push_back(each);
    }
  }
  return issuers;
}

void read_revocations(const backup::Generation& generation, FederationTrust& trust) {
  if (!generation.has(RevocationList::path)) return;
  const std::vector<RevocationList> lists = revocation_lists(generation.read(RevocationList::path));
  wire::Revocations message;
  std::size_t size = 0;
  for (const RevocationList& list : lists) {
    if (message.lists.size() == most_roots) break;
    size += list.der().size();
    message.lists.push_back(list.der());
    trust.lists.push_back(sha256_hex(list.der()));
  }
  if (size > most_list_bytes) {
    trust.lists.clear();
    trust.problem = serving::Condition{
        .message = "the revocation list has " + std::to_string(size / 1024) + " KiB, too much to be sent to collectors",
        .hint =
            "collectors go on with the list they have; rotate the CA (chancery federation rotate), which begins "
            "an empty list"};
    return;
  }
  message.issuers = der_of(issuers_of(generation, lists));
  trust.revocations = wire::to_json(message);
}

}  // namespace

FederationTrust federation_trust_of(const backup::Generation& generation) {
  FederationTrust trust;
  try {
    const std::vector<Certificate> roots = last_of(certificates_in(generation, roots_path), most_roots);
    if (roots.empty()) return trust;
    const std::vector<Certificate> retired = last_of(certificates_in(generation, retired_path), most_retired);
    trust.roots = names_of(roots);
    trust.is_rotating = roots.size() + retired.size() > 1;
    trust.anchors =
        wire::to_json(wire::Anchors{.roots = der_of(roots),
                                    .crosses = der_of(last_of(certificates_in(generation, crosses_path), most_crosses)),
                                    .retired = names_of(retired)});
    read_endpoints(generation, roots, trust);
    read_revocations(generation, trust);
  } catch (const Failure& failure) {
    trust.problem = serving::Condition{
        .message = std::string("collectors are not told of all trust: ") + failure.what(), .hint = failure.hint()};
  }
  return trust;
}

}  // namespace chancery::engine
