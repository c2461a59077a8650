// CA rotation: how one root of a federation follows another (C8).
//
//   Rotation rotation(authority);
//   rotation.prepare({.access = …});   // next root and issuing CA, and the cross certificate: trusted besides the present
//   rotation.activate(access);         // leaves from the next ones; chains carry the cross certificate
//   rotation.retire();                 // the former ones count no more
//   rotation.replace_at_once({…});     // all of it in one step and without a cross certificate: a stolen CA key
//
// Every step is one transaction of the register, with a number that only grows; key files are written before it and
// renamed after it, by tidy(), which may be cut short and repeated at any point. Asking for a step that is done already
// does nothing and is no failure. Who has to prove what before a step is the caller's matter (manager/rotation*.h).
//
// Key files beside those of authority.h: next-root.key, next-issuing.key while prepared; former-root.key,
// former-issuing.key while activated. The former issuing CA still signs its own CRL until it is retired.
//
// Failures: "rotation-order" (activate before prepare and the like), those of storage::Store, and root_key.h's where a
// root's key is needed: the present one's by prepare, the next one's by activate where names were added since. Thread
// safety: Authority's.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "appliance/authority/anchors.h"
#include "appliance/authority/authority.h"
#include "appliance/authority/root_key.h"

namespace chancery::authority {

struct Succession {
  RootAccess access = {};                   // for the present root's key
  std::optional<RootKeeping> keeping = {};  // of the next root's; absent: as the present one's, so far as that goes
};

class Rotation {
 public:
  explicit Rotation(Authority& authority) : authority_(authority) {}

  // Throw what the step would; write nothing.
  void expect_preparable(const Succession& succession) const;
  void expect_activatable(const RootAccess& access) const;
  void expect_retirable() const;

  void prepare(const Succession& succession);
  void activate(const RootAccess& access);
  // `also` is part of the same transaction, and told the step's number.
  using Also = std::function<void(std::uint64_t number)>;
  void retire(const Also& also = {});
  void replace_at_once(const Succession& succession, const Also& also = {});
  // Key files as the register says. Cheap where they are.
  void tidy();

 private:
  struct Pair;
  Pair make_pair(const std::string& prefix, const Succession& succession, Instant now);

  Authority& authority_;
};

}  // namespace chancery::authority
