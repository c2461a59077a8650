#include "appliance/cli/ask.h"

#include <nlohmann/json.hpp>

namespace chancery::cli {

using Json = nlohmann::json;

Ask::Ask(std::string verb) : verb_(std::move(verb)), arguments_(std::make_unique<Json>(Json::object())) {}
Ask::Ask(Ask&&) noexcept = default;
Ask& Ask::operator=(Ask&&) noexcept = default;
Ask::~Ask() = default;

Ask& Ask::put(const std::string& name, const Json& value) {
  (*arguments_)[name] = value;
  return *this;
}

Ask& Ask::put_text(const std::string& name, const std::string& text) {
  if (!text.empty()) (*arguments_)[name] = text;
  return *this;
}

Ask& Ask::put_texts(const std::string& name, const std::vector<std::string>& texts) {
  if (!texts.empty()) (*arguments_)[name] = texts;
  return *this;
}

Ask& Ask::put_flag(const std::string& name, bool flag) {
  if (flag) (*arguments_)[name] = true;
  return *this;
}

Ask& Ask::put_setting(const std::string& key, const std::string& value) {
  (*arguments_)["settings"][key] = value;
  return *this;
}

Json Ask::attach(preflight::SourceFile file) {
  Json reference = {{"name", std::move(file.name)}, {"attachment", attachments_.size()}};
  attachments_.push_back(std::move(file.bytes));
  return reference;
}

Ask& Ask::put_file(const std::string& name, preflight::SourceFile file) {
  (*arguments_)[name] = attach(std::move(file));
  return *this;
}

Ask& Ask::add_file(const std::string& list, preflight::SourceFile file) {
  (*arguments_)[list].push_back(attach(std::move(file)));
  return *this;
}

Ask& Ask::add_file(const std::string& group, const std::string& list, preflight::SourceFile file) {
  (*arguments_)[group][list].push_back(attach(std::move(file)));
  return *this;
}

Ask& Ask::put_secret(const std::string& name, SecretBytes secret) {
  (*arguments_)[name] = {{"attachment", attachments_.size()}};
  attachments_.push_back(std::move(secret));
  return *this;
}

control::Message Ask::take() {
  const Json request = {{"verb", verb_}, {"arguments", std::move(*arguments_)}};
  *arguments_ = Json::object();
  // File names may hold any byte; what is not UTF-8 is replaced rather than refused.
  return {.json = request.dump(-1, ' ', false, Json::error_handler_t::replace), .attachments = std::move(attachments_)};
}

}  // namespace chancery::cli
