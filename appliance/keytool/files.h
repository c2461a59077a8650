// Files that a person names: what is read for printing and importing, and what certificates and requests are written to.
#pragma once

#include <string>
#include <vector>

#include "appliance/keytool/work.h"

namespace chancery::keytool {

// Written as Java writes it: an existing file is emptied first and keeps its mode and owner; devices are fine.
void write_output_file(const std::string& path, ByteView content);
// -file, or stdin when it was not given. Failure in Java's words.
[[nodiscard]] Bytes read_input(Work& work);

// X.509 certificates as Java's factory takes them: one DER, or PEM blocks with text around them; PKCS#7 with all its
// certificates. nullopt where Java would fail; empty for no input.
[[nodiscard]] std::optional<std::vector<Bytes>> certificates_in(ByteView input);
// Only the first, and no PKCS#7: what -importcert takes for trust.
[[nodiscard]] std::optional<Bytes> first_certificate_in(ByteView input);

}  // namespace chancery::keytool
