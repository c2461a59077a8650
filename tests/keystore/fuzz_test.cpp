// Every fuzz target of this floor, from seeds of each kind that the parsers know (fuzz/make_seeds.sh, by openssl).
#include <gtest/gtest.h>

#include "tests/fuzz/bombard.h"
#include "tests/keystore/fuzz/targets.h"
#include "tests/keystore/workshop.h"

namespace chancery {
namespace {

class FuzzTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    shop_ = new Workshop;
    shop_->run("bash " CHANCERY_SOURCE_DIR "/tests/keystore/fuzz/make_seeds.sh " + shop_->path("seeds"));
  }
  static void TearDownTestSuite() {
    delete shop_;
    shop_ = nullptr;
  }
  static void run(const std::string& name, void (*target)(ByteView)) {
    fuzz::bombard(name, target, fuzz::files_in(shop_->path("seeds/" + name)));
  }
  static Workshop* shop_;
};
Workshop* FuzzTest::shop_ = nullptr;

TEST_F(FuzzTest, Material) { run("material", fuzz::material); }
TEST_F(FuzzTest, Certificate) { run("certificate", fuzz::certificate); }
TEST_F(FuzzTest, Request) { run("request", fuzz::request); }
TEST_F(FuzzTest, Name) { run("name", fuzz::name); }
TEST_F(FuzzTest, Cursor) { run("cursor", fuzz::cursor); }

}  // namespace
}  // namespace chancery
