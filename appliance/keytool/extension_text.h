// Extensions of certificates and requests in the words of Java: known ones by name, others as a hex dump.
//
// In Java's order: by Java's name of the extension, unknown ones by OID before them, those that could not be understood
// last. Thread safety: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "appliance/keytool/certificate_view.h"

namespace chancery::keytool {

// "" for none; else the title between empty lines, then "#1: ObjectId: 2.5.29.19 Criticality=true …".
[[nodiscard]] std::string extensions_text(std::string_view title, const std::vector<ExtensionView>& extensions);

}  // namespace chancery::keytool
