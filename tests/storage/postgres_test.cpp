// What only a PostgreSQL server has: TLS that is always verified, and a way to it that can be lost.
#include <gtest/gtest.h>

#include <algorithm>

#include "appliance/storage/postgres_dialect.h"
#include "keystore/fault.h"
#include "tests/storage/fixture.h"

namespace chancery::storage {
namespace {

const Schema schema{.what = "test", .migrations = {"CREATE TABLE a (id INTEGER PRIMARY KEY, t TEXT) STRICT;"}};

class PostgresTest : public ::testing::Test {
 protected:
  void SetUp() override { server_.empty(); }
  static std::string cause_of(Store& store) {
    try {
      (void)store.rows("SELECT 1");
    } catch (const Failure& failure) {
      EXPECT_EQ(failure.code(), "storage-unreachable");
      EXPECT_EQ(failure.cause().find("geheim"), std::string::npos);
      return failure.cause();
    }
    return "";
  }
  PostgresServer& server_ = PostgresServer::instance();
};

TEST_F(PostgresTest, AnUnknownCertificateIsRefusedUntilItIsTrusted) {
  PostgresOptions options = server_.options();
  std::string trust = server_.other_certificate();
  const std::string right = options.trust_file();
  options.trust_file = [&trust] { return trust; };
  PostgresStore store(options, schema);
  EXPECT_NE(cause_of(store).find("certificate verify failed"), std::string::npos);
  trust = right;
  EXPECT_NE(cause_of(store).find("certificate verify failed"), std::string::npos) << "not before its time";
  store.retry_now();
  EXPECT_EQ(cause_of(store), "");
}

TEST_F(PostgresTest, AnotherNameIsRefused) {
  PostgresOptions options = server_.options();
  options.host = "127.0.0.1";
  PostgresStore store(options, schema);
  EXPECT_NE(cause_of(store).find("does not match host name"), std::string::npos);
}

TEST_F(PostgresTest, TheEnvironmentCannotWeakenIt) {
  ::setenv("PGSSLMODE", "disable", 1);
  ::setenv("PGSSLROOTCERT", server_.options().trust_file().c_str(), 1);
  PostgresOptions options = server_.options();
  options.trust_file = [this] { return server_.other_certificate(); };
  PostgresStore store(options, schema);
  const std::string cause = cause_of(store);
  ::unsetenv("PGSSLMODE");
  ::unsetenv("PGSSLROOTCERT");
  EXPECT_NE(cause.find("certificate verify failed"), std::string::npos) << cause;
}

TEST_F(PostgresTest, AWrongPasswordIsSaidWithoutIt) {
  PostgresOptions options = server_.options();
  options.password = [] { return secret_copy(std::string_view("geheimer")); };
  PostgresStore store(options, schema);
  EXPECT_NE(cause_of(store).find("password authentication failed"), std::string::npos);
}

TEST_F(PostgresTest, AServerThatDiesInATransactionTakesAllOfItAndIsFoundAgain) {
  PostgresStore store(server_.options(), schema);
  store.run("INSERT INTO a (id, t) VALUES (?, ?)", {std::int64_t{1}, "before"});
  EXPECT_EQ(code_of([&] {
              store.write([&] {
                store.run("INSERT INTO a (id, t) VALUES (?, ?)", {std::int64_t{2}, "half"});
                server_.kill();
                store.run("INSERT INTO a (id, t) VALUES (?, ?)", {std::int64_t{3}, "half"});
              });
            }),
            "storage-unreachable");
  EXPECT_NE(cause_of(store), "");
  server_.again();
  store.retry_now();
  EXPECT_EQ(store.rows("SELECT t FROM a").size(), 1U);
}

// A statement after the loss must not run by itself on a new connection, outside the transaction it belongs to.
TEST_F(PostgresTest, HalfATransactionIsNeverKept) {
  PostgresStore store(server_.options(), schema);
  (void)store.rows("SELECT 1");
  EXPECT_EQ(code_of([&] {
              store.write([&] {
                server_.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'engine'");
                try {
                  store.run("INSERT INTO a (id, t) VALUES (?, ?)", {std::int64_t{1}, "lost"});
                } catch (const Failure&) {
                  store.retry_now();
                }
                store.run("INSERT INTO a (id, t) VALUES (?, ?)", {std::int64_t{2}, "half"});
              });
            }),
            "storage-unreachable");
  store.retry_now();
  EXPECT_TRUE(store.rows("SELECT id FROM a").empty());
}

TEST_F(PostgresTest, WhatWasAcknowledgedIsOnTheDiskWhateverTheUserWasGiven) {
  server_.sql("ALTER ROLE engine SET synchronous_commit = off");
  PostgresStore store(server_.options(), schema);
  EXPECT_EQ(store.rows("SHOW synchronous_commit").front().text(0), "on");
  server_.sql("ALTER ROLE engine RESET synchronous_commit");
}

TEST_F(PostgresTest, AServerThatFallsSilentIsGivenUp) {
  PostgresOptions options = server_.options();
  options.patience = std::chrono::milliseconds(300);
  PostgresStore store(options, schema);
  (void)store.rows("SELECT 1");
  EXPECT_EQ(code_of([&] { (void)store.rows("SELECT pg_sleep(60)"); }), "storage-unreachable");
  store.retry_now();
  EXPECT_EQ(cause_of(store), "");
}

TEST(PostgresDialect, QuestionMarksAndTypes) {
  EXPECT_EQ(to_postgres("UPDATE a SET n = ?, t = '?' WHERE \"?\" = ?"),
            "UPDATE a SET n = $1, t = '?' WHERE \"?\" = $2");
  EXPECT_EQ(to_postgres("SELECT 'it''s ?', ?"), "SELECT 'it''s ?', $1");
  EXPECT_EQ(to_postgres("SELECT 'open ?"), "SELECT 'open ?");
  EXPECT_EQ(schema_to_postgres("CREATE TABLE a (INTEGERS INTEGER, b BLOB DEFAULT 'BLOB') STRICT;"),
            "CREATE TABLE a (INTEGERS BIGINT, b BYTEA DEFAULT 'BLOB') ;");
}

}  // namespace
}  // namespace chancery::storage
