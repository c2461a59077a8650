#include "appliance/authority/authority.h"

#include <algorithm>
#include <array>

#include "appliance/authority/authority_state.h"
#include "appliance/authority/ca_certificates.h"
#include "appliance/authority/permitted_names.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"

namespace chancery::authority {
namespace {

constexpr std::size_t key_file_limit = 64 * 1024;

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

FileAttributes attributes_of(const Folder& folder, const std::string& name) {
  const auto status = folder.status(name);
  if (!status) return {.mode = 0600};
  return {.mode = status->mode, .owner = status->owner, .group = status->group};
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

Issuer issuer_from(const Registered& registered) {
  const Certificate& certificate = registered.certificate;
  return {registered.id, certificate, constraints_of(certificate), subject_bytes(certificate),
          certificate.subject_key_id()};
}

void Authority::State::refresh() {
  if (in_force_id(store, "issuing") == issuer.register_id) return;
  const Registered present = *in_force(store, "issuing");
  if (!issuing_key.belongs_to(present.certificate)) issuing_key = issuing_key_of(folder, present.certificate);
  issuer = issuer_from(present);
  root = in_force(store, "root")->certificate;
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
      store.run(
          "INSERT INTO founding (only, federation) VALUES (1, ?) "
          "ON CONFLICT (only) DO UPDATE SET federation = excluded.federation",
          {founding.federation});
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

}  // namespace chancery::authority
