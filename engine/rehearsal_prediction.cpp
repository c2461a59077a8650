#include "engine/rehearsal_prediction.h"

#include <algorithm>

#include "appliance/wire/collector_messages.h"
#include "engine/rehearsal.h"
#include "keystore/fault.h"
#include "keystore/trust/os_trust.h"
#include "keystore/x509/certificate_pool.h"

namespace chancery::engine {

namespace {

using rehearsal::Prediction;

constexpr std::chrono::days taken_for_gone{90};

bool contains(const std::vector<std::string>& all, const std::string& one) {
  return std::ranges::find(all, one) != all.end();
}

void append(Bytes& pem, const Certificate& certificate) {
  const std::string text = certificate.to_pem();
  pem.insert(pem.end(), text.begin(), text.end());
}

}  // namespace

bool Predictor::concerns(const Device& device, const Concerned& concerned) const {
  if (device.facts.trust_mode.empty()) return false;
  if (concerned.about_portal) return !device.facts.portal_name.empty();
  return !concerned.presented_others.contains(device.facts.presented);
}

rehearsal::Silent Predictor::predict(const Device& device, const Concerned& concerned) {
  const wire::Facts& facts = device.facts;
  const std::string& name =
      concerned.about_portal && !facts.server_name.empty() ? facts.portal_name : facts.server_name;
  std::string key = facts.trust_mode + "|" + name;
  for (const std::string& root : facts.trust_roots) key += "|" + root;
  auto found = words_.find(key);
  if (found == words_.end()) found = words_.emplace(key, word_of(facts, name)).first;
  const Word& word = found->second;
  return {.entry = {.who = device.id,
                    .kind = "collector",
                    .reason = word.reason,
                    .name = facts.host,
                    .calls = name,
                    .detail = word.detail},
          .predicted = word.prediction,
          .last_seen = device.last_seen.time_since_epoch().count(),
          .counts = now_ - device.last_seen < taken_for_gone};
}

Predictor::Word Predictor::word_of(const wire::Facts& facts, const std::string& name) const {
  // After the change: it was there before, and did not come back.
  if (question_.live) return {.prediction = Prediction::unknown, .reason = "", .detail = "it does not answer"};
  if (facts.trust_mode == "none") return {.prediction = Prediction::would_trust, .reason = "", .detail = ""};
  if (question_.client_certificate) {
    return {.prediction = Prediction::would_break, .reason = wire::needs_client_certificate, .detail = ""};
  }
  try {
    if (question_.chain.empty() && question_.without.empty()) {
      return {.prediction = Prediction::would_trust, .reason = "", .detail = ""};
    }
    return facts.trust_mode == "pinned" ? pinned(facts, name) : by_system(name);
  } catch (const Failure& failure) {
    return {.prediction = Prediction::unknown, .reason = "", .detail = failure.cause()};
  }
}

Predictor::Word Predictor::pinned(const wire::Facts& facts, const std::string& name) const {
  Bytes anchors;
  std::size_t held = 0;
  for (const auto* group : {&question_.roots, &question_.chain}) {
    for (const Certificate& certificate : *group) {
      const std::string fingerprint = certificate.fingerprint();
      if (!contains(facts.trust_roots, fingerprint) || contains(question_.without, fingerprint)) continue;
      append(anchors, certificate);
      ++held;
    }
  }
  if (held == 0) {
    // What the candidate ends at is known, and is none of those.
    const bool is_end_known = std::ranges::any_of(question_.roots, [&](const Certificate& root) {
      return std::ranges::any_of(question_.chain,
                                 [&](const Certificate& each) { return each == root || each.is_signed_by(root); });
    });
    if (is_end_known) {
      return {.prediction = Prediction::would_break,
              .reason = "untrusted-root",
              .detail = "it is pinned to roots that this chain does not end in"};
    }
    return {.prediction = Prediction::unknown, .reason = "", .detail = "what this chain ends at is not known here"};
  }
  return judged(std::move(anchors), name, true);
}

Predictor::Word Predictor::by_system(const std::string& name) const {
  Bytes anchors;
  CertificatePool pool;
  pool.add_pem(os_trust_bundle());
  // The root that it has trusted until now is in its store, whether or not it is in ours.
  for (const Certificate& root : question_.roots) {
    const bool anchors_present =
        std::ranges::any_of(question_.present, [&](const Certificate& each) { return each.is_signed_by(root); });
    if (anchors_present) pool.add(root);
  }
  for (const Certificate& certificate : pool.all()) {
    if (!contains(question_.without, certificate.fingerprint())) append(anchors, certificate);
  }
  return judged(std::move(anchors), name, false);
}

Predictor::Word Predictor::judged(Bytes anchors, const std::string& name, bool is_whole) const {
  tls::ClientOptions options;
  options.trust_pem = std::move(anchors);
  options.verify_name = !name.empty();
  const auto fault = tls::ClientContext(std::move(options)).judge(question_.chain, name);
  if (!fault) return {.prediction = Prediction::would_trust, .reason = "", .detail = ""};
  // Its own store may have a root more than ours.
  const bool may_be_otherwise = !is_whole && fault->code == "untrusted-root";
  return {.prediction = Prediction::would_break,
          .reason = fault->code,
          .detail = may_be_otherwise ? "judged by this machine's trust store" : fault->cause};
}

}  // namespace chancery::engine
