// The authority's register in a file and on a real PostgreSQL server: what it holds, how it moves from one to the
// other, who may write, and its versions forth and back.
#include "appliance/authority/register.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>

#include "appliance/authority/issuance.h"
#include "appliance/authority/register_move.h"
#include "appliance/authority/rotation.h"
#include "appliance/federation/roster.h"
#include "keystore/bytes/text_encoding.h"
#include "tests/storage/fixture.h"

namespace chancery::authority {
namespace {

using storage::PostgresServer;

const std::vector<std::string> own_tables{"issuer"};

class RegisterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server_.empty();
    std::filesystem::create_directories(folder_.file("current/trust/engine"));
    std::filesystem::copy_file(server_.options().trust_file(), folder_.file("current/trust/engine/ca-bundle.crt"));
    folder_.write("password", view_of("geheim\n"));
    std::filesystem::permissions(folder_.file("password"), std::filesystem::perms::owner_read);
    (void)Authority::create(Folder::create(folder_.file("authority"), {.mode = 0700}), {.mode = 0600},
                            {.federation = federation_, .names = {"primary.example.com"}}, time_.clock());
  }

  RegisterPlace file() const { return {.state = folder_.path(), .setting = {}}; }
  RegisterPlace server() const {
    const auto options = server_.options();
    return {.state = folder_.path(),
            .setting = {.kind = StorageSetting::Kind::postgresql,
                        .user = options.user,
                        .host = options.host,
                        .port = options.port,
                        .database = options.database,
                        .password_file = folder_.file("password")}};
  }
  // As the manager opens it for one request.
  Authority open(const RegisterPlace& place, const Claimant& who = first_) const {
    auto store = place.open();
    guard_for_request(*store, place, who, time_.clock());
    return Authority::open(Folder::open(folder_.file("authority")), std::move(store), time_.clock());
  }
  Move move(const RegisterPlace& from, const RegisterPlace& to, const MoveProgress& progress = {}) const {
    return move_register(from, to, first_, time_.clock(), progress);
  }
  static Certificate issue(Authority& authority, const std::string& member = "engine") {
    return authority.issue({.names = {"primary.example.com"},
                            .public_key_der = PrivateKey::generate(KeyType::ecdsa_p256).public_key_der(),
                            .issued_for = "a test",
                            .member = member,
                            .identity = "engine"});
  }
  // Something in every kind of row that a primary writes.
  void use(Authority& authority) const {
    storage::Store& store = authority.store();
    authority.permit_names({"engine.example.com", "192.0.2.1"});
    store.write([&] {
      federation::enter_token(store, {.id = {1, 2},
                                      .public_key_der = {3},
                                      .role = "secondary",
                                      .names = {"engine.example.com"},
                                      .created = *time_.now,
                                      .expires = *time_.now + std::chrono::minutes(10)});
      const Certificate leaf = issue(authority);
      federation::bind_token(store, {1, 2}, view_of("digest"), *time_.now);
      federation::enter_given(store, {1, 2}, "engine", from_hex(leaf.fingerprint()));
      federation::enter_member(store, {.name = "engine",
                                       .role = "secondary",
                                       .state = "joined",
                                       .joined = *time_.now,
                                       .last_seen = {},
                                       .certificates = {leaf}});
    });
    federation::member_seen(store, "engine", *time_.now + std::chrono::seconds(5));
    federation::member_seen(store, "engine", *time_.now);
    (void)issue(authority, "gone");
    (void)revoke_all(store, "gone", *time_.now);
    federation::revoke_tokens_of(store, "nobody", *time_.now);
    (void)authority.revocation_list();
  }
  static std::vector<storage::TableDigest> digests(storage::Store& store,
                                                   const storage::Schema& schema = register_schema(),
                                                   const std::vector<std::string>& without = own_tables) {
    std::vector<storage::TableDigest> all;
    store.write([&] { all = storage::digests(store, schema, without); });
    return all;
  }
  std::vector<storage::TableDigest> digests(const RegisterPlace& place) const { return digests(*place.open()); }
  static std::int64_t certificates(const RegisterPlace& place) {
    return place.open()->rows("SELECT count(*) FROM certificates").front().integer(0);
  }
  void end_sessions(const std::string& application) const {
    (void)server_.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '" +
                      application + "'");
  }

  testing::TemporaryFolder folder_;
  testing::TurningClock time_;
  PostgresServer& server_ = PostgresServer::instance();
  const std::string federation_ = "3fa2b5c6d7e8f901";
  inline static const Claimant first_{.id = "one", .address = "one.example.com:8444"};
  inline static const Claimant second_{.id = "two", .address = "two.example.com:8444"};
};

