// The options of commands that are given certificates to judge or to put in place.
#pragma once

#include "appliance/cli/arguments.h"

namespace chancery::cli {

inline constexpr Option kIntermediate{
    .name = "--intermediate", .value = "FILE", .help = "intermediates, in any order", .kind = "file", .repeated = true};
inline constexpr Option kAlsoTrust{.name = "--also-trust",
                                   .value = "FILE",
                                   .help = "a root that nobody here knows yet",
                                   .kind = "file",
                                   .repeated = true};
inline constexpr Option kOnlyIdentity{.name = "--identity",
                                      .value = "IDENTITY",
                                      .help = "only this one; else all of the appliance's role",
                                      .kind = "identity",
                                      .repeated = true};
inline constexpr Option kPassphraseFile{.name = "--passphrase-file",
                                        .value = "FILE",
                                        .help = "opens an encrypted key or PKCS#12 (- is stdin)",
                                        .kind = "file"};
inline constexpr Option kPassphraseEnv{
    .name = "--passphrase-env", .value = "VARIABLE", .help = "the same from an environment variable"};

}  // namespace chancery::cli
