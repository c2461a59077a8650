#include "keystore/openssl/handles.h"

#include <openssl/err.h>

#include <utility>

namespace chancery::ossl {

std::string drain_errors() {
  std::string text;
  const char* data = nullptr;
  int flags = 0;
  while (const unsigned long code = ERR_get_error_all(nullptr, nullptr, nullptr, &data, &flags)) {
    const char* reason = ERR_reason_error_string(code);
    const std::string part = reason != nullptr ? reason : "error " + std::to_string(code);
    // The data beside an error can quote input; only the reason is passed on. The same reason is often stacked twice.
    if (text.ends_with(part) || text.size() > 300) continue;
    if (!text.empty()) text += "; ";
    text += part;
  }
  return text.empty() ? "unknown OpenSSL error" : text;
}

Failure openssl_failure(std::string code, std::string subject, std::string hint) {
  return Failure(
      {.code = std::move(code), .subject = std::move(subject), .cause = drain_errors(), .hint = std::move(hint)});
}

}  // namespace chancery::ossl
