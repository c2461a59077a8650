#include "engine/anchoring_text.h"

#include <nlohmann/json.hpp>

namespace chancery::engine {

using nlohmann::json;

std::string to_text(const Anchoring& anchoring) {
  if (!anchoring.is_known) return {};
  json proven = json::object();
  for (const auto& [root, when] : anchoring.proven) proven[root] = when.time_since_epoch().count();
  return json({{"needs", anchoring.needs}, {"held", anchoring.held}, {"proven", std::move(proven)}})
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

Anchoring anchoring_from_text(const std::string& text) {
  const json stored = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!stored.is_object()) return {};
  try {
    Anchoring anchoring{.is_known = true,
                        .needs = stored.at("needs").get<bool>(),
                        .held = stored.at("held").get<std::vector<std::string>>(),
                        .proven = {}};
    for (const auto& [root, when] : stored.at("proven").items()) {
      anchoring.proven[root] = Instant(std::chrono::seconds(when.get<std::int64_t>()));
    }
    return anchoring;
  } catch (const json::exception&) {
    return {};  // it is asked for again
  }
}

}  // namespace chancery::engine
