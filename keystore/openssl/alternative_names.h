// SAN entries between our values and OpenSSL's. For sources (.cpp) only, like handles.h.
#pragma once

#include <vector>

#include "keystore/openssl/handles.h"
#include "keystore/x509/names.h"

namespace chancery::ossl {

// For subjectAltName of a certificate or request that is being made. Kinds directory and other, and values that
// parse_name would not have given, are Failure("bad-name").
[[nodiscard]] GeneralNamesPtr to_general_names(const std::vector<AlternativeName>& names);

// Everything in it, in its order, safe to print; never throws for odd contents.
[[nodiscard]] std::vector<AlternativeName> from_general_names(const GENERAL_NAMES* names);

// A distinguished name as RFC 4514 writes it, safe to print (bytes that are not UTF-8 as \xNN).
[[nodiscard]] std::string to_text(const X509_NAME* name);
// The last CN, or "".
[[nodiscard]] std::string common_name_of(const X509_NAME* name);

}  // namespace chancery::ossl
