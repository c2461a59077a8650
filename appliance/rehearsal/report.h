// The answer to a rehearsal: who was asked, who would go on, who would break and why, and who said nothing.
//
//   Report report = parse_report(reply.body);
//   report.add(ask_the_next());
//   if (report.breakage() > accepted) …
//
// In JSON as contract.md has it: {"asked","would_trust","would_break":[{"who","kind","reason",…}],"silent":[…]}; besides
// "reasons" (how many of each), and in entries "name" (the host), "calls" (what it calls the server), "detail". Who was
// not reached is silent, with what is predicted from its last report. Texts come from peers: bounded here, to be escaped
// by whoever shows them. A value.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace chancery::rehearsal {

struct Entry {
  std::string who;     // a collector's id, an appliance's name, the path of a store
  std::string kind;    // "collector", "appliance", "trust-store"
  std::string reason;  // the code of the handshake that would fail
  std::string name;    // a collector's host
  std::string calls;   // by which name it knows the server; "" where it compares none
  std::string detail;
};

enum class Prediction { would_trust, would_break, unknown };
[[nodiscard]] const char* to_text(Prediction prediction);

struct Silent {
  Entry entry;  // its reason is why it would break, "" for the others
  Prediction predicted = Prediction::unknown;
  std::int64_t last_seen = 0;  // unix seconds; 0: unknown
  bool counts = true;          // not: it has been silent for so long (90 days) that it is taken for gone
};

[[nodiscard]] bool is_counted(const Entry& entry);

struct Report {
  // Of an appliance, or one of its programs, that could not be asked; nothing is predicted of it.
  static Report unanswered(std::string who, std::string detail);

  std::size_t asked = 0;  // who answered, and who did not
  std::size_t would_trust = 0;
  std::vector<Entry> would_break;
  std::vector<Silent> silent;

  void add(Report other);
  // How many would be locked out: those who said so, and the silent ones of whom it is predicted; `is_counted` false for
  // appliances. Those are told of, and can be mended: whoever administers one lets it trust the root.
  std::size_t breakage() const;
  bool breaks_anybody() const;  // appliances too
};

[[nodiscard]] nlohmann::json to_document(const Report& report);
[[nodiscard]] std::string to_json(const Report& report);
// Failure("report-invalid").
[[nodiscard]] Report parse_report(const std::string& json);
[[nodiscard]] Report report_of(const nlohmann::json& document);

inline constexpr std::size_t report_limit = std::size_t{16} * 1024 * 1024;

}  // namespace chancery::rehearsal
