// What an engine keeps of its collectors' proofs, and what of it is told to the portal, and when.
#include "engine/devices.h"

#include "appliance/storage/database.h"
#include "tests/keystore/workshop.h"

namespace chancery::engine {
namespace {

const storage::Schema schema{
    .what = "devices of a test",
    .migrations = {"CREATE TABLE devices (id TEXT PRIMARY KEY, public_key BLOB NOT NULL, facts TEXT NOT NULL, "
                   "first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL, anchors TEXT NOT NULL DEFAULT '') STRICT",
                   "CREATE TABLE blocked_collectors (id TEXT PRIMARY KEY) STRICT"}};

class DevicesTest : public testing::Test {
 protected:
  std::unique_ptr<Devices> open() {
    return std::make_unique<Devices>(
        std::make_unique<storage::Database>(storage::Database::open(Folder::open(shop.path()), "engine.db", schema)),
        [this] { return now; });
  }
  static std::vector<std::string> names(const std::vector<Device>& devices) {
    std::vector<std::string> ids;
    for (const Device& device : devices) ids.push_back(device.id);
    return ids;
  }
  using Names = std::vector<std::string>;

  Workshop shop;
  Instant now = system_now();
};

TEST_F(DevicesTest, AProofIsKeptAndEndsWithWhatTheCollectorHolds) {
  auto devices = open();
  devices->enter("a", {1});
  EXPECT_TRUE(devices->holds("a", {.needs = true, .held = {"old", "new"}, .proven = {}, .lists = {}}).empty());
  devices->proves("a", "new");
  devices->proves("nobody", "new");
  EXPECT_EQ(devices->holds("a", {.needs = true, .held = {"old", "new"}, .proven = {"new"}, .lists = {}}).size(), 1U);
  devices->flush();
  devices = open();
  devices->flush();
  const Device kept = devices->list(0, 9).at(0);
  EXPECT_TRUE(kept.anchoring.is_known);
  EXPECT_TRUE(kept.anchoring.needs);
  EXPECT_EQ(kept.anchoring.held, (Names{"old", "new"}));
  EXPECT_EQ(kept.anchoring.proven, (std::map<std::string, Instant>{{"new", now}}));
  // Installed anew, it has forgotten: so has the engine, and asks again.
  EXPECT_TRUE(devices->holds("a", {.needs = true, .held = {"old"}, .proven = {}, .lists = {}}).empty());
  EXPECT_TRUE(devices->list(0, 9).at(0).anchoring.proven.empty());
}

TEST_F(DevicesTest, OnlyNewsIsToldAndNothingIsLost) {
  auto devices = open();
  for (const char* id : {"a", "b", "c"}) devices->enter(id, {1});
  EXPECT_EQ(names(devices->take_untold(2)), (Names{"a", "b"}));
  EXPECT_EQ(devices->untold(), 1U);
  const auto last = devices->take_untold(2);
  EXPECT_EQ(names(last), Names{"c"});
  devices->put_back_untold(last);
  EXPECT_EQ(names(devices->take_untold(9)), Names{"c"});
  // Reports of facts are no news, and an answer that says the same is none either.
  const wire::Holds holds{.needs = true, .held = {"old"}, .proven = {}, .lists = {}};
  devices->holds("b", holds);
  EXPECT_EQ(names(devices->take_untold(9)), Names{"b"});
  devices->holds("b", holds);
  devices->report("b", {});
  EXPECT_EQ(devices->untold(), 0U);
  devices->proves("b", "new");
  EXPECT_EQ(devices->take_untold(9).at(0).anchoring.proven.size(), 1U);
  // That it is still there is told once an hour.
  now += std::chrono::hours(1);
  devices->report("b", {});
  EXPECT_EQ(names(devices->take_untold(9)), Names{"b"});
  devices->tell_all_again();
  EXPECT_EQ(devices->untold(), 3U);
}

TEST_F(DevicesTest, ADeviceIsConnectedWhileOneOfItsSessionsLasts) {
  auto devices = open();
  devices->enter("a", {1});
  devices->session_began("a");
  devices->session_began("a");
  devices->session_ended("a");
  EXPECT_EQ(devices->connected(), 1U);
  devices->session_ended("a");
  EXPECT_EQ(devices->connected(), 0U);
  devices->session_ended("a");
  devices->session_began("a");
  EXPECT_EQ(devices->connected(), 1U);
}

TEST_F(DevicesTest, WhoIsBlockedStaysSo) {
  auto devices = open();
  devices->flush();
  const std::string none = devices->blocked_digest();
  devices->set_blocked({"a", "b"});
  EXPECT_TRUE(devices->is_blocked("a"));
  devices->flush();
  devices = open();
  devices->flush();
  EXPECT_TRUE(devices->is_blocked("b"));
  EXPECT_FALSE(devices->is_blocked("c"));
  EXPECT_NE(devices->blocked_digest(), none);
  devices->set_blocked({});
  devices->flush();
  devices = open();
  devices->flush();
  EXPECT_FALSE(devices->is_blocked("b"));
  EXPECT_EQ(devices->blocked_digest(), none);
}

}  // namespace
}  // namespace chancery::engine
