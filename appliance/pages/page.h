// Plain pages: one frame, one style sheet, no script. Everything that comes from outside goes through escape().
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "appliance/http/server.h"

namespace chancery::pages {

[[nodiscard]] std::string escape(std::string_view text);  // & < > " ' and control characters

// Cells are HTML already: what is shown of others has been escaped by the caller.
[[nodiscard]] std::string table(const std::vector<std::string>& titles,
                                const std::vector<std::vector<std::string>>& rows);
// `body` is HTML.
[[nodiscard]] http::Answer page(std::string_view title, std::string_view appliance, std::string_view body);
// GET /style.css
void add_style(http::Routes& routes);

}  // namespace chancery::pages
