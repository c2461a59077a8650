#include "tests/keystore/fuzz/targets.h"

#include "keystore/bytes/cursor.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/x509/certificate_pool.h"
#include "keystore/x509/material.h"
#include "tests/fuzz/expectations.h"

namespace chancery::fuzz {
namespace {

void look_at(const Certificate& certificate) {
  must_be_printable(certificate.subject());
  must_be_printable(certificate.issuer());
  must_be_printable(certificate.common_name());
  for (const AlternativeName& one : certificate.names()) must_be_printable(to_text(one));
  for (const char* host : {"portal.example.com", "192.0.2.1", "2001:db8::1"})
    (void)answers_to(certificate.names(), host);
  (void)to_rfc3339(certificate.not_before());
  (void)to_rfc3339(certificate.not_after());
  (void)certificate.is_self_signed();
  must(Certificate::from_der(certificate.der()) == certificate);
  CertificatePool pool;
  if (pool.add(certificate)) must(!pool.with_subject(certificate.subject_der()).empty());
}

void look_at(const CertificateRequest& request) {
  must_be_printable(request.subject());
  for (const AlternativeName& one : request.names()) must_be_printable(to_text(one));
  (void)request.is_self_signature_valid();
}

}  // namespace

void material(ByteView bytes) {
  static const SecretBytes passphrase = secret_copy(std::string_view("fuzz"));
  for (const SecretBytes* given : {static_cast<const SecretBytes*>(nullptr), &passphrase}) {
    const Material found = read_material(bytes, {.source = "portal.pem", .passphrase = given});
    for (const MaterialNote& note : found.notes) {
      must(!note.code.empty() && !note.hint.empty());
      must_be_printable(note.subject);
      must_be_printable(note.message);
    }
    for (const Certificate& one : found.certificates) look_at(one);
    for (const CertificateRequest& one : found.requests) look_at(one);
    for (const PrivateKey& one : found.keys) {
      (void)one.description();
      if (!found.certificates.empty()) (void)one.belongs_to(found.certificates.front());
    }
    must(!found.notes.empty() || !found.certificates.empty() || !found.requests.empty() || !found.keys.empty() ||
         text_of(bytes).find("EC PARAMETERS") != std::string_view::npos);
  }
  CertificatePool pool;
  pool.add_pem(bytes);
  pool.add_der(bytes);
  must(pool.all().size() <= pool.size());
}

void certificate(ByteView bytes) {
  allowing_failures({}, [&] { look_at(Certificate::from_der(bytes)); });
}

void request(ByteView bytes) {
  allowing_failures({}, [&] { look_at(CertificateRequest::from_der(bytes)); });
}

void name(ByteView bytes) {
  const std::string_view text = text_of(bytes);
  allowing_failures({}, [&] {
    const AlternativeName parsed = parse_name(text);
    must_be_printable(parsed.value);
    must(parse_name(parsed.value) == parsed);
    const bool is_wildcard = parsed.value.starts_with("*.");
    if (parsed.kind == AlternativeName::Kind::ip || (parsed.kind == AlternativeName::Kind::dns && !is_wildcard)) {
      must(answers_to({parsed}, text));
    }
  });
  (void)answers_to({{AlternativeName::Kind::dns, std::string(text)}, {AlternativeName::Kind::ip, std::string(text)}},
                   "portal.example.com");
  (void)answers_to({{AlternativeName::Kind::dns, "*.example.com"}}, text);
  allowing_failures({}, [&] { must(from_hex(to_hex(bytes)) == Bytes(bytes.begin(), bytes.end())); });
  allowing_failures({}, [&] { must(from_base64(to_base64(bytes)) == Bytes(bytes.begin(), bytes.end())); });
  allowing_failures({}, [&] { must(to_base64(from_base64(text)) == text); });
  allowing_failures({}, [&] { (void)from_rfc3339(text); });
}

// The first half says what to read, the second half is read.
void cursor(ByteView bytes) {
  const ByteView script = bytes.first(bytes.size() / 2);
  const ByteView data = bytes.subspan(bytes.size() / 2);
  Reader in(data, "fuzz");
  for (const std::uint8_t step : script) {
    const std::size_t before = in.offset();
    allowing_failures({}, [&] {
      switch (step % 8) {
        case 0:
          (void)in.u8();
          return;
        case 1:
          (void)in.u16();
          return;
        case 2:
          (void)in.u32();
          return;
        case 3:
          (void)in.u64();
          return;
        case 4:
          (void)in.block(step);
          return;
        case 5:
          must(in.sized16(step).size() <= step);
          return;
        case 6:
          must(in.sized32(step).size() <= step);
          return;
        default:
          in.expect_end();
      }
    });
    must(in.offset() >= before && in.offset() + in.remaining() == data.size());
  }
}

}  // namespace chancery::fuzz
