// The description of the engine's Web API, OpenAPI 3.1: GET /api/v1/openapi.json. A test holds it against the running
// server, every path, parameter and answer.
#pragma once

#include <string>

namespace chancery::engine {

[[nodiscard]] std::string openapi_document();

}  // namespace chancery::engine
