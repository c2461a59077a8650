// Where a program keeps its rows: the settings `storage` and `storage-password-file`.
//
//   storage = "sqlite"                                                      a file in STATE/databases (the default)
//   storage = "postgresql://engine@db.example.com:5432/engine?sslmode=verify-full"
//   storage-password-file = "/etc/chancery/engine-database.password"        absolute; read at each new connection
//
// The address is a URI (RFC 3986) of user, host, port (5432 unless given) and database. sslmode is verify-full, also
// where it is left out: anything weaker is refused, and so is a password in the address, which every reader of the
// settings would see. Thread safety: values.
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <string>

#include "appliance/settings/setting_file.h"
#include "keystore/bytes/secret.h"

namespace chancery {

struct StorageSetting {
  enum class Kind { sqlite, postgresql } kind = Kind::sqlite;
  std::string user;
  std::string host;
  int port = 5432;
  std::string database;
  std::string password_file;  // "": none
};
// "sqlite", or the address without sslmode: "postgresql://engine@db.example.com:5432/engine".
[[nodiscard]] std::string to_text(const StorageSetting& setting);
// As a person gives it in a command. Failure("bad-storage").
[[nodiscard]] StorageSetting parse_storage(const std::string& text);

// Failure("bad-setting") at the line of `storage` or `password_file`.
[[nodiscard]] StorageSetting read_storage_setting(SettingFile& file, const SettingFile::Keys& storage,
                                                  const SettingFile::Keys& password_file);

// Whose the secret is; this process's own user where nothing is said.
struct SecretReader {
  uid_t user = ::geteuid();
  gid_t group = ::getegid();
};
// A secret that stands in a file of its own, as its first line. Refused where others than its reader could read it:
// Failure("key-permissions") with the command that puts it right; "not-found" and the like.
[[nodiscard]] SecretBytes read_password_file(const std::string& path, const SecretReader& reader = {});

}  // namespace chancery
