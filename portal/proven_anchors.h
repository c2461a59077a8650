// The table of who has proven which root of the federation, in portal.db (docs/state.md has it; a rotation reads it).
//
//   store_anchors(database, "engine1.example.com", report.anchors);
//
// What is told of somebody replaces what was known, unless another member has seen them later: a collector that has
// moved is what its present engine says. All of one call or nothing. Thread safety: the store's.
#pragma once

#include <string>
#include <vector>

#include "appliance/storage/store.h"
#include "portal/heartbeat_report.h"

namespace chancery::portal {

// Statements for the schema's migrations, in their order.
inline constexpr const char* proven_anchors_table =
    "CREATE TABLE proven_anchors ("
    "  who TEXT NOT NULL,"
    "  kind TEXT NOT NULL,"       // "collector", "member"
    "  member TEXT NOT NULL,"     // who reported it
    "  sha256 TEXT NOT NULL,"     // "": told of no root; "none": depends on none
    "  proven INTEGER NOT NULL,"  // when; 0: only held
    "  seen INTEGER NOT NULL,"
    "  name TEXT NOT NULL,"
    "  PRIMARY KEY (kind, who, sha256)"
    ") STRICT";

void store_anchors(storage::Store& store, const std::string& member, const std::vector<AnchorReport>& reports);

}  // namespace chancery::portal
