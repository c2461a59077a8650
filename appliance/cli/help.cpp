#include "appliance/cli/help.h"

#include <algorithm>

#include "appliance/cli/commands.h"
#include "appliance/cli/outcome_view.h"
#include "appliance/cli/session.h"

namespace chancery::cli {
namespace {

std::string padded(std::string_view text, std::size_t columns) {
  std::string out(text);
  const std::size_t width = width_of(out);
  if (width < columns) out.append(columns - width, ' ');
  return out;
}

// "  left      right, wrapped under itself"
std::string entry(std::string_view left, std::string_view right, std::size_t column, std::size_t width) {
  const std::string margin(column + 4, ' ');
  const bool is_long = width_of(left) > column;
  std::string out = is_long ? "  " + std::string(left) + "\n" + margin : "  " + padded(left, column) + "  ";
  bool first = true;
  for (const std::string& part : wrapped(right, std::max<std::size_t>(width - column - 4, 20))) {
    out += (first ? "" : margin) + part + "\n";
    first = false;
  }
  return out;
}

std::string paragraph(std::string_view text, std::size_t width) {
  std::string out;
  for (const std::string& part : wrapped(text, width)) out += part + "\n";
  return out;
}

std::string option_label(const Option& option) {
  std::string label(option.name);
  if (!option.value.empty()) label += " " + std::string(option.value);
  if (option.repeated) label += " …";
  return label;
}

std::string with_choices(std::string_view help, std::string_view kind) {
  std::string text(help);
  if (kind.find('|') == std::string_view::npos) return text;
  std::string choices(kind);
  for (std::size_t at = 0; (at = choices.find('|', at)) != std::string::npos; at += 2) choices.replace(at, 1, ", ");
  return text + " (" + choices + ")";
}

// An example that is too long for a line goes on behind a backslash, so that it can be copied as it stands. It is broken
// only before an option or a redirection, never inside quotes.
std::string example_text(std::string_view command, std::size_t width) {
  std::string out = "  ";
  std::size_t used = 2;
  while (!command.empty()) {
    const std::size_t next = std::min({command.find(" --", 1), command.find(" > ", 1), command.size()});
    const std::string_view part = command.substr(0, next);
    if (used > 2 && used + width_of(part) + 2 > width) {
      out += " \\\n     ";
      used = 5;
    }
    out += part;
    used += width_of(part);
    command.remove_prefix(next);
  }
  return out + "\n";
}

std::string options_text(std::string_view title, std::span<const Option> options, std::size_t width) {
  if (options.empty()) return {};
  std::string out = "\n" + std::string(title) + "\n";
  for (const Option& option : options) {
    out += entry(option_label(option), with_choices(option.help, option.kind), 24, width);
  }
  return out;
}

std::string command_help(const Command& command, std::size_t width) {
  std::string out = paragraph("chancery " + std::string(command.path) + ": " + std::string(command.summary), width);
  std::string usage;
  for (const std::string& line : wrapped(usage_line(command), width - 7)) {
    usage += (usage.empty() ? "usage: " : "\n       ") + line;
  }
  out += "\n" + usage + "\n\n" + paragraph(command.description, width);
  if (!command.positionals.empty()) {
    out += "\narguments\n";
    for (const Positional& positional : command.positionals) {
      out += entry(positional.name, with_choices(positional.help, positional.kind), 24, width);
    }
  }
  out += options_text("options", command.options, width);
  out += options_text("options of every command", global_options(), width);
  if (!command.examples.empty()) out += "\nexamples\n";
  for (const Example& example : command.examples) {
    out += example_text(example.command, width);
    for (const std::string& part : wrapped(example.effect, width - 6)) out += "      " + part + "\n";
  }
  return out;
}

std::string overview(std::string_view words, std::size_t width) {
  std::string out;
  if (words.empty()) {
    out =
        "chancery: certificates of a fleet of appliances, who trusts whom, and how both\n"
        "are changed without locking anybody out\n\nusage: chancery [options] NOUN VERB …\n";
  } else {
    out = "usage: chancery " + std::string(words) + " VERB …\n";
  }
  std::string noun;
  for (const Command* command : commands_below(words)) {
    const std::string next(command->path.substr(0, command->path.find(' ')));
    if (next != noun) out += "\n";
    noun = next;
    out += entry(command->path, command->summary, 26, width);
  }
  out += options_text("options of every command, before or after its words", global_options(), width);
  out +=
      "\n`chancery help NOUN VERB` tells more, with examples.\n"
      "exit: 0 done; 1 refused or failed, the old state is in force; 2 wrong usage;\n"
      "      3 failed and a person is needed\n"
      "doctor exits as monitoring plugins do: 0 fine, 1 warning, 2 critical, 3 unknown\n";
  return out;
}

int run_help(Session& session) {
  if (session.arguments().has("--man")) {
    session.terminal().raw(manual());
    return 0;
  }
  std::string words;
  for (const std::string& word : session.arguments().values("COMMAND")) words += (words.empty() ? "" : " ") + word;
  if (commands_below(words).empty()) {
    std::vector<std::string> paths;
    for (const Command* command : all_commands()) paths.emplace_back(command->path);
    const std::string meant = nearest(words, paths);
    throw Failure(
        {.code = "usage",
         .subject = "",
         .cause = "there is no command `" + words + "`",
         .hint = meant.empty() ? "`chancery help` lists all commands" : "did you mean `chancery help " + meant + "`?"});
  }
  session.terminal().raw(help_text(words, session.terminal().width()));
  return 0;
}

int run_completion(Session& session) {
  session.terminal().raw(completion_script(session.arguments().value("SHELL")));
  return 0;
}

constexpr Positional kHelpPositionals[] = {{.name = "COMMAND",
                                            .help = "a noun, or a noun and its verb",
                                            .kind = "command",
                                            .required = false,
                                            .repeated = true}};
constexpr Option kHelpOptions[] = {{.name = "--man", .value = "", .help = "the man page chancery(1), in troff"}};
constexpr Example kHelpExamples[] = {{"chancery help cert replace", "options and examples of one command"},
                                     {"chancery help --man | man -l -", "read it as a man page"}};
constexpr Positional kCompletionPositionals[] = {
    {.name = "SHELL", .help = "the shell that is to complete", .kind = "bash|zsh|fish"}};
constexpr Example kCompletionExamples[] = {
    {"source <(chancery completion bash)", "in this shell, at once"},
    {"chancery completion bash > /etc/bash_completion.d/chancery", "in every new one"},
    {"chancery completion fish > ~/.config/fish/completions/chancery.fish", "the same for fish"}};

constexpr Command kHelpCommands[] = {
    {.path = "completion",
     .doing = "print the completion script",
     .summary = "completion for bash, zsh or fish",
     .description = "Prints a script that completes commands, options, identities and files.",
     .positionals = kCompletionPositionals,
     .options = {},
     .examples = kCompletionExamples,
     .run = run_completion},
    {.path = "help",
     .doing = "show help",
     .summary = "what a command does, with examples",
     .description = "Without a command it lists all of them.",
     .positionals = kHelpPositionals,
     .options = kHelpOptions,
     .examples = kHelpExamples,
     .run = run_help},
};

}  // namespace

std::span<const Command> help_commands() { return kHelpCommands; }

std::string help_text(std::string_view words, std::size_t width) {
  width = std::clamp<std::size_t>(width, 60, 100);
  const Command* command = find_command(words);
  return command != nullptr ? command_help(*command, width) : overview(words, width);
}

}  // namespace chancery::cli
