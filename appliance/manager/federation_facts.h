// federation/federation.json of a generation (docs/state.md): what this appliance knows of its federation.
//
//   if (auto facts = FederationFacts::read(generation)) … facts->portal_host …
//
// Absent on a secondary that has not joined. Damaged is Failure("federation-damaged"). A value.
#pragma once

#include <optional>
#include <string>

#include "backup/generations/generation.h"

namespace chancery::manager {

struct FederationFacts {
  static constexpr const char* path = "federation/federation.json";

  std::string federation;
  std::string member_name;
  std::string member_role;
  std::string member_uri;
  std::string portal_host;  // where heartbeats go
  int portal_port = 0;
  std::string portal_name;
  std::string authority_host;
  int authority_port = 0;
  std::string authority_pin;  // hex SHA-256 of the SubjectPublicKeyInfo

  [[nodiscard]] static std::optional<FederationFacts> read(const backup::Generation& generation);
  [[nodiscard]] std::string to_text() const;
};

[[nodiscard]] std::string member_uri(const std::string& federation, const std::string& role, const std::string& name);

}  // namespace chancery::manager
