#include "keystore/java/jks_layout.h"

#include <algorithm>
#include <functional>

#include "keystore/bytes/ahead.h"
#include "keystore/bytes/large_memory.h"
#include "keystore/fault.h"
#include "keystore/java/format.h"
#include "keystore/java/java_text.h"
#include "keystore/java/old_digest.h"

namespace chancery::java {
namespace {

constexpr std::uint32_t private_key_tag = 1, trusted_certificate_tag = 2, secret_key_tag = 3;
constexpr std::string_view whitener = "Mighty Aphrodite";
constexpr std::size_t digest_size = Sha1().size();
constexpr std::uint32_t java_int_limit = 0x7fffffff;

Sha1 digest_of(const SecretBytes& password, ByteView content) {
  Sha1 out;
  OldDigest(OldDigest::Kind::sha1).add(utf16_password(password)).add(view_of(whitener)).add(content).finish(out);
  return out;
}

class LayoutParser {
 public:
  LayoutParser(const JksLayout& layout, ByteView content, const OpenOptions& options)
      : layout_(layout),
        source_(options.source),
        owner_(options.owner),
        content_(content),
        in_(content, options.source) {}

  Keystore parse() {
    try {
      return parse_file();
    } catch (const Failure& failure) {
      if (failure.code() != "truncated" && failure.code() != "trailing-bytes") throw;
      fail_damaged(source_, failure.cause());
    }
  }

 private:
  Keystore parse_file() {
    if (!owner_) {
      SecretBytes copy;
      reserve_large(copy, content_.size());
      append(copy, content_);
      const auto kept = std::make_shared<const SecretBytes>(std::move(copy));
      content_ = *kept;
      in_ = Reader(content_, source_);
      owner_ = kept;
    }
    (void)in_.u32();
    const std::uint32_t version = in_.u32();
    if (version != 1 && version != 2) {
      fail_unsupported(source_, "is a keystore of version " + std::to_string(version) + ", only 1 and 2 are known");
    }
    has_types_ = version == 2;
    Keystore store{.type = layout_.type, .version = static_cast<int>(version)};
    const std::uint32_t count = counted("entries");
    const std::size_t likely = std::min<std::size_t>(count, in_.remaining() / 64 + 1);
    reserve_at_once(store.entries, likely + likely / 16);  // and some that are added
    for (std::uint32_t i = 0; i < count; ++i) parse_entry(store.entries.emplace_back());
    in_.expect_end();
    return store;
  }

  void parse_entry(Entry& entry) {
    const std::uint32_t tag = in_.u32();
    entry.alias = read_utf(in_, source_);
    entry.created_ms = static_cast<std::int64_t>(in_.u64());
    if (tag == trusted_certificate_tag) {
      (void)spent(1, "certificates");
      entry.kind = EntryKind::trusted_certificate;
      entry.certificates.reserve(1);
      parse_certificate(entry.certificates.emplace_back());
    } else if (tag == private_key_tag) {
      entry.kind = EntryKind::private_key;
      entry.key = SealedKey{layout_.type, secret_copy(sized_block())};
      const std::uint32_t count = counted("certificates");
      if (count > chain_limit) fail_hostile(source_, "has a chain of " + std::to_string(count) + " certificates");
      entry.certificates.reserve(std::min<std::size_t>(count, in_.remaining() / 64 + 1));
      for (std::uint32_t i = 0; i < count; ++i) parse_certificate(entry.certificates.emplace_back());
    } else if (tag == secret_key_tag && layout_.sealed_object_size != nullptr) {
      entry.kind = EntryKind::secret_key;
      const std::size_t size = layout_.sealed_object_size(content_.subspan(in_.offset()), source_);
      entry.key = SealedKey{layout_.type, secret_copy(in_.block(size))};
    } else {
      fail_damaged(source_, "has an entry of unknown kind " + std::to_string(tag));
    }
  }

  void parse_certificate(StoredCertificate& certificate) {
    if (has_types_) certificate.type = read_utf(in_, source_);
    certificate.der = SharedDer(owner_, sized_block());
  }

  // A length that Java, where it is a signed number, would not take either is no accident.
  ByteView sized_block() {
    const std::uint32_t size = in_.u32();
    if (size > java_int_limit) fail_hostile(source_, "has a field of " + std::to_string(size) + " bytes");
    return in_.block(size);
  }

  std::uint32_t counted(const char* what) { return spent(in_.u32(), what); }
  std::uint32_t spent(std::uint32_t count, const char* what) {
    if (count > entry_limit || entry_limit - count < items_) {
      fail_hostile(source_, "has " + std::to_string(std::uint64_t{items_} + count) + " or more " + what + ", at most " +
                                std::to_string(entry_limit) + " are taken");
    }
    items_ += count;
    return count;
  }

