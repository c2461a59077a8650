#include "appliance/manager/authority_desk.h"

#include <nlohmann/json.hpp>

#include "appliance/authority/issuance.h"
#include "appliance/manager/federation_facts.h"

namespace chancery::manager {
namespace {

constexpr std::size_t customer_key_limit = 4096;

Folder authority_folder(Bench& bench) {
  if (bench.appliance.role == Role::secondary) {
    throw Failure({.code = "not-a-primary",
                   .subject = bench.appliance.name,
                   .cause = "this appliance is a secondary and has no authority",
                   .hint = "run this on the primary of the federation"});
  }
  return bench.state.open_folder("authority");
}

authority::Authority open_authority(Bench& bench) {
  const Folder folder = authority_folder(bench);
  const authority::RegisterPlace place = authority::RegisterPlace::of(bench.state.path());
  auto store = place.open();
  const std::string address = authority::address_of(bench.appliance.name, bench.current().read("endpoints/join.toml"));
  authority::guard_for_request(*store, place, authority::claimant_of(bench.state.path(), address), bench.clock());
  return authority::Authority::open(folder, std::move(store), bench.clock());
}

federation::PrimaryFacts primary_facts(Bench& bench) {
  const auto facts = FederationFacts::read(bench.current());
  if (!facts) {
    throw Failure({.code = "federation-damaged",
                   .subject = FederationFacts::path,
                   .cause = "it is missing in the generation in force",
                   .hint = "go back to a generation that has it: chancery generation rollback N"});
  }
  return {.federation = facts->federation,
          .portal_host = facts->portal_host,
          .portal_port = facts->portal_port,
          .portal_name = facts->portal_name};
}

}  // namespace

nlohmann::json register_change(const Bench& bench) {
  const authority::RegisterPlace place = authority::RegisterPlace::of(bench.state.path());
  return {{"path", place.is_server() ? place.text() : "authority/authority.db"}, {"change", "change"}};
}

nlohmann::json authority_files(const Bench& bench, const std::vector<std::string>& new_names) {
  nlohmann::json files = nlohmann::json::array({register_change(bench)});
  if (!new_names.empty()) files.push_back({{"path", "authority/issuing.pem"}, {"change", "change"}});
  return files;
}

AuthorityDesk::AuthorityDesk(Bench& bench)
    : authority(open_authority(bench)),
      admission(
          authority, PrivateKey::from_pem(view_of(bench.current().read_secret("identities/authority-tls/key.pem"))),
          bench.state.read_secret("authority/customer.key", customer_key_limit), primary_facts(bench), bench.clock()) {}

}  // namespace chancery::manager
