#include <gtest/gtest.h>

#include "tests/console/fuzz/targets.h"
#include "tests/fuzz/bombard.h"

namespace chancery::console {
namespace {

TEST(ConsoleFuzz, Forms) {
  const std::string two =
      "multipart/form-data; boundary=xyz\n--xyz\r\nContent-Disposition: form-data; name=\"names\"\r\n\r\na.test\r\n"
      "--xyz\r\nContent-Disposition: form-data; name=\"key\"; filename=\"../a.pem\"\r\nContent-Type: "
      "a/b\r\n\r\nKEY\r\n--xyz--\r\n";
  fuzz::bombard("console_form", fuzz::console_form,
                {bytes_of(two), bytes_of("application/json\n{\"a\":[1]}"), bytes_of("multipart/form-data\n--"),
                 bytes_of("multipart/form-data; boundary=\"\"\n--\r\n\r\n")});
}

}  // namespace
}  // namespace chancery::console
