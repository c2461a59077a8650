// A compromised key leaves every generation and every backup set. What is in force is never touched: that key has to be
// replaced first.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "appliance/manager/purge_stores.h"
#include "appliance/manager/served.h"
#include "appliance/manager/verbs.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/x509/material.h"

namespace chancery::manager {
namespace {

using backup::Generation;
using backup::GenerationNumber;
using nlohmann::json;

constexpr std::size_t digest_hex_size = 64;

std::string wanted_digest(const Call& call) {
  std::string text = call.text("key");
  std::erase(text, ':');
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  const bool is_hex = text.size() == digest_hex_size && text.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (is_hex) return text;
  throw bad_argument("key", "is not a SHA-256 in hex",
                     "give the SHA-256 of the public key, or the fingerprint of a certificate (chancery cert show)");
}

// The digests of keys meant: the one given, and where a certificate has that fingerprint, its key's.
class Wanted {
 public:
  explicit Wanted(std::string digest) : digest_(std::move(digest)) { keys_.insert(digest_); }

  void learn(const std::string& path, ByteView bytes) {
    if (!path.ends_with("certificate.pem") && !path.ends_with("fullchain.pem")) return;
    for (const Certificate& certificate : read_material(bytes, {.source = path}).certificates) {
      if (certificate.fingerprint() == digest_) keys_.insert(to_hex(certificate.key_digest()));
    }
  }
  bool holds(const std::string& path, ByteView bytes) const {
    if (!path.ends_with("key.pem")) return false;
    const Material found = read_material(bytes, {.source = path});
    return std::any_of(found.keys.begin(), found.keys.end(),
                       [this](const PrivateKey& key) { return keys_.contains(to_hex(key.key_digest())); });
  }
  const std::set<std::string>& digests() const noexcept { return keys_; }
  bool holds(const Generation& generation) const { return !paths_in(generation).empty(); }
  std::vector<std::string> paths_in(const Generation& generation) const {
    std::vector<std::string> paths;
    for (const std::string& path : generation.files("")) {
      if (path.ends_with("key.pem") && holds(path, view_of(generation.read_secret(path)))) paths.push_back(path);
    }
    return paths;
  }

