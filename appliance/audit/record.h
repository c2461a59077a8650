// One line of the audit: who did what, when, and how it ended. The records of an appliance are a chain: each one's hash
// covers its number, the hash before it and all of its fields, so none can be edited, taken out or moved unseen.
//
//   hash = SHA-256("chancery-audit-record-1" ‖ u64 number ‖ previous hash ‖ i64 time ‖ i64 from ‖ i64 to ‖
//                  kind ‖ who ‖ verb ‖ arguments ‖ outcome ‖ code ‖ leaves ‖ change)
//
// Numbers are big endian; each text is its bytes behind a u32 size. The first record's previous hash is 32 zero bytes.
// Numbers follow each other; only a record of the kind "rebuild" leaves room before it, for those that were lost.
//
// Not here: where records are kept (trail.h), whether they are whole (verification.h). No field ever holds a secret: who
// makes a record sees to that (redacted_arguments). Values, pure functions; thread safe.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "keystore/openssl/digest.h"
#include "keystore/x509/instant.h"

namespace chancery::audit {

struct Record {
  std::int64_t number = 0;
  Instant time{};
  std::string kind = {};       // "change", "sign-in", "export", "denied", "rebuild"
  std::string who = {};        // "root (uid 0)", "chancery-manager (renewal timer)", "administrator"
  std::string verb = {};       // "cert-replace", "sign-in", …
  std::string arguments = {};  // a JSON object
  std::int64_t from = 0;       // the generation in force before and after; 0 where it is no matter of generations
  std::int64_t to = 0;
  std::string outcome = {};  // "done", "refused", "rolled-back", "interrupted", "needs-person"
  std::string code = {};     // of the Failure, or of the first finding that refused; "" when done
  std::string leaves = {};   // a JSON array of {"identity","before","after"}: SHA-256 of the leaves that changed
  std::string change = {};   // the id of the change, which no two records share; "" for all else
  Sha256 previous{};
  Sha256 hash{};
};

[[nodiscard]] Sha256 hash_of(const Record& record);
[[nodiscard]] nlohmann::json to_json(const Record& record);

// The arguments of a request as a record may hold them: a file is its name, a secret "(given)", what is long is cut, what
// is many is counted. At most 4 KiB of JSON text.
[[nodiscard]] std::string redacted_arguments(const nlohmann::json& arguments);

// A random id for a change: 32 hex digits.
[[nodiscard]] std::string new_change_id();

}  // namespace chancery::audit
