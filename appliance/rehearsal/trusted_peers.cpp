#include "appliance/rehearsal/trusted_peers.h"

#include <future>

#include "appliance/tls/negotiation.h"
#include "appliance/tls/probe.h"
#include "keystore/fault.h"

namespace chancery::rehearsal {

namespace {

Entry entry_of(const std::string& who, const std::string& name, const Fault& fault, const std::string& what) {
  return {.who = who,
          .kind = "appliance",
          .reason = fault.code,
          .name = "",
          .calls = name,
          .detail = what.empty() ? fault.cause : "as a client of " + what + ": " + fault.cause};
}

Report judge_peer(const std::string& who, const TrustedPeer& peer, const tls::ClientContext& present,
                  const std::optional<tls::ClientContext>& next, std::chrono::milliseconds patience) {
  Report report;
  const tls::ProbeResult seen = tls::probe(peer.address, peer.name, patience, peer.alpn);
  if (seen.chain.empty()) {
    report = Report::unanswered(who, "as a client of " + peer.what + ", which does not answer");
    report.silent.front().entry.calls = peer.name;
    return report;
  }
  if (present.judge(seen.chain, peer.name)) return report;
  report.asked = 1;
  const std::optional<Fault> fault = next ? next->judge(seen.chain, peer.name)
                                          : std::optional<Fault>(Fault{.code = "untrusted-root",
                                                                       .subject = peer.name,
                                                                       .cause = "nothing else is trusted there",
                                                                       .hint = "append another root first"});
  if (fault) {
    report.would_break.push_back(entry_of(who, peer.name, *fault, peer.what));
  } else {
    report.would_trust = 1;
  }
  return report;
}

}  // namespace

Report judge_peers(const std::string& who, const std::vector<TrustedPeer>& peers, const tls::ClientContext& context,
                   const std::vector<std::string>& without, std::chrono::milliseconds patience) {
  const std::optional<tls::ClientContext> next = context.without({without.begin(), without.end()});
  std::vector<std::future<Report>> asked;
  for (const TrustedPeer& peer : peers) {
    asked.push_back(
        std::async(std::launch::async, [&, peer] { return judge_peer(who, peer, context, next, patience); }));
  }
  Report report;
  for (auto& each : asked) report.add(each.get());
  return report;
}

Report judge_chain(const std::string& who, const tls::ClientContext& context, const std::vector<Certificate>& present,
                   const std::vector<Certificate>& chain, const std::string& name) {
  Report report;
  if (chain.empty() || (!present.empty() && context.judge(present, name))) return report;
  report.asked = 1;
  if (const auto fault = context.judge(chain, name)) {
    report.would_break.push_back(entry_of(who, name, *fault, ""));
  } else {
    report.would_trust = 1;
  }
  return report;
}

namespace {

std::optional<Fault> refusal_by(const tls::ProtocolLists& lists, const Certificate& leaf,
                                const tls::ClientContext& context) {
  return tls::NegotiatingServer(lists, leaf).refusal_of(context);
}

}  // namespace

Report judge_demands(const std::string& who, const tls::ClientContext& context, const Question& question,
                     const std::string& name) {
  Report report;
  std::optional<Fault> fault;
  if (question.closes) {
    fault = Fault{.code = "endpoint-closed",
                  .subject = name,
                  .cause = "nobody would listen there any more",
                  .hint = "keep the endpoint open"};
  } else if (question.lists && !question.present.empty()) {
    if (question.present_lists && refusal_by(*question.present_lists, question.present.front(), context)) return report;
    const auto& chain = question.chain.empty() ? question.present : question.chain;
    fault = refusal_by(*question.lists, chain.front(), context);
  } else {
    return report;
  }
  report.asked = 1;
  if (fault) {
    report.would_break.push_back(entry_of(who, name, *fault, ""));
  } else {
    report.would_trust = 1;
  }
  return report;
}

}  // namespace chancery::rehearsal
