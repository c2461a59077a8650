// One request to the certificate manager, put together from what stood on the command line. File contents and secrets
// travel as attachments; the JSON only refers to them (control/message.h).
//
//   Ask ask("cert-replace");
//   ask.add_file("files", "certificate", source);
//   ask.put("dry_run", true);
//
// Thread safety: none needed.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "appliance/control/message.h"
#include "appliance/preflight/preflight.h"

namespace chancery::cli {

class Ask {
 public:
  explicit Ask(std::string verb);
  Ask(Ask&&) noexcept;
  Ask& operator=(Ask&&) noexcept;
  ~Ask();

  const std::string& verb() const noexcept { return verb_; }
  Ask& put(const std::string& name, const nlohmann::json& value);
  Ask& put_text(const std::string& name, const std::string& text);  // left out when empty
  Ask& put_texts(const std::string& name, const std::vector<std::string>& texts);
  Ask& put_flag(const std::string& name, bool flag);
  Ask& put_setting(const std::string& key, const std::string& value);  // arguments.settings.KEY
  Ask& put_file(const std::string& name, preflight::SourceFile file);  // arguments.NAME = {name, attachment}
  Ask& add_file(const std::string& list, preflight::SourceFile file);  // arguments.LIST[] = …
  Ask& add_file(const std::string& group, const std::string& list,
                preflight::SourceFile file);                     // arguments.GROUP.LIST[]
  Ask& put_secret(const std::string& name, SecretBytes secret);  // arguments.NAME = {attachment}

  [[nodiscard]] control::Message take();

 private:
  nlohmann::json attach(preflight::SourceFile file);
  std::string verb_;
  std::unique_ptr<nlohmann::json> arguments_;
  std::vector<SecretBytes> attachments_;
};

}  // namespace chancery::cli
