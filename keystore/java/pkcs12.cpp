#include "keystore/java/pkcs12.h"

#include "keystore/bytes/ahead.h"
#include "keystore/fault.h"
#include "keystore/java/format.h"
#include "keystore/java/pkcs12_memory.h"

// PFX (RFC 7292, 4), v3 with password integrity:
//
//   PFX                SEQUENCE { 3, ContentInfo { data, [0] OCTET STRING AuthenticatedSafe }, MacData OPTIONAL }
//   AuthenticatedSafe  SEQUENCE OF ContentInfo
//   ContentInfo        { data, [0] OCTET STRING SafeContents }
//                      { encryptedData, [0] { 0, { data, AlgorithmIdentifier, [0] IMPLICIT OCTET STRING } } }
//
// The MAC is over the AuthenticatedSafe and is checked before anything in it is believed. SafeContents: pkcs12_bags.h;
// AlgorithmIdentifier and MacData: pkcs12_protection.h.
namespace chancery::java {
namespace pkcs12 {
namespace {

using std::string_view_literals::operator""sv;

constexpr auto data_oid = "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"sv;
constexpr auto signed_data_oid = "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"sv;
constexpr auto enveloped_data_oid = "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03"sv;
constexpr auto encrypted_data_oid = "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x06"sv;
constexpr std::uint64_t version = 3;
constexpr std::size_t most_parts = 1'000;
constexpr std::size_t frame_size = 1'000;                       // more than stands around the contents
constexpr std::uint64_t most_iterations = 4 * iteration_limit;  // of all parts together

// Behind a tag, past a length of any form; empty: not such a tag, or nothing behind.
ByteView inside(ByteView bytes, std::uint8_t tag) {
  if (bytes.size() < 2 || bytes[0] != tag) return {};
  const std::size_t length_octets = bytes[1] > 0x80 ? bytes[1] & 0x7fU : 0;
  return bytes.size() < 2 + length_octets ? ByteView{} : bytes.subspan(2 + length_octets);
}

bool looks_like(ByteView bytes) {
  constexpr auto version_3 = "\x02\x01\x03"sv;
  const ByteView pfx = inside(bytes, der::sequence);
  if (!text_of(pfx).starts_with(version_3)) return false;
  const std::string_view oid =
      text_of(inside(inside(pfx.subspan(version_3.size()), der::sequence), der::object_identifier));
  return oid.starts_with(data_oid) || oid.starts_with(signed_data_oid);
}

[[noreturn]] void fail_public_key(const std::string& source) {
  fail_unsupported(source, "is a PKCS#12 protected by a public key instead of a password");
}

class Opening {
 public:
  Opening(ByteView bytes, const OpenOptions& options)
      : bytes_(bytes), options_(options), source_(options.source), bags_(options.source) {
    if (options.rewritten_from != nullptr) {
      if (const Memory* before = memory_of(*options.rewritten_from)) memory_->keys = before->keys;
    }
    if (options.password != nullptr) passwords_.emplace(*options.password);
  }

  Keystore run() {
    Keystore store{.type = StoreType::pkcs12, .version = static_cast<int>(version)};
    const ByteView content = read_frame();
    if (memory_->mac && passwords_) {
      spend(memory_->mac->iterations);
      const bool is_ours = options_.rewritten_from != nullptr && knows(*memory_->keys, *memory_->mac, *passwords_);
      if (!is_ours) begin_mac(content);
      store.integrity = Integrity::verified;
    }
    try {
      read_parts(content);
    } catch (const Failure&) {
      expect_right_mac();
      throw;
    }
    expect_right_mac();
    expect_integrity();
    collect_entries(bags_, store, *memory_, source_);
    store.memory = std::move(memory_);
    return store;
  }

 private:
  ByteView read_frame() {
    asn1::Parser outer(bytes_, source_, "its outer structure");
    asn1::Parser pfx = outer.sequence();
    outer.expect_end();
    if (pfx.integer() != version) fail_unsupported(source_, "is a PKCS#12 of another version than 3");
    asn1::Parser info = pfx.sequence();
    const std::string_view kind = text_of(info.next(der::object_identifier).content);
    if (kind == signed_data_oid) fail_public_key(source_);
    if (kind != data_oid) info.fail();
    asn1::Parser tagged = info.tagged_0();
    const ByteView content = tagged.octets(joined_);
    tagged.expect_end();
    if (!pfx.at_end()) {
      asn1::Parser mac(pfx.next(der::sequence).content, source_, "its MAC");
      memory_->mac = read_mac(mac);
    }
    pfx.expect_end();
    return content;
  }

