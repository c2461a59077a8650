// Joining, as the product does it on both sides, over real TLS on loopback.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "appliance/federation/token.h"
#include "keystore/bytes/text_encoding.h"
#include "tests/federation/primary.h"

namespace chancery::federation {
namespace {

using testing::Joiner;
using testing::Primary;

TEST(Join, GivesAMemberEverythingItNeeds) {
  Primary primary;
  const SecretBytes token = primary.token();
  const Joiner joiner(primary);
  const Joined joined = joiner.join(token);

  EXPECT_EQ(joined.federation, primary.federation);
  EXPECT_EQ(joined.root, primary.authority().root());
  EXPECT_TRUE(secret_equal(view_of(joined.customer_key), view_of(primary.customer_key)));
  EXPECT_EQ(joined.portal_port, 443);
  EXPECT_EQ(joined.portal_name, primary.name);
  ASSERT_EQ(joined.chains.size(), 3U);
  for (const JoinIdentity& each : joiner.request.identities) {
    EXPECT_TRUE(each.key.belongs_to(joined.chains.at(each.identity).front()));
  }
  EXPECT_EQ(joined.chains.at("member").front().names().back().value,
            "chancery://" + primary.federation + "/member/secondary/engine.example.com");
  EXPECT_EQ(joined.chains.at("member").front().extended_key_usages().size(), 2U);
  EXPECT_EQ(joined.chains.at("engine").front().extended_key_usages().size(), 1U);

  ASSERT_EQ(primary.admission().members().size(), 1U);
  const Member member = primary.admission().members().front();
  EXPECT_EQ(member.name, "engine.example.com");
  EXPECT_EQ(member.role, "secondary");
  EXPECT_EQ(member.certificates.size(), 3U);
  EXPECT_EQ(primary.admission().tokens().front().state, "used");
}

TEST(Join, AskingAgainWithTheSameKeysGivesTheSameCertificates) {
  Primary primary;
  const SecretBytes token = primary.token();
  const Joiner joiner(primary);
  const Joined first = joiner.join(token);
  primary.restart();
  const std::string before = primary.standing();
  const Joined second = joiner.join(token);
  for (const auto& [identity, chain] : first.chains) EXPECT_EQ(chain.front(), second.chains.at(identity).front());
  EXPECT_EQ(primary.standing(), before);
}

TEST(Join, AUsedTokenIsWorthNothingForOtherKeysAlsoAfterARestart) {
  Primary primary;
  const SecretBytes token = primary.token();
  (void)Joiner(primary).join(token);
  primary.restart();
  const std::string before = primary.standing();
  EXPECT_EQ(code_of([&] { (void)Joiner(primary).join(token); }), "join-refused");
  EXPECT_EQ(primary.standing(), before);
}

TEST(Join, AMemberThatJoinsAgainWithAFreshTokenTakesItsOwnPlace) {
  Primary primary;
  (void)Joiner(primary).join(primary.token());
  const Joined again = Joiner(primary).join(primary.token());
  ASSERT_EQ(primary.admission().members().size(), 1U);
  EXPECT_EQ(primary.admission().members().front().certificates.front(), again.chains.at("member").front());
}

TEST(Join, OneHundredRacesForOneTokenGiveOneCertificate) {
  Primary primary;
  const SecretBytes token = primary.admission().make_token({.role = Role::secondary, .names = {"engine.example.com"}});
  const auto before = testing::count_certificates(primary.authority());
  std::atomic<int> joined = 0;
  std::atomic<int> refused = 0;
  std::vector<std::thread> racers;
  for (int racer = 0; racer < 10; ++racer) {
    racers.emplace_back([&] {
      for (int round = 0; round < 10; ++round) {
        Joiner joiner(primary, {"engine.example.com"});
        joiner.request.identities.resize(1, joiner.request.identities.front());
        const std::string code = code_of([&] { (void)joiner.join(token); });
        ++(code.empty() ? joined : refused);
        EXPECT_TRUE(code.empty() || code == "join-refused" || code == "too-many-attempts") << code;
      }
    });
  }
  for (std::thread& racer : racers) racer.join();
  EXPECT_EQ(joined, 1);
  EXPECT_EQ(refused, 99);
  EXPECT_EQ(testing::count_certificates(primary.authority()), before + 1);
}

TEST(Join, AnotherKeyThanTheTokenPinsIsARelay) {
  Primary primary;
  Primary relay;  // speaks the protocol perfectly, with a key of its own
  const SecretBytes token = primary.token();
  Joiner joiner(relay);
  const std::string before = primary.standing();
  const std::string relay_before = relay.standing();
  try {
    (void)joiner.join(token);
    FAIL() << "joined through a relay";
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.code(), "relay-suspected");
    EXPECT_NE(failure.cause().find("another key answered than the token pins"), std::string::npos);
    EXPECT_NE(failure.cause().find("man in the middle"), std::string::npos);
  }
  EXPECT_EQ(primary.standing(), before);
  EXPECT_EQ(relay.standing(), relay_before);
  EXPECT_EQ(relay.log(), "");  // nothing was ever sent to it
}

TEST(Join, NamesMustBeTheTokensOneToOne) {
  Primary primary;
  const SecretBytes token = primary.token({"engine.example.com", "engine.internal"});
  const std::string before = primary.standing();
  for (const std::vector<std::string>& names : {std::vector<std::string>{"engine.example.com"},
                                                {"engine.example.com", "other.example.com"},
                                                {"engine.example.com", "engine.internal", "127.0.0.1"},
                                                {"other.example.com", "engine.internal"},
                                                {"engine.example.com", "engine.internal", "primary.example.com"}}) {
    EXPECT_EQ(code_of([&] { (void)Joiner(primary, names).join(token); }), "join-refused");
  }
  EXPECT_EQ(primary.standing(), before);
}

TEST(Join, NamesInAnotherOrderAreTheSameNames) {
  Primary primary;
  const SecretBytes token = primary.token({"engine.example.com", "engine.internal", "10.0.0.9"});
  // But the first is what the member is called.
  const auto join_as = [&](const std::vector<std::string>& names) {
    return code_of([&] { (void)Joiner(primary, names).join(token); });
  };
  EXPECT_EQ(join_as({"engine.internal", "engine.example.com", "10.0.0.9"}), "join-refused");
  EXPECT_EQ(join_as({"Engine.example.com", "10.0.0.9", "ENGINE.internal"}), "");
}

TEST(Join, ClocksMayDifferByMinutesButNotByDays) {
  Primary primary;
  for (const auto skew : {std::chrono::minutes(5), std::chrono::minutes(-5), std::chrono::minutes(59)}) {
    Joiner joiner(primary);
    joiner.time.advance(skew);
    EXPECT_EQ(code_of([&] { (void)joiner.join(primary.token()); }), "") << skew.count();
  }
  const SecretBytes token = primary.token();
  const std::string before = primary.standing();
  for (const auto skew : {std::chrono::hours(48), std::chrono::hours(-48)}) {
    Joiner joiner(primary);
    joiner.time.advance(skew);
    try {
      (void)joiner.join(token);
      FAIL() << "joined with a clock two days off";
    } catch (const Failure& failure) {
      EXPECT_EQ(failure.code(), "clock-skew");
      EXPECT_NE(failure.cause().find("differs by"), std::string::npos) << failure.cause();
    }
  }
  EXPECT_EQ(primary.standing(), before);
  EXPECT_EQ(code_of([&] { (void)Joiner(primary).join(token); }), "");  // the token is as good as before
}

TEST(Join, ExpiredAndRevokedTokens) {
  Primary primary;
  const SecretBytes expired = primary.token();
  const SecretBytes revoked = primary.token({"second.example.com"});
  primary.admission().revoke_token(to_hex(read_token(view_of(revoked)).id));
  EXPECT_EQ(code_of([&] { (void)Joiner(primary, {"second.example.com"}).join(revoked); }), "join-refused");
  primary.time.advance(std::chrono::minutes(10));
  const auto before = testing::count_certificates(primary.authority());
  EXPECT_EQ(code_of([&] { (void)Joiner(primary).join(expired); }), "token-expired");
  EXPECT_EQ(testing::count_certificates(primary.authority()), before);
  std::vector<std::string> states;
  for (const TokenSummary& token : primary.admission().tokens()) states.push_back(token.state);
  std::sort(states.begin(), states.end());
  EXPECT_EQ(states, (std::vector<std::string>{"expired", "revoked"}));
}

TEST(Join, NobodyThere) {
  SecretBytes token;
  JoinRequest request;
  {
    Primary primary;
    token = primary.token();
    request = Joiner(primary).request;
  }
  EXPECT_EQ(code_of([&] { (void)join(request, token, system_now); }), "tcp-refused");
}

TEST(Join, TokensAreReadStrictly) {
  Primary primary;
  const SecretBytes good = primary.token();
  const std::string text(text_of(view_of(good)));
  EXPECT_EQ(text.size(), 16U + 107U);
  EXPECT_EQ(code_of([&] { (void)read_token(view_of("  " + text + "\r\n")); }), "");
  for (const std::string& bad : {std::string(), std::string("chancery-join-1."), text.substr(1), text + "A",
                                 text.substr(0, text.size() - 1), "chancery-join-2." + text.substr(16),
                                 text.substr(0, 40) + "=" + text.substr(41), text.substr(0, 40) + " " + text.substr(41),
                                 text.substr(0, 40) + "+" + text.substr(41), std::string(100'000, 'A')}) {
    EXPECT_EQ(code_of([&] { (void)read_token(view_of(bad)); }), "token-malformed");
  }
}

TEST(Join, TokensAreOrderedSensibly) {
  Primary primary;
  primary.admission().enter_primary({.name = primary.name,
                                     .role = "primary",
                                     .state = "joined",
                                     .joined = *primary.time.now,
                                     .last_seen = {},
                                     .certificates = {}});
  const std::string before = primary.standing();
  const auto order = [&](Role role, std::vector<std::string> names, std::chrono::seconds life) {
    return code_of(
        [&] { (void)primary.admission().make_token({.role = role, .names = std::move(names), .time_to_live = life}); });
  };
  using namespace std::chrono_literals;
  EXPECT_EQ(order(Role::primary, {"a.example.com"}, 10min), "bad-role");
  EXPECT_EQ(order(Role::secondary, {}, 10min), "bad-name");
  EXPECT_EQ(order(Role::secondary, {"*.example.com"}, 10min), "bad-name");
  EXPECT_EQ(order(Role::secondary, {"a.example.com"}, 0s), "bad-ttl");
  EXPECT_EQ(order(Role::secondary, {"a.example.com"}, 24h * 30), "bad-ttl");
  EXPECT_EQ(order(Role::secondary, {primary.name}, 10min), "already-exists");
  EXPECT_EQ(code_of([&] { primary.admission().revoke_token("00"); }), "unknown-token");
  EXPECT_EQ(primary.standing(), before);
}

TEST(Join, TheStolenDatabaseLetsNobodyIn) {
  Primary primary;
  const SecretBytes token = primary.token();
  const JoinToken parts = read_token(view_of(token));
  for (const char* file : {"authority/authority.db", "authority/authority.db-wal"}) {
    const std::string bytes = primary.folder.read(file);
    EXPECT_EQ(bytes.find(text_of(view_of(parts.seed))), std::string::npos);
    EXPECT_EQ(bytes.find(to_hex(view_of(parts.seed))), std::string::npos);
    EXPECT_EQ(bytes.find(text_of(view_of(token)).substr(40, 30)), std::string::npos);
  }
}

TEST(Join, MembersAreSeen) {
  Primary primary;
  (void)Joiner(primary).join(primary.token());
  const Instant later = *primary.time.now + std::chrono::hours(3);
  primary.admission().seen("engine.example.com", later);
  primary.admission().seen("nobody.example.com", later);
  ASSERT_EQ(primary.admission().members().size(), 1U);
  EXPECT_EQ(primary.admission().members().front().last_seen, later);
}

}  // namespace
}  // namespace chancery::federation
