// chancery: the command line of an appliance. See command.h for the table of commands and docs of each by `chancery
// help`.
#include <malloc.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "appliance/cli/help.h"
#include "appliance/cli/keytool.h"
#include "appliance/cli/outcome_view.h"
#include "appliance/cli/session.h"

namespace chancery::cli {
namespace {

int perform(const Invocation& invocation, Terminal& terminal) {
  if (invocation.help || invocation.command == nullptr) {
    terminal.raw(help_text(invocation.words, terminal.width()));
    return 0;
  }
  Session session(invocation, terminal);
  return invocation.command->run(session);
}

// The first word of the command, whatever options stand before it.
std::string_view first_word(const std::vector<std::string>& arguments) {
  for (std::size_t at = 0; at < arguments.size(); ++at) {
    if (arguments[at] == "--state") {
      ++at;
    } else if (!arguments[at].starts_with('-')) {
      return arguments[at];
    }
  }
  return {};
}

int attempt(const std::vector<std::string>& arguments, Terminal& terminal) {
  std::string_view doing;
  try {
    const Invocation invocation = read_arguments(arguments);
    if (invocation.command != nullptr) doing = invocation.command->doing;
    return perform(invocation, terminal);
  } catch (const Failure& failure) {
    return show_failure(terminal, failure, doing);
  } catch (const std::bad_alloc&) {
    const Failure failure({.code = "no-memory",
                           .subject = "",
                           .cause = "there is not enough memory",
                           .hint = "close other programs, or check that the files are those you mean"});
    return show_failure(terminal, failure, doing);
  } catch (const std::exception& exception) {
    const Failure failure({.code = "internal",
                           .subject = "",
                           .cause = exception.what(),
                           .hint = "this should not happen: please report it together with the command"});
    return show_failure(terminal, failure, doing);
  }
}

int run(const std::vector<std::string>& arguments) {
  Terminal terminal({.json = mentions(arguments, "--json"),
                     .quiet = mentions(arguments, "--quiet"),
                     .no_color = mentions(arguments, "--no-color")});
  int exit = attempt(arguments, terminal);
  // To monitoring, 1 and 2 are findings of doctor's; doctor itself settles those. What kept it from looking is
  // "unknown".
  if (first_word(arguments) == "doctor" && terminal.has_failed()) exit = 3;
  if (terminal.finish()) return exit;
  terminal.problem("chancery: failed to write the output: stdout did not take it");
  terminal.problem("hint: the command itself has ended; look with `chancery status` before you repeat it");
  return exit == 0 ? 3 : exit;
}

// A large keystore is looked at where the kernel has it, while others who want to write wait (keystore/files/read_lease.h):
// for 45 seconds, so where a disk hangs that long it can be cut under us. Only what a signal handler may call.
void end_where_a_file_was_cut(int) {
  constexpr std::string_view said =
      "chancery: a file that was being read is no longer there as far as it was: somebody else cut it, or the disk "
      "fails\nhint: nothing was put in place; look at the file (`ls -l`) and at `dmesg`, then repeat the command\n";
  static_cast<void>(!::write(STDERR_FILENO, said.data(), said.size()));
  ::_exit(1);
}

}  // namespace
}  // namespace chancery::cli

int main(int argc, char** argv) {
  // Megabytes always have a mapping of their own, which can come in large pages (keystore/bytes/large_memory.h): once
  // one was given back, malloc would take the next ones from its heap.
  ::mallopt(M_MMAP_THRESHOLD, 1 << 20);
  // Before anything heavy: scripts ask this in loops.
  if (argc == 2 && std::strcmp(argv[1], "--version") == 0) {
    return std::puts("chancery " CHANCERY_VERSION) < 0 ? 1 : 0;
  }
  chancery::forbid_core_dumps();
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGBUS, chancery::cli::end_where_a_file_was_cut);
  if (const std::optional<int> exit = chancery::cli::run_keytool(argc, argv)) return *exit;
  return chancery::cli::run({argv + 1, argv + argc});
}
