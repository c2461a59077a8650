#include "appliance/authority/rotation.h"

#include <algorithm>

#include "appliance/authority/ca_certificates.h"
#include "appliance/authority/permitted_names.h"
#include "appliance/authority/register.h"
#include "keystore/fault.h"

namespace chancery::authority {
namespace {

constexpr const char* root_stem = "root";
constexpr const char* former_root_stem = "former-root";
constexpr const char* issuing_file = "issuing.key";
constexpr const char* former_issuing_file = "former-issuing.key";
// Keys of a pair that the register does not name as in force yet: "next-root", "next-issuing.key".
constexpr const char* next = "next-";
constexpr const char* fresh = "fresh-";  // an emergency's, which may come in the middle of a rotation
constexpr std::size_t key_limit = 64 * 1024;

Failure wrong_order(Phase phase, const std::string& cause, const std::string& hint) {
  return Failure({.code = "rotation-order",
                  .subject = std::string("a federation that is ") + to_text(phase),
                  .cause = cause,
                  .hint = hint});
}

// The certificate that stands as `from` stands as `to` from now on, and nothing as `from`.
void move_standing(storage::Store& store, const std::string& from, const std::string& to) {
  store.run("DELETE FROM in_force WHERE kind = ?", {to});
  store.run("UPDATE in_force SET kind = ? WHERE kind = ?", {to, from});
}

void enter_step(storage::Store& store, Phase phase, Instant now) {
  const std::int64_t number = static_cast<std::int64_t>(step_of(store).number) + 1;
  store.run("DELETE FROM rotation");
  store.run("INSERT INTO rotation (only, number, phase, since) VALUES (1, ?, ?, ?)",
            {number, std::string(to_text(phase)), seconds_of(now)});
}

// `kind` of in_force goes for good.
void enter_retired(storage::Store& store, const std::string& kind, Instant now) {
  const std::int64_t id = in_force_id(store, kind);
  if (id == 0) return;
  store.run("INSERT INTO retired_anchors (certificate, retired) VALUES (?, ?)", {id, seconds_of(now)});
  store.run("DELETE FROM in_force WHERE kind = ?", {kind});
}

FileAttributes secret_like(const Folder& folder, const std::string& name) {
  const auto status = folder.status(name);
  if (!status) return {.mode = 0600};
  return {.mode = 0600, .owner = status->owner, .group = status->group};
}

FileAttributes attributes_like(const Folder& folder, const std::string& name) {
  const auto status = folder.status(name);
  if (!status) return {.mode = 0600};
  return {.mode = status->mode, .owner = status->owner, .group = status->group};
}

// The files of a root's key, whichever kind they are of.
void rename_root_key(const Folder& folder, const std::string& from, const std::string& to) {
  for (const char* suffix : {".key", ".uri"}) {
    if (folder.status(from + suffix)) folder.rename(from + suffix, to + suffix);
  }
}

bool has_root_key(const Folder& folder, const std::string& stem) {
  return folder.status(stem + ".key") || folder.status(stem + ".uri");
}

void remove_root_key(const Folder& folder, const std::string& stem) {
  forget_root_key(folder, stem);
  if (folder.status(stem + ".uri")) folder.remove(stem + ".uri");
}

// Overwritten, then removed, as a root's is: "former-issuing.key".
void forget_key_file(const Folder& folder, const std::string& name) {
  forget_root_key(folder, name.substr(0, name.size() - std::string_view(".key").size()));
}

bool holds_key_of(const Folder& folder, const std::string& name, const Certificate& issuing) {
  return folder.status(name) && PrivateKey::from_pem(view_of(folder.read_secret(name, key_limit))).belongs_to(issuing);
}

std::vector<AlternativeName> permitted_by(const Certificate& issuing) {
  const NameConstraints constraints = constraints_of(issuing);
  std::vector<std::string> names = constraints.dns;
  names.insert(names.end(), constraints.addresses.begin(), constraints.addresses.end());
  return exact_names(names);
}

// In the place of those in force, which become the former ones; from any point where it was cut short.
void take_place(const Folder& folder, const std::string& prefix) {
  const std::string root = prefix + root_stem;
  if (has_root_key(folder, root)) {
    if (has_root_key(folder, root_stem)) rename_root_key(folder, root_stem, former_root_stem);
    rename_root_key(folder, root, root_stem);
  }
  if (folder.status(issuing_file)) folder.rename(issuing_file, former_issuing_file);
  folder.rename(prefix + issuing_file, issuing_file);
}

// The next root's key is kept as the present one's: under the same passphrase where there is one. A token has to be told.
RootKeeping keeping_of(const Folder& folder, const Certificate& root, const Succession& succession) {
  if (succession.keeping) return *succession.keeping;
  RootKeeping keeping;
  if (root.key().type == "RSA") keeping.key_type = KeyType::rsa_3072;
  switch (root_key_place(folder, root_stem)) {
    case RootKeyPlace::clear:
      return keeping;
    case RootKeyPlace::encrypted:
    case RootKeyPlace::elsewhere:
      if (succession.access.passphrase) {
        keeping.passphrase = succession.access.passphrase;
        return keeping;
      }
      break;
    case RootKeyPlace::token:
      break;
  }
  throw Failure(
      {.code = "root-key-locked",
       .subject = root.subject(),
       .cause = "the present root's key is not kept in clear, and it was not told how the next one's shall be",
       .hint = "give --root-passphrase-file FILE: the next root's key is encrypted under it"});
}

}  // namespace

struct Rotation::Pair {
  RootKey root_key;
  Certificate root;
  Certificate issuing;
};

// Keys on disk first: what the register names must be there. What an earlier attempt left without entering it is
// replaced.
Rotation::Pair Rotation::make_pair(const std::string& prefix, const Succession& succession, Instant now) {
  const Folder& folder = authority_.folder();
  const Anchors present = anchors_of(authority_.store());
  const RootKeeping keeping = keeping_of(folder, present.root, succession);
  remove_root_key(folder, prefix + root_stem);
  const std::string& federation = authority_.federation();
  RootKey root_key = RootKey::create(keeping);
  const PrivateKey issuing_key = PrivateKey::generate(keeping.key_type);
  Certificate root = signed_root(root_key.signer(), federation, generation_of(present.root) + 1, now);
  Certificate issuing =
      signed_issuing(root_key.signer(), root, issuing_key, federation, constraints_of(present.issuing), now);
  const FileAttributes attributes = secret_like(folder, issuing_file);
  // In this order: a root's key is never there without its issuing CA's (tidy).
  folder.write_atomically(prefix + issuing_file, view_of(issuing_key.to_pem()), attributes);
  root_key.keep(folder, attributes, keeping, prefix + root_stem);
  return {std::move(root_key), std::move(root), std::move(issuing)};
}

void Rotation::expect_preparable(const Succession& succession) const {
  const Anchors present = anchors_of(authority_.store());
  if (present.phase == Phase::activated) {
    throw wrong_order(present.phase, "the rotation before this one has not ended",
                      "retire the former root first: chancery federation rotate retire");
  }
  static_cast<void>(keeping_of(authority_.folder(), present.root, succession));
  static_cast<void>(RootKey::open(authority_.folder(), present.root, succession.access, root_stem));
}

void Rotation::expect_activatable(const RootAccess& access) const {
  const Anchors present = anchors_of(authority_.store());
  if (present.phase == Phase::steady) {
    throw wrong_order(present.phase, "no next root was prepared", "begin with chancery federation rotate prepare");
  }
  if (present.phase == Phase::activated) return;
  NameConstraints constraints = constraints_of(*present.next_issuing);
  if (!widen(constraints, permitted_by(present.issuing))) return;
  static_cast<void>(RootKey::open(authority_.folder(), *present.next_root, access, std::string(next) + root_stem));
}

void Rotation::expect_retirable() const {
  const Phase phase = step_of(authority_.store()).phase;
  if (phase != Phase::prepared) return;
  throw wrong_order(phase, "nothing is issued under the next root yet", "first: chancery federation rotate activate");
}

void Rotation::prepare(const Succession& succession) {
  storage::Store& store = authority_.store();
  if (step_of(store).phase == Phase::prepared) return;
  expect_preparable(succession);
  tidy();
  const Instant now = authority_.now();
  const Certificate present = anchors_of(store).root;
  // Opened first: without it there is nothing to begin.
  const RootKey present_key = RootKey::open(authority_.folder(), present, succession.access, root_stem);
  const Pair pair = make_pair(next, succession, now);
  const Certificate cross = signed_cross(present_key.signer(), present, pair.root, now);
  store.write([&] {
    if (step_of(store).phase != Phase::steady) {
      throw wrong_order(step_of(store).phase, "somebody else has begun a rotation at this moment", "look again");
    }
    put_in_force(store, pair.root, {.kind = "next-root", .issued_for = "rotation", .issued_at = now});
    put_in_force(store, pair.issuing, {.kind = "next-issuing", .issued_for = "rotation", .issued_at = now});
    put_in_force(store, cross, {.kind = "cross", .issued_for = "rotation", .issued_at = now});
    store.run("DELETE FROM proofs");
    enter_step(store, Phase::prepared, now);
  });
}

void Rotation::activate(const RootAccess& access) {
  storage::Store& store = authority_.store();
  const Anchors before = anchors_of(store);
  if (before.phase == Phase::activated) return tidy();
  expect_activatable(access);
  const Instant now = authority_.now();
  const Folder& folder = authority_.folder();
  // Names that were permitted since prepare.
  std::optional<Certificate> wider;
  const Certificate& next_issuing = *before.next_issuing;
  NameConstraints constraints = constraints_of(next_issuing);
  if (widen(constraints, permitted_by(before.issuing))) {
    const RootKey key = RootKey::open(folder, *before.next_root, access, std::string(next) + root_stem);
    wider = signed_issuing(key.signer(), *before.next_root, issuing_key_of(folder, next_issuing),
                           authority_.federation(), constraints, now);
  }
  store.write([&] {
    const Anchors present = anchors_of(store);
    if (present.phase == Phase::activated) return;
    if (present.number != before.number || present.issuing != before.issuing) {
      throw wrong_order(present.phase, "somebody else has changed it at this moment", "run the same command again");
    }
    if (wider) put_in_force(store, *wider, {.kind = "next-issuing", .issued_for = "more names", .issued_at = now});
    for (const char* kind : {"root", "issuing"}) {
      move_standing(store, kind, std::string("former-") + kind);
      move_standing(store, std::string("next-") + kind, kind);
    }
    store.run("UPDATE revocation_lists SET issuer = ? WHERE issuer = ?", {"former-issuing", "issuing"});
    store.run("DELETE FROM proofs");
    enter_step(store, Phase::activated, now);
  });
  tidy();
}

void Rotation::retire(const Also& also) {
  storage::Store& store = authority_.store();
  const Anchors before = anchors_of(store);
  if (before.phase == Phase::steady) return tidy();
  expect_retirable();
  const Instant now = authority_.now();
  store.write([&] {
    if (step_of(store).phase != Phase::activated) return;
    enter_retired(store, "former-root", now);
    enter_retired(store, "former-issuing", now);
    store.run("DELETE FROM in_force WHERE kind = ?", {"cross"});
    store.run("DELETE FROM revocation_lists WHERE issuer = ?", {"former-issuing"});
    enter_step(store, Phase::steady, now);
    if (also) also(step_of(store).number);
  });
  tidy();
}

void Rotation::replace_at_once(const Succession& succession, const Also& also) {
  storage::Store& store = authority_.store();
  tidy();
  const Instant now = authority_.now();
  const Phase phase = step_of(store).phase;
  // A next root that was signed over to by a key that is stolen by now is as good as the key that it was made with; the
  // one made here has never been near it.
  const Pair pair = make_pair(fresh, succession, now);
  store.write([&] {
    if (step_of(store).phase != phase) {
      throw wrong_order(step_of(store).phase, "somebody else has changed it at this moment", "look again");
    }
    put_in_force(store, pair.root, {.kind = "fresh-root", .issued_for = issued_for_emergency, .issued_at = now});
    put_in_force(store, pair.issuing, {.kind = "fresh-issuing", .issued_for = issued_for_emergency, .issued_at = now});
    for (const char* kind : {"former-root", "former-issuing", "root", "issuing", "next-root", "next-issuing"}) {
      enter_retired(store, kind, now);
    }
    store.run("DELETE FROM in_force WHERE kind = ?", {"cross"});
    move_standing(store, "fresh-root", "root");
    move_standing(store, "fresh-issuing", "issuing");
    store.run("DELETE FROM revocation_lists");
    store.run("DELETE FROM proofs");
    enter_step(store, Phase::steady, now);
    if (also) also(step_of(store).number);
  });
  tidy();
}

void Rotation::tidy() {
  const Folder& folder = authority_.folder();
  const Anchors anchors = anchors_of(authority_.store());
  for (const std::string prefix : {next, fresh}) {
    if (!folder.status(prefix + issuing_file) && !has_root_key(folder, prefix + root_stem)) continue;
    if (prefix == next && anchors.phase == Phase::prepared) continue;
    // In force, and still under this name: the register has changed and the renaming was cut short. Otherwise it was
    // cut short before, and nobody knows these keys.
    if (holds_key_of(folder, prefix + issuing_file, anchors.issuing)) {
      take_place(folder, prefix);
      continue;
    }
    remove_root_key(folder, prefix + root_stem);
    forget_key_file(folder, prefix + issuing_file);
  }
  if (anchors.phase == Phase::steady) {
    remove_root_key(folder, former_root_stem);
    forget_key_file(folder, former_issuing_file);
  }
  for (const auto& [name, certificate] :
       {std::pair{"root.pem", anchors.root}, std::pair{"issuing.pem", anchors.issuing}}) {
    const std::string pem = certificate.to_pem();
    if (folder.status(name) && text_of(folder.read(name, key_limit)) == pem) continue;
    folder.write_atomically(name, view_of(pem), attributes_like(folder, name));
  }
}

}  // namespace chancery::authority
