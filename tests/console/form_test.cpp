// Bodies of requests that are not as they should be, and what becomes of arguments at their borders.
#include "appliance/console/form.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "appliance/console/verb_routes.h"
#include "tests/control/temporary.h"

namespace chancery::console {
namespace {

using test::failure_of;

constexpr const char* form_kind = "multipart/form-data; boundary=cut";

std::string part(const std::string& disposition, const std::string& content) {
  return "--cut\r\nContent-Disposition: form-data; " + disposition + "\r\n\r\n" + content + "\r\n";
}
std::string code_of(const std::string& kind, std::string body) {
  return failure_of([&] { const Form form(kind, body); }).code();
}

TEST(Forms, AreRefusedWhereTheyAreNotWhole) {
  const std::string good = part("name=\"a\"", "x") + "--cut--\r\n";
  for (std::size_t size = 0; size < good.size() - 2; ++size) {
    EXPECT_EQ("bad-request", code_of(form_kind, good.substr(0, size))) << size;
  }
  EXPECT_EQ("bad-request", code_of(form_kind, "x" + good));
  EXPECT_EQ("bad-request", code_of(form_kind, "\r\n" + good));
  EXPECT_EQ("bad-request", code_of(form_kind, "--cat" + good.substr(5)));
  EXPECT_EQ("bad-request", code_of(form_kind, part("name=\"a\"", "x") + "--cut\n\n"));
  EXPECT_EQ("bad-request", code_of(form_kind, part("name=\"\"", "x") + "--cut--\r\n"));
  EXPECT_EQ("bad-request", code_of("multipart/form-data", good));
  EXPECT_EQ("bad-request", code_of("multipart/form-data; boundary=", good));
  EXPECT_EQ("bad-request", code_of("multipart/form-data; boundary=\"\"",
                                   "--\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n----\r\n"));
  std::string cut = good.substr(0, good.size() - 8);
  EXPECT_EQ("it ends in the middle of a part", failure_of([&] { const Form form(form_kind, cut); }).cause());
  EXPECT_EQ("unsupported-media-type", code_of("text/plain", good));
  std::string body = good;
  EXPECT_EQ("x", Form(form_kind, body).text("a"));
  body = good;
  EXPECT_EQ("x", Form("Multipart/Form-Data; charset=x; boundary=\"cut\"", body).text("a"));
  body.clear();
  EXPECT_TRUE(Form("", body).parts().empty());
}

TEST(Forms, AreBounded) {
  std::string body;
  for (int at = 0; at < 1000; ++at) body += part("name=\"a\"", "x");
  const std::string most = body + "--cut--\r\n";
  const std::string more = body + part("name=\"a\"", "x") + "--cut--\r\n";
  EXPECT_EQ("bad-request", code_of(form_kind, more));
  body = most;
  EXPECT_EQ(1000U, Form(form_kind, body).parts().size());
  // The head of a part, the name in it, the boundary.
  const auto with_head = [](std::size_t size) {
    return "--cut\r\nContent-Disposition: form-data; name=\"a\"\r\nX: " + std::string(size, 'x') +
           "\r\n\r\nx\r\n--cut--\r\n";
  };
  body = with_head(1900);
  EXPECT_EQ("x", Form(form_kind, body).text("a"));
  EXPECT_EQ("bad-request", code_of(form_kind, with_head(2048)));
  body = part("name=\"" + std::string(100, 'n') + "\"", "x") + "--cut--\r\n";
  EXPECT_EQ("x", Form(form_kind, body).text(std::string(100, 'n')));
  EXPECT_EQ("bad-request", code_of(form_kind, part("name=\"" + std::string(101, 'n') + "\"", "x") + "--cut--\r\n"));
  for (const std::size_t size : {200U, 201U}) {
    const std::string cut(size, 'c');
    body = "--" + cut + "\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n--" + cut + "--\r\n";
    if (size == 200) {
      EXPECT_EQ("x", Form("multipart/form-data; boundary=" + cut, body).text("a"));
    } else {
      EXPECT_EQ("bad-request", code_of("multipart/form-data; boundary=" + cut, body));
    }
  }
}

TEST(Forms, KeepOfAFilesNameTheLastPartAlone) {
  for (const auto& [given, left] :
       std::vector<std::pair<std::string, std::string>>{{"leaf.pem", "leaf.pem"},
                                                        {"/etc/passwd", "passwd"},
                                                        {"..\\..\\leaf.pem", "leaf.pem"},
                                                        {"a/b\\c", "c"},
                                                        {"a/", ""},
                                                        {std::string(300, 'n'), std::string(200, 'n')}}) {
    std::string body = part("name=\"key\"; filename=\"" + given + "\"", "K") + "--cut--\r\n";
    const Form form(form_kind, body);
    EXPECT_EQ(left, form.parts().at(0).file_name);
    EXPECT_TRUE(form.parts().at(0).is_file) << "also where nothing is left of its name";
  }
}

// A script that repeats a request repeats all of it.
TEST(Forms, DifferWhereOneWordDoes) {
  const auto digest = [](const std::string& disposition) {
    std::string body = part(disposition, "x") + "--cut--\r\n";
    return Form(form_kind, body).digest();
  };
  EXPECT_NE(digest("name=\"a\""), digest("name=\"a\"; filename=\"\"")) << "a file is not a text";
  EXPECT_NE(digest("name=\"a\"; filename=\"b\""), digest("name=\"a\"; filename=\"c\""));
  EXPECT_NE(digest("name=\"ab\"; filename=\"\""), digest("name=\"a\"; filename=\"b\""));
  EXPECT_NE(digest("name=\"afile\""), digest("name=\"a\"; filename=\"\""));
}

class ArgumentsOf : public testing::Test {
 protected:
  nlohmann::json put(const char* method, const char* path, const std::string& body,
                     const std::map<std::string, std::string>& query = {}) {
    const Match found = match(method, path);
    std::string copy = body;
    const Form form(body.starts_with('{') ? "application/json" : form_kind, copy);
    attachments.clear();
    return arguments_for(*found.route, found.parameters, query, body.empty() ? nullptr : &form, attachments);
  }
  std::string refused(const char* method, const char* path, const std::string& body,
                      const std::map<std::string, std::string>& query = {}) {
    return failure_of([&] { (void)put(method, path, body, query); }).code();
  }
  std::vector<SecretBytes> attachments;
};

TEST_F(ArgumentsOf, NumbersAndWordsAreWhole) {
  EXPECT_EQ(7, put("GET", "/audit", "{}", {{"limit", "7"}}).at("limit"));
  EXPECT_EQ(-7, put("GET", "/audit", "{}", {{"limit", "-7"}}).at("limit"));
  for (const char* wrong : {"7x", "7 ", " 7", "", "0x7", "7.0", "99999999999999999999", "seven"}) {
    EXPECT_EQ("bad-argument", refused("GET", "/audit", "{}", {{"limit", wrong}})) << wrong;
  }
  for (const char* wrong : {"", "1", "yes", "True", "true "}) {
    EXPECT_EQ("bad-argument", refused("GET", "/certificates", "{}", {{"probe", wrong}})) << wrong;
  }
  EXPECT_EQ(false, put("GET", "/certificates", "{}", {{"probe", "false"}}).at("probe"));
  for (const char* wrong : {"", "1", "\"x\"", "{", "null"}) {
    EXPECT_EQ("bad-argument", refused("PUT", "/profiles/p", part("name=\"settings\"", wrong) + "--cut--\r\n")) << wrong;
  }
}

TEST_F(ArgumentsOf, SecretsComeByFormsAlone) {
  const char* path = "/certificates/replace";
  EXPECT_EQ("bad-argument", refused("POST", path, "{}", {{"passphrase", "x"}})) << "addresses are written into logs";
  EXPECT_EQ("bad-argument", refused("POST", path, "{}", {{"passphrase", "[1]"}}));
  EXPECT_EQ("bad-argument", refused("POST", path, "{}", {{"certificate", R"([{"attachment":0}])"}}));
  EXPECT_EQ("bad-argument", refused("POST", path, R"({"passphrase":"x"})"));
  EXPECT_EQ("bad-argument", refused("POST", path, "{}", {{"surprise", "x"}}));
  // A field that was left empty is none.
  const auto arguments =
      put("POST", path, part("name=\"passphrase\"", "") + part("name=\"dry_run\"", "true") + "--cut--\r\n");
  EXPECT_EQ(nlohmann::json({{"dry_run", true}}), arguments);
  EXPECT_TRUE(attachments.empty());
  // A secret has no name that somebody gave a file.
  EXPECT_EQ(nlohmann::json::parse(R"({"passphrase":{"attachment":0}})"),
            put("POST", path, part("name=\"passphrase\"; filename=\"p.txt\"", "x") + "--cut--\r\n"));
}

TEST_F(ArgumentsOf, ThePasswordOnceMoreIsNotTheManagers) {
  const std::string body = part("name=\"password\"", "right") + part("name=\"passphrase\"", "long") + "--cut--\r\n";
  EXPECT_EQ(nlohmann::json::parse(R"({"id":"b1","passphrase":{"attachment":0}})"),
            put("POST", "/backups/b1/export", body));
  ASSERT_EQ(1U, attachments.size());
  EXPECT_EQ("long", text_of(view_of(attachments[0])));
  EXPECT_EQ("bad-argument", refused("POST", "/certificates/replace", body)) << "where nobody asks for it";
}

TEST_F(ArgumentsOf, FilesOfAnyNameComeWhereTheRouteTakesThem) {
  const std::string body = part("name=\"one.key\"; filename=\"k.pem\"", "K") + "--cut--\r\n";
  EXPECT_EQ(nlohmann::json::parse(R"({"files":{"one.key":[{"attachment":0,"name":"k.pem"}]}})"),
            put("POST", "/federation/rollouts", body));
  EXPECT_EQ("bad-argument", refused("POST", "/certificates/replace", body));
  EXPECT_EQ("bad-argument", refused("POST", "/federation/rollouts", part("name=\"one.key\"", "K") + "--cut--\r\n"))
      << "a text is no file";
  EXPECT_EQ(nlohmann::json::parse(R"([{"attachment":0,"name":"files"}])"),
            put("POST", "/trust/append", part("name=\"files\"; filename=\"\"", "C") + "--cut--\r\n").at("files"));
}

}  // namespace
}  // namespace chancery::console
