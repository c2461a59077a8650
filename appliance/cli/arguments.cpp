#include "appliance/cli/arguments.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <memory>

#include "appliance/cli/commands.h"

namespace chancery::cli {
namespace {

std::string joined(const std::vector<std::string>& words, const char* between) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : between) + word;
  return text;
}

Failure unknown_word(const std::string& path, const std::string& word) {
  const std::vector<std::string> candidates = words_after(path);
  const std::string meant = nearest(word, candidates);
  const std::string before = path.empty() ? "chancery " : "chancery " + path + " ";
  if (!meant.empty()) return usage("unknown command: " + before + word, "did you mean `" + before + meant + "`?");
  return usage("unknown command: " + before + word, "one of: " + joined(candidates, ", "));
}

Failure unknown_option(const Command* command, const std::string& given) {
  const std::string name = given.substr(0, given.find('='));
  std::vector<std::string> candidates;
  for (const Option& option : global_options()) candidates.emplace_back(option.name);
  if (command != nullptr) {
    for (const Option& option : command->options) candidates.emplace_back(option.name);
  }
  const std::string meant = nearest(name, candidates);
  const std::string where =
      command == nullptr ? "before a command" : "for `chancery " + std::string(command->path) + "`";
  if (!meant.empty()) return usage("unknown option " + name + " " + where, "did you mean " + meant + "?");
  const std::string help = command == nullptr ? "chancery help" : "chancery help " + std::string(command->path);
  return usage("unknown option " + name + " " + where, "`" + help + "` lists the options");
}

const Option* find_global(std::string_view argument) {
  const std::string_view name = argument.substr(0, argument.find('='));
  for (const Option& option : global_options()) {
    if (option.name == name || (name == "-h" && option.name == "--help")) return &option;
  }
  return nullptr;
}

// The words of the command, found among global options; what remains is for CLI11.
struct Split {
  std::string path;
  std::vector<std::string> rest;
};

Split split_words(const std::vector<std::string>& arguments) {
  Split split;
  bool is_complete = false;
  for (std::size_t at = 0; at < arguments.size(); ++at) {
    const std::string& argument = arguments[at];
    if (is_complete) {
      split.rest.push_back(argument);
      continue;
    }
    if (argument.size() > 1 && argument[0] == '-') {
      const Option* option = find_global(argument);
      const Command* command = find_command(split.path);
      if (option == nullptr && command == nullptr) throw unknown_option(nullptr, argument);
      if (option == nullptr) {  // the command's own options begin: no more words
        is_complete = true;
        split.rest.push_back(argument);
        continue;
      }
      split.rest.push_back(argument);
      const bool takes_next = !option->value.empty() && argument.find('=') == std::string::npos;
      if (takes_next && at + 1 < arguments.size()) split.rest.push_back(arguments[++at]);
      continue;
    }
    const std::string longer = split.path.empty() ? argument : split.path + " " + argument;
    if (!argument.empty() && argument.find(' ') == std::string::npos && !commands_below(longer).empty()) {
      split.path = longer;
      is_complete = words_after(longer).empty();
      continue;
    }
    if (find_command(split.path) == nullptr) throw unknown_word(split.path, argument);
    is_complete = true;
    split.rest.push_back(argument);
  }
  return split;
}

void expect_choice(std::string_view kind, std::string_view name, const std::string& value) {
  if (kind.find('|') == std::string_view::npos) return;
  std::vector<std::string> choices;
  for (std::string_view rest = kind; !rest.empty();) {
    const std::size_t bar = rest.find('|');
    choices.emplace_back(rest.substr(0, bar));
    rest.remove_prefix(bar == std::string_view::npos ? rest.size() : bar + 1);
  }
  if (std::find(choices.begin(), choices.end(), value) != choices.end()) return;
  const std::string meant = nearest(value, choices);
  throw usage("wrong value for " + std::string(name) + ": " + value,
              meant.empty() ? "one of: " + joined(choices, ", ") : "did you mean " + meant + "?");
}

CLI::Option* declare(CLI::App& app, const Option& option, std::vector<std::string>& values, bool& flag) {
  const std::string names = option.name == "--help" ? "-h,--help" : std::string(option.name);
  if (option.value.empty()) return app.add_flag(names, flag);
  CLI::Option* declared = app.add_option(names, values);
  declared->expected(1)->allow_extra_args(false);
  // "Repeated" options collect; for the others CLI11 refuses a second one, so that no script is silently half obeyed.
  declared->multi_option_policy(option.repeated ? CLI::MultiOptionPolicy::TakeAll : CLI::MultiOptionPolicy::Throw);
  return declared;
}

// Positionals are dealt out here: CLI11 would let a greedy one swallow what belongs to the next.
void take_positionals(const Command& command, const std::vector<std::string>& given, Arguments& into) {
  std::size_t at = 0;
  for (const Positional& positional : command.positionals) {
    std::vector<std::string> values;
    while (at < given.size() && (values.empty() || positional.repeated)) values.push_back(given[at++]);
    if (values.empty() && positional.required) {
      throw usage("`chancery " + std::string(command.path) + "` needs " + std::string(positional.name),
                  usage_line(command));
    }
    for (const std::string& value : values) expect_choice(positional.kind, positional.name, value);
    if (!values.empty()) into.put(positional.name, std::move(values));
  }
  if (at < given.size()) throw usage("one argument too many: " + given[at], usage_line(command));
}

