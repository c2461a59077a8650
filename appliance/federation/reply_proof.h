// The joiner's last look before anything is put in force: is what the authority sent exactly what was asked for?
#pragma once

#include <string>
#include <vector>

#include "keystore/x509/private_key.h"

namespace chancery::federation {

struct ExpectedChain {
  std::string identity;
  std::vector<std::string> names;  // exactly these, no others
  std::string uri;                 // "chancery://…" for the member, "" otherwise
  bool client = false;             // clientAuth besides serverAuth
};

// `chain` is {leaf, issuing}: the leaf bears this key and exactly these names, is no CA, may be used as expected, and
// verifies under `root` at `now`, strictly by RFC 5280 (path length and name constraints included).
// Failure("reply-invalid") otherwise. Not checked: whether `root` is the federation's; the authority's signature over
// the reply says that.
void prove_chain(const ExpectedChain& expected, const std::vector<Certificate>& chain, const Certificate& root,
                 const PrivateKey& key, Instant now);

[[noreturn]] void reply_invalid(const std::string& subject, const std::string& cause);

}  // namespace chancery::federation
