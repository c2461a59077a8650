// What one invocation of the program works with: its arguments, its output, and the certificate manager to ask.
//
//   int run_backup_list(Session& session) {
//     const Json reply = session.ask(Ask("backup-list"));
//     …
//   }
//
// Where a manager runs it is asked over its socket; else, and for verbs that only read, the same handler runs in this
// process, under the same lock. Both throw the same Failures. Thread safety: none needed.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "appliance/cli/arguments.h"
#include "appliance/cli/ask.h"
#include "appliance/cli/terminal.h"
#include "keystore/x509/instant.h"

namespace chancery::cli {

class Session {
 public:
  Session(const Invocation& invocation, Terminal& terminal);

  const Command& command() const noexcept { return *invocation_.command; }
  const Arguments& arguments() const noexcept { return invocation_.arguments; }
  Terminal& terminal() noexcept { return terminal_; }
  bool json() const noexcept { return terminal_.json(); }
  const std::string& state() const noexcept { return state_; }
  Instant now() const { return system_now(); }

  bool is_initialised() const;  // STATE/settings/appliance.toml is there
  bool is_readable() const;     // what is below STATE can be read by this user
  bool manager_runs() const;

  // The reply's document, without transport's own members; attachments into `attachments` where asked for.
  [[nodiscard]] nlohmann::json ask(Ask ask, std::vector<SecretBytes>* attachments = nullptr);

 private:
  control::Message handle(const control::Message& request, const std::string& verb);
  const Invocation& invocation_;
  Terminal& terminal_;
  std::string state_;
};

// A person's files: read whole, bounded, "-" is stdin (once). The bytes may be a key: they are wiped.
[[nodiscard]] preflight::SourceFile read_source(const std::string& path);

// What a JSON document holds at `name`, as text for people; "" when absent or null.
[[nodiscard]] std::string text_at(const nlohmann::json& object, const std::string& name);

}  // namespace chancery::cli