  // What is read while it is made is neither told nor handed out before it is known to be right.
  void begin_mac(ByteView content) {
    const std::size_t cost = content.size() + effort(memory_->mac->iterations);
    mac_is_right_ =
        ahead(cost, [this, content] { return is_right(*memory_->mac, content, *passwords_, *memory_->keys); });
    if (cost < worth_a_thread) expect_right_mac();
  }

  void expect_right_mac() {
    if (mac_is_right_.valid() && !mac_is_right_.get()) fail_wrong_password(source_);
  }

  void read_parts(ByteView content) {
    asn1::Parser outer(content, source_, "its list of parts");
    asn1::Parser parts = outer.sequence();
    outer.expect_end();
    for (std::size_t count = 0; !parts.at_end(); ++count) {
      if (count == most_parts) fail_hostile(source_, "has more than " + std::to_string(most_parts) + " parts");
      asn1::Parser part = parts.sequence();
      const std::string_view kind = text_of(part.next(der::object_identifier).content);
      asn1::Parser tagged = part.tagged_0();
      if (kind == data_oid) {
        SecretBytes joined;
        const ByteView safe = tagged.octets(joined);
        bags_.read(joined.empty() ? safe : bags_.keep(std::move(joined)), false);
      } else if (kind == encrypted_data_oid) {
        read_encrypted(tagged.sequence());
      } else if (kind == enveloped_data_oid) {
        fail_public_key(source_);
      } else {
        part.fail();
      }
    }
  }

  void read_encrypted(asn1::Parser data) {
    (void)data.integer();
    asn1::Parser info = data.sequence();
    (void)info.next(der::object_identifier);
    const Encryption encryption = read_encryption(info.next(der::sequence).whole, source_);
    const der::Element element = info.next();
    if ((element.tag & ~unsigned{asn1::constructed}) != 0x80) info.fail();
    SecretBytes joined;
    const auto sealed = asn1::octets(element, joined);
    if (!sealed) info.fail();
    if (!memory_->mac && !options_.accept_absent_integrity) fail_without_integrity();
    if (!passwords_) fail_password_needed(source_);
    spend(encryption.iterations);
    auto plain = decrypt(encryption, *sealed, *passwords_, memory_->keys.get(), [](ByteView bytes) {
      const auto whole = asn1::next(bytes);
      return whole && whole->tag == der::sequence && bytes.empty();
    });
    if (!plain) {
      if (!memory_->mac) fail_wrong_password(source_);
      fail_unsupported(source_, "has another password for its certificates than for its MAC");
    }
    bags_.read_decrypted(std::move(*plain));
    memory_->certificates = encryption;
  }

  void spend(std::uint64_t iterations) {
    spent_ += iterations;
    if (spent_ > most_iterations) {
      fail_hostile(source_, "wants more than " + std::to_string(most_iterations) + " iterations of a password in all");
    }
  }

  void expect_integrity() const {
    if (memory_->mac || options_.accept_absent_integrity) return;
    for (const Bag& bag : bags_.bags()) {
      if (bag.kind == BagKind::key || bag.kind == BagKind::shrouded_key || bag.kind == BagKind::secret) {
        fail_without_integrity();
      }
    }
  }

  [[noreturn]] void fail_without_integrity() const {
    throw Failure({.code = "integrity-absent",
                   .subject = source_,
                   .cause = "has no MAC, though it holds keys or encrypted parts: anybody may have altered it",
                   .hint = "get it again from where it came; if it was made without a MAC on purpose, say that this is "
                           "accepted"});
  }

