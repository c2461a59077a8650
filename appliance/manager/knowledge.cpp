#include "appliance/manager/knowledge.h"

#include <algorithm>

#include "appliance/membership/revocation_list.h"
#include "appliance/trust/portal_store.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/trust/os_trust.h"
#include "keystore/x509/material.h"

namespace chancery::manager {
namespace {

// The bundles begin with the operating system's, a quarter of a megabyte that need not be decoded again.
void add_bundle(CertificatePool& pool, const backup::Generation& generation, const std::string& path, ByteView known) {
  if (!generation.has(path)) return;
  const Bytes bytes = generation.read(path);
  ByteView rest = bytes;
  const bool begins_with_known = rest.size() >= known.size() && std::equal(known.begin(), known.end(), rest.begin());
  pool.add_pem(begins_with_known ? rest.subspan(known.size()) : rest);
}

// A store that cannot be read anchors nothing here; the doctor says so, and a change that puts it right must be possible.
void add_portal_store(CertificatePool& pool, const backup::Generation& generation, ByteView known) {
  if (!generation.has(trust::portal_store_path)) {
    return add_bundle(pool, generation, trust::former_portal_bundle, known);
  }
  try {
    for (const Bytes& der : trust::anchors_of(trust::open_portal_store(generation).store)) pool.add_der(der);
  } catch (const Failure& failure) {
    if (failure.code() == "permission-denied") throw;
  }
}

void add_file(CertificatePool& pool, const backup::Generation& generation, const std::string& path) {
  if (generation.has(path)) pool.add_pem(generation.read(path));
}

bool contains(const std::vector<std::string>& all, const std::string& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

Failure bad_identity(const Appliance& appliance, const std::string& identity, const std::string& cause) {
  return Failure({.code = "bad-identity",
                  .subject = identity,
                  .cause = cause,
                  .hint = "on this " + std::string(to_text(appliance.role)) +
                          " these can be replaced: " + joined(replaceable_identities(appliance.role))});
}

}  // namespace

std::vector<Certificate> certificates_in(const backup::Generation& generation, const std::string& path) {
  if (!generation.has(path)) return {};
  return read_material(generation.read(path), {.source = path}).certificates;
}

std::string pem_of(const std::vector<Certificate>& certificates) {
  std::string out;
  for (const Certificate& certificate : certificates) out += certificate.to_pem();
  return out;
}

preflight::Knowledge know(Bench& bench) {
  const backup::Generation& generation = bench.current();
  auto anchors = std::make_shared<CertificatePool>();
  auto intermediates = std::make_shared<CertificatePool>();
  const Bytes public_cas = os_trust_bundle();
  anchors->add_pem(public_cas);
  add_bundle(*anchors, generation, "trust/engine/ca-bundle.crt", public_cas);
  add_portal_store(*anchors, generation, public_cas);
  add_file(*anchors, generation, "trust/federation/roots.pem");
  for (const Certificate& known : certificates_in(generation, "trust/appliance/known.pem")) {
    (known.is_self_issued() ? anchors : intermediates)->add(known);
  }
  for (const char* group : {"identities", "defaults"}) {
    for (const std::string& identity : generation.folders(group)) {
      add_file(*intermediates, generation, std::string(group) + "/" + identity + "/intermediate.crt");
    }
  }
  preflight::Knowledge knowledge;
  for (const Certificate& retired : certificates_in(generation, "trust/federation/retired.pem")) {
    knowledge.retired_anchors.insert(retired.fingerprint());
    // Whatever certificate that CA has or gets: an issuing CA's is made anew with every name.
    knowledge.retired_keys.insert(retired.key_digest());
  }
  if (generation.has(RevocationList::path)) {
    for (const RevocationList& list : revocation_lists(generation.read(RevocationList::path))) {
      for (const std::string& serial : list.serials()) {
        knowledge.revoked.insert(to_hex(list.authority_key_id()) + ":" + serial);
      }
    }
  }
  knowledge.anchors = std::move(anchors);
  knowledge.intermediates = std::move(intermediates);
  knowledge.federated = bench.appliance.role != Role::secondary || !bench.appliance.federation.empty();
  return knowledge;
}

std::vector<preflight::RequiredName> required_names(const Appliance& appliance,
                                                    const std::vector<std::string>& identities) {
  using preflight::RequiredName;
  std::vector<RequiredName> names{{.role = RequiredName::Role::external, .name = appliance.name}};
  // The portal reaches the engine by its internal name; nobody reaches console or portal by it.
  if (contains(identities, "engine")) {
    names.push_back({.role = RequiredName::Role::internal, .name = appliance.internal_name});
  }
  return names;
}

std::vector<std::string> replaceable_identities(Role role) {
  std::vector<std::string> identities = identities_of(role);
  std::erase_if(identities, [](const std::string& name) { return name == "member" || name == "authority-tls"; });
  return identities;
}

void expect_identity(const Appliance& appliance, const std::string& identity) {
  if (contains(identities_of(appliance.role), identity)) return;
  throw Failure({.code = "bad-identity",
                 .subject = identity,
                 .cause = "a " + std::string(to_text(appliance.role)) + " has no identity of this name",
                 .hint = "the identities here are: " + joined(identities_of(appliance.role))});
}

void expect_replaceable(const Appliance& appliance, const std::string& identity) {
  if (contains(replaceable_identities(appliance.role), identity)) return;
  if (contains(identities_of(appliance.role), identity)) {
    throw bad_identity(appliance, identity, "the federation's own PKI makes and renews this one by itself");
  }
  throw bad_identity(appliance, identity,
                     "a " + std::string(to_text(appliance.role)) + " has no identity of this name");
}

}  // namespace chancery::manager
