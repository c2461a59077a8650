#include "appliance/settings/appliance.h"

#include <grp.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "appliance/settings/setting_file.h"

namespace chancery {
namespace {

constexpr std::size_t settings_limit = 1024 * 1024;

struct RoleName {
  Role role;
  const char* name;
};
constexpr std::array role_names{RoleName{Role::primary, "primary"}, RoleName{Role::secondary, "secondary"},
                                RoleName{Role::single, "single"}};

gid_t group_of(const std::string& program) {
  const std::string name = "chancery-" + program;
  group entry{};
  group* found = nullptr;
  std::vector<char> buffer(16 * 1024);
  const int error = getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found != nullptr) return entry.gr_gid;
  throw Failure({.code = "unknown-user",
                 .subject = name,
                 .cause = error == 0 ? "this group does not exist" : "the group database cannot be read",
                 .hint = "create it (systemd-sysusers, or: useradd --system " + name +
                         "), or set separate-users = false in settings/appliance.toml"});
}

std::vector<std::string> parts_of(const std::string& path) {
  std::vector<std::string> parts;
  for (const auto& part : std::filesystem::path(path)) {
    if (!part.empty() && part != ".") parts.push_back(part.string());
  }
  return parts;
}

bool is_secret_name(const std::string& file) {
  static constexpr std::array secrets{"key.pem",       "combined.pem",      "keystore.p12",
                                      "keystore.jks",  "keystore.password", "customer.key",
                                      "customer.keys", "cacerts.password",  "java.properties"};
  return std::find(secrets.begin(), secrets.end(), file) != secrets.end();
}

// The member identity and the Customer Key: of whoever speaks to other appliances and admits collectors. On a single
// appliance that is both portal and engine, and a group of the two.
std::string members_of(Role role) { return role == Role::single ? "member" : program_of_identity("member", role); }

// Whose group besides root reads this folder of a generation; "" when everybody may, "root" when nobody else does.
std::string reader_of(const Appliance& appliance, const std::vector<std::string>& parts) {
  if (parts.empty()) return "";
  if (parts[0] == "identities" && parts.size() > 1) {
    return parts[1] == "member" ? members_of(appliance.role) : program_of_identity(parts[1], appliance.role);
  }
  if (parts[0] == "customer-key") return members_of(appliance.role);
  // The folder and the store in it are for everybody, its password is the portal's.
  if (parts.back() == "cacerts.password") return "portal";
  if (parts.back() == "java.properties") return program_of_identity("engine", appliance.role);
  if (parts[0] == "defaults" || parts[0] == "pending") return "root";
  return "";
}

}  // namespace

Role role_from_name(std::string_view name) {
  for (const RoleName& entry : role_names) {
    if (name == entry.name) return entry.role;
  }
  throw Failure({.code = "bad-role",
                 .subject = std::string(name),
                 .cause = "no such role",
                 .hint = "the roles are primary, secondary and single"});
}

const char* to_text(Role role) {
  for (const RoleName& entry : role_names) {
    if (role == entry.role) return entry.name;
  }
  return "unknown";
}

Appliance Appliance::load(const std::string& state_path) {
  const std::string absolute = std::filesystem::absolute(state_path).lexically_normal().string();
  const std::string file_path = absolute + "/settings/appliance.toml";
  std::error_code ignored;
  if (!std::filesystem::exists(file_path, ignored) && !ignored) {
    throw Failure({.code = "not-initialised",
                   .subject = absolute,
                   .cause = "there is no appliance here",
                   .hint = "make one with chancery init, or name another state with --state DIR"});
  }
  SettingFile file = SettingFile::parse(file_path, read_file(file_path, settings_limit));
  Appliance appliance;
  appliance.state = absolute.size() > 1 && absolute.back() == '/' ? absolute.substr(0, absolute.size() - 1) : absolute;
  const auto role = file.choice({"role"}, {"primary", "secondary", "single"});
  const auto name = file.text({"name"});
  appliance.internal_name = file.text({"internal-name"}).value_or(name.value_or(""));
  appliance.sans = file.list({"sans"}).value_or(std::vector<std::string>{});
  appliance.federation = file.text({"federation"}).value_or("");
  appliance.separate_users = file.flag({"separate-users"}).value_or(false);
  file.finish();
  if (!role) throw file.wrong_value({"role"}, "role is missing", "add a line: role = \"single\"");
  if (!name || name->empty()) {
    throw file.wrong_value({"name"}, "name is missing", "add a line: name = \"appliance.example.com\"");
  }
  appliance.role = role_from_name(*role);
  appliance.name = *name;
  if (appliance.internal_name.empty()) appliance.internal_name = appliance.name;
  return appliance;
}