TEST_F(RegisterTest, AServerHoldsAllThatAFileHolds) {
  (void)move(file(), server());
  Authority authority = open(server());
  use(authority);
  storage::Store& store = authority.store();
  EXPECT_EQ(federation::find_member(store, "engine")->last_seen, *time_.now + std::chrono::seconds(5));
  EXPECT_EQ(federation::given(store, {1, 2}).size(), 1U);
  EXPECT_EQ(issued_to(store, "gone").front().revoked, *time_.now);
  EXPECT_TRUE(find_issued(store, from_hex(authority.root().fingerprint())).has_value());
  EXPECT_EQ(authority.not_permitted({"engine.example.com", "other.example.com"}),
            std::vector<std::string>{"other.example.com"});
  EXPECT_NE(in_force_id(store, "issuing"), 0);
}

TEST_F(RegisterTest, MovesThereAndBackAndEveryRowIsTheSame) {
  {
    Authority authority = open(file());
    use(authority);
  }
  const auto before = digests(file());
  const auto there = move(file(), server());
  EXPECT_EQ(there.tables, before);
  EXPECT_EQ(digests(server()), before);
  // The old place keeps its rows and takes no more.
  Authority old = open(file());
  EXPECT_EQ(code_of([&] { (void)issue(old); }), "storage-moved");
  EXPECT_EQ(code_of([&] { (void)old.store().run("DELETE FROM members"); }), "storage-moved");
  EXPECT_EQ(digests(server()), before);
  // Numbers go on behind those that were copied.
  Authority authority = open(server());
  (void)issue(authority);
  const auto after = digests(server());
  EXPECT_NE(after, before);
  const auto back = move(server(), file());
  EXPECT_EQ(back.tables, after);
  EXPECT_EQ(code_of([&] { (void)issue(authority); }), "storage-moved");
  Authority again = open(file());
  (void)issue(again);
  EXPECT_GT(issuance_of(again.store()).epoch, issuance_of(authority.store()).epoch);
}

TEST_F(RegisterTest, AMoveThatIsCutAnywhereLosesNothingAndGoesOn) {
  struct Cut {};
  for (const bool there : {true, false}) {
    // All tables are copied in one transaction: the first and the last of them stand for the others.
    for (const std::string cut :
         {"copied founding", "copied lost", "verified", "copied", "closed", "opened", "never"}) {
      server_.empty();
      std::filesystem::remove_all(folder_.file("authority"));
      (void)Authority::create(Folder::create(folder_.file("authority"), {.mode = 0700}), {.mode = 0600},
                              {.federation = federation_, .names = {"primary.example.com"}}, time_.clock());
      if (!there) (void)move(file(), server());
      const RegisterPlace from = there ? file() : server();
      const RegisterPlace to = there ? server() : file();
      bool was_cut = false;
      try {
        (void)move(from, to, [&](const std::string& step) {
          if (step == cut) throw Cut{};
        });
      } catch (const Cut&) {
        was_cut = true;
      }
      EXPECT_EQ(was_cut, cut != "never") << cut;
      // Who comes meanwhile is served by the old place, or told; never by the new one.
      std::int64_t expected = certificates(from);
      {
        Authority authority = open(from);
        const std::string said = code_of([&] { (void)issue(authority); });
        EXPECT_EQ(said, cut.starts_with("copied") || cut == "verified" ? "" : "storage-moved") << cut;
        if (said.empty()) ++expected;
      }
      if (was_cut) {
        const std::string said = code_of([&] {
          Authority early = open(to);
          (void)issue(early);
        });
        EXPECT_EQ(said.empty(), cut == "opened") << cut << ": " << said;
        expected += cut == "opened" ? 1 : 0;
        (void)move(from, to);
      }
      EXPECT_EQ(certificates(to), expected) << cut;
      Authority authority = open(to);
      (void)issue(authority);
      EXPECT_EQ(certificates(to), expected + 1);
    }
  }
}

