#include "keystore/openssl/legacy_context.h"

#include <openssl/err.h>
#include <openssl/provider.h>

#include "keystore/openssl/handles.h"

namespace chancery::ossl {

OSSL_LIB_CTX* legacy_context() {
  static OSSL_LIB_CTX* const context = [] {
    OSSL_LIB_CTX* made = OSSL_LIB_CTX_new();
    if (made == nullptr || OSSL_PROVIDER_load(made, "default") == nullptr) {
      throw openssl_failure("crypto-failed", "OpenSSL",
                            "check the installation of OpenSSL (`openssl list -providers`)");
    }
    // Without the module old files cannot be opened, which their own note will tell.
    if (OSSL_PROVIDER_load(made, "legacy") == nullptr) ERR_clear_error();
    return made;
  }();
  return context;
}

}  // namespace chancery::ossl
