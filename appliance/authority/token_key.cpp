// Engines are OpenSSL 1.1's way; Debian 12 has no PKCS#11 provider for OpenSSL 3.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "appliance/authority/token_key.h"

#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/ui.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>

#include "keystore/bytes/text_encoding.h"
#include "keystore/openssl/digest.h"
#include "keystore/openssl/handles.h"

namespace chancery::authority {
namespace {

constexpr std::size_t longest_uri = 1024;
constexpr std::size_t longest_pin = 255;
constexpr std::string_view scheme = "pkcs11:";

Failure bad_uri(const std::string& uri, const std::string& cause) {
  // A PIN in it must not be repeated.
  return Failure({.code = "bad-token-uri",
                  .subject = uri.find("pin-") == std::string::npos ? uri.substr(0, 80) : "the token's URI",
                  .cause = cause,
                  .hint = "write it as pkcs11:token=LABEL;object=NAME;type=private and give the PIN with "
                          "--root-pin-file"});
}

Failure unavailable(const std::string& subject, const std::string& cause) {
  ERR_clear_error();
  return Failure({.code = "token-unavailable",
                  .subject = subject,
                  .cause = cause,
                  .hint = "install libengine-pkcs11-openssl and the token's own library, and look with "
                          "`p11tool --list-tokens`"});
}

// RFC 7512, 2.3: attributes before the "?", queries after it. A value may be percent-encoded.
std::optional<std::string> query_value(const std::string& uri, std::string_view name) {
  std::size_t at = uri.find('?');
  while (at != std::string::npos) {
    const std::size_t end = std::min(uri.find('&', at + 1), uri.size());
    const std::string_view pair = std::string_view(uri).substr(at + 1, end - at - 1);
    at = end < uri.size() ? end : std::string::npos;
    if (!pair.starts_with(name) || pair.size() <= name.size() || pair[name.size()] != '=') continue;
    const std::string_view encoded = pair.substr(name.size() + 1);
    std::string value;
    for (std::size_t i = 0; i < encoded.size(); ++i) {
      if (encoded[i] != '%') {
        value += encoded[i];
        continue;
      }
      if (i + 2 >= encoded.size()) throw bad_uri(uri, "ends within a percent-encoded character");
      const Bytes byte = from_hex(encoded.substr(i + 1, 2));
      value += static_cast<char>(byte.front());
      i += 2;
    }
    return value;
  }
  return std::nullopt;
}

struct FreeUi {
  void operator()(UI_METHOD* method) const noexcept { UI_destroy_method(method); }
};

// Whatever the engine would ask a person is answered with no: PINs come from a file, before.
int refuse_question(UI*, UI_STRING*) { return 0; }

// The engine has no way to log out of a token, nor to let go of its library, while the process lives: a second caller
// with any PIN at all would be let in, and a second library not be looked at. So this process remembers which PIN opened
// a token, as a MAC under a key that dies with it, and which library it is.
class Remembered {
 public:
  void expect_library(const std::string& library) {
    const std::lock_guard lock(mutex_);
    if (!library_) library_ = library;
    if (*library_ == library) return;
    throw unavailable(library, "this process has another token's library in use already; start it anew");
  }
  void expect_pin(const std::string& uri, const SecretBytes& pin) const {
    const std::lock_guard lock(mutex_);
    const auto known = pins_.find(uri);
    if (known == pins_.end() || secret_equal(known->second, mark_of(pin))) return;
    throw Failure({.code = "root-key-locked",
                   .subject = uri,
                   .cause = "another PIN than the one that opened this token before",
                   .hint = "check the file of --root-pin-file; after the token's PIN was changed, restart "
                           "chancery-manager first"});
  }
  void opened(const std::string& uri, const SecretBytes& pin) {
    const std::lock_guard lock(mutex_);
    pins_.insert_or_assign(uri, mark_of(pin));
  }

 private:
  Sha256 mark_of(const SecretBytes& pin) const { return hmac_sha256(view_of(key_), view_of(pin)); }

