#include "keystore/java/pkcs12_derivation.h"

#include <algorithm>
#include <array>
#include <optional>

#include "keystore/fault.h"
#include "keystore/java/java_text.h"
#include "keystore/java/utf8.h"
#include "keystore/openssl/handles.h"
#include "keystore/openssl/legacy_context.h"

namespace chancery::java::pkcs12 {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::size_t most_known = 8;

constexpr std::array<Digest, 8> digests{{
    {"SHA256", "\x60\x86\x48\x01\x65\x03\x04\x02\x01"sv, "\x2a\x86\x48\x86\xf7\x0d\x02\x09"sv, 32},
    {"SHA1", "\x2b\x0e\x03\x02\x1a"sv, "\x2a\x86\x48\x86\xf7\x0d\x02\x07"sv, 20},
    {"SHA224", "\x60\x86\x48\x01\x65\x03\x04\x02\x04"sv, "\x2a\x86\x48\x86\xf7\x0d\x02\x08"sv, 28},
    {"SHA384", "\x60\x86\x48\x01\x65\x03\x04\x02\x02"sv, "\x2a\x86\x48\x86\xf7\x0d\x02\x0a"sv, 48},
    {"SHA512", "\x60\x86\x48\x01\x65\x03\x04\x02\x03"sv, "\x2a\x86\x48\x86\xf7\x0d\x02\x0b"sv, 64},
    {"SHA512-224", "\x60\x86\x48\x01\x65\x03\x04\x02\x05"sv, "\x2a\x86\x48\x86\xf7\x0d\x02\x0c"sv, 28},
    {"SHA512-256", "\x60\x86\x48\x01\x65\x03\x04\x02\x06"sv, "\x2a\x86\x48\x86\xf7\x0d\x02\x0d"sv, 32},
    {"MD5", "\x2a\x86\x48\x86\xf7\x0d\x02\x05"sv, ""sv, 16},
}};

// Each byte widened to two, and two zero bytes.
SecretBytes widened(ByteView bytes) {
  SecretBytes out;
  out.reserve(2 * bytes.size() + 2);
  for (const std::uint8_t byte : bytes) out.insert(out.end(), {0, byte});
  out.insert(out.end(), {0, 0});
  return out;
}

std::optional<SecretBytes> as_latin1(ByteView utf8) {
  SecretBytes out;
  const std::string_view text = text_of(utf8);
  for (std::size_t at = 0; at < text.size();) {
    const auto point = next_utf8(text, at);
    if (!point || *point > 0xff) return std::nullopt;
    out.push_back(static_cast<std::uint8_t>(*point));
  }
  return out;
}

bool is_utf8(ByteView bytes) {
  const std::string_view text = text_of(bytes);
  for (std::size_t at = 0; at < text.size();) {
    if (!next_utf8(text, at)) return false;
  }
  return true;
}

[[noreturn]] void fail_crypto() {
  throw ossl::openssl_failure("crypto-failed", "key derivation",
                              "check the installation of OpenSSL (`openssl list -providers`), then repeat");
}

SecretBytes pbkdf1(const Derivation& what) {
  const ossl::MdCtxPtr context(EVP_MD_CTX_new());
  SecretBytes block(what.digest.size);
  unsigned size = 0;
  bool fine = context && EVP_DigestInit_ex(context.get(), what.digest.native(), nullptr) == 1 &&
              EVP_DigestUpdate(context.get(), what.password.data(), what.password.size()) == 1 &&
              EVP_DigestUpdate(context.get(), what.salt.data(), what.salt.size()) == 1 &&
              EVP_DigestFinal_ex(context.get(), block.data(), &size) == 1;
  for (std::uint64_t round = 1; fine && round < what.iterations; ++round) {
    fine = EVP_DigestInit_ex(context.get(), nullptr, nullptr) == 1 &&
           EVP_DigestUpdate(context.get(), block.data(), block.size()) == 1 &&
           EVP_DigestFinal_ex(context.get(), block.data(), &size) == 1;
  }
  if (!fine || what.size > block.size()) fail_crypto();
  block.resize(what.size);
  return block;
}

template <typename Bytes>
void append_number(Bytes& to, std::uint64_t value) {
  for (unsigned shift = 64; shift > 0;) to.push_back(static_cast<std::uint8_t>(value >> (shift -= 8)));
}

// Everything that a derivation depends on, unambiguously.
SecretBytes question_of(const Derivation& what) {
  SecretBytes out;
  append_number(out, static_cast<std::uint64_t>(what.kind));
  append_number(out, static_cast<std::uint64_t>(&what.digest - digests.data()));
  append_number(out, what.iterations);
  append_number(out, what.size);
  append_number(out, what.salt.size());
  append(out, what.salt);
  append(out, what.password);
  return out;
}

const Digest* find_digest(std::string_view Digest::*field, ByteView oid) {
  for (const Digest& digest : digests) {
    if (!oid.empty() && digest.*field == text_of(oid)) return &digest;
  }
  return nullptr;
}

}  // namespace

