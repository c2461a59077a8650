// Which roots and issuing CAs of a federation count, and how far a rotation is: what the register says about it.
//
//   const Anchors anchors = anchors_of(store);      … anchors.issuing, anchors.coming_root()
//   const Step step = step_of(store);               the phase alone
//
// Failures: "authority-damaged" without a root or an issuing CA, those of storage::Store. Thread safety: the store's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "appliance/storage/store.h"
#include "keystore/x509/certificate.h"

namespace chancery::authority {

enum class Phase { steady, prepared, activated };
[[nodiscard]] const char* to_text(Phase phase);
[[nodiscard]] std::optional<Phase> phase_named(const std::string& text);

// The last step of a rotation, without a certificate: a federation keeps all that it ever retired.
struct Step {
  std::uint64_t number = 0;  // 0: there never was one
  Phase phase = Phase::steady;
  Instant since{};
};
[[nodiscard]] Step step_of(const storage::Store& store);

// What a root that came by replace_at_once is entered for.
inline constexpr const char* issued_for_emergency = "emergency";

// The federation's anchors as the register has them.
struct Anchors {
  std::uint64_t number = 0;  // of the last step; 0: there never was one
  Phase phase = Phase::steady;
  Instant since{};   // of that step
  Certificate root;  // leaves are issued under it
  Certificate issuing;
  std::optional<Certificate> next_root;  // prepared
  std::optional<Certificate> next_issuing;
  std::optional<Certificate> former_root;  // activated
  std::optional<Certificate> former_issuing;
  std::optional<Certificate> cross;  // prepared and activated
  bool is_emergency = false;         // the root in force came by replace_at_once

  // All that count, the newest last.
  [[nodiscard]] std::vector<Certificate> roots() const;
  // The one that everybody has to trust before the other may be retired; nullopt while steady.
  [[nodiscard]] std::optional<Certificate> coming_root() const;
  [[nodiscard]] std::optional<Certificate> going_root() const;
};
[[nodiscard]] Anchors anchors_of(const storage::Store& store);
// Roots and issuing CAs that count no more, in the order they were retired; all that there ever were.
[[nodiscard]] std::vector<Certificate> retired_anchors(const storage::Store& store);

// A few numbers that differ whenever any of these, or the lists of revocations would: what was made of those before counts
// as long as its mark is the same, and the clock not past `until`, when a list is to be made anew.
struct AnchorsEdition {
  std::string mark;
  Instant until{};
};
[[nodiscard]] AnchorsEdition edition_of_anchors(const storage::Store& store);

}  // namespace chancery::authority
