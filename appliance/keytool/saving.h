// Where a changed keystore goes: a plain file is replaced as a whole, what lies inside an appliance's state becomes a
// change of that appliance. The program that runs keytool decides (cli/keytool.cpp); keytool hands over what is to be.
//
// Thread safety: as the implementation.
#pragma once

#include <string>

#include "keystore/java/java_keystore.h"

namespace chancery::keytool {

struct Saving {
  std::string path;  // as it was given
  ByteView before;   // the file as it was read at the start; empty: there was none
  const java::Keystore& store;
  const SecretBytes* password = nullptr;  // to seal it under; nullptr: a PKCS12 without one. Not owned
  const SecretBytes* former = nullptr;    // that opened `before`. Not owned
  std::string what;                       // "keytool -importcert", for journals and whoever waits
};

class StoreSaver {
 public:
  virtual ~StoreSaver() = default;
  // Failure("foreign-changed") when the file is no longer `before`; it stands then.
  virtual void save(const Saving& saving) = 0;
};

}  // namespace chancery::keytool
