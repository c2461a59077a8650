#include "appliance/settings/appliance.h"
#include "appliance/settings/program_settings.h"
#include "tests/control/temporary.h"

namespace chancery {
namespace {

using test::failure_of;

Environment environment(std::map<std::string, std::string> values) {
  return [values = std::move(values)](const std::string& name) -> std::optional<std::string> {
    const auto found = values.find(name);
    if (found == values.end()) return std::nullopt;
    return found->second;
  };
}

TEST(ApplianceSettings, WhatIsWrittenIsReadBack) {
  const test::TemporaryFolder state;
  Appliance appliance;
  appliance.role = Role::primary;
  appliance.name = "portal.example.com";
  appliance.internal_name = "portal.internal";
  appliance.sans = {"a.example.com", "quoted \"\\\n"};
  appliance.federation = "f1";
  appliance.separate_users = true;
  state.put("settings/appliance.toml", appliance.to_toml());
  const Appliance read = Appliance::load(state.path());
  EXPECT_EQ(Role::primary, read.role);
  EXPECT_EQ(appliance.name, read.name);
  EXPECT_EQ(appliance.internal_name, read.internal_name);
  EXPECT_EQ(appliance.sans, read.sans);
  EXPECT_EQ("f1", read.federation);
  EXPECT_TRUE(read.separate_users);
  EXPECT_EQ((std::vector<std::string>{"portal.example.com", "portal.internal", "a.example.com", "quoted \"\\\n"}),
            read.all_names());
}

TEST(ApplianceSettings, MistakesAreShownWithTheirLineAndTheNearestKey) {
  const test::TemporaryFolder state;
  EXPECT_EQ("not-initialised", failure_of([&] { (void)Appliance::load(state.path()); }).code());
  const auto mistake = [&](const std::string& toml) {
    state.put("settings/appliance.toml", toml);
    Failure failure = failure_of([&] { (void)Appliance::load(state.path()); });
    EXPECT_EQ("bad-setting", failure.code()) << toml;
    return failure;
  };
  const Failure unknown = mistake("role = \"single\"\nname = \"a.example\"\nseparate-user = true\n");
  EXPECT_NE(std::string::npos, unknown.subject().find("appliance.toml:3"));
  EXPECT_EQ("did you mean separate-users?", unknown.hint());
  const Failure role = mistake("role = \"primry\"\nname = \"a.example\"\n");
  EXPECT_NE(std::string::npos, role.subject().find(":1"));
  EXPECT_NE(std::string::npos, role.hint().find("did you mean \"primary\""));
  EXPECT_NE(std::string::npos, mistake("role = \"single\"\nname = 7\n").subject().find(":2"));
  EXPECT_NE(std::string::npos, mistake("role = \"single\"\nname = \"unclosed\n").subject().find(":2"));
  EXPECT_EQ("name is missing", mistake("role = \"single\"\n").cause());
  EXPECT_EQ("role is missing", mistake("name = \"a.example\"\n").cause());
}

TEST(ApplianceSettings, RolesHaveTheirIdentitiesAndPrograms) {
  EXPECT_EQ("bad-role", failure_of([] { (void)role_from_name("tertiary"); }).code());
  for (const Role role : {Role::primary, Role::secondary, Role::single}) {
    EXPECT_EQ(role, role_from_name(to_text(role)));
    const auto programs = programs_of(role);
    for (const std::string& identity : identities_of(role)) {
      const std::string program = program_of_identity(identity, role);
      EXPECT_NE(programs.end(), std::find(programs.begin(), programs.end(), program)) << identity;
    }
  }
  EXPECT_EQ("engine", program_of_identity("member", Role::secondary));
  EXPECT_EQ("portal", program_of_identity("member", Role::primary));
  EXPECT_EQ("portal", program_of_identity("portal-collector", Role::primary));
  EXPECT_EQ("unknown-identity", failure_of([] { (void)program_of_identity("portals", Role::primary); }).code());
}

TEST(ApplianceSettings, KeysAreForTheirOwnerOnly) {
  Appliance appliance;
  appliance.role = Role::secondary;
  for (const char* secret : {"identities/engine/key.pem", "identities/engine/combined.pem", "defaults/engine/key.pem",
                             "identities/engine/keystore.p12", "identities/engine/keystore.password",
                             "pending/engine/key.pem", "customer-key/customer.key"}) {
    EXPECT_EQ(0600U, file_attributes(appliance, secret).mode) << secret;
  }
  EXPECT_EQ(0644U, file_attributes(appliance, "identities/engine/certificate.pem").mode);
  EXPECT_EQ(0700U, folder_attributes(appliance, "identities/engine").mode);
  appliance.separate_users = true;
  EXPECT_EQ(0755U, folder_attributes(appliance, "").mode);
  EXPECT_EQ(0755U, folder_attributes(appliance, "identities").mode);
  EXPECT_EQ(0700U, folder_attributes(appliance, "defaults/engine").mode);
  EXPECT_EQ(0600U, file_attributes(appliance, "defaults/engine/key.pem").mode);
  EXPECT_EQ(0U, file_attributes(appliance, "profiles/default.toml").owner);
}

TEST(ProgramSettings, AbsentFilesAreDefaultsAndTheReferenceKeysAreTaken) {
  const test::TemporaryFolder state;
  const Environment nothing = environment({});
  EXPECT_FALSE(PortalSettings::load(state.path(), nothing).ignore_engine_certificate_problems);
  EXPECT_EQ(StorageSetting::Kind::sqlite, EngineSettings::load(state.path(), nothing).storage.kind);
  EXPECT_TRUE(CollectorSettings::load(state.path(), nothing).verify_hostname);
  for (const char* toml : {"globalconfig.portal.dispatcher.engine-ssl-ignore-certificate-problems = true\n",
                           "[portal]\nengine-ssl-ignore-certificate-problems = true\n",
                           "engine-ssl-ignore-certificate-problems = true\n"}) {
    state.put("settings/portal.toml", toml);
    const PortalSettings settings = PortalSettings::load(state.path(), nothing);
    EXPECT_TRUE(settings.ignore_engine_certificate_problems) << toml;
    EXPECT_FALSE(settings.skip_ldap_certificate_validation);
  }
  state.put("settings/portal.toml",
            "engine-ssl-ignore-certificate-problems = true\n"
            "portal.engine-ssl-ignore-certificate-problems = false\n");
  EXPECT_EQ("bad-setting", failure_of([&] { (void)PortalSettings::load(state.path(), nothing); }).code());
}

TEST(ProgramSettings, AStorageIsVerifiedAndItsPasswordStandsElsewhere) {
  const test::TemporaryFolder state;
  const auto storage_of = [&state](const std::string& address) {
    state.put("settings/engine.toml", "storage = \"" + address + "\"\n");
    return EngineSettings::load(state.path(), environment({})).storage;
  };
  const StorageSetting full = storage_of("postgresql://an%40engine@[::1]:6543/its%20rows?sslmode=verify-full");
  EXPECT_EQ(StorageSetting::Kind::postgresql, full.kind);
  EXPECT_EQ("an@engine", full.user);
  EXPECT_EQ("::1", full.host);
  EXPECT_EQ(6543, full.port);
  EXPECT_EQ("its rows", full.database);
  EXPECT_EQ(5432, storage_of("postgresql://engine@db.example.com/engine").port);
  for (const char* wrong :
       {"postgres", "mysql://engine@db/engine", "postgresql://db/engine", "postgresql://engine@/engine",
        "postgresql://engine@db", "postgresql://engine@db/", "postgresql://engine:secret@db/engine",
        "postgresql://engine@a,b/engine", "postgresql://engine@%2Frun/engine", "postgresql://engine@db:0/engine",
        "postgresql://engine@db:65536/engine", "postgresql://engine@db:54x/engine", "postgresql://engine@[::1/engine",
        "postgresql://engine@[::1]x/engine", "postgresql://en%0gine@db/engine", "postgresql://en%00gine@db/engine",
        "postgresql://engine@db/engine?sslmode=require",
        "postgresql://engine@db/engine?sslmode=verify-full&host=other"}) {
    const Failure failure = failure_of([&] { (void)storage_of(wrong); });
    EXPECT_EQ("bad-setting", failure.code()) << wrong;
    EXPECT_EQ(std::string::npos, failure.cause().find("secret")) << failure.cause();
  }
  state.put("settings/engine.toml", "storage-password-file = \"relative\"\n");
  EXPECT_EQ("bad-setting", failure_of([&] { (void)EngineSettings::load(state.path(), environment({})); }).code());
}

TEST(ProgramSettings, ADirectoryAndAMailServer) {
  const test::TemporaryFolder state;
  const auto load = [&state](const std::string& toml) {
    state.put("settings/portal.toml", toml);
    return PortalSettings::load(state.path(), environment({}));
  };
  EXPECT_FALSE(load("").directory);
  EXPECT_FALSE(load("").mail);
  const PortalSettings plain = load("ldap.url = \"ldap://[::1]\"\nldap.user-dn = \"uid={user}\"\n");
  EXPECT_TRUE(plain.directory->starttls);
  EXPECT_EQ("::1", plain.directory->server.host);
  EXPECT_EQ(389, plain.directory->server.port);
  const PortalSettings both = load(
      "[ldap]\nurl = \"ldaps://ldap.example.com/\"\nsearch-base = \"dc=example\"\n"
      "[mail]\nserver = \"mail.example.com\"\nsecurity = \"tls\"\nfrom = \"a@example.com\"\nto = [\"b@example.com\"]\n"
      "warn-days = [1, 7, 60, 7]\n");
  EXPECT_FALSE(both.directory->starttls);
  EXPECT_EQ(636, both.directory->server.port);
  EXPECT_EQ("(uid={user})", both.directory->search_filter);
  EXPECT_EQ(465, both.mail->server.port);
  EXPECT_EQ((std::vector<std::int64_t>{60, 7, 1}), both.alerts.warn_days);
  EXPECT_EQ(
      (std::vector<std::int64_t>{9, 3}),
      PortalSettings::load(state.path(), environment({{"CHANCERY_PORTAL_MAIL_WARN_DAYS", "3,9"}})).alerts.warn_days);
  for (const char* wrong :
       {"ldap.url = \"ldap.example.com\"\nldap.user-dn = \"uid={user}\"\n",
        "ldap.url = \"ldaps://\"\nldap.user-dn = \"uid={user}\"\n",
        "ldap.url = \"ldaps://h\"\nldap.user-dn = \"uid={user}\"\nldap.search-base = \"dc=x\"\n",
        "ldap.url = \"ldaps://h\"\nldap.search-base = \"dc=x\"\nldap.search-filter = \"(uid=ada)\"\n",
        "ldap.url = \"ldaps://h\"\nldap.search-base = \"dc=x\"\nldap.bind-dn = \"cn=x\"\n", "mail.warn-days = [-1]\n",
        "mail.warn-days = [\"7\"]\n", "mail.warn-days = 7\n"}) {
    EXPECT_EQ("bad-setting", failure_of([&] { (void)load(wrong); }).code()) << wrong;
  }
}

TEST(ProgramSettings, Alerts) {
  const test::TemporaryFolder state;
  const auto load = [&state](const std::string& toml) {
    state.put("settings/portal.toml", toml);
    return PortalSettings::load(state.path(), environment({})).alerts;
  };
  const std::string mail = "mail.server = \"m\"\nmail.from = \"a@b\"\nmail.to = [\"c@d\"]\n";
  const AlertSettings usual = load("");
  EXPECT_FALSE(usual.webhook);
  EXPECT_FALSE(usual.quiet);
  EXPECT_FALSE(usual.digest);
  EXPECT_EQ("UTC", usual.time_zone);
  EXPECT_EQ(std::chrono::minutes(15), usual.member_missing);
  const AlertSettings all =
      load(mail +
           "[alerts]\nwebhook = \"https://hooks.example.com:8443/a?b=c\"\nwebhook-secret-file = \"/etc/secret\"\n"
           "member-missing = \"2h\"\nquiet = \"22:00-06:30\"\ndigest = \"Mon 07:05\"\ntime-zone = \"Europe/Berlin\"\n");
  EXPECT_EQ("hooks.example.com", all.webhook->server.host);
  EXPECT_EQ(8443, all.webhook->server.port);
  EXPECT_EQ("/a?b=c", all.webhook->path);
  EXPECT_EQ("/etc/secret", all.webhook->secret_file);
  EXPECT_EQ(std::chrono::hours(2), all.member_missing);
  EXPECT_EQ(22 * 60, all.quiet->from);
  EXPECT_EQ(6 * 60 + 30, all.quiet->to);
  EXPECT_EQ(1, all.digest->weekday);
  EXPECT_EQ(7 * 60 + 5, all.digest->minute);
  EXPECT_EQ("Europe/Berlin", all.time_zone);
  EXPECT_EQ(443, load("alerts.webhook = \"https://[::1]\"\n").webhook->server.port);
  EXPECT_EQ("/?x", load("alerts.webhook = \"https://h?x\"\n").webhook->path);
  EXPECT_FALSE(load(mail + "alerts.digest = \"07:00\"\n").digest->weekday);
  for (const char* wrong :
       {"webhook = \"http://h/\"",        "webhook = \"h\"",
        "webhook = \"https://\"",         "webhook = \"https://u:p@h/\"",
        "webhook = \"https://h/#f\"",     "webhook = \"https://h/a b\"",
        "webhook-secret-file = \"/s\"",   "webhook = \"https://h/\"\nalerts.webhook-secret-file = \"s\"",
        "member-missing = \"15\"",        "member-missing = \"0m\"",
        "member-missing = \"99d\"",       "quiet = \"22:00\"",
        "quiet = \"22:00-22:00\"",        "quiet = \"24:00-06:00\"",
        "quiet = \"2:00-06:00\"",         "digest = \"07:00\"",
        "time-zone = \"Europe/Nowhere\"", "time-zone = \"../../etc/passwd\"",
        "time-zone = \"/etc/localtime\"", "time-zone = \"Europe\""}) {
    EXPECT_EQ("bad-setting", failure_of([&] { (void)load(std::string("alerts.") + wrong + "\n"); }).code()) << wrong;
  }
  for (const char* wrong : {"7:00", "noon", "fri", "someday 07:00", "07:60"}) {
    const std::string toml = mail + "alerts.digest = \"" + wrong + "\"\n";
    EXPECT_EQ("bad-setting", failure_of([&] { (void)load(toml); }).code()) << wrong;
  }
}

TEST(ProgramSettings, TheEnvironmentOverrides) {
  const test::TemporaryFolder state;
  state.put(
      "settings/collector.toml",
      "[collector]\nservers = [\"engine.example.com:443\"]\nroot-ca = \"/from/file.pem\"\ntrusted = \"a.pem;b.pem\"\n");
  const CollectorSettings file = CollectorSettings::load(state.path(), environment({}));
  EXPECT_EQ("/from/file.pem", file.root_ca);
  EXPECT_EQ((std::vector<std::string>{"a.pem", "b.pem"}), file.trusted);
  const CollectorSettings settings =
      CollectorSettings::load(state.path(), environment({{"CHANCERY_COLLECTOR_ROOT_CA", ""},
                                                         {"CHANCERY_COLLECTOR_SERVERS", "127.0.0.1:1443, [::1]:2443"},
                                                         {"CHANCERY_COLLECTOR_FALL_THROUGH", "true"},
                                                         {"CHANCERY_COLLECTOR_REPORT_INTERVAL", "2"}}));
  EXPECT_EQ("", settings.root_ca);
  ASSERT_EQ(2U, settings.servers.size());
  EXPECT_EQ("::1", settings.servers[1].host);
  EXPECT_EQ(2443, settings.servers[1].port);
  EXPECT_TRUE(settings.fall_through);
  EXPECT_EQ(2, settings.report_seconds);
  const Failure failure = failure_of([&] {
    (void)CollectorSettings::load(state.path(), environment({{"CHANCERY_COLLECTOR_FALL_THROUGH", "maybe"}}));
  });
  EXPECT_EQ("CHANCERY_COLLECTOR_FALL_THROUGH", failure.subject());
}

TEST(ProgramSettings, UncheckedNamesUnderPublicCasAreRefused) {
  const test::TemporaryFolder state;
  state.put("settings/collector.toml", "[collector]\nverify-hostname = false\n");
  const Failure refused = failure_of([&] { (void)CollectorSettings::load(state.path(), environment({})); });
  EXPECT_EQ("bad-setting", refused.code());
  EXPECT_NE(std::string::npos, refused.subject().find("collector.toml:2"));
  state.put("settings/collector.toml", "[collector]\nverify-hostname = false\nroot-ca = \"root.pem\"\n");
  EXPECT_FALSE(CollectorSettings::load(state.path(), environment({})).verify_hostname);
}

TEST(ProgramSettings, WrongValuesNameTheRightOnes) {
  const test::TemporaryFolder state;
  const auto mistake = [&](const std::string& line) {
    state.put("settings/collector.toml", "[collector]\n" + line + "\n");
    Failure failure = failure_of([&] { (void)CollectorSettings::load(state.path(), environment({})); });
    EXPECT_EQ("bad-setting", failure.code()) << line;
    EXPECT_NE(std::string::npos, failure.subject().find("collector.toml:2")) << failure.subject();
    return failure;
  };
  EXPECT_EQ("did you mean beacon?", mistake("discovery = [\"beacn\"]").hint());
  EXPECT_EQ("did you mean collector.verify-hostname?", mistake("verify-hostnames = true").hint());
  EXPECT_NE(std::string::npos, mistake("required-level = \"TLSPeerauth\"").hint().find("\"TLSPeerAuth\""));
  (void)mistake("servers = [\"host:99999\"]");
  (void)mistake("servers = [1, 2]");
  (void)mistake("portal = \"::1:443\"");
  (void)mistake("report-interval = 0");
}

}  // namespace
}  // namespace chancery
