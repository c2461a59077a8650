#include "appliance/authority/authority.h"

#include <algorithm>
#include <array>

#include "appliance/authority/ca_certificates.h"
#include "appliance/authority/certificate_writer.h"
#include "appliance/authority/permitted_names.h"
#include "appliance/authority/public_key_rules.h"
#include "appliance/authority/register.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"
#include "keystore/x509/der.h"

namespace chancery::authority {
namespace {

constexpr std::chrono::hours backdating{1};
constexpr std::chrono::hours default_leaf_validity{24 * 397};
constexpr std::chrono::hours revocation_list_validity{24 * 30};
constexpr std::size_t longest_common_name = 64;  // RFC 5280, ub-common-name
constexpr std::size_t key_file_limit = 64 * 1024;

// A CN that looks like a host name is compared with name constraints by OpenSSL, so only a DNS name may stand there.
std::string common_name_for(const std::vector<AlternativeName>& names) {
  for (const AlternativeName& name : names) {
    if (name.kind == AlternativeName::Kind::dns && name.value.size() <= longest_common_name) return name.value;
  }
  return "";
}

void check_federation(const std::string& id) {
  const auto is_lower = [](char unit) { return unit >= 'a' && unit <= 'z'; };
  const bool fine =
      !id.empty() && id.size() <= 63 && id.front() != '-' &&
      std::all_of(id.begin(), id.end(),
                  [&](char unit) { return is_lower(unit) || (unit >= '0' && unit <= '9') || unit == '-'; }) &&
      id.back() != '-';
  if (fine) return;
  throw Failure({.code = "bad-federation",
                 .subject = id.substr(0, 80),
                 .cause = "a federation's id stands as the host in its members' URIs: at most 63 of a-z, 0-9 and -",
                 .hint = "make one of random hex digits"});
}

[[noreturn]] void damaged(const std::string& subject, const std::string& cause) {
  throw Failure({.code = "authority-damaged",
                 .subject = subject,
                 .cause = cause,
                 .hint = "restore STATE/authority from a backup of the appliance"});
}

[[noreturn]] void no_authority(const Folder& folder) {
  throw Failure({.code = "no-authority",
                 .subject = folder.path(),
                 .cause = "there is no authority in this folder",
                 .hint = "ask on the primary; `chancery init --role primary` makes one"});
}

PrivateKey read_key(const Folder& folder, const std::string& name) {
  return PrivateKey::from_pem(view_of(folder.read_secret(name, key_file_limit)));
}

}  // namespace

// A rotation renames the files after the register has changed; what it was cut short in, or does at this moment, is
// found under the other name.
PrivateKey issuing_key_of(const Folder& folder, const Certificate& issuing) {
  constexpr std::array names{"issuing.key", "next-issuing.key", "fresh-issuing.key", "former-issuing.key"};
  constexpr int turns = 2;
  for (int turn = 0; turn < turns; ++turn) {
    for (const char* name : names) {
      if (!folder.status(name)) continue;
      try {
        PrivateKey key = read_key(folder, name);
        if (key.belongs_to(issuing)) return key;
      } catch (const Failure& failure) {
        if (failure.code() != "not-found") throw;
      }
    }
  }
  damaged(folder.path() + "/issuing.key", "does not belong to the issuing CA in the register");
}

namespace {

const char* kind_of(LeafPurpose purpose) {
  switch (purpose) {
    case LeafPurpose::server:
      return "server";
    case LeafPurpose::client:
      return "client";
    case LeafPurpose::orders:
      return "orders";
    case LeafPurpose::member:
      break;
  }
  return "member";
}

FileAttributes attributes_of(const Folder& folder, const std::string& name) {
  const auto status = folder.status(name);
  if (!status) return {.mode = 0600};
  return {.mode = status->mode, .owner = status->owner, .group = status->group};
}

// What every leaf under one issuing certificate has in common.
struct Issuer {
  std::int64_t register_id = 0;
  Certificate certificate;
  NameConstraints permitted;
  Bytes name;
  Bytes key_id;
};

Issuer issuer_from(const Registered& registered) {
  const Certificate& certificate = registered.certificate;
  return {registered.id, certificate, constraints_of(certificate), subject_bytes(certificate),
          certificate.subject_key_id()};
}

struct Validity {
  Instant not_before{};
  Instant not_after{};
};

}  // namespace

struct Authority::State {
  // Reads again when another process has entered a newer issuing certificate: the CLI, adding names or rotating.
  void refresh() {
    if (in_force_id(store, "issuing") == issuer.register_id) return;
    const Registered present = *in_force(store, "issuing");
    if (!issuing_key.belongs_to(present.certificate)) issuing_key = issuing_key_of(folder, present.certificate);
    issuer = issuer_from(present);
    root = in_force(store, "root")->certificate;
  }
  Bytes list_of(const Issuer& signer, const PrivateKey& key, const std::string& kind);
  LeafNames checked_names(const LeafRequest& request) const;
  Validity validity_of(const LeafRequest& request, Instant now) const;
  Bytes leaf(const LeafRequest& request, Instant now) const;

