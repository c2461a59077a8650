// The certificates of the authority itself: roots, issuing CAs, and what vouches for a new root under an old one.
//
// The n-th root and issuing CA of a federation have "n" at the end of their names, so that no two of them, nor their
// revocation lists, are taken for each other. Dates begin an hour early, for clocks that differ. Thread safety: pure
// functions.
#pragma once

#include <string>

#include "appliance/authority/certificate_writer.h"

namespace chancery::authority {

[[nodiscard]] Bytes subject_bytes(const Certificate& certificate);  // DER of the Name as it stands there
[[nodiscard]] std::string organisation_of(const std::string& federation);

// `generation` 1 is the root of the founding, whose name has no number.
[[nodiscard]] Certificate signed_root(const PrivateKey& key, const std::string& federation, int generation,
                                      Instant now);
[[nodiscard]] Certificate signed_issuing(const PrivateKey& root_key, const Certificate& root,
                                         const PrivateKey& issuing_key, const std::string& federation,
                                         const NameConstraints& constraints, Instant now);
// `newer`'s name and key under `older`: path length 1, for the issuing CA between it and a leaf. Ends with the one of
// both that ends first.
[[nodiscard]] Certificate signed_cross(const PrivateKey& older_key, const Certificate& older, const Certificate& newer,
                                       Instant now);

// Which one a root of ours is: 1, 2, …
[[nodiscard]] int generation_of(const Certificate& root);

}  // namespace chancery::authority
