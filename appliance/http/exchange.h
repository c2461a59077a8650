// One request and its answer on an arrived connection, by a worker thread. For sources of http/ only.
#pragma once

#include <atomic>

#include "appliance/http/server.h"
#include "appliance/tls/listener.h"

namespace chancery::http {

struct ExchangeLimits {
  std::chrono::milliseconds body{30'000};    // from the head to the end of the request's body
  std::chrono::milliseconds answer{30'000};  // for writing the answer, or each piece of a streamed one
};

enum class After { resume, drain };

// Never throws. `arrival.received` holds afterwards what has been read of the next request. `log` gets the D5 line of
// a connection's first request, and what handlers throw that is no Failure.
After exchange(tls::Arrival& arrival, const Routes& routes, const ExchangeLimits& limits,
               const std::atomic<bool>& stopping, const std::function<void(const std::string&)>& log);

}  // namespace chancery::http