TEST_F(RegisterTest, AnotherFederationIsNeverOverwritten) {
  (void)move(file(), server());
  const auto before = digests(server());
  testing::TemporaryFolder other;
  std::filesystem::copy(folder_.path(), other.path(), std::filesystem::copy_options::recursive);
  std::filesystem::remove_all(other.file("authority"));
  (void)Authority::create(Folder::create(other.file("authority"), {.mode = 0700}), {.mode = 0600},
                          {.federation = "aaaaaaaaaaaaaaaa", .names = {"x.example.com"}}, time_.clock());
  const RegisterPlace from{.state = other.path(), .setting = {}};
  RegisterPlace to = server();
  to.state = other.path();
  EXPECT_EQ(code_of([&] { (void)forecast_move(from, to); }), "storage-not-empty");
  EXPECT_EQ(code_of([&] { (void)move(from, to); }), "storage-not-empty");
  EXPECT_EQ(digests(server()), before);
  EXPECT_EQ(issuance_of(*from.open()).state, Issuance::in_force);
  EXPECT_EQ(code_of([&] { (void)move(to, to); }), "storage-same");
}

TEST_F(RegisterTest, OneOfTwoPrimariesIssuesAndTheOtherTakesItsPlace) {
  (void)move(file(), server());
  const auto open_bare = [&] {
    return Authority::open(Folder::open(folder_.file("authority")), server().open(), time_.clock());
  };
  Authority one = open_bare();
  Authority two = open_bare();
  Issuership of_one(one.store(), server(), first_, time_.clock());
  Issuership of_two(two.store(), server(), second_, time_.clock());
  EXPECT_EQ(code_of([&] { (void)issue(one); }), "not-the-issuer") << "nobody was elected yet";
  EXPECT_TRUE(of_one.look());
  EXPECT_FALSE(of_two.look());
  (void)issue(one);
  const std::int64_t before = certificates(server());
  try {
    (void)issue(two);
    FAIL() << "two issued beside one";
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.code(), "not-the-issuer");
    EXPECT_NE(failure.cause().find(first_.address), std::string::npos) << failure.cause();
  }
  // A request of its manager is no way around it; the elected one's manager may.
  Authority by_hand = open(server(), second_);
  EXPECT_EQ(code_of([&] { (void)issue(by_hand); }), "not-the-issuer");
  EXPECT_EQ(certificates(server()), before);
  Authority by_first = open(server(), first_);
  (void)issue(by_first);
  EXPECT_TRUE(of_one.look());
  // The first is gone for the server, and does not know: what it signs now is not kept and does not leave.
  end_sessions("chancery-issuer");
  EXPECT_EQ(code_of([&] { (void)of_two.look(); }), "storage-unreachable");
  EXPECT_TRUE(of_two.look());
  const std::int64_t epoch = issuance_of(two.store()).epoch;
  EXPECT_TRUE(of_one.is_ours()) << "it has not looked since";
  EXPECT_EQ(code_of([&] { (void)issue(one); }), "not-the-issuer");
  EXPECT_EQ(certificates(server()), before + 1);
  EXPECT_EQ(code_of([&] { (void)of_one.look(); }), "storage-unreachable");
  EXPECT_FALSE(of_one.look());
  (void)issue(two);
  EXPECT_EQ(issuance_of(two.store()).epoch, epoch);
  EXPECT_EQ(issuance_of(two.store()).holder, second_.id);
}