std::string Appliance::to_toml() const {
  return std::string("role = ") + toml_quoted(to_text(role)) + "\nname = " + toml_quoted(name) +
         "\ninternal-name = " + toml_quoted(internal_name.empty() ? name : internal_name) +
         "\nsans = " + toml_quoted(sans) + "\nfederation = " + toml_quoted(federation) +
         "\nseparate-users = " + (separate_users ? "true" : "false") + "\n";
}

std::vector<std::string> Appliance::all_names() const {
  std::vector<std::string> names;
  const auto add = [&names](const std::string& candidate) {
    if (!candidate.empty() && std::find(names.begin(), names.end(), candidate) == names.end()) {
      names.push_back(candidate);
    }
  };
  add(name);
  add(internal_name);
  for (const std::string& san : sans) add(san);
  return names;
}

std::vector<std::string> identities_of(Role role) {
  switch (role) {
    case Role::primary:
      return {"console", "portal", "portal-collector", "member", "authority-tls"};
    case Role::secondary:
      return {"console", "engine", "engine-collector", "member"};
    case Role::single:
      break;
  }
  return {"console", "portal", "engine", "engine-collector", "member", "authority-tls"};
}

std::vector<std::string> replacement_group(Role role) {
  switch (role) {
    case Role::primary:
      return {"console", "portal"};
    case Role::secondary:
      return {"console", "engine"};
    case Role::single:
      break;
  }
  return {"console", "portal", "engine"};
}

std::vector<std::string> programs_of(Role role) {
  switch (role) {
    case Role::primary:
      return {"console", "portal", "authority"};
    case Role::secondary:
      return {"console", "engine"};
    case Role::single:
      break;
  }
  return {"console", "portal", "engine", "authority"};
}

std::string program_of_identity(const std::string& identity, Role role) {
  if (identity == "member") return role == Role::secondary ? "engine" : "portal";
  if (identity == "authority-tls") return "authority";
  for (const char* program : {"console", "portal", "engine"}) {
    if (identity == program || identity == std::string(program) + "-collector") return program;
  }
  throw Failure({.code = "unknown-identity",
                 .subject = identity,
                 .cause = "no identity has this name",
                 .hint = "chancery cert list shows the identities of this appliance"});
}

gid_t member_group(const Appliance& appliance) { return group_of(members_of(appliance.role)); }

FileAttributes file_attributes(const Appliance& appliance, const std::string& path) {
  const std::vector<std::string> parts = parts_of(path);
  const bool secret = !parts.empty() && is_secret_name(parts.back());
  if (!appliance.separate_users) return {.mode = static_cast<mode_t>(secret ? 0600 : 0644), .owner = {}, .group = {}};
  const std::string reader = reader_of(appliance, parts);
  if (reader.empty() || reader == "root") {
    return {.mode = static_cast<mode_t>(secret ? 0600 : 0644), .owner = 0, .group = 0};
  }
  return {.mode = static_cast<mode_t>(secret ? 0640 : 0644), .owner = 0, .group = group_of(reader)};
}

FileAttributes folder_attributes(const Appliance& appliance, const std::string& path) {
  if (!appliance.separate_users) return {.mode = 0700, .owner = {}, .group = {}};
  const std::string reader = reader_of(appliance, parts_of(path));
  if (reader.empty()) return {.mode = 0755, .owner = 0, .group = 0};
  if (reader == "root") return {.mode = 0700, .owner = 0, .group = 0};
  return {.mode = 0750, .owner = 0, .group = group_of(reader)};
}

}  // namespace chancery
