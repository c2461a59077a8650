#include "keystore/x509/material.h"

#include <algorithm>

#include "keystore/fault.h"
#include "keystore/x509/der.h"
#include "keystore/x509/material_doctor.h"
#include "keystore/x509/pem.h"
#include "keystore/x509/printable.h"

namespace chancery {
namespace {

constexpr std::size_t most_blocks = 20'000;
constexpr const char* nothing_to_do = "nothing to do: it is converted on the way in";

enum class Label { certificate, trusted_certificate, request, key, encrypted_key, curve, pkcs7, pkcs12, known, other };

Label label_kind(std::string_view label) {
  if (label == "CERTIFICATE" || label == "X509 CERTIFICATE") return Label::certificate;
  if (label == "TRUSTED CERTIFICATE") return Label::trusted_certificate;
  if (label == "CERTIFICATE REQUEST" || label == "NEW CERTIFICATE REQUEST") return Label::request;
  if (label == "ENCRYPTED PRIVATE KEY") return Label::encrypted_key;
  if (label == "PRIVATE KEY" || label == "RSA PRIVATE KEY" || label == "EC PRIVATE KEY") return Label::key;
  if (label == "EC PARAMETERS") return Label::curve;
  if (label == "PKCS7" || label == "PKCS #7 SIGNED DATA" || label == "CMS") return Label::pkcs7;
  if (label == "PKCS12") return Label::pkcs12;
  if (label == "X509 CRL" || label == "PUBLIC KEY" || label == "RSA PUBLIC KEY" || label == "DH PARAMETERS" ||
      label == "X9.42 DH PARAMETERS" || label == "DSA PARAMETERS" || label == "DSA PRIVATE KEY" ||
      label == "ATTRIBUTE CERTIFICATE") {
    return Label::known;
  }
  return Label::other;
}

void read_der(MaterialDoctor& doctor, ByteView bytes, ContentKind kind) {
  const std::string& source = doctor.options().source;
  const auto converted = [&] {
    doctor.note("converted-from-der", source, std::string("is ") + name_of(kind) + " in DER, not PEM", nothing_to_do);
  };
  switch (kind) {
    case ContentKind::certificate:
      converted();
      return doctor.take_certificate(bytes, source);
    case ContentKind::request:
      converted();
      return doctor.take_request(bytes, source);
    case ContentKind::pkcs8_key:
    case ContentKind::pkcs1_key:
    case ContentKind::sec1_key:
      converted();
      return doctor.take_key(bytes, source);
    case ContentKind::encrypted_key:
      converted();
      return doctor.take_encrypted_key(bytes, source);
    case ContentKind::pkcs7:
      return doctor.take_pkcs7(bytes, source);
    case ContentKind::pkcs12:
      return doctor.take_pkcs12(bytes, source);
    default:
      return doctor.note_unused(source, std::string("is ") + name_of(kind));
  }
}

class PemReading {
 public:
  PemReading(MaterialDoctor& doctor, ByteView text) : doctor_(doctor), text_(text), scanner_(text) {}

  // False: there was no block at all.
  bool read() {
    std::size_t count = 0;
    while (const auto block = scanner_.next()) {
      if (++count > most_blocks) {
        doctor_.note("too-large", source(), "has more than 20000 blocks; the rest was not read",
                     "give a file that holds only what belongs to this identity");
        break;
      }
      take(*block, count);
    }
    if (count > 0) note_text();
    return count > 0;
  }

 private:
  const std::string& source() const { return doctor_.options().source; }

  void take(const pem::Block& block, std::size_t number) {
    const std::string subject =
        source() + ", block " + std::to_string(number) + " (line " + std::to_string(scanner_.line_of(block)) + ")";
    const std::string label = printable(view_of(block.label));
    if (const auto foreign = foreign_label(block.label, source())) {
      return doctor_.note("not-pem", subject, foreign->message, foreign->hint);
    }
    if (!block.is_closed) return doctor_.note_damaged(subject, "begins with " + label + " and has no END line");
    if (!block.labels_agree) return doctor_.note_damaged(subject, "begins with " + label + " and ends otherwise");
    const Label kind = label_kind(block.label);
    if (kind == Label::known || kind == Label::other) {
      return doctor_.note_unused(subject, "is a " + label + " block, which is not needed here");
    }
    const auto decoded = pem::decode(block.body);
    if (!decoded) return doctor_.note_damaged(subject, "its base64 is broken");
    take_decoded(kind, block, *decoded, subject);
  }

  void take_decoded(Label kind, const pem::Block& block, const SecretBytes& der, const std::string& subject) {
    switch (kind) {
      case Label::certificate:
        return doctor_.take_certificate(der, subject);
      case Label::trusted_certificate:
        return take_trusted(der, subject);
      case Label::request:
        return doctor_.take_request(der, subject);
      case Label::key:
        if (block.headers.find("ENCRYPTED") != std::string_view::npos) {
          return doctor_.take_old_encrypted_key(block.headers, der, subject, curve_);
        }
        return doctor_.take_key(der, subject, curve_);
      case Label::encrypted_key:
        return doctor_.take_encrypted_key(der, subject);
      case Label::curve:
        curve_ = der;
        return;
      case Label::pkcs7:
        return doctor_.take_pkcs7(der, subject);
      case Label::pkcs12:
        return doctor_.take_pkcs12(der, subject);
      default:
        return;
    }
  }

