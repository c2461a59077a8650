// federation/java.properties: what a Java program on a member needs to know, as Java itself names it: where the engine's
// keystore and the truststore are, of which type, and their passwords. Written by a join, kept in step by every change of
// the truststore's password; the keystore's stays when its certificate changes.
//
//   put_java_properties(plan.edits, bench.current(), bench.appliance);     // last: it reads passwords out of the edits
//
// The paths go through STATE/current, so that they stay right. Readable for whoever serves the engine's identity. Nothing
// is written where a password is missing. Thread safety: a pure function of its arguments.
#pragma once

#include "appliance/change/plan.h"

namespace chancery::change {

inline constexpr const char* java_properties_path = "federation/java.properties";

void put_java_properties(backup::Edits& edits, const backup::Generation& base, const Appliance& appliance);

}  // namespace chancery::change
