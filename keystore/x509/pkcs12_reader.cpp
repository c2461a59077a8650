#include <openssl/err.h>

#include <limits>
#include <vector>

#include "keystore/openssl/handles.h"
#include "keystore/openssl/legacy_context.h"
#include "keystore/x509/der.h"
#include "keystore/x509/material_doctor.h"

namespace chancery {
namespace {

constexpr int deepest_bags = 8;
constexpr int most_bags = 20'000;

struct FreeSafes {
  void operator()(STACK_OF(PKCS7) * safes) const noexcept { sk_PKCS7_pop_free(safes, PKCS7_free); }
};
struct FreeBags {
  void operator()(STACK_OF(PKCS12_SAFEBAG) * bags) const noexcept {
    sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
  }
};
using SafesPtr = std::unique_ptr<STACK_OF(PKCS7), FreeSafes>;
using BagsPtr = std::unique_ptr<STACK_OF(PKCS12_SAFEBAG), FreeBags>;

// An absent password and an empty one derive different MAC keys (RFC 7292, B.1); null and "" to OpenSSL.
struct Password {
  SecretBytes bytes;
  bool is_absent = false;

  const char* start() const {
    static const char nothing = 0;
    if (is_absent) return nullptr;
    return bytes.empty() ? &nothing : reinterpret_cast<const char*>(bytes.data());
  }
  int size() const { return static_cast<int>(bytes.size()); }
};

class Pkcs12Reading {
 public:
  Pkcs12Reading(MaterialDoctor& doctor, const std::string& subject) : doctor_(doctor), subject_(subject) {}

  void read(ByteView der) {
    // The context given here is the one that every later step decrypts in.
    PKCS12* made = PKCS12_init_ex(NID_pkcs7_data, ossl::legacy_context(), nullptr);
    const unsigned char* at = der.data();
    if (made != nullptr && d2i_PKCS12(&made, &at, static_cast<long>(der.size())) == nullptr) made = nullptr;
    const ossl::Pkcs12Ptr store(made);
    ERR_clear_error();
    if (!store) return doctor_.note_damaged(subject_, "its PKCS#12 structure is broken");
    if (at != der.data() + der.size())
      return doctor_.note_damaged(subject_, "bytes follow after the end of the keystore");
    const SafesPtr safes(PKCS12_unpack_authsafes(store.get()));
    ERR_clear_error();
    if (!safes) return doctor_.note_damaged(subject_, "its PKCS#12 structure is broken, or protected by a public key");
    if (!find_password(store.get(), safes.get())) return;
    doctor_.note("converted-from-pkcs12", subject_, "is a PKCS#12 keystore (.p12, .pfx)",
                 "nothing to do: it is converted on the way in");
    const int count = sk_PKCS7_num(safes.get());
    for (int index = 0; index < count; ++index) take_safe(sk_PKCS7_value(safes.get(), index));
  }

 private:
  void note_locked() {
    const std::string& source = doctor_.options().source;
    doctor_.note("key-encrypted", subject_,
                 doctor_.options().passphrase == nullptr
                     ? "is a PKCS#12 keystore with a passphrase, and none was given"
                     : "is a PKCS#12 keystore, and the passphrase given does not open it",
                 "give its passphrase with --passphrase-file FILE, or convert a copy: `openssl pkcs12 -in " + source +
                     " -nodes -out " + source + ".pem`");
  }

  bool find_password(PKCS12* store, const STACK_OF(PKCS7) * safes) {
    if (PKCS12_mac_present(store) != 1) return accept_without_mac(safes);
    const ASN1_INTEGER* rounds = nullptr;
    const X509_ALGOR* mac_algorithm = nullptr;
    PKCS12_get0_mac(nullptr, &mac_algorithm, nullptr, &rounds, store);
    const ASN1_OBJECT* mac_kind = nullptr;
    X509_ALGOR_get0(&mac_kind, nullptr, nullptr, mac_algorithm);
    char oid[64] = "";
    OBJ_obj2txt(oid, sizeof oid, mac_kind, 1);
    if (std::string_view(oid) == "1.2.840.113549.1.5.14") {
      doctor_.note_damaged(subject_,
                           "is a PKCS#12 keystore with a PBMAC1 checksum, which OpenSSL 3.0 cannot check; "
                           "export it without -pbmac1_pbkdf2");
      return false;
    }
    std::int64_t iterations = 1;
    if (rounds != nullptr && (ASN1_INTEGER_get_int64(&iterations, rounds) != 1 || iterations < 0)) {
      iterations = std::numeric_limits<std::int64_t>::max();
    }
    std::vector<Password> candidates;
    if (doctor_.options().passphrase != nullptr) {
      candidates.push_back({*doctor_.options().passphrase, false});
    } else {
      candidates = {{{}, true}, {{}, false}};
    }
    for (Password& candidate : candidates) {
      if (!doctor_.afford(static_cast<std::uint64_t>(iterations), subject_)) return false;
      const bool fits = PKCS12_verify_mac(store, candidate.start(), candidate.size()) == 1;
      ERR_clear_error();
      if (!fits) continue;
      password_ = std::move(candidate);
      return true;
    }
    note_locked();
    return false;
  }

