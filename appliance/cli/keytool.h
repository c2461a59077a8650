// keytool's own command line, before any other parsing: its options begin with one dash, and its output is Java's.
#pragma once

#include <optional>

namespace chancery::cli {

// The exit code when this is `chancery [--state DIR] keytool …` or the program was called through a link named keytool;
// nullopt for anything else. Passwords in argv are overwritten.
[[nodiscard]] std::optional<int> run_keytool(int argc, char** argv);

}  // namespace chancery::cli
