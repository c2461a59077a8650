// -startdate of keytool: "+1y-2d", "2026/11/21", "10:15:00" or both, in local time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace chancery::keytool {

// Unix time; `now` where nothing was given. Failure("java.io.IOException") for anything else.
[[nodiscard]] std::int64_t start_date(const std::optional<std::string>& given, std::int64_t now);

}  // namespace chancery::keytool
