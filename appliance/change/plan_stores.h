// Plans for Java keystores: the portal's own in the generation, and those of others in place.
//
// Each takes the whole store as it shall be: how an entry is imported, deleted or renamed is keystore/java's matter. A
// plan for a foreign store always writes the anchors that Chancery manages as well (trust/managed/), because the two
// have to agree.
#pragma once

#include "appliance/change/plan.h"
#include "appliance/trust/managed_anchors.h"
#include "appliance/trust/portal_store.h"

namespace chancery::change {

// The store's bytes, and its password as the portal's own copy.
void put_portal_store(backup::Edits& edits, const Appliance& appliance, ByteView sealed, const SecretBytes& password);
// The same, sealed here.
void put_portal_store(backup::Edits& edits, const Appliance& appliance, const trust::OpenStore& store);
// No anchors: no file.
void put_managed_anchors(backup::Edits& edits, const backup::Generation& base, const Appliance& appliance,
                         const trust::ManagedAnchors& anchors);

// Where `plan` would leave trust/portal/ca-bundle.crt, the portal's trust of earlier versions, a keystore of the same
// certificates takes its place. Empty plans stay empty: nothing is changed for this alone.
void upgrade_portal_trust(Plan& plan, const backup::Generation& base, const Appliance& appliance, Instant now);

[[nodiscard]] Plan plan_portal_store(const backup::Generation& base, const Appliance& appliance,
                                     const std::string& reason, ByteView sealed, const SecretBytes& password);

struct StoreInPlace {
  std::string path;             // absolute, links resolved
  std::string expected_sha256;  // of the bytes that it was edited from
  SecretBytes sealed;
};
// `anchors`: all that are managed afterwards. No stores: only the anchors are written.
[[nodiscard]] Plan plan_stores_in_place(const backup::Generation& base, const Appliance& appliance,
                                        const std::string& reason, std::vector<StoreInPlace> stores,
                                        const trust::ManagedAnchors& anchors);

}  // namespace chancery::change
