// A compromised key leaves every generation and every backup set. What is in force is never touched: that key has to be
// replaced first.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "appliance/manager/purge_stores.h"
#include "appliance/manager/served.h"
#include "appliance/manager/verbs.h"
#include "appliance/trust/portal_store.h"
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
    if (path == trust::portal_password_path) learn_password(bytes);
    if (!path.ends_with("certificate.pem") && !path.ends_with("fullchain.pem")) return;
    for (const Certificate& certificate : read_material(bytes, {.source = path}).certificates) {
      if (certificate.fingerprint() == digest_) keys_.insert(to_hex(certificate.key_digest()));
    }
  }
  Holds look_into(const std::string& path, ByteView bytes) const {
    if (is_store_in_set(path)) return hunt().look_into(bytes);
    return path.ends_with("key.pem") && is_key(path, bytes) ? Holds::yes : Holds::no;
  }
  bool holds(const std::string& path, ByteView bytes) const { return look_into(path, bytes) == Holds::yes; }
  KeyHunt hunt() const { return KeyHunt(keys_, passwords_); }
  bool holds(const Generation& generation) const { return !paths_in(generation).empty(); }
  std::vector<std::string> paths_in(const Generation& generation) const {
    std::vector<std::string> paths;
    for (const std::string& path : generation.files("")) {
      if (!path.ends_with("key.pem") && !is_store_in_set(path)) continue;
      if (holds(path, view_of(generation.read_secret(path)))) paths.push_back(path);
    }
    return paths;
  }

 private:
  bool is_key(const std::string& path, ByteView bytes) const {
    const Material found = read_material(bytes, {.source = path});
    return std::any_of(found.keys.begin(), found.keys.end(),
                       [this](const PrivateKey& key) { return keys_.contains(to_hex(key.key_digest())); });
  }
  // Of the portal's truststore: whoever chose it may have used it for others, too.
  void learn_password(ByteView file) {
    const std::size_t size = chancery::text_of(file).find_first_of("\r\n");
    SecretBytes password = secret_copy(file.first(std::min(size, file.size())));
    if (std::find(passwords_.begin(), passwords_.end(), password) == passwords_.end()) {
      passwords_.push_back(std::move(password));
    }
  }

  std::string digest_;
  std::set<std::string> keys_;
  std::vector<SecretBytes> passwords_;
};

void learn_everywhere(Bench& bench, Wanted& wanted) {
  for (const GenerationNumber number : bench.generations.list()) {
    const Generation generation = bench.generations.open(number);
    for (const std::string& path : generation.files("")) {
      if (path.ends_with("certificate.pem")) wanted.learn(path, generation.read(path));
      if (path == trust::portal_password_path) wanted.learn(path, view_of(generation.read_secret(path)));
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
                  .hint = is_store_in_set(path)
                              ? "delete its entry first (chancery keystore delete --keystore STATE/current/" + path +
                                    "), then purge it"
                              : "replace it first (chancery cert replace, or cert reset), then purge it"});
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

// Sets that hold the key, and those with a keystore that nobody can look into, as far as they can be read.
StorePurge look_into_sets(Bench& bench, const Wanted& wanted) {
  StorePurge out;
  for (const std::string& id : bench.sets.ids()) {
    try {
      Holds found = Holds::no;
      for (const auto& [path, file] : bench.sets.open(id).files("")) {
        const Holds one = wanted.look_into(path, view_of(file.bytes));
        if (one == Holds::yes || found == Holds::no) found = one;
        if (found == Holds::yes) break;
      }
      if (found == Holds::yes) out.removed.push_back(id);
      if (found == Holds::unknown) out.undecided.push_back(id);
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
  StorePurge sets = look_into_sets(bench, wanted);
  const KeyHunt hunt = wanted.hunt();
  const StorePurge stores = purge_store_sets(bench.state.path(), hunt, is_dry);
  const StorePurge kept = purge_kept_stores(bench.state.path(), hunt, is_dry);
  if (!is_dry) {
    for (const GenerationNumber number : copies) bench.sets.remove_pristine(number);
    for (const GenerationNumber number : removed) bench.generations.remove(number);
    // Last: it ends with a Failure where sets are damaged.
    sets.removed =
        bench.sets.purge([&wanted](const std::string& path, ByteView bytes) { return wanted.holds(path, bytes); });
  }
  sets.removed.insert(sets.removed.end(), stores.removed.begin(), stores.removed.end());
  sets.undecided.insert(sets.undecided.end(), stores.undecided.begin(), stores.undecided.end());
  const bool did_something =
      dropped || !copies.empty() || !removed.empty() || !sets.removed.empty() || !kept.removed.empty();
  return {{"outcome", is_dry          ? "planned"
                      : did_something ? "done"
                                      : "unchanged"},
          {"generation", bench.generations.current_number()},
          {"removed_generations", removed},
          {"removed_sets", sets.removed},
          {"undecided_sets", sets.undecided},
          {"removed_foreign", kept.removed},
          {"undecided_foreign", kept.undecided},
          {"removed_pristine", copies},
          {"removed_waiting", dropped ? waiting : std::vector<std::string>{}}};
}

}  // namespace chancery::manager
