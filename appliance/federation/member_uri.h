// What a member of the federation is called in certificates, and which certificates each role gets.
#pragma once

#include <string>
#include <vector>

#include "appliance/authority/authority.h"
#include "appliance/settings/appliance.h"

namespace chancery::federation {

// "chancery://<federation>/member/<role>/<name>"
[[nodiscard]] std::string member_uri(const std::string& federation, const std::string& role, const std::string& name);
// "member" serves and asks, all others only serve.
[[nodiscard]] authority::LeafPurpose purpose_of(const std::string& identity);
// Names as they stand in certificates: lower case, addresses in shortest form. Failure("bad-name") as authority.h says.
[[nodiscard]] std::vector<std::string> canonical_names(const std::vector<std::string>& names);
[[nodiscard]] bool same_names(std::vector<std::string> left, std::vector<std::string> right);

}  // namespace chancery::federation
