#include "appliance/nifi/wire.h"

#include <nlohmann/json.hpp>

#include "keystore/bytes/text_encoding.h"
#include "keystore/java/old_digest.h"
#include "keystore/openssl/handles.h"

namespace chancery::nifi {
namespace {

using Json = nlohmann::json;

Failure malformed(const std::string& cause) {
  return Failure({.code = "nifi-malformed",
                  .subject = "enrolment",
                  .cause = cause,
                  .hint = "is the other side one of the NiFi toolkit's protocol?"});
}

Json read_object(const std::string& body) {
  if (body.size() > body_limit) throw malformed("it has more than 1 MiB");
  // Nothing in this protocol is nested; what is could only be meant to eat memory.
  const auto is_flat = [](int depth, Json::parse_event_t event, const Json&) {
    const bool opens = event == Json::parse_event_t::object_start || event == Json::parse_event_t::array_start;
    if (opens && depth > 0) throw malformed("it is nested");
    return true;
  };
  try {
    Json object = Json::parse(body, is_flat);
    if (!object.is_object()) throw malformed("it is no JSON object");
    return object;
  } catch (const Json::exception&) {
    throw malformed("it is no JSON");
  }
}

// The toolkit writes null for what it does not set.
std::string text_of(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return {};
  if (!found->is_string()) throw malformed(std::string(name) + " is no text");
  return found->get<std::string>();
}

Bytes bytes_of(const Json& object, const char* name) {
  try {
    return from_base64(text_of(object, name));
  } catch (const Failure& failure) {
    if (failure.code() == "nifi-malformed") throw;
    throw malformed(std::string(name) + " is no base64");
  }
}

}  // namespace

void expect_usable_token(const SecretBytes& token) {
  if (token.size() >= least_token) return;
  throw Failure(
      {.code = "token-too-short",
       .subject = "token",
       .cause = "it has fewer than 16 bytes",
       .hint = "make a random one on the CA's side (`openssl rand -hex 32 > token`) and take it to the clients"});
}

Bytes key_identifier(ByteView public_key_der) {
  const unsigned char* at = public_key_der.data();
  X509_PUBKEY* read = d2i_X509_PUBKEY(nullptr, &at, static_cast<long>(public_key_der.size()));
  const std::unique_ptr<X509_PUBKEY, ossl::Deleter<X509_PUBKEY_free>> key(read);
  const unsigned char* bits = nullptr;
  int size = 0;
  if (!key || X509_PUBKEY_get0_param(nullptr, &bits, &size, nullptr, key.get()) != 1 || size <= 0) {
    throw ossl::openssl_failure("key-weak", "public key", "make the request anew with an RSA key of 2048 bits");
  }
  Bytes identifier(20);
  java::OldDigest(java::OldDigest::Kind::sha1).add({bits, static_cast<std::size_t>(size)}).finish(identifier);
  return identifier;
}

Sha256 mac_over(const SecretBytes& token, ByteView public_key_der) {
  return hmac_sha256(view_of(token), key_identifier(public_key_der));
}

RequestBody read_request(const std::string& body) {
  const Json object = read_object(body);
  return {.mac = bytes_of(object, "hmac"), .csr_pem = text_of(object, "csr")};
}

ReplyBody read_reply(const std::string& body) {
  const Json object = read_object(body);
  return {.mac = bytes_of(object, "hmac"),
          .certificate_pem = text_of(object, "pemEncodedCertificate"),
          .error = text_of(object, "error")};
}

std::string write_request(const RequestBody& request) {
  return Json{{"hmac", to_base64(request.mac)}, {"csr", request.csr_pem}}.dump();
}

std::string write_reply(const ReplyBody& reply) {
  // What is said of a request may quote it: bytes that are no UTF-8 must not keep the answer back.
  if (!reply.error.empty()) return Json{{"error", reply.error}}.dump(-1, ' ', false, Json::error_handler_t::replace);
  return Json{{"hmac", to_base64(reply.mac)}, {"pemEncodedCertificate", reply.certificate_pem}}.dump();
}

}  // namespace chancery::nifi
