// Extensions by which a CA limits others, in the words of Java: policies and what they map to, constraints on policies and
// names (RFC 5280, 4.2.1.4 to 4.2.1.14). Internal to appliance/keytool: extension_text.h is what others use. `value` is the
// content of the extension's OCTET STRING. Thread safety: pure functions.
#pragma once

#include "appliance/keytool/extension_parts.h"

namespace chancery::keytool {

[[nodiscard]] ExtensionText certificate_policies(ByteView value);
[[nodiscard]] ExtensionText policy_mappings(ByteView value);
[[nodiscard]] ExtensionText policy_constraints(ByteView value);
[[nodiscard]] ExtensionText inhibit_any_policy(ByteView value);
[[nodiscard]] ExtensionText name_constraints(ByteView value);

}  // namespace chancery::keytool