  ByteView bytes_;
  const OpenOptions& options_;
  const std::string& source_;
  BagReader bags_;
  std::shared_ptr<Memory> memory_ = std::make_shared<Memory>();
  std::optional<Passwords> passwords_;
  std::uint64_t spent_ = 0;
  SecretBytes joined_;              // the contents, where they came in pieces
  std::future<bool> mac_is_right_;  // the last member: it waits for what looks at the others
};

Keystore open(ByteView bytes, const OpenOptions& options) { return Opening(bytes, options).run(); }

void wrap_data(asn1::DerWriter& out, std::size_t since) {
  out.wrap(der::octet_string, since);
  out.wrap(der::context_0, since);
  out.oid(view_of(data_oid));
  out.wrap(der::sequence, since);
}

void write_data_part(asn1::DerWriter& out, ByteView safe) {
  const std::size_t end = out.mark();
  out.put(safe);
  wrap_data(out, end);
}

void write_encrypted_part(asn1::DerWriter& out, Encryption& encryption, ByteView plain, const Passwords& passwords,
                          DerivedKeys& keys) {
  constexpr std::uint8_t implicit_0 = 0x80;
  const std::size_t end = out.mark();
  encrypt(encryption, plain, passwords, &keys, out);
  out.wrap(implicit_0, end);
  write(out, encryption);
  out.oid(view_of(data_oid));
  out.wrap(der::sequence, end);
  out.integer(0);
  out.wrap(der::sequence, end);
  out.wrap(der::context_0, end);
  out.oid(view_of(encrypted_data_oid));
  out.wrap(der::sequence, end);
}

bool has_keys(const Keystore& store) {
  for (const Entry& entry : store.entries) {
    if (entry.kind != EntryKind::trusted_certificate) return true;
  }
  return false;
}

// Algorithms and counts of the file that was read, without what was there only by its absence: a MAC that keys need.
SecretBytes seal(const Keystore& store, const SecretBytes* password) {
  const Memory* memory = memory_of(store);
  std::optional<Encryption> encryption;
  if (password != nullptr) {
    encryption = memory != nullptr && memory->has_certificates ? memory->certificates : default_encryption();
  }
  const SafeLayout layout = lay_out(store, memory, encryption.has_value());
  const auto keys = memory != nullptr ? memory->keys : std::make_shared<DerivedKeys>();
  const std::optional<Passwords> passwords =
      password != nullptr ? std::optional<Passwords>(view_of(*password)) : std::nullopt;

  std::optional<Mac> mac;
  if (passwords) {
    mac = memory != nullptr ? memory->mac : default_mac();
    if (!mac && (encryption || has_keys(store))) mac = default_mac();
  }

  // Back to front in one place: the MAC first, with its final size but of nothing yet.
  const ByteView certificates = layout.certificates.bytes();
  asn1::DerWriter pfx(certificates.size() + layout.keys.bytes().size() + frame_size);
  std::future<void> mac_key;
  if (mac) {
    begin_renewal(*mac, *passwords, *keys);
    // Beside that of the certificates' key. A copy: what is written of it meanwhile is not what the thread reads.
    mac_key = ahead(effort(mac->iterations),
                    [to_derive = *mac, &passwords, &keys] { derive_key(to_derive, *passwords, *keys); });
    write(pfx, *mac);
  }
  const std::size_t end = pfx.mark();
  if (!certificates.empty()) {
    if (encryption) {
      write_encrypted_part(pfx, *encryption, certificates, *passwords, *keys);
    } else {
      write_data_part(pfx, certificates);
    }
  }
  if (layout.keys.mark() != 0) write_data_part(pfx, layout.keys.bytes());
  pfx.wrap(der::sequence, end);
  if (mac) {
    mac_key.get();
    finish_renewal(*mac, pfx.bytes().first(pfx.mark() - end), *passwords, *keys);
    asn1::DerWriter final_mac;
    write(final_mac, *mac);
    pfx.replace_end(final_mac.bytes());
  }
  wrap_data(pfx, end);
  pfx.integer(version);
  pfx.wrap(der::sequence, 0);
  return pfx.take();
}

}  // namespace
}  // namespace pkcs12

const Format pkcs12_format{
    .type = StoreType::pkcs12,
    .looks_like = pkcs12::looks_like,
    .open = pkcs12::open,
    .seal = pkcs12::seal,
    .open_key = pkcs12::open_key,
    .seal_key = pkcs12::seal_key,
    .folds_alias_case = true,
};

}  // namespace chancery::java
