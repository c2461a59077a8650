#include "portal/alerts/book.h"

#include <algorithm>
#include <set>

namespace chancery::portal::alerts {
namespace {

constexpr std::size_t most_news = 200;

struct Entry {
  Finding finding;
  std::set<std::string> scopes;
  std::optional<Instant> ended;

  friend bool operator==(const Entry& a, const Entry& b) {
    return a.scopes == b.scopes && a.ended == b.ended && a.finding.subject == b.finding.subject &&
           a.finding.since == b.finding.since && a.finding.step == b.finding.step &&
           a.finding.urgent == b.finding.urgent && a.finding.words == b.finding.words &&
           a.finding.hint == b.finding.hint;
  }
};

std::int64_t seconds_of(Instant instant) { return instant.time_since_epoch().count(); }
Instant instant_of(std::int64_t seconds) { return Instant(std::chrono::seconds(seconds)); }

// Names of appliances hold no line end.
std::string joined(const std::set<std::string>& scopes) {
  std::string text;
  for (const std::string& scope : scopes) text += scope + "\n";
  return text;
}

std::set<std::string> split(const std::string& text) {
  std::set<std::string> scopes;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    scopes.insert(text.substr(at, end - at));
    at = end + 1;
  }
  return scopes;
}

constexpr const char* columns = "SELECT key, kind, subject, scopes, since, step, urgent, words, hint, ended FROM ";

Entry entry_of(const storage::Row& row) {
  Entry entry{.finding = {.key = row.text(0),
                          .kind = kind_from(row.text(1)),
                          .subject = row.text(2),
                          .since = instant_of(row.integer(4)),
                          .urgent = row.integer(6) != 0,
                          .step = static_cast<int>(row.integer(5)),
                          .words = row.text(7),
                          .hint = row.text(8)},
              .scopes = split(row.text(3)),
              .ended = {}};
  if (!row.is_null(9)) entry.ended = instant_of(row.integer(9));
  return entry;
}

void enter(storage::Store& store, const Entry& entry) {
  const Finding& finding = entry.finding;
  store.run(
      "INSERT INTO conditions (key, kind, subject, scopes, since, step, urgent, words, hint, ended) "
      "VALUES (?,?,?,?,?,?,?,?,?,?) ON CONFLICT (key) DO UPDATE SET subject=excluded.subject, scopes=excluded.scopes, "
      "since=excluded.since, step=excluded.step, urgent=excluded.urgent, words=excluded.words, hint=excluded.hint, "
      "ended=excluded.ended",
      {finding.key, std::string(to_text(finding.kind)), finding.subject, joined(entry.scopes),
       seconds_of(finding.since), std::int64_t{finding.step}, std::int64_t{finding.urgent ? 1 : 0}, finding.words,
       finding.hint, entry.ended ? storage::Value(seconds_of(*entry.ended)) : storage::Value()});
}

// One condition may be found in several scopes: its places are named together. What is worst counts, so that no member
// makes another one's certificate look better than it is.
std::map<std::string, Entry> by_key(const Findings& findings) {
  constexpr std::size_t longest_subject = 300;
  std::map<std::string, Entry> found;
  for (const auto& [scope, list] : findings) {
    for (const Finding& finding : list) {
      const auto [entry, is_first] = found.try_emplace(finding.key, Entry{finding, {scope}, {}});
      if (is_first) continue;
      Entry& known = entry->second;
      known.scopes.insert(scope);
      known.finding.since = std::min(known.finding.since, finding.since);
      if (finding.step < known.finding.step) {
        known.finding.step = finding.step;
        known.finding.urgent = finding.urgent;
        known.finding.words = finding.words;
        known.finding.hint = finding.hint;
      }
      std::string& subject = known.finding.subject;
      const bool is_named = (", " + subject + ",").find(", " + finding.subject + ",") != std::string::npos;
      if (!is_named && subject.size() + finding.subject.size() < longest_subject) subject += ", " + finding.subject;
    }
  }
  return found;
}

}  // namespace

storage::Schema Book::schema() {
  return {.what = "the alerts",
          .migrations = {"CREATE TABLE sent ("
                         "  sha256 TEXT NOT NULL,"
                         "  days INTEGER NOT NULL,"  // the threshold of the warning
                         "  at INTEGER NOT NULL,"
                         "  PRIMARY KEY (sha256, days)"
                         ") STRICT",
                         // Mail about certificates was all there was; what it told is not told again.
                         "CREATE TABLE conditions ("
                         "  key TEXT PRIMARY KEY,"
                         "  kind TEXT NOT NULL,"
                         "  subject TEXT NOT NULL,"
                         "  scopes TEXT NOT NULL,"  // those that found it, a line each
                         "  since INTEGER NOT NULL,"
                         "  step INTEGER NOT NULL,"
                         "  urgent INTEGER NOT NULL,"
                         "  words TEXT NOT NULL,"
                         "  hint TEXT NOT NULL,"
                         "  ended INTEGER"  // NULL: it stands
                         ") STRICT;"
                         "CREATE TABLE told ("
                         "  key TEXT NOT NULL,"
                         "  channel TEXT NOT NULL,"
                         "  step INTEGER NOT NULL,"
                         "  at INTEGER NOT NULL,"
                         "  PRIMARY KEY (key, channel)"
                         ") STRICT;"
                         "CREATE TABLE digest (id INTEGER PRIMARY KEY CHECK (id = 1), day TEXT NOT NULL) STRICT;"
                         "INSERT INTO told SELECT 'certificate-ends ' || sha256, 'mail', MIN(days), MAX(at) FROM sent "
                         "GROUP BY sha256;"
                         "DROP TABLE sent"}};
}

