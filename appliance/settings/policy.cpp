#include "appliance/settings/policy.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "appliance/settings/setting_file.h"
#include "keystore/fault.h"

namespace chancery {
namespace {

const std::vector<std::string> level_names{"None", "TLSNoPeerAuth", "TLSPeerAuth"};
const std::vector<std::string> client_names{"off", "request", "require"};
const std::vector<std::string> protocol_names{"TLSv1.2", "TLSv1.3"};
const std::vector<std::string> starttls_names{"", "smtp", "ldap", "postgres"};

template <typename Enum>
Enum position(const std::vector<std::string>& names, const std::string& name) {
  return static_cast<Enum>(std::find(names.begin(), names.end(), name) - names.begin());
}

// What a command line may say and a generation keeps: no control characters, so that nothing hides in a file or a log.
void expect_printable(const SettingFile& file, const std::string& key, const std::string& value) {
  if (std::none_of(value.begin(), value.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; })) return;
  throw file.wrong_value({key}, key + " holds control characters", "write " + key + " in one line of plain text");
}

Failure bad_address(std::string_view text, const std::string& cause) {
  return Failure({.code = "bad-address",
                  .subject = std::string(text),
                  .cause = cause,
                  .hint = "write HOST:PORT, for example 127.0.0.1:443 or [::1]:443"});
}

std::string address_text(const ProbeAddress& address) {
  const bool is_v6 = address.host.find(':') != std::string::npos;
  return (is_v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

}  // namespace

Endpoint parse_endpoint(const std::string& name, ByteView toml) {
  SettingFile file = SettingFile::parse("endpoints/" + name + ".toml", toml);
  const std::string prefix = "endpoint." + name + ".";
  const auto keys = [&prefix](const std::string& key) { return SettingFile::Keys{key, prefix + key}; };
  Endpoint endpoint;
  endpoint.name = name;
  endpoint.host = file.text(keys("host")).value_or(endpoint.host);
  endpoint.port = static_cast<int>(file.number(keys("port"), 1, 65535).value_or(0));
  endpoint.enabled = file.flag(keys("enabled")).value_or(true);
  endpoint.profile = file.text(keys("profile")).value_or(endpoint.profile);
  endpoint.identity = file.text(keys("identity")).value_or("");
  file.finish();
  if (endpoint.port == 0) throw file.wrong_value({"port"}, "port is missing", "add a line: port = 443");
  if (endpoint.identity.empty()) {
    throw file.wrong_value({"identity"}, "identity is missing",
                           "add a line: identity = \"" + endpoint_program(name) + "\"");
  }
  for (const auto& [key, value] : {std::pair{"host", endpoint.host}, {"profile", endpoint.profile}}) {
    if (value.empty())
      throw file.wrong_value(keys(key), std::string(key) + " is empty", "leave the line out, or fill it");
    expect_printable(file, key, value);
  }
  return endpoint;
}

SecurityProfile parse_profile(const std::string& name, ByteView toml) {
  SettingFile file = SettingFile::parse("profiles/" + name + ".toml", toml);
  const std::string prefix = "profile." + name + ".";
  const auto keys = [&prefix](const std::string& key) { return SettingFile::Keys{key, prefix + key}; };
  SecurityProfile profile;
  profile.name = name;
  if (const auto level = file.choice(keys("required-level"), level_names)) {
    profile.required_level = position<SecurityLevel>(level_names, *level);
  }
  profile.minimum_protocol = file.choice(keys("minimum-protocol"), protocol_names).value_or(profile.minimum_protocol);
  profile.ciphers = file.text(keys("ciphers")).value_or("");
  profile.groups = file.text(keys("groups")).value_or("");
  if (const auto clients = file.choice(keys("client-certificates"), client_names)) {
    profile.client_certificates = position<ClientCertificates>(client_names, *clients);
  }
  profile.trusted = file.text(keys("trusted")).value_or("");
  profile.crl = file.text(keys("crl")).value_or("");
  profile.crl_interval_minutes = static_cast<int>(file.number(keys("crl-interval"), 1, 525600).value_or(60));
  profile.allow = file.list(keys("allow")).value_or(std::vector<std::string>{});
  file.finish();
  return profile;
}

Consumer parse_consumer(const std::string& name, ByteView toml) {
  SettingFile file = SettingFile::parse("consumers/" + name + ".toml", toml);
  const std::string prefix = "consumer." + name + ".";
  const auto keys = [&prefix](const std::string& key) { return SettingFile::Keys{key, prefix + key}; };
  Consumer consumer;
  consumer.name = name;
  consumer.identity = file.text(keys("identity")).value_or("");
  consumer.reload = file.text(keys("reload")).value_or("");
  const auto probes = file.list(keys("probe")).value_or(std::vector<std::string>{});
  const auto starttls = file.choice(keys("starttls"), starttls_names).value_or("");
  consumer.requires_lines = file.list(keys("requires")).value_or(std::vector<std::string>{});
  file.finish();
  if (consumer.identity.empty()) {
    throw file.wrong_value({"identity"}, "identity is missing", "add a line: identity = \"portal\"");
  }
  expect_printable(file, "reload", consumer.reload);
  for (const std::string& probe : probes) {
    ProbeAddress address = parse_address(probe);
    address.starttls = starttls;
    consumer.probe.push_back(std::move(address));
  }
  for (const std::string& line : consumer.requires_lines) {
    const std::size_t colon = line.find(':');
    if (!line.starts_with('/') || colon == std::string::npos || colon + 1 == line.size()) {
      throw file.wrong_value(keys("requires"), "\"" + line + "\" is not FILE:LINE",
                             "write an absolute file name, a colon, and the line that it must hold");
    }
  }
  return consumer;
}

std::string to_toml(const Endpoint& endpoint) {
  return "host = " + toml_quoted(endpoint.host) + "\nport = " + std::to_string(endpoint.port) +
         "\nenabled = " + (endpoint.enabled ? "true" : "false") + "\nprofile = " + toml_quoted(endpoint.profile) +
         "\nidentity = " + toml_quoted(endpoint.identity) + "\n";
}

std::string to_toml(const SecurityProfile& profile) {
  std::string text =
      "required-level = " + toml_quoted(level_names.at(static_cast<std::size_t>(profile.required_level))) +
      "\nminimum-protocol = " + toml_quoted(profile.minimum_protocol) + "\n";
  if (!profile.ciphers.empty()) text += "ciphers = " + toml_quoted(profile.ciphers) + "\n";
  if (!profile.groups.empty()) text += "groups = " + toml_quoted(profile.groups) + "\n";
  text +=
      "client-certificates = " + toml_quoted(client_names.at(static_cast<std::size_t>(profile.client_certificates))) +
      "\n";
  if (!profile.trusted.empty()) text += "trusted = " + toml_quoted(profile.trusted) + "\n";
  if (!profile.crl.empty()) {
    text +=
        "crl = " + toml_quoted(profile.crl) + "\ncrl-interval = " + std::to_string(profile.crl_interval_minutes) + "\n";
  }
  if (!profile.allow.empty()) text += "allow = " + toml_quoted(profile.allow) + "\n";
  return text;
}

std::string to_toml(const Consumer& consumer) {
  std::vector<std::string> probes;
  std::string starttls;
  for (const ProbeAddress& address : consumer.probe) {
    probes.push_back(address_text(address));
    starttls = address.starttls;
  }
  std::string text = "identity = " + toml_quoted(consumer.identity) + "\nreload = " + toml_quoted(consumer.reload) +
                     "\nprobe = " + toml_quoted(probes) + "\n";
  if (!starttls.empty()) text += "starttls = " + toml_quoted(starttls) + "\n";
  if (!consumer.requires_lines.empty()) text += "requires = " + toml_quoted(consumer.requires_lines) + "\n";
  return text;
}

std::string endpoint_program(const std::string& endpoint_name) {
  if (endpoint_name == "join") return "authority";
  return endpoint_name.substr(0, endpoint_name.find('-'));
}

ProbeAddress parse_address(std::string_view text, int default_port) {
  ProbeAddress address;
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) throw bad_address(text, "the bracket is not closed");
    address.host = text.substr(1, end - 1);
    const std::string_view rest = text.substr(end + 1);
    if (!rest.empty() && rest[0] != ':') throw bad_address(text, "something stands between address and port");
    if (!rest.empty()) port = rest.substr(1);
    if (!rest.empty() && port.empty()) throw bad_address(text, "the port is missing");
  } else {
    const std::size_t colon = text.find(':');
    if (colon != std::string_view::npos && text.find(':', colon + 1) != std::string_view::npos) {
      throw bad_address(text, "an IPv6 address with a port stands in brackets");
    }
    address.host = text.substr(0, colon);
    if (colon != std::string_view::npos) {
      port = text.substr(colon + 1);
      if (port.empty()) throw bad_address(text, "the port is missing");
    }
  }
  const bool is_clean = std::none_of(address.host.begin(), address.host.end(),
                                     [](unsigned char c) { return c <= 0x20 || c >= 0x7f || c == '/'; });
  if (address.host.empty() || address.host.size() > 253 || !is_clean) throw bad_address(text, "this is no host");
  address.port = default_port;
  if (!port.empty()) {
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
    if (error != std::errc() || end != port.data() + port.size()) throw bad_address(text, "the port is not a number");
  }
  if (address.port < 1 || address.port > 65535) throw bad_address(text, "the port must be from 1 to 65535");
  return address;
}

}  // namespace chancery
