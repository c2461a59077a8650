#include "appliance/change/generation_policy.h"

#include <algorithm>

#include "keystore/fault.h"

namespace chancery::change {
namespace {

// "endpoints/portal.toml" -> "portal"; "" for anything that is not a policy file.
std::string policy_name(const std::string& path, const std::string& folder) {
  static const std::string ending = ".toml";
  if (!path.ends_with(ending) || path.size() <= folder.size() + ending.size()) return "";
  const std::string name = path.substr(folder.size(), path.size() - folder.size() - ending.size());
  return name.find('/') == std::string::npos ? name : "";
}

template <typename Parse>
auto parse_all(const backup::Generation& generation, const backup::Edits& edits, const std::string& folder,
               Parse parse) {
  std::vector<decltype(parse("", ByteView()))> all;
  for (const std::string& path : generation.files(folder)) {
    const std::string name = policy_name(path, folder);
    if (!name.empty() && !edits.contains(path)) all.push_back(parse(name, generation.read(path)));
  }
  for (const auto& [path, edit] : edits) {
    if (!edit || !path.starts_with(folder)) continue;
    const std::string name = policy_name(path, folder);
    if (!name.empty()) all.push_back(parse(name, view_of(edit->bytes)));
  }
  return all;
}

}  // namespace

std::vector<Endpoint> endpoints_of(const backup::Generation& generation) {
  return parse_all(generation, {}, "endpoints/", parse_endpoint);
}

std::vector<Endpoint> endpoints_after(const backup::Generation& generation, const backup::Edits& edits) {
  return parse_all(generation, edits, "endpoints/", parse_endpoint);
}

std::vector<Consumer> consumers_of(const backup::Generation& generation) {
  return parse_all(generation, {}, "consumers/", parse_consumer);
}

std::vector<Consumer> consumers_after(const backup::Generation& generation, const backup::Edits& edits) {
  return parse_all(generation, edits, "consumers/", parse_consumer);
}

std::vector<Consumer> consumers_of(const backup::Generation& generation, const std::vector<std::string>& identities) {
  std::vector<Consumer> all = consumers_of(generation);
  std::erase_if(all, [&](const Consumer& consumer) {
    return std::find(identities.begin(), identities.end(), consumer.identity) == identities.end();
  });
  return all;
}

SecurityProfile profile_of(const backup::Generation& generation, const std::string& name) {
  const std::string path = "profiles/" + name + ".toml";
  if (generation.has(path)) return parse_profile(name, generation.read(path));
  throw Failure({.code = "unknown-profile",
                 .subject = name,
                 .cause = "there is no security profile of this name",
                 .hint = "chancery profile list shows those that there are; chancery profile set makes one"});
}

}  // namespace chancery::change
