// The API's own description: OpenAPI 3.1, made of the table of verbs (verb_table.h) and the console's own routes.
#pragma once

#include <string>

namespace chancery::console {

// JSON. The same for the life of the program.
[[nodiscard]] std::string openapi_document();

}  // namespace chancery::console
