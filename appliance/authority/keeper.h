// The authority of chancery-authority while it runs: opened where the settings say, anew when they change, and on a
// server only good for issuing while this primary is the elected one (issuance.h).
//
//   Keeper keeper(program.state(), system_now);
//   keeper.look("primary.example.com:8444");      // every second
//   keeper.authority()->issue(…);                 // Failure("storage-unreachable") and the like while there is none
//
// A file that cannot be opened is Failure of the first look: no start. A server may be away. Thread safety: look() from
// one thread, authority() from any; what it gave stays usable while it is held, also when the register was moved, and
// then refuses every write.
#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include "appliance/authority/authority.h"
#include "appliance/authority/issuance.h"

namespace chancery::authority {

class Keeper {
 public:
  Keeper(const Folder& state, Clock clock);
  ~Keeper();

  struct Standing {
    std::string place;    // RegisterPlace::text()
    bool issues = false;  // this primary is the one that does
    friend bool operator==(const Standing&, const Standing&) = default;
  };
  // The failures are those of the register; what was open stays open where only the server is away.
  Standing look(const std::string& address);
  [[nodiscard]] std::shared_ptr<Authority> authority() const;
  // HOST:PORT of the primary that was elected last, where that is another one; "" otherwise, and where nobody can say.
  [[nodiscard]] std::string other_issuer() const noexcept;

 private:
  struct Open;
  Folder state_;
  Folder folder_;
  Clock clock_;
  mutable std::mutex mutex_;
  std::shared_ptr<Open> open_;
  std::optional<Failure> why_not_;
};

}  // namespace chancery::authority
