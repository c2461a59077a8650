// The member's side of an order (federation/order.h): what a primary may have done here, and how it is carried out.
//
//   member-order   attachment "order": the sealed bytes as they came; reply attachment 0: the sealed answer
//
// Asked by the engine, which can neither make nor alter any of it: key, signature, target, hour and number are judged
// here, by the one process that changes this appliance. What an order may ask for is a list of three verbs, each through
// the one transaction; everything else is refused. What an order did has its id in the backup set's and the generation's
// "who", by which `order-undo` finds it.
#pragma once

#include "appliance/federation/order.h"
#include "appliance/manager/bench.h"

namespace chancery::manager {

// Runs the order here, once (order_book.h), and gives the text of the answer: {"result":…} or {"error":…}. The order has
// been judged; `giver` is the name of whoever gave it. Failures: those of the order book.
[[nodiscard]] std::string carry_out(const Folder& state, const Clock& clock, const federation::Order& order,
                                    const std::string& giver);

}  // namespace chancery::manager
