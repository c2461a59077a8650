#include <openssl/evp.h>

#include <unordered_set>

#include "keystore/fault.h"
#include "keystore/java/pkcs12_memory.h"

// Entries -> bags, in the order in which Java writes them: keys in one SafeContents; leaf, chain and trusted certificates
// entry by entry in the other. localKeyID ties a leaf to its key: "Time <ms>" where the date is known, as Java has it.
namespace chancery::java::pkcs12 {
namespace {

constexpr std::size_t some_attributes = 256;  // a guess at a bag without its certificate

// Distinct for distinct entries: leading zeros do not change the date.
Bytes dated_id(std::int64_t created_ms, std::unordered_set<std::string>& used) {
  const std::string sign = created_ms < 0 ? "-" : "";
  std::string digits = std::to_string(created_ms).substr(sign.size());
  while (!used.insert("Time " + sign + digits).second) digits = std::string("0").append(digits);
  return bytes_of("Time " + sign + digits);
}

Bytes sha1(ByteView bytes) {
  Bytes out(EVP_MAX_MD_SIZE);
  unsigned size = 0;
  EVP_Digest(bytes.data(), bytes.size(), out.data(), &size, digest_named("SHA1").native(), nullptr);
  out.resize(size);
  return out;
}

class LayingOut {
 public:
  LayingOut(const Keystore& store, const Memory* memory, bool certificates_are_encrypted)
      : store_(store), memory_(memory), has_hidden_part_(certificates_are_encrypted) {}

  SafeLayout run() {
    name_keys();
    return {keys(), certificates()};
  }

 private:
  struct Planned {
    ByteView certificate;
    BagAttributes attributes;
  };

  void name_keys() {
    std::unordered_set<std::string> used;
    ids_.reserve(store_.entries.size());
    for (const Entry& entry : store_.entries) ids_.push_back(id_for(entry, used));
  }

  static std::optional<Bytes> id_for(const Entry& entry, std::unordered_set<std::string>& used) {
    if (entry.kind == EntryKind::trusted_certificate) return std::nullopt;
    if (auto id = key_id_among(entry.attributes)) return id;
    if (entry.created_ms) return dated_id(*entry.created_ms, used);
    return sha1(entry.certificates.empty() ? view_of(entry.alias) : ByteView(entry.certificates.front().der));
  }

  BagAttributes attributes_of(std::size_t index, const std::vector<Bytes>& others) const {
    const Entry& entry = store_.entries[index];
    BagAttributes out{.name = &entry.alias, .others = &others};
    if (memory_ != nullptr) {
      const auto original = memory_->names.find(entry.alias);
      if (original != memory_->names.end()) out.name_attribute = original->second;
    }
    if (ids_[index]) out.key_id = view_of(*ids_[index]);
    out.is_trusted = entry.kind == EntryKind::trusted_certificate;
    return out;
  }
  static ByteView view_of(const Bytes& bytes) { return bytes; }
  static ByteView view_of(std::string_view text) { return chancery::view_of(text); }

  asn1::DerWriter keys() const {
    asn1::DerWriter out;
    for (std::size_t index = store_.entries.size(); index-- > 0;) {
      const Entry& entry = store_.entries[index];
      if (entry.kind == EntryKind::trusted_certificate) continue;
      write_bag(out, kind_of(entry), entry.key->bytes, attributes_of(index, entry.attributes));
    }
    carry(out, false);
    if (out.mark() != 0) out.wrap(der::sequence, 0);
    return out;
  }

  static BagKind kind_of(const Entry& entry) {
    if (!entry.key || entry.key->sealed_by != StoreType::pkcs12) {
      throw Failure({.code = "key-unsupported",
                     .subject = entry.alias,
                     .cause = "its key is sealed for another type of keystore",
                     .hint = "convert the store: `chancery keystore convert --type PKCS12`"});
    }
    if (entry.kind == EntryKind::secret_key) return BagKind::secret;
    ByteView sealed = entry.key->bytes;
    const auto outer = der::next(sealed);
    const bool is_clear = outer && !outer->content.empty() && outer->content[0] == der::integer;
    return is_clear ? BagKind::key : BagKind::shrouded_key;
  }

  asn1::DerWriter certificates() const {
    const std::vector<Planned> planned = plan();
    std::size_t expected = 1024;
    for (const Planned& one : planned) expected += one.certificate.size() + some_attributes;
    asn1::DerWriter out(expected);
    if (memory_ != nullptr) {
      for (auto at = memory_->unmarked.rbegin(); at != memory_->unmarked.rend(); ++at) {
        write_certificate(out, at->certificate.der, {.others = &at->certificate.attributes});
      }
    }
    for (auto at = planned.rbegin(); at != planned.rend(); ++at)
      write_certificate(out, at->certificate, at->attributes);
    carry(out, true);
    if (out.mark() != 0) out.wrap(der::sequence, 0);
    return out;
  }

  // A certificate that stands in several chains, or is trusted as well, is written once: readers find it by its name.
  std::vector<Planned> plan() const {
    std::unordered_set<std::string_view> trusted;
    bool has_keys = false;
    for (const Entry& entry : store_.entries) has_keys = has_keys || entry.kind == EntryKind::private_key;
    for (const Entry& entry : store_.entries) {
      if (has_keys && entry.kind == EntryKind::trusted_certificate)
        trusted.insert(text_of(entry.certificates.at(0).der));
    }
    std::vector<Planned> out;
    out.reserve(store_.entries.size());
    for (std::size_t index = 0; index < store_.entries.size(); ++index) {
      const Entry& entry = store_.entries[index];
      for (std::size_t link = 0; link < entry.certificates.size(); ++link) {
        const StoredCertificate& one = entry.certificates[link];
        expect_x509(entry, one);
        if (link == 0) {
          out.push_back({one.der, attributes_of(index, one.attributes)});
        } else if (trusted.insert(text_of(one.der)).second) {
          out.push_back({one.der, {.others = &one.attributes}});
        }
      }
    }
    return out;
  }

  static void expect_x509(const Entry& entry, const StoredCertificate& certificate) {
    if (certificate.type == "X.509" || certificate.type == "X509") return;
    throw Failure({.code = "certificate-unsupported",
                   .subject = entry.alias,
                   .cause = "a PKCS12 holds X.509 certificates only, and this one is of type " + certificate.type,
                   .hint = "leave this entry out, or keep the store in the type it has"});
  }

  void carry(asn1::DerWriter& out, bool with_certificates) const {
    if (memory_ == nullptr) return;
    for (auto at = memory_->carried.rbegin(); at != memory_->carried.rend(); ++at) {
      if ((at->is_encrypted && has_hidden_part_) == with_certificates) out.put(at->whole);
    }
  }

  const Keystore& store_;
  const Memory* memory_;
  bool has_hidden_part_;
  std::vector<std::optional<Bytes>> ids_;  // of each entry
};

}  // namespace

SafeLayout lay_out(const Keystore& store, const Memory* memory, bool certificates_are_encrypted) {
  return LayingOut(store, memory, certificates_are_encrypted).run();
}

}  // namespace chancery::java::pkcs12
