// Many certificates, found by name without decoding them all: a bundle of 144 public CAs costs microseconds until one
// of them is asked for. Used to build chains and to answer "is this known here".
//
//   CertificatePool pool;
//   pool.add_pem(bundle_bytes);            // blocks that are not certificates are counted and skipped
//   for (const Certificate& candidate : pool.with_subject(leaf.issuer_der())) …
//
// Duplicates (same DER) are kept once. Thread safety: adding is single-threaded, reading may be shared.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "keystore/x509/certificate.h"

namespace chancery {

class CertificatePool {
 public:
  CertificatePool();
  CertificatePool(CertificatePool&&) noexcept;
  CertificatePool& operator=(CertificatePool&&) noexcept;
  ~CertificatePool();

  bool add(const Certificate& certificate);  // false: was there
  void add_pem(ByteView bundle);
  void add_der(ByteView der);

  std::size_t size() const noexcept;
  bool contains(const std::string& fingerprint) const;
  std::vector<Certificate> with_subject(const Bytes& subject_der) const;
  std::vector<Certificate> all() const;  // decodes everything

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace chancery
