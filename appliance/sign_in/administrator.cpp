#include "appliance/sign_in/administrator.h"

#include <sodium.h>

#include <chrono>
#include <map>
#include <mutex>

#include "keystore/bytes/secret.h"
#include "keystore/fault.h"
#include "keystore/openssl/digest.h"

namespace chancery {

namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

constexpr const char* hash_path = "settings/administrator.hash";
constexpr const char* user_name = "administrator:";
constexpr std::size_t hash_limit = 1024;
constexpr std::size_t credential_limit = 1024;
constexpr int wrong_answers_allowed = 10;
constexpr std::chrono::seconds wrong_answers_window{60};
constexpr std::size_t addresses_remembered = 4096;

// "Basic <base64>" -> "user:password"; empty for anything else. Decoded into wiping memory.
SecretBytes credential_of(ByteView authorization) {
  constexpr std::string_view scheme = "Basic ";
  const std::string_view header = text_of(authorization);
  if (header.size() <= scheme.size() || header.size() > credential_limit) return {};
  if (sodium_memcmp(header.data(), scheme.data(), scheme.size()) != 0) return {};
  const std::string_view encoded = header.substr(scheme.size());
  SecretBytes decoded(encoded.size());
  std::size_t size = 0;
  if (sodium_base642bin(decoded.data(), decoded.size(), encoded.data(), encoded.size(), nullptr, &size, nullptr,
                        sodium_base64_VARIANT_ORIGINAL) != 0) {
    return {};
  }
  decoded.resize(size);
  return decoded;
}

std::string address_without_port(const std::string& peer) { return peer.substr(0, peer.rfind(':')); }

http::Answer challenge() {
  http::Answer answer =
      http::Answer::problem(401, "sign-in-required", "Sign in",
                            "Sign in as \"administrator\" with the password that `chancery init` showed.");
  answer.headers["WWW-Authenticate"] = "Basic realm=\"Chancery\", charset=\"UTF-8\"";
  return answer;
}

struct WrongAnswers {
  int count = 0;
  SteadyTime since{};
};

}  // namespace

struct Administrator::State {
  explicit State(const Folder& state) : folder(state) {}

  const Folder& folder;
  SecretBytes process_key = random_secret(32);
  std::mutex mutex;
  Sha256 remembered{};
  bool has_remembered = false;
  std::int64_t hash_modified = 0;
  std::map<std::string, WrongAnswers> wrong;

  bool must_wait(const std::string& address, SteadyTime now) {
    const auto found = wrong.find(address);
    if (found == wrong.end()) return false;
    if (now - found->second.since > wrong_answers_window) {
      wrong.erase(found);
      return false;
    }
    return found->second.count >= wrong_answers_allowed;
  }
  void count_wrong(const std::string& address, SteadyTime now) {
    if (wrong.size() >= addresses_remembered) wrong.clear();
    WrongAnswers& entry = wrong[address];
    if (entry.count++ == 0) entry.since = now;
  }
};

Administrator::Administrator(const Folder& state) : state_(std::make_unique<State>(state)) {
  if (sodium_init() < 0) {
    throw Failure({.code = "random-failed",
                   .subject = "libsodium",
                   .cause = "it could not be initialised",
                   .hint = "look whether this system gives random numbers (/dev/urandom)"});
  }
}

Administrator::~Administrator() = default;

std::optional<http::Answer> Administrator::refusal(const http::Call& call) {
  const SecretBytes credential = credential_of(view_of(call.authorization));
  if (credential.empty()) return challenge();
  const std::string address = address_without_port(call.connection.peer_address());
  const SteadyTime now = std::chrono::steady_clock::now();
  const Sha256 digest = hmac_sha256(view_of(state_->process_key), view_of(credential));

  // The lock is held over argon2id as well: guesses are answered one after the other, and memory stays bounded.
  const std::lock_guard lock(state_->mutex);
  if (state_->must_wait(address, now)) {
    http::Answer answer =
        http::Answer::problem(429, "too-many-attempts", "Too many wrong passwords", "Wait a minute, then try again.");
    answer.headers["Retry-After"] = "60";
    return answer;
  }
  const auto status = state_->folder.status(hash_path);
  if (!status) return challenge();
  if (status->modified_ns != state_->hash_modified) state_->has_remembered = false;
  if (state_->has_remembered && secret_equal(digest, state_->remembered)) return std::nullopt;

  Bytes hash = state_->folder.read(hash_path, hash_limit);
  while (!hash.empty() && (hash.back() == '\n' || hash.back() == '\r')) hash.pop_back();
  hash.push_back(0);
  const std::string_view given = text_of(view_of(credential));
  const std::string_view name = user_name;
  const bool right_name = given.starts_with(name);
  const std::string_view password = right_name ? given.substr(name.size()) : given;
  const bool right_password =
      crypto_pwhash_str_verify(reinterpret_cast<const char*>(hash.data()), password.data(), password.size()) == 0;
  if (!right_name || !right_password) {
    state_->count_wrong(address, now);
    return challenge();
  }
  state_->remembered = digest;
  state_->has_remembered = true;
  state_->hash_modified = status->modified_ns;
  return std::nullopt;
}

}  // namespace chancery
