// A secondary joins: keys made here, certificates fetched from the primary's authority, all put in force by one change.
//
// The keys are on disk (secrets/join/) before the authority is asked, because a token is good for one set of keys: a
// retry after a crash asks with the same ones and gets the same certificates. They are removed once the change is
// committed. A custom certificate is never overwritten; only its default beside it changes.
#include "appliance/federation/join.h"

#include <nlohmann/json.hpp>

#include "appliance/change/java_properties.h"
#include "appliance/change/plan_stores.h"
#include "appliance/manager/federation_facts.h"
#include "appliance/manager/founding.h"
#include "appliance/manager/kept_keys.h"
#include "appliance/manager/knowledge.h"
#include "appliance/manager/verbs.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/java/store_edits.h"

namespace chancery::manager {
namespace {

using federation::Joined;
using federation::JoinIdentity;
using nlohmann::json;

constexpr int default_join_port = 8444;

void expect_secondary(const Appliance& appliance) {
  if (appliance.role == Role::secondary) return;
  throw Failure({.code = "not-a-secondary",
                 .subject = appliance.name,
                 .cause = "a " + std::string(to_text(appliance.role)) + " has a federation of its own",
                 .hint = "join from a secondary (chancery init --role secondary)"});
}

preflight::Identity material_of(const JoinIdentity& asked, const Joined& joined) {
  const auto chain = joined.chains.find(asked.identity);
  if (chain == joined.chains.end() || chain->second.empty() || !asked.key.belongs_to(chain->second.front())) {
    throw Failure({.code = "reply-invalid",
                   .subject = asked.identity,
                   .cause = "the authority did not send a certificate for the key of this identity",
                   .hint = "check that both appliances run the same version, make a new token, and join again"});
  }
  return {.leaf = chain->second.front(),
          .intermediates = {chain->second.begin() + 1, chain->second.end()},
          .key = asked.key};
}

void append_trust(backup::Edits& edits, Bench& bench, const std::string& path, const std::vector<Certificate>& more) {
  CertificatePool present;
  Bytes bytes;
  if (bench.current().has(path)) bytes = bench.current().read(path);
  present.add_pem(bytes);
  if (!bytes.empty() && bytes.back() != '\n') bytes.push_back('\n');
  for (const Certificate& certificate : more) {
    if (present.contains(certificate.fingerprint())) continue;
    const std::string pem = certificate.to_pem();
    bytes.insert(bytes.end(), pem.begin(), pem.end());
  }
  change::put_file(edits, bench.appliance, path, bytes);
}

void append_portal_trust(backup::Edits& edits, Bench& bench, const Certificate& root) {
  const std::int64_t now = milliseconds_of(bench.now());
  trust::OpenStore open = bench.current().has(trust::portal_store_path)
                              ? trust::open_portal_store(bench.current())
                              : trust::portal_store_of(trust::portal_trust_pem(bench.current()), now);
  static_cast<void>(java::import_certificates(open.store, {root}, {.now_ms = now}));
  change::put_portal_store(edits, bench.appliance, open);
}

FederationFacts facts_of(const Appliance& appliance, const Joined& joined, const ProbeAddress& primary,
                         const std::string& pin) {
  FederationFacts facts;
  facts.federation = joined.federation;
  facts.member_name = appliance.name;
  facts.member_role = to_text(appliance.role);
  facts.member_uri = member_uri(joined.federation, facts.member_role, appliance.name);
  facts.portal_host = joined.portal_host;
  facts.portal_port = joined.portal_port;
  facts.portal_name = joined.portal_name;
  facts.authority_host = primary.host;
  facts.authority_port = primary.port;
  facts.authority_pin = pin;
  return facts;
}

// The last third of a token: which key the authority proved to have (join.h).
std::string pin_of(const SecretBytes& token) {
  constexpr std::size_t id_size = 16;
  constexpr std::size_t seed_size = 32;
  const std::string_view text = chancery::text_of(view_of(token));
  const std::size_t end = text.find_last_not_of(" \t\r\n");
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos || end == std::string_view::npos || end <= dot) return "";
  const SecretBytes body = from_base64url_secret(view_of(text.substr(dot + 1, end - dot)));
  if (body.size() < id_size + seed_size) return "";
  return to_hex(view_of(body).subspan(id_size + seed_size));
}

change::Plan plan_join(Bench& bench, const std::vector<JoinIdentity>& asked, const Joined& joined,
                       const FederationFacts& facts) {
  change::Plan plan;
  plan.reason = "join " + joined.federation;
  plan.base = bench.current().number();
  for (const JoinIdentity& one : asked) {
    const preflight::Identity material = material_of(one, joined);
    const bool is_custom = bench.current().has("identities/" + one.identity + "/certificate.pem") &&
                           !change::is_default(bench.current(), one.identity);
    change::put_default(plan.edits, bench.appliance, one.identity, material);
    if (is_custom) continue;
    change::put_identity(plan.edits, &bench.current(), bench.appliance, one.identity, material);
    plan.identities.push_back(one.identity);
  }
  std::vector<Certificate> known{joined.root};
  for (const auto& [identity, chain] : joined.chains) {
    if (chain.size() > 1) known.insert(known.end(), chain.begin() + 1, chain.end());
  }
  append_trust(plan.edits, bench, "trust/federation/roots.pem", {joined.root});
  append_trust(plan.edits, bench, "trust/engine/ca-bundle.crt", {joined.root});
  append_portal_trust(plan.edits, bench, joined.root);
  append_trust(plan.edits, bench, "trust/appliance/known.pem", known);
  change::put_file(plan.edits, bench.appliance, CustomerKeys::current_path, view_of(joined.customer_key));
  // What an earlier federation had; what this one had before is told with the next news.
  if (bench.current().has(CustomerKeys::path)) plan.edits[CustomerKeys::path] = std::nullopt;
  change::put_file(plan.edits, bench.appliance, FederationFacts::path, view_of(facts.to_text()));
  change::put_java_properties(plan.edits, bench.current(), bench.appliance);
  plan.components = plan.identities;
  plan.components.insert(plan.components.end(), {"trust/engine", "trust/federation", "federation"});
  return plan;
}

// What a join would change, told without joining: certificates that only the authority can issue stand in as
// self-signed ones, so that the plan is made where every join's plan is made. None of it leaves this function.
json planned_join(Bench& bench, const ProbeAddress& primary, const SecretBytes& token, const Call& call) {
  const federation::AuthoritySeen authority =
      federation::look_at_authority({.host = primary.host, .port = primary.port, .name = {}}, token);
  const std::vector<std::string> names = bench.appliance.all_names();
  Joined stand_in{.federation = "of " + primary.host,
                  .chains = {},
                  .root = authority.certificate,
                  .customer_key = random_secret(32),
                  .portal_host = primary.host,
                  .portal_port = primary.port,
                  .portal_name = primary.host};
  std::vector<JoinIdentity> asked;
  for (const std::string& identity : identities_of(bench.appliance.role)) {
    asked.push_back({.identity = identity, .key = PrivateKey::generate(KeyType::ecdsa_p256)});
    stand_in.chains[identity] = {authority::self_signed(asked.back().key, names, bench.now()), authority.certificate};
  }
  json reply = finish(
      bench, plan_join(bench, asked, stand_in, facts_of(bench.appliance, stand_in, primary, authority.pin)), call);
  json& plan = reply["plan"];
  for (json& identity : plan["identities"]) identity["after"] = "issued at the join";
  plan["authority"] = primary.host + ":" + std::to_string(primary.port) + ", " + authority.protocol +
                      ", its key is the one the token pins";
  plan["files"].push_back({{"path", "settings/appliance.toml"}, {"change", "change"}});
  plan["authority_pin"] = authority.pin;
  plan["names"] = names;
  plan["token"] = "not used; whether it is good for these names shows at the join";
  return reply;
}

}  // namespace

