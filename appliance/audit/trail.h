// The audit of an appliance as it stands in STATE/audit/audit.db: records in a chain (record.h), the signed head (head.h),
// and the intents of changes that are going on.
//
//   Trail trail = Trail::open(state, appliance.name);
//   trail.begin({.change = id, .who = …});                 // before anything is changed, under the writer's lock
//   …
//   trail.conclude(id, record);                            // one record, and the intent is gone: one transaction
//   trail.append(sign_in);                                 // what is no change needs no intent
//
// A change leaves exactly one record, whenever its process is killed: what has an intent and no record is concluded by
// the next one who holds the writer's lock (manager/witness.h), and concluding twice writes nothing the second time.
// The folder is 0700 and belongs to root: databases/ belongs to a program's user, who could put another file or a link
// in the place of any file there.
//
// Failures: those of storage::Store. Not checked here: the chain (verification.h). Several processes may append at once.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "appliance/audit/head.h"
#include "appliance/audit/record.h"
#include "appliance/storage/store.h"
#include "keystore/files/folder.h"

namespace chancery::audit {

// A change that has begun and has no record yet.
struct Intent {
  std::string change;
  Instant time{};
  std::string who;
  std::string verb;
  std::string arguments;
  std::int64_t from = 0;
};

struct Filter {
  std::int64_t after = 0;  // numbers above
  std::optional<Instant> since = {};
  std::optional<Instant> until = {};
  std::string kind = {};     // "" any
  std::string verb = {};     // "" any
  std::string outcome = {};  // "" any
  std::string who = {};      // part of the text; "" any
  std::size_t limit = 50;
};

class Trail {
 public:
  static constexpr const char* folder = "audit";
  static constexpr const char* key_path = "secrets/audit.key";
  static constexpr std::int64_t rebuild_step = 1'000'000;

  [[nodiscard]] static bool exists(const Folder& state);
  // Made where there is none: folder, database and key. `state` is borrowed.
  [[nodiscard]] static Trail open(const Folder& state, const std::string& appliance);

  void begin(const Intent& intent);
  [[nodiscard]] std::vector<Intent> intents() const;
  void forget(const std::string& change);  // it came to nothing
  // Number, previous hash, hash and change are filled in. False: somebody has concluded it already.
  bool conclude(const std::string& change, Record record);
  std::int64_t append(Record record);  // its number
  // The first record after a rebuild takes the next multiple of a million: heads that peers hold of what was lost can
  // never be confused with what comes after.
  std::int64_t append_rebuild(Record record);

  // What somebody else has done is taken over from where it is listed, each entry once: `position` is how far, 0 at first.
  // False, and nothing is written, when somebody else has taken over from `from` meanwhile.
  [[nodiscard]] std::int64_t position(const std::string& source) const;
  bool take_over(const std::string& source, std::int64_t from, std::int64_t to, const std::vector<Record>& records);

  [[nodiscard]] std::vector<Record> newest(const Filter& filter) const;                // oldest first
  [[nodiscard]] std::vector<Record> page(std::int64_t after, std::size_t most) const;  // by number
  [[nodiscard]] std::optional<Record> with_hash(const Sha256& hash) const;
  [[nodiscard]] std::optional<SignedHead> head() const;
  [[nodiscard]] std::vector<AuditKey> keys() const;
  // A new key, endorsed by the present one; the head is signed anew.
  void rotate_key();
  // Leaves the head where the programs find it (published_head). Failures are swallowed: the next record tries again.
  void publish() const noexcept;

 private:
  Trail(const Folder& state, std::string appliance, std::unique_ptr<storage::Store> store);
  void take_key();
  void put_head(const Record& newest);
  std::int64_t enter(Record record, bool is_rebuild);

  const Folder* state_;
  std::string appliance_;
  std::unique_ptr<storage::Store> store_;
  std::optional<PrivateKey> key_;
};

}  // namespace chancery::audit
