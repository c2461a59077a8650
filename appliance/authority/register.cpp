#include "appliance/authority/register.h"

#include "appliance/storage/database.h"
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

// Whose a certificate is, so that a member renews what is its own and loses all of it when it is removed. What was
// issued before these columns were there is found by the roster and by what it was issued for.
constexpr const char* owners = R"sql(
ALTER TABLE certificates ADD COLUMN member TEXT;
ALTER TABLE certificates ADD COLUMN identity TEXT;
ALTER TABLE certificates ADD COLUMN key_sha256 BLOB;
ALTER TABLE certificates ADD COLUMN revoked INTEGER;

UPDATE certificates SET identity = substr(issued_for, instr(issued_for, ', identity ') + 11)
  WHERE instr(issued_for, ', identity ') > 0;
UPDATE certificates SET member =
  (SELECT member FROM member_certificates WHERE member_certificates.der = certificates.der);
UPDATE certificates SET member =
  (SELECT max(other.member) FROM token_certificates AS mine
     JOIN token_certificates AS its ON its.token = mine.token
     JOIN certificates AS other ON other.sha256 = its.sha256
    WHERE mine.sha256 = certificates.sha256)
  WHERE member IS NULL AND sha256 IN (SELECT sha256 FROM token_certificates);

CREATE INDEX certificates_by_member ON certificates (member) WHERE member IS NOT NULL;
CREATE INDEX certificates_revoked ON certificates (revoked) WHERE revoked IS NOT NULL;
)sql";

constexpr const char* lists = R"sql(
CREATE TABLE revocation_list (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  number INTEGER NOT NULL,
  der BLOB NOT NULL,
  renew_at INTEGER NOT NULL
) STRICT;
)sql";

// Rotations (rotation.h), and a list of revocations for each issuing CA that counts.
constexpr const char* rotations = R"sql(
CREATE TABLE rotation (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  number INTEGER NOT NULL,
  phase TEXT NOT NULL,
  since INTEGER NOT NULL
) STRICT;

CREATE TABLE retired_anchors (
  certificate INTEGER PRIMARY KEY REFERENCES certificates (id),
  retired INTEGER NOT NULL
) STRICT;

CREATE TABLE proofs (
  member TEXT NOT NULL,
  kind TEXT NOT NULL,
  who TEXT NOT NULL,
  root BLOB NOT NULL,
  proven INTEGER,
  why TEXT NOT NULL,
  seen INTEGER NOT NULL,
  PRIMARY KEY (member, kind, who)
) STRICT;

CREATE TABLE lost (
  number INTEGER NOT NULL,
  kind TEXT NOT NULL,
  who TEXT NOT NULL,
  why TEXT NOT NULL,
  since INTEGER,
  at INTEGER NOT NULL,
  PRIMARY KEY (number, kind, who)
) STRICT;

CREATE TABLE revocation_lists (
  issuer TEXT PRIMARY KEY,
  number INTEGER NOT NULL,
  der BLOB NOT NULL,
  renew_at INTEGER NOT NULL
) STRICT;
INSERT INTO revocation_lists (issuer, number, der, renew_at)
  SELECT 'issuing', number, der, renew_at FROM revocation_list;
DROP TABLE revocation_list;
)sql";

// Which place of the register counts, and which primary issues (issuance.h).
constexpr const char* issuers = R"sql(
CREATE TABLE issuer (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  epoch INTEGER NOT NULL,
  state TEXT NOT NULL,
  holder TEXT NOT NULL,
  address TEXT NOT NULL,
  since INTEGER NOT NULL,
  moved_to TEXT NOT NULL
) STRICT;
INSERT INTO issuer (only, epoch, state, holder, address, since, moved_to) VALUES (1, 0, 'in-force', '', '', 0, '');
)sql";

constexpr const char* no_rotations = R"sql(
CREATE TABLE revocation_list (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  number INTEGER NOT NULL,
  der BLOB NOT NULL,
  renew_at INTEGER NOT NULL
) STRICT;
INSERT INTO revocation_list (only, number, der, renew_at)
  SELECT 1, number, der, renew_at FROM revocation_lists WHERE issuer = 'issuing';
DROP TABLE revocation_lists;
DROP TABLE lost;
DROP TABLE proofs;
DROP TABLE retired_anchors;
DROP TABLE rotation;
)sql";

std::string lines_of(const std::vector<AlternativeName>& names) {
  std::string lines;
  for (const AlternativeName& name : names) lines += to_text(name) + "\n";
  return lines;
}

}  // namespace

