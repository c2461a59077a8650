// What a portal believes of a heartbeat, and what it writes down of it.
#include "portal/proven_anchors.h"

#include <nlohmann/json.hpp>

#include "appliance/storage/database.h"
#include "keystore/x509/material.h"
#include "portal/blocked.h"
#include "tests/keystore/workshop.h"

namespace chancery::portal {
namespace {

using nlohmann::json;

const std::string root_a(64, 'a');
const std::string root_b(64, 'b');
const std::string collector(64, 'c');

class ProvenAnchorsTest : public testing::Test {
 protected:
  ProvenAnchorsTest() {
    shop.run(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k -out m.crt -subj /CN=e1 "
        "-addext subjectAltName=DNS:e1.test,DNS:e1.internal");
    member = read_material(shop.read("m.crt"), {.source = "m.crt"}).certificates;
    body = {
        {"name", "e1.test"},
        {"internal_name", "e1.internal"},
        {"version", "1.0"},
        {"clock", 1'800'000'000},
        {"port", 443},
        {"devices", 1},
        {"connected", 1},
        {"generation", 7},
        {"served",
         {{{"endpoint", "engine"}, {"identity", "engine"}, {"sha256", root_a}, {"not_after", "2027-01-01T00:00:00Z"}}}},
        {"anchors", {entry()}},
        {"anchors_pending", 3}};
  }
  static json entry() {
    return {{"who", collector}, {"kind", "collector"}, {"name", "pc"},  {"sha256", {root_a}},
            {"since", {100}},   {"held", {root_b}},    {"needs", true}, {"seen", 200}};
  }
  HeartbeatReport parse(const json& document) const { return parse_heartbeat(document.dump(), member.at(0)); }
  std::string refusal(const json& document) const {
    return code_of([&] { static_cast<void>(parse(document)); });
  }
  // "sha256 proven seen member", in order.
  std::vector<std::string> rows() const {
    std::vector<std::string> all;
    for (const storage::Row& row : store->rows(
             "SELECT sha256, proven, seen, member FROM proven_anchors WHERE who = ? ORDER BY sha256", {collector})) {
      all.push_back(row.text(0).substr(0, 4) + " " + std::to_string(row.integer(1)) + " " +
                    std::to_string(row.integer(2)) + " " + row.text(3));
    }
    return all;
  }

  Workshop shop;
  std::vector<Certificate> member;
  json body;
  std::unique_ptr<storage::Store> store = std::make_unique<storage::Database>(storage::Database::open(
      Folder::open(shop.path()), "portal.db", {.what = "a test", .migrations = {proven_anchors_table}}));
  using Rows = std::vector<std::string>;
};

TEST_F(ProvenAnchorsTest, HealthIsTakenWhereItIsFreshAndNoReasonToRefuseWhereItIsNot) {
  EXPECT_EQ(nullptr, parse(body).health);  // an earlier version's
  const json told{
      {"at", "2027-01-15T08:00:00Z"},  // of 1,800,000,000
      {"findings", {{{"check", "drift"}, {"message", "m"}, {"hint", "h"}, {"since", "2027-01-15T07:00:00Z"}}}},
      {"certificates", json::array()},
      {"members", {"e9.test"}}};
  body["health"] = told;
  ASSERT_NE(nullptr, parse(body).health);
  EXPECT_EQ("drift", parse(body).health->findings.at(0).check);
  EXPECT_FALSE(parse(body).health->members);
  body["health"]["at"] = "2027-01-15T07:54:59Z";
  EXPECT_EQ(nullptr, parse(body).health);
  for (const json& wrong : {json("x"), json::object(), json::array({told})}) {
    body["health"] = wrong;
    EXPECT_EQ("", refusal(body));
    EXPECT_EQ(nullptr, parse(body).health);
  }
}

TEST_F(ProvenAnchorsTest, AHeartbeatIsReadAndWrittenDown) {
  const HeartbeatReport report = parse(body);
  EXPECT_EQ(report.generation, 7);
  EXPECT_EQ(report.anchors_pending, 3);
  ASSERT_EQ(report.served.size(), 1U);
  store_anchors(*store, report.name, report.anchors);
  EXPECT_EQ(rows(), (Rows{"aaaa 100 200 e1.test", "bbbb 0 200 e1.test"}));
  // What is told anew replaces what was known.
  json next = entry();
  next["sha256"] = {root_b};
  next["held"] = json::array();
  next["seen"] = 300;
  body["anchors"] = {next};
  store_anchors(*store, "e1.test", parse(body).anchors);
  EXPECT_EQ(rows(), Rows{"bbbb 100 300 e1.test"});
}

TEST_F(ProvenAnchorsTest, WhoHasToldOfNothingAndWhoNeedsNothing) {
  json next = entry();
  next["sha256"] = next["since"] = next["held"] = json::array();
  body["anchors"] = {next};
  store_anchors(*store, "e1.test", parse(body).anchors);
  EXPECT_EQ(rows(), Rows{" 0 200 e1.test"});
  next["needs"] = false;
  body["anchors"] = {next};
  store_anchors(*store, "e1.test", parse(body).anchors);
  EXPECT_EQ(rows(), Rows{"none 0 200 e1.test"});
}

TEST_F(ProvenAnchorsTest, ACollectorThatHasMovedIsWhatItsPresentEngineSays) {
  AnchorReport report = parse(body).anchors.at(0);
  store_anchors(*store, "e2.test", {report});
  report.proven.clear();
  report.seen -= std::chrono::seconds(50);
  store_anchors(*store, "e1.test", {report});
  EXPECT_EQ(rows(), (Rows{"aaaa 100 200 e2.test", "bbbb 0 200 e2.test"}));
  report.seen += std::chrono::seconds(100);
  store_anchors(*store, "e1.test", {report});
  EXPECT_EQ(rows(), Rows{"bbbb 0 250 e1.test"});
}

TEST_F(ProvenAnchorsTest, AnEngineSpeaksForItselfAndItsCollectorsOnly) {
  json own = entry();
  own["kind"] = "member";
  own["who"] = "e1.test";
  body["anchors"] = {own};
  EXPECT_EQ(refusal(body), "");
  own["who"] = "e2.test";
  body["anchors"] = {own};
  EXPECT_EQ(refusal(body), "forbidden");
  own["kind"] = "trust-store";
  body["anchors"] = {own};
  EXPECT_EQ(refusal(body), "forbidden");
  body["name"] = "e2.test";
  EXPECT_EQ(refusal(body), "name-mismatch");
}

TEST_F(ProvenAnchorsTest, ABlockedCollectorStaysBlocked) {
  store->run(blocked_collectors_table);
  Blocked blocked(*store);
  EXPECT_TRUE(blocked.set(collector, true));
  EXPECT_FALSE(blocked.set(collector, true));
  EXPECT_TRUE(Blocked(*store).contains(collector));
  EXPECT_EQ(code_of([&] { blocked.set("short", true); }), "bad-id");
  EXPECT_TRUE(blocked.set(collector, false));
  EXPECT_FALSE(Blocked(*store).contains(collector));
}

TEST_F(ProvenAnchorsTest, WhatIsNoHeartbeatIsRefused) {
  EXPECT_EQ(refusal(json::array()), "heartbeat-invalid");
  EXPECT_EQ(refusal(body), "");
  for (const auto& [key, wrong] :
       std::vector<std::pair<std::string, json>>{{"port", 0},
                                                 {"port", "443"},
                                                 {"clock", -1},
                                                 {"version", std::string(65, 'x')},
                                                 {"served", json::array_t(65, body["served"][0])},
                                                 {"served", {{{"endpoint", "e"}}}},
                                                 {"anchors", json::array_t(1002, entry())},
                                                 {"anchors", {{{"who", "x"}}}}}) {
    json document = body;
    document[key] = wrong;
    EXPECT_EQ(refusal(document), "heartbeat-invalid") << key << " " << wrong.dump().substr(0, 80);
  }
  for (const auto& [key, wrong] : std::vector<std::pair<std::string, json>>{{"who", "not hex"},
                                                                            {"sha256", {std::string(63, 'a')}},
                                                                            {"since", json::array()},
                                                                            {"seen", 1e300},
                                                                            {"held", json::array_t(17, root_a)},
                                                                            {"name", std::string(257, 'x')}}) {
    json document = body;
    document["anchors"][0][key] = wrong;
    EXPECT_EQ(refusal(document), "heartbeat-invalid") << key;
  }
  // Those of earlier versions have less.
  for (const char* key : {"clock", "generation", "served", "anchors", "anchors_pending"}) body.erase(key);
  EXPECT_EQ(refusal(body), "");
}

}  // namespace
}  // namespace chancery::portal
