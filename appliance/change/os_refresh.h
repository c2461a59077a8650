// Making the operating system's trust follow the files in its folder of local CAs: update-ca-certificates.
//
// Idempotent, so that a change, its way back and the resolution of a change in doubt all run the same. What
// update-ca-certificates does not do by itself is arranged: links of files that are gone are removed, with their hash
// links. Debian's Java store is *not* made to follow by its hook, which starts a JVM through dpkg and leaves removed CAs
// behind: a change edits that store itself, as a foreign file under the journal. All other hooks run.
//
// Failure("os-trust-unsupported") where there is no update-ca-certificates, Failure("os-trust-failed") with what it said.
#pragma once

#include <string>
#include <vector>

#include "backup/journal/journal.h"

namespace chancery::change {

void refresh_os_trust();
// True when one of them lies in the folder of local CAs.
[[nodiscard]] bool concerns_os_trust(const std::vector<backup::ForeignFile>& files);

}  // namespace chancery::change
