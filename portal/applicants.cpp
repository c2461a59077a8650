#include "portal/applicants.h"

#include <optional>

#include "appliance/storage/database.h"
#include "keystore/fault.h"

namespace chancery::portal {

namespace {

constexpr std::size_t most = 200'000;
constexpr std::size_t rows_a_batch = 2000;

const storage::Schema schema{.what = "the portal's assignments",
                             .migrations = {"CREATE TABLE applicants ("
                                            "  id TEXT PRIMARY KEY,"
                                            "  facts TEXT NOT NULL,"  // as the collector sent it, JSON
                                            "  peer TEXT NOT NULL,"
                                            "  engine TEXT NOT NULL,"
                                            "  rule TEXT NOT NULL,"
                                            "  seen INTEGER NOT NULL"
                                            ") STRICT",
                                            {"ALTER TABLE applicants ADD COLUMN endpoint TEXT NOT NULL DEFAULT ''",
                                             "ALTER TABLE applicants DROP COLUMN endpoint"}}};

std::string host_of(const std::string& peer) {
  std::string host = peer.substr(0, peer.rfind(':'));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return host;
}

// Of another version's row nothing is known: the collector asks again.
std::optional<wire::Facts> facts_in(const std::string& text) {
  try {
    const wire::Message message = wire::parse_message(text);
    if (const auto* facts = std::get_if<wire::Facts>(&message)) return *facts;
  } catch (const Failure&) {
  }
  return std::nullopt;
}

}  // namespace

assignment::Applicant applicant_of(const wire::Facts& facts, const std::string& peer) {
  assignment::Applicant applicant{.host = facts.host, .system = facts.system, .addresses = {peer}, .tags = facts.tags};
  applicant.addresses.insert(applicant.addresses.end(), facts.addresses.begin(), facts.addresses.end());
  return applicant;
}

Applicants::Applicants(std::unique_ptr<storage::Store> store, Clock clock)
    : store_(std::move(store)), clock_(std::move(clock)) {
  for (const storage::Row& row : store_->rows("SELECT id, facts, peer, engine, rule, seen, endpoint FROM applicants")) {
    const auto facts = facts_in(row.text(1));
    if (!facts) continue;
    applied_[row.text(0)] = {.facts = *facts,
                             .peer = row.text(2),
                             .endpoint = row.text(6),
                             .engine = row.text(3),
                             .rule = row.text(4),
                             .seen = Instant(std::chrono::seconds(row.integer(5)))};
  }
}

Applicants::~Applicants() {
  try {
    flush();
  } catch (const std::exception&) {  // a destructor has nobody to tell; who asks again is noted again
  }
}

void Applicants::note(const std::string& id, const wire::Facts& facts, const std::string& peer,
                      const std::string& endpoint, const assignment::Choice& choice) {
  const Instant now = clock_();
  const std::lock_guard lock(mutex_);
  if (applied_.size() >= most && !applied_.contains(id)) return;
  applied_[id] = {.facts = facts,
                  .peer = host_of(peer),
                  .endpoint = endpoint,
                  .engine = choice.engine,
                  .rule = choice.rule,
                  .seen = now};
  changed_.insert(id);
}

std::map<std::string, Applied> Applicants::all() const {
  const std::lock_guard lock(mutex_);
  return applied_;
}

void Applicants::flush() {
  while (true) {
    std::map<std::string, Applied> batch;
    {
      const std::lock_guard lock(mutex_);
      while (!changed_.empty() && batch.size() < rows_a_batch) {
        batch.emplace(*changed_.begin(), applied_.at(*changed_.begin()));
        changed_.erase(changed_.begin());
      }
    }
    if (batch.empty()) return;
    try {
      store_->write([&] {
        for (const auto& [id, each] : batch) {
          store_->run(
              "INSERT INTO applicants (id, facts, peer, engine, rule, seen, endpoint) VALUES (?,?,?,?,?,?,?) "
              "ON CONFLICT (id) DO UPDATE SET facts=excluded.facts, peer=excluded.peer, engine=excluded.engine, "
              "rule=excluded.rule, seen=excluded.seen, endpoint=excluded.endpoint",
              {id, wire::to_json(each.facts), each.peer, each.engine, each.rule,
               std::int64_t{each.seen.time_since_epoch().count()}, each.endpoint});
        }
      });
    } catch (const Failure&) {
      const std::lock_guard lock(mutex_);
      for (const auto& [id, each] : batch) changed_.insert(id);
      throw;
    }
  }
}

std::unique_ptr<storage::Store> Applicants::open_store(const Folder& state) {
  return std::make_unique<storage::Database>(
      storage::Database::open(state.open_folder("databases"), "assignment.db", schema));
}

}  // namespace chancery::portal
