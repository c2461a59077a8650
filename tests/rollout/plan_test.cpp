// Plans as people write and pack them; archives are made by zip and python, certificates by openssl.
#include "appliance/rollout/plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "keystore/files/folder.h"
#include "tests/failure_code.h"

namespace chancery::rollout {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> names_of(const std::vector<preflight::SourceFile>& files) {
  std::vector<std::string> names;
  for (const preflight::SourceFile& file : files) names.push_back(file.name);
  return names;
}

using Names = std::vector<std::string>;

class Plan : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = "/tmp/chancery-plan-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }

  void run(const std::string& command) const {
    ASSERT_EQ(std::system(("cd " + folder_ + " && (" + command + ") >out 2>&1 && rm out").c_str()), 0) << command;
  }
  void write(const std::string& name, const std::string& text) const { std::ofstream(folder_ + "/" + name) << text; }
  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  std::string contents_of(const std::string& name) const {
    return std::string(text_of(view_of(read_secret_file(path(name), 1'000'000))));
  }
  // NAME.crt and NAME.key.
  void make_leaf(const std::string& name) const {
    run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout " + name + ".key -out " + name +
        ".crt -days 9 -subj /CN=" + name +
        " -addext basicConstraints=critical,CA:FALSE -addext subjectAltName=DNS:" + name);
  }
  void make_ca(const std::string& file) const {
    run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -out " + file +
        " -days 9 -subj /CN=ca");
  }

  std::string folder_;
};

TEST_F(Plan, NamesFilesForMembersAndSharedOnes) {
  for (const char* file : {"a.pem", "a.key", "chain.pem", "root.pem", "wide.pem"}) write(file, file);
  write("plan.toml", R"(
[member."engine1.test"]
certificate = "a.pem"
key = "a.key"
intermediate = ["chain.pem"]
also-trust = "root.pem"
identity = ["engine"]
accept = "expires-soon"
address = "192.0.2.7:1443"

[[shared]]
members = ["engine2.test", "engine3.test"]
certificate = "wide.pem"

[[shared]]
certificate = "wide.pem"
)");
  const auto plan = read_plan(path("plan.toml"));
  ASSERT_EQ(plan.size(), 3U);
  EXPECT_EQ(plan[0].members, (Names{"engine1.test"}));
  EXPECT_EQ(names_of(plan[0].certificate), (Names{"a.pem"}));
  EXPECT_EQ(text_of(view_of(plan[0].key.at(0).bytes)), "a.key");
  EXPECT_EQ(names_of(plan[0].intermediate), (Names{"chain.pem"}));
  EXPECT_EQ(names_of(plan[0].also_trust), (Names{"root.pem"}));
  EXPECT_EQ(plan[0].identities, (Names{"engine"}));
  EXPECT_EQ(plan[0].accept, (Names{"expires-soon"}));
  EXPECT_EQ(plan[0].address, "192.0.2.7:1443");
  EXPECT_EQ(plan[1].members, (Names{"engine2.test", "engine3.test"}));
  EXPECT_TRUE(plan[2].members.empty());

  write("plan.json", R"({"member":{"engine1.test":{"certificate":["a.pem"],"key":"a.key"}}})");
  EXPECT_EQ(read_plan(path("plan.json")).at(0).members, (Names{"engine1.test"}));
}

TEST_F(Plan, WhatIsWrongIsSaidWithItsPlace) {
  write("a.pem", "a");
  const auto refused = [&](const std::string& text) {
    write("plan", text);
    return code_of([&] { static_cast<void>(read_plan(path("plan"))); });
  };
  for (const char* text :
       {"", "{", "[]", "[member", "[{", "member = 1", "shared = 1", "[member]\na = 1", "[member.a]\nkey = \"a.pem\"",
        "[member.a]\ncertificate = 7", "[member.a]\ncertificate = [1]", "[member.a]\ncertificat = \"a.pem\"",
        "[member.a]\ncertificate = \"a.pem\"\naddress = [\"a\", \"b\"]", "[[shared]]\nmembers = [\"a\"]",
        "[[shared]]\ncertificate = \"a.pem\"\naddress = \"a\"", "{\"member\":{\"a\":[]}}", "{\"shared\":[1]}",
        "[other]\na = 1"}) {
    EXPECT_EQ(refused(text), "plan-invalid") << text;
  }
  EXPECT_EQ(refused("[member.a]\ncertificate = \"missing.pem\""), "not-found");
  EXPECT_EQ(code_of([&] { static_cast<void>(read_plan(path("nothing"))); }), "not-found");
}

