// The signature over a *.SF file of a JAR: META-INF/*.RSA, .DSA or .EC, a CMS SignedData of other bytes (RFC 5652), with
// a time stamp token (RFC 3161) where the signer had one made.
//
//   const auto signers = signers_of(block, sf);      // nullopt: the signature is not of these bytes
//
// None where the block is no SignedData, the key may not sign, or the time stamp is of something else: Java passes over
// those.
// The chain is what the block has: from the signer's certificate by issuer to one that is its own or absent. Not checked:
// whether anybody trusts it, dates, whether it may sign code. Thread safety: pure.
#pragma once

#include <optional>
#include <vector>

#include "keystore/bytes/bytes.h"

namespace chancery::keytool {

struct CodeSigner {
  std::vector<Bytes> chain;       // DER, the signer's own first
  std::vector<Bytes> time_stamp;  // the time stamp authority's; empty: there is none
  friend bool operator==(const CodeSigner&, const CodeSigner&) = default;
};

[[nodiscard]] std::optional<std::vector<CodeSigner>> signers_of(ByteView block, ByteView signed_bytes);

}  // namespace chancery::keytool
