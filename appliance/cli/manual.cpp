// The man page chancery(1), made from the command table.
#include "appliance/cli/commands.h"
#include "appliance/cli/help.h"

namespace chancery::cli {
namespace {

// Text for troff: backslashes and hyphens as themselves, and no line that begins like a request.
std::string troff(std::string_view text) {
  std::string out;
  for (const char byte : text) {
    if (byte == '\\') {
      out += "\\e";
    } else if (byte == '-') {
      out += "\\-";
    } else {
      out += byte;
    }
  }
  // The only character beyond ASCII in the table; troff wants it by number.
  for (std::size_t at = 0; (at = out.find("…", at)) != std::string::npos;) out.replace(at, 3, "\\[u2026]");
  if (!out.empty() && (out[0] == '.' || out[0] == '\'')) out.insert(0, "\\&");
  return out;
}

std::string tagged(const std::string& label, std::string_view text) {
  return ".TP\n\\fB" + troff(label) + "\\fR\n" + troff(text) + "\n";
}

std::string option_entry(const Option& option) {
  std::string head = ".TP\n\\fB" + troff(option.name) + "\\fR";
  if (!option.value.empty()) head += " \\fI" + troff(option.value) + "\\fR";
  return head + "\n" + troff(option.help) + (option.repeated ? "; may be repeated" : "") +
         (option.required ? "; required" : "") + "\n";
}

std::string section(const Command& command) {
  std::string out = ".SS \"" + troff(usage_line(command)) + "\"\n" + troff(command.summary) + ".\n.PP\n" +
                    troff(command.description) + "\n";
  for (const Positional& positional : command.positionals) out += tagged(std::string(positional.name), positional.help);
  for (const Option& option : command.options) out += option_entry(option);
  for (const Example& example : command.examples) {
    out += ".PP\n.RS 4\n.nf\n" + troff(example.command) + "\n.fi\n" + troff(example.effect) + "\n.RE\n";
  }
  return out;
}

}  // namespace

std::string manual() {
  std::string out =
      ".\\\" made by `chancery help --man` from the command table\n"
      ".TH CHANCERY 1 \"\" \"chancery " CHANCERY_VERSION
      "\" \"User Commands\"\n"
      ".SH NAME\nchancery \\- certificates of a fleet of appliances\n"
      ".SH SYNOPSIS\n.B chancery\n[\\-\\-state \\fIDIR\\fR] [\\-\\-json] [\\-\\-quiet] [\\-\\-no\\-color] \\fINOUN "
      "VERB\\fR ...\n"
      ".SH DESCRIPTION\n"
      "Shows, checks, replaces and restores the certificates of an appliance, and who trusts whom. Every change is one "
      "transaction: either it is in force everywhere and proven by a handshake, or the old state is.\n"
      ".SH OPTIONS\nThese are taken before and after the words of every command.\n";
  for (const Option& option : global_options()) out += option_entry(option);
  out += ".SH COMMANDS\n";
  for (const Command* command : all_commands()) out += section(*command);
  out += ".SH EXIT STATUS\n";
  out += tagged("0", "done");
  out += tagged("1", "refused or failed; the old state is in force");
  out += tagged("2", "wrong usage");
  out += tagged("3", "failed, and something needs a person (the message says what)");
  out += ".PP\n\\fBchancery doctor\\fR follows monitoring plugins: 0 fine, 1 warning, 2 critical, 3 unknown.\n";
  out += ".SH ENVIRONMENT\n";
  out += tagged("CHANCERY_STATE", "the appliance's state where \\-\\-state is not given");
  out += tagged("NO_COLOR", "no colour, also on a terminal");
  out += ".SH FILES\n";
  out += tagged("/var/lib/chancery", "the state of an appliance");
  return out;
}

}  // namespace chancery::cli
