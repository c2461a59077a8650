#include "appliance/settings/catalogue.h"

#include <gtest/gtest.h>

#include <set>

#include "appliance/settings/setting_edit.h"
#include "tests/control/temporary.h"

namespace chancery {
namespace {

using test::failure_of;

std::map<std::string, SettingValue> values_in(const std::string& program, const std::string& toml,
                                              const Environment& environment = {}) {
  std::map<std::string, SettingValue> values;
  for (SettingValue& each : read_settings("settings/" + program + ".toml", view_of(toml), program, environment)) {
    values.emplace(std::string(each.fact->key), std::move(each));
  }
  return values;
}

std::string changed(const std::string& toml, const std::string& key, const std::string& value) {
  return with_setting(toml, *find_setting("portal", key), value);
}

// The reader names all keys that it knows when it meets one that is near to none of them.
TEST(Catalogue, HasEverySettingThatAProgramReadsAndNoOther) {
  for (const std::string program : {"console", "portal", "engine", "authority", "manager"}) {
    const std::string unknown(60, 'z');
    const Failure failure = failure_of([&] { check_settings(program, "f", view_of(unknown + " = 1\n")); });
    const std::string beginning = "the keys here are: ";
    ASSERT_TRUE(failure.hint().starts_with(beginning)) << failure.hint();
    std::set<std::string> known;
    std::istringstream words(failure.hint().substr(beginning.size()));
    for (std::string word; words >> word;) known.insert(word.ends_with(',') ? word.substr(0, word.size() - 1) : word);
    std::set<std::string> listed;
    for (const SettingFact& fact : settings_of(program)) {
      for (const std::string& key : keys_of(fact)) listed.insert(key);
      EXPECT_FALSE(fact.meaning.empty()) << fact.key;
    }
    EXPECT_EQ(known, listed) << program;
  }
}

TEST(Catalogue, WhatCountsWhereNothingIsSaidMayBeSaid) {
  for (const std::string program : {"console", "portal", "engine", "authority", "manager"}) {
    for (const SettingFact& fact : settings_of(program)) {
      if (fact.fallback.empty() || fact.key == "ldap.search-filter") continue;  // which needs a directory
      const std::string toml = with_setting("", fact, std::string(fact.fallback));
      EXPECT_NO_THROW(check_settings(program, "f", view_of(toml))) << toml;
      EXPECT_EQ(fact.fallback, values_in(program, toml).at(std::string(fact.key)).text) << toml;
    }
  }
}

TEST(Catalogue, SaysWhereAValueComesFrom) {
  const auto values =
      values_in("portal", "# mail\nmail.server = \"mail.example.com\"\n[alerts]\nquiet = \"22:00-06:00\"\n",
                [](const std::string& name) -> std::optional<std::string> {
                  return name == "CHANCERY_PORTAL_ALERTS_DIGEST" ? std::optional<std::string>("07:00") : std::nullopt;
                });
  EXPECT_EQ("settings/portal.toml:2", values.at("mail.server").where);
  EXPECT_EQ("settings/portal.toml:4", values.at("alerts.quiet").where);
  EXPECT_EQ("CHANCERY_PORTAL_ALERTS_DIGEST", values.at("alerts.digest").where);
  EXPECT_EQ("07:00", values.at("alerts.digest").text);
  EXPECT_EQ("", values.at("mail.from").where);
  EXPECT_EQ("30,14,7,1", values.at("mail.warn-days").text);
  const auto wrong = values_in("portal", "mail.to = 7\n").at("mail.to");
  EXPECT_EQ("settings/portal.toml:1", wrong.where);
  EXPECT_NE("", wrong.problem);
}

TEST(Catalogue, NoSecretIsShown) {
  const auto shown = [](const std::string& program, const std::string& key, const std::string& value) {
    return values_in(program, key + " = " + toml_quoted(value) + "\n").at(key).text;
  };
  EXPECT_EQ("https://hooks.example.com/…", shown("portal", "alerts.webhook", "https://hooks.example.com/T0/marker"));
  EXPECT_EQ("https://hooks.example.com/…", shown("portal", "alerts.webhook", "https://hooks.example.com?marker"));
  EXPECT_EQ("https://hooks.example.com/", shown("portal", "alerts.webhook", "https://hooks.example.com/"));
  EXPECT_EQ("(not shown)", shown("portal", "alerts.webhook", "https://me:marker@hooks.example.com/"));
  EXPECT_EQ("(not shown)", shown("engine", "storage", "postgresql://engine:marker@db.example.com/engine"));
  EXPECT_EQ("postgresql://engine@db.example.com:5432/engine",
            shown("engine", "storage", "postgresql://engine@db.example.com/engine"));
}

TEST(SettingEdit, EverythingElseStaysAsAPersonWroteIt) {
  const std::string before =
      "# who is told\nmail.to = [\n  \"a@example.com\",\n  \"b@example.com\",\n]\nmail.from = \"c@example.com\"  # "
      "us\n\n"
      "[alerts]\n# at night\nquiet = \"22:00-06:00\"\n";
  EXPECT_EQ(
      "# who is told\nmail.to = [\"d@example.com\", \"e@example.com\"]\nmail.from = \"c@example.com\"  # "
      "us\n\n[alerts]\n"
      "# at night\nquiet = \"22:00-06:00\"\n",
      changed(before, "mail.to", "d@example.com, e@example.com"));
  EXPECT_EQ("# who is told\nmail.from = \"c@example.com\"  # us\n\n[alerts]\n# at night\nquiet = \"22:00-06:00\"\n",
            changed(before, "mail.to", ""));
  // Below its own table's heading, where its dotted name would define that table twice.
  EXPECT_EQ("[alerts]\ndigest = \"07:00\"\nquiet = \"22:00-06:00\"\n",
            changed("[alerts]\nquiet = \"22:00-06:00\"\n", "alerts.digest", "07:00"));
  EXPECT_EQ("mail.from = \"a@b\"\n[alerts]\nquiet = \"1\"\n", changed("[alerts]\nquiet = \"1\"\n", "mail.from", "a@b"));
  EXPECT_EQ("[portal]\nmail.from = \"x@y\"\n", changed("[portal]\nmail.from = \"a@b\"\n", "mail.from", "x@y"));
  EXPECT_EQ("mail.warn-days = [60, 7]\n", changed("", "mail.warn-days", "60,7"));
  EXPECT_EQ("", changed("alerts.webhook = \"https://hooks.example.com/secret\"\n", "alerts.webhook", ""));
  // By the name that the reference appliance has for it.
  EXPECT_EQ("globalconfig.ldap.skip-ssl-certificate-validations = true\n",
            changed("globalconfig.ldap.skip-ssl-certificate-validations = false\n",
                    "ldap-skip-ssl-certificate-validations", "true"));
}

TEST(SettingEdit, WhatCannotBeChangedIsRefused) {
  const auto refused = [](const std::string& toml, const std::string& key, const std::string& value) {
    const Failure failure = failure_of([&] { (void)changed(toml, key, value); });
    EXPECT_EQ("bad-setting", failure.code()) << toml;
    EXPECT_NE("", failure.hint());
    return failure.cause();
  };
  EXPECT_NE(std::string::npos,
            refused("mail = { from = \"a@b\", server = \"c\" }\n", "mail.from", "x@y").find("no program"));
  EXPECT_NE(std::string::npos, refused("mail = {\n", "mail.from", "x@y").find("TOML"));
  EXPECT_EQ("must be true or false", refused("", "ldap-skip-ssl-certificate-validations", "yes"));
  EXPECT_EQ("must be a number", refused("", "discovery-port", "10101x"));
  EXPECT_NE(std::string::npos, refused("", "mail.warn-days", "30,soon").find("numbers"));
}

}  // namespace
}  // namespace chancery
