// A rollout as it stands on the primary's disk: STATE/rollouts/ID/, 0700 root. What is to be said to whom is written down
// before it is said, so that whoever goes on after a crash says the same again (order.h: the same id is answered the same).
//
//   RolloutJournal journal(bench.state, who);                // one coordinator at a time: Failure("busy")
//   Rollout rollout = journal.load(id);   …   journal.save(rollout);
//
//   rollout.json     the members in the order of the waves, the state of each, ids of orders; nothing secret
//   files.sealed     what is to be put in force, keys too, and the key that signs orders: XChaCha20-Poly1305 under a key
//                    that is derived from secrets/generation.key; removed when the rollout ends
//
// The newest 20 rollouts are kept. Thread safety: an object belongs to one thread.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "appliance/manager/bench.h"
#include "keystore/files/lock.h"

namespace chancery::manager {

struct RolloutMember {
  // waiting -> replacing -> replaced | unchanged (it had it already) | failed | unreachable (nothing was sent to it); in a
  // wave that is taken back replaced -> undone | stuck (it may have the new certificate, and could not be asked to go
  // back, or was changed by somebody since).
  std::string name = {};
  std::string address = {};  // from the plan; "": where its heartbeats come from
  std::size_t entry = 0;     // which of Rollout::entries
  std::size_t wave = 1;
  std::string state = "waiting";
  std::string order = {};  // hex ids, and numbers
  std::uint64_t number = 0;
  std::string undo = {};
  std::uint64_t undo_number = 0;
  bool is_restored = false;     // known to stand as before the rollout
  bool is_left = false;         // a person said that it stays as it is when the others go back
  std::int64_t generation = 0;  // in force there afterwards
  std::string backup_set = {};
  std::string code = {};  // why failed, unreachable, stuck
  std::string message = {};
  std::string hint = {};
  std::string note = {};  // an engine's certificate that had something wrong before
};

struct Rollout {
  std::string id = {};
  std::string who = {};
  Instant created{};
  std::string plan_sha256 = {};  // of everything that it was begun with
  // running | going-back | done | failed | stopped | needs-person; once it was over: undoing | undone
  std::string state = "running";
  bool is_stopped = false;  // going back because a person said so; while undoing: no further than this
  bool is_undone = false;   // undoing, or that was the last thing that was done with it
  std::size_t wave = 1;     // the present one
  std::size_t waves = 1;
  std::vector<RolloutMember> members = {};  // by wave

  bool is_over() const { return state != "running" && state != "going-back" && state != "undoing"; }
};
[[nodiscard]] nlohmann::json to_json(const Rollout& rollout);

// What an entry of the plan says to its members: a request for cert-replace, and its attachments.
struct RolloutFiles {
  struct Entry {
    std::string arguments;  // JSON
    std::vector<SecretBytes> attachments;
  };
  std::vector<Entry> entries;
  SecretBytes signer_key;    // PEM; empty: none yet
  std::string signer_chain;  // PEM
};

class RolloutJournal {
 public:
  RolloutJournal(const Folder& state, const std::string& holder);
  // For those who only look: takes no lock, makes nothing. Failure("unknown-rollout").
  [[nodiscard]] static std::vector<std::string> ids(const Folder& state);  // newest first
  [[nodiscard]] static Rollout read(const Folder& state, const std::string& id);
  [[nodiscard]] static std::optional<Rollout> unfinished(const Folder& state);

  [[nodiscard]] std::string new_id(Instant now) const;
  void begin(const Rollout& rollout, const RolloutFiles& files);
  void save(const Rollout& rollout);  // one that is over loses its files
  void save_files(const std::string& id, const RolloutFiles& files);
  [[nodiscard]] bool has_files(const std::string& id) const;
  [[nodiscard]] RolloutFiles load_files(const std::string& id) const;
  // Grows over all rollouts, and with the clock where that is ahead.
  [[nodiscard]] std::uint64_t next_number();

 private:
  void sweep() const;
  SecretBytes sealing_key() const;
  const Folder& state_;
  FileLock lock_;
};

}  // namespace chancery::manager
