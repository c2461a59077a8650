// The parts of the PEM doctor share one state: what was found so far, and how much password guessing is still paid for.
// Internal to keystore/x509; the way in is material.h.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "keystore/x509/content_kind.h"
#include "keystore/x509/material.h"

struct X509_algor_st;  // OpenSSL's X509_ALGOR
struct X509_sig_st;    // OpenSSL's X509_SIG

namespace chancery {

class MaterialDoctor {
 public:
  explicit MaterialDoctor(const ReadOptions& options) : options_(options) {}

  // One DER structure. `subject` is how notes call it: the file, or a block of it.
  void take_certificate(ByteView der, const std::string& subject);
  void take_request(ByteView der, const std::string& subject);
  void take_pkcs7(ByteView der, const std::string& subject);   // pkcs7_reader.cpp
  void take_pkcs12(ByteView der, const std::string& subject);  // pkcs12_reader.cpp
  // The rest in key_reader.cpp. PKCS#8, PKCS#1 or SEC1; `curve` completes a SEC1 key whose curve stands before it.
  void take_key(ByteView der, const std::string& subject, ByteView curve = {});
  void take_encrypted_key(ByteView der, const std::string& subject);
  // A null passphrase is an absent one, which PKCS#12 tells from an empty one.
  void open_encrypted_key(const X509_sig_st* encrypted, const SecretBytes* passphrase, const std::string& subject);
  // RFC 1421 headers of an old PEM key (Proc-Type: 4,ENCRYPTED), and its base64.
  void take_old_encrypted_key(std::string_view headers, ByteView encrypted, const std::string& subject, ByteView curve);

  void note(std::string code, std::string subject, std::string message, std::string hint);
  void note_damaged(const std::string& subject, std::string message);
  void note_legacy(const std::string& subject);  // once a subject
  void note_unused(const std::string& subject, std::string message);

  // Takes the cost of a password-based algorithm out of the budget before anything is computed; false (and a note
  // "too-large") when it is beyond 5,000,000 iterations, cannot be told, or the whole file wants too much.
  bool afford(const X509_algor_st* algorithm, const std::string& subject);
  bool afford(std::uint64_t iterations, const std::string& subject);

  const ReadOptions& options() const noexcept { return options_; }
  Material take() { return std::move(found_); }

 private:
  const ReadOptions& options_;
  Material found_;
  std::set<std::string> fingerprints_;
  std::set<std::string> noted_as_legacy_;
  std::uint64_t budget_ = 20'000'000;  // iterations for the whole file
};

// True for RC2, RC4, single and triple DES: readable, but weak.
[[nodiscard]] bool is_legacy_encryption(const X509_algor_st* algorithm);

}  // namespace chancery
