// Signing and encrypting of orders and their replies (order.h has the format): CMS SignedData within AuthEnvelopedData.
//
//   Bytes sealed = seal(content, {.chain = chain, .key = key}, recipient);
//   Opened opened = open_sealed(sealed, {.certificate = own, .key = own_key}, {.roots = roots, .is_revoked = …}, now);
//
// open_sealed decrypts with the one key it is given, demands exactly one signer whose signature (SHA-2) covers the whole
// content, and a chain from it to one of `roots` at `now`, strict as RFC 5280 has it, name constraints included. Failures:
// "order-malformed", "order-unreadable" (for somebody else, or altered), "order-refused" (signature, chain, revoked). Not
// checked: who the signer is (order.h, orderer), and what the content says. Thread safety: pure functions.
#pragma once

#include <functional>
#include <vector>

#include "keystore/x509/private_key.h"

namespace chancery::federation {

struct OrderSigner {
  std::vector<Certificate> chain;  // leaf first, intermediates after it; no root
  PrivateKey key;
};
struct OrderRecipient {
  Certificate certificate;
  PrivateKey key;
};
struct OrderTrust {
  std::vector<Certificate> roots;
  std::function<bool(const Certificate& certificate)> is_revoked = {};  // asked for the signer and its intermediates
};

[[nodiscard]] Bytes seal(ByteView content, const OrderSigner& signer, const Certificate& recipient);

struct Opened {
  SecretBytes content;
  Certificate signer;
};
[[nodiscard]] Opened open_sealed(ByteView sealed, const OrderRecipient& recipient, const OrderTrust& trust,
                                 Instant now);

}  // namespace chancery::federation