TEST_F(Plan, AFolderIsSortedByWhatIsInItsFiles) {
  make_leaf("engine1.test");
  make_leaf("wide");
  make_ca("chain.pem");
  run("mv wide.key some-other-name; mkdir own.test; openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 "
      "-nodes "
      "-keyout own.test/k -out own.test/c -days 9 -subj /CN=own -addext basicConstraints=critical,CA:FALSE; echo hello "
      "> "
      "README; echo no > .hidden");
  const auto plan = read_plan(folder_);
  ASSERT_EQ(plan.size(), 3U);
  EXPECT_EQ(plan[0].label, "engine1.test");
  EXPECT_TRUE(plan[0].members.empty());
  EXPECT_EQ(names_of(plan[0].key), (Names{"engine1.test.key"}));
  EXPECT_EQ(names_of(plan[0].intermediate), (Names{"chain.pem"}));
  EXPECT_EQ(plan[1].label, "wide");
  EXPECT_EQ(names_of(plan[1].key), (Names{"some-other-name"})) << "by the key, not by its file's name";
  EXPECT_EQ(plan[2].members, (Names{"own.test"}));
  EXPECT_EQ(names_of(plan[2].certificate), (Names{"own.test/c", "own.test/k"}));
}

TEST_F(Plan, AFolderOfNothingOrTwoFoldersDeepIsRefused) {
  EXPECT_EQ(code_of([&] { static_cast<void>(read_plan(folder_)); }), "empty-input");
  write("README", "hello");
  EXPECT_EQ(code_of([&] { static_cast<void>(read_plan(folder_)); }), "empty-input");
  make_leaf("a");
  run("mkdir -p x/y; cp a.crt x/y/; zip -qr deep.zip x");
  EXPECT_EQ(code_of([&] { static_cast<void>(read_plan(path("deep.zip"))); }), "plan-invalid");
}

TEST_F(Plan, AZipOfAFolderIsAsTheFolder) {
  make_leaf("engine1.test");
  make_ca("chain.pem");
  run("mkdir member.test; cp engine1.test.crt engine1.test.key member.test/; zip -qr plan.zip engine1.test.crt "
      "engine1.test.key chain.pem member.test");
  const auto plan = read_plan(path("plan.zip"));
  ASSERT_EQ(plan.size(), 2U);
  EXPECT_EQ(plan[0].label, "engine1.test");
  EXPECT_EQ(names_of(plan[0].key), (Names{"engine1.test.key"}));
  EXPECT_EQ(plan[1].members, (Names{"member.test"}));
}

// As a page has them: files by name, with the folder that each was in.
TEST_F(Plan, DroppedFilesAreAZipAPlanWithItsFilesOrJustFiles) {
  make_leaf("engine1.test");
  run("mkdir engine1.test && cp engine1.test.crt engine1.test.key engine1.test && zip -qr whole.zip engine1.test");
  const auto given = [&](const std::map<std::string, std::string>& files) {
    PlanFiles out;
    for (const auto& [as, name] : files) {
      out.emplace(as, preflight::SourceFile{.name = as, .bytes = read_secret_file(path(name), 1'000'000)});
    }
    return out;
  };
  const auto zipped = read_plan_files(given({{"whole.zip", "whole.zip"}}));
  ASSERT_EQ(1U, zipped.size());
  EXPECT_EQ(Names{"engine1.test"}, zipped[0].members);
  const auto plain =
      read_plan_files(given({{"engine1.test/c.pem", "engine1.test.crt"}, {"engine1.test/k.pem", "engine1.test.key"}}));
  ASSERT_EQ(1U, plain.size());
  EXPECT_EQ(Names{"engine1.test"}, plain[0].members);
  write("plan.toml", "[member.\"two.test\"]\ncertificate = \"a/c.pem\"\nkey = \"./k.pem\"\n");
  const auto planned = read_plan_files(
      given({{"plan.toml", "plan.toml"}, {"a/c.pem", "engine1.test.crt"}, {"k.pem", "engine1.test.key"}}));
  ASSERT_EQ(1U, planned.size());
  EXPECT_EQ(Names{"two.test"}, planned[0].members);
  EXPECT_EQ(1U, planned[0].certificate.size());
  EXPECT_EQ(1U, planned[0].key.size());
  EXPECT_EQ("plan-invalid", code_of([&] {
              (void)read_plan_files(given({{"whole.zip", "whole.zip"}, {"c.pem", "engine1.test.crt"}}));
            }));
  EXPECT_EQ("plan-invalid", code_of([&] { (void)read_plan_files(given({{"plan.toml", "plan.toml"}})); }));
  // Each file is the one that the plan names, whatever the plan is written in.
  EXPECT_EQ(contents_of("engine1.test.crt"), std::string(text_of(view_of(planned[0].certificate.front().bytes))));
  EXPECT_EQ(contents_of("engine1.test.key"), std::string(text_of(view_of(planned[0].key.front().bytes))));
  write("plan.json", R"({"member": {"two.test": {"certificate": "c.pem", "key": "k.pem"}}})");
  const auto in_json = read_plan_files(
      given({{"plan.json", "plan.json"}, {"c.pem", "engine1.test.crt"}, {"k.pem", "engine1.test.key"}}));
  ASSERT_EQ(1U, in_json.size());
  EXPECT_EQ(Names{"two.test"}, in_json[0].members);
  // A plan that lies in a member's folder is none for all.
  const auto below = read_plan_files(given({{"engine1.test/plan.toml", "plan.toml"},
                                            {"engine1.test/c.pem", "engine1.test.crt"},
                                            {"engine1.test/k.pem", "engine1.test.key"}}));
  ASSERT_EQ(1U, below.size());
  EXPECT_EQ(Names{"engine1.test"}, below[0].members);
  write("large.toml", "[member.\"two.test\"]\ncertificate = \"c.pem\"\n#" + std::string(4 * 1024 * 1024, '#'));
  PlanFiles large = given({{"c.pem", "engine1.test.crt"}});
  large.emplace("large.toml",
                preflight::SourceFile{.name = "large.toml", .bytes = read_secret_file(path("large.toml"), 5'000'000)});
  EXPECT_EQ("plan-invalid", code_of([&] { (void)read_plan_files(std::move(large)); }));
  // A zip with nothing in it is one all the same.
  run("python3 -c \"import zipfile; zipfile.ZipFile('empty.zip', 'w').close()\"");
  EXPECT_EQ("plan-invalid", code_of([&] {
              (void)read_plan_files(given({{"empty.zip", "empty.zip"}, {"c.pem", "engine1.test.crt"}}));
            }));
}

