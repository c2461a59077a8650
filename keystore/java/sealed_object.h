// The Java objects in a JCEKS: a javax.crypto.SealedObject (or SunJCE's SealedObjectForKeyProtector, which is one) around
// an encrypted javax.crypto.spec.SecretKeySpec or java.security.KeyRep of a secret key. These, and the enum and arrays in
// them, are all that Java itself lets through (jceks.key.serialFilter); others are Failure("keystore-hostile").
// Views into the input. Thread safety: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "keystore/java/entry.h"

namespace chancery::java {

struct SealedObject {
  ByteView parameters;  // DER of the algorithm's
  ByteView content;     // a serialised key, encrypted
  std::string_view algorithm;
  std::size_t size = 0;  // of the whole, with the stream's header
};

// The object at the front of the bytes; what follows is not looked at. Failure("truncated") where it ends too early.
[[nodiscard]] SealedObject read_sealed_object(ByteView bytes, const std::string& source);
// As SealedObjectForKeyProtector, which every JDK reads.
[[nodiscard]] SecretBytes write_sealed_object(const SealedObject& object);

// A decrypted key. Failure("keystore-unsupported") for a KeyRep that is no secret key in RAW form.
[[nodiscard]] KeyMaterial read_serialised_key(ByteView bytes, const std::string& source);
[[nodiscard]] SecretBytes write_serialised_key(const KeyMaterial& key);  // as SecretKeySpec

}  // namespace chancery::java
