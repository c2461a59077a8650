// Completion scripts for bash, zsh and fish, made from the command table. They are plain tables: completing starts no
// program and reads no state.
#include <algorithm>

#include "appliance/cli/commands.h"
#include "appliance/cli/help.h"

namespace chancery::cli {
namespace {

constexpr std::string_view kIdentities = "console portal engine portal-collector engine-collector member authority-tls";

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::string words_of(std::string_view kind) {
  if (kind == "identity" || kind == "identity-or-file") return std::string(kIdentities);
  if (kind == "command") return joined(words_after(""));
  if (kind.find('|') == std::string_view::npos) return {};
  std::string words(kind);
  std::replace(words.begin(), words.end(), '|', ' ');
  return words;
}

bool takes_files(std::string_view kind) { return kind == "file" || kind == "folder" || kind == "identity-or-file"; }

std::string option_names(const Command* command) {
  std::string names;
  const auto add = [&](std::span<const Option> options) {
    for (const Option& option : options) names += (names.empty() ? "" : " ") + std::string(option.name);
  };
  if (command != nullptr) add(command->options);
  add(global_options());
  return names;
}

// All beginnings of commands after which another word may come: "", "cert", "federation tokens", ….
std::vector<std::string> beginnings() {
  std::vector<std::string> all = {""};
  for (const Command* command : all_commands()) {
    const std::string path(command->path);
    for (std::size_t at = path.find(' '); at != std::string::npos; at = path.find(' ', at + 1)) {
      const std::string beginning = path.substr(0, at);
      if (std::find(all.begin(), all.end(), beginning) == all.end()) all.push_back(beginning);
    }
  }
  return all;
}

std::string shell_word(std::string_view text) {
  std::string out = "'";
  for (const char byte : text) out += byte == '\'' ? std::string("'\\''") : std::string(1, byte);
  return out + "'";
}

// Shared by bash and zsh (through bashcompinit): case tables by command and by option.
std::string bash_script() {
  std::string words;
  for (const std::string& beginning : beginnings()) {
    words += "    " + shell_word(beginning) + ") words=" + shell_word(joined(words_after(beginning))) + " ;;\n";
  }
  std::string commands;
  std::string values;
  for (const Command* command : all_commands()) {
    std::string line = "    " + shell_word(command->path) + ") options=" + shell_word(option_names(command));
    for (const Positional& positional : command->positionals) {
      if (const std::string choices = words_of(positional.kind); !choices.empty())
        line += " words=" + shell_word(choices);
      if (takes_files(positional.kind)) line += " files=1";
    }
    commands += line + " ;;\n";
    for (const Option& option : command->options) {
      if (option.value.empty()) continue;
      const std::string value = "    " + shell_word(std::string(command->path) + " " + std::string(option.name)) +
                                ") taken=1 words=" + shell_word(words_of(option.kind)) +
                                " files=" + (takes_files(option.kind) ? "1" : "''");
      values += value + " ;;\n";
    }
  }
  return "# made by `chancery completion`\n"
         "_chancery() {\n"
         "  local current=\"${COMP_WORDS[COMP_CWORD]}\" previous=\"${COMP_WORDS[COMP_CWORD-1]}\" path='' word words='' "
         "options=" +
         shell_word(option_names(nullptr)) +
         " files='' taken='' at\n"
         "  COMPREPLY=()\n"
         "  for ((at = 1; at < COMP_CWORD; at++)); do\n"
         "    word=\"${COMP_WORDS[at]}\"\n"
         "    case \"$word\" in --state) ((at++)); continue ;; -*) continue ;; esac\n"
         "    case \" $(_chancery_words \"$path\") \" in *\" $word \"*) path=\"${path:+$path }$word\" ;; *) break ;; "
         "esac\n"
         "  done\n"
         "  words=\"$(_chancery_words \"$path\")\"\n"
         "  case \"$path\" in\n" +
         commands +
         "  esac\n"
         "  case \"$path $previous\" in\n" +
         values +
         "  *' --state') taken=1 words='' files=1 ;;\n  esac\n"
         "  if [[ -z $taken && $current == -* ]]; then\n"
         "    words=\"$options\" files=''\n"
         "  fi\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
         "  if [[ -n $files ]]; then COMPREPLY+=($(compgen -f -- \"$current\")); compopt -o filenames 2>/dev/null; fi\n"
         "}\n"
         "_chancery_words() {\n"
         "  local words=''\n"
         "  case \"$1\" in\n" +
         words +
         "  esac\n"
         "  printf '%s' \"$words\"\n"
         "}\n"
         "complete -F _chancery chancery\n";
}

std::string fish_script() {
  std::string out =
      "# made by `chancery completion fish`\ncomplete -c chancery -f\n"
      // The words so far without options: one line, empty where there are none.
      "function __chancery_path\n"
      "  set -l words (commandline -opc)\n"
      "  set -l plain\n"
      "  set -l is_value ''\n"
      "  for word in $words[2..-1]\n"
      "    if test -n \"$is_value\"\n"
      "      set is_value ''\n"
      "    else if test \"$word\" = --state\n"
      "      set is_value yes\n"
      "    else if not string match -q -- '-*' \"$word\"\n"
      "      set -a plain $word\n"
      "    end\n"
      "  end\n"
      "  echo \"$plain\"\n"
      "end\n"
      "function __chancery_at\n"
      "  set -l path (__chancery_path)\n"
      "  test \"$path\" = \"$argv[1]\"\n"
      "end\n"
      "function __chancery_in\n"
      "  set -l path (__chancery_path)\n"
      "  test \"$path\" = \"$argv[1]\"; or string match -q -- \"$argv[1] *\" \"$path\"\n"
      "end\n";
  for (const std::string& beginning : beginnings()) {
    out += "complete -c chancery -n " + shell_word("__chancery_at \"" + beginning + "\"") + " -a " +
           shell_word(joined(words_after(beginning))) + "\n";
  }
  const auto add_option = [&](const std::string& condition, const Option& option) {
    out += "complete -c chancery" + condition + " -l " + std::string(option.name.substr(2)) + " -d " +
           shell_word(option.help);
    if (!option.value.empty()) out += takes_files(option.kind) ? " -r -F" : " -x";
    if (const std::string choices = words_of(option.kind); !choices.empty()) out += " -a " + shell_word(choices);
    out += "\n";
  };
  for (const Option& option : global_options()) add_option("", option);
  for (const Command* command : all_commands()) {
    const std::string condition = " -n " + shell_word("__chancery_in \"" + std::string(command->path) + "\"");
    for (const Option& option : command->options) add_option(condition, option);
    for (const Positional& positional : command->positionals) {
      const std::string choices = words_of(positional.kind);
      if (!choices.empty()) out += "complete -c chancery" + condition + " -a " + shell_word(choices) + "\n";
      if (takes_files(positional.kind)) out += "complete -c chancery" + condition + " -F\n";
    }
  }
  return out;
}

}  // namespace

std::string completion_script(std::string_view shell) {
  if (shell == "fish") return fish_script();
  if (shell == "zsh") return "#compdef chancery\nautoload -U +X bashcompinit && bashcompinit\n" + bash_script();
  return bash_script();
}

}  // namespace chancery::cli