TEST_F(RegisterTest, ARequestTakesThePlaceOfAPrimaryThatIsGone) {
  (void)move(file(), server());
  Authority authority = open(server(), first_);
  (void)issue(authority);
  const std::int64_t epoch = issuance_of(authority.store()).epoch;
  Authority other = open(server(), second_);
  (void)issue(other);
  EXPECT_EQ(issuance_of(other.store()).holder, second_.id);
  EXPECT_EQ(issuance_of(other.store()).epoch, epoch + 1);
}

TEST_F(RegisterTest, APrimaryThatIsPausedInATransactionHoldsNobodyUpAndKeepsNothing) {
  (void)move(file(), server());
  const auto store = server().open(std::chrono::milliseconds(200));
  guard_for_request(*store, server(), first_, time_.clock());
  const std::int64_t before = certificates(server());
  EXPECT_EQ(code_of([&] {
              store->write([&] {
                store->run("UPDATE certificates SET issued_for = 'half'");
                Authority other = open(server(), second_);
                (void)issue(other);  // waits until the server has given the first one up
                (void)store->run("UPDATE certificates SET issued_for = 'other half'");
              });
            }),
            "storage-unreachable");
  EXPECT_EQ(certificates(server()), before + 1);
  EXPECT_TRUE(server().open()->rows("SELECT id FROM certificates WHERE issued_for LIKE '%half'").empty());
}

// A step forth by the newer program, and back for the older one, with what both know.
class VersionTest : public RegisterTest, public ::testing::WithParamInterface<bool> {
 protected:
  RegisterPlace place() const { return GetParam() ? server() : file(); }
  std::unique_ptr<storage::Store> by(const storage::Schema& schema) const {
    if (!GetParam()) {
      return std::make_unique<storage::Database>(
          storage::Database::open(Folder::open(folder_.file("authority")), "authority.db", schema));
    }
    auto store = std::make_unique<storage::PostgresStore>(server().server("test"), schema);
    (void)store->rows("SELECT 1");
    return store;
  }
};

// Tables that are not there any more under their name.
std::vector<std::string> changed_since(const storage::Schema& older) {
  std::vector<std::string> changed = own_tables;
  std::set<std::string> present;
  for (const storage::Table& table : storage::tables_of(register_schema())) present.insert(table.name);
  for (const storage::Table& table : storage::tables_of(older)) {
    if (!present.contains(table.name)) changed.push_back(table.name);
  }
  return changed;
}

INSTANTIATE_TEST_SUITE_P(Kinds, VersionTest, ::testing::Bool(),
                         [](const auto& given) { return given.param ? "postgres" : "sqlite"; });

// Every step that has a way back, one after the other: what both versions know is the same before and after.
TEST_P(VersionTest, StepsForthAndBackKeepEveryRow) {
  {
    Authority authority = open(file());
    use(authority);
  }
  if (GetParam()) (void)move(file(), server());
  const storage::Schema& newest = register_schema();
  const int version = static_cast<int>(newest.migrations.size());
  const Bytes list = by(newest)->rows("SELECT der FROM revocation_lists WHERE issuer = 'issuing'").front().blob(0);
  storage::Schema older = newest;
  int lowest = version;
  while (!older.migrations.back().down.empty()) {
    older.migrations.pop_back();
    --lowest;
    const auto before = digests(*by(newest), older, changed_since(older));
    EXPECT_EQ(code_of([&] { (void)by(older); }), "storage-newer");
    EXPECT_EQ(by(newest)->version(), version);
    take_back(place(), lowest);
    EXPECT_EQ(by(older)->version(), lowest);
    EXPECT_EQ(digests(*by(older), older, changed_since(older)), before) << "back at " << lowest;
    // The older program goes on with it, and the newer one takes it over again.
    by(older)->run("UPDATE members SET state = 'asked'");
    const auto changed = digests(*by(older), older, changed_since(older));
    EXPECT_NE(changed, before);
    EXPECT_EQ(digests(*by(newest), older, changed_since(older)), changed);
    EXPECT_EQ(by(newest)->rows("SELECT der FROM revocation_lists WHERE issuer = 'issuing'").front().blob(0), list);
    by(newest)->run("UPDATE members SET state = 'joined'");
    Authority authority = open(place());
    (void)issue(authority);
  }
  ASSERT_LT(lowest, version - 1);
  const auto before = digests(*by(newest));
  EXPECT_EQ(code_of([&] { take_back(place(), lowest - 1); }), "no-way-back");
  EXPECT_EQ(by(newest)->version(), version);
  EXPECT_EQ(digests(*by(newest)), before);
}

