#include "appliance/serving/member_proof.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <optional>

#include "appliance/http/client.h"
#include "appliance/membership/membership.h"
#include "keystore/fault.h"
#include "keystore/x509/material.h"

namespace chancery::serving {
namespace {

constexpr const char* roots_path = "trust/federation/roots.pem";
constexpr std::chrono::seconds patience{5};
constexpr std::chrono::seconds pause_after_failure{30};
constexpr std::chrono::hours proof_life{1};

}  // namespace

struct MemberProof::Question {
  std::vector<std::string> roots;
  std::optional<tls::ClientContext> context;  // nothing is asked without
};

std::function<void()> MemberProof::prepare(const backup::Generation& generation) {
  auto next = std::make_shared<Question>();
  if (generation.has(roots_path) && generation.has("identities/member/key.pem")) {
    const auto roots = read_material(generation.read(roots_path), {.source = roots_path}).certificates;
    for (const Certificate& root : roots) next->roots.push_back(root.fingerprint());
    if (roots.size() > 1) next->context = member_context(generation, bytes_of(roots.back().to_pem()), true);
  }
  return [this, next] {
    const std::lock_guard guard(mutex_);
    question_ = next;
    next_ = {};
    said_failure_ = false;
    std::erase_if(proven_,
                  [&](const auto& each) { return std::ranges::find(next->roots, each.first) == next->roots.end(); });
  };
}

void MemberProof::attempt(const std::vector<tls::Target>& servers) {
  std::shared_ptr<const Question> question;
  {
    const std::lock_guard guard(mutex_);
    const auto now = std::chrono::steady_clock::now();
    if (!question_ || !question_->context || now < next_) return;
    question = question_;
    next_ = now + pause_after_failure;
  }
  const std::string& newest = question->roots.back();
  std::string problem = "there is nobody to prove it with";
  for (const tls::Target& server : servers) {
    try {
      const http::Reply reply = http::request(
          server, *question->context,
          {.method = "GET", .path = "/healthz", .content_type = "text/plain", .body = {}, .headers = {}}, patience);
      if (reply.status != 200) {
        problem = server.name + " answered with status " + std::to_string(reply.status);
        continue;
      }
      const std::lock_guard guard(mutex_);
      if (!proven_.contains(newest)) spdlog::info("the root {} is proven with {}", newest.substr(0, 16), server.name);
      if (question_ == question) {
        proven_[newest] = system_now();
        next_ = std::chrono::steady_clock::now() + proof_life;
      }
      return;
    } catch (const Failure& failure) {
      problem = failure.what();
    }
  }
  const std::lock_guard guard(mutex_);
  if (!said_failure_) spdlog::info("the root {} is not proven yet: {}", newest.substr(0, 16), problem);
  said_failure_ = true;
}

MemberProof::Report MemberProof::report() const {
  const std::lock_guard guard(mutex_);
  return {.held = question_ ? question_->roots : std::vector<std::string>{}, .proven = proven_};
}

}  // namespace chancery::serving
