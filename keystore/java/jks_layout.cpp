#include "keystore/java/jks_layout.h"

#include <algorithm>
#include <functional>
#include <span>

#include "keystore/bytes/ahead.h"
#include "keystore/bytes/large_memory.h"
#include "keystore/fault.h"
#include "keystore/java/format.h"
#include "keystore/java/java_text.h"
#include "keystore/java/old_digest.h"
#include "keystore/java/store_aliases.h"

namespace chancery::java {
namespace {

constexpr std::uint32_t private_key_tag = 1, trusted_certificate_tag = 2, secret_key_tag = 3;
constexpr std::string_view whitener = "Mighty Aphrodite";
constexpr std::size_t digest_size = Sha1().size();
constexpr std::uint32_t java_int_limit = 0x7fffffff;

Sha1 digest_of(const SecretBytes& password, std::span<const ByteView> content) {
  OldDigest digest(OldDigest::Kind::sha1);
  digest.add(utf16_password(password)).add(view_of(whitener));
  for (const ByteView piece : content) digest.add(piece);
  Sha1 out;
  digest.finish(out);
  return out;
}

// Where the entries of a file lie, for a rewrite that leaves most of them as they are.
struct LayoutMemory final : FormatMemory {
  std::shared_ptr<const void> owner;
  ByteView content;
};

bool are_same(const Entry& left, const Entry& right) {
  const auto same_key = [](const SealedKey& one, const SealedKey& other) { return one.bytes == other.bytes; };
  const auto same_certificate = [](const StoredCertificate& one, const StoredCertificate& other) {
    // One place in memory is the same without looking.
    const bool is_one_place = one.der.data() == other.der.data() && one.der.size() == other.der.size();
    return one.type == other.type && (is_one_place || one.der == other.der);
  };
  return left.kind == right.kind && left.alias == right.alias &&
         left.created_ms.value_or(0) == right.created_ms.value_or(0) && left.key.has_value() == right.key.has_value() &&
         (!left.key || same_key(*left.key, *right.key)) &&
         std::ranges::equal(left.certificates, right.certificates, same_certificate);
}

// Entries of a large file are looked at in small places that lie far apart: the memory of one that comes soon is asked for
// while there is something else to do.
void fetch_ahead(std::span<const Entry> entries, const Entry& now) {
  constexpr std::ptrdiff_t soon = 8, header = 48;
  if (&entries.back() - &now < soon) return;
  const Entry& entry = *(&now + soon);
  if (!entry.certificates.empty()) __builtin_prefetch(entry.certificates.front().der.data() - header);
}

class LayoutParser {
 private:
  template <typename Work>
  auto told_as_damage(Work work) {
    try {
      return work();
    } catch (const Failure& failure) {
      if (failure.code() != "truncated" && failure.code() != "trailing-bytes") throw;
      fail_damaged(source_, failure.cause());
    }
  }

 public:
  LayoutParser(const JksLayout& layout, ByteView content, const OpenOptions& options)
      : layout_(layout),
        source_(options.source),
        owner_(options.owner),
        content_(content),
        in_(content, options.source) {}

  Keystore parse() {
    return told_as_damage([&] { return parse_file(); });
  }

  // Whether what was sealed, without its digest, holds what `intended` does.
  bool holds(std::span<const ByteView> pieces, std::span<const std::size_t> kept, const Keystore& intended) {
    return told_as_damage([&] { return pieces_hold(pieces, kept, intended); });
  }

