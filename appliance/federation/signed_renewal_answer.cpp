// Renewals of what was signed by hand: the answer. Its owner in the register is no member, but the first key of all the
// certificates that followed from one signature.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "appliance/authority/public_key_rules.h"
#include "appliance/authority/register.h"
#include "appliance/authority/signed_by_hand.h"
#include "appliance/federation/admission_state.h"
#include "appliance/federation/member_uri.h"
#include "appliance/federation/refusal.h"
#include "keystore/fault.h"

namespace chancery::federation {
namespace {

using authority::Issued;

constexpr std::chrono::hours retry_span{24};

void check_present(const Issued& present, Instant now) {
  if (present.revoked) refuse("its certificate is revoked", Exchange::renewal);
  if (now < present.certificate.not_after()) return;
  // Members may come back with their key alone; for what is neither watched nor removed with anything, the end is one.
  throw Refusal{wire(403, "renew-too-late", "the certificate has ended",
                     "have a new one signed on the primary (chancery authority sign)", now),
                "its certificate ended at " + to_rfc3339(present.certificate.not_after())};
}

std::vector<std::string> names_of(const Certificate& certificate) {
  std::vector<std::string> names;
  for (const AlternativeName& name : certificate.names()) names.push_back(name.value);
  return names;
}

const IdentityRequest& only_request(const JoinStatement& statement, const Issued& present) {
  if (statement.requests.size() != 1 || statement.requests.front().identity != present.identity) {
    refuse("it asks for something else than a successor of its certificate", Exchange::renewal);
  }
  const IdentityRequest& wanted = statement.requests.front();
  try {
    (void)authority::check_public_key(wanted.request.public_key_der());
  } catch (const Failure& failure) {
    refuse("its new key is not taken: it " + failure.cause(), Exchange::renewal);
  }
  if (!wanted.request.is_self_signature_valid()) refuse("its CSR is not signed by its own key", Exchange::renewal);
  const std::vector<std::string> asked = [&] {
    std::vector<std::string> names;
    for (const AlternativeName& name : wanted.request.names()) names.push_back(name.value);
    return names;
  }();
  if (!asked.empty() && !same_names(asked, names_of(present.certificate))) {
    refuse("its CSR names something else than its certificate", Exchange::renewal);
  }
  return wanted;
}

}  // namespace

Admission::WireAnswer Admission::State::accept_signed_renewal(const JoinStatement& statement, ByteView session_secret,
                                                              const std::string& peer, Instant now) {
  std::optional<Certificate> leaf;
  std::string identity;
  store().write([&] {
    const std::optional<Issued> present = authority::find_issued(store(), statement.token_id);
    check_present(*present, now);
    const IdentityRequest& wanted = only_request(statement, *present);
    identity = present->identity;
    const std::vector<Issued> earlier = authority::issued_to(store(), present->member);
    const Certificate issuing = authority.issuing();
    const auto self = std::find_if(earlier.begin(), earlier.end(),
                                   [&](const Issued& each) { return each.certificate == present->certificate; });
    const auto same = std::find_if(self + 1, earlier.end(), [&](const Issued& each) {
      return !each.revoked && now - each.issued_at < retry_span &&
             each.certificate.key_digest() == wanted.request.key_digest() && each.certificate.is_signed_by(issuing);
    });
    if (same != earlier.end()) {
      leaf = same->certificate;
      return;
    }
    leaf = authority.issue(
        {.purpose = identity == "client" ? authority::LeafPurpose::client : authority::LeafPurpose::server,
         .names = names_of(present->certificate),
         .member_uri = {},
         .public_key_der = wanted.request.public_key_der(),
         .issued_for = "renewal by " + present->certificate.fingerprint().substr(0, 16) + "…",
         .member = present->member,
         .identity = identity});
  });
  spdlog::info("renewal: {} certificate {} was given, asked from {}", identity, leaf->fingerprint().substr(0, 16),
               Attempts::address_of(peer));
  RenewalText text{.nonce = statement.nonce,
                   .federation = facts.federation,
                   .chains_pem = {{identity, pems_of(*leaf, authority.intermediates())}},
                   .time = now.time_since_epoch().count()};
  SignedReply reply{write_renewal_text(text), {}};
  reply.signature =
      tls_key.sign(view_of(authority_transcript(statement, session_secret, reply.text, Exchange::renewal)));
  return {200, write_signed_reply(reply)};
}

}  // namespace chancery::federation
