// What trust is in force on this endpoint, and what is being tried (C9, T4, T5): trust.json (0600) of its state, one file,
// so that whoever is killed leaves the old standing or the new one.
//
//   Standing standing = Standing::read(state);
//   Standing::change(state, [&](Standing& now) { now.candidate = situation; });     // under a lock, atomically
//
// `bound` is the last trust that was proven by a full handshake; absent: none yet, the settings count. `candidate` was
// handed over and is not proven yet: it is tried first, and until then what is bound goes on. Once it is bound, nothing of
// what was bound before is kept. Who edits the settings afterwards is heard again: they become the candidate.
// Failure("state-damaged"), and those of Folder. Thread safety: values; change() may be called by several processes.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "collector/situation.h"
#include "keystore/files/folder.h"

namespace chancery::collector {

struct Standing {
  std::optional<Situation> bound;
  std::optional<Situation> candidate;
  // How often it was reset: what was learned of roots before that does not count (anchors_file()).
  std::uint64_t resets = 0;
  std::uint64_t repair_number = 0;  // of the last repair file; survives a reset
  Bytes repair_key;                 // which had signed it

  [[nodiscard]] static Standing read(const Folder& state);
  // Writes only where `edit` has changed something; what it throws leaves everything as it was.
  static Standing change(const Folder& state, const std::function<void(Standing& now)>& edit);

  // What reset goes back to: the installer's own copy in shipped/ (collector.toml, root.pem), which is root's; else what
  // the settings said at the first start, kept in shipped.json (0400) and never written again.
  static void keep_shipped(const Folder& state, const Situation& settings);
  [[nodiscard]] static std::optional<Situation> shipped(const Folder& state);

  std::string anchors_file() const;  // "anchors.json", or "anchors-2.json" after the second reset
};

// One way to try: a candidate is bound by the first handshake that proves it.
struct Attempt {
  Situation situation;
  bool is_candidate = false;
};
// In the order in which they are tried: a candidate first, then what is in force. `settings`: what they say now, absent
// where they cannot be read; then what was bound goes on. Empty: there is nothing to go by.
[[nodiscard]] std::vector<Attempt> attempts(const Standing& standing, const std::optional<Situation>& settings);

// What was handed over without a network does not know what the settings say, nor perhaps where to go: it counts from the
// settings as they are now, and goes where the collector goes already. `settings` as for attempts().
void adopt(const Folder& state, const std::optional<Situation>& settings);

// Puts `proven` in force, unless another one was handed over meanwhile (a candidate that is not it), or it is so already.
// True when it is in force now.
bool bind(const Folder& state, const Situation& proven);

// How files of the state are written: as the folder's own user's, also where root does it.
[[nodiscard]] FileAttributes state_attributes(const Folder& state, mode_t mode);

}  // namespace chancery::collector
