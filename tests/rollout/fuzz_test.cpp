#include <gtest/gtest.h>

#include "backup/sets/archive.h"
#include "tests/fuzz/bombard.h"
#include "tests/rollout/fuzz/targets.h"

namespace chancery::rollout {
namespace {

TEST(RolloutFuzz, Plans) {
  fuzz::bombard("rollout_plan", fuzz::rollout_plan,
                {bytes_of("[member.\"a.test\"]\ncertificate = \"a.pem\"\nkey = [\"a.key\"]\n[[shared]]\nmembers = "
                          "[\"b\"]\ncertificate = 'b.pem'\n"),
                 bytes_of(R"({"member":{"a":{"certificate":"a.pem"}},"shared":[{"certificate":["b.pem"]}]})"),
                 bytes_of("[{"), bytes_of("{\"member\":{\"\\ud800\":1}}")});
}

TEST(RolloutFuzz, Archives) {
  const SecretBytes content = secret_copy(std::string_view("-----BEGIN CERTIFICATE-----\n"));
  const std::string large(10'000, 'a');
  const SecretBytes zip = backup::write_archive(
      {{.path = "a.pem", .bytes = view_of(content)}, {.path = "b/key.pem", .bytes = view_of(large)}}, Instant{},
      view_of("key"));
  fuzz::bombard("rollout_archive", fuzz::rollout_archive,
                {{zip.begin(), zip.end()}, bytes_of("PK\5\6"), bytes_of("PK")});
}

}  // namespace
}  // namespace chancery::rollout
