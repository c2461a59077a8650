#include <algorithm>
#include <charconv>
#include <unordered_map>
#include <unordered_set>

#include "keystore/bytes/large_memory.h"
#include "keystore/java/format.h"
#include "keystore/java/java_text.h"
#include "keystore/java/pkcs12_chains.h"
#include "keystore/java/pkcs12_memory.h"

// Which bags become entries, as Java has it: keys, secret keys, and certificates with the attribute trustedKeyUsage. What
// has no friendlyName is called "1", "2", …; of two with one alias the later stands in the place of the earlier. Beyond
// Java, keys in clear (keyBag) and keys that nothing ties to a certificate are entries too; they take their numbers after
// all others, so that those keep theirs.
namespace chancery::java::pkcs12 {
namespace {

constexpr std::string_view time_prefix = "Time ";

// Java writes the date of a key into its localKeyID.
std::optional<std::int64_t> date_from(ByteView key_id) {
  std::string_view text = text_of(key_id);
  if (!text.starts_with(time_prefix)) return std::nullopt;
  text.remove_prefix(time_prefix.size());
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Bytes copy_of(ByteView bytes) { return {bytes.begin(), bytes.end()}; }

std::vector<Bytes> copies_of(const std::vector<ByteView>& views) {
  std::vector<Bytes> out;
  out.reserve(views.size());
  for (const ByteView view : views) out.push_back(copy_of(view));
  return out;
}

SharedDer der_of(const Bag& bag) {
  const auto begins_in = [&bag](const SecretBytes& part) {
    return std::greater_equal<>()(bag.value.data(), part.data()) &&
           std::less<>()(bag.value.data(), part.data() + part.size());
  };
  if (bag.part && begins_in(*bag.part)) return SharedDer(bag.part, bag.value);
  return copy_of(bag.value);
}

class Collecting {
 public:
  Collecting(const BagReader& bags, Keystore& store, Memory& memory, const std::string& source)
      : bags_(bags.bags()), store_(store), memory_(memory), source_(source) {}

  void run() {
    std::vector<const Bag*> late;
    reserve_at_once(store_.entries, bags_.size() + bags_.size() / 16);  // and some that are added
    places_.reserve(bags_.size());
    for (const Bag& bag : bags_) take(bag, late);
    for (const Bag* bag : late) add(*bag, EntryKind::private_key);
    link_chains();
    keep_the_rest();
  }

 private:
  void take(const Bag& bag, std::vector<const Bag*>& late) {
    switch (bag.kind) {
      case BagKind::key:
        late.push_back(&bag);
        return;
      case BagKind::shrouded_key:
        if (++private_keys_ == 1) only_key_ = &bag;
        (void)encryption_of_key(bag.value, EntryKind::private_key, source_);
        if (!bag.key_id && &bag != only_key_) {
          late.push_back(&bag);
        } else {
          add(bag, EntryKind::private_key);
        }
        return;
      case BagKind::secret:
        (void)encryption_of_key(bag.value, EntryKind::secret_key, source_);
        return add(bag, EntryKind::secret_key);
      case BagKind::certificate:
        memory_.has_certificates = true;
        if (!bag.trust_attribute.empty()) add(bag, EntryKind::trusted_certificate);
        links_.push_back({&bag, private_keys_ == 1});
        return;
      case BagKind::crl:
        return carry(bag, "a certificate revocation list");
      case BagKind::safe_contents:
      case BagKind::other:
        return carry(bag, "an entry of a kind that is not known here");
    }
  }

  void carry(const Bag& bag, std::string what) {
    memory_.carried.push_back({secret_copy(bag.whole), bag.is_encrypted, std::move(what)});
  }

  void add(const Bag& bag, EntryKind kind) {
    const std::string name = bag.name ? *bag.name : std::to_string(++unnamed_);
    std::string alias = to_lower(name);
    const auto [at, is_new] = places_.try_emplace(alias, store_.entries.size());
    if (is_new) {
      store_.entries.emplace_back();
      key_bags_.push_back(nullptr);
    } else if (const Bag* earlier = key_bags_[at->second]) {
      // Java forgets it. A trusted certificate is forgotten here too: it must not come back when the later one goes.
      carry(*earlier, "a second key under the alias " + alias);
    }
    Entry& entry = store_.entries[at->second];
    if (bag.name && alias != *bag.name) {
      memory_.names[alias] = copy_of(bag.name_attribute);
    } else {
      memory_.names.erase(alias);
    }
    entry = Entry{.alias = std::move(alias), .kind = kind};
    key_bags_[at->second] = kind == EntryKind::trusted_certificate ? nullptr : &bag;
    if (bag.key_id) entry.created_ms = date_from(*bag.key_id);
    if (kind == EntryKind::trusted_certificate) {
      entry.created_ms.reset();
      entry.certificates.push_back(stored(bag));
      return;
    }
    entry.key = SealedKey{.sealed_by = StoreType::pkcs12, .bytes = secret_copy(bag.value)};
    entry.attributes = copies_of(bag.attributes);
    if (bag.key_id && !entry.created_ms) entry.attributes.push_back(copy_of(bag.key_id_attribute));
  }

  // With the attributes that we would not write just so.
  static StoredCertificate stored(const Bag& bag) {
    StoredCertificate out{.der = der_of(bag), .type = "X.509", .attributes = copies_of(bag.attributes)};
    if (bag.key_id) out.attributes.push_back(copy_of(bag.key_id_attribute));
    if (!bag.trust_attribute.empty() && !is_trust_attribute_of_ours(bag.trust_attribute)) {
      out.attributes.push_back(copy_of(bag.trust_attribute));
    }
    return out;
  }

  void link_chains() {
    // Where no key has a chain they need not be found again.
    if (!has_key_entries()) return;
    for (const Link& link : links_) chains_.add(*link.bag, link.is_after_only_key);
    for (std::size_t index = 0; index < store_.entries.size(); ++index) {
      Entry& entry = store_.entries[index];
      if (entry.kind != EntryKind::private_key) continue;
      const Bag& key = *key_bags_[index];
      std::optional<std::string_view> id;
      if (key.key_id) id = text_of(*key.key_id);
      if (&key == only_key_ && !id) id = only_id;
      for (const Bag* link : chains_.chain_of(id, entry.alias, source_)) {
        StoredCertificate certificate{.der = der_of(*link), .type = "X.509", .attributes = copies_of(link->attributes)};
        // The name of an intermediate is nobody else's; the leaf is written with that of its key.
        if (!entry.certificates.empty() && link->trust_attribute.empty() && !link->name_attribute.empty()) {
          certificate.attributes.push_back(copy_of(link->name_attribute));
        }
        entry.certificates.push_back(std::move(certificate));
      }
    }
  }

  bool has_key_entries() const {
    return std::ranges::any_of(store_.entries, [](const Entry& one) { return one.kind == EntryKind::private_key; });
  }

  // Certificates that are in no chain and not trusted.
  void keep_the_rest() {
    std::unordered_set<std::string_view> shown;
    bool is_filled = false;
    for (const Bag& bag : bags_) {
      if (bag.kind != BagKind::certificate || !bag.trust_attribute.empty()) continue;
      if (!is_filled) {
        for (const Entry& entry : store_.entries) {
          for (const StoredCertificate& one : entry.certificates) shown.insert(text_of(one.der));
        }
        is_filled = true;
      }
      if (!shown.insert(text_of(bag.value)).second) continue;
      memory_.unmarked.push_back({.name = bag.name.value_or(""), .certificate = stored(bag)});
      if (!bag.name_attribute.empty()) {
        memory_.unmarked.back().certificate.attributes.push_back(copy_of(bag.name_attribute));
      }
    }
  }

  struct Link {
    const Bag* bag;
    bool is_after_only_key;
  };

  const std::vector<Bag>& bags_;
  Keystore& store_;
  Memory& memory_;
  const std::string& source_;
  std::vector<Link> links_;  // certificates, of which chains may be made
  Chains chains_;
  std::unordered_map<std::string, std::size_t> places_;
  std::vector<const Bag*> key_bags_;  // of each entry; nullptr: a trusted certificate
  std::size_t private_keys_ = 0;      // seen so far
  const Bag* only_key_ = nullptr;     // the first of them: to Java it needs no localKeyID
  std::size_t unnamed_ = 0;
};

}  // namespace

const Memory* memory_of(const Keystore& store) {
  return store.type == StoreType::pkcs12 ? dynamic_cast<const Memory*>(store.memory.get()) : nullptr;
}

void collect_entries(const BagReader& bags, Keystore& store, Memory& memory, const std::string& source) {
  Collecting(bags, store, memory, source).run();
}

}  // namespace chancery::java::pkcs12
