// Where the register of a primary is kept, by settings/authority.toml: a file (STATE/authority/authority.db), or a
// PostgreSQL server, over TLS that is verified with the appliance's own CA bundle (trust/engine/ca-bundle.crt of the
// generation in force when the connection is made).
//
//   const RegisterPlace place = RegisterPlace::of(state_path);        // Failure("bad-setting")
//   auto store = place.open();                                        // a server is not asked before the first use
//
// Everything that opens the register of an appliance comes this way. Thread safety: values.
#pragma once

#include <memory>
#include <string>

#include "appliance/settings/storage_setting.h"
#include "appliance/storage/postgres.h"

namespace chancery::authority {

struct RegisterPlace {
  std::string state;  // the appliance's
  StorageSetting setting;

  [[nodiscard]] static RegisterPlace of(const std::string& state_path);

  bool is_server() const noexcept { return setting.kind == StorageSetting::Kind::postgresql; }
  // As the setting has it, without what is always so: "sqlite", "postgresql://chancery@db.example.com:5432/federation".
  std::string text() const;

  // The same register, reached in the same way.
  bool is_same(const RegisterPlace& other) const {
    return text() == other.text() && setting.password_file == other.setting.password_file;
  }

  // Nothing guards its writes yet: see issuance.h. A server gives up a transaction of which it hears nothing for
  // `longest_pause` (0: never).
  [[nodiscard]] std::unique_ptr<storage::Store> open(
      std::chrono::milliseconds longest_pause = std::chrono::milliseconds(5'000)) const;
  // Of a server: how it is reached.
  [[nodiscard]] storage::PostgresOptions server(const std::string& application) const;
};

}  // namespace chancery::authority
