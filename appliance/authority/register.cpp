#include "appliance/authority/register.h"

#include "keystore/bytes/text_encoding.h"

namespace chancery::authority {
namespace {

constexpr const char* first_tables = R"sql(
CREATE TABLE founding (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  federation TEXT NOT NULL
) STRICT;

CREATE TABLE certificates (
  id INTEGER PRIMARY KEY,
  serial BLOB NOT NULL UNIQUE,
  sha256 BLOB NOT NULL UNIQUE,
  der BLOB NOT NULL,
  kind TEXT NOT NULL,
  names TEXT NOT NULL,
  issued_for TEXT NOT NULL,
  issued_at INTEGER NOT NULL,
  not_after INTEGER NOT NULL
) STRICT;

CREATE TABLE in_force (
  kind TEXT PRIMARY KEY,
  certificate INTEGER NOT NULL REFERENCES certificates (id)
) STRICT;

CREATE TABLE tokens (
  id BLOB PRIMARY KEY,
  public_key BLOB NOT NULL,
  role TEXT NOT NULL,
  names TEXT NOT NULL,
  created INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  revoked INTEGER,
  used_digest BLOB,
  used_at INTEGER
) STRICT;

CREATE TABLE token_certificates (
  token BLOB NOT NULL REFERENCES tokens (id),
  identity TEXT NOT NULL,
  sha256 BLOB NOT NULL REFERENCES certificates (sha256),
  PRIMARY KEY (token, identity)
) STRICT;

CREATE TABLE members (
  name TEXT PRIMARY KEY,
  role TEXT NOT NULL,
  state TEXT NOT NULL,
  joined INTEGER NOT NULL,
  last_seen INTEGER
) STRICT;

CREATE TABLE member_certificates (
  member TEXT NOT NULL REFERENCES members (name) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  der BLOB NOT NULL,
  PRIMARY KEY (member, position)
) STRICT;
)sql";

std::string lines_of(const std::vector<AlternativeName>& names) {
  std::string lines;
  for (const AlternativeName& name : names) lines += to_text(name) + "\n";
  return lines;
}

}  // namespace

storage::Database open_register(const Folder& folder, const FileAttributes& attributes) {
  return storage::Database::open(folder, "authority.db",
                                 {.what = "the authority's register", .migrations = {first_tables}}, attributes);
}

void enter(storage::Database& store, const Certificate& certificate, const RegisterEntry& entry) {
  store.run(
      "INSERT INTO certificates (serial, sha256, der, kind, names, issued_for, issued_at, not_after) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      {from_hex(certificate.serial()), from_hex(certificate.fingerprint()), certificate.der(), entry.kind,
       lines_of(certificate.names()), entry.issued_for, seconds_of(entry.issued_at),
       seconds_of(certificate.not_after())});
}

void put_in_force(storage::Database& store, const Certificate& certificate, const RegisterEntry& entry) {
  enter(store, certificate, entry);
  store.run("INSERT OR REPLACE INTO in_force (kind, certificate) SELECT kind, id FROM certificates WHERE sha256 = ?",
            {from_hex(certificate.fingerprint())});
}

std::optional<Registered> in_force(const storage::Database& store, const std::string& kind) {
  const auto rows = store.rows(
      "SELECT certificates.id, der FROM in_force JOIN certificates ON certificates.id = in_force.certificate "
      "WHERE in_force.kind = ?",
      {kind});
  if (rows.empty()) return std::nullopt;
  return Registered{rows.front().integer(0), Certificate::from_der(rows.front().blob(1))};
}

std::int64_t in_force_id(const storage::Database& store, const std::string& kind) {
  const auto rows = store.rows("SELECT certificate FROM in_force WHERE kind = ?", {kind});
  return rows.empty() ? 0 : rows.front().integer(0);
}

}  // namespace chancery::authority
