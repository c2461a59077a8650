// The options of every change that is rehearsed, and the lines that tell people how a rehearsal came out.
//
//   constexpr Option kOptions[] = {…, kNoRehearsal, kAcceptBreakage, kDeadline};
//   put_rehearsal(ask, arguments);
//
// Thread safety: none needed.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "appliance/cli/arguments.h"
#include "appliance/cli/ask.h"
#include "appliance/cli/text.h"

namespace chancery::cli {

inline constexpr Option kNoRehearsal{
    .name = "--no-rehearsal", .value = "", .help = "do not ask those who would have to trust it"};
inline constexpr Option kAcceptBreakage{
    .name = "--accept-breakage", .value = "N", .help = "go on although so many would no longer connect (0)"};
// Of what is told and not stopped: ways back, edits by hand, and endpoints that somebody has named.
inline constexpr Option kStopAboveBreakage{
    .name = "--accept-breakage",
    .value = "N",
    .help = "stop where more than N would no longer connect; without it they are named and it goes on"};
inline constexpr Option kDeadline{.name = "--deadline",
                                  .value = "TIME",
                                  .help = "how long answers to the rehearsal are waited for (3s, at most 60s)"};
inline constexpr Option kWatch{.name = "--watch",
                               .value = "TIME",
                               .help =
                                   "let collectors connect anew afterwards, and go back where too many cannot (10s; "
                                   "0s: do not look)"};
inline constexpr Option kWatchShare{
    .name = "--watch-share", .value = "SHARE", .help = "how many of them may fail before it goes back (5%)"};

// Failure("usage") for values that cannot be. What a command does not take is not there.
void put_rehearsal(Ask& ask, const Arguments& arguments);

[[nodiscard]] bool was_anybody_asked(const nlohmann::json& rehearsal);
// "asked 12: 10 would trust, 2 would break (untrusted-root 2), …" and a table of those.
[[nodiscard]] std::vector<Text> rehearsal_lines(const nlohmann::json& rehearsal, std::size_t width);

}  // namespace chancery::cli
