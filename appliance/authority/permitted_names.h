// Which names the issuing CA may put into leaves: what its name constraints permit (RFC 5280, 4.2.1.10).
#pragma once

#include <string>
#include <vector>

#include "appliance/authority/certificate_writer.h"

namespace chancery::authority {

// Names for certificates, from text: DNS names in lower case and addresses in their shortest form, in the given order
// without duplicates. Failure("bad-name") for anything else, wildcards included: the ad-hoc PKI issues none.
[[nodiscard]] std::vector<AlternativeName> exact_names(const std::vector<std::string>& names);

// The permitted subtrees in a certificate of our own making.
[[nodiscard]] NameConstraints constraints_of(const Certificate& issuing);

// A permitted DNS name permits what lies below it, too.
[[nodiscard]] bool is_permitted(const NameConstraints& constraints, const AlternativeName& name);

// Adds what is not permitted yet. False: nothing was missing.
bool widen(NameConstraints& constraints, const std::vector<AlternativeName>& names);

}  // namespace chancery::authority
