// The doctor on stores that others keep: is what Chancery imported still there (C10)? A JDK's or the system's update
// replaces such a store as a whole.
#include <unistd.h>

#include <algorithm>

#include "appliance/manager/doctor.h"
#include "appliance/manager/os_anchors.h"
#include "appliance/manager/stores.h"

namespace chancery::manager {
namespace {

constexpr std::size_t names_shown = 3;
constexpr std::chrono::days soon{30};
constexpr std::size_t short_fingerprint = 16;

std::string named(const trust::ManagedAnchor& anchor) {
  return (anchor.alias.empty() ? anchor.path : anchor.alias) + " (" + anchor.sha256.substr(0, short_fingerprint) + ")";
}

std::string listed(const std::vector<trust::ManagedAnchor>& anchors) {
  std::string text;
  for (std::size_t at = 0; at < anchors.size() && at < names_shown; ++at)
    text += (at == 0 ? "" : ", ") + named(anchors[at]);
  if (anchors.size() > names_shown) text += " and " + std::to_string(anchors.size() - names_shown) + " more";
  return text;
}

void examine_keystore(Examination& examination, const std::string& check, const std::string& path,
                      const std::vector<trust::ManagedAnchor>& managed, Instant now) {
  if (::access(path.c_str(), F_OK) != 0) {
    return examination.warning(check, "drift: the store is gone, and with it what was imported: " + listed(managed),
                               "where that Java was removed for good: chancery trust remove " +
                                   managed.front().sha256.substr(0, short_fingerprint) + " --store " + path);
  }
  java::Keystore store;
  try {
    store = look_into(path);
  } catch (const Failure& failure) {
    if (failure.code() != "password-needed") throw;
    return examination.warning(check, "cannot be looked into: its password is another than Java's usual one",
                               "look yourself: chancery keystore list --keystore " + path + " --storepass-file FILE");
  }
  const std::vector<Certificate> imported = imported_into(store, managed);
  const auto first = std::ranges::min_element(imported, {}, &Certificate::not_after);
  std::vector<trust::ManagedAnchor> missing = managed;
  std::erase_if(missing, [&imported](const trust::ManagedAnchor& anchor) {
    return std::ranges::find(imported, anchor.sha256, &Certificate::fingerprint) != imported.end();
  });
  if (missing.empty() && first != imported.end() && first->not_after() - now <= soon) {
    return examination.warning(check,
                               first->subject() + ", which was imported, ends at " + to_rfc3339(first->not_after()),
                               "import its successor, then take it out: chancery trust remove " +
                                   first->fingerprint().substr(0, short_fingerprint) + " --store " + path);
  }
  if (missing.empty()) {
    return examination.ok(check, std::to_string(managed.size()) + " imported certificates are there");
  }
  examination.warning(check, "drift: what was imported is gone from it: " + listed(missing),
                      "put it back: chancery keystore repair --keystore " + path +
                          "; to give it up: chancery trust remove FINGERPRINT --store " + path);
}

void examine_system(Examination& examination, Bench& bench) {
  const std::string check = "store os";
  std::vector<trust::ManagedAnchor> missing;
  std::size_t count = 0;
  for (const OsAnchorState& state : os_anchor_states(bench)) {
    ++count;
    if (!state.is_well()) missing.push_back(state.anchor);
  }
  if (count == 0) return;
  if (missing.empty()) {
    return examination.ok(check, std::to_string(count) + " installed certificates are trusted by the operating system");
  }
  examination.warning(check, "drift: the operating system does not trust any more: " + listed(missing),
                      "put it back: chancery keystore repair; to give it up: chancery trust os-remove FINGERPRINT");
}

}  // namespace

void examine_stores(Examination& examination, Bench& bench) {
  trust::ManagedAnchors anchors;
  examination.attempt("stores", [&] { anchors = trust::ManagedAnchors::read(bench.current()); });
  for (const std::string& path : anchors.keystores()) {
    const std::string check = "store " + path;
    examination.attempt(check, [&] { examine_keystore(examination, check, path, anchors.of(path), bench.now()); });
  }
  examination.attempt("store os", [&] { examine_system(examination, bench); });
}

}  // namespace chancery::manager
