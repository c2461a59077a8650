#include "appliance/cli/table.h"

#include <algorithm>

#include "appliance/cli/terminal.h"

namespace chancery::cli {
namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kNarrowest = 6;

void append_blanks(Text& to, std::size_t count) {
  if (count > 0) to << std::string(count, ' ');
}

}  // namespace

void Table::add(std::vector<Text> cells) {
  cells.resize(columns_.size());
  rows_.push_back(std::move(cells));
}

std::vector<std::size_t> Table::widths(std::size_t width) const {
  std::vector<std::size_t> widths;
  for (std::size_t at = 0; at < columns_.size(); ++at) {
    std::size_t widest = width_of(columns_[at].title);
    for (const auto& row : rows_) widest = std::max(widest, row[at].width());
    widths.push_back(widest);
  }
  std::size_t total = kGap * (widths.empty() ? 0 : widths.size() - 1);
  for (const std::size_t one : widths) total += one;
  // The widest shrinkable column gives way first; when none is left to give, the widest of all does.
  for (const bool only_willing : {true, false}) {
    while (total > width) {
      std::size_t widest = columns_.size();
      for (std::size_t at = 0; at < widths.size(); ++at) {
        if (widths[at] <= kNarrowest || (only_willing && !columns_[at].may_shrink)) continue;
        if (widest == columns_.size() || widths[at] > widths[widest]) widest = at;
      }
      if (widest == columns_.size()) break;
      --widths[widest];
      --total;
    }
  }
  return widths;
}

std::vector<Text> Table::render(std::size_t width) const {
  const std::vector<std::size_t> columns = widths(width);
  std::vector<Text> lines;
  const auto add_line = [&](const std::vector<Text>& cells) {
    Text line;
    std::size_t owed = 0;  // blanks that are written only when something follows: no line ends in blanks
    for (std::size_t at = 0; at < columns.size(); ++at) {
      const Text cell = cells[at].cut_to(columns[at]);
      const std::size_t padding = columns[at] - cell.width();
      if (columns_[at].align_right) owed += padding;
      if (cell.width() > 0) {
        append_blanks(line, owed);
        owed = 0;
        line << cell;
      }
      if (!columns_[at].align_right) owed += padding;
      owed += kGap;
    }
    lines.push_back(line.cut_to(width));
  };
  std::vector<Text> titles;
  for (const Column& column : columns_) titles.emplace_back(painted(Colour::bold, column.title));
  add_line(titles);
  for (const auto& row : rows_) add_line(row);
  return lines;
}

void Table::print(Terminal& terminal) const {
  for (const Text& line : render(terminal.width())) terminal.line(line);
}

void Sheet::add(std::string label, Text value) { rows_.emplace_back(std::move(label), std::move(value)); }

void Sheet::print(Terminal& terminal, std::size_t indent) const {
  std::size_t widest = 0;
  for (const auto& [label, value] : rows_) widest = std::max(widest, width_of(label));
  const std::size_t margin = indent + widest + kGap;
  const std::size_t room = terminal.width() > margin + kNarrowest ? terminal.width() - margin : kNarrowest;
  for (const auto& [label, value] : rows_) {
    Text line;
    append_blanks(line, indent);
    line << painted(Colour::dim, label);
    append_blanks(line, widest - width_of(label) + kGap);
    if (value.width() <= room) {
      terminal.line(line << value);
      continue;
    }
    std::string whole;
    for (const Painted& piece : value.pieces()) whole += piece.text;
    for (const std::string& part : folded(whole, room)) {
      terminal.line(line << painted(value.pieces().front().colour, part));
      line = Text(std::string(margin, ' '));
    }
  }
}

}  // namespace chancery::cli