  Folder folder;
  Clock clock;
  std::unique_ptr<storage::Store> register_store;
  storage::Store& store = *register_store;
  std::string federation;
  Certificate root;
  PrivateKey issuing_key;
  Issuer issuer;
};

LeafNames Authority::State::checked_names(const LeafRequest& request) const {
  LeafNames names{exact_names(request.names), request.member_uri};
  const bool has_uri = request.purpose == LeafPurpose::member || request.purpose == LeafPurpose::orders;
  const char* kind = request.purpose == LeafPurpose::orders ? "/orders/" : "/member/";
  const bool uri_fits = has_uri ? names.uri.starts_with("chancery://" + federation + kind) : names.uri.empty();
  if (uri_fits && !(names.names.empty() && names.uri.empty())) return names;
  throw Failure({.code = "bad-name",
                 .subject = request.issued_for,
                 .cause = "a member needs a URI of this federation, and every other certificate a name and no URI",
                 .hint = "give names, and for members chancery://" + federation + "/member/ROLE/NAME"});
}

Validity Authority::State::validity_of(const LeafRequest& request, Instant now) const {
  const Instant not_after = std::min(now + request.validity, issuer.certificate.not_after());
  if (not_after > now) return {std::max(now - backdating, issuer.certificate.not_before()), not_after};
  throw Failure({.code = "authority-expired",
                 .subject = issuer.certificate.subject(),
                 .cause = "the issuing CA ended on " + to_rfc3339(issuer.certificate.not_after()),
                 .hint = "check this machine's clock; if it is right, the federation needs a new authority"});
}

Bytes Authority::State::leaf(const LeafRequest& request, Instant now) const {
  const PublicKeyKind key_kind = check_public_key(request.public_key_der);
  const LeafNames names = checked_names(request);
  for (const AlternativeName& name : names.names) {
    if (is_permitted(issuer.permitted, name)) continue;
    throw Failure({.code = "name-not-permitted",
                   .subject = to_text(name),
                   .cause = "the issuing CA's name constraints do not permit this name",
                   .hint = "make a join token that bears the name, or give it at `chancery init --san`"});
  }
  const Validity validity = validity_of(request, now);
  const Bytes subject = subject_name(organisation_of(federation), common_name_for(names.names));
  return write_certificate(
      issuing_key,
      {.serial = new_serial(),
       .issuer = issuer.name,
       .not_before = validity.not_before,
       .not_after = validity.not_after,
       .subject = subject,
       .public_key_der = request.public_key_der,
       .extensions = leaf_extensions(key_identifier(request.public_key_der), issuer.key_id, names,
                                     request.purpose == LeafPurpose::server || request.purpose == LeafPurpose::member,
                                     request.purpose != LeafPurpose::server, key_kind == PublicKeyKind::rsa)});
}

Authority::Authority(std::unique_ptr<State> state) : state_(std::move(state)) {}
Authority::Authority(Authority&&) noexcept = default;
Authority::~Authority() = default;

Authority Authority::create(const Folder& folder, const FileAttributes& attributes, const Founding& founding,
                            const Clock& clock) {
  check_federation(founding.federation);
  // issuing.pem is written last: with it there is an authority, without it an earlier attempt was cut short.
  if (folder.status("issuing.pem")) {
    throw Failure({.code = "already-exists",
                   .subject = folder.path(),
                   .cause = "there is an authority already",
                   .hint = "keep it; for a new federation use another state folder"});
  }
  const Instant now = clock();
  NameConstraints constraints{.dns = {}, .addresses = {}, .uri_host = founding.federation};
  widen(constraints, exact_names(founding.names));
  RootKeeping keeping = founding.root_key;
  keeping.key_type = founding.key_type;
  const RootKey root_key = RootKey::create(keeping);
  const PrivateKey issuing_key = PrivateKey::generate(founding.key_type);
  const Certificate root = signed_root(root_key.signer(), founding.federation, 1, now);
  const Certificate issuing =
      signed_issuing(root_key.signer(), root, issuing_key, founding.federation, constraints, now);

  FileAttributes secret = attributes;
  secret.mode = 0600;
  root_key.keep(folder, secret, keeping);
  folder.write_atomically("issuing.key", view_of(issuing_key.to_pem()), secret);
  {
    const auto opened = open_register(folder, secret);
    storage::Store& store = *opened;
    store.write([&] {
      store.run("INSERT INTO founding (only, federation) VALUES (1, ?) "
                "ON CONFLICT (only) DO UPDATE SET federation = excluded.federation", {founding.federation});
      put_in_force(store, root, {.kind = "root", .issued_for = "founding", .issued_at = now});
      put_in_force(store, issuing, {.kind = "issuing", .issued_for = "founding", .issued_at = now});
    });
  }
  folder.write_atomically("root.pem", view_of(root.to_pem()), attributes);
  folder.write_atomically("issuing.pem", view_of(issuing.to_pem()), attributes);
  return open(folder, clock);
}

Authority Authority::open(const Folder& folder, const Clock& clock) {
  if (!folder.status("authority.db")) no_authority(folder);
  return open(folder, open_register(folder), clock);
}

Authority Authority::open(const Folder& folder, std::unique_ptr<storage::Store> opened, const Clock& clock) {
  if (!folder.status("issuing.pem")) no_authority(folder);
  storage::Store& store = *opened;
  const auto founding = store.rows("SELECT federation FROM founding");
  auto root = in_force(store, "root");
  auto issuing = in_force(store, "issuing");
  if (founding.empty() || !root || !issuing) damaged("the register", "has no root or issuing CA");
  PrivateKey issuing_key = issuing_key_of(folder, issuing->certificate);
  return Authority(std::unique_ptr<State>(new State{.folder = Folder::open(folder.path()),
                                                    .clock = clock,
                                                    .register_store = std::move(opened),
                                                    .federation = founding.front().text(0),
                                                    .root = std::move(root->certificate),
                                                    .issuing_key = std::move(issuing_key),
                                                    .issuer = issuer_from(*issuing)}));
}

const std::string& Authority::federation() const { return state_->federation; }
storage::Store& Authority::store() { return state_->store; }
const Folder& Authority::folder() const { return state_->folder; }
Instant Authority::now() const { return state_->clock(); }

Certificate Authority::root() const {
  const auto lock = state_->store.hold();
  state_->refresh();
  return state_->root;
}

std::vector<Certificate> Authority::intermediates() const {
  const auto lock = state_->store.hold();
  state_->refresh();
  std::vector<Certificate> above{state_->issuer.certificate};
  // Only while leaves are issued under the new root and others may know the former one alone.
  if (!in_force(state_->store, "former-root")) return above;
  if (auto cross = in_force(state_->store, "cross")) above.push_back(std::move(cross->certificate));
  return above;
}

Certificate Authority::issuing() const {
  const auto lock = state_->store.hold();
  state_->refresh();
  return state_->issuer.certificate;
}

Certificate Authority::issue(const LeafRequest& request) {
  std::optional<Certificate> issued;
  state_->store.write([&] {
    state_->refresh();
    const Instant now = state_->clock();
    issued = Certificate::from_der(state_->leaf(request, now));
    enter(state_->store, *issued,
          {.kind = kind_of(request.purpose),
           .issued_for = request.issued_for,
           .issued_at = now,
           .member = request.member,
           .identity = request.identity});
  });
  return std::move(*issued);
}

Authority::Forecast Authority::forecast(const LeafRequest& request, const RootAccess& access) {
  std::vector<std::string> new_names = not_permitted(request.names);
  if (!new_names.empty()) static_cast<void>(root_key(access));
  const auto lock = state_->store.hold();
  static_cast<void>(check_public_key(request.public_key_der));
  static_cast<void>(state_->checked_names(request));
  const Validity validity = state_->validity_of(request, state_->clock());
  return {std::move(new_names), validity.not_before, validity.not_after};
}

std::vector<std::string> Authority::not_permitted(const std::vector<std::string>& names) {
  const auto lock = state_->store.hold();
  state_->refresh();
  std::vector<std::string> missing;
  for (const AlternativeName& name : exact_names(names)) {
    if (!is_permitted(state_->issuer.permitted, name)) missing.push_back(name.value);
  }
  return missing;
}

void Authority::expect_permissible(const std::vector<std::string>& names, const RootAccess& access) {
  if (!not_permitted(names).empty()) static_cast<void>(root_key(access));
}

RootKey Authority::root_key(const RootAccess& access) const {
  return RootKey::open(state_->folder, state_->root, access);
}

RootKeyPlace Authority::root_key_place() const { return authority::root_key_place(state_->folder); }
void Authority::forget_root_key() { authority::forget_root_key(state_->folder); }

void Authority::permit_names(const std::vector<std::string>& names, const RootAccess& access) {
  const std::vector<AlternativeName> wanted = exact_names(names);
  State& state = *state_;
  state.store.write([&] {
    state.refresh();
    NameConstraints constraints = state.issuer.permitted;
    if (!widen(constraints, wanted)) return;
    const Instant now = state.clock();
    // The root's key is in memory only while it is needed.
    const RootKey key = root_key(access);
    const Certificate issuing =
        signed_issuing(key.signer(), state.root, state.issuing_key, state.federation, constraints, now);
    put_in_force(state.store, issuing, {.kind = "issuing", .issued_for = "more names", .issued_at = now});
    state.folder.write_atomically("issuing.pem", view_of(issuing.to_pem()), attributes_of(state.folder, "issuing.pem"));
  });
}

Bytes Authority::State::list_of(const Issuer& signer, const PrivateKey& key, const std::string& kind) {
  const auto present = [&]() -> std::optional<Bytes> {
    const auto rows = store.rows("SELECT der, renew_at FROM revocation_lists WHERE issuer = ?", {kind});
    if (rows.empty() || seconds_of(clock()) >= rows.front().integer(1)) return std::nullopt;
    return rows.front().blob(0);
  };
  if (auto list = present()) return std::move(*list);
  Bytes made;
  const auto sign = [&] {
    // Another process may have made it meanwhile.
    if (auto list = present()) {
      made = std::move(*list);
      return;
    }
    const Instant now = clock();
    const auto last = store.rows("SELECT number FROM revocation_lists WHERE issuer = ?", {kind});
    const std::int64_t number = last.empty() ? 1 : last.front().integer(0) + 1;
    RevocationListParts parts{.issuer = signer.name,
                              .authority_key_id = signer.key_id,
                              .number = static_cast<std::uint32_t>(number),
                              .this_update = now - backdating,
                              .next_update = now + revocation_list_validity,
                              .revoked = {}};
    for (const auto& row : store.rows(
             "SELECT serial, revoked, der FROM certificates WHERE revoked IS NOT NULL AND not_after > ? ORDER BY id",
             {seconds_of(now - revocation_list_validity)})) {
      const Bytes der = row.blob(2);
      const auto outline = chancery::der::outline_of(der);
      if (!outline || !std::ranges::equal(outline->issuer, signer.name)) continue;
      parts.revoked.push_back({.serial = row.blob(0), .when = instant_of(row.integer(1))});
    }
    made = write_revocation_list(key, parts);
    store.run("DELETE FROM revocation_lists WHERE issuer = ?", {kind});
    store.run("INSERT INTO revocation_lists (issuer, number, der, renew_at) VALUES (?, ?, ?, ?)",
              {kind, number, made, seconds_of(now + revocation_list_validity * 2 / 3)});
  };
  try {
    store.write(sign);
  } catch (const Failure& failure) {
    // Where another primary issues, this one hands out what was signed last.
    const auto last = failure.code() == "not-the-issuer"
                          ? store.rows("SELECT der FROM revocation_lists WHERE issuer = ?", {kind})
                          : std::vector<storage::Row>{};
    if (last.empty()) throw;
    made = last.front().blob(0);
  }
  return made;
}

Bytes Authority::revocation_list() {
  const auto lock = state_->store.hold();
  state_->refresh();
  return state_->list_of(state_->issuer, state_->issuing_key, "issuing");
}

std::vector<Bytes> Authority::revocation_lists() {
  std::vector<Bytes> lists{revocation_list()};
  const auto lock = state_->store.hold();
  if (const auto former = in_force(state_->store, "former-issuing")) {
    const PrivateKey key = issuing_key_of(state_->folder, former->certificate);
    lists.push_back(state_->list_of(issuer_from(*former), key, "former-issuing"));
  }
  return lists;
}

Certificate self_signed(const PrivateKey& key, const std::vector<std::string>& names, Instant now) {
  const Bytes public_key = key.public_key_der();
  const PublicKeyKind kind = check_public_key(public_key);
  const LeafNames exact{exact_names(names), ""};
  const Bytes subject = subject_name("Chancery appliance outside of a federation", common_name_for(exact.names));
  const Bytes key_id = key_identifier(public_key);
  return Certificate::from_der(write_certificate(
      key, {.serial = new_serial(),
            .issuer = subject,
            .not_before = now - backdating,
            .not_after = now + default_leaf_validity,
            .subject = subject,
            .public_key_der = public_key,
            .extensions = leaf_extensions(key_id, key_id, exact, true, false, kind == PublicKeyKind::rsa)}));
}

}  // namespace chancery::authority
