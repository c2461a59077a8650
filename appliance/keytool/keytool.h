// keytool without Java: the options, questions, messages and exit codes of JDK 17's keytool for what is done to stores.
//
//   return keytool::run({.saver = saver, .ask_server = ask}, argc - 1, argv + 1);
//
// What it knows: -importcert -list -exportcert -delete -changealias -storepasswd -keypasswd -importkeystore -printcert
// -printcertreq -certreq -genkeypair. -genseckey, -importpass, -gencert, -printcrl and -showinfo are refused. Nothing of
// an appliance is opened here; `saver` decides where a changed store goes. -printcert -sslserver asks by `ask_server`.
// A new store gets the mode that Java gives it, by the umask: scripts rely on that, and its keys are sealed. Passwords in
// argv are overwritten.
#pragma once

#include <functional>
#include <vector>

#include "appliance/keytool/saving.h"

namespace chancery::keytool {

struct Surroundings {
  StoreSaver& saver;
  // The chain that the server at "HOST" or "HOST:PORT" (443) sends in a handshake, leaf first, as DER; nothing is verified.
  // Throws Failure, or returns nothing, where there is none.
  std::function<std::vector<Bytes>(const std::string& server)> ask_server;
};

// The exit code. Never throws.
[[nodiscard]] int run(const Surroundings& surroundings, int argc, char** argv) noexcept;

}  // namespace chancery::keytool
