// Who signed a JAR, as Java's JarFile finds out by reading all of it: the signature files, the digests of the manifest's
// sections in them, and the digests of the files in the manifest.
//
//   for (const CodeSigner& signer : signers_of_jar("tool.jar")) …     // none: not a signed JAR
//
// In the order in which Java meets them; each once. Failure in Java's words where the file is no zip, a signature is not
// of its signature file, or a file is not the one that was signed. Files that nobody signed are passed over, as Java does
// it. Weak digests are taken, as by Java's keytool. Signature files of more than 16 MB are refused, others are read in
// pieces. Not checked: whether anybody trusts a signer. Thread safety: pure.
#pragma once

#include <string>
#include <vector>

#include "appliance/keytool/jar_signature.h"

namespace chancery::keytool {

[[nodiscard]] std::vector<CodeSigner> signers_of_jar(const std::string& path);

}  // namespace chancery::keytool
