#include "appliance/cli/secret_input.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "appliance/cli/text.h"
#include "appliance/terminal/without_echo.h"
#include "keystore/fault.h"
#include "keystore/files/folder.h"
#include "keystore/x509/material.h"

namespace chancery::cli {
namespace {

constexpr std::size_t kLongest = 64 * 1024;

void drop_line_end(SecretBytes& secret) {
  if (!secret.empty() && secret.back() == '\n') secret.pop_back();
  if (!secret.empty() && secret.back() == '\r') secret.pop_back();
}

void say(std::string_view text) {
  // Prompts are no data: stderr. A prompt that cannot be shown is still answered.
  [[maybe_unused]] const ssize_t count = ::write(STDERR_FILENO, text.data(), text.size());
}

Failure interrupted() {
  return Failure({.code = "interrupted",
                  .subject = "",
                  .cause = "the question was not answered",
                  .hint = "run it again, or give the secret by --passphrase-file or --passphrase-env"});
}

// One line, byte by byte: nothing beyond it is taken from stdin. False at the end of the input or at ^C.
bool read_line(SecretBytes& line) {
  for (;;) {
    std::uint8_t byte = 0;
    const ssize_t count = ::read(STDIN_FILENO, &byte, 1);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0 || byte == 3) return false;
    if (byte == '\n') return true;
    if (line.size() < kLongest) line.push_back(byte);
    wipe(&byte, 1);
  }
}

}  // namespace

SecretBytes secret_from(const std::string& path) {
  SecretBytes secret = read_secret_file(path, kLongest);
  drop_line_end(secret);
  return secret;
}

std::optional<SecretBytes> given_secret(const Arguments& arguments, const std::string& name) {
  const bool by_file = arguments.has(name + "-file");
  const bool by_environment = arguments.has(name + "-env");
  if (by_file && by_environment) {
    throw usage(name + "-file and " + name + "-env exclude each other", "give one of them");
  }
  if (by_file) {
    return secret_from(arguments.value(name + "-file"));
  }
  if (!by_environment) return std::nullopt;
  const std::string variable = arguments.value(name + "-env");
  const char* value = std::getenv(variable.c_str());
  if (value == nullptr) {
    throw Failure({.code = "not-found",
                   .subject = variable,
                   .cause = "no such environment variable",
                   .hint = "export it first, or use " + name + "-file"});
  }
  return secret_copy(std::string_view(value));
}

bool can_prompt() { return ::isatty(STDIN_FILENO) != 0 && ::isatty(STDERR_FILENO) != 0; }

SecretBytes prompted_secret(const std::string& prompt) {
  if (!can_prompt()) {
    throw Failure({.code = "no-terminal",
                   .subject = "",
                   .cause = "a secret is needed and nobody can be asked for it here",
                   .hint = "give it by a file or an environment variable (…-file, …-env)"});
  }
  SecretBytes secret;
  bool answered = false;
  {
    const WithoutEcho silence(TypedAhead::dropped);
    say(escaped(prompt));
    answered = read_line(secret);
  }
  say("\n");
  if (!answered) throw interrupted();
  drop_line_end(secret);
  return secret;
}

SecretBytes prompted_secret_twice(const std::string& prompt) {
  SecretBytes first = prompted_secret(prompt);
  const SecretBytes second = prompted_secret("again: ");
  if (!secret_equal(view_of(first), view_of(second))) {
    throw Failure({.code = "passphrase-differs",
                   .subject = "",
                   .cause = "the two answers differ",
                   .hint = "run it again and type the same twice"});
  }
  return first;
}

bool confirmed(const std::string& question) {
  say(escaped(question) + " [y/N] ");
  SecretBytes answer;
  if (!read_line(answer)) return false;
  drop_line_end(answer);
  const std::string_view text = text_of(view_of(answer));
  return text == "y" || text == "Y" || text == "yes" || text == "Yes";
}

std::optional<SecretBytes> passphrase_for(const Arguments& arguments,
                                          const std::vector<const preflight::SourceFile*>& files) {
  std::optional<SecretBytes> given = given_secret(arguments, "--passphrase");
  if (given || !can_prompt()) return given;
  for (const preflight::SourceFile* file : files) {
    const Material found = read_material(view_of(file->bytes), {.source = file->name});
    for (const MaterialNote& note : found.notes) {
      if (note.code == "key-encrypted") return prompted_secret("passphrase of " + file->name + ": ");
    }
  }
  return std::nullopt;
}

}  // namespace chancery::cli
