// What the authority asks of a proof, and the bulletin as it signs it.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <set>

#include "appliance/authority/register.h"
#include "appliance/authority/rotation.h"
#include "appliance/federation/admission_state.h"
#include "appliance/federation/bulletin.h"
#include "appliance/federation/proof_statement.h"
#include "appliance/federation/refusal.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"
#include "keystore/x509/der.h"

namespace chancery::federation {
namespace {

using authority::Issued;

[[noreturn]] void refuse_proof(const std::string& reason) {
  throw Refusal{{403, write_refusal({"proof-refused", "this proof is refused",
                                     "the log of the primary's authority has the reason", 0})},
                reason};
}

Bytes key_of(const Certificate& certificate) {
  const auto outline = chancery::der::outline_of(certificate.der());
  if (!outline) refuse_proof("its certificate cannot be read");
  return {outline->key.begin(), outline->key.end()};
}

// The member itself must be among what it proves, and nobody may speak for another member.
void check_report(const ReportText& report, const Member& member) {
  std::set<std::pair<std::string, std::string>> seen;
  bool is_itself = false;
  for (const AnchorProof& each : report.proofs) {
    if (!seen.emplace(each.kind, each.who).second) refuse_proof("it says something twice");
    if (each.kind != "member") continue;
    if (each.who != member.name) refuse_proof("it speaks for another member");
    is_itself = true;
  }
  if (!is_itself) refuse_proof("it says nothing of the member itself");
}

}  // namespace

Admission::WireAnswer Admission::State::accept_proof(const std::string& body, const tls::Connection& session,
                                                     const std::string& peer, Instant now) {
  if (session.protocol() != "TLSv1.3") refuse_proof("the session is not TLS 1.3");
  if (session.was_resumed()) refuse_proof("the session was resumed, which proves nothing");
  SignedProof message;
  ReportText report;
  try {
    message = read_proof(body);
    report = read_report(message.statement.report);
  } catch (const Failure& failure) {
    refuse_proof("it is malformed: " + failure.cause());
  }
  const std::optional<Issued> issued = authority::find_issued(store(), message.statement.certificate);
  if (!issued) refuse_proof("its certificate is not in the register");
  const SecretBytes secret = session.exporter(proof_session_label, session_secret_size);
  if (!verify_signature(key_of(issued->certificate), view_of(proof_transcript(message.statement, view_of(secret))),
                        message.signature)) {
    refuse_proof("the signature does not fit certificate and session");
  }
  // From here on it has proven that it holds the key.
  check_clock(message.statement.time, now);
  store().write([&] {
    const std::optional<Issued> present = authority::find_issued(store(), message.statement.certificate);
    if (!present || present->kind != "member" || present->revoked) refuse_proof("its certificate is no member's");
    const std::optional<Member> member = find_member(store(), present->member);
    if (!member) refuse_proof("there is no such member any more");
    const std::shared_ptr<const authority::Anchors> anchors = this->anchors();
    if (report.root_sha256 != anchors->root.fingerprint()) refuse_proof("it proves another root than the one in force");
    if (!present->certificate.is_signed_by(anchors->issuing)) refuse_proof("its certificate is under a former root");
    check_report(report, *member);
    keep_proofs(store(), member->name, report.root_sha256, report.proofs, now);
    member_seen(store(), member->name, now);
  });
  spdlog::info("rotation: {} has proven the root {}…, from {}", issued->member, report.root_sha256.substr(0, 16),
               Attempts::address_of(peer));
  return {200, "{}"};
}

Admission::WireAnswer Admission::answer_proof(const std::string& body, const tls::Connection& session,
                                              const std::string& peer) {
  const Instant now = state_->clock();
  const std::string address = Attempts::address_of(peer);
  if (state_->attempts.must_wait(peer, now)) {
    spdlog::warn("proof refused from {}: too many failures within a minute", address);
    return wire(429, "too-many-attempts", "too many requests from this address failed", "wait a minute, then try again",
                now);
  }
  try {
    return state_->accept_proof(body, session, peer, now);
  } catch (const Refusal& refusal) {
    state_->attempts.failed(peer, now);
    spdlog::warn("proof refused from {}: {}", address, refusal.reason);
    return refusal.answer;
  } catch (const Failure& failure) {
    spdlog::error("proof from {} failed: {}; {}", address, failure.what(), failure.hint());
    return Admission::unavailable(failure, "proof-failed", now);
  }
}

std::shared_ptr<const authority::Anchors> Admission::State::anchors() {
  const std::string mark = authority::edition_of_anchors(store()).mark;
  {
    const std::lock_guard lock(edition_mutex);
    if (edition.mark == mark && edition.anchors) return edition.anchors;
  }
  auto read = std::make_shared<const authority::Anchors>(authority::anchors_of(store()));
  const std::lock_guard lock(edition_mutex);
  if (edition.mark != mark) edition = {.mark = mark, .anchors = nullptr, .news = {}};
  edition.anchors = std::move(read);
  return edition.anchors;
}

std::string Admission::news() {
  State& state = *state_;
  const authority::AnchorsEdition present = authority::edition_of_anchors(state.store());
  {
    const std::lock_guard lock(state.edition_mutex);
    if (state.edition.mark == present.mark && !state.edition.news.empty() && state.clock() < present.until) {
      return state.edition.news;
    }
  }
  std::string news = write_news(sign(bulletin_of(state.authority), state.tls_key), state.authority.revocation_lists(),
                                state.customer_keys.number);
  const std::lock_guard lock(state.edition_mutex);
  if (state.edition.mark != present.mark) state.edition = {.mark = present.mark, .anchors = nullptr, .news = {}};
  state.edition.news = news;
  return news;
}

}  // namespace chancery::federation
