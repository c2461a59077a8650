// Edits of a PEM bundle that leave everything else in it as it stands, comments and order included. Pure functions.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "keystore/x509/certificate.h"

namespace chancery::change {

// Those that are not in it yet, at its end.
[[nodiscard]] Bytes bundle_with(Bytes bundle, const std::vector<Certificate>& more);
// Without the certificates of these SHA-256 (hex); the same bytes where none of them is in it.
[[nodiscard]] Bytes bundle_without(ByteView bundle, const std::set<std::string>& fingerprints);

}  // namespace chancery::change