// Which key is whose is seen only once it is open.
TEST_F(Plan, DroppedFilesWithASealedKey) {
  make_leaf("engine1.test");
  make_leaf("engine2.test");
  run("openssl pkcs8 -topk8 -in engine1.test.key -out one.key -passout pass:secret && "
      "mkdir sealed && cp one.key sealed && cp engine1.test.crt sealed/a.crt && cp engine2.test.key engine2.test.crt "
      "sealed "
      "&& cd sealed && zip -qr ../sealed.zip .");
  const SecretBytes right = secret_copy(std::string_view("secret"));
  const auto given = [&](const std::vector<std::string>& names) {
    PlanFiles out;
    for (const std::string& name : names) {
      const std::string as = name.substr(name.find_last_of('/') + 1);
      out.emplace(as, preflight::SourceFile{.name = as, .bytes = read_secret_file(path(name), 1'000'000)});
    }
    return out;
  };
  const std::vector<std::string> plain{"sealed/a.crt", "sealed/one.key", "sealed/engine2.test.crt",
                                       "sealed/engine2.test.key"};
  for (const std::vector<std::string>& files : {plain, std::vector<std::string>{"sealed.zip"}}) {
    const auto opened = read_plan_files(given(files), &right);
    ASSERT_EQ(2U, opened.size());
    const auto one = std::ranges::find(opened, "a", &PlanEntry::label);
    ASSERT_NE(opened.end(), one);
    EXPECT_EQ(Names{"one.key"}, names_of(one->key)) << files.front();
  }
}

TEST_F(Plan, HostileArchivesAreRefusedWhole) {
  write("make.py", R"(
import struct, sys, zipfile
def made(name, members, **more):
    with zipfile.ZipFile(name, 'w', zipfile.ZIP_DEFLATED) as file:
        for member, content in members:
            info = member if isinstance(member, zipfile.ZipInfo) else zipfile.ZipInfo(member)
            info.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(info, content)
import warnings; warnings.simplefilter('ignore')
made('climbing.zip', [('../a.pem', 'x')])
made('absolute.zip', [('/tmp/a.pem', 'x')])
made('control.zip', [('a\n.pem', 'x')])
made('twice.zip', [('a.pem', 'x'), ('a.pem', 'y')])
link = zipfile.ZipInfo('a.pem'); link.create_system = 3; link.external_attr = 0o120777 << 16
made('link.zip', [(link, '/etc/passwd')])
device = zipfile.ZipInfo('a.pem'); device.create_system = 3; device.external_attr = 0o020666 << 16
made('device.zip', [(device, '')])
made('bomb.zip', [('a.pem', b'\0' * (64 << 20))])
made('many-bombs.zip', [('a%d.pem' % i, b'\0' * (4 << 20)) for i in range(17)])
made('crowd.zip', [('%d' % i, '') for i in range(10001)])
made('good.zip', [('a.pem', 'hello' * 100)])
good = open('good.zip', 'rb').read()
open('cut.zip', 'wb').write(good[:-30])
open('crc.zip', 'wb').write(good.replace(struct.pack('<I', zipfile.crc32(b'hello' * 100)), b'\1\2\3\4'))
locked = bytearray(good); locked[6] |= 1; locked[good.index(b'PK\1\2') + 8] |= 1
open('locked.zip', 'wb').write(bytes(locked))
)");
  run("python3 make.py");
  for (const char* name : {"climbing", "absolute", "control", "twice", "link", "device", "bomb", "many-bombs", "crowd",
                           "cut", "crc", "locked"}) {
    EXPECT_EQ(code_of([&] { static_cast<void>(read_plan(path(std::string(name) + ".zip"))); }), "plan-invalid") << name;
  }
  EXPECT_EQ(code_of([&] { static_cast<void>(read_plan(path("good.zip"))); }), "empty-input");
}

}  // namespace
}  // namespace chancery::rollout
