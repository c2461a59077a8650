// Tokens and members. Joins are in admission_answer.cpp.
#include "appliance/authority/register.h"
#include "appliance/federation/admission_state.h"
#include "appliance/federation/member_uri.h"
#include "appliance/federation/token.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"

namespace chancery::federation {
namespace {

constexpr std::chrono::hours longest_life{24 * 7};

const char* state_of(const TokenRecord& token, Instant now) {
  if (token.revoked) return "revoked";
  if (token.used_digest) return "used";
  return now < token.expires ? "open" : "expired";
}

}  // namespace

Admission::Admission(authority::Authority& authority, PrivateKey tls_key, SecretBytes customer_key, PrimaryFacts facts,
                     Clock clock)
    : state_(new State{.authority = authority,
                       .tls_key = std::move(tls_key),
                       .customer_keys = {.number = 0, .since = {}, .current = std::move(customer_key), .former = {}},
                       .facts = std::move(facts),
                       .clock = std::move(clock),
                       .attempts = {}}) {}
Admission::~Admission() = default;

void Admission::know_customer_keys(CustomerKeys keys) { state_->customer_keys = std::move(keys); }

std::vector<std::string> Admission::check_order(const TokenOrder& order) const {
  if (order.role != Role::secondary) {
    throw Failure({.code = "bad-role",
                   .subject = to_text(order.role),
                   .cause = "only a secondary joins a federation",
                   .hint = "give --role engine (or secondary)"});
  }
  if (order.time_to_live < std::chrono::seconds{1} || order.time_to_live > longest_life) {
    throw Failure({.code = "bad-ttl",
                   .subject = std::to_string(order.time_to_live.count()) + " s",
                   .cause = "a token lives between a second and seven days",
                   .hint = "give --ttl 10m, --ttl 24h or the like"});
  }
  std::vector<std::string> names = canonical_names(order.names);
  if (names.empty()) {
    throw Failure({.code = "bad-name",
                   .subject = "join token",
                   .cause = "a token needs the names of the one who joins",
                   .hint = "give --name with the appliance's external DNS name"});
  }
  for (const Member& member : members()) {
    if (member.name != names.front() || member.role == to_text(Role::secondary)) continue;
    throw Failure({.code = "already-exists",
                   .subject = names.front(),
                   .cause = "this is the primary's own name",
                   .hint = "give the name of the appliance that is to join"});
  }
  return names;
}

SecretBytes Admission::make_token(const TokenOrder& order, const authority::RootAccess& access) {
  const std::vector<std::string> names = check_order(order);
  const SecretBytes id = random_secret(16);
  JoinToken token{
      .id = Bytes(id.begin(), id.end()), .seed = random_secret(32), .authority_pin = state_->tls_key.key_digest()};
  const PrivateKey signer = PrivateKey::from_ed25519_seed(view_of(token.seed));
  const Instant now = state_->clock();
  state_->store().write([&] {
    state_->authority.permit_names(names, access);
    enter_token(state_->store(), {.id = token.id,
                                  .public_key_der = signer.public_key_der(),
                                  .role = to_text(order.role),
                                  .names = names,
                                  .created = now,
                                  .expires = now + order.time_to_live});
  });
  return write_token(token);
}

std::vector<TokenSummary> Admission::tokens() const {
  const Instant now = state_->clock();
  std::vector<TokenSummary> summaries;
  for (const TokenRecord& token : all_tokens(state_->store())) {
    summaries.push_back({.id = to_hex(token.id),
                         .role = token.role,
                         .names = token.names,
                         .created = token.created,
                         .expires = token.expires,
                         .state = state_of(token, now)});
  }
  return summaries;
}

void Admission::revoke_token(const std::string& id) {
  revoke(state_->store(), from_hex(token(id).id), state_->clock());
}

TokenSummary Admission::token(const std::string& id) const {
  for (TokenSummary& token : tokens()) {
    if (token.id == id) return std::move(token);
  }
  throw Failure({.code = "unknown-token",
                 .subject = id.substr(0, 64),
                 .cause = "there is no token with this id",
                 .hint = "see chancery federation tokens list"});
}

std::vector<Member> Admission::members() const { return all_members(state_->store()); }
std::optional<Member> Admission::member(const std::string& name) const { return find_member(state_->store(), name); }
void Admission::seen(const std::string& member_name, Instant when) { member_seen(state_->store(), member_name, when); }
std::vector<Certificate> Admission::removable(const std::string& member_name) const {
  const std::optional<Member> member = find_member(state_->store(), member_name);
  if (member && member->role != to_text(Role::secondary)) {
    throw Failure({.code = "own-member",
                   .subject = member_name,
                   .cause = "this is the primary itself",
                   .hint = "name one of the secondaries that chancery federation list shows"});
  }
  std::vector<Certificate> certificates;
  bool is_known = member.has_value();
  for (const authority::Issued& issued : authority::issued_to(state_->store(), member_name)) {
    is_known = true;
    if (!issued.revoked) certificates.push_back(issued.certificate);
  }
  if (is_known) return certificates;
  throw Failure({.code = "unknown-member",
                 .subject = member_name.substr(0, 253),
                 .cause = "no member has this name",
                 .hint = "see chancery federation list"});
}

int Admission::remove(const std::string& member_name) {
  static_cast<void>(removable(member_name));
  int count = 0;
  state_->store().write([&] {
    const Instant now = state_->clock();
    revoke_tokens_of(state_->store(), member_name, now);
    count = authority::revoke_all(state_->store(), member_name, now);
    forget_member(state_->store(), member_name);
  });
  return count;
}

void Admission::enter_primary(const Member& self) { enter_member(state_->store(), self); }

}  // namespace chancery::federation
