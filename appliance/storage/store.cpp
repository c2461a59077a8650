#include "appliance/storage/store.h"

#include "keystore/fault.h"

namespace chancery::storage {
namespace {

[[noreturn]] void wrong_column(std::size_t column) {
  throw Failure({.code = "storage-damaged",
                 .subject = "column " + std::to_string(column + 1),
                 .cause = "the database holds a value of another type than expected",
                 .hint = "restore the database from a backup of the appliance"});
}

template <typename T>
const T& value_as(const std::vector<Value>& values, std::size_t column) {
  if (column >= values.size()) wrong_column(column);
  const T* found = std::get_if<T>(&values[column]);
  if (found == nullptr) wrong_column(column);
  return *found;
}

}  // namespace

bool Row::is_null(std::size_t column) const {
  return column >= values_.size() || std::holds_alternative<std::monostate>(values_[column]);
}
std::int64_t Row::integer(std::size_t column) const { return value_as<std::int64_t>(values_, column); }
const std::string& Row::text(std::size_t column) const { return value_as<std::string>(values_, column); }
const Bytes& Row::blob(std::size_t column) const { return value_as<Bytes>(values_, column); }

struct Store::Turn {
  std::string name;
  std::recursive_mutex mutex;
  int depth = 0;
  bool doomed = false;
  std::function<void()> check;
};

Store::Store(std::string name) : turn_(std::make_unique<Turn>()) { turn_->name = std::move(name); }
Store::Store(Store&&) noexcept = default;
Store::~Store() = default;

const std::string& Store::name() const noexcept { return turn_->name; }
bool Store::in_transaction() const noexcept { return turn_->depth > 0; }
bool Store::needs_transaction() const noexcept { return turn_->check && turn_->depth == 0; }
void Store::guard_writes(std::function<void()> check) { turn_->check = std::move(check); }
std::unique_lock<std::recursive_mutex> Store::hold() const { return std::unique_lock(turn_->mutex); }

void Store::no_way_back(int from, int to) const {
  throw Failure({.code = "no-way-back",
                 .subject = turn_->name,
                 .cause = "version " + std::to_string(from) + " cannot be made version " + std::to_string(to) +
                          " without losing what the older program needs",
                 .hint = "stay with this version, or restore a backup made before the upgrade"});
}

void Store::write(const std::function<void()>& work) {
  const std::lock_guard lock(turn_->mutex);
  const bool outermost = turn_->depth == 0;
  if (outermost) {
    begin();
    turn_->doomed = false;
  }
  ++turn_->depth;
  try {
    if (outermost && turn_->check) turn_->check();
    work();
    if (turn_->doomed) {
      throw Failure({.code = "storage-failed",
                     .subject = turn_->name,
                     .cause = "a part of this change failed, so that none of it can be kept",
                     .hint = "repeat the command; the log has the first error"});
    }
    if (outermost) commit();
  } catch (...) {
    --turn_->depth;
    turn_->doomed = true;
    if (outermost) roll_back();
    throw;
  }
  --turn_->depth;
}

}  // namespace chancery::storage