  mutable std::mutex mutex_;
  SecretBytes key_ = random_secret(32);
  std::optional<std::string> library_;
  std::map<std::string, Sha256> pins_;
};

Remembered& remembered() {
  static Remembered only;
  return only;
}

bool command(ENGINE* engine, const char* name, const char* value) {
  return ENGINE_ctrl_cmd_string(engine, name, value, 0) == 1;
}

}  // namespace

void check_token_uri(const std::string& uri) {
  if (!uri.starts_with(scheme) || uri.size() == scheme.size() || uri.size() > longest_uri) {
    throw bad_uri(uri, "is not the PKCS#11 URI of a key");
  }
  const bool is_plain = std::all_of(uri.begin(), uri.end(), [](char unit) { return unit > ' ' && unit < '\x7f'; });
  if (!is_plain) throw bad_uri(uri, "holds blanks or characters that must be percent-encoded");
  if (uri.find("pin-value") != std::string::npos || uri.find("pin-source") != std::string::npos) {
    throw bad_uri(uri, "holds a PIN, which everybody on this machine could read");
  }
  const std::string_view path = std::string_view(uri).substr(0, uri.find('?'));
  if (path.find("object=") == std::string_view::npos && path.find("id=") == std::string_view::npos) {
    throw bad_uri(uri, "does not say which key of the token it means");
  }
  if (const auto module = query_value(uri, "module-path"); module && !module->starts_with("/")) {
    throw bad_uri(uri, "names the token's library by a relative path");
  }
}

TokenKey open_token_key(const std::string& uri, const SecretBytes& pin) {
  check_token_uri(uri);
  if (pin.empty() || pin.size() > longest_pin || std::find(pin.begin(), pin.end(), 0) != pin.end()) {
    throw Failure({.code = "root-key-locked",
                   .subject = uri,
                   .cause = "a PIN has 1 to 255 characters",
                   .hint = "give the file with the token's PIN: --root-pin-file FILE"});
  }
  const auto module = query_value(uri, "module-path");
  const std::string key_uri = uri.substr(0, uri.find('?'));
  SecretBytes text = pin;
  text.push_back(0);

  if (module && ::access(module->c_str(), R_OK) != 0) throw unavailable(*module, "this library cannot be read");
  remembered().expect_pin(key_uri, pin);
  remembered().expect_library(module.value_or(""));
  ENGINE_load_dynamic();
  const std::shared_ptr<ENGINE> found(ENGINE_by_id("pkcs11"), [](ENGINE* engine) {
    if (engine != nullptr) ENGINE_free(engine);
  });
  if (!found) throw unavailable("engine pkcs11", "OpenSSL cannot load it: " + ossl::drain_errors());
  command(found.get(), "QUIET", nullptr);
  if (module && !command(found.get(), "MODULE_PATH", module->c_str())) {
    throw unavailable(*module, "is not taken as the token's library");
  }
  if (!command(found.get(), "PIN", reinterpret_cast<const char*>(text.data()))) {
    throw unavailable("engine pkcs11", "does not take the PIN");
  }
  if (ENGINE_init(found.get()) != 1) {
    throw unavailable(module.value_or("engine pkcs11"), "cannot be started: " + ossl::drain_errors());
  }
  std::shared_ptr<void> engine(found.get(), [found](void* started) { ENGINE_finish(static_cast<ENGINE*>(started)); });

  const std::unique_ptr<UI_METHOD, FreeUi> silent(UI_create_method("no questions"));
  if (!silent) throw std::bad_alloc();
  UI_method_set_reader(silent.get(), refuse_question);
  EVP_PKEY* key = ENGINE_load_private_key(found.get(), key_uri.c_str(), silent.get(), nullptr);
  ERR_clear_error();
  if (key == nullptr) {
    throw Failure({.code = "root-key-locked",
                   .subject = key_uri,
                   .cause = "the token does not open this key: the PIN is wrong, or the token or the key is not there",
                   .hint = "check the PIN in the file of --root-pin-file, and look with "
                           "`p11tool --login --list-privkeys 'pkcs11:'`"});
  }
  remembered().opened(key_uri, pin);
  return {std::move(engine), PrivateKey::adopt(key)};
}

}  // namespace chancery::authority
