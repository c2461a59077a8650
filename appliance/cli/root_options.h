// The options by which the root's key is brought along, the same for every command that may need it.
//
//   constexpr Option kOptions[] = {…, kRootKey, kRootPassphrase, kRootPin};
//   put_root_access(ask, arguments);
//
// Thread safety: none needed.
#pragma once

#include "appliance/cli/arguments.h"
#include "appliance/cli/ask.h"

namespace chancery::cli {

inline constexpr Option kRootKey{
    .name = "--root-key", .value = "FILE", .help = "the root's key, where it is off the appliance", .kind = "file"};
inline constexpr Option kRootPassphrase{.name = "--root-passphrase-file",
                                        .value = "FILE",
                                        .help = "the passphrase of the root's key (- is stdin)",
                                        .kind = "file"};
inline constexpr Option kRootPin{.name = "--root-pin-file",
                                 .value = "FILE",
                                 .help = "the PIN of the token that holds the root's key",
                                 .kind = "file"};

void put_root_access(Ask& ask, const Arguments& arguments);

}  // namespace chancery::cli
