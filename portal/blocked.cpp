#include "portal/blocked.h"

#include "keystore/fault.h"

namespace chancery::portal {

namespace {
constexpr std::size_t most = 10'000;
constexpr std::size_t id_size = 64;
}  // namespace

Blocked::Blocked(storage::Store& store) : store_(store) {
  for (const storage::Row& row : store_.rows("SELECT id FROM blocked_collectors")) ids_.insert(row.text(0));
}

bool Blocked::contains(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  return ids_.contains(id);
}

std::set<std::string> Blocked::all() const {
  const std::lock_guard lock(mutex_);
  return ids_;
}

bool Blocked::set(const std::string& id, bool blocked) {
  if (id.size() != id_size || id.find_first_not_of("0123456789abcdef") != std::string::npos) {
    throw Failure({.code = "bad-id",
                   .subject = id.substr(0, id_size),
                   .cause = "this is no collector's id",
                   .hint = "chancery collector list shows them: 64 hexadecimal digits"});
  }
  const std::lock_guard lock(mutex_);
  if (ids_.contains(id) == blocked) return false;
  if (!blocked) {
    store_.run("DELETE FROM blocked_collectors WHERE id = ?", {id});
    ids_.erase(id);
    return true;
  }
  if (ids_.size() >= most) {
    throw Failure({.code = "too-many",
                   .subject = "blocked collectors",
                   .cause = "10,000 are blocked already",
                   .hint = "change the Customer Key instead, so that none of them is admitted any more"});
  }
  store_.run("INSERT INTO blocked_collectors (id) VALUES (?)", {id});
  ids_.insert(id);
  return true;
}

}  // namespace chancery::portal
