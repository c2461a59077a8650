// An appliance made out of nothing: complete, openable by openssl and paircheck.sh, with the modes of docs/state.md.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "keystore/fault.h"
#include "keystore/files/folder.h"
#include "tests/manager/fixture.h"

namespace chancery::manager::testing {
namespace {

namespace fs = std::filesystem;

mode_t mode_of(const std::string& path) {
  struct stat now {};
  if (::lstat(path.c_str(), &now) != 0) return 0;
  return now.st_mode & 07777U;
}

void expect_pairs(const Desk& desk, const std::string& group, const std::vector<std::string>& identities) {
  for (const std::string& identity : identities) {
    const std::string folder = desk.current(group + "/" + identity);
    const ShellResult check = shell(pair_check() + " " + folder + "/certificate.pem " + folder + "/key.pem " +
                                    desk.current("trust/federation/roots.pem") + " " + folder + "/intermediate.crt");
    EXPECT_EQ(check.exit, 0) << group << "/" << identity << ": " << check.output;
  }
}

class Founded : public ::testing::TestWithParam<Role> {};

TEST_P(Founded, EveryIdentityVerifiesStrictly) {
  const Desk desk(GetParam());
  EXPECT_FALSE(desk.initial.federation.empty());
  EXPECT_GE(desk.initial.administrator_password.size(), 20U);
  std::vector<std::string> servers = identities_of(GetParam());
  expect_pairs(desk, "identities", servers);
  expect_pairs(desk, "defaults", servers);
  for (const std::string& identity : servers) {
    const std::string text = shell("openssl x509 -in " + desk.current("identities/" + identity + "/certificate.pem") +
                                   " -noout -ext subjectAltName")
                                 .output;
    EXPECT_NE(text.find(std::string("DNS:") + appliance_name), std::string::npos) << identity << text;
    EXPECT_NE(text.find(std::string("DNS:") + internal_name), std::string::npos) << identity << text;
    const std::string uri = "URI:chancery://" + desk.initial.federation + "/member/" + to_text(GetParam()) + "/";
    EXPECT_EQ(text.find(uri) != std::string::npos, identity == "member") << text;
  }
}

TEST_P(Founded, KeysAndFoldersAreClosed) {
  const mode_t before = ::umask(0);  // threat 37: whatever the umask
  const Desk desk(GetParam());
  ::umask(before);
  EXPECT_EQ(mode_of(desk.state()) & 0022U, 0U);
  for (const char* folder : {"secrets", "backups", "authority"}) EXPECT_EQ(mode_of(desk.state() + "/" + folder), 0700U);
  for (const char* key : {"secrets/generation.key", "secrets/repair.key", "authority/root.key", "authority/issuing.key",
                          "authority/customer.key", "settings/administrator.hash"}) {
    EXPECT_EQ(mode_of(desk.state() + "/" + key), 0600U) << key;
  }
  for (const auto& entry : fs::recursive_directory_iterator(desk.current(""))) {
    const std::string name = entry.path().filename();
    const bool is_secret = name == "key.pem" || name == "combined.pem" || name == "keystore.p12" ||
                           name == "keystore.password" || name == "cacerts.password" || name == "customer.key";
    if (!is_secret) continue;
    EXPECT_EQ(mode_of(entry.path()), 0600U) << entry.path();
  }
}

TEST_P(Founded, HasEverythingThatDocsStatePromises) {
  const Desk desk(GetParam());
  for (const char* path :
       {"trust/engine/ca-bundle.crt", "trust/portal/cacerts", "trust/portal/cacerts.password",
        "trust/federation/roots.pem", "trust/appliance/known.pem", "customer-key/customer.key",
        "federation/federation.json", "profiles/default.toml", "profiles/join.toml", "endpoints/console.toml",
        "endpoints/join.toml", "identities/console/fullchain.pem", "identities/console/combined.pem",
        "identities/console/keystore.p12", "identities/console/intermediate.crt"}) {
    EXPECT_TRUE(fs::exists(desk.current(path))) << path;
  }
  EXPECT_EQ(fs::file_size(desk.current("customer-key/customer.key")), 32U);
  const nlohmann::json facts = nlohmann::json::parse(read_text(desk.current("federation/federation.json")));
  EXPECT_EQ(facts["portal"]["name"], appliance_name);
  EXPECT_EQ(facts["portal"]["host"], "127.0.0.1");
  EXPECT_EQ(facts["portal"]["port"], 20001);
  EXPECT_EQ(facts["authority"]["port"], 20004);
  const nlohmann::json members = desk.ask("federation-list")["members"];
  ASSERT_EQ(members.size(), 1U);
  EXPECT_EQ(members[0]["name"], appliance_name);
  EXPECT_EQ(members[0]["role"], to_text(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Roles, Founded, ::testing::Values(Role::primary, Role::single),
                         [](const auto& role) { return std::string(to_text(role.param)); });

TEST(Initialise, ASecondaryServesSelfSignedCertificatesUntilItJoins) {
  const Desk desk(Role::secondary);
  EXPECT_EQ(desk.initial.federation, "");
  for (const char* identity : {"console", "engine", "engine-collector"}) {
    const std::string folder = desk.current(std::string("identities/") + identity);
    EXPECT_EQ(shell(pair_check() + " " + folder + "/certificate.pem " + folder + "/key.pem").exit, 0);
  }
  EXPECT_FALSE(fs::exists(desk.current("identities/member")));
  EXPECT_FALSE(fs::exists(desk.current("federation/federation.json")));
  EXPECT_FALSE(fs::exists(desk.state() + "/authority"));
  EXPECT_EQ(desk.ask("status")["federation"]["state"], "not-joined");
  EXPECT_EQ(desk.refusal("federation-token", {{"role", "engine"}, {"name", "a.example.test"}}), "not-a-primary");
}

TEST(Initialise, ASecondAttemptIsRefusedAndChangesNothing) {
  const Desk desk(Role::primary);
  const std::string before = desk.in_force();
  InitialOptions options;
  options.state = desk.state();
  options.role = Role::single;
  options.name = "other.example.test";
  try {
    static_cast<void>(initialise(options, system_now));
    FAIL() << "a state was made over another";
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.code(), "already-initialised");
  }
  EXPECT_EQ(desk.in_force(), before);
}

TEST(Initialise, AnExistingFolderIsTakenAndItsSettingsStay) {
  const Place place;
  const std::string state = place / "state";
  fs::create_directories(state + "/settings");
  write_text(state + "/settings/portal.toml", "storage = \"sqlite\"\n");
  InitialOptions options;
  options.state = state;
  options.role = Role::primary;
  options.name = appliance_name;
  static_cast<void>(initialise(options, system_now));
  EXPECT_EQ(read_text(state + "/settings/portal.toml"), "storage = \"sqlite\"\n");
  EXPECT_TRUE(fs::exists(state + "/current/identities/portal/key.pem"));
  EXPECT_TRUE(fs::exists(state + "/settings/appliance.toml"));
  EXPECT_EQ(mode_of(state) & 0077U, 0U);
  for (const auto& entry : fs::directory_iterator(state)) {
    EXPECT_FALSE(entry.path().filename().string().starts_with(".init")) << entry.path();
  }
}

TEST(Initialise, AnAttemptThatFailsLeavesNothing) {
  const Place place;
  InitialOptions options;
  options.state = place / "state";
  options.role = Role::primary;
  options.name = "not a name";
  EXPECT_THROW(static_cast<void>(initialise(options, system_now)), Failure);
  options.name = appliance_name;
  options.port_base = 70000;
  EXPECT_THROW(static_cast<void>(initialise(options, system_now)), Failure);
  EXPECT_TRUE(fs::is_empty(place / ""));
}

TEST(Initialise, DraftsOfAttemptsThatWereKilledAreRemoved) {
  const Place place;
  fs::create_directories(place / "state.init-0123abcd/secrets");
  write_text(place / "state.init-0123abcd/secrets/generation.key", "left over");
  InitialOptions options;
  options.state = place / "state";
  options.role = Role::secondary;
  options.name = appliance_name;
  static_cast<void>(initialise(options, system_now));
  EXPECT_FALSE(fs::exists(place / "state.init-0123abcd"));
  EXPECT_TRUE(fs::exists(place / "state/current"));
}

}  // namespace
}  // namespace chancery::manager::testing
