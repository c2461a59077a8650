// A rehearsal among collectors, with sessions that only remember what was sent to them: who is asked, how often, who is
// waited for, and what is said of those who are silent.
#include "engine/rehearsal.h"

#include <gmock/gmock.h>

#include <thread>

#include "appliance/storage/database.h"
#include "appliance/tls/negotiation.h"
#include "appliance/wire/collector_messages.h"
#include "engine/rehearsal_prediction.h"
#include "keystore/x509/material.h"
#include "tests/keystore/workshop.h"

namespace chancery::engine {
namespace {

using namespace std::chrono_literals;
using rehearsal::Prediction;
using rehearsal::Question;
using rehearsal::Report;

const storage::Schema schema{
    .what = "devices of a test",
    .migrations = {"CREATE TABLE devices (id TEXT PRIMARY KEY, public_key BLOB NOT NULL, facts TEXT NOT NULL, "
                   "first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL, anchors TEXT NOT NULL DEFAULT '') STRICT",
                   "CREATE TABLE blocked_collectors (id TEXT PRIMARY KEY) STRICT"}};

class HeardSession final : public wire::Session {
 public:
  HeardSession(std::string id, std::string endpoint, std::uint64_t number)
      : id_(std::move(id)), endpoint_(std::move(endpoint)), number_(number) {}
  const tls::Connection& connection() const override { throw std::logic_error("there is none"); }
  const std::string& endpoint() const override { return endpoint_; }
  std::uint64_t number() const override { return number_; }
  void send(std::string_view message) override { heard.emplace_back(message); }
  void end() override {}
  void settle() override {}
  const std::string& id() const { return id_; }
  std::vector<std::string> heard;

 private:
  std::string id_;
  std::string endpoint_;
  std::uint64_t number_;
};

wire::Facts reported(const std::string& trust, std::vector<std::string> roots = {}, const std::string& name = "") {
  wire::Facts facts;
  facts.trust_mode = trust;
  facts.trust_roots = std::move(roots);
  facts.server_name = name;
  return facts;
}

Device silent_device(wire::Facts facts, Instant last_seen = system_now()) {
  Device device;
  device.id = "a";
  device.facts = std::move(facts);
  device.last_seen = last_seen;
  return device;
}

class RehearsalTest : public testing::Test {
 protected:
  void add(const std::string& id, const std::string& endpoint = "engine", wire::Facts facts = {}) {
    devices.enter(id, {1});
    facts.trust_mode = facts.trust_mode.empty() ? "none" : facts.trust_mode;
    facts.host = "host-" + id;
    devices.report(id, facts);
    devices.session_began(id);
    sessions.push_back(std::make_unique<HeardSession>(id, endpoint, sessions.size() + 1));
  }
  void gone(const std::string& id) {
    devices.session_ended(id);
    std::erase_if(sessions, [&](const auto& session) { return session->id() == id; });
  }
  // Who answers what; nobody answers who is not here.
  std::map<std::string, std::string> reasons;
  std::size_t turns = 0;
  std::size_t most_in_a_turn = 0;

  Report ask(const Question& question, const Concerned& concerned = {}) { return rehearsal.ask(question, concerned); }
  static Question soon() { return {.client_certificate = false, .deadline = 200ms}; }

  Workshop shop;
  Devices devices{
      std::make_unique<storage::Database>(storage::Database::open(Folder::open(shop.path()), "engine.db", schema)),
      system_now};
  std::vector<std::unique_ptr<HeardSession>> sessions;
  CollectorRehearsal rehearsal{[this](CollectorRehearsal::Task task) {
                                 ++turns;
                                 std::size_t sent = 0;
                                 for (const auto& session : sessions) {
                                   const std::size_t before = session->heard.size();
                                   task(*session, session->id());
                                   sent += session->heard.size() - before;
                                 }
                                 most_in_a_turn = std::max(most_in_a_turn, sent);
                                 answer();
                               },
                               devices, system_now};

