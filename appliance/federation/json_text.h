// Writing large JSON texts that are mostly PEM: what a general writer spends on them, one character after the other, is as
// much as signing them.
//
//   JsonText out(8192);
//   out.raw("{\"root\":").text(pem).raw(",\"time\":").raw(std::to_string(time)).raw("}");
//   return out.take();
//
// text() escapes what JSON wants escaped; UTF-8 stays as it is, and what is none is a Failure ("not-text"). raw() is
// believed. Thread safety: a value.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace chancery::federation {

class JsonText {
 public:
  explicit JsonText(std::size_t expected_size) { out_.reserve(expected_size); }
  JsonText& raw(std::string_view part) {
    out_ += part;
    return *this;
  }
  JsonText& text(std::string_view text);
  JsonText& texts(const std::vector<std::string>& all);  // as a list
  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

}  // namespace chancery::federation
