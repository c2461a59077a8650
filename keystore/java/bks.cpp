// BKS and UBER, the stores of BouncyCastle's provider (class BcKeyStoreSpi there). Big endian; `utf` is Java's modified UTF-8
// behind a u16 length, `bytes` stand behind a u32 length.
//
//   BKS    = version u32 (0, 1 or 2), salt bytes, iterations u32, records, end u8 0, HMAC-SHA-1 of records and end (20 bytes)
//   UBER   = version u32 (1), salt bytes, iterations u32, E
//   E      = PBEWithSHAAndTwofish-CBC (256 bits, PKCS#7 padding) of: records, end u8 0, SHA-1 of both (20 bytes)
//   record = kind u8, alias utf, created u64 (ms), count u32, count x certificate, body
//   certificate = type utf, DER bytes
//   body   = kind 1 (certificate): certificate
//            kind 2 (key in clear): key
//            kind 3 (bytes that a program sealed itself): bytes
//            kind 4 (sealed key): bytes = salt bytes, iterations u32, PBEWithSHAAnd3-KeyTripleDES-CBC of: key
//   key    = role u8 (0 private, 1 public, 2 secret), format utf ("PKCS#8", "X.509", "RAW"), algorithm utf, encoding bytes
//
// The MAC's key has 160 bits in version 2; 2 bytes before (a mistake of theirs, CVE-2018-5382): such stores are read, kept
// as version 1 when rewritten, and `keystore verify` warns. A sealed record tells only by its chain whether the key in it
// is private or secret; without a chain it is listed as a secret key until somebody opens it.
#include <nettle/twofish.h>

#include <algorithm>
#include <unordered_map>

#include "keystore/bytes/cursor.h"
#include "keystore/fault.h"
#include "keystore/java/bouncy_password.h"
#include "keystore/java/format.h"
#include "keystore/java/java_text.h"
#include "keystore/openssl/handles.h"

