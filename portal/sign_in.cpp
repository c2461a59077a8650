#include "portal/sign_in.h"

#include <spdlog/spdlog.h>

#include <atomic>
#include <map>
#include <mutex>

#include "appliance/sign_in/administrator.h"
#include "appliance/sign_in/credential.h"
#include "appliance/sign_in/wrong_answers.h"
#include "appliance/trust/portal_store.h"
#include "keystore/fault.h"
#include "keystore/openssl/digest.h"
#include "portal/directory.h"

namespace chancery::portal {

namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

constexpr std::chrono::seconds remembered_for{60};
constexpr std::size_t remembered_most = 256;
// Of the 64 workers that answer requests: a directory that hangs must leave the others to the administrator.
constexpr int questions_at_once = 8;

http::Answer directory_away() {
  http::Answer answer = http::Answer::problem(503, "directory-unavailable", "The directory cannot be asked",
                                              "Try again later, or sign in as \"administrator\".");
  answer.headers["Retry-After"] = "10";
  return answer;
}

http::Answer challenge() {
  return sign_in_challenge("Sign in with your name in the directory, or as \"administrator\".");
}

}  // namespace

struct SignIn::State {
  State(serving::Program& given_program, const PortalSettings& settings, SignInLog* sign_ins)
      : program(given_program), administrator(given_program.state(), sign_ins), log(sign_ins) {
    set(settings);
  }

  void set(const PortalSettings& settings) {
    std::shared_ptr<Directory> next;
    if (settings.directory) {
      next = std::make_shared<Directory>(*settings.directory, settings.skip_ldap_certificate_validation);
    }
    const bool is_believed = settings.directory && settings.skip_ldap_certificate_validation;
    program.set_condition(
        "directory certificate",
        is_believed ? std::optional(serving::Condition{
                          .message = "the certificate of the directory is not checked (setting "
                                     "globalconfig.ldap.skip-ssl-certificate-validations): whoever poses as the "
                                     "directory sees every password",
                          .hint = "trust the CA that signed it, then take the setting out"})
                    : std::nullopt);
    const std::lock_guard lock(mutex);
    if (next) next->set_trust(trust);
    directory = next;
    remembered.clear();
  }

  std::shared_ptr<Directory> present() {
    const std::lock_guard lock(mutex);
    return directory;
  }

  serving::Program& program;
  Administrator administrator;
  SignInLog* log;
  WrongAnswers wrong;
  std::atomic<int> questions = 0;
  const SecretBytes process_key = random_secret(32);
  std::mutex mutex;                         // guards what is below
  std::map<Sha256, SteadyTime> remembered;  // until when
  Bytes trust;
  std::shared_ptr<Directory> directory;

  bool is_remembered(const Sha256& digest) {
    const std::lock_guard lock(mutex);
    const auto found = remembered.find(digest);
    if (found == remembered.end()) return false;
    if (std::chrono::steady_clock::now() < found->second) return true;
    remembered.erase(found);
    return false;
  }

  // Not what a directory said that is asked no more.
  void remember(const Directory& asked, const Sha256& digest) {
    const std::lock_guard lock(mutex);
    if (directory.get() != &asked) return;
    if (remembered.size() >= remembered_most) remembered.clear();
    remembered[digest] = std::chrono::steady_clock::now() + remembered_for;
  }

  std::optional<http::Answer> ask(const Directory& asked, const Credential& credential, const Sha256& digest,
                                  const std::string& address) {
    try {
      const bool is_known = asked.knows(credential.user, credential.password);
      program.set_condition("directory", std::nullopt);
      if (!is_known) {
        wrong.count(address);
        if (log != nullptr) log->failed(address, "", "wrong-password");
        // Not the name: people type their password into the wrong field.
        spdlog::warn("sign-in from {} refused by the directory", address);
        return challenge();
      }
    } catch (const Failure& failure) {
      program.set_condition("directory", serving::Condition{.message = failure.what(), .hint = failure.hint()});
      return directory_away();
    }
    remember(asked, digest);
    if (log != nullptr) log->succeeded(credential.user, address, "directory");
    spdlog::info("{} signed in from {} by the directory", credential.user, address);
    return std::nullopt;
  }
};

SignIn::SignIn(serving::Program& program, const PortalSettings& settings, SignInLog* log)
    : state_(std::make_unique<State>(program, settings, log)) {
  program.on_generation([state = state_.get()](const backup::Generation& generation) -> std::function<void()> {
    return [state, trust = trust::portal_trust_pem(generation)] {
      const std::lock_guard lock(state->mutex);
      state->trust = trust;
      if (state->directory) state->directory->set_trust(trust);
      state->remembered.clear();
    };
  });
}

SignIn::~SignIn() = default;

void SignIn::set(const PortalSettings& settings) { state_->set(settings); }

std::optional<http::Answer> SignIn::refusal(const http::Call& call) {
  State& state = *state_;
  const std::shared_ptr<Directory> directory = state.present();
  if (!directory) return state.administrator.refusal(call);
  const std::optional<Credential> credential = basic_credential(view_of(call.authorization));
  if (!credential) return challenge();
  if (credential->user == administrator_name) return state.administrator.refusal(call);
  const std::string address = address_without_port(call.connection.peer_address());
  if (state.wrong.must_wait(address)) {
    if (state.log != nullptr) state.log->failed(address, "", "too-many-attempts");
    return too_many_attempts();
  }
  const Sha256 digest = hmac_sha256(view_of(state.process_key), view_of(call.authorization));
  if (state.is_remembered(digest)) {
    if (state.log != nullptr) state.log->succeeded(credential->user, address, "directory");
    return std::nullopt;
  }
  if (state.questions.fetch_add(1) >= questions_at_once) {
    --state.questions;
    return directory_away();
  }
  std::optional<http::Answer> answer;
  try {
    answer = state.ask(*directory, *credential, digest, address);
  } catch (...) {
    --state.questions;
    throw;
  }
  --state.questions;
  return answer;
}

}  // namespace chancery::portal