  // Java writes password-less stores of certificates without a MAC. A store with a key or with encryption and no MAC
  // has lost it, and anybody may have changed what is in it.
  bool accept_without_mac(const STACK_OF(PKCS7) * safes) {
    bool is_open = doctor_.options().passphrase == nullptr;
    const int count = sk_PKCS7_num(safes);
    for (int index = 0; index < count && is_open; ++index) {
      PKCS7* safe = sk_PKCS7_value(safes, index);
      const BagsPtr bags(PKCS7_type_is_data(safe) ? PKCS12_unpack_p7data(safe) : nullptr);
      ERR_clear_error();
      is_open = bags != nullptr;
      const int bag_count = bags ? sk_PKCS12_SAFEBAG_num(bags.get()) : 0;
      for (int bag = 0; bag < bag_count && is_open; ++bag) {
        is_open = PKCS12_SAFEBAG_get_nid(sk_PKCS12_SAFEBAG_value(bags.get(), bag)) == NID_certBag;
      }
    }
    if (is_open) {
      password_.is_absent = true;
      return true;
    }
    doctor_.note("damaged-block", subject_, "is a PKCS#12 keystore without an integrity check (MAC): it may be altered",
                 "export it again from where it came, without -nomac");
    return false;
  }

  void take_safe(PKCS7* safe) {
    BagsPtr bags;
    if (PKCS7_type_is_data(safe)) {
      bags.reset(PKCS12_unpack_p7data(safe));
    } else if (PKCS7_type_is_encrypted(safe)) {
      const X509_ALGOR* algorithm = safe->d.encrypted != nullptr && safe->d.encrypted->enc_data != nullptr
                                        ? safe->d.encrypted->enc_data->algorithm
                                        : nullptr;
      if (algorithm == nullptr) return doctor_.note_damaged(subject_, "a part of the keystore is broken");
      if (!doctor_.afford(algorithm, subject_)) return;
      if (is_legacy_encryption(algorithm)) doctor_.note_legacy(subject_);
      bags.reset(PKCS12_unpack_p7encdata(safe, password_.start(), password_.size()));
    }
    ERR_clear_error();
    if (!bags) {
      return doctor_.note_damaged(subject_, "a part of the keystore is broken, or of a kind that is not known");
    }
    take_bags(bags.get(), 0);
  }

  void take_bags(const STACK_OF(PKCS12_SAFEBAG) * bags, int depth) {
    const int count = sk_PKCS12_SAFEBAG_num(bags);
    for (int index = 0; index < count; ++index) {
      if (++bag_count_ > most_bags) {
        return doctor_.note("too-large", subject_, "has more than 20000 entries; the rest was not read",
                            "give a keystore that holds only what belongs to this identity");
      }
      take_bag(sk_PKCS12_SAFEBAG_value(bags, index), depth);
    }
  }

  void take_bag(const PKCS12_SAFEBAG* bag, int depth) {
    switch (PKCS12_SAFEBAG_get_nid(bag)) {
      case NID_certBag:
        return take_certificate(bag);
      case NID_keyBag:
        return take_plain_key(bag);
      case NID_pkcs8ShroudedKeyBag:
        return take_shrouded_key(bag);
      case NID_safeContentsBag:
        if (depth >= deepest_bags) return doctor_.note_damaged(subject_, "its entries are nested too deeply");
        return take_bags(PKCS12_SAFEBAG_get0_safes(bag), depth + 1);
      default:
        return doctor_.note_unused(subject_, "also holds an entry that is neither a certificate nor a private key");
    }
  }

  void take_certificate(const PKCS12_SAFEBAG* bag) {
    if (PKCS12_SAFEBAG_get_bag_nid(bag) != NID_x509Certificate) {
      return doctor_.note_unused(subject_, "also holds a certificate that is not X.509");
    }
    const ossl::X509Ptr certificate(PKCS12_SAFEBAG_get1_cert(bag));
    unsigned char* encoded = nullptr;
    const int size = certificate ? i2d_X509(certificate.get(), &encoded) : 0;
    ERR_clear_error();
    if (size <= 0) return doctor_.note_damaged(subject_, "a certificate in the keystore is broken");
    doctor_.take_certificate({encoded, static_cast<std::size_t>(size)}, subject_);
    OPENSSL_free(encoded);
  }

  void take_plain_key(const PKCS12_SAFEBAG* bag) {
    const PKCS8_PRIV_KEY_INFO* info = PKCS12_SAFEBAG_get0_p8inf(bag);
    const int size = info == nullptr ? 0 : i2d_PKCS8_PRIV_KEY_INFO(info, nullptr);
    if (size <= 0) return doctor_.note_damaged(subject_, "a private key in the keystore is broken");
    SecretBytes der(static_cast<std::size_t>(size));
    unsigned char* at = der.data();
    i2d_PKCS8_PRIV_KEY_INFO(info, &at);
    doctor_.take_key(der, subject_);
  }

  void take_shrouded_key(const PKCS12_SAFEBAG* bag) {
    const X509_SIG* encrypted = PKCS12_SAFEBAG_get0_pkcs8(bag);
    if (encrypted == nullptr) return doctor_.note_damaged(subject_, "a private key in the keystore is broken");
    doctor_.open_encrypted_key(encrypted, password_.is_absent ? nullptr : &password_.bytes, subject_);
  }

  MaterialDoctor& doctor_;
  const std::string& subject_;
  Password password_;
  int bag_count_ = 0;
};

}  // namespace

void MaterialDoctor::take_pkcs12(ByteView der, const std::string& subject) { Pkcs12Reading(*this, subject).read(der); }

}  // namespace chancery
