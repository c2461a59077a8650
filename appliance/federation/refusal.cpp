#include "appliance/federation/refusal.h"

#include <algorithm>
#include <set>

#include "appliance/authority/public_key_rules.h"
#include "appliance/federation/join_wire.h"
#include "appliance/federation/member_uri.h"
#include "keystore/fault.h"

namespace chancery::federation {
namespace {

constexpr std::chrono::hours most_skew{1};

void check_request(const IdentityRequest& wanted, const std::string& role,
                   const std::vector<std::string>& allowed_names, Exchange exchange) {
  const auto refuse_it = [&](const std::string& why) {
    refuse("the CSR for " + wanted.identity + " " + why, exchange);
  };
  const std::vector<std::string> allowed = identities_of(role_from_name(role));
  if (std::find(allowed.begin(), allowed.end(), wanted.identity) == allowed.end()) {
    refuse("it asks for an identity that this role does not have", exchange);
  }
  try {
    (void)authority::check_public_key(wanted.request.public_key_der());
  } catch (const Failure& failure) {
    refuse_it("has a key that is not taken: it " + failure.cause());
  }
  if (!wanted.request.is_self_signature_valid()) refuse_it("is not signed by its own key");
  // What else a CSR asks for is never looked at, but names tell a request that was meant for something else.
  std::vector<std::string> names;
  for (const AlternativeName& name : wanted.request.names()) names.push_back(name.value);
  if (!names.empty() && !same_names(names, allowed_names)) refuse_it("names something else than what is its own");
}

}  // namespace

Admission::WireAnswer wire(int status, const char* code, const char* message, const char* hint, Instant now) {
  return {status, write_refusal({code, message, hint, now.time_since_epoch().count()})};
}

Admission::WireAnswer Admission::unavailable(const Failure& failure, const char* code, Instant now) {
  if (failure.code() != "not-the-issuer") {
    return wire(503, code, "the authority could not do it", "see the authority's log, then try again", now);
  }
  return {503, write_refusal({failure.code(), failure.cause(), failure.hint(), now.time_since_epoch().count()})};
}

void refuse(const std::string& reason, Exchange exchange) {
  if (exchange == Exchange::join) {
    throw Refusal{{403, write_refusal({"join-refused", "this join is refused",
                                       "make a new token on the primary (chancery federation token); its log has the "
                                       "reason",
                                       0})},
                  reason};
  }
  throw Refusal{{403, write_refusal({"renew-refused", "this renewal is refused",
                                     "the log of the primary's authority has the reason", 0})},
                reason};
}

void check_clock(std::int64_t their_time, Instant now) {
  const auto difference = Instant{std::chrono::seconds{their_time}} - now;
  if (difference <= most_skew && difference >= -most_skew) return;
  throw Refusal{wire(403, "clock-skew", "the clocks differ too much", "set both clocks (NTP), then try again", now),
                "its clock differs by " + std::to_string(difference.count()) + " s"};
}

void check_each(const std::vector<IdentityRequest>& requests, const std::string& role,
                const std::vector<std::string>& names, Exchange exchange) {
  if (requests.empty()) refuse("it has no CSR", exchange);
  std::set<std::string> identities;
  std::set<Sha256> keys;
  for (const IdentityRequest& wanted : requests) {
    check_request(wanted, role, names, exchange);
    if (!identities.insert(wanted.identity).second) refuse("it has two CSRs for " + wanted.identity, exchange);
    if (!keys.insert(wanted.request.key_digest()).second) refuse("it has one key in two CSRs", exchange);
  }
}

}  // namespace chancery::federation