json federation_join(Bench& bench, Call& call) {
  expect_secondary(bench.appliance);
  const ProbeAddress primary = parse_address(call.text("primary"), default_join_port);
  const std::optional<SecretBytes> token = call.secret("token");
  if (!token) throw bad_argument("token", "is missing", "make one on the primary: chancery federation token");
  const Bench::Writer writer = bench.begin_change(call.who() + ", federation join");
  if (FederationFacts::read(bench.current()) && bench.current().has("identities/member/certificate.pem")) {
    return {{"outcome", "unchanged"},
            {"code", "already-joined"},
            {"message", "this appliance has joined the federation " + bench.appliance.federation + " already"},
            {"federation", bench.appliance.federation},
            {"generation", bench.current().number()}};
  }
  if (call.flag("dry_run")) return planned_join(bench, primary, *token, call);
  federation::JoinRequest request;
  request.primary = {.host = primary.host, .port = primary.port, .name = {}};
  request.role = bench.appliance.role;
  request.names = bench.appliance.all_names();
  request.identities = kept_keys(bench.state, join_keys_folder, identities_of(bench.appliance.role));
  const Joined joined = federation::join(request, *token, bench.clock());
  const FederationFacts facts = facts_of(bench.appliance, joined, primary, pin_of(*token));
  json reply = finish(bench, plan_join(bench, request.identities, joined, facts), call);
  if (reply["outcome"] != "done") return reply;
  bench.appliance.federation = joined.federation;
  bench.state.write_atomically("settings/appliance.toml", view_of(bench.appliance.to_toml()),
                               {.mode = 0644, .owner = {}, .group = {}});
  bench.state.remove_tree(join_keys_folder);
  reply["federation"] = joined.federation;
  reply["root_sha256"] = joined.root.fingerprint();
  return reply;
}

}  // namespace chancery::manager
