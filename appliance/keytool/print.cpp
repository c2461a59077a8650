// keytool -printcert and -printcertreq.
#include "appliance/keytool/certificate_text.h"
#include "appliance/keytool/commands.h"
#include "appliance/keytool/distinguished_name.h"
#include "appliance/keytool/extension_text.h"
#include "appliance/keytool/files.h"
#include "appliance/keytool/java_ways.h"
#include "appliance/keytool/signed_jar.h"
#include "keystore/fault.h"
#include "keystore/x509/der.h"
#include "keystore/x509/pem.h"

namespace chancery::keytool {
namespace {

struct RequestView {
  ByteView subject;
  KeyView key;
  ByteView signature_oid;
  std::vector<ExtensionView> extensions;
  std::vector<std::string> other_attributes;
};

// Of the extensionRequest attribute (RFC 2985, 5.4.2): the same list as in a certificate.
bool read_requested(ByteView values, std::vector<ExtensionView>& out) {
  const auto list = der::next(values, der::sequence);
  if (!list) return false;
  for (ByteView in = list->content; !in.empty();) {
    const auto one = der::next(in, der::sequence);
    if (!one) return false;
    ByteView parts = one->content;
    const auto oid = der::next(parts, der::object_identifier);
    if (!oid) return false;
    ExtensionView extension{.oid = oid->content, .critical = false, .value = {}};
    if (const auto flag = der::next(parts, 0x01)) {
      extension.critical = flag->content.size() == 1 && flag->content.front() != 0;
    }
    const auto value = der::next(parts, der::octet_string);
    if (!value) return false;
    extension.value = value->content;
    out.push_back(extension);
  }
  return true;
}

std::optional<RequestView> view_request(ByteView der) {
  const auto outer = der::next(der, der::sequence);
  if (!outer) return std::nullopt;
  ByteView parts = outer->content;
  const auto body = der::next(parts, der::sequence);
  const auto algorithm = der::next(parts, der::sequence);
  if (!body || !algorithm) return std::nullopt;
  RequestView view;
  ByteView algorithm_parts = algorithm->content;
  const auto signature = der::next(algorithm_parts, der::object_identifier);
  ByteView in = body->content;
  const auto version = der::next(in, der::integer);
  const auto subject = der::next(in, der::sequence);
  const auto info = der::next(in, der::sequence);
  if (!signature || !version || !subject || !info) return std::nullopt;
  const auto key = view_key(info->whole);
  if (!key) return std::nullopt;
  view.subject = subject->whole;
  view.key = *key;
  view.signature_oid = signature->content;
  if (const auto attributes = der::next(in, der::context_0)) {
    for (ByteView rest = attributes->content; !rest.empty();) {
      const auto one = der::next(rest, der::sequence);
      if (!one) return std::nullopt;
      ByteView inner = one->content;
      const auto oid = der::next(inner, der::object_identifier);
      const auto values = der::next(inner, der::set);
      if (!oid || !values) return std::nullopt;
      const std::string id = dotted(oid->content);
      if (id == "1.2.840.113549.1.9.14") {
        if (!read_requested(values->content, view.extensions)) return std::nullopt;
      } else {
        view.other_attributes.push_back(id);
      }
    }
  }
  return view;
}

}  // namespace

namespace {

void print_server(Work& work) {
  std::vector<Bytes> sent;
  try {
    sent = work.surroundings.ask_server(*work.given.server);
  } catch (const Failure&) {
    sent.clear();  // Java does not say why either
  }
  if (sent.empty()) fail_plain("No certificate from the SSL server");
  TrustedSet trusted(work);
  std::vector<CertificateView> chain;
  for (const Bytes& der : sent) {
    const auto view = view_certificate(der);
    if (!view) fail_plain("No certificate from the SSL server");
    chain.push_back(*view);
  }
  for (std::size_t at = 0; at < chain.size(); ++at) {
    if (work.given.rfc) {
      work.console.out(certificate_pem(chain[at].der));
    } else {
      work.console.out("Certificate #" + std::to_string(at) + "\n====================================\n" +
                       certificate_text(chain[at], trusted) + "\n");
    }
    warn_of(work, trusted, one_of_many("The certificate", at, chain.size()), chain[at], chain);
  }
}

void print_chain_of_jar(Work& work, TrustedSet& trusted, const std::string& label, const std::vector<Bytes>& chain) {
  for (std::size_t at = 0; at < chain.size(); ++at) {
    const auto view = view_certificate(chain[at]);
    if (!view) fail_as("java.security.cert.CertificateException", "Unable to initialize");
    work.console.out("Certificate #" + std::to_string(at + 1) + ":\n" +
                     (work.given.rfc
                          ? "Certificate owner: " + name_text(view->subject) + "\n\n" + certificate_pem(view->der)
                          : certificate_text(*view, trusted)) +
                     "\n");
    warn_of(work, trusted, one_of_many(label, at, chain.size()), *view);
  }
}

void print_jar(Work& work) {
  const std::vector<CodeSigner> signers = signers_of_jar(*work.given.jar);
  TrustedSet trusted(work);
  for (std::size_t at = 0; at < signers.size(); ++at) {
    work.console.out("Signer #" + std::to_string(at + 1) + ":\n\n");
    print_chain_of_jar(work, trusted, "The certificate", signers[at].chain);
    if (signers[at].time_stamp.empty()) continue;
    work.console.out("Timestamp:\n\n");
    print_chain_of_jar(work, trusted, "The TSA certificate", signers[at].time_stamp);
  }
  if (signers.empty()) work.console.out("Not a signed jar file\n");
}

}  // namespace

void print_certificate(Work& work) {
  if (work.given.jar) return print_jar(work);
  if (work.given.server) return print_server(work);
  const auto certificates = certificates_in(read_input(work));
  if (!certificates) fail_plain("Failed to parse input");
  if (certificates->empty()) fail_plain("Empty input");
  TrustedSet trusted(work);
  std::vector<CertificateView> chain;
  for (const Bytes& der : *certificates) chain.push_back(*view_certificate(der));
  for (std::size_t at = 0; at < chain.size(); ++at) {
    if (chain.size() > 1) work.console.out("Certificate[" + grouped(at + 1) + "]:\n");
    work.console.out(work.given.rfc ? certificate_pem(chain[at].der) : certificate_text(chain[at], trusted));
    if (at + 1 < chain.size()) work.console.out("\n");
    warn_of(work, trusted, one_of_many("The certificate", at, chain.size()), chain[at], chain);
  }
}

void print_request(Work& work) {
  const Bytes input = read_input(work);
  pem::Scanner scanner(input);
  const auto block = scanner.next();
  Bytes der;
  if (!block || !pem::decode_into(block->body, der)) fail_as("java.io.IOException", "Sequence tag error");
  const auto request = view_request(der);
  if (!request) fail_as("java.lang.IllegalArgumentException", "not a PKCS #10 request");
  const std::string signature = signature_name(request->signature_oid);
  work.console.out("PKCS #10 Certificate Request (Version 1.0)\nSubject: " + name_text(request->subject) +
                   "\nFormat: X.509\nPublic Key: " + marked_key(request->key) +
                   "\nSignature algorithm: " + marked_signature_name(signature) + "\n");
  work.console.out(extensions_text("Extension Request:", request->extensions));
  for (const std::string& attribute : request->other_attributes) work.console.out("Attribute: " + attribute + "\n");
  warn_of_request(work, "The certificate request", signature, request->key);
}

}  // namespace chancery::keytool
