// Alerts in words: a mail for people, a JSON document for a webhook (docs/state.md, "Alerts").
#pragma once

#include <string>

#include "portal/alerts/channel.h"

namespace chancery::portal::alerts {

struct Letter {
  std::string subject;
  std::string body;  // lines end in \n
};
[[nodiscard]] Letter letter_of(const Delivery& delivery, const std::string& appliance, Instant now);

// `id` names this delivery.
[[nodiscard]] std::string document_of(const Delivery& delivery, const std::string& appliance, const std::string& id,
                                      Instant now);

// A few words: "a certificate ends in 9 days", "engine1.example.com is missing".
[[nodiscard]] std::string title_of(const Finding& finding);
// What is wrong, on one line.
[[nodiscard]] std::string one_line(const Finding& finding);
// The days of a certificate's step, or 0 once it has ended; others have none.
[[nodiscard]] std::optional<int> step_in_days(const Finding& finding);

}  // namespace chancery::portal::alerts
