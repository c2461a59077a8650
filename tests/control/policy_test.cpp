#include "appliance/settings/policy.h"

#include "tests/control/temporary.h"

namespace chancery {
namespace {

using test::failure_of;

TEST(Policy, EndpointsAreReadBack) {
  const Endpoint endpoint{
      .name = "portal", .host = "::1", .port = 8443, .enabled = false, .profile = "strict", .identity = "portal"};
  const Endpoint read = parse_endpoint("portal", view_of(to_toml(endpoint)));
  EXPECT_EQ("::1", read.host);
  EXPECT_EQ(8443, read.port);
  EXPECT_FALSE(read.enabled);
  EXPECT_EQ("strict", read.profile);
  EXPECT_EQ("portal", read.identity);
  EXPECT_EQ(443, parse_endpoint("portal", view_of("endpoint.portal.port = 443\nidentity = \"portal\"\n")).port);
}

TEST(Policy, ProfilesAreReadBack) {
  SecurityProfile profile;
  profile.required_level = SecurityLevel::tls_peer_auth;
  profile.minimum_protocol = "TLSv1.3";
  profile.ciphers = "TLS_AES_128_GCM_SHA256";
  profile.client_certificates = ClientCertificates::require;
  profile.trusted = "a.pem;b.pem";
  profile.crl = "https://crl.example/x.crl";
  profile.crl_interval_minutes = 5;
  profile.allow = {"a", "b"};
  const SecurityProfile read = parse_profile("strict", view_of(to_toml(profile)));
  EXPECT_EQ("strict", read.name);
  EXPECT_EQ(profile.required_level, read.required_level);
  EXPECT_EQ(profile.minimum_protocol, read.minimum_protocol);
  EXPECT_EQ(profile.ciphers, read.ciphers);
  EXPECT_EQ(profile.client_certificates, read.client_certificates);
  EXPECT_EQ(profile.trusted, read.trusted);
  EXPECT_EQ(profile.crl, read.crl);
  EXPECT_EQ(5, read.crl_interval_minutes);
  EXPECT_EQ(profile.allow, read.allow);
}

TEST(Policy, ConsumersAreReadBack) {
  const Consumer consumer{.name = "nginx",
                          .identity = "portal",
                          .reload = "nginx -s reload -c \"/etc/my nginx.conf\"",
                          .probe = {{"127.0.0.1", 8080, "smtp"}, {"::1", 8081, "smtp"}},
                          .requires_lines = {"/etc/nginx.conf:ssl_certificate x;"}};
  const Consumer read = parse_consumer("nginx", view_of(to_toml(consumer)));
  EXPECT_EQ(consumer.identity, read.identity);
  EXPECT_EQ(consumer.reload, read.reload);
  ASSERT_EQ(2U, read.probe.size());
  EXPECT_EQ("::1", read.probe[1].host);
  EXPECT_EQ("smtp", read.probe[0].starttls);
  EXPECT_EQ(consumer.requires_lines, read.requires_lines);
}

TEST(Policy, MistakesAreRefusedWithTheirLine) {
  const auto mistake = [](const auto& parse, const char* toml) {
    Failure failure = failure_of([&] { (void)parse("x", view_of(toml)); });
    EXPECT_EQ("bad-setting", failure.code()) << toml;
    return failure;
  };
  EXPECT_EQ("endpoints/x.toml:3", mistake(parse_endpoint, "port = 1\nidentity = \"x\"\nprot = 2\n").subject());
  EXPECT_EQ("endpoints/x.toml:1", mistake(parse_endpoint, "port = 70000\nidentity = \"x\"\n").subject());
  (void)mistake(parse_endpoint, "port = 1\n");
  (void)mistake(parse_endpoint, "identity = \"x\"\n");
  EXPECT_NE(std::string::npos, mistake(parse_profile, "minimum-protocol = \"TLSv1.1\"\n").hint().find("TLSv1.2"));
  (void)mistake(parse_profile, "client-certificates = true\n");
  (void)mistake(parse_profile, "crl-interval = 0\n");
  (void)mistake(parse_consumer, "reload = \"x\"\n");
  (void)mistake(parse_consumer, "identity = \"x\"\nreload = \"a\\nb\"\n");
  (void)mistake(parse_consumer, "identity = \"x\"\nrequires = [\"relative:line\"]\n");
  EXPECT_EQ("bad-address",
            failure_of([] { (void)parse_consumer("x", view_of("identity = \"x\"\nprobe = [\"nowhere\"]\n")); }).code());
}

TEST(Policy, Addresses) {
  EXPECT_EQ("127.0.0.1", parse_address("127.0.0.1:443").host);
  EXPECT_EQ(443, parse_address("127.0.0.1:443").port);
  EXPECT_EQ("::1", parse_address("[::1]:443").host);
  EXPECT_EQ(8444, parse_address("primary.example.com", 8444).port);
  EXPECT_EQ(8444, parse_address("[::1]", 8444).port);
  for (const char* bad : {"", ":443", "host", "host:", "host:0", "host:65536", "host:4a", "::1:443", "[::1:443",
                          "[::1]x:443", "ho st:1", "a/b:1", "host:-1", "[]:1", "host:+5"}) {
    EXPECT_EQ("bad-address", failure_of([&] { (void)parse_address(bad); }).code()) << bad;
  }
}

TEST(Policy, EndpointsBelongToPrograms) {
  EXPECT_EQ("portal", endpoint_program("portal-collector"));
  EXPECT_EQ("engine", endpoint_program("engine-api"));
  EXPECT_EQ("console", endpoint_program("console"));
  EXPECT_EQ("authority", endpoint_program("join"));
}

}  // namespace
}  // namespace chancery
