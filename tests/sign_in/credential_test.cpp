#include "appliance/sign_in/credential.h"

#include <gtest/gtest.h>

#include "tests/sign_in/basic.h"

namespace chancery {
namespace {

std::optional<Credential> taken(const std::string& header) { return basic_credential(view_of(header)); }
std::string password_of(const Credential& credential) { return std::string(text_of(view_of(credential.password))); }

TEST(Credentials, AreTakenApartAtTheFirstColon) {
  for (const auto& [user, password] : std::vector<std::pair<std::string, std::string>>{
           {"administrator", "correct horse"}, {"ada", "a:b:c"}, {"", "x"}, {"ada", ""}, {"", ""}, {"ä", "\xff\x01"}}) {
    const auto found = taken(test::basic(user, password));
    ASSERT_TRUE(found) << user << password;
    EXPECT_EQ(user, found->user);
    EXPECT_EQ(password, password_of(*found));
  }
}

TEST(Credentials, AreNothingElse) {
  // base64 of "ada:x" is YWRhOng=, of "ada" YWRh.
  for (const std::string header :
       {"", "B", "Basic", "Basic ",
        "BasicYWRhOng=", "Bearer YWRhOng=", "Token YWRhOng=", "Basic  YWRhOng=", "Basic YWRhOng", "Basic YWRh",
        "Basic YWRhOng=x", "Basic YWRh Ong=", "Basic YWRhOng=\n", "Basic !WRhOng=", "Basic YWRhOng==", "YWRhOng="}) {
    EXPECT_FALSE(taken(header)) << header;
  }
}

TEST(Credentials, AreBounded) {
  const auto longest = taken(test::basic("a", std::string(760, 'p')));
  ASSERT_TRUE(longest) << "1,022 bytes";
  EXPECT_EQ(std::string(760, 'p'), password_of(*longest));
  EXPECT_FALSE(taken(test::basic("a", std::string(763, 'p')))) << "1,026 bytes";
  EXPECT_FALSE(taken(test::basic("a", std::string(1'000'000, 'p'))));
}

}  // namespace
}  // namespace chancery
