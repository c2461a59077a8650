// Tells the portal's open pages that something which they show has changed (http/event_stream.h):
//
//   GET /api/v1/events     "hello", then "changed" {"anyway":bool}; pages ask anew for what they show
//
// An event does not say what changed: that is told to whoever may ask for it. While somebody listens, what the
// portal knows itself is looked at once a second; what only engines know (devices, certificates) comes with the counts that
// they are asked for every five seconds, once for all pages; and every half minute pages are told to look in any case,
// for what has no count (when a device was last seen). At most 24 pages listen at once, each for five minutes, after which
// its browser comes again by itself and is asked who it is. Pages beyond that ask by themselves, now and then.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "appliance/serving/serving_program.h"

namespace chancery::portal {

struct NewsSources {
  std::function<std::string()> own;      // what the portal knows: cheap, any text that differs when that does
  std::function<std::string()> engines;  // the same, asked of all engines
};

// Whoever may not look gets the answer of `refusal`.
void add_news(serving::Program& program, NewsSources sources,
              std::function<std::optional<http::Answer>(const http::Call&)> refusal);

}  // namespace chancery::portal
