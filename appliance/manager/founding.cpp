#include "appliance/manager/founding.h"

#include "appliance/change/plan_stores.h"
#include "appliance/manager/knowledge.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/trust/os_trust.h"

namespace chancery::manager {
namespace {

using authority::Authority;
using authority::LeafPurpose;
using change::put_file;

constexpr int console_port = 99;
constexpr int https_port = 443;
constexpr int web_api_port = 1671;
constexpr int collector_port = 8443;
constexpr int join_port = 8444;
constexpr std::size_t customer_key_size = 32;

// Where programs of this very machine and joiners connect: the address listened on, or the name where that is "any".
std::string reachable_host(const Appliance& appliance, const Listening& listening) {
  const bool is_any = listening.host.empty() || listening.host == "0.0.0.0" || listening.host == "::";
  return is_any ? appliance.name : listening.host;
}

int port_of(const std::vector<Endpoint>& endpoints, const std::string& name) {
  for (const Endpoint& endpoint : endpoints) {
    if (endpoint.name == name) return endpoint.port;
  }
  return 0;
}

preflight::Identity issue(const Appliance& appliance, Authority& authority, const std::string& identity) {
  const PrivateKey key = PrivateKey::generate(KeyType::ecdsa_p256);
  authority::LeafRequest request{.purpose = LeafPurpose::server,
                                 .names = appliance.all_names(),
                                 .member_uri = {},
                                 .public_key_der = key.public_key_der(),
                                 .issued_for = "init, identity " + identity};
  if (identity == "member") {
    request.purpose = LeafPurpose::member;
    request.member_uri = member_uri(appliance.federation, to_text(appliance.role), appliance.name);
  }
  return {.leaf = authority.issue(request), .intermediates = {authority.issuing()}, .key = key};
}

preflight::Identity make_self_signed(const Appliance& appliance, Instant now) {
  const PrivateKey key = PrivateKey::generate(KeyType::ecdsa_p256);
  return {.leaf = authority::self_signed(key, appliance.all_names(), now), .intermediates = {}, .key = key};
}

void put_policy(backup::Edits& edits, const Appliance& appliance, const std::vector<Endpoint>& endpoints) {
  for (const Endpoint& endpoint : endpoints) {
    put_file(edits, appliance, "endpoints/" + endpoint.name + ".toml", view_of(to_toml(endpoint)));
  }
  SecurityProfile usual;
  usual.name = "default";
  SecurityProfile join;
  join.name = "join";
  join.minimum_protocol = "TLSv1.3";
  put_file(edits, appliance, "profiles/default.toml", view_of(to_toml(usual)));
  put_file(edits, appliance, "profiles/join.toml", view_of(to_toml(join)));
}

void put_identities(Founding& founding, const Appliance& appliance, Authority* authority, Instant now) {
  for (const std::string& identity : identities_of(appliance.role)) {
    if (authority == nullptr && identity == "member") continue;
    const preflight::Identity material =
        authority == nullptr ? make_self_signed(appliance, now) : issue(appliance, *authority, identity);
    change::put_default(founding.edits, appliance, identity, material);
    change::put_identity(founding.edits, nullptr, appliance, identity, material);
    if (identity == "authority-tls") founding.authority_tls_key = material.key;
    if (identity == "member") {
      founding.member_chain = {material.leaf};
      founding.member_chain.insert(founding.member_chain.end(), material.intermediates.begin(),
                                   material.intermediates.end());
    }
  }
}

void put_federation(Founding& founding, const Appliance& appliance, const Authority& authority,
                    const std::vector<Endpoint>& endpoints, const Listening& listening) {
  const std::string root = authority.root().to_pem();
  put_file(founding.edits, appliance, "trust/federation/roots.pem", view_of(root));
  put_file(founding.edits, appliance, "trust/appliance/known.pem", view_of(authority.issuing().to_pem() + root));
  founding.customer_key = random_secret(customer_key_size);
  put_file(founding.edits, appliance, "customer-key/customer.key", view_of(founding.customer_key));
  const std::string host = reachable_host(appliance, listening);
  FederationFacts facts;
  facts.federation = appliance.federation;
  facts.member_name = appliance.name;
  facts.member_role = to_text(appliance.role);
  facts.member_uri = member_uri(appliance.federation, facts.member_role, appliance.name);
  facts.portal_host = host;
  facts.portal_port = port_of(endpoints, "portal");
  facts.portal_name = appliance.name;
  facts.authority_host = host;
  facts.authority_port = port_of(endpoints, "join");
  facts.authority_pin = to_hex(founding.authority_tls_key->key_digest());
  put_file(founding.edits, appliance, FederationFacts::path, view_of(facts.to_text()));
  founding.facts = facts;
}

}  // namespace

std::vector<Endpoint> founding_endpoints(Role role, const Listening& listening) {
  const int base = listening.port_base;
  const auto port = [base](int offset, int usual) { return base == 0 ? usual : base + offset; };
  const auto endpoint = [&listening](const std::string& name, const std::string& identity, int number) {
    Endpoint made;
    made.name = name;
    made.host = listening.host;
    made.port = number;
    made.identity = identity;
    return made;
  };
  std::vector<Endpoint> all{endpoint("console", "console", port(0, console_port))};
  const bool has_portal = role != Role::secondary;
  const bool has_engine = role != Role::primary;
  if (has_portal) all.push_back(endpoint("portal", "portal", port(1, https_port)));
  if (has_engine) {
    Endpoint engine = endpoint("engine", "engine", port(1, https_port));
    engine.enabled = !has_portal;  // on a single appliance the portal owns the port and hands connections over
    all.push_back(engine);
    all.push_back(endpoint("engine-api", "engine", port(2, web_api_port)));
  }
  const std::string collectors = has_engine ? "engine-collector" : "portal-collector";
  all.push_back(endpoint(collectors, collectors, port(3, collector_port)));
  if (has_portal) {
    Endpoint join = endpoint("join", "authority-tls", port(4, join_port));
    join.profile = "join";
    all.push_back(join);
  }
  return all;
}

Bytes public_trust(const std::vector<Certificate>& more) {
  Bytes bundle = os_trust_bundle();
  if (!bundle.empty() && bundle.back() != '\n') bundle.push_back('\n');
  const std::string pem = pem_of(more);
  bundle.insert(bundle.end(), pem.begin(), pem.end());
  return bundle;
}

Founding found(const Appliance& appliance, Authority* authority, const Listening& listening, Instant now) {
  Founding founding;
  const std::vector<Endpoint> endpoints = founding_endpoints(appliance.role, listening);
  put_policy(founding.edits, appliance, endpoints);
  put_identities(founding, appliance, authority, now);
  std::vector<Certificate> roots;
  if (authority != nullptr) {
    put_federation(founding, appliance, *authority, endpoints, listening);
    roots.push_back(authority->root());
  }
  const Bytes public_cas = public_trust(roots);
  put_file(founding.edits, appliance, "trust/engine/ca-bundle.crt", public_cas);
  change::put_portal_store(founding.edits, appliance, trust::portal_store_of(public_cas, milliseconds_of(now)));
  return founding;
}

}  // namespace chancery::manager
