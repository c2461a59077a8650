// One request of the control protocol as a verb sees it: arguments by name, files and secrets from the attachments.
//
//   const std::string identity = call.text("identity");           // Failure("bad-argument") when absent
//   std::vector<preflight::SourceFile> key = call.files("key");   // arguments.files.key = [{"name","attachment"}]
//
// Arguments come from whoever may open the socket: types, counts and indices are checked here, once. A secret never
// stands in the JSON. Not checked: what the values mean; each verb does that. Thread safety: one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "appliance/control/message.h"
#include "appliance/preflight/preflight.h"

namespace chancery::manager {

class Call {
 public:
  // Both borrowed. `arguments` must be a JSON object.
  Call(const nlohmann::json& arguments, const std::vector<SecretBytes>& attachments, std::string who);

  const std::string& who() const noexcept { return who_; }
  double milliseconds() const;  // since the request came

  [[nodiscard]] std::string text(const std::string& name) const;
  [[nodiscard]] std::string text_or(const std::string& name, const std::string& otherwise) const;
  [[nodiscard]] std::vector<std::string> list(const std::string& name) const;  // absent: empty
  [[nodiscard]] bool flag(const std::string& name, bool otherwise = false) const;
  [[nodiscard]] std::optional<std::int64_t> number(const std::string& name) const;
  [[nodiscard]] const nlohmann::json* object(const std::string& name) const;  // nullptr when absent
  [[nodiscard]] nlohmann::json array(const std::string& name) const;          // absent: empty; elements of any type
  // Files under arguments.files.<kind>; a single object or an array.
  [[nodiscard]] std::vector<preflight::SourceFile> files(const std::string& kind) const;
  // Files in the array arguments.<name>; absent: none.
  [[nodiscard]] std::vector<preflight::SourceFile> file_list(const std::string& name) const;
  // The file in arguments.<name>, or in arguments.files.<name>.
  [[nodiscard]] preflight::SourceFile file(const std::string& name) const;
  [[nodiscard]] std::optional<SecretBytes> secret(const std::string& name) const;  // {"attachment":N}

  // Failure("bad-argument") for every argument that is not among `known` (a word list).
  void expect_only(const std::string& known) const;

  std::vector<SecretBytes> reply_attachments;

 private:
  const nlohmann::json* find(const std::string& name) const;
  const SecretBytes& attachment(const nlohmann::json& reference, const std::string& name) const;
  std::vector<preflight::SourceFile> source_files(const nlohmann::json& references, const std::string& name) const;
  preflight::SourceFile source_file(const nlohmann::json& reference, const std::string& name) const;

  const nlohmann::json& arguments_;
  const std::vector<SecretBytes>& attachments_;
  std::string who_;
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

[[nodiscard]] Failure bad_argument(const std::string& name, const std::string& cause, const std::string& hint);

}  // namespace chancery::manager
