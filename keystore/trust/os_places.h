// Where Debian and its kin keep the operating system's trust, and how a certificate of the administrator gets in: one
// file of one certificate in `local_cas`, then update-ca-certificates, which makes the bundle, the links and the hash
// links in `certs`.
#pragma once

namespace chancery::os_places {

inline constexpr const char* local_cas = "/usr/local/share/ca-certificates";
inline constexpr const char* certs = "/etc/ssl/certs";
inline constexpr const char* configuration = "/etc/ca-certificates.conf";
inline constexpr const char* hooks = "/etc/ca-certificates/update.d";
inline constexpr const char* update = "/usr/sbin/update-ca-certificates";
// Debian's Java keystore of the same certificates, kept by the hook `java_hook`; aliases are "debian:FILE.pem".
inline constexpr const char* java_store = "/etc/ssl/certs/java/cacerts";
inline constexpr const char* java_hook = "jks-keystore";

}  // namespace chancery::os_places