Book::Book(std::unique_ptr<storage::Store> store, std::vector<std::string> channels)
    : store_(std::move(store)), channels_(std::move(channels)) {}

void Book::observe(const Findings& findings, Instant now) {
  std::map<std::string, Entry> found = by_key(findings);
  std::vector<Entry> changed;
  bool has_ended = false;
  for (const storage::Row& row : store_->rows(std::string(columns) + "conditions")) {
    const Entry before = entry_of(row);
    Entry after = before;
    std::erase_if(after.scopes, [&](const std::string& scope) { return findings.contains(scope); });
    if (const auto here = found.find(before.finding.key); here != found.end()) {
      after.finding = here->second.finding;
      after.scopes.insert(here->second.scopes.begin(), here->second.scopes.end());
      if (!before.ended) after.finding.since = before.finding.since;
      after.ended.reset();
      found.erase(here);
    } else if (after.scopes.empty() && !after.ended) {
      after.ended = now;
    }
    has_ended = has_ended || after.ended;
    if (!(after == before)) changed.push_back(std::move(after));
  }
  for (auto& [key, entry] : found) changed.push_back(std::move(entry));
  if (changed.empty() && !has_ended) return;
  store_->write([&] {
    for (const Entry& entry : changed) enter(*store_, entry);
    strike();
  });
}

void Book::set_channels(std::vector<std::string> channels) {
  store_->write([&] {
    channels_ = std::move(channels);
    strike();
  });
}

void Book::strike() {
  std::string over = "SELECT key FROM conditions WHERE ended IS NOT NULL";
  std::vector<storage::Value> parameters;
  for (const std::string& channel : channels_) {
    over += " AND NOT EXISTS (SELECT 1 FROM told WHERE told.key = conditions.key AND told.channel = ?)";
    parameters.emplace_back(channel);
  }
  for (const storage::Row& row : store_->rows(over, parameters)) {
    store_->run("DELETE FROM conditions WHERE key = ?", {row.text(0)});
    store_->run("DELETE FROM told WHERE key = ?", {row.text(0)});
  }
}

std::vector<News> Book::news(const std::string& channel, bool only_urgent) const {
  std::vector<News> all;
  const auto rows = store_->rows(
      "SELECT c.key, c.kind, c.subject, c.scopes, c.since, c.step, c.urgent, c.words, c.hint, c.ended, t.step "
      "FROM conditions AS c LEFT JOIN told AS t ON t.key = c.key AND t.channel = ? "
      "ORDER BY c.urgent DESC, c.since, c.key",
      {channel});
  for (const storage::Row& row : rows) {
    if (all.size() == most_news) break;
    const Entry entry = entry_of(row);
    const bool was_told = !row.is_null(10);
    if (entry.ended && was_told && !only_urgent) {
      all.push_back({News::Event::resolved, entry.finding, *entry.ended});
    }
    if (entry.ended || (only_urgent && !entry.finding.urgent)) continue;
    if (!was_told) {
      all.push_back({News::Event::raised, entry.finding, {}});
    } else if (row.integer(10) > entry.finding.step) {
      all.push_back({News::Event::step, entry.finding, {}});
    }
  }
  return all;
}

void Book::told(const std::string& channel, const std::vector<News>& news, Instant now) {
  store_->write([&] {
    for (const News& one : news) {
      if (one.event == News::Event::resolved) {
        store_->run("DELETE FROM told WHERE key = ? AND channel = ?", {one.finding.key, channel});
        continue;
      }
      store_->run(
          "INSERT INTO told (key, channel, step, at) VALUES (?,?,?,?) "
          "ON CONFLICT (key, channel) DO UPDATE SET step=excluded.step, at=excluded.at",
          {one.finding.key, channel, std::int64_t{one.finding.step}, seconds_of(now)});
    }
    strike();
  });
}

std::vector<OpenCondition> Book::open() const {
  std::map<std::string, std::vector<OpenCondition::Told>> told;
  for (const storage::Row& row : store_->rows("SELECT key, channel, at FROM told ORDER BY channel")) {
    told[row.text(0)].push_back({row.text(1), instant_of(row.integer(2))});
  }
  std::vector<OpenCondition> all;
  for (const storage::Row& row :
       store_->rows(std::string(columns) + "conditions WHERE ended IS NULL ORDER BY since, key")) {
    const Entry entry = entry_of(row);
    all.push_back({entry.finding, told[entry.finding.key]});
  }
  return all;
}

std::string Book::digest_day() const {
  const auto rows = store_->rows("SELECT day FROM digest WHERE id = 1");
  return rows.empty() ? "" : rows.front().text(0);
}

void Book::set_digest_day(const std::string& day) {
  store_->run("INSERT INTO digest (id, day) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET day=excluded.day", {day});
}

}  // namespace chancery::portal::alerts
