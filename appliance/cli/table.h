// A table for people: columns as wide as what is in them, shortened with "…" where the terminal is narrower.
//
//   Table table({{"IDENTITY"}, {"SOURCE"}, {.title = "NAMES", .may_shrink = true}});
//   table.add({identity, source, names});
//   table.print(terminal);
//
// No table is wider than the terminal, or than 80 columns where there is none. Columns that may not shrink keep all of
// their text (identities, times) as long as the others leave room; the widest shrinks first.
#pragma once

#include <string>
#include <vector>

#include "appliance/cli/text.h"

namespace chancery::cli {

class Terminal;

struct Column {
  std::string title;
  bool may_shrink = false;
  bool align_right = false;
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  void add(std::vector<Text> cells);  // one per column
  bool is_empty() const noexcept { return rows_.empty(); }
  void print(Terminal& terminal) const;
  std::vector<Text> render(std::size_t width) const;  // the lines, title first

 private:
  std::vector<std::size_t> widths(std::size_t width) const;
  std::vector<Column> columns_;
  std::vector<std::vector<Text>> rows_;
};

// "label    value" lines, as `cert show` and `status` print them; values wrap under themselves.
class Sheet {
 public:
  void add(std::string label, Text value);
  void print(Terminal& terminal, std::size_t indent = 0) const;

 private:
  std::vector<std::pair<std::string, Text>> rows_;
};

}  // namespace chancery::cli
