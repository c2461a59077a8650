// A certificate as keytool prints it, and as it writes it to files.
#pragma once

#include <string>

#include "appliance/keytool/certificate_view.h"
#include "appliance/keytool/weakness.h"

namespace chancery::keytool {

// "Owner: … Version: 3", then the extensions.
[[nodiscard]] std::string certificate_text(const CertificateView& certificate, TrustedSet& trusted);
// Between BEGIN and END, the base64 with CR LF inside, as Java's encoder has it.
[[nodiscard]] std::string certificate_pem(ByteView der);
[[nodiscard]] std::string sha256_line(ByteView der);  // "0A:FF:…"

}  // namespace chancery::keytool