// What an older program would forget, members remember.
TEST_P(VersionTest, NoStepBackLosesARotation) {
  {
    Authority authority = open(file());
    use(authority);
  }
  if (GetParam()) (void)move(file(), server());
  const int before_rotations = authority::rotations_version - 1;
  const storage::Schema& newest = register_schema();
  const auto refused_as = [&](const char* code) {
    const auto before = digests(*by(newest));
    EXPECT_EQ(code_of([&] { expect_way_back(place(), before_rotations); }), code);
    EXPECT_EQ(code_of([&] { take_back(place(), before_rotations); }), code);
    EXPECT_EQ(by(newest)->version(), static_cast<int>(newest.migrations.size()));
    EXPECT_EQ(digests(*by(newest)), before);
  };
  Authority authority = open(place());
  Rotation rotation(authority);
  expect_way_back(place(), before_rotations);
  rotation.prepare({});
  refused_as("rotation-under-way");
  rotation.activate({});
  refused_as("rotation-under-way");
  rotation.retire();
  refused_as("no-way-back");
  take_back(place(), authority::rotations_version);  // that far everybody knows of it
}

TEST_F(RegisterTest, NobodyTakesARegisterBackWhileAPrimaryIssuesOnIt) {
  (void)move(file(), server());
  Authority one = Authority::open(Folder::open(folder_.file("authority")), server().open(), time_.clock());
  Issuership of_one(one.store(), server(), first_, time_.clock());
  ASSERT_TRUE(of_one.look());
  const int version = static_cast<int>(register_schema().migrations.size());
  EXPECT_EQ(code_of([&] { take_back(server(), version - 1); }), "storage-in-use");
  EXPECT_EQ(one.store().version(), version);
  (void)issue(one);
}

// The manager is root and reads what the authority's user could: nothing that others can, and nothing of another's.
TEST_F(RegisterTest, APasswordIsReadOnBehalfOfTheAuthoritysUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "makes files of other users";
  const SecretReader reader{.user = 64123, .group = 64124};
  const std::string path = folder_.write("other", view_of("geheim\n"));
  const auto read_as = [&](uid_t owner, gid_t group, mode_t mode) {
    EXPECT_EQ(::chown(path.c_str(), owner, group), 0);
    EXPECT_EQ(::chmod(path.c_str(), mode), 0);
    return code_of([&] { EXPECT_EQ(text_of(view_of(read_password_file(path, reader))), "geheim"); });
  };
  EXPECT_EQ(read_as(64123, 64124, 0600), "");
  EXPECT_EQ(read_as(0, 64124, 0640), "");
  EXPECT_EQ(read_as(0, 0, 0600), "");
  EXPECT_EQ(read_as(0, 0, 0640), "key-permissions");
  EXPECT_EQ(read_as(64123, 64124, 0640), "key-permissions");
  EXPECT_EQ(read_as(0, 64124, 0660), "key-permissions");
  EXPECT_EQ(read_as(64125, 64124, 0600), "key-permissions");
  EXPECT_EQ(code_of([&] { (void)read_password_file(path); }), "key-permissions");
}

}  // namespace
}  // namespace chancery::authority