namespace chancery::java {

namespace {

constexpr std::size_t digest_size = 20;
constexpr std::size_t salt_size = 20;
constexpr std::size_t most_salt = 1024;
constexpr std::uint32_t own_iterations = 2048;
constexpr std::uint8_t kind_end = 0, kind_certificate = 1, kind_clear_key = 2, kind_own_sealed = 3, kind_sealed = 4;
constexpr std::uint8_t role_private = 0, role_public = 1, role_secret = 2;

struct Header {
  std::uint32_t version = 0;
  ByteView salt;
  std::uint32_t iterations = 0;
};

Header read_header(Reader& in) {
  Header header;
  header.version = in.u32();
  header.salt = in.sized32(most_salt);
  header.iterations = in.u32();
  return header;
}

void check_iterations(std::uint32_t iterations, const std::string& source) {
  if (iterations == 0 || iterations > iteration_limit) {
    fail_hostile(source, "asks for " + std::to_string(iterations) + " iterations of its password; at most " +
                             std::to_string(iteration_limit) + " are computed");
  }
}

// Records that are no entries of ours (clear public keys), as they lay in the file.
struct BksMemory final : FormatMemory {
  std::vector<SecretBytes> carried;
};

// A walk over the records without taking anything: the structure ends where it should.
void skip_records(Reader& in) {
  while (const std::uint8_t kind = in.u8()) {
    if (kind > kind_sealed) fail_unsupported("BKS", "there is no record of this kind");
    in.sized16();
    in.u64();
    for (std::uint32_t count = in.u32(); count > 0; --count) {
      in.sized16();
      in.sized32(keystore_limit);
    }
    if (kind == kind_clear_key) in.u8();
    if (kind == kind_clear_key) in.sized16();
    if (kind == kind_certificate || kind == kind_clear_key) in.sized16();
    in.sized32(keystore_limit);
  }
}

bool looks_like_bks(ByteView bytes) {
  try {
    Reader in(bytes, "BKS");
    if (read_header(in).version > 2) return false;
    skip_records(in);
    return in.remaining() == digest_size;
  } catch (const Failure&) {
    return false;
  }
}

bool looks_like_uber(ByteView bytes) {
  try {
    Reader in(bytes, "UBER");
    const Header header = read_header(in);
    return header.version <= 1 && !header.salt.empty() && in.remaining() >= TWOFISH_BLOCK_SIZE &&
           in.remaining() % TWOFISH_BLOCK_SIZE == 0 && !looks_like_bks(bytes);
  } catch (const Failure&) {
    return false;
  }
}

SecretBytes sha1(ByteView bytes) {
  SecretBytes out(digest_size);
  if (EVP_Digest(bytes.data(), bytes.size(), out.data(), nullptr, EVP_sha1(), nullptr) != 1) {
    throw ossl::openssl_failure("crypto-failed", "SHA-1", "check the installation of OpenSSL");
  }
  return out;
}

SecretBytes mac_of(ByteView records, const Header& header, const SecretBytes& password) {
  const SecretBytes key = pkcs12_sha1_bytes(bouncy_password(password), header.salt, header.iterations, DerivedFor::mac,
                                            header.version == 2 ? digest_size : 2);
  SecretBytes out(digest_size);
  unsigned int size = 0;
  if (HMAC(EVP_sha1(), key.data(), static_cast<int>(key.size()), records.data(), records.size(), out.data(), &size) ==
      nullptr) {
    throw ossl::openssl_failure("crypto-failed", "HMAC-SHA-1", "check the installation of OpenSSL");
  }
  return out;
}

StoredCertificate read_certificate(Reader& in, const std::string& source) {
  StoredCertificate certificate;
  certificate.type = read_utf(in, source);
  const ByteView der = in.sized32(keystore_limit);
  certificate.der = Bytes(der.begin(), der.end());
  return certificate;
}

void write_certificate(Writer& out, const StoredCertificate& certificate) {
  write_utf(out, certificate.type);
  out.sized32(certificate.der);
}

// One record behind its kind. False: it is none of our entries and was passed over.
bool read_record(Reader& in, std::uint8_t kind, StoreType type, Entry& entry, const std::string& source) {
  entry.alias = read_utf(in, source);
  entry.created_ms = static_cast<std::int64_t>(in.u64());
  const std::uint32_t chain = in.u32();
  if (chain > chain_limit) fail_hostile(source, "has a chain of " + std::to_string(chain) + " certificates");
  for (std::uint32_t i = 0; i < chain; ++i) entry.certificates.push_back(read_certificate(in, source));
  if (kind == kind_certificate) {
    entry.kind = EntryKind::trusted_certificate;
    entry.certificates.assign(1, read_certificate(in, source));
    return true;
  }
  SealedKey sealed{.sealed_by = type, .bytes = {kind}};
  if (kind == kind_clear_key) {
    const std::uint8_t role = in.u8();
    Writer clear;
    clear.u8(role).sized16(in.sized16()).sized16(in.sized16()).sized32(in.sized32(keystore_limit));
    append(sealed.bytes, view_of(clear.bytes()));
    entry.kind = role == role_secret ? EntryKind::secret_key : EntryKind::private_key;
    entry.key = std::move(sealed);
    return role != role_public;
  }
  append(sealed.bytes, in.sized32(keystore_limit));
  entry.kind = entry.certificates.empty() ? EntryKind::secret_key : EntryKind::private_key;
  entry.key = std::move(sealed);
  return true;
}

// Reads past the end are the file's fault here, not a programmer's.
void read_records(ByteView records, Keystore& store, const std::string& source) {
  auto memory = std::make_shared<BksMemory>();
  try {
    Reader in(records, source);
    std::unordered_map<std::string, std::size_t> places;
    std::size_t begin = in.offset();
    while (const std::uint8_t kind = in.u8()) {
      if (kind > kind_sealed) fail_damaged(source, "has a record of an unknown kind, " + std::to_string(kind));
      if (store.entries.size() >= entry_limit) {
        fail_hostile(source, "has more than " + std::to_string(entry_limit) + " entries");
      }
      Entry entry;
      if (read_record(in, kind, store.type, entry, source)) {
        // A later record of the same alias wins, as it does in the table that their code fills.
        const auto [place, is_new] = places.try_emplace(entry.alias, store.entries.size());
        if (is_new) {
          store.entries.push_back(std::move(entry));
        } else {
          store.entries[place->second] = std::move(entry);
        }
      } else {
        memory->carried.push_back(secret_copy(records.subspan(begin, in.offset() - begin)));
      }
      begin = in.offset();
    }
    in.expect_end();
  } catch (const Failure& failure) {
    if (failure.code() != "truncated" && failure.code() != "too-large" && failure.code() != "trailing-bytes") throw;
    fail_damaged(source, "ends in the middle of an entry, or has bytes behind the last one");
  }
  store.memory = std::move(memory);
}

Keystore open_bks(ByteView bytes, const OpenOptions& options) {
  Reader in(bytes, options.source);
  const Header header = read_header(in);
  check_iterations(header.iterations, options.source);
  const ByteView records = in.block(in.remaining() - digest_size);
  Keystore store{.type = StoreType::bks, .version = static_cast<int>(header.version)};
  if (options.password != nullptr) {
    if (!secret_equal(view_of(mac_of(records, header, *options.password)), in.block(digest_size))) {
      fail_wrong_password(options.source);
    }
    store.integrity = Integrity::verified;
  }
  read_records(records, store, options.source);
  return store;
}

void put_record(Writer& out, const Entry& entry) {
  const bool is_certificate = entry.kind == EntryKind::trusted_certificate;
  out.u8(is_certificate ? kind_certificate : entry.key.value().bytes.at(0));
  write_utf(out, entry.alias);
  out.u64(static_cast<std::uint64_t>(entry.created_ms.value_or(0)));
  if (is_certificate) {
    out.u32(0);
    write_certificate(out, entry.certificates.at(0));
    return;
  }
  out.u32(static_cast<std::uint32_t>(entry.certificates.size()));
  for (const StoredCertificate& certificate : entry.certificates) write_certificate(out, certificate);
  const ByteView body = view_of(entry.key->bytes).subspan(1);
  if (entry.key->bytes[0] == kind_clear_key) {
    out.block(body);
  } else {
    out.sized32(body);
  }
}

SecretBytes seal_bks(const Keystore& store, const SecretBytes* password) {
  if (password == nullptr) fail_password_needed("a BKS store");
  Writer records;
  for (const Entry& entry : store.entries) put_record(records, entry);
  if (const auto* memory = dynamic_cast<const BksMemory*>(store.memory.get())) {
    for (const SecretBytes& record : memory->carried) records.block(view_of(record));
  }
  records.u8(kind_end);
  const SecretBytes salt = random_secret(salt_size);
  const Header header{.version = store.version == 1 ? 1U : 2U, .salt = view_of(salt), .iterations = own_iterations};
  Writer out;
  out.u32(header.version).sized32(header.salt).u32(header.iterations).block(view_of(records.bytes()));
  out.block(view_of(mac_of(view_of(records.bytes()), header, *password)));
  return out.take();
}

// CBC with PKCS#7 padding; nullopt where the padding is wrong, which is what a wrong password looks like.
std::optional<SecretBytes> twofish_decrypted(ByteView sealed, const SecretBytes& key, const SecretBytes& iv) {
  twofish_ctx context;
  twofish_set_key(&context, key.size(), key.data());
  SecretBytes clear(sealed.size());
  twofish_decrypt(&context, sealed.size(), clear.data(), sealed.data());
  wipe(&context, sizeof context);
  for (std::size_t i = 0; i < clear.size(); ++i) {
    const std::uint8_t before = i < TWOFISH_BLOCK_SIZE ? iv[i] : sealed[i - TWOFISH_BLOCK_SIZE];
    clear[i] = static_cast<std::uint8_t>(clear[i] ^ before);
  }
  const std::size_t padding = clear.back();
  if (padding == 0 || padding > TWOFISH_BLOCK_SIZE) return std::nullopt;
  if (std::any_of(clear.end() - static_cast<std::ptrdiff_t>(padding), clear.end(),
                  [padding](std::uint8_t byte) { return byte != padding; })) {
    return std::nullopt;
  }
  clear.resize(clear.size() - padding);
  return clear;
}

Keystore open_uber(ByteView bytes, const OpenOptions& options) {
  Reader in(bytes, options.source);
  const Header header = read_header(in);
  check_iterations(header.iterations, options.source);
  if (header.version != 1) fail_unsupported(options.source, "is an UBER store of version 0, from before 2004");
  if (options.password == nullptr) fail_password_needed(options.source);
  const SecretBytes password = bouncy_password(*options.password);
  const SecretBytes key = pkcs12_sha1_bytes(password, header.salt, header.iterations, DerivedFor::key, 32);
  const SecretBytes iv =
      pkcs12_sha1_bytes(password, header.salt, header.iterations, DerivedFor::iv, TWOFISH_BLOCK_SIZE);
  const auto clear = twofish_decrypted(in.block(in.remaining()), key, iv);
  if (!clear || clear->size() < digest_size + 1) fail_wrong_password(options.source);
  const ByteView records = view_of(*clear).first(clear->size() - digest_size);
  if (!secret_equal(view_of(sha1(records)), view_of(*clear).last(digest_size))) fail_wrong_password(options.source);
  Keystore store{.type = StoreType::uber, .version = 1, .integrity = Integrity::verified};
  read_records(records, store, options.source);
  return store;
}

SecretBytes seal_uber(const Keystore&, const SecretBytes*) {
  throw Failure({.code = "keystore-unsupported",
                 .subject = "UBER",
                 .cause = "stores of this type are read, not written",
                 .hint = "convert it: chancery keystore convert --type BCFKS (or BKS, PKCS12) --output FILE"});
}

enum class Direction : int { open = 0, seal = 1 };

// PBEWithSHAAnd3-KeyTripleDES-CBC; nullopt when it does not come out.
std::optional<SecretBytes> triple_des(Direction direction, ByteView in, const SecretBytes& password, ByteView salt,
                                      std::uint32_t iterations) {
  const SecretBytes unicode = bouncy_password(password);
  const SecretBytes key = pkcs12_sha1_bytes(unicode, salt, iterations, DerivedFor::key, 24);
  const SecretBytes iv = pkcs12_sha1_bytes(unicode, salt, iterations, DerivedFor::iv, 8);
  const std::unique_ptr<EVP_CIPHER_CTX, ossl::Deleter<EVP_CIPHER_CTX_free>> context(EVP_CIPHER_CTX_new());
  SecretBytes out(in.size() + 8);
  int written = 0;
  int last = 0;
  if (!context ||
      EVP_CipherInit_ex(context.get(), EVP_des_ede3_cbc(), nullptr, key.data(), iv.data(),
                        static_cast<int>(direction)) != 1 ||
      EVP_CipherUpdate(context.get(), out.data(), &written, in.data(), static_cast<int>(in.size())) != 1 ||
      EVP_CipherFinal_ex(context.get(), out.data() + written, &last) != 1) {
    (void)ossl::drain_errors();
    return std::nullopt;
  }
  out.resize(static_cast<std::size_t>(written + last));
  return out;
}

KeyMaterial decode_key(ByteView bytes, const std::string& alias) {
  try {
    Reader in(bytes, alias);
    const std::uint8_t role = in.u8();
    const std::string format = read_utf(in, alias);
    KeyMaterial key;
    key.algorithm = read_utf(in, alias);
    key.encoded = secret_copy(in.sized32(keystore_limit));
    in.expect_end();
    if (role == role_private && (format == "PKCS#8" || format == "PKCS8")) return key;
    key.kind = EntryKind::secret_key;
    if (role == role_secret && format == "RAW") return key;
  } catch (const Failure&) {
    fail_wrong_key_password(alias);
  }
  fail_unsupported(alias, "holds a key in a form that is not known here");
}

KeyMaterial open_key_of_bks(const Keystore&, const Entry& entry, const SecretBytes& key_password) {
  const ByteView sealed = view_of(entry.key.value().bytes);
  if (sealed[0] == kind_clear_key) return decode_key(sealed.subspan(1), entry.alias);
  if (sealed[0] == kind_own_sealed) fail_unsupported(entry.alias, "holds bytes that a program sealed in its own way");
  ByteView salt;
  std::uint32_t iterations = 0;
  ByteView encrypted;
  try {
    Reader in(sealed.subspan(1), entry.alias);
    salt = in.sized32(most_salt);
    iterations = in.u32();
    encrypted = in.block(in.remaining());
  } catch (const Failure&) {
    fail_damaged(entry.alias, "the key's record is cut short");
  }
  check_iterations(iterations, entry.alias);
  const auto clear = triple_des(Direction::open, encrypted, key_password, salt, iterations);
  if (!clear) fail_wrong_key_password(entry.alias);
  return decode_key(view_of(*clear), entry.alias);
}

SealedKey seal_key_for_bks(const Keystore& store, const KeyMaterial& key, const SecretBytes& key_password) {
  const bool is_private = key.kind == EntryKind::private_key;
  Writer clear;
  clear.u8(is_private ? role_private : role_secret);
  write_utf(clear, is_private ? "PKCS#8" : "RAW");
  write_utf(clear, key.algorithm);
  clear.sized32(view_of(key.encoded));
  const SecretBytes salt = random_secret(salt_size);
  const auto encrypted =
      triple_des(Direction::seal, view_of(clear.bytes()), key_password, view_of(salt), own_iterations);
  if (!encrypted) throw ossl::openssl_failure("crypto-failed", "3DES", "check the installation of OpenSSL");
  Writer sealed;
  sealed.u8(kind_sealed).sized32(view_of(salt)).u32(own_iterations).block(view_of(*encrypted));
  return {.sealed_by = store.type, .bytes = sealed.take()};
}

}  // namespace

const Format bks_format{.type = StoreType::bks,
                        .looks_like = looks_like_bks,
                        .open = open_bks,
                        .seal = seal_bks,
                        .open_key = open_key_of_bks,
                        .seal_key = seal_key_for_bks,
                        .folds_alias_case = false};
const Format uber_format{.type = StoreType::uber,
                         .looks_like = looks_like_uber,
                         .open = open_uber,
                         .seal = seal_uber,
                         .open_key = open_key_of_bks,
                         .seal_key = seal_key_for_bks,
                         .folds_alias_case = false};

}  // namespace chancery::java
