// Is the audit whole? Every record's hash, the links between them, the numbers, the signed head, and the heads that peers
// hold: an edit, a record taken out, moved or replaced, an end cut off and a log written anew are each found and placed.
//
//   const Verdict verdict = verify(trail, peers);
//   if (verdict.is_broken()) …
//
// What only the appliance itself holds, whoever has its root account can forge together with its key: then the heads that
// peers hold are what finds it, back to the newest head that agrees. A peer that could not be asked is told, as a note.
// Records that a rebuild from a backup has lost are a warning that says how many they were. Reads only; memory is
// bounded by pages of records.
#pragma once

#include <string>
#include <vector>

#include "appliance/audit/trail.h"

namespace chancery::audit {

enum class Severity { error, warning, note };

struct Finding {
  std::string
      code;  // altered, replaced, reordered, missing, cut-end, rewritten, head-missing, head-forged, head-differs,
             // key-replaced, unreadable, rebuilt, lost-by-rebuild, peer-silent, peer-forged, no-peers
  Severity severity = Severity::error;
  std::int64_t number = 0;  // of the first record concerned; 0: none
  std::string message;
};

// What one peer holds of this appliance.
struct PeerHeads {
  std::string peer;
  std::string problem;  // why it could not be asked; "" when it was
  std::vector<SignedHead> heads;
};

struct Verdict {
  std::vector<Finding> findings;
  std::int64_t records = 0;
  std::int64_t first = 0;
  std::int64_t last = 0;
  std::optional<Head> head;
  std::int64_t confirmed = 0;  // the newest record that a peer's head confirms; 0: none
  std::string confirmed_by;

  bool is_broken() const;
  bool warns() const;
};

[[nodiscard]] Verdict verify(const Trail& trail, const std::vector<PeerHeads>& peers);

}  // namespace chancery::audit
