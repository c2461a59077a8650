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
  bool server = true;              // serverAuth
  bool client = false;             // clientAuth, alone or besides
};

// `chain` is {leaf, issuing}, in the middle of a rotation {leaf, issuing, cross}: the leaf bears this key and exactly
// these names, is no CA, may be used as expected, and verifies under one of `roots` at `now`, strictly by RFC 5280 (path
// length and name constraints included). Failure("reply-invalid") otherwise. Not checked: whether the roots are the
// federation's; the authority's signature over the reply says that, or that they are known already.
void prove_chain(const ExpectedChain& expected, const std::vector<Certificate>& chain,
                 const std::vector<Certificate>& roots, const PrivateKey& key, Instant now);

[[noreturn]] void reply_invalid(const std::string& subject, const std::string& cause);

}  // namespace chancery::federation
