// Where the Java installations of this machine keep the certificates that they trust.
//
//   for (const std::string& store : java_cacerts()) …      // "/etc/ssl/certs/java/cacerts", "/opt/jdk/lib/security/cacerts"
//
// Looked for: JAVA_HOME, the `java` that PATH finds first, /usr/lib/jvm/*, /etc/ssl/certs/java/cacerts (Debian). Links are
// resolved, so that a store which several installations share is named once, and an edit of it keeps every link.
// lib/security/cacerts of a JDK 9 and later or a JRE, and jre/lib/security/cacerts of a JDK 8. Only what exists is named.
// Not checked: that it is a keystore. Reads the environment; thread safe as long as nobody writes it.
#pragma once

#include <string>
#include <vector>

namespace chancery {

[[nodiscard]] std::vector<std::string> java_cacerts();  // absolute, sorted, each once

}  // namespace chancery
