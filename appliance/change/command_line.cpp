#include "appliance/change/command_line.h"

#include "keystore/fault.h"

namespace chancery::change {

std::vector<std::string> split_command(const std::string& text) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\' && quote != '\'') {
      // Inside double quotes a backslash quotes only what would be special there.
      const char next = i + 1 < text.size() ? text[i + 1] : '\0';
      const bool quotes_next = quote == 0 || next == '"' || next == '\\' || next == '$' || next == '`';
      if (next == '\0') break;
      if (!quotes_next) word += c;
      word += next;
      in_word = true;
      ++i;
      continue;
    }
    if (quote != 0) {
      if (c == quote)
        quote = 0;
      else
        word += c;
      continue;
    }
    if (c == '\'' || c == '"') {
      quote = c;
      in_word = true;
      continue;
    }
    if (c == ' ' || c == '\t' || c == '\n') {
      if (in_word) words.push_back(std::move(word));
      word.clear();
      in_word = false;
      continue;
    }
    word += c;
    in_word = true;
  }
  if (quote != 0) {
    throw Failure({.code = "bad-command",
                   .subject = text,
                   .cause = "a quote is not closed",
                   .hint = "close it; the command is split like a shell would, but no shell runs it"});
  }
  if (in_word) words.push_back(std::move(word));
  return words;
}

}  // namespace chancery::change
