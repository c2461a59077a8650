#include "appliance/tls/serving_snapshot.h"

#include <algorithm>
#include <mutex>
#include <sstream>
#include <utility>

#include "appliance/tls/native_snapshot.h"
#include "appliance/tls/security_profile.h"
#include "appliance/tls/tickets.h"
#include "keystore/x509/certificate_pool.h"
#include "keystore/x509/material.h"

namespace chancery::tls {
namespace {

constexpr char member_roots_path[] = "trust/federation/roots.pem";
constexpr auto ticket_key_life = std::chrono::hours(12);

std::vector<Certificate> read_chain(const backup::Generation& generation, const std::string& folder) {
  std::vector<Certificate> chain =
      read_material(generation.read(folder + "certificate.pem"), {.source = folder + "certificate.pem"}).certificates;
  if (chain.empty()) {
    throw Failure(
        {.code = "not-a-certificate",
         .subject = folder + "certificate.pem",
         .cause = "there is no certificate in this file",
         .hint = "put an earlier state back in force (`chancery backup list`, `chancery backup restore ID`)"});
  }
  chain.resize(1, chain.front());
  const std::string above = folder + "intermediate.crt";
  if (!generation.has(above)) return chain;
  const Bytes bytes = generation.read(above);
  if (bytes.empty()) return chain;
  for (const Certificate& certificate : read_material(bytes, {.source = above}).certificates) {
    chain.push_back(certificate);
  }
  return chain;
}

Bytes read_trusted(const std::function<Bytes(const std::string& path)>& read, const SecurityProfile& profile) {
  Bytes all;
  std::istringstream in(profile.trusted);
  for (std::string path; std::getline(in, path, ';');) {
    const auto first = path.find_first_not_of(' ');
    if (first == std::string::npos) continue;
    path = path.substr(first, path.find_last_not_of(' ') - first + 1);
    const Bytes part = read(path);
    all.insert(all.end(), part.begin(), part.end());
    all.push_back('\n');
  }
  return all;
}

void check_profile(const SecurityProfile& profile) {
  if (profile.required_level != SecurityLevel::none || profile.client_certificates != ClientCertificates::require) {
    return;
  }
  throw Failure({.code = "bad-profile",
                 .subject = "profile " + profile.name,
                 .cause = "it demands client certificates and takes plain text, which cannot show any",
                 .hint = "set required-level to TLSPeerAuth, or client-certificates to request or off"});
}

EndpointSnapshot read_endpoint(const backup::Generation& generation, Endpoint endpoint) {
  const std::string profile_path = "profiles/" + endpoint.profile + ".toml";
  SecurityProfile profile = parse_profile(endpoint.profile, generation.read(profile_path));
  check_profile(profile);
  expect_level(profile, endpoint.name);
  const std::string folder = "identities/" + endpoint.identity + "/";
  std::vector<Certificate> chain = read_chain(generation, folder);
  PrivateKey key = PrivateKey::from_pem(view_of(generation.read_secret(folder + "key.pem")));
  return {.endpoint = std::move(endpoint), .profile = std::move(profile), .chain = std::move(chain), .key = key};
}

// What decides whom an endpoint lets in.
Sha256 policy_of(const EndpointSnapshot& endpoint, ByteView trusted, ByteView member_roots) {
  std::string text = endpoint.endpoint.name + '\0' + endpoint.profile.minimum_protocol + '\0' +
                     std::to_string(static_cast<int>(endpoint.profile.client_certificates)) +
                     std::to_string(static_cast<int>(endpoint.profile.required_level)) + '\0' + sha256_hex(trusted) +
                     sha256_hex(member_roots);
  for (const std::string& name : endpoint.profile.allow) text += '\0' + name;
  return sha256(view_of(text));
}

}  // namespace

std::shared_ptr<const ServingSnapshot> ServingSnapshot::build(const backup::Generation& generation,
                                                              const std::string& program) {
  auto snapshot = std::make_shared<ServingSnapshot>();
  auto native = std::make_shared<Native>();
  snapshot->generation = generation.number();
  if (generation.has(member_roots_path)) snapshot->member_roots_pem = generation.read(member_roots_path);
  Bytes policies;
  constexpr std::string_view prefix = "endpoints/";
  constexpr std::string_view suffix = ".toml";
  for (const std::string& path : generation.files(std::string(prefix))) {
    if (!path.ends_with(suffix)) continue;
    const std::string name = path.substr(prefix.size(), path.size() - prefix.size() - suffix.size());
    if (endpoint_program(name) != program) continue;
    Endpoint parsed = parse_endpoint(name, generation.read(path));
    const bool handed_over = name == "engine" && generation.has("endpoints/portal.toml");
    if (!parsed.enabled && !handed_over) continue;
    EndpointSnapshot endpoint = read_endpoint(generation, std::move(parsed));
    const Bytes trusted =
        read_trusted([&](const std::string& file) { return generation.read(file); }, endpoint.profile);
    const Sha256 policy = policy_of(endpoint, trusted, snapshot->member_roots_pem);
    policies.insert(policies.end(), policy.begin(), policy.end());
    native->endpoints.emplace(name, make_native(endpoint, trusted, snapshot->member_roots_pem, policy));
    snapshot->endpoints.emplace(name, std::move(endpoint));
  }
  native->trust_and_policy = sha256(policies);
  snapshot->native = std::move(native);
  return snapshot;
}

std::shared_ptr<const ServingSnapshot> ServingSnapshot::single(EndpointSnapshot endpoint) {
  auto snapshot = std::make_shared<ServingSnapshot>();
  auto native = std::make_shared<Native>();
  const Sha256 policy = policy_of(endpoint, {}, {});
  const std::string name = endpoint.endpoint.name;
  native->endpoints.emplace(name, make_native(endpoint, {}, {}, policy));
  native->trust_and_policy = policy;
  snapshot->endpoints.emplace(name, std::move(endpoint));
  snapshot->native = std::move(native);
  return snapshot;
}

void expect_level(const SecurityProfile& profile, const std::string& endpoint) {
  const std::string program = endpoint_program(endpoint);
  const bool may_be_plain = program == "portal" || program == "engine";
  if (profile.required_level != SecurityLevel::none || may_be_plain) return;
  throw Failure(
      {.code = "bad-profile",
       .subject = "profile " + profile.name,
       .cause = "the endpoint " + endpoint + " never takes plain text, so required-level cannot be None there",
       .hint = "set required-level to TLSNoPeerAuth or TLSPeerAuth, or give the endpoint another profile: "
               "chancery endpoint set " +
               endpoint + " profile=NAME"});
}

void expect_servable(const SecurityProfile& profile, const std::function<Bytes(const std::string& path)>& read) {
  check_profile(profile);
  expect_lists({.minimum_protocol = profile.minimum_protocol, .ciphers = profile.ciphers, .groups = profile.groups},
               "profile " + profile.name);
  if (profile.trusted.empty()) return;
  std::string cause = "there is no certificate in \"" + profile.trusted + "\"";
  try {
    CertificatePool trusted;
    trusted.add_pem(read_trusted(read, profile));
    if (!trusted.all().empty()) return;
  } catch (const Failure& failure) {
    cause = "its trusted certificates cannot be read: " + std::string(failure.what());
  }
  throw Failure({.code = "bad-profile",
                 .subject = "profile " + profile.name,
                 .cause = cause,
                 .hint = "give files with certificates (trusted=clients-ca.pem), or name files of the generation "
                         "(trusted=trust/federation/roots.pem)"});
}

Live::Tickets::Tickets() { renew(); }

void Live::Tickets::renew() {
  auto key = std::make_shared<TicketKey>();
  const SecretBytes name = random_secret(key->name.size());
  std::copy(name.begin(), name.end(), key->name.begin());
  key->cipher = random_secret(32);
  key->mac = random_secret(32);
  key->made = std::chrono::steady_clock::now();
  std::lock_guard guard(mutex_);
  before_ = nullptr;
  now_ = std::move(key);
}

std::shared_ptr<const TicketKey> Live::Tickets::to_seal() {
  std::shared_ptr<const TicketKey> old;
  {
    std::lock_guard guard(mutex_);
    if (std::chrono::steady_clock::now() - now_->made < ticket_key_life) return now_;
    old = now_;
  }
  renew();
  std::lock_guard guard(mutex_);
  before_ = std::move(old);
  return now_;
}

std::shared_ptr<const TicketKey> Live::Tickets::to_open(const std::uint8_t* name, bool* ageing) const {
  std::lock_guard guard(mutex_);
  for (const auto& key : {now_, before_}) {
    if (!key || !std::equal(key->name.begin(), key->name.end(), name)) continue;
    if (std::chrono::steady_clock::now() - key->made > 2 * ticket_key_life) return nullptr;
    *ageing = key != now_;
    return key;
  }
  return nullptr;
}

struct Live::State {
  mutable std::mutex mutex;
  std::shared_ptr<const ServingSnapshot> current;
  ClientRule client_rule;
  Tickets tickets;
};

Live::Live(std::shared_ptr<const ServingSnapshot> first) : state_(std::make_unique<State>()) {
  state_->current = std::move(first);
}
Live::~Live() = default;

std::shared_ptr<const ServingSnapshot> Live::get() const {
  std::lock_guard guard(state_->mutex);
  return state_->current;
}

void Live::set(std::shared_ptr<const ServingSnapshot> next) {
  std::shared_ptr<const ServingSnapshot> last;  // freed outside the lock
  {
    std::lock_guard guard(state_->mutex);
    last = std::exchange(state_->current, std::move(next));
    if (last->native->trust_and_policy != state_->current->native->trust_and_policy) state_->tickets.renew();
  }
}

void Live::set_client_rule(ClientRule rule) { state_->client_rule = std::move(rule); }
const Live::ClientRule& Live::client_rule() const { return state_->client_rule; }

Live::Tickets& Live::tickets() const { return state_->tickets; }

}  // namespace chancery::tls
