#include "appliance/cli/commands.h"

#include <algorithm>

namespace chancery::cli {
namespace {

constexpr Option kGlobalOptions[] = {
    {.name = "--state",
     .value = "DIR",
     .help = "the appliance's state (CHANCERY_STATE, else /var/lib/chancery)",
     .kind = "folder"},
    {.name = "--json", .value = "", .help = "one JSON document on stdout, errors included"},
    {.name = "--quiet", .value = "", .help = "only data and errors"},
    {.name = "--no-color", .value = "", .help = "no colour, also on a terminal (as NO_COLOR does)"},
    {.name = "--help", .value = "", .help = "what the command does, its options and examples"},
};

bool is_below(std::string_view candidate, std::string_view path) {
  return path.empty() || candidate == path ||
         (candidate.size() > path.size() && candidate.starts_with(path) && candidate[path.size()] == ' ');
}

// Damerau-Levenshtein (restricted): a swapped pair of letters, the commonest slip, counts as one.
std::size_t distance(std::string_view left, std::string_view right) {
  const std::size_t width = right.size() + 1;
  std::vector<std::size_t> cells((left.size() + 1) * width);
  const auto at = [&](std::size_t row, std::size_t column) -> std::size_t& { return cells[row * width + column]; };
  for (std::size_t row = 0; row <= left.size(); ++row) at(row, 0) = row;
  for (std::size_t column = 0; column <= right.size(); ++column) at(0, column) = column;
  for (std::size_t row = 1; row <= left.size(); ++row) {
    for (std::size_t column = 1; column <= right.size(); ++column) {
      const bool same = left[row - 1] == right[column - 1];
      std::size_t best =
          std::min({at(row - 1, column) + 1, at(row, column - 1) + 1, at(row - 1, column - 1) + (same ? 0 : 1)});
      if (row > 1 && column > 1 && left[row - 1] == right[column - 2] && left[row - 2] == right[column - 1]) {
        best = std::min(best, at(row - 2, column - 2) + 1);
      }
      at(row, column) = best;
    }
  }
  return at(left.size(), right.size());
}

}  // namespace

std::span<const Option> global_options() { return kGlobalOptions; }

std::vector<const Command*> all_commands() {
  std::vector<const Command*> all;
  for (const auto family : {init_commands,
                            status_commands,
                            cert_commands,
                            rehearsal_commands,
                            backup_commands,
                            generation_commands,
                            trust_commands,
                            keystore_commands,
                            keystore_repair_commands,
                            keytool_commands,
                            federation_commands,
                            rotation_commands,
                            rollout_commands,
                            nifi_commands,
                            authority_commands,
                            storage_commands,
                            policy_commands,
                            settings_commands,
                            network_commands,
                            alert_commands,
                            collector_commands,
                            collector_trust_commands,
                            installer_commands,
                            customer_key_commands,
                            rule_commands,
                            audit_commands,
                            help_commands}) {
    for (const Command& command : family()) all.push_back(&command);
  }
  return all;
}

const Command* find_command(std::string_view path) {
  for (const Command* command : all_commands()) {
    if (command->path == path) return command;
  }
  return nullptr;
}

std::vector<const Command*> commands_below(std::string_view path) {
  std::vector<const Command*> below = all_commands();
  std::erase_if(below, [&](const Command* command) { return !is_below(command->path, path); });
  return below;
}

std::vector<std::string> words_after(std::string_view path) {
  std::vector<std::string> words;
  for (const Command* command : commands_below(path)) {
    if (command->path.size() <= path.size()) continue;
    const std::string_view rest = command->path.substr(path.empty() ? 0 : path.size() + 1);
    std::string word(rest.substr(0, rest.find(' ')));
    if (std::find(words.begin(), words.end(), word) == words.end()) words.push_back(std::move(word));
  }
  return words;
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  if (word.size() > 64) return best;
  for (const std::string& candidate : candidates) {
    // A beginning is meant for the whole: "--cert" for "--certificate".
    const bool is_beginning = word.size() >= 3 && candidate.starts_with(word);
    const std::size_t away = is_beginning ? 1 : distance(word, candidate);
    if (away < best_distance) {
      best_distance = away;
      best = candidate;
    }
  }
  return best;
}

std::string usage_line(const Command& command) {
  std::string line = "chancery " + std::string(command.path);
  if (!command.options.empty()) line += " [options]";
  for (const Option& option : command.options) {
    if (option.required) line += " " + std::string(option.name) + " " + std::string(option.value);
  }
  for (const Positional& positional : command.positionals) {
    std::string name(positional.name);
    if (positional.repeated) name += "…";
    line += positional.required ? " " + name : " [" + name + "]";
  }
  return line;
}

}  // namespace chancery::cli
