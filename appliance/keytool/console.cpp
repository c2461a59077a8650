#include "appliance/keytool/console.h"

#include <langinfo.h>
#include <unistd.h>

#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstring>

#include "appliance/terminal/without_echo.h"
#include "keystore/fault.h"

namespace chancery::keytool {
namespace {

constexpr std::size_t flush_at = 64 * 1024;
constexpr std::size_t read_size = 8192;

bool write_fully(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(descriptor, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

}  // namespace

Console::Console() {
  std::setlocale(LC_CTYPE, "");
  is_utf8_ = std::strcmp(::nl_langinfo(CODESET), "UTF-8") == 0;
}

Console::~Console() { (void)flush(); }

std::string Console::encoded(std::string_view text) const {
  std::string ascii;
  for (const char c : text) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (byte < 0x80) {
      ascii += c;
    } else if (byte >= 0xc0) {
      ascii += '?';
    }
  }
  return ascii;
}

void Console::out(std::string_view text) {
  if (is_utf8_) {
    pending_ += text;
  } else {
    pending_ += encoded(text);
  }
  if (pending_.size() >= flush_at) (void)flush();
}

void Console::out_bytes(ByteView bytes) { pending_ += text_of(bytes); }

void Console::err(std::string_view text) {
  (void)flush();
  // Nobody can be told when stderr is gone.
  (void)write_fully(STDERR_FILENO, is_utf8_ ? std::string(text) : encoded(text));
}

bool Console::flush() {
  if (!pending_.empty() && !failed_) failed_ = !write_fully(STDOUT_FILENO, pending_);
  pending_.clear();
  return !failed_;
}

std::optional<std::uint8_t> Console::next_byte() {
  if (at_ == input_.size()) {
    input_.resize(read_size);
    ssize_t count = 0;
    do {
      count = ::read(STDIN_FILENO, input_.data(), input_.size());
    } while (count < 0 && errno == EINTR);
    input_.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
    at_ = 0;
    if (input_.empty()) return std::nullopt;
  }
  return input_[at_++];
}

std::optional<SecretBytes> Console::read_password(std::string_view prompt) {
  (void)flush();
  const bool is_terminal = ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
  std::optional<WithoutEcho> mute;
  if (is_terminal) mute.emplace(TypedAhead::kept);
  err(prompt);
  SecretBytes password;
  password.reserve(128);
  bool interrupted = false;
  while (const std::optional<std::uint8_t> byte = next_byte()) {
    if (*byte == '\n') break;
    if (*byte == '\r') {
      const std::optional<std::uint8_t> after = next_byte();
      if (after && *after != '\n') --at_;
      break;
    }
    if (is_terminal && *byte == 3) {
      interrupted = true;
      break;
    }
    if (password.size() < read_size) password.push_back(*byte);
  }
  mute.reset();
  if (is_terminal) out("\n");
  if (interrupted) {
    (void)flush();
    std::signal(SIGINT, SIG_DFL);
    std::raise(SIGINT);
  }
  if (password.empty()) return std::nullopt;
  return password;
}

std::optional<std::string> Console::read_line() {
  (void)flush();
  std::string line;
  bool seen = false;
  while (const std::optional<std::uint8_t> byte = next_byte()) {
    seen = true;
    if (*byte == '\n') break;
    if (*byte == '\r') {
      const std::optional<std::uint8_t> after = next_byte();
      if (after && *after != '\n') --at_;
      break;
    }
    if (line.size() < flush_at) line += static_cast<char>(*byte);
  }
  if (!seen) return std::nullopt;
  return line;
}

Bytes Console::read_rest(std::size_t limit) {
  (void)flush();
  Bytes rest;
  while (const std::optional<std::uint8_t> byte = next_byte()) {
    if (rest.size() == limit) {
      throw Failure({.code = "too-large",
                     .subject = "stdin",
                     .cause = "has more than " + std::to_string(limit) + " bytes",
                     .hint = "check that this is the input you mean"});
    }
    rest.push_back(*byte);
  }
  return rest;
}

std::size_t character_count(const SecretBytes& utf8) {
  std::size_t count = 0;
  for (const std::uint8_t byte : utf8) {
    if ((byte & 0xc0) != 0x80) count += byte >= 0xf0 ? 2 : 1;
  }
  return count;
}

}  // namespace chancery::keytool
