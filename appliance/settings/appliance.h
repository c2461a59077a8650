// What an appliance is: STATE/settings/appliance.toml, and where things lie below STATE (docs/state.md).
//
//   Appliance appliance = Appliance::load(state_path);
//   for (const std::string& identity : replacement_group(appliance.role)) …
//
// A wrong key or value in the file is Failure("bad-setting") with file, line and the nearest right key.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "keystore/files/folder.h"

namespace chancery {

enum class Role { primary, secondary, single };
[[nodiscard]] Role role_from_name(std::string_view name);  // Failure("bad-role")
[[nodiscard]] const char* to_text(Role role);

struct Appliance {
  std::string state;  // absolute path
  Role role = Role::single;
  std::string name;           // external DNS name: what browsers, finder and collectors use
  std::string internal_name;  // what the portal uses towards the engine; equals `name` unless given
  std::vector<std::string> sans;
  std::string federation;  // id; "" before joining
  bool separate_users = false;

  [[nodiscard]] static Appliance load(const std::string& state_path);  // Failure("not-initialised")
  [[nodiscard]] std::string to_toml() const;
  // name, internal_name and sans without duplicates, in this order.
  [[nodiscard]] std::vector<std::string> all_names() const;
};

[[nodiscard]] std::vector<std::string> identities_of(Role role);      // docs/state.md, "Identities by role"
[[nodiscard]] std::vector<std::string> replacement_group(Role role);  // what `cert replace` covers
[[nodiscard]] std::vector<std::string> programs_of(Role role);  // serving programs: console, portal, engine, authority
// "portal" and "portal-collector" -> portal; "member" and "authority-tls" as in docs/state.md.
[[nodiscard]] std::string program_of_identity(const std::string& identity, Role role);

// Modes and owners of every path in a generation, by docs/state.md. Looks the users up when separate_users is set.
[[nodiscard]] FileAttributes file_attributes(const Appliance& appliance, const std::string& path);
[[nodiscard]] FileAttributes folder_attributes(const Appliance& appliance, const std::string& path);
// The group that reads the member identity and the Customer Key. Failure("unknown-user") when it does not exist.
[[nodiscard]] gid_t member_group(const Appliance& appliance);

}  // namespace chancery
