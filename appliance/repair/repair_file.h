// Repair files: how a collector that is locked out is told whom to trust and where to go, without a network (T5). Signed by
// the federation's repair key, which is not a key of any certificate.
//
//   const std::string text = write_repair_file(order, {.succession = …, .key = signer});          // appliance
//   RepairFile file = RepairFile::read(bytes);                                                     // endpoint
//   RepairOrder order = file.open(shipped, {.id = own_id, .number = last, .key = newest, .now = now});
//
// A file is JSON: {"format":"chancery-repair-1","order":base64,"keys":[{"key","signature"}…],"signature":base64}. The order
// is JSON text: federation, targets ("*" or collectors' ids), number, made, expires, optionally host, port and name, and
// anchors (DER). `keys` is the succession: each key that came after the shipped one, signed by the one before; the last
// of them has signed the order. Signatures are Ed25519 over a label, a line feed and the bytes; the succession's over
// label, federation and key.
//
// open() refuses with Failures: "repair-invalid" (not such a file, or altered), "repair-foreign" (another federation),
// "repair-signer" (not the key it was shipped with, no successor of it, or one that has been succeeded), "repair-target",
// "repair-old" (its number is not above the last), "repair-expired". Bounded: 1 MiB, 64 keys, 16 anchors, 10,000 targets.
// Not checked: whether the anchors are any good for reaching the address. Thread safety: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "keystore/x509/certificate.h"
#include "keystore/x509/private_key.h"

namespace chancery::repair {

inline constexpr std::size_t file_limit = 1024 * 1024;

struct RepairOrder {
  std::string federation;
  std::vector<std::string> targets = {"*"};
  std::uint64_t number = 0;
  Instant made{};
  Instant expires{};
  std::string host;  // "": where it goes already
  int port = 0;
  std::string name;                  // what the server's certificate must answer to; "": `host`
  std::vector<Certificate> anchors;  // at least one
};

// A key and its predecessor's word for it.
struct Successor {
  Bytes key;  // SubjectPublicKeyInfo
  Bytes signature;
};
[[nodiscard]] Successor succeed(const PrivateKey& present, const std::string& federation, const Bytes& next);

struct Signer {
  std::vector<Successor> succession;  // from the first key on; empty where there was never another
  PrivateKey key;                     // the last of them
};
[[nodiscard]] std::string write_repair_file(const RepairOrder& order, const Signer& signer);

// What an endpoint is shipped with: {"format":"chancery-repair-key-1","federation","key":base64}, repair-key.json of its
// state. Failure("repair-invalid").
struct ShippedKey {
  std::string federation;
  Bytes key;
};
[[nodiscard]] ShippedKey read_shipped_key(ByteView document);
[[nodiscard]] std::string write_shipped_key(const ShippedKey& key);

class RepairFile {
 public:
  [[nodiscard]] static RepairFile read(ByteView bytes);

  struct Standing {
    std::string id = {};       // this collector's
    std::uint64_t number = 0;  // of the last file that was applied
    Bytes key = {};            // which had signed it; empty: none was applied
    Instant now{};
  };
  [[nodiscard]] RepairOrder open(const ShippedKey& shipped, const Standing& standing) const;
  const Bytes& signer() const noexcept { return signer_; }  // after open(): whose word it was

 private:
  Bytes order_;
  std::vector<Successor> succession_;
  Bytes signature_;
  mutable Bytes signer_;
};

}  // namespace chancery::repair
