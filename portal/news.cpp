#include "portal/news.h"

#include <memory>

#include "appliance/http/event_stream.h"
#include "keystore/fault.h"

namespace chancery::portal {

namespace {

using Steady = std::chrono::steady_clock;

constexpr std::size_t most_listeners = 24;
constexpr std::chrono::seconds interval{1};
constexpr std::chrono::minutes longest_stream{5};
constexpr unsigned engines_every = 5;       // ticks
constexpr unsigned tell_anyway_every = 30;  // ticks

// An engine that cannot be asked now is no news, and no reason to stop.
std::string asked(const std::function<std::string()>& source, const std::string& otherwise) {
  try {
    return source();
  } catch (const std::exception&) {
    return otherwise;
  }
}

struct Seen {
  std::string own;
  std::string engines;
};

void watch(serving::Program& program, http::EventStream& stream, const NewsSources& sources) {
  std::optional<Seen> seen;  // none: nobody listened, so nothing is known of what they have
  for (unsigned tick = 0; program.pause(interval); ++tick) {
    if (!stream.is_heard()) {
      seen.reset();
      continue;
    }
    const Seen before = seen.value_or(Seen());
    Seen now{.own = asked(sources.own, before.own), .engines = before.engines};
    if (!seen || tick % engines_every == 0) now.engines = asked(sources.engines, before.engines);
    const bool is_news = seen && (now.own != before.own || now.engines != before.engines);
    if (is_news) {
      stream.tell("changed", R"({"anyway":false})");
    } else if (!seen || tick % tell_anyway_every == 0) {
      stream.tell("changed", R"({"anyway":true})");
    }
    seen = std::move(now);
  }
  stream.close();
}

}  // namespace

void add_news(serving::Program& program, NewsSources sources,
              std::function<std::optional<http::Answer>(const http::Call&)> refusal) {
  auto stream = std::make_shared<http::EventStream>(most_listeners);
  program.routes().add("GET", "/api/v1/events", [stream, refusal = std::move(refusal)](const http::Call& call) {
    if (auto refused = refusal(call)) return *refused;
    return stream->answer(call, [until = Steady::now() + longest_stream] { return Steady::now() < until; });
  });
  program.run_in_background("news",
                            [&program, stream, sources = std::move(sources)] { watch(program, *stream, sources); });
}

}  // namespace chancery::portal
