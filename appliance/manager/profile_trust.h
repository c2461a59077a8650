// Whom a profile's client certificates are checked against (A2): given as files, they become part of the generation, so
// that policy and what it rests on move together.
//
//   ProfileTrust trust = take_trusted("clients", "ca.pem;trust/federation/roots.pem", call.files("trusted"));
//   trust.trusted     "trust/clients/clients/ca.pem;trust/federation/roots.pem"
//   trust.files       {"trust/clients/clients/ca.pem": PEM}
//
// CAs or clients' own certificates, one or many a file, in any container; several entries overlap while one replaces
// another. What is named and was not given must be a path of the generation. Failure("bad-profile") for a file that
// holds no certificate or a private key. A pure function.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "appliance/preflight/preflight.h"

namespace chancery::manager {

struct ProfileTrust {
  std::string trusted;
  std::map<std::string, Bytes> files;
};

[[nodiscard]] ProfileTrust take_trusted(const std::string& profile, const std::string& trusted,
                                        const std::vector<preflight::SourceFile>& given);
// The folder of a profile's own files: "trust/clients/NAME/".
[[nodiscard]] std::string folder_of_trusted(const std::string& profile);

}  // namespace chancery::manager
