#include "appliance/console/access_file.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "appliance/console/second_factor.h"
#include "appliance/console/sessions.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"
#include "keystore/openssl/digest.h"

namespace chancery::console {

namespace {

using nlohmann::json;

constexpr const char* file_name = "run/console/access.json";
constexpr std::size_t file_limit = 1024 * 1024;
constexpr std::size_t most_tokens = 64;
constexpr std::string_view prefix = "chancery_";

Failure bad_argument(const std::string& name, const std::string& cause, const std::string& hint) {
  return Failure({.code = "bad-argument", .subject = name, .cause = cause, .hint = hint});
}

json to_json(const Token& token) {
  return {{"id", token.id},
          {"name", token.name},
          {"scopes", token.scopes},
          {"created", to_rfc3339(token.created)},
          {"expires", to_rfc3339(token.expires)},
          {"sha256", token.sha256}};
}

Token token_from(const json& entry) {
  return {.id = entry.at("id").get<std::string>(),
          .name = entry.at("name").get<std::string>(),
          .scopes = entry.at("scopes").get<std::set<std::string>>(),
          .created = from_rfc3339(entry.at("created").get<std::string>()),
          .expires = from_rfc3339(entry.at("expires").get<std::string>()),
          .used = std::nullopt,
          .sha256 = entry.at("sha256").get<std::string>()};
}

}  // namespace

AccessFile::AccessFile(const Folder& state, Clock clock) : state_(state), clock_(std::move(clock)) {
  if (!state_.status(file_name)) return;
  try {
    const SecretBytes text = state_.read_secret(file_name, file_limit);
    const json document = json::parse(text.begin(), text.end());
    for (const json& entry : document.at("tokens")) tokens_.push_back(token_from(entry));
    if (const auto factor = document.find("second_factor"); factor != document.end()) {
      const auto& encoded = factor->at("secret").get_ref<const std::string&>();
      factor_ = from_base64url_secret(view_of(encoded));
      last_step_ = factor->at("last_step").get<std::int64_t>();
    }
  } catch (const std::exception&) {
    is_damaged_ = true;
    tokens_.clear();  // also those that could be read: the file is believed as a whole or not at all
  }
}

void AccessFile::expect_sound() const {
  if (!is_damaged_) return;
  throw Failure({.code = "access-damaged",
                 .subject = file_name,
                 .cause = "the console's file of tokens and the second factor cannot be read",
                 .hint =
                     "as root, remove it below the appliance's state and restart chancery-console; tokens and second "
                     "factor are set up anew then"});
}

void AccessFile::write() {
  json document{{"tokens", json::array()}};
  for (const Token& token : tokens_) document["tokens"].push_back(to_json(token));
  if (factor_) {
    const SecretBytes text = to_base64url_secret(view_of(*factor_));
    document["second_factor"] = {{"secret", std::string(text_of(view_of(text)))}, {"last_step", last_step_}};
  }
  std::string text = document.dump();
  state_.write_atomically(file_name, view_of(text), {.mode = 0600, .owner = {}, .group = {}});
  wipe(text.data(), text.size());
}

AccessFile::Made AccessFile::make_token(const std::string& name, const std::set<std::string>& scopes, int days) {
  if (name.empty() || name.size() > 64 || std::ranges::any_of(name, [](unsigned char byte) { return byte < 0x20; })) {
    throw bad_argument("name", "a token's name has 1 to 64 characters", "name what the token is for");
  }
  if (scopes.empty()) throw bad_argument("scopes", "is missing", "choose what the token may do, \"read\" at least");
  if (days < 1 || days > 825)
    throw bad_argument("days", "is not between 1 and 825", "say for how long the token is good");
  const std::lock_guard lock(mutex_);
  expect_sound();
  const Instant now = clock_();
  std::erase_if(tokens_, [now](const Token& token) { return token.expires <= now; });
  if (tokens_.size() >= most_tokens) {
    throw Failure({.code = "too-many-tokens",
                   .subject = name,
                   .cause = "there are " + std::to_string(most_tokens) + " tokens already",
                   .hint = "delete those that nobody uses"});
  }
  Made made{.text = std::string(prefix) + random_text(32), .token = {}};
  made.token = {.id = to_hex(view_of(random_secret(8))),
                .name = name,
                .scopes = scopes,
                .created = now,
                .expires = now + std::chrono::days(days),
                .used = std::nullopt,
                .sha256 = sha256_hex(view_of(made.text))};
  tokens_.push_back(made.token);
  try {
    write();
  } catch (...) {
    tokens_.pop_back();
    throw;
  }
  return made;
}

std::optional<Token> AccessFile::find_token(ByteView text) {
  if (!text_of(text).starts_with(prefix)) return std::nullopt;
  const std::string digest = sha256_hex(text);
  const std::lock_guard lock(mutex_);
  const Instant now = clock_();
  for (Token& token : tokens_) {
    if (!secret_equal(view_of(token.sha256), view_of(digest))) continue;
    if (token.expires <= now) return std::nullopt;
    token.used = now;
    return token;
  }
  return std::nullopt;
}

void AccessFile::remove_token(const std::string& id) {
  const std::lock_guard lock(mutex_);
  expect_sound();
  const auto found = std::ranges::find(tokens_, id, &Token::id);
  if (found == tokens_.end()) {
    throw Failure({.code = "unknown-token",
                   .subject = id,
                   .cause = "there is no such token",
                   .hint = "the list of tokens has those that are there"});
  }
  const Token removed = *found;
  tokens_.erase(found);
  try {
    write();
  } catch (...) {
    tokens_.push_back(removed);
    throw;
  }
}

std::vector<Token> AccessFile::tokens() {
  const std::lock_guard lock(mutex_);
  return tokens_;
}

bool AccessFile::has_factor() {
  const std::lock_guard lock(mutex_);
  expect_sound();
  return factor_.has_value();
}

bool AccessFile::passes(std::string_view code) {
  const std::lock_guard lock(mutex_);
  expect_sound();
  if (!factor_) return true;
  const auto step = factor_step(*factor_, code, clock_().time_since_epoch().count(), last_step_);
  if (!step) return false;
  last_step_ = *step;
  write();
  return true;
}

void AccessFile::set_factor(const SecretBytes& secret, std::string_view code) {
  const std::lock_guard lock(mutex_);
  expect_sound();
  const auto step = factor_step(secret, code, clock_().time_since_epoch().count(), 0);
  if (!step) {
    throw Failure({.code = "wrong-code",
                   .subject = "second factor",
                   .cause = "this code is not one of this secret",
                   .hint =
                       "check that the clocks of the telephone and of this appliance agree, and give the code that the "
                       "app shows now"});
  }
  const auto before = factor_;
  factor_ = secret;
  last_step_ = *step;
  try {
    write();
  } catch (...) {
    factor_ = before;
    throw;
  }
}

void AccessFile::remove_factor() {
  const std::lock_guard lock(mutex_);
  expect_sound();
  const auto before = std::exchange(factor_, std::nullopt);
  try {
    write();
  } catch (...) {
    factor_ = before;
    throw;
  }
}

}  // namespace chancery::console
