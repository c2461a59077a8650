// What the console keeps of who may ask: tokens for scripts and the second factor, in STATE/run/console/access.json
// (0600, the console's user). A rebuilt appliance has neither: run/ is in no backup.
//
//   AccessFile access(state_folder, system_now);
//   AccessFile::Made made = access.make_token("nightly", {"read", "certificates"}, 90);   // made.text is shown once
//   std::optional<Token> token = access.find_token(bearer);
//
// Of a token only the SHA-256 is kept; it has 256 random bits, so there is nothing to guess or to salt. The file is written
// atomically before anything counts. A file that cannot be read admits no token, and as the second factor cannot be told
// from one that was never set up then, nobody signs in: Failure("access-damaged"). Thread safe.
#pragma once

#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "keystore/bytes/secret.h"
#include "keystore/files/folder.h"
#include "keystore/x509/instant.h"

namespace chancery::console {

struct Token {
  std::string id;  // 16 hex digits
  std::string name;
  std::set<std::string> scopes;
  Instant created{};
  Instant expires{};
  std::optional<Instant> used;  // since the console started
  std::string sha256;
};

class AccessFile {
 public:
  AccessFile(const Folder& state, Clock clock);  // borrowed

  struct Made {
    std::string text;
    Token token;
  };
  // Failure("bad-argument") for a name that is empty or long, no scope, or days outside 1 to 825; "too-many-tokens".
  [[nodiscard]] Made make_token(const std::string& name, const std::set<std::string>& scopes, int days);
  [[nodiscard]] std::optional<Token> find_token(ByteView text);
  void remove_token(const std::string& id);  // Failure("unknown-token")
  [[nodiscard]] std::vector<Token> tokens();

  [[nodiscard]] bool has_factor();
  // True where no second factor is set up, or `code` is right and was not used before.
  [[nodiscard]] bool passes(std::string_view code);
  // Puts the secret in force when `code` is one of it: Failure("wrong-code").
  void set_factor(const SecretBytes& secret, std::string_view code);
  void remove_factor();

 private:
  void write();
  void expect_sound() const;

  const Folder& state_;
  const Clock clock_;
  std::mutex mutex_;
  std::vector<Token> tokens_;
  std::optional<SecretBytes> factor_;
  std::int64_t last_step_ = 0;
  bool is_damaged_ = false;
};

}  // namespace chancery::console
