#include "appliance/sign_in/administrator.h"

#include <sodium.h>

#include <mutex>

#include "appliance/sign_in/credential.h"
#include "appliance/sign_in/wrong_answers.h"
#include "keystore/fault.h"
#include "keystore/openssl/digest.h"

namespace chancery {

namespace {

constexpr const char* hash_path = "settings/administrator.hash";
constexpr std::size_t hash_limit = 1024;

http::Answer challenge() {
  return sign_in_challenge("Sign in as \"administrator\" with the password that `chancery init` showed.");
}

}  // namespace

struct Administrator::State {
  State(const Folder& state, SignInLog* sign_ins) : folder(state), log(sign_ins) {}

  void succeeded(const std::string& address) const {
    if (log != nullptr) log->succeeded(administrator_name, address, "password");
  }
  void failed(const std::string& address, const std::string& user, const char* code) const {
    if (log != nullptr) log->failed(address, user, code);
  }

  bool is_right(const SecretBytes& given) const {
    Bytes hash = folder.read(hash_path, hash_limit);
    while (!hash.empty() && (hash.back() == '\n' || hash.back() == '\r')) hash.pop_back();
    hash.push_back(0);
    // An empty one has no address, and libsodium wants one.
    const char* const password = given.empty() ? "" : reinterpret_cast<const char*>(given.data());
    return crypto_pwhash_str_verify(reinterpret_cast<const char*>(hash.data()), password, given.size()) == 0;
  }

  const Folder& folder;
  SignInLog* log;
  SecretBytes process_key = random_secret(32);
  std::mutex mutex;
  Sha256 remembered{};
  bool has_remembered = false;
  std::int64_t hash_modified = 0;
  WrongAnswers wrong;
};

Administrator::Administrator(const Folder& state, SignInLog* log) : state_(std::make_unique<State>(state, log)) {
  if (sodium_init() < 0) {
    throw Failure({.code = "random-failed",
                   .subject = "libsodium",
                   .cause = "it could not be initialised",
                   .hint = "look whether this system gives random numbers (/dev/urandom)"});
  }
}

Administrator::~Administrator() = default;

std::optional<http::Answer> Administrator::refusal(const http::Call& call) {
  const std::optional<Credential> credential = basic_credential(view_of(call.authorization));
  if (!credential) return challenge();
  const std::string address = address_without_port(call.connection.peer_address());
  const Sha256 digest = hmac_sha256(view_of(state_->process_key), view_of(call.authorization));

  // The lock is held over argon2id as well: guesses are answered one after the other, and memory stays bounded.
  const std::lock_guard lock(state_->mutex);
  if (state_->wrong.must_wait(address)) {
    state_->failed(address, credential->user, "too-many-attempts");
    return too_many_attempts();
  }
  const auto status = state_->folder.status(hash_path);
  if (!status) return challenge();
  if (status->modified_ns != state_->hash_modified) state_->has_remembered = false;
  if (state_->has_remembered && secret_equal(digest, state_->remembered)) {
    state_->succeeded(address);
    return std::nullopt;
  }

  const bool right_password = state_->is_right(credential->password);
  if (credential->user != administrator_name || !right_password) {
    state_->wrong.count(address);
    state_->failed(address, credential->user, "wrong-password");
    return challenge();
  }
  state_->succeeded(address);
  state_->remembered = digest;
  state_->has_remembered = true;
  state_->hash_modified = status->modified_ns;
  return std::nullopt;
}

std::optional<http::Answer> Administrator::refusal(const Credential& credential, const std::string& address,
                                                   const std::function<bool()>& second) {
  const std::lock_guard lock(state_->mutex);
  if (state_->wrong.must_wait(address)) {
    state_->failed(address, credential.user, "too-many-attempts");
    return too_many_attempts();
  }
  if (!state_->folder.status(hash_path)) return challenge();
  // The hash is computed for any user: the time that an answer takes tells nothing.
  const bool right_password = state_->is_right(credential.password);
  const bool is_administrator = right_password && credential.user == administrator_name;
  if (!is_administrator || (second && !second())) {
    state_->wrong.count(address);
    state_->failed(address, credential.user, is_administrator ? "wrong-code" : "wrong-password");
    return challenge();
  }
  state_->succeeded(address);
  return std::nullopt;
}

}  // namespace chancery