  void take_trusted(ByteView der, const std::string& subject) {
    ByteView rest = der;
    const auto certificate = der::next(rest, der::sequence);
    if (!certificate) return doctor_.note_damaged(subject, "its DER is broken");
    doctor_.note("trusted-certificate-block", subject, "is a TRUSTED CERTIFICATE block of OpenSSL",
                 "nothing to do: the certificate is taken, OpenSSL's trust settings beside it are left out");
    doctor_.take_certificate(certificate->whole, subject);
  }

  void note_text() {
    const std::string_view text = text_of(text_);
    if (text.find('\r') != std::string_view::npos) {
      doctor_.note("crlf-line-endings", source(), "has Windows line ends (CRLF)", nothing_to_do);
    }
    if (text.back() != '\n' && text.back() != '\r') {
      doctor_.note("missing-final-newline", source(), "has no newline at its end",
                   "nothing to do: it is added on the way in; `cat` would glue the next file to it");
    }
    if (scanner_.saw_other_text()) {
      doctor_.note("text-around-blocks", source(), "has text before, between or after its blocks",
                   "nothing to do: the text is left out");
    }
  }

  MaterialDoctor& doctor_;
  ByteView text_;
  pem::Scanner scanner_;
  SecretBytes curve_;  // of the last EC PARAMETERS block
};

ByteView without_mark(MaterialDoctor& doctor, ByteView bytes) {
  if (bytes.size() < 3 || bytes[0] != 0xef || bytes[1] != 0xbb || bytes[2] != 0xbf) return bytes;
  doctor.note("byte-order-mark", doctor.options().source, "begins with a byte order mark, as Windows editors write it",
              nothing_to_do);
  return bytes.subspan(3);
}

void read(MaterialDoctor& doctor, ByteView bytes) {
  const std::string& source = doctor.options().source;
  if (bytes.size() > material_limit) {
    return doctor.note("too-large", source, "has more than 4 MiB",
                       "give a file that holds only what belongs to this identity");
  }
  bytes = without_mark(doctor, bytes);
  const bool is_blank = std::all_of(bytes.begin(), bytes.end(),
                                    [](std::uint8_t unit) { return unit == ' ' || (unit >= '\t' && unit <= '\r'); });
  if (is_blank)
    return doctor.note("empty-input", source, "is empty", "check that the file was written and copied whole");
  if (const ContentKind kind = kind_of(bytes); kind != ContentKind::unknown) return read_der(doctor, bytes, kind);
  if (PemReading(doctor, bytes).read()) return;
  if (const auto foreign = foreign_format(bytes, source)) {
    return doctor.note("not-pem", source, foreign->message, foreign->hint);
  }
  const bool is_cut_der = bytes.size() > 4 && bytes[0] == der::sequence && bytes[1] >= 0x80;
  doctor.note("not-pem", source,
              is_cut_der ? "is binary and looks like DER, but is cut short or damaged"
                         : "holds no PEM block and is nothing known in DER",
              is_cut_der ? "copy the file again, in binary mode"
                         : "give a file with a line -----BEGIN CERTIFICATE----- (or PRIVATE KEY) in it");
}

}  // namespace

void MaterialDoctor::note(std::string code, std::string subject, std::string message, std::string hint) {
  found_.notes.push_back({std::move(code), std::move(subject), std::move(message), std::move(hint)});
}

void MaterialDoctor::note_damaged(const std::string& subject, std::string message) {
  note("damaged-block", subject, std::move(message), "copy it again from where it came, whole and without changes");
}

void MaterialDoctor::note_legacy(const std::string& subject) {
  if (!noted_as_legacy_.insert(subject).second) return;
  note("legacy-encryption", subject, "is encrypted with an old, weak algorithm (RC2, DES or MD5)",
       "nothing to do here; encrypt new files with AES (`openssl pkcs8 -topk8 -v2 aes-256-cbc`, `openssl pkcs12` "
       "without "
       "-legacy)");
}

void MaterialDoctor::note_unused(const std::string& subject, std::string message) {
  note("unused-block", subject, std::move(message), "nothing to do: it is left out");
}

void MaterialDoctor::take_certificate(ByteView der, const std::string& subject) {
  try {
    const Certificate certificate = Certificate::from_der(der);
    if (!fingerprints_.insert(certificate.fingerprint()).second) {
      note("duplicate-certificate", subject, "holds " + certificate.subject() + " once more",
           "nothing to do: it is used once");
    }
    found_.certificates.push_back(certificate);
  } catch (const Failure& failure) {
    if (failure.code() == "trailing-bytes") return note_damaged(subject, failure.cause());
    ByteView rest = der;
    const ContentKind kind = kind_of(der);
    if (kind != ContentKind::unknown && kind != ContentKind::certificate) {
      return note("not-a-certificate", subject, std::string("is called a certificate, but holds ") + name_of(kind),
                  "give the certificate that the CA issued");
    }
    if (der::next(rest, der::sequence) && rest.empty()) {
      return note("not-a-certificate", subject, failure.cause(), failure.hint());
    }
    note_damaged(subject, "its DER is broken: " + failure.cause());
  }
}

void MaterialDoctor::take_request(ByteView der, const std::string& subject) {
  try {
    found_.requests.push_back(CertificateRequest::from_der(der));
  } catch (const Failure& failure) {
    note_damaged(subject, failure.cause());
  }
}

Material read_material(ByteView bytes, const ReadOptions& options) {
  MaterialDoctor doctor(options);
  read(doctor, bytes);
  return doctor.take();
}

}  // namespace chancery
