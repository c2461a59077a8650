// What the texts of several extensions have in common. Internal to appliance/keytool: extension_text.h is what others use.
// Thread safety: pure functions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "keystore/x509/der.h"

namespace chancery::keytool {

using ExtensionText = std::optional<std::string>;  // nullopt: not what its type says

// "[a, b]", as Java prints a list.
[[nodiscard]] std::string joined(const std::vector<std::string>& parts);
[[nodiscard]] std::optional<ByteView> sequence_content(ByteView value);

}  // namespace chancery::keytool
