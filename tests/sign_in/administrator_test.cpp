#include "appliance/sign_in/administrator.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <atomic>
#include <thread>

#include "tests/sign_in/basic.h"
#include "tests/sign_in/told.h"

namespace chancery {
namespace {

using test::basic;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* here = "192.0.2.1";
constexpr const char* there = "192.0.2.2";

// The folder of an appliance with a hash that costs little, and a log whose manager keeps what it is told.
class Door : public testing::Test {
 protected:
  Door() {
    EXPECT_LE(0, sodium_init());
    folder.make_folder("settings", {.mode = 0755, .owner = {}, .group = {}});
    set_password("right");
  }

  static std::string hash_of(const std::string& password) {
    std::array<char, crypto_pwhash_STRBYTES> text{};
    EXPECT_EQ(0, crypto_pwhash_str(text.data(), password.data(), password.size(), crypto_pwhash_OPSLIMIT_MIN,
                                   crypto_pwhash_MEMLIMIT_MIN));
    return text.data();
  }
  void put(const std::string& text) {
    folder.write_atomically(hash, view_of(text), {.mode = 0600, .owner = {}, .group = {}});
    // Each by a time of its own, also where they are written within one tick of the file system's clock.
    set_time(++written);
  }
  void set_time(std::int64_t seconds) {
    const timespec time{.tv_sec = 1'790'000'000 + seconds, .tv_nsec = 0};
    const std::array<timespec, 2> both{time, time};
    EXPECT_EQ(0, ::utimensat(AT_FDCWD, state.path(hash).c_str(), both.data(), 0));
  }
  void set_password(const std::string& password) { put(hash_of(password) + "\n"); }

  // 0: come in.
  int with_header(const std::string& authorization, const std::string& address = here) {
    std::array<int, 2> ends{};
    EXPECT_EQ(0, ::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()));
    ::close(ends[1]);
    const tls::Connection connection = tls::Connection::adopt_plain(ends[0], address + ":50000");
    const http::Call call{.method = "GET",
                          .path = "/",
                          .query = {},
                          .headers = {},
                          .authorization = secret_copy(authorization),
                          .body = {},
                          .endpoint = "console",
                          .connection = connection};
    return status_of(door.refusal(call));
  }
  int with_form(const std::string& user, const std::string& password, const std::string& address = here) {
    return status_of(door.refusal({.user = user, .password = secret_copy(password)}, address));
  }
  int with_code(const std::string& user, const std::string& password, bool is_right) {
    return status_of(door.refusal({.user = user, .password = secret_copy(password)}, here, [&] {
      ++codes;
      return is_right;
    }));
  }
  static int status_of(const std::optional<http::Answer>& refusal) {
    if (!refusal) return 0;
    EXPECT_EQ(refusal->status == 401, refusal->headers.contains("WWW-Authenticate"));
    return refusal->status;
  }
  std::vector<std::string> told() {
    log.report_all();
    return manager.words();
  }

