// Renewals: what is asked of a member, and the answer. Nothing about them is secret, so none of the customer key.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "appliance/authority/register.h"
#include "appliance/authority/signed_by_hand.h"
#include "appliance/federation/admission_state.h"
#include "appliance/federation/member_uri.h"
#include "appliance/federation/refusal.h"
#include "appliance/federation/renewal.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"
#include "keystore/x509/der.h"

namespace chancery::federation {
namespace {

using authority::Issued;

// A retry after a crash asks with the same keys; so long it is given what it was given.
constexpr std::chrono::hours retry_span{24};

Bytes key_of(const Certificate& certificate) {
  const auto outline = chancery::der::outline_of(certificate.der());
  if (!outline) refuse("its certificate cannot be read", Exchange::renewal);
  return {outline->key.begin(), outline->key.end()};
}

// Every member certificate that it was given since it joined is good for a renewal, so that one that was restored, or
// whose successor's reply was lost, is no dead end. A member that is removed, or that joined anew, has none of these.
Member member_of(const storage::Store& store, const Issued& issued) {
  if (issued.kind != "member") refuse("its certificate is no member's", Exchange::renewal);
  if (issued.revoked) refuse("its certificate is revoked", Exchange::renewal);
  std::optional<Member> member = find_member(store, issued.member);
  if (!member) refuse("there is no such member any more", Exchange::renewal);
  if (issued.issued_at < member->joined) refuse("the member has joined anew since", Exchange::renewal);
  return std::move(*member);
}

void check_end(const Certificate& certificate, Instant now) {
  if (now < certificate.not_after() + renewable_after_end) return;
  throw Refusal{wire(403, "renew-too-late", "the certificate has been over for too long",
                     "make a new token (chancery federation token) and join again", now),
                "its certificate ended at " + to_rfc3339(certificate.not_after())};
}

std::vector<std::string> names_of(const Certificate& certificate) {
  std::vector<std::string> names;
  for (const AlternativeName& name : certificate.names()) {
    if (name.kind != AlternativeName::Kind::uri) names.push_back(name.value);
  }
  return names;
}

struct Given {
  std::map<std::string, Certificate> leaves;
  std::size_t issued = 0;  // the others were given before
};

Given give(Admission::State& state, const JoinStatement& statement, const Certificate& present, Member member,
           Instant now) {
  Given given;
  const std::vector<Issued> earlier = authority::issued_to(state.store(), member.name, now - retry_span);
  const Certificate issuing = state.authority.issuing();
  for (const IdentityRequest& wanted : statement.requests) {
    const auto purpose = purpose_of(wanted.identity);
    const auto same = std::find_if(earlier.begin(), earlier.end(), [&](const Issued& each) {
      return !each.revoked && each.identity == wanted.identity && now - each.issued_at < retry_span &&
             each.certificate.key_digest() == wanted.request.key_digest() && each.certificate.is_signed_by(issuing);
    });
    if (same != earlier.end()) {
      given.leaves.emplace(wanted.identity, same->certificate);
      continue;
    }
    const bool is_member = purpose == authority::LeafPurpose::member;
    given.leaves.emplace(
        wanted.identity,
        state.authority.issue(
            {.purpose = purpose,
             .names = names_of(present),
             .member_uri = is_member ? member_uri(state.facts.federation, member.role, member.name) : "",
             .public_key_der = wanted.request.public_key_der(),
             .issued_for = "renewal by " + present.fingerprint().substr(0, 16) + "…, identity " + wanted.identity,
             .member = member.name,
             .identity = wanted.identity}));
    ++given.issued;
  }
  member.last_seen = now;
  if (given.issued > 0) renew_member(state.store(), member, given.leaves);
  return given;
}

}  // namespace

Admission::WireAnswer Admission::State::accept_renewal(const std::string& body, const tls::Connection& session,
                                                       const std::string& peer, Instant now) {
  if (session.protocol() != "TLSv1.3") refuse("the session is not TLS 1.3", Exchange::renewal);
  SignedStatement message;
  try {
    message = read_renewal(body);
  } catch (const Failure& failure) {
    refuse("the request is malformed: " + failure.cause(), Exchange::renewal);
  }
  const JoinStatement& statement = message.statement;
  const SecretBytes session_secret = session.exporter(renewal_session_label, session_secret_size);
  const SecretBytes transcript = joiner_transcript(statement, view_of(session_secret), Exchange::renewal);
  const std::optional<Issued> issued = authority::find_issued(store(), statement.token_id);
  if (!issued) refuse("its certificate is not in the register", Exchange::renewal);
  if (!verify_signature(key_of(issued->certificate), view_of(transcript), message.signature)) {
    refuse("the signature does not fit certificate and session", Exchange::renewal);
  }
  // From here on it has proven that it holds the key and may be told what is wrong with clock and life.
  check_clock(statement.time, now);
  if (authority::is_signed_by_hand(issued->member)) {
    return accept_signed_renewal(statement, view_of(session_secret), peer, now);
  }
  Given given;
  std::string name;
  store().write([&] {
    // Read in the transaction: it may have been removed a moment ago.
    const std::optional<Issued> present = authority::find_issued(store(), statement.token_id);
    const Member member = member_of(store(), *present);
    check_end(present->certificate, now);
    check_each(statement.requests, member.role, names_of(present->certificate), Exchange::renewal);
    name = member.name;
    given = give(*this, statement, present->certificate, member, now);
  });
  spdlog::info("renewal: {} was given {} new certificates, asked from {}", name, given.issued,
               Attempts::address_of(peer));
  RenewalText text{.nonce = statement.nonce,
                   .federation = facts.federation,
                   .chains_pem = {},
                   .time = now.time_since_epoch().count()};
  const std::vector<Certificate> above = authority.intermediates();
  for (const auto& [identity, leaf] : given.leaves) text.chains_pem[identity] = pems_of(leaf, above);
  SignedReply signed_reply{write_renewal_text(text), {}};
  signed_reply.signature = tls_key.sign(
      view_of(authority_transcript(statement, view_of(session_secret), signed_reply.text, Exchange::renewal)));
  return {200, write_signed_reply(signed_reply)};
}

Admission::WireAnswer Admission::answer_renewal(const std::string& body, const tls::Connection& session,
                                                const std::string& peer) {
  const Instant now = state_->clock();
  const std::string address = Attempts::address_of(peer);
  if (state_->attempts.must_wait(peer, now)) {
    spdlog::warn("renewal refused from {}: too many failures within a minute", address);
    return wire(429, "too-many-attempts", "too many requests from this address failed", "wait a minute, then try again",
                now);
  }
  try {
    return state_->accept_renewal(body, session, peer, now);
  } catch (const Refusal& refusal) {
    state_->attempts.failed(peer, now);
    spdlog::warn("renewal refused from {}: {}", address, refusal.reason);
    return refusal.answer;
  } catch (const Failure& failure) {
    // Ours, not the member's: everything was rolled back, and it may try again.
    spdlog::error("renewal from {} failed: {}; {}", address, failure.what(), failure.hint());
    return Admission::unavailable(failure, "renew-failed", now);
  }
}

}  // namespace chancery::federation