 private:
  std::string digest_;
  std::set<std::string> keys_;
};

void learn_everywhere(Bench& bench, Wanted& wanted) {
  for (const GenerationNumber number : bench.generations.list()) {
    const Generation generation = bench.generations.open(number);
    for (const std::string& path : generation.files("")) {
      if (path.ends_with("certificate.pem")) wanted.learn(path, generation.read(path));
    }
  }
  for (const std::string& id : bench.sets.ids()) {
    try {
      const backup::BackupSet set = bench.sets.open(id);
      for (const auto& [path, file] : set.files("")) wanted.learn(path, view_of(file.bytes));
    } catch (const Failure&) {
      // A damaged set cannot be restored either; backup list shows it.
    }
  }
}

Failure in_force(const std::string& path) {
  return Failure({.code = "in-use",
                  .subject = path,
                  .cause = "this key is in force",
                  .hint = "replace it first (chancery cert replace, or cert reset), then purge it"});
}

// A key that only waits for a certificate leaves by a change of its own.
bool drop_waiting(Bench& bench, const Call& call, const std::vector<std::string>& paths) {
  change::Plan plan;
  plan.reason = "purge a key that waits";
  plan.base = bench.current().number();
  for (const std::string& path : paths) {
    if (!path.starts_with("pending/")) throw in_force(path);
    const std::string folder = path.substr(0, path.rfind('/'));
    plan.components.push_back(folder);
    for (const std::string& file : bench.current().files(folder + "/")) plan.edits[file] = std::nullopt;
  }
  if (plan.edits.empty() || call.flag("dry_run")) return false;
  const json reply = finish(bench, std::move(plan), call);
  return reply["outcome"] == "done";
}

// Sets that hold the key, as far as they can be read; a dry run tells them.
std::vector<std::string> sets_holding(Bench& bench, const Wanted& wanted) {
  std::vector<std::string> out;
  for (const std::string& id : bench.sets.ids()) {
    try {
      const auto files = bench.sets.open(id).files("");
      const bool holds = std::any_of(files.begin(), files.end(), [&wanted](const auto& entry) {
        return wanted.holds(entry.first, view_of(entry.second.bytes));
      });
      if (holds) out.push_back(id);
    } catch (const Failure&) {
      // As above: a damaged set brings nothing back.
    }
  }
  return out;
}

// nullopt: the copy is damaged.
std::optional<bool> pristine_holds(Bench& bench, const Wanted& wanted, GenerationNumber number) {
  try {
    const auto files = bench.sets.pristine(number).files("");
    return std::any_of(files.begin(), files.end(),
                       [&wanted](const auto& entry) { return wanted.holds(entry.first, view_of(entry.second.bytes)); });
  } catch (const Failure& failure) {
    if (failure.code() != "pristine-damaged") throw;
    return std::nullopt;
  }
}

Failure sealed_in_force(GenerationNumber number) {
  return Failure({.code = "in-use",
                  .subject = "generation " + std::to_string(number),
                  .cause = "it was made with this key, which was then taken out by hand",
                  .hint = "keep the edits with chancery generation adopt, then purge"});
}

std::set<GenerationNumber> served_generations(Bench& bench) {
  std::set<GenerationNumber> served;
  for (const change::ProgramStatus& program : programs_now(bench)) {
    if (program.running && program.answering) served.insert(program.generation);
  }
  return served;
}

}  // namespace

json generation_purge(Bench& bench, Call& call) {
  Wanted wanted(wanted_digest(call));
  const bool is_dry = call.flag("dry_run");
  const Bench::Writer writer = bench.begin_change(call.who() + ", generation purge");
  learn_everywhere(bench, wanted);
  const std::vector<std::string> waiting = wanted.paths_in(bench.current());
  const bool dropped = drop_waiting(bench, call, waiting);
  const GenerationNumber current = bench.generations.current_number();
  const std::set<GenerationNumber> served = served_generations(bench);
  std::vector<GenerationNumber> removed;
  for (const GenerationNumber number : bench.generations.list()) {
    if (number == current || !wanted.holds(bench.generations.open(number))) continue;
    if (served.contains(number)) throw in_force("generation " + std::to_string(number) + ", which a program serves");
    removed.push_back(number);
  }
  std::vector<GenerationNumber> copies;
  for (const GenerationNumber number : bench.sets.pristine_numbers()) {
    const std::optional<bool> holds = pristine_holds(bench, wanted, number);
    // Edited by hand, what is in force may not have the key in its files any more and be served with it all the same.
    if (number == current && holds.value_or(false) && waiting.empty()) throw sealed_in_force(current);
    // A damaged copy undoes nothing, and may hold it.
    if (holds.value_or(true)) copies.push_back(number);
  }
  std::vector<std::string> sets;
  if (is_dry) {
    sets = sets_holding(bench, wanted);
  } else {
    for (const GenerationNumber number : copies) bench.sets.remove_pristine(number);
    for (const GenerationNumber number : removed) bench.generations.remove(number);
    sets = bench.sets.purge([&wanted](const std::string& path, ByteView bytes) { return wanted.holds(path, bytes); });
  }
  const StoreSetPurge stores = purge_store_sets(bench.state.path(), KeyHunt(wanted.digests()), is_dry);
  sets.insert(sets.end(), stores.removed.begin(), stores.removed.end());
  const bool did_something = dropped || !copies.empty() || !removed.empty() || !sets.empty();
  return {{"outcome", is_dry          ? "planned"
                      : did_something ? "done"
                                      : "unchanged"},
          {"generation", bench.generations.current_number()},
          {"removed_generations", removed},
          {"removed_sets", sets},
          {"undecided_sets", stores.undecided},
          {"removed_pristine", copies},
          {"removed_waiting", dropped ? waiting : std::vector<std::string>{}}};
}

}  // namespace chancery::manager
