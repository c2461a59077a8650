#include "appliance/manager/pending_keys.h"

#include <algorithm>

namespace chancery::manager {
namespace {

std::optional<PrivateKey> key_at(const backup::Generation& generation, const std::string& path) {
  if (!generation.has(path)) return std::nullopt;
  try {
    return PrivateKey::from_pem(view_of(generation.read_secret(path)));
  } catch (const Failure&) {
    return std::nullopt;  // a damaged key matches nothing; doctor reports it
  }
}

bool fits(const PrivateKey& key, const std::vector<Certificate>& candidates) {
  return std::any_of(candidates.begin(), candidates.end(),
                     [&key](const Certificate& candidate) { return key.key_digest() == candidate.key_digest(); });
}

std::optional<PendingKey> in_generation(const backup::Generation& generation,
                                        const std::vector<Certificate>& candidates) {
  for (const std::string& identity : generation.folders("pending")) {
    auto key = key_at(generation, "pending/" + identity + "/key.pem");
    if (key && fits(*key, candidates)) return PendingKey{.identity = identity, .key = std::move(*key)};
  }
  return std::nullopt;
}

}  // namespace

std::optional<PendingKey> find_waiting_key(Bench& bench, const std::vector<Certificate>& candidates,
                                           const std::vector<std::string>& identities) {
  if (candidates.empty()) return std::nullopt;
  if (auto found = in_generation(bench.current(), candidates)) return found;
  for (const std::string& identity : identities) {
    auto key = key_at(bench.current(), "identities/" + identity + "/key.pem");
    if (key && fits(*key, candidates)) {
      return PendingKey{.identity = identity, .key = std::move(*key), .is_request = false};
    }
  }
  std::vector<backup::GenerationNumber> numbers = bench.generations.list();
  std::reverse(numbers.begin(), numbers.end());
  for (const backup::GenerationNumber number : numbers) {
    if (number == bench.current().number()) continue;
    if (auto found = in_generation(bench.generations.open(number), candidates)) {
      found->is_request = false;  // the request in force, if any, is another one and goes on waiting
      return found;
    }
  }
  return std::nullopt;
}

std::optional<PendingKey> requested_key(Bench& bench, const std::vector<std::string>& identities) {
  for (const std::string& identity : identities) {
    auto key = key_at(bench.current(), "pending/" + identity + "/key.pem");
    if (key) return PendingKey{.identity = identity, .key = std::move(*key)};
  }
  return std::nullopt;
}

}  // namespace chancery::manager