 private:
  bool pieces_hold(std::span<const ByteView> pieces, std::span<const std::size_t> kept, const Keystore& intended) {
    std::span<const Entry> left(intended.entries);
    Entry entry;
    for (std::size_t at = 0; at < pieces.size(); ++at) {
      if (kept[at] > left.size()) return false;
      left = left.subspan(kept[at]);
      if (kept[at] != 0) continue;
      content_ = pieces[at];
      in_ = Reader(content_, source_);
      if (at == 0) {
        if (in_.u32() != layout_.magic) return false;
        has_types_ = in_.u32() == 2;
        if (counted("entries") != intended.entries.size()) return false;
      }
      for (; !in_.at_end(); left = left.subspan(1)) {
        entry.certificates.clear();
        entry.key.reset();
        parse_entry(entry);
        if (left.empty() || !are_same(entry, left.front())) return false;
      }
    }
    return left.empty();
  }

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
    const auto memory = std::make_shared<LayoutMemory>();
    memory->owner = owner_;
    memory->content = content_;
    store.memory = memory;
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

std::size_t size_of(const Entry& entry) {
  std::size_t size = 22 + entry.alias.size() * 3 / 2;
  if (entry.key) size += entry.key->bytes.size();
  for (const StoredCertificate& one : entry.certificates) size += 6 + one.type.size() * 3 / 2 + one.der.size();
  return size;
}

// The bytes of the file that are this entry's as write_entry would write it; none where there are no such.
ByteView place_of(const Entry& entry, ByteView file, int version) {
  if (entry.kind != EntryKind::trusted_certificate || entry.certificates.size() != 1) return {};
  const StoredCertificate& certificate = entry.certificates.front();
  const ByteView der(certificate.der.data(), certificate.der.size());
  const std::less_equal<> before;
  if (!before(file.data(), der.data()) || !before(der.data() + der.size(), file.data() + file.size())) return {};
  const std::size_t type_size = version == 2 ? 2 + certificate.type.size() : 0;
  const std::size_t header = 4 + 2 + entry.alias.size() + 8 + type_size + 4;
  const auto offset = static_cast<std::size_t>(der.data() - file.data());
  if (offset < header) return {};
  // Other text is written in other bytes than it has here.
  const auto is_plain = [](char unit) { return static_cast<signed char>(unit) > 0; };
  if (!std::ranges::all_of(entry.alias, is_plain) || !std::ranges::all_of(certificate.type, is_plain)) return {};
  Reader in(file.subspan(offset - header, header), {});
  const auto is_next = [&in](const std::string& text) {
    return in.u16() == text.size() && text_of(in.block(text.size())) == text;
  };
  const bool is_there = in.u32() == trusted_certificate_tag && is_next(entry.alias) &&
                        in.u64() == static_cast<std::uint64_t>(entry.created_ms.value_or(0)) &&
                        (version != 2 || is_next(certificate.type)) && in.u32() == der.size();
  return is_there ? file.subspan(offset - header, header + der.size()) : ByteView{};
}

// Entries that follow each other in the file that was read, or that have to be written.
struct Run {
  std::span<const Entry> entries;
  ByteView in_file;
};

std::vector<Run> runs_of(const Keystore& store, int version) {
  constexpr std::size_t most = 64;  // more pieces are dearer than copying them
  const auto* memory = dynamic_cast<const LayoutMemory*>(store.memory.get());
  const std::span<const Entry> all(store.entries);
  std::vector<Run> runs;
  for (std::size_t at = 0; at < all.size() && memory != nullptr; ++at) {
    fetch_ahead(all, all[at]);
    const ByteView place = place_of(all[at], memory->content, version);
    Run* last = runs.empty() ? nullptr : &runs.back();
    const bool goes_on = last != nullptr && last->in_file.empty() == place.empty() &&
                         (place.empty() || last->in_file.data() + last->in_file.size() == place.data());
    if (!goes_on) last = &runs.emplace_back(Run{all.subspan(at, 0), place.first(0)});
    if (runs.size() > most) break;
    last->entries = {last->entries.data(), last->entries.size() + 1};
    if (!place.empty())
      last->in_file = {goes_on ? last->in_file.data() : place.data(), last->in_file.size() + place.size()};
  }
  if (memory == nullptr || runs.size() > most) runs.assign(1, Run{all, {}});
  return runs;
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
    is_right = ahead(content.size(), [&] {
      return secret_equal(digest_of(*options.password, {&content, 1}), bytes.last(digest_size));
    });
  }
  Keystore store = LayoutParser(layout, content, options).parse();
  if (is_right.valid() && !is_right.get()) fail_wrong_password(options.source);
  store.integrity = options.password != nullptr ? Integrity::verified : Integrity::absent;
  keep_last_of_same_alias(store.entries);
  return store;
}

SealedStore seal_layout(const JksLayout& layout, const Keystore& store, const SecretBytes* password) {
  if (password == nullptr) fail_password_needed(std::string(name_of(layout.type)));
  const int version = version_for(store);
  const std::vector<Run> runs = runs_of(store, version);
  std::size_t size = 12 + digest_size;
  for (const Run& run : runs) {
    for (const Entry& entry : run.in_file.empty() ? run.entries : std::span<const Entry>()) size += size_of(entry);
  }
  Writer out;
  out.reserve(large_capacity(size));
  prefer_large_pages(const_cast<std::uint8_t*>(out.bytes().data()), out.bytes().capacity());
  out.u32(layout.magic).u32(static_cast<std::uint32_t>(version)).u32(static_cast<std::uint32_t>(store.entries.size()));
  SealedStore sealed;
  std::vector<std::size_t> ends;  // in the frame, before each run of the file
  for (const Run& run : runs) {
    if (run.in_file.empty()) {
      for (const Entry& entry : run.entries) write_entry(out, layout, entry, version);
      continue;
    }
    ends.push_back(out.bytes().size());
    sealed.kept.insert(sealed.kept.end(), {0, run.entries.size()});
  }
  sealed.kept.push_back(0);
  // The frame may have moved while it grew: only now are there pieces of it.
  const auto pieces = [&runs, &ends](ByteView frame) {
    std::vector<ByteView> found;
    std::size_t begin = 0, at = 0;
    for (const Run& run : runs) {
      if (run.in_file.empty()) continue;
      found.push_back(frame.subspan(begin, ends[at] - begin));
      found.push_back(run.in_file);
      begin = ends[at++];
    }
    found.push_back(frame.subspan(begin));
    return found;
  };
  out.block(digest_of(*password, pieces(out.bytes())));
  sealed.frame = out.take();
  sealed.pieces = pieces(sealed.frame);
  if (!ends.empty()) sealed.file = dynamic_cast<const LayoutMemory&>(*store.memory).owner;
  return sealed;
}

bool sealed_holds(const JksLayout& layout, const SealedStore& sealed, const Keystore& intended,
                  const OpenOptions& options) {
  std::vector<ByteView> content = sealed.pieces;
  const bool is_whole =
      !content.empty() && content.size() == sealed.kept.size() && content.back().size() >= digest_size;
  if (!is_whole || sealed.kept.front() != 0) return false;
  content.back() = content.back().first(content.back().size() - digest_size);
  return LayoutParser(layout, {}, options).holds(content, sealed.kept, intended);
}

}  // namespace chancery::java
