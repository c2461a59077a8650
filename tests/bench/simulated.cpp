#include "tests/bench/simulated.h"

#include "appliance/federation/anchor_proof.h"
#include "appliance/federation/bulletin.h"
#include "appliance/federation/renewal.h"
#include "tests/bench/meter.h"

namespace chancery::bench {

struct Federation::Primary {
  explicit Primary(const std::string& state)
      : folder(Folder::open(state + "/authority")),
        authority(authority::Authority::open(folder, system_now)),
        tls_key(PrivateKey::from_pem(
            view_of(Folder::open(state + "/current").read_secret("identities/authority-tls/key.pem", 65536)))) {
    federation::PrimaryFacts facts;
    facts.federation = authority.federation();
    admission.emplace(authority, tls_key, folder.read_secret("customer.key", 4096), facts, system_now);
  }
  Folder folder;
  authority::Authority authority;
  PrivateKey tls_key;
  std::optional<federation::Admission> admission;
};

Federation::Federation(const std::string& state, tls::Target target, std::string pid)
    : state_(state), target_(std::move(target)), pid_(std::move(pid)), primary_(std::make_unique<Primary>(state)) {}
Federation::~Federation() = default;

double Federation::cost_of(const std::function<void()>& work) const {
  const double before = settled_microseconds_of(pid_);
  work();
  return settled_microseconds_of(pid_) - before;
}

void Federation::invite(int count, std::size_t identities) {
  std::vector<std::string> wanted{"member"};
  for (const std::string& each : identities_of(Role::secondary)) {
    if (each != "member" && wanted.size() < identities) wanted.push_back(each);
  }
  std::vector<std::string> names;
  for (int number = 0; number < count; ++number) names.push_back("m" + std::to_string(number) + ".bench.example");
  primary_->authority.permit_names(names);
  for (const std::string& name : names) {
    Simulated member{.name = name, .request = {}, .token = {}, .joined = {}};
    member.request.primary = target_;
    member.request.names = {name};
    for (const std::string& identity : wanted) {
      member.request.identities.push_back({identity, PrivateKey::generate(KeyType::ecdsa_p256)});
    }
    member.token = primary_->admission->make_token({.role = Role::secondary, .names = {name}});
    members.push_back(std::move(member));
  }
}

double Federation::join(Simulated& member) {
  return cost_of([&] { member.joined = federation::join(member.request, *member.token, system_now); });
}

double Federation::renew(Simulated& member) {
  federation::RenewalRequest request{.authority = target_,
                                     .authority_pin = primary_->tls_key.key_digest(),
                                     .federation = primary_->authority.federation(),
                                     .member = member.joined->chains.at("member").front(),
                                     .member_key = member.request.identities.front().key,
                                     .roots = {primary_->authority.root()},
                                     .identities = {}};
  for (const federation::JoinIdentity& each : member.request.identities) {
    request.identities.push_back({each.identity, PrivateKey::generate(KeyType::ecdsa_p256)});
  }
  std::optional<federation::Renewed> renewed;
  const double cost = cost_of([&] { renewed = federation::renew(request, system_now); });
  member.joined->chains = std::move(renewed->chains);
  member.request.identities = std::move(request.identities);
  return cost;
}

double Federation::learn() {
  return cost_of(
      [&] { (void)federation::fetch_news(target_, primary_->tls_key.key_digest(), primary_->authority.federation()); });
}

double Federation::prove(Simulated& member) {
  const federation::ProofRequest request{.authority = target_,
                                         .authority_pin = primary_->tls_key.key_digest(),
                                         .member = member.joined->chains.at("member").front(),
                                         .member_key = member.request.identities.front().key};
  const federation::Report report{.root = primary_->authority.root(),
                                  .proofs = {{.kind = "member", .who = member.name, .is_proven = true, .why = ""}}};
  return cost_of([&] { federation::report_proofs(request, report, system_now); });
}

}  // namespace chancery::bench