  const JksLayout& layout_;
  const std::string& source_;
  std::shared_ptr<const void> owner_;  // of the content, into which all certificates look
  ByteView content_;
  Reader in_;
  bool has_types_ = true;
  std::uint32_t items_ = 0;
};

// Sorted by hash, and by alias only where hashes are equal: nobody can make this slow by choosing aliases.
void keep_last_of_same_alias(std::vector<Entry>& entries) {
  struct Place {
    std::size_t hash;
    std::size_t index;
  };
  std::vector<Place> places(entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i) places[i] = {std::hash<std::string>()(entries[i].alias), i};
  std::sort(places.begin(), places.end(), [&entries](const Place& left, const Place& right) {
    if (left.hash != right.hash) return left.hash < right.hash;
    const int order = entries[left.index].alias.compare(entries[right.index].alias);
    return order != 0 ? order < 0 : left.index < right.index;
  });
  std::vector<bool> replaced;
  for (std::size_t i = 1; i < places.size(); ++i) {
    if (places[i - 1].hash != places[i].hash) continue;
    if (entries[places[i - 1].index].alias != entries[places[i].index].alias) continue;
    replaced.resize(entries.size());
    replaced[places[i - 1].index] = true;
  }
  if (replaced.empty()) return;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (replaced[i]) continue;
    if (kept != i) entries[kept] = std::move(entries[i]);
    ++kept;
  }
  entries.resize(kept);
}

void write_certificate(Writer& out, const StoredCertificate& certificate, int version) {
  if (version == 2) write_utf(out, certificate.type);
  out.sized32(certificate.der);
}

const SealedKey& key_of(const JksLayout& layout, const Entry& entry) {
  if (!entry.key) fail_unsupported(entry.alias, "is an entry for a key without a key");
  if (entry.key->sealed_by != layout.type) {
    fail_unsupported(entry.alias,
                     "has a key that is sealed for another type of store than " + std::string(name_of(layout.type)));
  }
  return *entry.key;
}

void write_entry(Writer& out, const JksLayout& layout, const Entry& entry, int version) {
  const bool is_private = entry.kind == EntryKind::private_key, is_secret = entry.kind == EntryKind::secret_key;
  if (is_secret && layout.sealed_object_size == nullptr) {
    fail_unsupported(entry.alias, "is a secret key, which a " + std::string(name_of(layout.type)) + " cannot hold");
  }
  if (!is_private && !is_secret && entry.certificates.size() != 1) {
    fail_unsupported(entry.alias, "is a trusted certificate without exactly one certificate");
  }
  out.u32(is_private ? private_key_tag : is_secret ? secret_key_tag : trusted_certificate_tag);
  write_utf(out, entry.alias);
  out.u64(static_cast<std::uint64_t>(entry.created_ms.value_or(0)));
  if (is_secret) {
    out.block(key_of(layout, entry).bytes);
    return;
  }
  if (is_private) {
    out.sized32(key_of(layout, entry).bytes);
    out.u32(static_cast<std::uint32_t>(entry.certificates.size()));
  }
  for (const StoredCertificate& one : entry.certificates) write_certificate(out, one, version);
}

// At least what the file will take, so that it is written without moving it about.
std::size_t size_of(const Keystore& store) {
  std::size_t size = 12 + digest_size;
  for (const Entry& entry : store.entries) {
    size += 22 + entry.alias.size() * 3 / 2;
    if (entry.key) size += entry.key->bytes.size();
    for (const StoredCertificate& one : entry.certificates) size += 6 + one.type.size() * 3 / 2 + one.der.size();
  }
  return size;
}

// Version 1 has no room for types of certificates.
int version_for(const Keystore& store) {
  if (store.version != 1) return 2;
  for (const Entry& entry : store.entries) {
    for (const StoredCertificate& one : entry.certificates) {
      if (one.type != "X.509") return 2;
    }
  }
  return 1;
}

}  // namespace

bool has_magic(const JksLayout& layout, ByteView bytes) {
  return bytes.size() >= 4 && Reader(bytes.first(4), "").u32() == layout.magic;
}

Keystore open_layout(const JksLayout& layout, ByteView bytes, const OpenOptions& options) {
  if (bytes.size() < 12 + digest_size) fail_damaged(options.source, "ends before its first entry");
  const ByteView content = bytes.first(bytes.size() - digest_size);
  // What is parsed meanwhile is not handed out before the digest is known. A file that is cut or torn says so itself;
  // otherwise it is the password.
  std::future<bool> is_right;
  if (options.password != nullptr && options.rewritten_from == nullptr) {
    is_right = ahead(content.size(),
                     [&] { return secret_equal(digest_of(*options.password, content), bytes.last(digest_size)); });
  }
  Keystore store = LayoutParser(layout, content, options).parse();
  if (is_right.valid() && !is_right.get()) fail_wrong_password(options.source);
  store.integrity = options.password != nullptr ? Integrity::verified : Integrity::absent;
  keep_last_of_same_alias(store.entries);
  return store;
}

SecretBytes seal_layout(const JksLayout& layout, const Keystore& store, const SecretBytes* password) {
  if (password == nullptr) fail_password_needed(std::string(name_of(layout.type)));
  const int version = version_for(store);
  Writer out;
  out.reserve(large_capacity(size_of(store)));
  prefer_large_pages(const_cast<std::uint8_t*>(out.bytes().data()), out.bytes().capacity());
  out.u32(layout.magic).u32(static_cast<std::uint32_t>(version)).u32(static_cast<std::uint32_t>(store.entries.size()));
  for (const Entry& entry : store.entries) write_entry(out, layout, entry, version);
  out.block(digest_of(*password, out.bytes()));
  return out.take();
}

}  // namespace chancery::java
