// keytool without Java: the options, questions, messages and exit codes of JDK 17's keytool for what is done to stores.
//
//   return keytool::run({.saver = saver, .umask = mask}, argc - 1, argv + 1);
//
// What it knows: -importcert -list -exportcert -delete -changealias -storepasswd -keypasswd -importkeystore -printcert
// -printcertreq -certreq -genkeypair. -genseckey, -importpass, -gencert, -printcrl and -showinfo are refused. Nothing of
// an appliance is opened here; `saver` decides where a changed store goes. Passwords in argv are overwritten.
#pragma once

#include "appliance/keytool/saving.h"

namespace chancery::keytool {

// The exit code. Never throws.
[[nodiscard]] int run(StoreSaver& saver, int argc, char** argv) noexcept;

}  // namespace chancery::keytool
