#include "collector/situation.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"
#include "keystore/files/folder.h"
#include "keystore/trust/os_trust.h"
#include "keystore/x509/certificate_pool.h"
#include "keystore/x509/material.h"

namespace chancery::collector {

namespace {

using nlohmann::json;

constexpr std::size_t most_anchors = 1000;
// A CA of one's own may stand in the operating system's store too; a bundle that shares more with it is the public CAs.
constexpr std::size_t most_public = 8;

tls::Target target_of(const ProbeAddress& address) { return {address.host, address.port, address.host}; }

json to_json(const tls::Target& target) {
  return {{"host", target.host}, {"port", target.port}, {"name", target.name}};
}

tls::Target target_from(const json& document) {
  const auto port = document.at("port").get<int>();
  if (port < 1 || port > 65535) throw std::invalid_argument("a port that is none");
  return {document.at("host").get<std::string>(), port, document.at("name").get<std::string>()};
}

std::string level_name(SecurityLevel level) {
  switch (level) {
    case SecurityLevel::none:
      return "None";
    case SecurityLevel::tls_no_peer_auth:
      return "TLSNoPeerAuth";
    default:
      return "TLSPeerAuth";
  }
}

SecurityLevel level_from(const std::string& name) {
  if (name == "None") return SecurityLevel::none;
  if (name == "TLSNoPeerAuth") return SecurityLevel::tls_no_peer_auth;
  if (name == "TLSPeerAuth") return SecurityLevel::tls_peer_auth;
  throw std::invalid_argument("a level that is none");
}

json content_of(const Situation& situation) {
  json servers = json::array();
  for (const tls::Target& each : situation.servers) servers.push_back(to_json(each));
  json anchors = json::array();
  for (const Certificate& each : situation.anchors) anchors.push_back(to_base64(each.der()));
  return {{"servers", std::move(servers)},
          {"portal", situation.portal ? to_json(*situation.portal) : json()},
          {"level", level_name(situation.level)},
          {"trust", situation.uses_system_trust ? "operating-system" : "pinned"},
          {"anchors", std::move(anchors)},
          {"verify_name", situation.verify_name},
          {"verify_found_name", situation.verify_found_name}};
}

void expect_no_public_trust(const Situation& situation) {
  if (situation.verify_name || situation.anchors.size() <= most_public) return;
  CertificatePool system;
  system.add_pem(os_trust_bundle());
  const auto shared = std::ranges::count_if(
      situation.anchors, [&](const Certificate& each) { return system.contains(each.fingerprint()); });
  if (shared <= static_cast<std::ptrdiff_t>(most_public)) return;
  throw Failure(
      {.code = "bad-setting",
       .subject = "collector.verify-hostname",
       .cause = "host names may not go unchecked while the public CAs are trusted, and root-ca or trusted names them",
       .hint = "name your own CA in root-ca, or set verify-hostname = true"});
}

void add_file(std::vector<Certificate>& anchors, const std::string& path) {
  for (Certificate& each : anchors_in(read_file(path, material_limit), path)) {
    if (std::ranges::find(anchors, each) == anchors.end()) anchors.push_back(std::move(each));
  }
}

}  // namespace

std::vector<Certificate> anchors_in(ByteView bytes, const std::string& source) {
  Material found = read_material(bytes, {.source = source});
  if (found.certificates.empty()) {
    throw Failure({.code = "not-a-certificate",
                   .subject = source,
                   .cause = "it holds no certificate, so this collector would trust nobody",
                   .hint = "give the root (or the server's own certificate) as PEM or DER in collector.root-ca or "
                           "collector.trusted"});
  }
  if (found.certificates.size() > most_anchors) {
    throw Failure(
        {.code = "too-many",
         .subject = source,
         .cause = "more than " + std::to_string(most_anchors) + " certificates",
         .hint = "name the CAs that your servers are under; for the public ones leave collector.root-ca empty"});
  }
  return std::move(found.certificates);
}

Situation configured(const CollectorSettings& settings) {
  Situation situation;
  for (const ProbeAddress& each : settings.servers) situation.servers.push_back(target_of(each));
  if (settings.portal) situation.portal = target_of(*settings.portal);
  situation.level = settings.required_level;
  situation.verify_name = settings.verify_hostname;
  situation.verify_found_name = settings.verify_found_hostname;
  if (situation.verifies()) {
    if (!settings.root_ca.empty()) add_file(situation.anchors, settings.root_ca);
    for (const std::string& path : settings.trusted) add_file(situation.anchors, path);
    situation.uses_system_trust = situation.anchors.empty();
    expect_no_public_trust(situation);
  }
  situation.settings = digest_of(situation);
  return situation;
}

std::string digest_of(const Situation& situation) {
  const std::string text = content_of(situation).dump(-1, ' ', false, json::error_handler_t::replace);
  return sha256_hex(view_of(text));
}

json to_json(const Situation& situation) {
  json document = content_of(situation);
  document["source"] = situation.source;
  document["settings"] = situation.settings;
  return document;
}

Situation situation_from(const json& document) {
  Situation situation;
  situation.source = document.at("source").get<std::string>();
  situation.settings = document.at("settings").get<std::string>();
  for (const json& each : document.at("servers")) situation.servers.push_back(target_from(each));
  if (!document.at("portal").is_null()) situation.portal = target_from(document.at("portal"));
  situation.level = level_from(document.at("level").get<std::string>());
  situation.uses_system_trust = document.at("trust") == "operating-system";
  for (const json& each : document.at("anchors")) {
    situation.anchors.push_back(Certificate::from_der(from_base64(each.get<std::string>())));
  }
  situation.verify_name = document.at("verify_name").get<bool>();
  situation.verify_found_name = document.at("verify_found_name").get<bool>();
  return situation;
}

std::string described(const Situation& situation) {
  std::string text;
  const auto add = [&](const tls::Target& each) {
    text += (text.empty() ? "" : ", ") + each.host + ":" + std::to_string(each.port);
  };
  if (situation.portal) add(*situation.portal);
  for (const tls::Target& each : situation.servers) add(each);
  if (text.empty()) {
    const bool is_told = situation.source != "settings" && situation.source != "shipped";
    text = is_told ? "where it goes already" : "whoever discovery finds";
  }
  if (!situation.verifies()) return text + ", verifying nobody";
  const std::size_t count = situation.anchors.size();
  const std::string certificates = std::to_string(count) + (count == 1 ? " certificate" : " certificates");
  if (!situation.uses_system_trust) return text + ", pinned to " + certificates;
  return text + ", by the operating system's trust store" + (count == 0 ? "" : " and " + certificates);
}

}  // namespace chancery::collector
