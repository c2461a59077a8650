// The federation's ad-hoc PKI: a root, an issuing CA under it, and leaves by policy. Lives in STATE/authority, readable
// by the authority's user only.
//
//   Authority authority = Authority::create(folder, {.federation = id, .names = appliance.all_names()}, clock);
//   Certificate leaf = authority.issue({.purpose = LeafPurpose::server, .names = names, .public_key_der =
//   key.public_key_der()});
//
// Root: no path length, keyCertSign + cRLSign. Issuing CA: path length 0, name constraints (DNS and IP) to the
// federation's names, issued anew when names are added. Leaves: notBefore backdated by an hour, 64+ random bits of
// serial, SAN only from `names`, EKU only from `purpose`; nothing is ever copied from a CSR but the public key.
// Weak or odd keys (RSA < 2048, exponent < 3, curves other than P-256/384/521) are Failure("key-weak").
// Names are exact DNS names and IP addresses (no wildcards), and only those that the issuing CA permits: Failure
// "name-not-permitted", "bad-name". Everything issued is in the register (register.h) before it leaves; several
// processes may have one authority open, and each sees names permitted by another. Thread safety: internally locked.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "appliance/authority/root_key.h"
#include "appliance/storage/store.h"
#include "keystore/files/folder.h"
#include "keystore/x509/private_key.h"
#include "keystore/x509/request.h"

namespace chancery::authority {

// server: serverAuth; client: clientAuth; member: both. orders: clientAuth, for whoever signs orders to members
// (federation/order.h); never a member, by its URI.
enum class LeafPurpose { server, client, member, orders };

struct LeafRequest {
  LeafPurpose purpose = LeafPurpose::server;
  std::vector<std::string> names = {};  // DNS names and addresses
  std::string member_uri = {};          // "chancery://<federation>/member/<role>/<name>"; of orders: "…/orders/…"
  Bytes public_key_der = {};
  std::string issued_for = {};  // for the register: "token 3f2a…, identity portal"
  std::string member = {};      // for the register: the member whose it is, and as which identity; "" for nobody's
  std::string identity = {};
  std::chrono::hours validity{24 * 397};
};

// A certificate as it was just signed, for those who only hand it on: decoding it would cost as much as signing it.
struct SignedLeaf {
  Bytes der;
  Sha256 sha256{};  // of the DER
};

struct Founding {
  std::string federation = {};          // id: a host name label, as it is the host in member URIs
  std::vector<std::string> names = {};  // first name constraints
  KeyType key_type = KeyType::ecdsa_p256;
  RootKeeping root_key = {};  // its key_type is the one above, unless a token says otherwise
};

class Authority {
 public:
  [[nodiscard]] static Authority create(const Folder& folder, const FileAttributes& attributes,
                                        const Founding& founding, const Clock& clock);
  // Failure("no-authority"). The register of an appliance lies where its settings say (register_place.h); without a
  // store it is the file in the folder.
  [[nodiscard]] static Authority open(const Folder& folder, std::unique_ptr<storage::Store> store, const Clock& clock);
  [[nodiscard]] static Authority open(const Folder& folder, const Clock& clock);
  Authority(Authority&&) noexcept;
  ~Authority();

  const std::string& federation() const;
  Certificate root() const;     // the one that leaves are issued under at present
  Certificate issuing() const;  // the current one
  // What stands above a leaf in its chain: the issuing CA, and in the middle of a rotation the cross certificate.
  std::vector<Certificate> intermediates() const;
  Certificate issue(const LeafRequest& request);
  SignedLeaf issue_encoded(const LeafRequest& request);
  // What permit_names and issue would do for it, with every refusal of theirs; signs and writes nothing.
  struct Forecast {
    std::vector<std::string> new_names;  // the issuing CA would be issued anew for them, by the root's key
    Instant not_before{};
    Instant not_after{};
  };
  [[nodiscard]] Forecast forecast(const LeafRequest& request, const RootAccess& access = {});
  // Those of `names` that the issuing CA does not permit yet.
  [[nodiscard]] std::vector<std::string> not_permitted(const std::vector<std::string>& names);
  // Widens the issuing CA's name constraints (a new issuing certificate under the same key) where `names` need it, and
  // only there asks for the root's key: Failures of root_key.h, nothing changed.
  void permit_names(const std::vector<std::string>& names, const RootAccess& access = {});
  // Throws what permit_names would; writes nothing.
  void expect_permissible(const std::vector<std::string>& names, const RootAccess& access);
  // For what only the root can sign (ca_certificates.h), and where its key is kept.
  [[nodiscard]] RootKey root_key(const RootAccess& access) const;
  [[nodiscard]] RootKeyPlace root_key_place() const;
  void forget_root_key();
  // The CRL of the issuing CA, DER: good for 30 days, made anew after two thirds of them and after each revocation,
  // with a number that only grows. Certificates that ended more than a month ago are no longer in it.
  [[nodiscard]] Bytes revocation_list();
  // The same, and the former issuing CA's while its leaves still count (rotation.h).
  [[nodiscard]] std::vector<Bytes> revocation_lists();
  // The register's database. Certificates issued inside store().write() are kept or lost together with what else is
  // written there.
  storage::Store& store();
  const Folder& folder() const;
  Instant now() const;

 private:
  struct State;
  explicit Authority(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The key of this issuing CA of ours, under whatever name a rotation left it. Failure("authority-damaged").
[[nodiscard]] PrivateKey issuing_key_of(const Folder& folder, const Certificate& issuing);

// A self-signed leaf for an appliance that has no PKI yet (a secondary before it joins).
[[nodiscard]] Certificate self_signed(const PrivateKey& key, const std::vector<std::string>& names, Instant now);

}  // namespace chancery::authority
