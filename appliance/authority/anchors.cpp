#include "appliance/authority/anchors.h"

#include <algorithm>
#include <array>
#include <map>

#include "appliance/authority/register.h"
#include "keystore/fault.h"

namespace chancery::authority {
namespace {

struct PhaseName {
  Phase phase;
  const char* text;
};
constexpr std::array phases{PhaseName{Phase::steady, "steady"}, PhaseName{Phase::prepared, "prepared"},
                            PhaseName{Phase::activated, "activated"}};

}  // namespace

const char* to_text(Phase phase) {
  for (const PhaseName& each : phases) {
    if (each.phase == phase) return each.text;
  }
  return "steady";
}

std::optional<Phase> phase_named(const std::string& text) {
  for (const PhaseName& each : phases) {
    if (text == each.text) return each.phase;
  }
  return std::nullopt;
}

Step step_of(const storage::Store& store) {
  const auto steps = store.rows("SELECT number, phase, since FROM rotation");
  if (steps.empty()) return {};
  return {.number = static_cast<std::uint64_t>(steps.front().integer(0)),
          .phase = phase_named(steps.front().text(1)).value_or(Phase::steady),
          .since = instant_of(steps.front().integer(2))};
}

std::vector<Certificate> Anchors::roots() const {
  std::vector<Certificate> all;
  if (former_root) all.push_back(*former_root);
  all.push_back(root);
  if (next_root) all.push_back(*next_root);
  return all;
}

std::optional<Certificate> Anchors::coming_root() const {
  if (phase == Phase::prepared) return next_root;
  return phase == Phase::activated ? std::optional(root) : std::nullopt;
}

std::optional<Certificate> Anchors::going_root() const {
  if (phase == Phase::prepared) return root;
  return phase == Phase::activated ? former_root : std::nullopt;
}

Anchors anchors_of(const storage::Store& store) {
  std::map<std::string, Certificate> standing;
  bool is_emergency = false;
  for (const auto& row : store.rows("SELECT in_force.kind, der, issued_for FROM in_force JOIN certificates ON "
                                    "certificates.id = in_force.certificate")) {
    standing.emplace(row.text(0), Certificate::from_der(row.blob(1)));
    if (row.text(0) == "root") is_emergency = row.text(2) == issued_for_emergency;
  }
  const auto found = [&](const char* kind) {
    const auto at = standing.find(kind);
    return at == standing.end() ? std::nullopt : std::optional(at->second);
  };
  const auto root = found("root");
  const auto issuing = found("issuing");
  if (!root || !issuing) {
    throw Failure({.code = "authority-damaged",
                   .subject = "the authority's register",
                   .cause = "has no root or issuing CA",
                   .hint = "restore STATE/authority from a backup of the appliance"});
  }
  Anchors anchors{.root = *root,
                  .issuing = *issuing,
                  .next_root = found("next-root"),
                  .next_issuing = found("next-issuing"),
                  .former_root = found("former-root"),
                  .former_issuing = found("former-issuing"),
                  .cross = found("cross"),
                  .is_emergency = is_emergency};
  const Step step = step_of(store);
  anchors.number = step.number;
  anchors.phase = step.phase;
  anchors.since = step.since;
  return anchors;
}

std::vector<Certificate> retired_anchors(const storage::Store& store) {
  std::vector<Certificate> retired;
  for (const auto& row : store.rows("SELECT der FROM retired_anchors JOIN certificates ON certificates.id = "
                                    "retired_anchors.certificate ORDER BY certificates.id")) {
    retired.push_back(Certificate::from_der(row.blob(0)));
  }
  return retired;
}

AnchorsEdition edition_of_anchors(const storage::Store& store) {
  AnchorsEdition edition{.mark = {}, .until = Instant::max()};
  const auto add = [&](const auto& value) { edition.mark += std::to_string(value) + ";"; };
  for (const auto& row : store.rows("SELECT kind, certificate FROM in_force ORDER BY kind")) {
    edition.mark += row.text(0) + ":";
    add(row.integer(1));
  }
  for (const auto& row : store.rows("SELECT number, since FROM rotation")) {
    add(row.integer(0));
    add(row.integer(1));
  }
  add(store.rows("SELECT count(*) FROM retired_anchors").front().integer(0));
  for (const auto& row : store.rows("SELECT issuer, number, renew_at FROM revocation_lists ORDER BY issuer")) {
    edition.mark += row.text(0) + ":";
    add(row.integer(1));
    add(row.integer(2));
    edition.until = std::min(edition.until, instant_of(row.integer(2)));
  }
  return edition;
}

}  // namespace chancery::authority
