// Joins: what is asked of a joiner, and the answer.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "appliance/federation/admission_state.h"
#include "appliance/federation/member_uri.h"
#include "appliance/federation/refusal.h"
#include "appliance/federation/token_signature.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"
#include "keystore/x509/pem.h"

namespace chancery::federation {
namespace {

void check_life(const TokenRecord& token, Instant now) {
  if (token.revoked) refuse("the token is revoked");
  if (now < token.expires) return;
  throw Refusal{
      wire(403, "token-expired", "the token has expired", "make a new one with chancery federation token", now),
      "the token has expired"};
}

void check_requests(const JoinStatement& statement, const TokenRecord& token) {
  if (statement.role != token.role) refuse("it asks for another role than the token's");
  if (!same_names(statement.names, token.names)) refuse("it asks for other names than the token's");
  if (statement.names.front() != token.names.front()) refuse("the token calls this member by another of its names");
  if (statement.requests.empty()) refuse("it has no CSR");
  check_each(statement.requests, token.role, token.names);
}

// Names the set of keys, whatever the order of the CSRs.
Sha256 digest_of_keys(const std::vector<IdentityRequest>& requests) {
  std::map<std::string, Sha256> keys;
  for (const IdentityRequest& each : requests) keys[each.identity] = each.request.key_digest();
  std::string text;
  for (const auto& [identity, digest] : keys) text += identity + " " + to_hex(digest) + "\n";
  return sha256(view_of(text));
}

}  // namespace

// Unknown id and wrong signature are one refusal, at the same cost.
TokenRecord Admission::State::proven_token(const JoinStatement& statement, ByteView signature,
                                           ByteView session_secret) const {
  std::optional<TokenRecord> token = find_token(store(), statement.token_id);
  const Bytes& public_key = token ? token->public_key_der : nobodys_key;
  const bool proven =
      verify_token_signature(public_key, view_of(joiner_transcript(statement, session_secret)), signature);
  if (!token) refuse("there is no such token");
  if (!proven) refuse("the signature does not fit token and session");
  return std::move(*token);
}

std::map<std::string, Bytes> Admission::State::issue_all(const JoinStatement& statement, const TokenRecord& token,
                                                         Instant now) {
  std::map<std::string, Bytes> leaves;
  std::vector<Bytes> in_order;
  Member member{.name = token.names.front(),
                .role = token.role,
                .state = "joined",
                .joined = now,
                .last_seen = now,
                .certificates = {}};
  for (const IdentityRequest& wanted : statement.requests) {
    const auto purpose = purpose_of(wanted.identity);
    const bool is_member = purpose == authority::LeafPurpose::member;
    const authority::SignedLeaf leaf =
        authority.issue_encoded({.purpose = purpose,
                                 .names = token.names,
                                 .member_uri = is_member ? member_uri(facts.federation, token.role, member.name) : "",
                                 .public_key_der = wanted.request.public_key_der(),
                                 .issued_for = "token " + to_hex(token.id) + ", identity " + wanted.identity,
                                 .member = member.name,
                                 .identity = wanted.identity});
    enter_given(store(), token.id, wanted.identity, leaf.sha256);
    in_order.push_back(leaf.der);
    leaves.emplace(wanted.identity, leaf.der);
  }
  enter_member(store(), member, in_order);
  return leaves;
}

Admission::State::Admitted Admission::State::admit(const JoinStatement& statement, const TokenRecord& token,
                                                   Instant now) {
  const Sha256 digest = digest_of_keys(statement.requests);
  Admitted admitted;
  std::map<std::string, Bytes>& leaves = admitted.leaves;
  store().write([&] {
    // Read again: another join, or a revocation, may have come between.
    const std::optional<TokenRecord> present = find_token(store(), token.id);
    if (!present || present->revoked) refuse("the token is revoked");
    admitted.root_pem = authority.root().to_pem();
    admitted.above = authority.intermediates();
    if (present->used_digest) {
      if (!secret_equal(*present->used_digest, digest)) refuse("the token was used with other keys");
      const std::map<std::string, Certificate> before = given(store(), token.id);
      const Certificate issuing = authority.issuing();
      const bool is_current =
          std::ranges::all_of(before, [&](const auto& each) { return each.second.is_signed_by(issuing); });
      for (const auto& [identity, leaf] : before) leaves.emplace(identity, leaf.der());
      if (is_current) return;
      // A rotation came between the two attempts: the same keys get their certificates from the new issuing CA.
      forget_given(store(), token.id);
      leaves = issue_all(statement, token, now);
      return;
    }
    bind_token(store(), token.id, digest, now);
    leaves = issue_all(statement, token, now);
  });
  return admitted;
}

Admission::WireAnswer Admission::State::reply(const JoinStatement& statement, const Admitted& admitted,
                                              const tls::Connection& session, ByteView session_secret,
                                              Instant now) const {
  const SecretBytes& customer_key = customer_keys.current;
  const SecretBytes mask = session.exporter(mask_label, customer_key.size());
  ReplyText text{.nonce = statement.nonce,
                 .federation = facts.federation,
                 .root_pem = admitted.root_pem,
                 .chains_pem = {},
                 .masked_customer_key = Bytes(customer_key.size()),
                 .portal_host = facts.portal_host,
                 .portal_port = facts.portal_port,
                 .portal_name = facts.portal_name,
                 .time = now.time_since_epoch().count()};
  for (std::size_t at = 0; at < customer_key.size(); ++at) {
    text.masked_customer_key[at] = static_cast<std::uint8_t>(customer_key[at] ^ mask[at]);
  }
  std::vector<std::string> above;
  for (const Certificate& each : admitted.above) above.push_back(each.to_pem());
  for (const auto& [identity, leaf] : admitted.leaves) {
    std::vector<std::string>& chain = text.chains_pem[identity];
    chain.push_back(pem::encode("CERTIFICATE", leaf));
    chain.insert(chain.end(), above.begin(), above.end());
  }
  SignedReply signed_reply{write_reply_text(text), {}};
  signed_reply.signature = tls_key.sign(view_of(authority_transcript(statement, session_secret, signed_reply.text)));
  return {200, write_signed_reply(signed_reply)};
}

Admission::WireAnswer Admission::State::accept(const std::string& body, const tls::Connection& session,
                                               const std::string& peer, Instant now) {
  if (session.protocol() != "TLSv1.3") refuse("the session is not TLS 1.3");
  SignedStatement message;
  try {
    message = read_statement(body);
  } catch (const Failure& failure) {
    refuse("the request is malformed: " + failure.cause());
  }
  const JoinStatement& statement = message.statement;
  const SecretBytes session_secret = session.exporter(session_label, session_secret_size);
  const TokenRecord token = proven_token(statement, message.signature, view_of(session_secret));
  // From here on the joiner has proven that it holds the token and may be told what is wrong with clock and life.
  check_clock(statement.time, now);
  check_life(token, now);
  check_requests(statement, token);
  const Admitted admitted = admit(statement, token, now);
  spdlog::info("join: {} joined as {} with token {} from {}", token.names.front(), token.role, to_hex(token.id),
               Attempts::address_of(peer));
  return reply(statement, admitted, session, view_of(session_secret), now);
}

Admission::WireAnswer Admission::answer(const std::string& body, const tls::Connection& session,
                                        const std::string& peer) {
  const Instant now = state_->clock();
  const std::string address = Attempts::address_of(peer);
  if (state_->attempts.must_wait(peer, now)) {
    spdlog::warn("join refused from {}: too many failures within a minute", address);
    return wire(429, "too-many-attempts", "too many joins failed from this address", "wait a minute, then join again",
                now);
  }
  try {
    return state_->accept(body, session, peer, now);
  } catch (const Refusal& refusal) {
    state_->attempts.failed(peer, now);
    spdlog::warn("join refused from {}: {}", address, refusal.reason);
    return refusal.answer;
  } catch (const Failure& failure) {
    // Ours, not the joiner's: everything was rolled back, and the token is as it was.
    spdlog::error("join from {} failed: {}; {}", address, failure.what(), failure.hint());
    return Admission::unavailable(failure, "join-failed", now);
  }
}

}  // namespace chancery::federation
