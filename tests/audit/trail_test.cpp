// The chain on a real database, and every way of tampering with it that SQL offers.
#include "appliance/audit/trail.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "appliance/audit/verification.h"
#include "tests/control/temporary.h"

namespace chancery::audit {
namespace {

using nlohmann::json;

Record change(const std::string& verb) {
  Record record{
      .time = Instant(std::chrono::seconds(1'790'000'000)), .kind = "change", .who = "root (uid 0)", .verb = verb};
  record.outcome = "done";
  return record;
}

class Tampering : public ::testing::Test {
 protected:
  Tampering() {
    place_.put("secrets/none", "");
    place_.put("run/manager/none", "");
    Trail trail = open();
    for (int count = 1; count <= 8; ++count) trail.append(change("verb-" + std::to_string(count)));
  }

  Trail open() const { return Trail::open(folder_, "appliance.test"); }
  void sql(const std::string& statements) const {
    SQLite::Database(place_.path("audit/audit.db"), SQLite::OPEN_READWRITE).exec(statements);
  }
  Verdict verdict(const std::vector<PeerHeads>& peers = {}) const { return verify(open(), peers); }
  // "code number" of each finding that is no note.
  std::vector<std::string> found(const std::vector<PeerHeads>& peers = {}) const {
    std::vector<std::string> all;
    for (const Finding& finding : verdict(peers).findings) {
      if (finding.severity == Severity::note) continue;
      all.push_back(finding.code + " " + std::to_string(finding.number));
    }
    return all;
  }
  PeerHeads peer(const std::vector<SignedHead>& heads) const {
    return {.peer = "peer.test", .problem = "", .heads = heads};
  }
  // The whole log anew with other content, hashes and head, by somebody who has the key.
  void rewrite(int records) const {
    sql("DELETE FROM records; DELETE FROM head");
    Trail trail = open();
    for (int count = 1; count <= records; ++count) trail.append(change("other-" + std::to_string(count)));
  }

  test::TemporaryFolder place_;
  Folder folder_ = Folder::open(place_.path());
};

using Found = std::vector<std::string>;

TEST_F(Tampering, NobodyDidAnything) {
  EXPECT_EQ(Found{}, found());
  const Verdict whole = verdict({peer({*open().head()})});
  EXPECT_FALSE(whole.is_broken());
  EXPECT_EQ(8, whole.records);
  EXPECT_EQ(8, whole.confirmed);
  EXPECT_EQ("peer.test", whole.confirmed_by);
}

TEST_F(Tampering, EveryFieldOfARecordCounts) {
  for (const char* edit :
       {"time = time + 1", "kind = 'x'", "who = 'x'", "verb = 'x'", "arguments = '{\"a\":1}'", "from_generation = 9",
        "to_generation = 9", "outcome = 'x'", "code = 'x'", "leaves = '[1]'", "change = 'x'"}) {
    SQLite::Database database(place_.path("audit/audit.db"), SQLite::OPEN_READWRITE);
    database.exec("CREATE TEMP TABLE kept AS SELECT * FROM records WHERE number = 4");
    database.exec(std::string("UPDATE records SET ") + edit + " WHERE number = 4");
    EXPECT_EQ(Found{"altered 4"}, found()) << edit;
    database.exec("DELETE FROM records WHERE number = 4; INSERT INTO records SELECT * FROM kept");
    EXPECT_EQ(Found{}, found()) << edit;
  }
}

TEST_F(Tampering, AnEditThatBringsItsHashAlongBreaksTheChain) {
  Trail trail = open();
  Record record = trail.page(3, 1).front();
  record.who = "nobody";
  record.hash = hash_of(record);
  SQLite::Database database(place_.path("audit/audit.db"), SQLite::OPEN_READWRITE);
  SQLite::Statement statement(database, "UPDATE records SET who = ?, hash = ? WHERE number = 4");
  statement.bind(1, record.who);
  statement.bind(2, record.hash.data(), static_cast<int>(record.hash.size()));
  statement.exec();
  EXPECT_EQ(Found{"replaced 4"}, found());
}

TEST_F(Tampering, RecordsTakenOutOfTheMiddle) {
  sql("DELETE FROM records WHERE number IN (3, 4)");
  EXPECT_EQ(Found{"missing 3"}, found());
}

TEST_F(Tampering, TheFirstOneTakenOut) {
  sql("DELETE FROM records WHERE number = 1");
  EXPECT_EQ(Found{"missing 1"}, found());
}

TEST_F(Tampering, RecordsThatChangedPlaces) {
  sql("UPDATE records SET number = -3 WHERE number = 3; UPDATE records SET number = 3 WHERE number = 6;"
      "UPDATE records SET number = 6 WHERE number = -3");
  const Found all = found();
  EXPECT_TRUE(std::count(all.begin(), all.end(), "reordered 3")) << json(all);
  EXPECT_TRUE(std::count(all.begin(), all.end(), "reordered 6")) << json(all);
}

TEST_F(Tampering, NeighboursThatChangedPlaces) {
  sql("UPDATE records SET number = -3 WHERE number = 3; UPDATE records SET number = 3 WHERE number = 4;"
      "UPDATE records SET number = 4 WHERE number = -3");
  const Found all = found();
  EXPECT_TRUE(std::count(all.begin(), all.end(), "reordered 3")) << json(all);
  EXPECT_TRUE(std::count(all.begin(), all.end(), "reordered 4")) << json(all);
}

TEST_F(Tampering, TheEndCutOff) {
  sql("DELETE FROM records WHERE number > 5");
  EXPECT_EQ(Found{"cut-end 6"}, found());
  // What is written afterwards does not fill the hole.
  open().append(change("later"));
  EXPECT_EQ(Found{"missing 6"}, found());
}

TEST_F(Tampering, TheEndCutOffTogetherWithTheHead) {
  const SignedHead held = *open().head();
  sql("DELETE FROM records WHERE number > 5; DELETE FROM head");
  EXPECT_EQ(Found{"head-missing 5"}, found());
  EXPECT_EQ((Found{"head-missing 5", "cut-end 6"}), found({peer({held})}));
  // With the key, a head that fits can be made: only the peer knows better.
  sql("DELETE FROM records WHERE number = 5");
  open().append(change("verb-5"));
  EXPECT_EQ(Found{}, found());
  EXPECT_EQ(Found{"cut-end 6"}, found({peer({held})}));
}

TEST_F(Tampering, AForgedHead) {
  sql("DELETE FROM records WHERE number > 5;"
      "UPDATE head SET number = 5, hash = (SELECT hash FROM records WHERE number = 5)");
  EXPECT_EQ(Found{"head-forged 5"}, found());
}

TEST_F(Tampering, TheWholeWrittenAnew) {
  std::vector<SignedHead> heads{*open().head()};
  open().append(change("verb-9"));
  heads.push_back(*open().head());
  rewrite(12);
  EXPECT_EQ(Found{}, found());  // nothing that only this appliance holds knows better
  EXPECT_EQ(Found{"rewritten 1"}, found({peer(heads)}));
}

TEST_F(Tampering, ThePlaceFromWhichItWasWrittenAnewIsFound) {
  std::vector<SignedHead> heads{*open().head()};
  open().append(change("verb-9"));
  heads.push_back(*open().head());
  sql("DELETE FROM records WHERE number > 8; UPDATE head SET number = 8");
  Trail trail = open();
  trail.append(change("other-9"));
  trail.append(change("other-10"));
  EXPECT_EQ(Found{"rewritten 9"}, found({peer(heads)}));
}

TEST_F(Tampering, RemovedWhole) {
  const SignedHead held = *open().head();
  folder_.remove_tree("audit");
  open().append(change("first"));
  EXPECT_EQ(Found{}, found());
  EXPECT_EQ(Found{"cut-end 2"}, found({peer({held})}));
}

TEST_F(Tampering, AKeyExchangedWithoutTheOneBefore) {
  const SignedHead held = *open().head();
  folder_.remove("secrets/audit.key");
  open().append(change("later"));
  const Found all = found({peer({held})});
  EXPECT_TRUE(std::count(all.begin(), all.end(), "key-replaced 0")) << json(all);
}

TEST_F(Tampering, ADamagedDatabase) {
  place_.put("audit/audit.db", std::string(8192, 'x'));
  try {
    const Verdict damaged = verdict();
    EXPECT_TRUE(damaged.is_broken());
  } catch (const Failure& failure) {
    EXPECT_EQ("storage-damaged", failure.code());
  }
}

TEST_F(Tampering, AHeadThatNobodySignedIsNotBelieved) {
  SignedHead forged = *open().head();
  forged.head.number = 500;
  EXPECT_EQ(Found{"peer-forged 500"}, found({peer({forged})}));
  EXPECT_FALSE(verdict({peer({forged})}).is_broken());
}

TEST_F(Tampering, AKeyThatWasChangedByTheBookIsFine) {
  std::vector<SignedHead> heads{*open().head()};
  open().rotate_key();
  heads.push_back(*open().head());
  open().append(change("later"));
  EXPECT_EQ(Found{}, found({peer(heads)}));
  EXPECT_EQ(2U, open().keys().size());
  EXPECT_TRUE(open().head()->is_genuine());
}

TEST_F(Tampering, ARotationCutShortIsFinishedByTheNextOne) {
  const SecretBytes former = folder_.read_secret("secrets/audit.key", 4096);
  open().rotate_key();
  folder_.rename("secrets/audit.key", "secrets/audit-next.key");
  folder_.write_atomically("secrets/audit.key", view_of(former), {.mode = 0600});
  open().append(change("later"));
  EXPECT_EQ(Found{}, found());
  EXPECT_FALSE(folder_.status("secrets/audit-next.key"));
}

TEST_F(Tampering, ARebuildSaysWhatItLostAndIsNoBreak) {
  open().append(change("verb-9"));
  const SignedHead held = *open().head();
  sql("DELETE FROM records WHERE number > 6; UPDATE head SET number = 6, hash = (SELECT hash FROM records WHERE number "
      "= 6)");
  EXPECT_EQ(Trail::rebuild_step, open().append_rebuild(change("init-from-backup")));
  open().append(change("later"));
  EXPECT_EQ((Found{"rebuilt 1000000", "lost-by-rebuild 7"}), found({peer({held, *open().head()})}));
  const Verdict told = verdict({peer({held})});
  EXPECT_FALSE(told.is_broken());
  EXPECT_TRUE(told.warns());
  // A record of another kind may not leave room.
  sql("UPDATE records SET kind = 'change' WHERE number = 1000000");
  EXPECT_TRUE(verdict().is_broken());
}

TEST_F(Tampering, AnIntentBecomesOneRecordHoweverOftenItIsConcluded) {
  Trail trail = open();
  const std::string id = new_change_id();
  trail.begin({.change = id, .time = {}, .who = "root", .verb = "cert-replace", .arguments = "{}", .from = 3});
  ASSERT_EQ(1U, open().intents().size());
  EXPECT_EQ(3, open().intents().front().from);
  EXPECT_TRUE(trail.conclude(id, change("cert-replace")));
  EXPECT_FALSE(open().conclude(id, change("cert-replace")));
  EXPECT_TRUE(open().intents().empty());
  EXPECT_EQ(1U, open().newest({.verb = "cert-replace"}).size());
  EXPECT_EQ(id, open().newest({.verb = "cert-replace"}).front().change);
  EXPECT_EQ(Found{}, found());
}

TEST_F(Tampering, FiltersNarrow) {
  Record refused = change("cert-replace");
  refused.outcome = "refused";
  refused.who = "alice (uid 1000)";
  refused.time += std::chrono::hours(1);
  open().append(refused);
  const Trail trail = open();
  EXPECT_EQ(3U, trail.newest({.limit = 3}).size());
  EXPECT_EQ(7, trail.newest({.limit = 3}).front().number);
  EXPECT_EQ(2U, trail.newest({.after = 7}).size());
  EXPECT_EQ(1U, trail.newest({.outcome = "refused"}).size());
  EXPECT_EQ(1U, trail.newest({.who = "alice"}).size());
  EXPECT_EQ(1U, trail.newest({.since = refused.time}).size());
  EXPECT_EQ(8U, trail.newest({.until = refused.time - std::chrono::seconds(1)}).size());
  EXPECT_TRUE(trail.newest({.kind = "sign-in"}).empty());
}

TEST(Redaction, FilesAreNamesAndSecretsAreGone) {
  const json arguments{{"files", {{"certificate", {{{"name", "portal.pem"}, {"attachment", 0}}}}}},
                       {"passphrase", {{"attachment", 1}}},
                       {"names", std::vector<std::string>(40, "a.example.com")},
                       {"reason", std::string(1000, 'r')},
                       {"dry_run", false},
                       {"none", nullptr}};
  const json kept = json::parse(redacted_arguments(arguments));
  EXPECT_EQ("portal.pem", kept["files"]["certificate"][0]);
  EXPECT_EQ("(given)", kept["passphrase"]);
  EXPECT_EQ(17U, kept["names"].size());
  EXPECT_LT(kept["reason"].get<std::string>().size(), 300U);
  EXPECT_FALSE(kept.contains("none"));
  json wide = json::object();
  for (int count = 0; count < 16; ++count)
    wide["k" + std::to_string(count)] = std::vector<std::string>(16, std::string(250, 'x'));
  EXPECT_LE(redacted_arguments(wide).size(), 4096U);
}

}  // namespace
}  // namespace chancery::audit