  void answer() {
    for (const auto& session : sessions) {
      const auto found = reasons.find(session->id());
      if (found == reasons.end() || session->heard.empty()) continue;
      const auto question = std::get<wire::Rehearsal>(wire::parse_message(session->heard.back()));
      rehearsal.take(session->id(), {.id = question.id, .reason = found->second, .name = "localhost", .detail = ""});
    }
  }
};

TEST_F(RehearsalTest, EverybodyIsAskedOnceAShareATime) {
  for (int at = 0; at < 1000; ++at) {
    add("c" + std::to_string(at));
    reasons["c" + std::to_string(at)] = at % 4 == 0 ? "untrusted-root" : "";
  }
  const Report report = ask({.deadline = 20s});
  EXPECT_EQ(report.asked, 1000U);
  EXPECT_EQ(report.would_trust, 750U);
  EXPECT_EQ(report.would_break.size(), 250U);
  EXPECT_TRUE(report.silent.empty());
  EXPECT_EQ(report.would_break.front().reason, "untrusted-root");
  EXPECT_EQ(report.would_break.front().name, "host-" + report.would_break.front().who);
  for (const auto& session : sessions) EXPECT_EQ(session->heard.size(), 1U);
  EXPECT_LE(most_in_a_turn, 256U);
  EXPECT_GE(turns, 4U);
}

TEST_F(RehearsalTest, WhoDoesNotAnswerInTimeIsSilentAndOthersAreNotAsked) {
  add("a");
  add("b");
  add("elsewhere", "engine-collector");
  reasons["a"] = "";
  const Report report = ask(soon(), {.endpoints = {"engine"}, .presented_others = {}, .about_portal = false});
  EXPECT_EQ(report.asked, 2U);
  EXPECT_EQ(report.would_trust, 1U);
  ASSERT_EQ(report.silent.size(), 1U);
  EXPECT_EQ(report.silent.front().entry.who, "b");
  EXPECT_TRUE(sessions[2]->heard.empty());
}

TEST_F(RehearsalTest, OnlyTheFirstAnswerOfWhoWasAskedCounts) {
  add("a");
  reasons["a"] = "";
  rehearsal.take("a", {.id = "0123456789abcdef", .reason = "expired", .name = "", .detail = ""});
  EXPECT_EQ(ask(soon()).would_trust, 1U);
  const auto question = std::get<wire::Rehearsal>(wire::parse_message(sessions[0]->heard.front()));
  rehearsal.take("a", {.id = question.id, .reason = "expired", .name = "", .detail = ""});
  EXPECT_EQ(ask(soon()).would_trust, 1U);
}

TEST_F(RehearsalTest, WhoHasNothingToDoWithItDoesNotCount) {
  add("a");
  reasons["a"] = wire::unconcerned;
  EXPECT_EQ(ask(soon()).asked, 0U);
}

TEST_F(RehearsalTest, AfterAChangeThoseAreMissedThatWereConnectedBefore) {
  add("stays");
  add("goes");
  add("went-long-ago");
  gone("went-long-ago");
  reasons["stays"] = "";
  rehearsal.remember_connected();
  gone("goes");
  const Report report = ask({.live = true, .deadline = 300ms});
  EXPECT_EQ(report.asked, 2U);
  EXPECT_EQ(report.would_trust, 1U);
  ASSERT_EQ(report.silent.size(), 1U);
  EXPECT_EQ(report.silent.front().entry.who, "goes");
  // It comes back while it is waited for.
  std::thread later([this] {
    std::this_thread::sleep_for(50ms);
    devices.session_began("goes");
  });
  EXPECT_TRUE(ask({.live = true, .deadline = 20s}).silent.empty());
  later.join();
}

TEST_F(RehearsalTest, WhoIsBlockedIsNotMissed) {
  add("a", "engine", reported("pinned"));
  gone("a");
  EXPECT_EQ(ask({.client_certificate = true, .deadline = 200ms}).breakage(), 1U);
  devices.set_blocked({"a"});
  EXPECT_EQ(ask({.client_certificate = true, .deadline = 200ms}).asked, 0U);
}

constexpr const char* newer_suite = "TLS_AES_128_GCM_SHA256";
constexpr const char* older_suite = "ECDHE-ECDSA-AES128-GCM-SHA256";

wire::Facts offering(const std::string& ciphers) {
  wire::Facts facts;
  facts.offer = tls::to_text({.ciphers = ciphers, .groups = "X25519:prime256v1"});
  return facts;
}

Certificate some_leaf(const Workshop& shop) {
  shop.run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout l.key -out l.pem -subj /CN=l");
  return read_material(shop.read("l.pem"), {.source = "l.pem"}).certificates.at(0);
}

TEST_F(RehearsalTest, WhatAProfileWouldRefuseIsTriedWithWhatEachHasOffered) {
  add("newer", "engine", offering(std::string(newer_suite) + ":" + older_suite));
  add("older", "engine", offering(older_suite));
  add("earlier");  // connected, but what it offers was never told
  add("away", "engine", offering(older_suite));
  add("elsewhere", "engine-collector", offering(older_suite));
  gone("away");
  Question question{.present = {some_leaf(shop)},
                    .lists = tls::ProtocolLists{.minimum_protocol = "TLSv1.3"},
                    .present_lists = tls::ProtocolLists{},
                    .deadline = 200ms};
  const Report report = ask(question, {.endpoints = {"engine"}, .presented_others = {}, .about_portal = false});
  for (const auto& session : sessions) EXPECT_TRUE(session->heard.empty()) << "nobody needs to be asked";
  EXPECT_EQ(report.asked, 4U);
  EXPECT_EQ(report.would_trust, 1U);
  ASSERT_EQ(report.would_break.size(), 1U);
  EXPECT_EQ(report.would_break.front().who, "older");
  EXPECT_EQ(report.would_break.front().reason, "protocol-version");
  std::map<std::string, std::pair<Prediction, std::string>> silent;
  for (const auto& each : report.silent) silent[each.entry.who] = {each.predicted, each.entry.reason};
  EXPECT_EQ(silent["earlier"], std::pair(Prediction::unknown, std::string()));
  EXPECT_EQ(silent["away"], std::pair(Prediction::would_break, std::string("protocol-version")));
  EXPECT_EQ(silent.size(), 2U);
  EXPECT_EQ(report.breakage(), 2U);
  // Whom the lists in force refuse already is not broken by these.
  question.present_lists = tls::ProtocolLists{.minimum_protocol = "TLSv1.3"};
  EXPECT_TRUE(
      ask(question, {.endpoints = {"engine"}, .presented_others = {}, .about_portal = false}).would_break.empty());
}

TEST_F(RehearsalTest, WhoIsAskedBesidesAndAgreesIsStillTried) {
  add("older", "engine", offering(older_suite));
  reasons["older"] = "";
  const Report report = ask({.present = {some_leaf(shop)},
                             .minimum_protocol = "TLSv1.3",
                             .lists = tls::ProtocolLists{.minimum_protocol = "TLSv1.3"},
                             .present_lists = tls::ProtocolLists{},
                             .deadline = 200ms});
  EXPECT_EQ(sessions[0]->heard.size(), 1U);
  ASSERT_EQ(report.would_break.size(), 1U);
  EXPECT_EQ(report.would_break.front().reason, "protocol-version");
}

TEST_F(RehearsalTest, OfAnEndpointThatClosesThoseAreLostWhoKnowNoOther) {
  const auto knowing = [](int others) {
    wire::Facts facts;
    facts.others = others;
    return facts;
  };
  add("alone", "engine", knowing(0));
  add("two", "engine", knowing(1));
  add("earlier", "engine", knowing(wire::others_unknown));
  add("alone-and-away", "engine", knowing(0));
  gone("alone-and-away");
  const Report report = ask({.closes = true, .deadline = 200ms});
  ASSERT_EQ(report.would_break.size(), 1U);
  EXPECT_EQ(report.would_break.front().who, "alone");
  EXPECT_EQ(report.would_break.front().reason, wire::endpoint_closed);
  std::map<std::string, Prediction> silent;
  for (const auto& each : report.silent) silent[each.entry.who] = each.predicted;
  EXPECT_EQ(silent, (std::map<std::string, Prediction>{{"alone-and-away", Prediction::would_break},
                                                       {"earlier", Prediction::unknown},
                                                       {"two", Prediction::would_trust}}));
  EXPECT_EQ(report.breakage(), 2U);
}

Certificate certificate_in(const Workshop& shop, const std::string& name) {
  return read_material(shop.read(name), {.source = name}).certificates.at(0);
}

TEST(Predictor, KnowsOfAPinnedOneByItsRootsAndName) {
  Workshop shop;
  shop.run(
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout root.key -out root.pem -days 9 "
      "-subj /CN=R");
  shop.run(
      "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout leaf.key -out leaf.csr -subj /CN=leaf");
  shop.write("ext", "subjectAltName=DNS:engine.test\nextendedKeyUsage=serverAuth\n");
  shop.run(
      "openssl x509 -req -in leaf.csr -CA root.pem -CAkey root.key -CAcreateserial -days 5 -extfile ext -out leaf.pem");
  const Certificate root = certificate_in(shop, "root.pem");
  const Certificate leaf = certificate_in(shop, "leaf.pem");
  const Question question{.chain = {leaf}, .roots = {root}};
  Predictor predictor(question, system_now());
  const auto word = [&](wire::Facts facts) {
    const auto silent = predictor.predict(silent_device(std::move(facts)), {});
    return std::pair(silent.predicted, silent.entry.reason);
  };
  const std::string other(64, 'a');
  EXPECT_EQ(word(reported("pinned", {root.fingerprint()}, "engine.test")),
            std::pair(Prediction::would_trust, std::string()));
  EXPECT_EQ(word(reported("pinned", {leaf.fingerprint()}, "engine.test")).first, Prediction::would_trust);
  EXPECT_EQ(word(reported("pinned", {root.fingerprint()}, "10.0.0.1")),
            std::pair(Prediction::would_break, std::string("name-mismatch")));
  EXPECT_EQ(word(reported("pinned", {root.fingerprint()}, "")).first, Prediction::would_trust) << "it compares no name";
  EXPECT_EQ(word(reported("pinned", {other}, "engine.test")),
            std::pair(Prediction::would_break, std::string("untrusted-root")));
  EXPECT_EQ(word(reported("operating-system", {}, "engine.test")).second, "untrusted-root");
  EXPECT_EQ(word(reported("none")).first, Prediction::would_trust);
  // Nobody here knows what it ends at: nothing can be said of one that is pinned to something else.
  const Question unknown{.chain = {leaf}};
  EXPECT_EQ(Predictor(unknown, system_now()).predict(silent_device(reported("pinned", {other})), {}).predicted,
            Prediction::unknown);
  // Long gone, it is told and does not count.
  EXPECT_FALSE(predictor.predict(silent_device(reported("none"), system_now() - std::chrono::days(91)), {}).counts);
}

}  // namespace
}  // namespace chancery::engine
