// What a rehearsal adds to a report and to a reply (rehearsal.h).
#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>

#include "appliance/manager/rehearsal.h"
#include "keystore/x509/printable.h"

namespace chancery::manager {
namespace {

using nlohmann::json;
using rehearsal::Entry;
using rehearsal::Prediction;

constexpr std::size_t most_named = 100;
constexpr std::size_t id_shown = 16;

struct WayOut {
  const char* reason;  // or the kind of who needs it
  const char* hint;
};
constexpr std::array ways_out{
    WayOut{"name-mismatch", "give a certificate that bears this name too, or let it connect by a name that it bears"},
    WayOut{"not-yet-valid", "set its clock, or wait until the certificate is valid there"},
    WayOut{"expired", "set its clock, or take a certificate that is valid for longer"},
    WayOut{"revoked", "take a certificate that its CA has not taken back"},
    WayOut{"client-certificate-needed", "do not demand client certificates at this endpoint"},
    WayOut{"protocol-version", "leave the minimum protocol as it is until it was updated"},
    WayOut{"no-common-cipher", "keep a cipher suite that it offers, and that fits the certificate's key"},
    WayOut{"no-common-group", "keep a group that it offers"},
    WayOut{"tls-required", "let it speak TLS first; its log says why that fails"},
    WayOut{"endpoint-closed",
           "give it another server first (chancery collector move), or keep the endpoint where it is"},
};

// Peers have said it.
std::string shown(const std::string& text) { return printable(view_of(text)); }

// By what a store is filled.
constexpr std::array roots_to{
    WayOut{"collector",
           "hand it the new root first, on the appliance that it is connected to: chancery collector install-trust F"},
    WayOut{"appliance",
           "let it trust the new root first, there: chancery trust append F (for the portal of a primary with --store "
           "portal)"},
    WayOut{"trust-store", "give it the new root first: chancery trust append F --store PATH"},
};

std::string way_out(const Entry& entry) {
  if (entry.reason == "untrusted-root") {
    const auto* const root =
        std::ranges::find_if(roots_to, [&](const WayOut& each) { return entry.kind == each.reason; });
    if (root != roots_to.end()) return root->hint;
  }
  const auto* const found =
      std::ranges::find_if(ways_out, [&](const WayOut& each) { return entry.reason == each.reason; });
  return found == ways_out.end() ? "mend what keeps it from trusting this certificate" : found->hint;
}

std::string called(const Entry& entry) {
  if (entry.kind != "collector") return entry.kind + " " + shown(entry.who);
  return "collector " + shown(entry.name.empty() ? entry.who : entry.name + " (" + entry.who.substr(0, id_shown) + ")");
}

std::string told(const Entry& entry, bool was_heard) {
  std::string text =
      was_heard ? "would no longer connect: " : "is silent, and by its last report would no longer connect: ";
  text += shown(entry.reason);
  if (!entry.detail.empty()) text += ", " + shown(entry.detail);
  if (!entry.calls.empty()) text += " (it calls this server " + shown(entry.calls) + ")";
  return text;
}

std::vector<std::pair<Entry, bool>> lost(const rehearsal::Report& report) {
  std::vector<std::pair<Entry, bool>> all;
  for (const Entry& entry : report.would_break) {
    if (rehearsal::is_counted(entry)) all.emplace_back(entry, true);
  }
  for (const rehearsal::Silent& each : report.silent) {
    if (each.counts && each.predicted == Prediction::would_break && rehearsal::is_counted(each.entry))
      all.emplace_back(each.entry, false);
  }
  return all;
}

}  // namespace

json to_json(const Rehearsed& rehearsed) {
  json document = rehearsal::to_document(rehearsed.report);
  document["breakage"] = rehearsed.report.breakage();
  document["breaks"] = rehearsed.report.breaks_anybody();
  return document;
}

void weigh(preflight::Report& report, const Rehearsed& rehearsed, std::size_t accepted) {
  const auto all = lost(rehearsed.report);
  const bool is_too_many = all.size() > accepted;
  const auto severity = is_too_many ? preflight::Severity::error : preflight::Severity::warning;
  const std::string leave = is_too_many ? "; or leave " + std::string(all.size() == 1 ? "it" : "them") +
                                              " behind: --accept-breakage " + std::to_string(all.size())
                                        : "";
  for (std::size_t at = 0; at < all.size() && at < most_named; ++at) {
    const auto& [entry, was_heard] = all[at];
    report.add_milder(severity, "would-break", called(entry), told(entry, was_heard), way_out(entry) + leave);
  }
  if (all.size() > most_named) {
    report.add_milder(severity, "would-break", "", "so would " + std::to_string(all.size() - most_named) + " more",
                      "chancery rehearse lists them all" + leave);
  }
  for (const Entry& entry : rehearsed.report.would_break) {
    if (rehearsal::is_counted(entry)) continue;
    report.add_milder(preflight::Severity::warning, "would-break", called(entry), told(entry, true), way_out(entry));
  }
  const std::size_t unknown = static_cast<std::size_t>(std::ranges::count_if(
      rehearsed.report.silent, [](const rehearsal::Silent& each) { return each.predicted == Prediction::unknown; }));
  if (unknown > 0) {
    report.add("rehearsal-silent", "",
               std::to_string(unknown) +
                   " of those who would be concerned could not be asked, and nothing is known of "
                   "what they would say",
               "chancery rehearse lists them; try again when they are connected");
  }
  report.sort();
}

void put_rehearsal(json& reply, const std::optional<Rehearsed>& rehearsed) {
  if (rehearsed) reply["rehearsal"] = to_json(*rehearsed);
}

}  // namespace chancery::manager
