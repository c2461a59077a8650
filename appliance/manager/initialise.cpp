// Making an appliance out of nothing.
#include <sodium.h>
#include <unistd.h>

#include <array>
#include <nlohmann/json.hpp>

#include "appliance/audit/trail.h"
#include "appliance/authority/token_key.h"
#include "appliance/federation/join.h"
#include "appliance/manager/call.h"
#include "appliance/manager/certificate_manager.h"
#include "appliance/manager/founding.h"
#include "appliance/manager/program_users.h"
#include "appliance/manager/state_draft.h"
#include "backup/sets/backup_sets.h"
#include "keystore/bytes/text_encoding.h"

namespace chancery::manager {
namespace {

using authority::Authority;

constexpr std::size_t generation_key_size = 32;
constexpr std::size_t shortest_password = 12;
constexpr std::size_t password_length = 24;  // of 32 letters: 120 bits
constexpr int highest_port_base = 65531;     // five ports from there

Appliance described(const InitialOptions& options) {
  Appliance appliance;
  appliance.role = options.role;
  appliance.name = parse_name(options.name).value;
  appliance.internal_name = options.internal_name.empty() ? appliance.name : parse_name(options.internal_name).value;
  for (const std::string& san : options.sans) appliance.sans.push_back(parse_name(san).value);
  for (const std::string& name : appliance.all_names()) {
    const AlternativeName::Kind kind = parse_name(name).kind;
    if (kind == AlternativeName::Kind::dns || kind == AlternativeName::Kind::ip) continue;
    throw Failure({.code = "bad-name",
                   .subject = name,
                   .cause = "an appliance is called by a DNS name or an address",
                   .hint = "give names like appliance.example.com or 192.0.2.1"});
  }
  if (appliance.name.starts_with("*")) {
    throw Failure({.code = "bad-name",
                   .subject = appliance.name,
                   .cause = "a wildcard is not the name of an appliance",
                   .hint = "give the name that browsers and collectors use for this appliance"});
  }
  if (options.port_base < 0 || options.port_base > highest_port_base) {
    throw Failure({.code = "bad-port",
                   .subject = std::to_string(options.port_base),
                   .cause = "the first port must be from 1 to " + std::to_string(highest_port_base),
                   .hint = "choose another --port-base, or leave it out for the default ports"});
  }
  appliance.separate_users = can_separate_users(appliance.role);
  return appliance;
}

mode_t mode_of_state(const Appliance& appliance) { return appliance.separate_users ? 0755 : 0700; }

FileAttributes of_root(const Appliance& appliance, mode_t mode) {
  if (!appliance.separate_users) return {.mode = mode, .owner = {}, .group = {}};
  return {.mode = mode, .owner = 0, .group = 0};
}

// One file a program, and SQLite makes more beside it: the folder belongs to those who have one. On a single appliance
// that is two, and the sticky bit keeps the engine from the portal's.
FileAttributes of_databases(const Appliance& appliance) {
  if (!appliance.separate_users) return {.mode = 0700, .owner = {}, .group = {}};
  FileAttributes attributes = owned_by(appliance, appliance.role == Role::secondary ? "engine" : "portal", 0750);
  if (appliance.role == Role::single) {
    attributes.mode = 01770;
    attributes.group = owned_by(appliance, "engine", 0).group;
  }
  return attributes;
}

void make_folders(const Folder& state, const Appliance& appliance) {
  const mode_t open_mode = appliance.separate_users ? 0755 : 0700;
  state.make_folder("settings", of_root(appliance, open_mode));
  state.make_folder("secrets", of_root(appliance, 0700));
  state.make_folder("backups", of_root(appliance, 0700));
  state.make_folder("databases", of_databases(appliance));
  state.make_folder("run", of_root(appliance, open_mode));
  state.make_folder("run/manager", of_root(appliance, open_mode));
  for (const std::string& program : programs_of(appliance.role)) {
    FileAttributes attributes = owned_by(appliance, program, appliance.separate_users ? 0750 : 0700);
    // The portal of a single appliance hands collectors over through a socket there.
    const bool is_shared = appliance.separate_users && appliance.role == Role::single && program == "engine";
    if (is_shared) attributes.group = member_group(appliance);
    state.make_folder("run/" + program, attributes);
  }
  if (appliance.role != Role::secondary) state.make_folder("authority", owned_by(appliance, "authority", 0700));
}

// Letters and digits that nobody mistakes for each other, read off a screen and typed.
SecretBytes make_password() {
  static constexpr std::string_view letters = "abcdefghijkmnpqrstuvwxyz23456789";
  static_assert(letters.size() == 32);
  SecretBytes password = random_secret(password_length);
  for (std::uint8_t& byte : password) byte = static_cast<std::uint8_t>(letters[byte % letters.size()]);
  return password;
}

void expect_long_enough(const std::optional<SecretBytes>& given) {
  if (!given || given->size() >= shortest_password) return;
  throw Failure({.code = "password-weak",
                 .subject = "the administrator's password",
                 .cause = "it is shorter than " + std::to_string(shortest_password) + " characters",
                 .hint = "give a longer one, or none: then chancery init makes one"});
}

SecretBytes make_administrator(const Folder& state, const Appliance& appliance,
                               const std::optional<SecretBytes>& given) {
  SecretBytes password = given ? *given : make_password();
  std::array<char, crypto_pwhash_STRBYTES> hash{};
  // A password we made has 120 random bits: what argon2id costs the attacker is a second line, what it costs us is each
  // login.
  if (sodium_init() < 0 ||
      crypto_pwhash_str(hash.data(), reinterpret_cast<const char*>(password.data()), password.size(),
                        crypto_pwhash_OPSLIMIT_INTERACTIVE, crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0) {
    throw Failure({.code = "out-of-memory",
                   .subject = "settings/administrator.hash",
                   .cause = "argon2id did not get the memory it needs",
                   .hint = "free 64 MiB of memory and run chancery init again"});
  }
  // Readable for whoever serves the console, and nobody else: like a key of that identity.
  state.write_atomically("settings/administrator.hash", view_of(std::string(hash.data()) + "\n"),
                         file_attributes(appliance, "identities/console/key.pem"));
  return password;
}

SecretBytes make_secrets(const Folder& state, const Appliance& appliance) {
  SecretBytes generation_key = random_secret(generation_key_size);
  const FileAttributes secret = of_root(appliance, 0600);
  state.write_atomically("secrets/generation.key", view_of(generation_key), secret);
  const PrivateKey repair = PrivateKey::generate(KeyType::ed25519);
  state.write_atomically("secrets/repair.key", view_of(repair.to_pem()), secret);
  return generation_key;
}

void expect_root_options(const InitialOptions& options) {
  const bool is_asked = options.root_passphrase || options.root_pin || !options.root_token_uri.empty() ||
                        options.authority_key_type != KeyType::ecdsa_p256;
  if (is_asked && options.role == Role::secondary) {
    throw bad_argument("root_key", "a secondary has no root of its own", "say how it is kept on the primary");
  }
  if (options.authority_key_type != KeyType::ecdsa_p256 && options.authority_key_type != KeyType::rsa_3072) {
    throw Failure({.code = "bad-key-type",
                   .subject = "the authority's keys",
                   .cause = "an authority signs with ECDSA P-256 or RSA 3072",
                   .hint = "give --authority-key-type ecdsa-p256 or rsa-3072"});
  }
  if (options.root_token_uri.empty()) return;
  if (options.root_passphrase) {
    throw bad_argument("root_passphrase", "a key in a token is not encrypted under a passphrase",
                       "give the token's PIN: --root-pin-file FILE");
  }
  authority::check_token_uri(options.root_token_uri);
  if (!options.root_pin) {
    throw bad_argument("root_pin", "the token's PIN is not given", "give the file that holds it: --root-pin-file FILE");
  }
}

std::optional<Authority> make_authority(const Folder& state, const Appliance& appliance, const InitialOptions& options,
                                        const Clock& clock) {
  if (appliance.role == Role::secondary) return std::nullopt;
  return Authority::create(state.open_folder("authority"), owned_by(appliance, "authority", 0600),
                           {.federation = appliance.federation,
                            .names = appliance.all_names(),
                            .key_type = options.authority_key_type,
                            .root_key = {.passphrase = options.root_passphrase,
                                         .token_uri = options.root_token_uri,
                                         .pin = options.root_pin}},
                           clock);
}

void enter_in_roster(const Folder& state, const Appliance& appliance, Authority& authority, const Founding& founding,
                     const Clock& clock) {
  const Folder folder = state.open_folder("authority");
  folder.write_atomically("customer.key", view_of(founding.customer_key), owned_by(appliance, "authority", 0600));
  const FederationFacts& facts = *founding.facts;
  federation::Admission admission(authority, *founding.authority_tls_key, founding.customer_key,
                                  {.federation = facts.federation,
                                   .portal_host = facts.portal_host,
                                   .portal_port = facts.portal_port,
                                   .portal_name = facts.portal_name},
                                  clock);
  admission.enter_primary({.name = appliance.name,
                           .role = to_text(appliance.role),
                           .state = "joined",
                           .joined = clock(),
                           .last_seen = clock(),
                           .certificates = founding.member_chain});
}

// The chain begins with the appliance.
void begin_audit(const Folder& state, const Appliance& appliance, const backup::Cause& cause,
                 backup::GenerationNumber generation) {
  audit::Record record{.time = cause.when, .kind = "change", .who = cause.who, .verb = "init"};
  record.arguments = audit::redacted_arguments({{"role", to_text(appliance.role)}, {"names", appliance.all_names()}});
  record.to = static_cast<std::int64_t>(generation);
  record.outcome = "done";
  audit::Trail trail = audit::Trail::open(state, appliance.name);
  static_cast<void>(trail.append(std::move(record)));
}

}  // namespace

InitialPlan plan_initialise(const InitialOptions& options) {
  Appliance appliance = described(options);
  expect_long_enough(options.administrator_password);
  expect_root_options(options);
  appliance.state = StateDraft::expect_none(options.state);
  return {
      .appliance = appliance,
      .identities = identities_of(appliance.role),
      .endpoints = founding_endpoints(appliance.role, {.host = options.listen_host, .port_base = options.port_base})};
}

Initial initialise(const InitialOptions& options, const Clock& clock) {
  Appliance appliance = described(options);
  expect_long_enough(options.administrator_password);
  expect_root_options(options);
  StateDraft draft(options.state, mode_of_state(appliance));
  appliance.state = draft.path();
  if (appliance.role != Role::secondary) appliance.federation = to_hex(view_of(random_secret(8)));
  Initial initial;
  initial.federation = appliance.federation;
  {
    const Folder state = Folder::open(draft.path());
    make_folders(state, appliance);
    const SecretBytes generation_key = make_secrets(state, appliance);
    initial.administrator_password = make_administrator(state, appliance, options.administrator_password);
    std::optional<Authority> authority = make_authority(state, appliance, options, clock);
    const Founding founding = found(appliance, authority ? &*authority : nullptr,
                                    {.host = options.listen_host, .port_base = options.port_base}, clock());
    backup::Generations generations(Folder::open(draft.path()), generation_key);
    generations.set_folder_attributes([&](const std::string& path) { return folder_attributes(appliance, path); });
    const backup::Cause cause{.reason = "init",
                              .who = user_name(::geteuid()) + " (uid " + std::to_string(::geteuid()) + ")",
                              .when = clock()};
    initial.generation = generations.stage(0, founding.edits, cause);
    backup::BackupSets(state, generation_key).keep_pristine(generations.open(initial.generation));
    generations.switch_to(initial.generation);
    if (authority) enter_in_roster(state, appliance, *authority, founding, clock);
    state.write_atomically("settings/appliance.toml", view_of(appliance.to_toml()), of_root(appliance, 0644));
    begin_audit(state, appliance, cause, initial.generation);
    for (const std::string& name : state.list()) {
      if (state.status(name)->kind == FileStatus::Kind::folder) state.open_folder(name).sync();
    }
    state.sync();
  }
  draft.land();
  return initial;
}

}  // namespace chancery::manager