const storage::Schema& register_schema() {
  static const storage::Schema schema{
      .what = "the authority's register",
      .migrations = {first_tables, owners, lists, {rotations, no_rotations}, {issuers, "DROP TABLE issuer;"}}};
  return schema;
}

std::unique_ptr<storage::Store> open_register(const Folder& folder, const FileAttributes& attributes) {
  return std::make_unique<storage::Database>(
      storage::Database::open(folder, "authority.db", register_schema(), attributes));
}

void enter(storage::Store& store, const EncodedCertificate& certificate, const RegisterEntry& entry) {
  const auto or_null = [](const std::string& text) {
    return text.empty() ? storage::Value(std::monostate{}) : storage::Value(text);
  };
  const auto bytes = [](ByteView view) { return storage::Value(Bytes(view.begin(), view.end())); };
  store.run(
      "INSERT INTO certificates (serial, sha256, der, kind, names, issued_for, issued_at, not_after, member, identity, "
      "key_sha256) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      {certificate.serial, bytes(certificate.sha256), bytes(certificate.der), entry.kind, lines_of(certificate.names),
       entry.issued_for, seconds_of(entry.issued_at), seconds_of(certificate.not_after), or_null(entry.member),
       or_null(entry.identity), bytes(certificate.key_sha256)});
}

void enter(storage::Store& store, const Certificate& certificate, const RegisterEntry& entry) {
  enter(store,
        EncodedCertificate{.der = certificate.der(),
                           .sha256 = sha256(certificate.der()),
                           .serial = from_hex(certificate.serial()),
                           .names = certificate.names(),
                           .not_after = certificate.not_after(),
                           .key_sha256 = certificate.key_digest()},
        entry);
}

void put_in_force(storage::Store& store, const Certificate& certificate, const RegisterEntry& entry) {
  enter(store, certificate, entry);
  store.run(
      "INSERT INTO in_force (kind, certificate) SELECT kind, id FROM certificates WHERE sha256 = ? "
      "ON CONFLICT (kind) DO UPDATE SET certificate = excluded.certificate",
      {from_hex(certificate.fingerprint())});
}

std::optional<Registered> in_force(const storage::Store& store, const std::string& kind) {
  const auto rows = store.rows(
      "SELECT certificates.id, der FROM in_force JOIN certificates ON certificates.id = in_force.certificate "
      "WHERE in_force.kind = ?",
      {kind});
  if (rows.empty()) return std::nullopt;
  return Registered{rows.front().integer(0), Certificate::from_der(rows.front().blob(1))};
}

std::int64_t in_force_id(const storage::Store& store, const std::string& kind) {
  const auto rows = store.rows("SELECT certificate FROM in_force WHERE kind = ?", {kind});
  return rows.empty() ? 0 : rows.front().integer(0);
}

namespace {

constexpr const char* issued_columns =
    "SELECT der, kind, issued_at, coalesce(member, ''), coalesce(identity, ''), revoked FROM certificates ";

Issued issued_of(const storage::Row& row) {
  return {.certificate = Certificate::from_der(row.blob(0)),
          .kind = row.text(1),
          .issued_at = instant_of(row.integer(2)),
          .member = row.text(3),
          .identity = row.text(4),
          .revoked = row.is_null(5) ? std::nullopt : std::optional(instant_of(row.integer(5)))};
}

}  // namespace

std::optional<Issued> find_issued(const storage::Store& store, ByteView sha256) {
  const auto rows = store.rows(std::string(issued_columns) + "WHERE sha256 = ?", {Bytes(sha256.begin(), sha256.end())});
  return rows.empty() ? std::nullopt : std::optional(issued_of(rows.front()));
}

int revoke_all(storage::Store& store, const std::string& member, Instant when) {
  const int count =
      store.run("UPDATE certificates SET revoked = ? WHERE member = ? AND revoked IS NULL", {seconds_of(when), member});
  // The next one who asks for the list makes it anew.
  if (count > 0) store.run("UPDATE revocation_lists SET renew_at = 0");
  return count;
}

std::vector<Issued> issued_to(const storage::Store& store, const std::string& member, Instant since) {
  std::vector<Issued> all;
  for (const auto& row : store.rows(std::string(issued_columns) + "WHERE member = ? AND issued_at >= ? ORDER BY id",
                                    {member, seconds_of(since)})) {
    all.push_back(issued_of(row));
  }
  return all;
}

}  // namespace chancery::authority
