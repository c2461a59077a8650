#include <gtest/gtest.h>

#include "appliance/settings/policy.h"
#include "keystore/bytes/cursor.h"
#include "tests/control/fuzz/targets.h"
#include "tests/fuzz/bombard.h"

namespace chancery {
namespace {

std::vector<Bytes> seeds_of(const std::vector<std::string>& texts) {
  std::vector<Bytes> seeds;
  for (const std::string& text : texts) seeds.push_back(bytes_of(text));
  return seeds;
}

TEST(ControlFuzz, Messages) {
  std::vector<Bytes> seeds;
  for (const std::size_t attachments : {0U, 1U, 3U}) {
    Writer message;
    message.sized32(view_of(std::string(R"({"verb":"status"})"))).u16(static_cast<std::uint16_t>(attachments));
    for (std::size_t number = 0; number < attachments; ++number) message.sized32(Bytes(number * 40, 7));
    const auto& bytes = message.bytes();
    seeds.emplace_back(bytes.begin(), bytes.end());
  }
  fuzz::bombard("control_message", fuzz::control_message, seeds);
}

TEST(ControlFuzz, PolicyFiles) {
  Endpoint endpoint{.name = "portal", .host = "::1", .port = 443, .identity = "portal"};
  SecurityProfile profile{.name = "strict",
                          .minimum_protocol = "TLSv1.3",
                          .ciphers = "ECDHE+AESGCM",
                          .groups = "X25519:P-256",
                          .client_certificates = ClientCertificates::require,
                          .trusted = "a.pem;b.pem",
                          .crl = "c.crl",
                          .allow = {"CN=a", "b\"\n"}};
  Consumer consumer{.name = "nginx",
                    .identity = "portal",
                    .reload = "systemctl reload 'nginx'",
                    .probe = {{"127.0.0.1", 443, ""}, {"::1", 25, "smtp"}},
                    .requires_lines = {"/etc/nginx/x.conf:ssl_certificate a;"}};
  fuzz::bombard("policy_file", fuzz::policy_file,
                seeds_of({to_toml(endpoint), to_toml(profile), to_toml(consumer), "[a]\nb.c = 1979-05-27\n",
                          "a = {b = [1, 2.5, 'x']}", "a = '''\n'''\n[[b]]\n[[b.c]]"}));
}

TEST(ControlFuzz, Commands) {
  fuzz::bombard("program_command", fuzz::program_command,
                seeds_of({"systemctl reload nginx", "/bin/sh -c 'a \"b\" \\' c'", "a\\ b \"c\\\"d\" ''"}));
}

TEST(ControlFuzz, Addresses) {
  fuzz::bombard("address", fuzz::address, seeds_of({"127.0.0.1:443", "[::1]:443", "host.example.com", "h:65535"}));
}

}  // namespace
}  // namespace chancery
