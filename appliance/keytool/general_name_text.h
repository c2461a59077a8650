// Names of people, hosts and addresses in extensions (RFC 5280, 4.2.1.6) in the words of Java: "DNSName: a.example.com".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "keystore/bytes/bytes.h"
#include "keystore/x509/der.h"

namespace chancery::keytool {

// nullopt for what is no GeneralName, or one of a kind that is not known here (X.400 addresses, EDI parties).
[[nodiscard]] std::optional<std::string> general_name_text(const der::Element& name);
// Of the content of a GeneralNames.
[[nodiscard]] std::optional<std::vector<std::string>> general_name_texts(ByteView content);

}  // namespace chancery::keytool
