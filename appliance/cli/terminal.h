// Where output goes, and how: data on stdout, everything else on stderr; colour only on a terminal and never against
// NO_COLOR, --no-color, TERM=dumb or --json; --quiet leaves only data and errors.
//
//   terminal.line(Text() << painted(Colour::green, "ACCEPTED") << " as far as this machine can tell");
//   terminal.note("the old certificate stays until the next command");
//
// Output is collected and written at the end (finish), so that a command that fails half-way prints no half document.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "appliance/cli/text.h"
#include "keystore/bytes/secret.h"

namespace chancery::cli {

class Terminal {
 public:
  struct Options {
    bool json = false;
    bool quiet = false;
    bool no_color = false;
  };
  explicit Terminal(const Options& options);

  bool json() const noexcept { return options_.json; }
  bool quiet() const noexcept { return options_.quiet; }
  std::size_t width() const noexcept { return width_; }  // of stdout's terminal, 80 where it is none

  void line(const Text& text = {});               // stdout
  void raw(std::string_view text);                // stdout, as it is: PEM, scripts, help; never data of others
  void secret(ByteView bytes);                    // stdout, at once and without a copy of ours
  void document(const nlohmann::json& document);  // stdout: the one JSON document
  void note(const Text& text);                    // stderr, unless --quiet
  void hint(const Text& text);                    // stderr, "hint: …", unless --quiet
  void problem(const Text& text);                 // stderr, always

  // Set when a Failure was shown: what stands on stdout is then no answer.
  void mark_failed() noexcept { has_failed_ = true; }
  bool has_failed() const noexcept { return has_failed_; }

  // Writes what was collected. False when stdout could not take it (a full disk); a closed pipe is fine.
  [[nodiscard]] bool finish();

 private:
  std::string dressed(const Text& text, bool colour) const;
  Options options_;
  bool colour_out_ = false;
  bool colour_error_ = false;
  std::size_t width_ = 80;
  std::string collected_;
  bool lost_output_ = false;
  bool has_failed_ = false;
};

}  // namespace chancery::cli