  const std::string hash = "settings/administrator.hash";
  test::TemporaryFolder state;
  Folder folder = Folder::open(state.path());
  std::int64_t written = 0;
  int codes = 0;
  test::Told manager{state};
  SignInLog log{"console", state.path(), system_now};
  Administrator door{folder, &log};
};

TEST_F(Door, OpensToTheAdministratorAlone) {
  EXPECT_EQ(0, with_header(basic("administrator", "right")));
  EXPECT_EQ(0, with_form("administrator", "right"));
  for (const auto& [user, password] : std::vector<std::pair<std::string, std::string>>{{"administrator", "wrong"},
                                                                                       {"administrator", ""},
                                                                                       {"administrator", "right "},
                                                                                       {"Administrator", "right"},
                                                                                       {"", "right"},
                                                                                       {"root", "right"}}) {
    EXPECT_EQ(401, with_header(basic(user, password), there)) << user << password;
  }
  for (const auto& [user, password] : std::vector<std::pair<std::string, std::string>>{
           {"administrator", "wrong"}, {"administrator", ""}, {"root", "right"}}) {
    EXPECT_EQ(401, with_form(user, password, there)) << user << password;
  }
  for (const std::string& header :
       {std::string(), std::string("Basic "), std::string("Bearer right"), basic("administrator", "right").substr(6)}) {
    EXPECT_EQ(401, with_header(header)) << header;
  }
  EXPECT_EQ(0, with_header(basic("administrator", "right")));
}

TEST_F(Door, RemembersOneRightAnswerUntilTheFileChanges) {
  EXPECT_EQ(0, with_header(basic("administrator", "right")));
  EXPECT_EQ(401, with_header(basic("administrator", "wrong")));
  // Another hash under the same time: the answer is the one that was remembered, and nobody else's.
  put(hash_of("other"));
  set_time(written - 1);
  EXPECT_EQ(0, with_header(basic("administrator", "right"))) << "argon2id does not run for each request";
  EXPECT_EQ(401, with_form("administrator", "right")) << "but for each form";
  EXPECT_EQ(401, with_header(basic("root", "right")));
  set_time(written);
  EXPECT_EQ(401, with_header(basic("administrator", "right"))) << "a new password ends the old one at once";
  EXPECT_EQ(0, with_header(basic("administrator", "other")));
  set_time(written - 1);
  EXPECT_EQ(401, with_header(basic("administrator", "right"))) << "nothing of the old one is left";
  EXPECT_EQ(0, with_header(basic("administrator", "other")));
  folder.remove(hash);
  EXPECT_EQ(401, with_header(basic("administrator", "other")));
  EXPECT_EQ(401, with_form("administrator", "other"));
}

TEST_F(Door, RemembersNothingOfAForm) {
  EXPECT_EQ(0, with_form("administrator", "right"));
  put(hash_of("other"));
  set_time(written - 1);
  EXPECT_EQ(401, with_form("administrator", "right"));
  EXPECT_EQ(401, with_header(basic("administrator", "right")));
}

TEST_F(Door, StaysShutWhereTheHashIsNone) {
  const std::string good = hash_of("right");
  for (const std::string& text :
       {std::string(), std::string("\n"), std::string("right"), good.substr(0, good.size() - 1), good + "x", "x" + good,
        std::string("$argon2id$v=19$m=8,t=1,p=1$$")}) {
    put(text);
    EXPECT_EQ(401, with_header(basic("administrator", "right"), text + "a")) << text;
    EXPECT_EQ(401, with_form("administrator", "right", text + "b")) << text;
    EXPECT_EQ(401, with_form("administrator", "", text + "c")) << text;
  }
  put(std::string(1025, 'x'));
  EXPECT_THROW((void)with_form("administrator", "right"), Failure);
  // As an editor leaves it.
  for (const char* end : {"", "\n", "\r\n", "\n\n"}) {
    put(good + end);
    EXPECT_EQ(0, with_form("administrator", "right")) << end;
  }
}

TEST_F(Door, MakesWaitWhoeverGuesses) {
  EXPECT_EQ(0, with_header(basic("administrator", "right")));
  for (int at = 0; at < 4; ++at) EXPECT_EQ(401, with_header(basic("administrator", "wrong " + std::to_string(at))));
  for (int at = 0; at < 3; ++at) EXPECT_EQ(401, with_form("root", "right"));
  for (int at = 0; at < 2; ++at) EXPECT_EQ(401, with_code("administrator", "right", false));
  EXPECT_EQ(0, with_form("administrator", "right")) << "nine";
  EXPECT_EQ(401, with_form("administrator", "wrong"));
  EXPECT_EQ(429, with_form("administrator", "right")) << "and what is right does not help any more";
  EXPECT_EQ(429, with_header(basic("administrator", "right"))) << "not even what was remembered";
  EXPECT_EQ(2, codes);
  EXPECT_EQ(429, with_code("administrator", "right", true));
  EXPECT_EQ(2, codes) << "no code is used up";
  EXPECT_EQ(0, with_form("administrator", "right", there));
  EXPECT_EQ(0, with_header(basic("administrator", "right"), there));
}

// Whoever sends them all at once gets no more than one after the other. The hash takes some milliseconds, as a real one
// takes longer.
TEST_F(Door, CountsGuessesThatComeTogether) {
  std::array<char, crypto_pwhash_STRBYTES> slow{};
  ASSERT_EQ(0, crypto_pwhash_str(slow.data(), "right", 5, 2, 4 * 1024 * 1024));
  put(slow.data());
  for (const bool is_form : {true, false}) {
    const std::string address = is_form ? here : there;
    std::atomic<int> wrong = 0;
    std::atomic<int> waits = 0;
    {
      std::vector<std::jthread> guesses;
      for (int at = 0; at < 20; ++at) {
        guesses.emplace_back([&] {
          const int status = is_form ? with_form("administrator", "wrong", address)
                                     : with_header(basic("administrator", "wrong"), address);
          ++(status == 401 ? wrong : waits);
        });
      }
    }
    EXPECT_EQ(10, wrong) << is_form;
    EXPECT_EQ(10, waits) << is_form;
  }
}

// What nobody guessed is not counted: a page that is not signed in yet, or a header of others.
TEST_F(Door, CountsNoHeaderThatIsNone) {
  for (int at = 0; at < 20; ++at) EXPECT_EQ(401, with_header(at % 2 == 0 ? "" : "Bearer x"));
  EXPECT_EQ(0, with_form("administrator", "right"));
}

TEST_F(Door, AsksForTheCodeAfterThePasswordAlone) {
  EXPECT_EQ(401, with_code("administrator", "wrong", true));
  EXPECT_EQ(401, with_code("root", "right", true));
  EXPECT_EQ(0, codes) << "a code that is asked for is used up";
  EXPECT_EQ(0, with_code("administrator", "right", true));
  EXPECT_EQ(1, codes);
  EXPECT_EQ(401, with_code("administrator", "right", false));
  EXPECT_EQ(2, codes);
  EXPECT_THAT(told(), testing::UnorderedElementsAre("done administrator 192.0.2.1 password x1",
                                                    "refused  192.0.2.1 wrong-password x1",
                                                    "refused administrator 192.0.2.1 wrong-code x1",
                                                    "refused administrator 192.0.2.1 wrong-password x1"));
}

TEST_F(Door, TellsWhoCameAndWhoWasRefused) {
  EXPECT_EQ(0, with_header(basic("administrator", "right")));
  EXPECT_THAT(told(), ElementsAre("done administrator 192.0.2.1 password x1"));
  EXPECT_EQ(0, with_header(basic("administrator", "right"), there));
  EXPECT_THAT(told(), ElementsAre("done administrator 192.0.2.2 password x1")) << "remembered, and told all the same";
  EXPECT_EQ(0, with_form("administrator", "right", "192.0.2.3"));
  EXPECT_THAT(told(), ElementsAre("done administrator 192.0.2.3 password x1"));
  EXPECT_EQ(401, with_header(""));
  EXPECT_THAT(told(), IsEmpty()) << "nobody has tried";
  for (int at = 0; at < 12; ++at) (void)with_header(basic("administrator", "wrong"), "192.0.2.4");
  EXPECT_THAT(told(), testing::UnorderedElementsAre("refused administrator 192.0.2.4 wrong-password x10",
                                                    "refused administrator 192.0.2.4 too-many-attempts x2"));
  for (int at = 0; at < 12; ++at) (void)with_form("my password", "wrong", "192.0.2.5");
  EXPECT_THAT(told(), testing::UnorderedElementsAre("refused  192.0.2.5 wrong-password x10",
                                                    "refused  192.0.2.5 too-many-attempts x2"));
}

TEST_F(Door, NeedsNoLog) {
  Administrator quiet(folder);
  EXPECT_FALSE(quiet.refusal({.user = "administrator", .password = secret_copy(std::string_view("right"))}, here));
  EXPECT_TRUE(quiet.refusal({.user = "administrator", .password = secret_copy(std::string_view("wrong"))}, here));
}

}  // namespace
}  // namespace chancery
