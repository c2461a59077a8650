#include "appliance/manager/order_book.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"

namespace chancery::manager {
namespace {

using federation::Order;
using nlohmann::json;

constexpr const char* orders_folder = "secrets/orders";
constexpr const char* suffix = ".json";
constexpr std::size_t record_limit = 4 * 1024 * 1024;
constexpr std::size_t kept_orders = 64;
constexpr std::chrono::minutes patience{2};
constexpr FileAttributes for_root{.mode = 0600, .owner = {}, .group = {}};

Folder made(const Folder& state) {
  state.make_folder(orders_folder, {.mode = 0700, .owner = {}, .group = {}});
  state.open_folder("secrets").sync();
  return state.open_folder(orders_folder);
}

// The number stands first in the name, so that names in order are orders in order.
std::string file_of(const Order& order) {
  std::string number = std::to_string(order.number);
  return std::string(20 - number.size(), '0') + number + "-" + to_hex(order.id) + suffix;
}

std::vector<std::string> records(const Folder& folder) {
  std::vector<std::string> names = folder.list();
  std::erase_if(names, [](const std::string& name) { return name.starts_with('.') || !name.ends_with(suffix); });
  return names;
}

Failure replayed(const Order& order, const std::string& cause) {
  return Failure(
      {.code = "order-replayed",
       .subject = to_hex(order.id),
       .cause = cause,
       .hint = "nothing was done; if the primary's clock was set back, orders work again once it has caught up"});
}

}  // namespace

OrderBook::OrderBook(const Folder& state, const std::string& holder)
    : folder_(made(state)), lock_(FileLock::take(folder_.path() + "/.lock", holder, patience)) {}

std::optional<std::string> OrderBook::enter(const Order& order) {
  const std::string name = file_of(order);
  const std::string digest = to_hex(order_digest(order));
  if (folder_.status(name)) {
    const json record =
        json::parse(text_of(view_of(folder_.read_secret(name, record_limit))), nullptr, /*allow_exceptions=*/false);
    if (!record.is_object() || record.value("digest", "") != digest) {
      throw replayed(order, "another order came under the same number before");
    }
    if (record.contains("answer") && record["answer"].is_string()) return record["answer"].get<std::string>();
    return std::nullopt;
  }
  const std::vector<std::string> known = records(folder_);
  if (!known.empty() && known.back().substr(0, 20) >= name.substr(0, 20)) {
    throw replayed(order, "a later order has been carried out already");
  }
  const json record{{"digest", digest}};
  folder_.write_atomically(name, view_of(record.dump()), for_root);
  tidy();
  return std::nullopt;
}

void OrderBook::close(const Order& order, const std::string& answer) {
  const json record{{"digest", to_hex(order_digest(order))}, {"answer", answer}};
  folder_.write_atomically(file_of(order), view_of(record.dump()), for_root);
}

void OrderBook::tidy() {
  const std::vector<std::string> known = records(folder_);
  for (std::size_t i = 0; i + kept_orders < known.size(); ++i) folder_.remove(known[i]);
}

}  // namespace chancery::manager
