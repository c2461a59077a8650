// The file that JKS and JCEKS share. Everything is big endian; UTF is a u16 length and modified UTF-8 (java_text.h).
//
//   file         magic u32 · version u32 (1 or 2) · count u32 · entry… · digest (20)
//   entry        tag u32 · alias UTF · created u64 (Unix ms) · by tag:
//     1            length u32 · EncryptedPrivateKeyInfo · count u32 · certificate…      a private key and its chain
//     2            certificate                                                          a trusted certificate
//     3            a sealed object as Java serialises it, with its header               a secret key, JCEKS only
//   certificate  type UTF (version 2 only) · length u32 · bytes
//   digest       SHA-1(password as UTF-16BE · "Mighty Aphrodite" · everything before)
//
// The digest is the first thing that is looked at where a password is given. Where an alias comes twice, the later entry
// wins, as in Java. Limits: `entry_limit` entries and certificates in all, so that memory stays
// a few times the file's size.
// Thread safety: pure functions.
#pragma once

#include "keystore/java/sealed_store.h"

namespace chancery::java {

struct JksLayout {
  StoreType type;
  std::uint32_t magic;
  // The size of the sealed object at the front of the bytes; nullptr where the format has no secret keys.
  std::size_t (*sealed_object_size)(ByteView bytes, const std::string& source);
};

[[nodiscard]] bool has_magic(const JksLayout& layout, ByteView bytes);
[[nodiscard]] Keystore open_layout(const JksLayout& layout, ByteView bytes, const OpenOptions& options);
[[nodiscard]] SealedStore seal_layout(const JksLayout& layout, const Keystore& store, const SecretBytes* password);
[[nodiscard]] bool sealed_holds(const JksLayout& layout, const SealedStore& sealed, const Keystore& intended,
                                const OpenOptions& options);

}  // namespace chancery::java
