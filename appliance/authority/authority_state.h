// What the sources of an Authority share: authority.cpp founds and opens it, leaf.cpp issues, revocation_lists.cpp signs the
// lists. For sources of this folder.
#pragma once

#include "appliance/authority/authority.h"
#include "appliance/authority/certificate_writer.h"
#include "appliance/authority/register.h"

namespace chancery::authority {

// The clocks of those who verify may be behind ours.
inline constexpr std::chrono::hours backdating{1};

// What every leaf under one issuing certificate has in common.
struct Issuer {
  std::int64_t register_id = 0;
  Certificate certificate;
  NameConstraints permitted;
  Bytes name;
  Bytes key_id;
};

[[nodiscard]] Issuer issuer_from(const Registered& registered);

struct Validity {
  Instant not_before{};
  Instant not_after{};
};

// A leaf that was signed, and what the register keeps of it.
struct MadeLeaf {
  Bytes der;
  Bytes serial;
  std::vector<AlternativeName> names;
  Instant not_after{};
};

struct Authority::State {
  // Reads again when another process has entered a newer issuing certificate: the CLI, adding names or rotating.
  void refresh();
  Bytes list_of(const Issuer& signer, const PrivateKey& key, const std::string& kind);
  LeafNames checked_names(const LeafRequest& request) const;
  Validity validity_of(const LeafRequest& request, Instant now) const;
  MadeLeaf leaf(const LeafRequest& request, Instant now) const;

  Folder folder;
  Clock clock;
  std::unique_ptr<storage::Store> register_store;
  storage::Store& store = *register_store;
  std::string federation;
  Certificate root;
  PrivateKey issuing_key;
  Issuer issuer;
};

}  // namespace chancery::authority