struct Slot {
  const Option* option;
  std::vector<std::string> values;
  bool flag = false;
  CLI::Option* declared = nullptr;
};

void take_options(const Command& command, std::vector<std::string> rest, Invocation& invocation) {
  CLI::App app;
  app.set_help_flag();
  std::vector<std::unique_ptr<Slot>> slots;
  for (const std::span<const Option> options : {global_options(), command.options}) {
    for (const Option& option : options) {
      auto slot = std::make_unique<Slot>();
      slot->option = &option;
      slot->declared = declare(app, option, slot->values, slot->flag);
      slots.push_back(std::move(slot));
    }
  }
  std::vector<std::string> positionals;
  app.add_option("arguments", positionals);
  try {
    std::reverse(rest.begin(), rest.end());  // CLI11 takes them from the back
    app.parse(rest);
  } catch (const CLI::ExtrasError&) {
    throw unknown_option(&command, app.remaining().empty() ? "-" : app.remaining().front());
  } catch (const CLI::ParseError& error) {
    throw usage(error.what(), "`chancery help " + std::string(command.path) + "` explains its options");
  }
  for (const std::unique_ptr<Slot>& slot : slots) {
    if (slot->declared->count() == 0) continue;
    if (slot->option->value.empty()) {
      if (slot->flag) invocation.arguments.put(slot->option->name, {});
      continue;
    }
    for (const std::string& value : slot->values) expect_choice(slot->option->kind, slot->option->name, value);
    invocation.arguments.put(slot->option->name, std::move(slot->values));
  }
  invocation.help = invocation.arguments.has("--help");
  if (invocation.help) return;
  for (const Option& option : command.options) {
    const bool is_replaced = !option.unless.empty() && invocation.arguments.has(option.unless);
    if (option.required && !is_replaced && !invocation.arguments.has(option.name)) {
      throw usage("`chancery " + std::string(command.path) + "` needs " + std::string(option.name) + " " +
                      std::string(option.value),
                  usage_line(command));
    }
  }
  take_positionals(command, positionals, invocation.arguments);
}

}  // namespace

Failure usage(std::string cause, std::string hint) {
  return Failure({.code = "usage", .subject = "", .cause = std::move(cause), .hint = std::move(hint)});
}

Failure stdout_is_taken() { return usage("--output - and --json both want stdout", "give --output a file"); }

KeyValue key_value(const std::string& word, std::string hint) {
  const std::size_t equals = word.find('=');
  if (equals == std::string::npos || equals == 0) throw usage("not KEY=VALUE: " + word, std::move(hint));
  return {.key = word.substr(0, equals), .value = word.substr(equals + 1)};
}

bool Arguments::has(std::string_view name) const { return values_.find(name) != values_.end(); }

std::string Arguments::value(std::string_view name, std::string otherwise) const {
  const auto found = values_.find(name);
  if (found == values_.end() || found->second.empty()) return otherwise;
  return found->second.back();
}

std::vector<std::string> Arguments::values(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::vector<std::string>{} : found->second;
}

long Arguments::number(std::string_view name, long otherwise, long least, long most) const {
  if (!has(name)) return otherwise;
  const std::string text = value(name);
  long number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < least || number > most) {
    throw usage("wrong value for " + std::string(name) + ": " + text,
                "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  }
  return number;
}

void Arguments::put(std::string_view name, std::vector<std::string> values) {
  values_[std::string(name)] = std::move(values);
}

Invocation read_arguments(const std::vector<std::string>& arguments) {
  const Split split = split_words(arguments);
  Invocation invocation;
  invocation.words = split.path;
  invocation.command = find_command(split.path);
  if (invocation.command != nullptr) {
    take_options(*invocation.command, split.rest, invocation);
    return invocation;
  }
  invocation.help = mentions(split.rest, "--help") || mentions(split.rest, "-h");
  if (invocation.help) return invocation;
  const std::string words = joined(words_after(split.path), ", ");
  if (split.path.empty()) throw usage("no command given", "`chancery help` shows them all: " + words);
  throw usage("`chancery " + split.path + "` needs one word more", "one of: " + words);
}

long seconds_from(const std::string& text, std::string_view option) {
  long amount = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), amount);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const long factor = unit.empty() || unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : unit == "d" ? 86400 : 0;
  if (error != std::errc{} || factor == 0 || amount <= 0 || amount > 366L * 86400 / factor) {
    throw usage("wrong value for " + std::string(option) + ": " + text, "a time such as 90s, 10m, 24h or 7d");
  }
  return amount * factor;
}

bool mentions(const std::vector<std::string>& arguments, std::string_view word) {
  return std::find(arguments.begin(), arguments.end(), word) != arguments.end();
}

}  // namespace chancery::cli