Passwords::Passwords(ByteView utf8) {
  const bool is_ascii = std::all_of(utf8.begin(), utf8.end(), [](std::uint8_t byte) { return byte < 0x80; });
  const bool is_text = is_ascii || is_utf8(utf8);
  if (is_text) utf16.push_back(utf16_password(utf8, true));
  if (utf8.empty()) utf16.emplace_back();
  if (!is_ascii) utf16.push_back(widened(utf8));
  bytes.push_back(secret_copy(utf8));
  if (is_ascii) return;
  if (auto latin1 = as_latin1(utf8)) bytes.push_back(std::move(*latin1));
  if (is_text) bytes.push_back(utf16.front());
}

const Digest* digest_by_oid(ByteView oid) { return find_digest(&Digest::oid, oid); }
const Digest* digest_by_hmac_oid(ByteView oid) { return find_digest(&Digest::hmac_oid, oid); }

const Digest& digest_named(std::string_view name) {
  const auto found = std::find_if(digests.begin(), digests.end(), [&](const Digest& one) { return one.name == name; });
  if (found == digests.end()) fail_crypto();
  return *found;
}

const evp_md_st* Digest::native() const {
  static const std::array<EVP_MD*, digests.size()> fetched = [] {
    std::array<EVP_MD*, digests.size()> made{};
    for (std::size_t index = 0; index < digests.size(); ++index) {
      const std::string its_name(digests[index].name);
      made[index] = EVP_MD_fetch(nullptr, its_name.c_str(), nullptr);
      if (made[index] == nullptr) made[index] = EVP_MD_fetch(ossl::legacy_context(), its_name.c_str(), nullptr);
    }
    return made;
  }();
  const EVP_MD* digest = fetched[static_cast<std::size_t>(this - digests.data())];
  if (digest == nullptr) fail_crypto();
  return digest;
}

SecretBytes derive(const Derivation& what) {
  if (what.kind == Derivation::Kind::pbkdf1) return pbkdf1(what);
  static constexpr std::uint8_t nothing = 0;  // OpenSSL takes a null pointer for an error
  const unsigned char* password = what.password.empty() ? &nothing : what.password.data();
  const int password_size = static_cast<int>(what.password.size());
  const int iterations = static_cast<int>(what.iterations);
  SecretBytes out(what.size);
  bool fine = false;
  if (what.kind == Derivation::Kind::pbkdf2) {
    fine = PKCS5_PBKDF2_HMAC(reinterpret_cast<const char*>(password), password_size, what.salt.data(),
                             static_cast<int>(what.salt.size()), iterations, what.digest.native(),
                             static_cast<int>(out.size()), out.data()) == 1;
  } else {
    // OpenSSL does not write to the first two, though its signature lets it.
    fine = PKCS12_key_gen_uni_ex(const_cast<unsigned char*>(password), password_size,
                                 const_cast<unsigned char*>(what.salt.data()), static_cast<int>(what.salt.size()),
                                 static_cast<int>(what.kind), iterations, static_cast<int>(out.size()), out.data(),
                                 what.digest.native(), nullptr, nullptr) == 1;
  }
  if (!fine) fail_crypto();
  return out;
}

const DerivedKeys::Known* DerivedKeys::find(const SecretBytes& question) const {
  for (const Known& one : known_) {
    if (secret_equal(one.question, question)) return &one;
  }
  return nullptr;
}

SecretBytes DerivedKeys::derive(const Derivation& what) {
  SecretBytes question = question_of(what);
  {
    const std::scoped_lock lock(mutex_);
    if (const Known* known = find(question)) return known->answer;
  }
  SecretBytes answer = pkcs12::derive(what);
  const std::scoped_lock lock(mutex_);
  if (known_.size() >= most_known) known_.erase(known_.begin());
  known_.push_back({std::move(question), answer});
  return answer;
}

bool DerivedKeys::knows(const Derivation& what) const {
  const std::scoped_lock lock(mutex_);
  return find(question_of(what)) != nullptr;
}

}  // namespace chancery::java::pkcs12
