#include "appliance/federation/member_uri.h"

#include <algorithm>

#include "appliance/authority/permitted_names.h"

namespace chancery::federation {

std::string member_uri(const std::string& federation, const std::string& role, const std::string& name) {
  return "chancery://" + federation + "/member/" + role + "/" + name;
}

authority::LeafPurpose purpose_of(const std::string& identity) {
  return identity == "member" ? authority::LeafPurpose::member : authority::LeafPurpose::server;
}

std::vector<std::string> canonical_names(const std::vector<std::string>& names) {
  std::vector<std::string> canonical;
  for (const AlternativeName& name : authority::exact_names(names)) canonical.push_back(name.value);
  return canonical;
}

bool same_names(std::vector<std::string> left, std::vector<std::string> right) {
  std::sort(left.begin(), left.end());
  std::sort(right.begin(), right.end());
  return left == right;
}

}  // namespace chancery::federation
