// The PEM doctor: whatever an administrator's file holds -> values, with a note for each thing that was mended or odd.
//
//   Material found = read_material(bytes, {.source = "portal.pfx", .passphrase = &passphrase});
//   found.certificates, found.keys, found.notes
//
// Judged by content, never by file extension. Taken: PEM (CRLF, BOM, text before and between blocks, missing last
// newline, several blocks in any order, TRUSTED CERTIFICATE, X509 CERTIFICATE, EC PARAMETERS before a key), PKCS#7 in
// PEM and DER, single DER certificates, keys and requests, PKCS#12 (legacy RC2/3DES too), PKCS#1, SEC1, PKCS#8, and
// encrypted keys of both kinds (PKCS#8 EncryptedPrivateKeyInfo and the old Proc-Type PEM).
//
// Verdict-like oddities are notes, not throws: codes crlf-line-endings, missing-final-newline, converted-from-der,
// converted-from-pkcs12, converted-from-pkcs7, byte-order-mark, text-around-blocks, trusted-certificate-block,
// legacy-encryption, key-encrypted (a key that could not be opened: no or wrong passphrase), not-pem (no block and no
// known DER), empty-input, damaged-block (a block whose base64 or DER is broken), not-a-certificate, too-large,
// duplicate-certificate, unused-block (a CRL, DH parameters, an X25519 key, …: known, not needed). A PKCS#12 store with
// keys or encryption whose MAC is missing is a damaged-block: it may have been altered. Nothing is taken from a block
// that has a damaged-block, not-a-certificate or too-large note.
// It never throws for bad input; Failure only for running out of memory or the like. Caps: 4 MiB a file, 20,000 blocks,
// PBKDF2/MAC iterations of 5,000,000 (RFC 7292 stores are measured before anything is computed; "too-large" beyond).
// Not checked: whether keys, certificates and chain fit together (appliance/preflight).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "keystore/x509/certificate.h"
#include "keystore/x509/private_key.h"
#include "keystore/x509/request.h"

namespace chancery {

struct MaterialNote {
  std::string code;
  std::string subject;  // "portal.pem", "portal.pem, block 3 (line 41)"
  std::string message;  // "has Windows line ends (CRLF)"
  std::string hint;     // "nothing to do: they are converted"
};

struct Material {
  std::vector<Certificate> certificates;  // in the order of the file, duplicates kept (and noted)
  std::vector<PrivateKey> keys;
  std::vector<CertificateRequest> requests;
  std::vector<MaterialNote> notes;
};

struct ReadOptions {
  std::string source;                       // how the file is called in notes
  const SecretBytes* passphrase = nullptr;  // for encrypted keys and PKCS#12; not owned
};

inline constexpr std::size_t material_limit = 4 * 1024 * 1024;

[[nodiscard]] Material read_material(ByteView bytes, const ReadOptions& options);

}  // namespace chancery
