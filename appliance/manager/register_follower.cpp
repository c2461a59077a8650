#include "appliance/manager/register_follower.h"

#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>

#include "appliance/authority/register.h"
#include "appliance/authority/register_place.h"
#include "appliance/manager/progress.h"
#include "appliance/manager/witness.h"
#include "keystore/bytes/text_encoding.h"

namespace chancery::manager {
namespace {

using nlohmann::json;

constexpr const char* source = "register";
constexpr std::size_t batch = 500;
constexpr const char* of_token = "token ";
constexpr const char* of_renewal = "renewal by ";

// One join or renewal: all that was issued by it.
struct Deal {
  std::int64_t last = 0;  // row
  std::string member;
  std::string by;  // "token 1234…"
  std::int64_t issued_at = 0;
  json leaves = json::array();
};

std::vector<Deal> deals_after(const storage::Store& store, std::int64_t position) {
  const auto rows = store.rows(
      "SELECT id, coalesce(member, ''), coalesce(identity, ''), sha256, issued_at, issued_for FROM certificates "
      "WHERE id > ? AND (issued_for LIKE ? OR issued_for LIKE ?) ORDER BY id LIMIT ?",
      {position, std::string(of_token) + "%", std::string(of_renewal) + "%", static_cast<std::int64_t>(batch)});
  std::vector<Deal> deals;
  for (const storage::Row& row : rows) {
    const std::string& issued_for = row.text(5);
    const std::string by = issued_for.substr(0, issued_for.find(", identity "));
    const bool goes_on = !deals.empty() && deals.back().by == by && deals.back().issued_at == row.integer(4);
    if (!goes_on) deals.push_back({.member = row.text(1), .by = by, .issued_at = row.integer(4)});
    deals.back().last = row.integer(0);
    deals.back().leaves.push_back({{"identity", row.text(2)}, {"before", ""}, {"after", to_hex(row.blob(3))}});
  }
  // What was cut by the limit comes whole with the next look.
  if (rows.size() == batch && deals.size() > 1) deals.pop_back();
  return deals;
}

audit::Record record_of(const Deal& deal) {
  audit::Record record;
  record.time = authority::instant_of(deal.issued_at);
  record.kind = "change";
  record.who = deal.member.empty() ? "a client" : "member " + deal.member;
  record.verb = deal.by.starts_with(of_token) ? "member-joined" : "certificates-renewed";
  record.arguments = json{{"by", deal.by}}.dump(-1, ' ', false, json::error_handler_t::replace);
  record.outcome = "done";
  record.leaves = deal.leaves.dump();
  return record;
}

}  // namespace

void RegisterFollower::look() noexcept {
  std::string trouble;
  try {
    follow();
  } catch (const std::exception& error) {
    trouble = error.what();
  }
  if (!trouble.empty() && trouble != trouble_) spdlog::warn("joins and renewals wait for the audit: {}", trouble);
  trouble_ = trouble;
}

void RegisterFollower::follow() {
  Bench bench(state_path_, clock_);
  if (bench.appliance.role == Role::secondary) return;
  const std::int64_t position = bench.trail().position(source);
  const auto store = authority::RegisterPlace::of(bench.appliance.state).open();
  const std::vector<Deal> deals = deals_after(*store, position);
  if (deals.empty()) return;
  std::vector<audit::Record> records;
  for (const Deal& deal : deals) records.push_back(record_of(deal));
  if (!bench.trail().take_over(source, position, deals.back().last, records)) return;
  for (const audit::Record& record : records) {
    Progress::of_process().recorded(record.verb, record.who, record.outcome);
  }
}

}  // namespace chancery::manager
