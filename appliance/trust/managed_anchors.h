// What Chancery itself put into trust stores that others keep (a JDK's cacerts, the operating system's trust), so that it
// can be seen when an update wiped it, and put back (C10).
//
//   trust::ManagedAnchors anchors = trust::ManagedAnchors::read(generation);
//   for (const trust::ManagedAnchor& each : anchors.of("/etc/ssl/certs/java/cacerts")) …each.alias, each.sha256…
//
// Part of a generation (trust/managed/anchors.json, absent while there are none), written by the same transaction that
// edits the store. It says how things are outside the state, so it never goes back with a restore or rollback.
// Certificates are kept whole: a repair needs nothing else. Failure("anchors-damaged"). Thread safety: a value.
#pragma once

#include <string>
#include <vector>

#include "backup/generations/generation.h"
#include "keystore/x509/instant.h"

namespace chancery::trust {

inline constexpr const char* managed_anchors_path = "trust/managed/anchors.json";

struct ManagedAnchor {
  enum class Kind {
    keystore,          // `path` is a Java keystore, `alias` the entry in it
    operating_system,  // `path` is a file of one certificate in the system's folder of local CAs, `alias` is empty
  } kind = Kind::keystore;
  std::string path;  // absolute, links resolved
  std::string alias;
  std::string sha256;  // of the DER
  Instant since{};
  Bytes der;
};

class ManagedAnchors {
 public:
  [[nodiscard]] static ManagedAnchors read(const backup::Generation& generation);
  [[nodiscard]] static ManagedAnchors parse(ByteView text);
  [[nodiscard]] std::string to_text() const;

  const std::vector<ManagedAnchor>& all() const noexcept { return anchors_; }
  bool empty() const noexcept { return anchors_.empty(); }
  [[nodiscard]] std::vector<ManagedAnchor> of(const std::string& path) const;
  [[nodiscard]] std::vector<std::string> keystores() const;  // each path once, sorted
  // One of the same path and certificate is replaced: its alias may have changed.
  void remember(ManagedAnchor anchor);
  bool forget(const std::string& path, const std::string& sha256);  // false: was not there

 private:
  std::vector<ManagedAnchor> anchors_;  // sorted by path, then fingerprint
};

}  // namespace chancery::trust
