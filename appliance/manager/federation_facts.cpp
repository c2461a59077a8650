#include "appliance/manager/federation_facts.h"

#include <nlohmann/json.hpp>

#include "keystore/fault.h"

namespace chancery::manager {

using nlohmann::json;

std::optional<FederationFacts> FederationFacts::read(const backup::Generation& generation) {
  if (!generation.has(path)) return std::nullopt;
  const Bytes bytes = generation.read(path);
  try {
    const json all = json::parse(text_of(bytes));
    FederationFacts facts;
    facts.federation = all.at("federation").get<std::string>();
    const json& member = all.at("member");
    facts.member_name = member.at("name").get<std::string>();
    facts.member_role = member.at("role").get<std::string>();
    facts.member_uri = member.at("uri").get<std::string>();
    const json& portal = all.at("portal");
    facts.portal_host = portal.at("host").get<std::string>();
    facts.portal_port = portal.at("port").get<int>();
    facts.portal_name = portal.at("name").get<std::string>();
    const json& authority = all.at("authority");
    facts.authority_host = authority.at("host").get<std::string>();
    facts.authority_port = authority.at("port").get<int>();
    facts.authority_pin = authority.at("pin").get<std::string>();
    return facts;
  } catch (const json::exception&) {
    throw Failure({.code = "federation-damaged",
                   .subject = path,
                   .cause = "this file of the generation in force does not hold what it should",
                   .hint = "`chancery doctor` shows what was edited; go back with `chancery generation rollback N`"});
  }
}

std::string FederationFacts::to_text() const {
  const json all{{"federation", federation},
                 {"member", {{"name", member_name}, {"role", member_role}, {"uri", member_uri}}},
                 {"portal", {{"host", portal_host}, {"port", portal_port}, {"name", portal_name}}},
                 {"authority", {{"host", authority_host}, {"port", authority_port}, {"pin", authority_pin}}}};
  return all.dump(2) + "\n";
}

std::string member_uri(const std::string& federation, const std::string& role, const std::string& name) {
  return "chancery://" + federation + "/member/" + role + "/" + name;
}

}  // namespace chancery::manager
