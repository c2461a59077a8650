#include "appliance/federation/roster.h"

#include "appliance/authority/register.h"
#include "keystore/bytes/text_encoding.h"

namespace chancery::federation {
namespace {

using authority::instant_of;
using authority::seconds_of;
using storage::Row;

constexpr const char* token_columns =
    "SELECT id, public_key, role, names, created, expires, revoked, used_digest FROM tokens ";

std::string lines_of(const std::vector<std::string>& names) {
  std::string lines;
  for (const std::string& name : names) lines += name + "\n";
  return lines;
}

std::vector<std::string> names_of(const std::string& lines) {
  std::vector<std::string> names;
  std::size_t start = 0;
  while (start < lines.size()) {
    const std::size_t end = std::min(lines.find('\n', start), lines.size());
    names.push_back(lines.substr(start, end - start));
    start = end + 1;
  }
  return names;
}

std::optional<Instant> moment(const Row& row, std::size_t column) {
  return row.is_null(column) ? std::nullopt : std::optional(instant_of(row.integer(column)));
}

TokenRecord token_of(const Row& row) {
  return {.id = row.blob(0),
          .public_key_der = row.blob(1),
          .role = row.text(2),
          .names = names_of(row.text(3)),
          .created = instant_of(row.integer(4)),
          .expires = instant_of(row.integer(5)),
          .revoked = moment(row, 6),
          .used_digest = row.is_null(7) ? std::nullopt : std::optional(row.blob(7))};
}

}  // namespace

void enter_token(storage::Store& store, const TokenRecord& token) {
  store.run("INSERT INTO tokens (id, public_key, role, names, created, expires) VALUES (?, ?, ?, ?, ?, ?)",
            {token.id, token.public_key_der, token.role, lines_of(token.names), seconds_of(token.created),
             seconds_of(token.expires)});
}

std::optional<TokenRecord> find_token(const storage::Store& store, const Bytes& id) {
  const auto rows = store.rows(std::string(token_columns) + "WHERE id = ?", {id});
  return rows.empty() ? std::nullopt : std::optional(token_of(rows.front()));
}

std::vector<TokenRecord> all_tokens(const storage::Store& store) {
  std::vector<TokenRecord> tokens;
  for (const Row& row : store.rows(std::string(token_columns) + "ORDER BY created, id")) {
    tokens.push_back(token_of(row));
  }
  return tokens;
}

void revoke(storage::Store& store, const Bytes& id, Instant when) {
  store.run("UPDATE tokens SET revoked = coalesce(revoked, ?) WHERE id = ?", {seconds_of(when), id});
}

void bind_token(storage::Store& store, const Bytes& id, ByteView digest, Instant when) {
  store.run("UPDATE tokens SET used_digest = ?, used_at = ? WHERE id = ? AND used_digest IS NULL",
            {Bytes(digest.begin(), digest.end()), seconds_of(when), id});
}

void enter_given(storage::Store& store, const Bytes& token, const std::string& identity, ByteView leaf_sha256) {
  store.run("INSERT INTO token_certificates (token, identity, sha256) VALUES (?, ?, ?)",
            {token, identity, Bytes(leaf_sha256.begin(), leaf_sha256.end())});
}

void forget_given(storage::Store& store, const Bytes& token) {
  store.run("DELETE FROM token_certificates WHERE token = ?", {token});
}

std::map<std::string, Certificate> given(const storage::Store& store, const Bytes& token) {
  std::map<std::string, Certificate> found;
  for (const Row& row :
       store.rows("SELECT token_certificates.identity, der FROM token_certificates JOIN certificates USING (sha256) "
                  "WHERE token = ?",
                  {token})) {
    found.emplace(row.text(0), Certificate::from_der(row.blob(1)));
  }
  return found;
}

// A token answers a retry with the certificates it gave: not any more.
void revoke_tokens_of(storage::Store& store, const std::string& member, Instant when) {
  store.run(
      "UPDATE tokens SET revoked = coalesce(revoked, ?) WHERE id IN (SELECT token FROM token_certificates JOIN "
      "certificates USING (sha256) WHERE certificates.member = ?)",
      {seconds_of(when), member});
}

void forget_member(storage::Store& store, const std::string& name) {
  store.run("DELETE FROM members WHERE name = ?", {name});
}

void enter_member(storage::Store& store, const Member& member) {
  std::vector<Bytes> certificates;
  for (const Certificate& each : member.certificates) certificates.push_back(each.der());
  enter_member(store, member, certificates);
}

void enter_member(storage::Store& store, const Member& member, const std::vector<Bytes>& certificates) {
  const storage::Value last_seen =
      member.last_seen ? storage::Value(seconds_of(*member.last_seen)) : storage::Value(std::monostate{});
  store.write([&] {
    store.run("DELETE FROM members WHERE name = ?", {member.name});
    store.run("INSERT INTO members (name, role, state, joined, last_seen) VALUES (?, ?, ?, ?, ?)",
              {member.name, member.role, member.state, seconds_of(member.joined), last_seen});
    std::int64_t position = 0;
    for (const Bytes& der : certificates) {
      store.run("INSERT INTO member_certificates (member, position, der) VALUES (?, ?, ?)",
                {member.name, position++, der});
    }
  });
}

namespace {

Member member_from(const storage::Store& store, const Row& row) {
  Member member{.name = row.text(0),
                .role = row.text(1),
                .state = row.text(2),
                .joined = instant_of(row.integer(3)),
                .last_seen = moment(row, 4),
                .certificates = {}};
  for (const Row& each :
       store.rows("SELECT der FROM member_certificates WHERE member = ? ORDER BY position", {member.name})) {
    member.certificates.push_back(Certificate::from_der(each.blob(0)));
  }
  return member;
}

constexpr const char* member_columns = "SELECT name, role, state, joined, last_seen FROM members ";

}  // namespace

std::optional<Member> find_member(const storage::Store& store, const std::string& name) {
  const auto rows = store.rows(std::string(member_columns) + "WHERE name = ?", {name});
  return rows.empty() ? std::nullopt : std::optional(member_from(store, rows.front()));
}

std::vector<Member> all_members(const storage::Store& store) {
  std::vector<Member> members;
  for (const Row& row : store.rows(std::string(member_columns) + "ORDER BY joined, name")) {
    members.push_back(member_from(store, row));
  }
  return members;
}

std::vector<ListedMember> listed_members(const storage::Store& store) {
  std::vector<ListedMember> members;
  for (const Row& row : store.rows("SELECT name, last_seen FROM members ORDER BY joined, name")) {
    members.push_back({.name = row.text(0), .last_seen = moment(row, 1)});
  }
  return members;
}

std::vector<std::string> member_names(const storage::Store& store) {
  std::vector<std::string> names;
  for (ListedMember& each : listed_members(store)) names.push_back(std::move(each.name));
  return names;
}

void renew_member(storage::Store& store, const Member& member, const std::map<std::string, Certificate>& leaves) {
  Member renewed = member;
  std::map<std::string, Certificate> fresh = leaves;
  for (Certificate& certificate : renewed.certificates) {
    const auto issued = authority::find_issued(store, from_hex(certificate.fingerprint()));
    const auto found = issued ? fresh.find(issued->identity) : fresh.end();
    if (found == fresh.end()) continue;
    certificate = found->second;
    fresh.erase(found);
  }
  for (const auto& [identity, certificate] : fresh) renewed.certificates.push_back(certificate);
  enter_member(store, renewed);
}

void member_seen(storage::Store& store, const std::string& name, Instant when) {
  store.run("UPDATE members SET last_seen = ? WHERE name = ? AND coalesce(last_seen, 0) < ?",
            {seconds_of(when), name, seconds_of(when)});
}

}  // namespace chancery::federation
