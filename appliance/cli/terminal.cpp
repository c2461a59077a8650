#include "appliance/cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <nlohmann/json.hpp>

namespace chancery::cli {
namespace {

bool wants_colour(int descriptor, const Terminal::Options& options) {
  if (options.json || options.no_color || ::isatty(descriptor) == 0) return false;
  const char* no_color = std::getenv("NO_COLOR");
  if (no_color != nullptr && *no_color != '\0') return false;
  const char* term = std::getenv("TERM");
  return term == nullptr || std::string_view(term) != "dumb";
}

std::size_t columns_of(int descriptor) {
  winsize size{};
  if (::isatty(descriptor) == 0 || ::ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return std::clamp<std::size_t>(size.ws_col, 40, 200);
}

const char* sequence(Colour colour) {
  switch (colour) {
    case Colour::bold:
      return "\033[1m";
    case Colour::dim:
      return "\033[2m";
    case Colour::red:
      return "\033[1;31m";
    case Colour::green:
      return "\033[32m";
    case Colour::yellow:
      return "\033[33m";
    case Colour::plain:
      break;
  }
  return "";
}

// False only for errors a person must know of; a reader that went away (`| head`) is none.
bool write_all(int descriptor, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno == EPIPE;
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return true;
}

}  // namespace

Terminal::Terminal(const Options& options)
    : options_(options),
      colour_out_(wants_colour(STDOUT_FILENO, options)),
      colour_error_(wants_colour(STDERR_FILENO, options)),
      width_(columns_of(STDOUT_FILENO)) {}

std::string Terminal::dressed(const Text& text, bool colour) const {
  std::string out;
  for (const Painted& piece : text.pieces()) {
    const bool is_painted = colour && piece.colour != Colour::plain;
    if (is_painted) out += sequence(piece.colour);
    out += piece.text;
    if (is_painted) out += "\033[0m";
  }
  return out + '\n';
}

void Terminal::line(const Text& text) { collected_ += dressed(text, colour_out_); }

void Terminal::raw(std::string_view text) { collected_ += text; }

void Terminal::secret(ByteView bytes) {
  lost_output_ = !finish() || lost_output_;
  lost_output_ = !write_all(STDOUT_FILENO, bytes) || lost_output_;
}

void Terminal::document(const nlohmann::json& document) {
  // ASCII only: what is in a name can do nothing to the terminal it is shown on.
  collected_ += document.dump(2, ' ', true, nlohmann::json::error_handler_t::replace);
  collected_ += '\n';
}

void Terminal::note(const Text& text) {
  if (!options_.quiet) problem(text);
}

void Terminal::hint(const Text& text) {
  if (options_.quiet) return;
  problem(Text() << painted(Colour::dim, "hint: ") << text);
}

void Terminal::problem(const Text& text) {
  const std::string line = dressed(text, colour_error_);
  // Nothing can be done where even stderr is gone.
  (void)write_all(STDERR_FILENO, view_of(line));
}

bool Terminal::finish() {
  const bool written = write_all(STDOUT_FILENO, view_of(collected_));
  collected_.clear();
  return written && !lost_output_;
}

}  // namespace chancery::cli
