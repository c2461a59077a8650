#include <gtest/gtest.h>

#include "appliance/nifi/names.h"
#include "appliance/nifi/wire.h"
#include "tests/fuzz/bombard.h"
#include "tests/nifi/fuzz/targets.h"

namespace chancery::nifi {
namespace {

void bombard(const std::string& name, void (*target)(ByteView), const std::vector<std::string>& seeds) {
  std::vector<Bytes> bytes;
  for (const std::string& seed : seeds) bytes.push_back(bytes_of(seed));
  fuzz::bombard(name, target, std::move(bytes));
}

CertificateRequest request() {
  return make_request(PrivateKey::generate(KeyType::ecdsa_p256), read_subject("CN=node.test, OU=NIFI"),
                      {parse_name("192.0.2.1")});
}

TEST(NifiFuzz, Heads) {
  bombard("nifi_head", fuzz::nifi_head,
          {"POST / HTTP/1.1\r\nHost: ca\r\nContent-Length: 7\r\nExpect: 100-continue\r\n\r\n{}",
           "POST / HTTP/1.1\r\nContent-Length: 7\r\nContent-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n"});
}

TEST(NifiFuzz, Bodies) {
  bombard("nifi_body", fuzz::nifi_body,
          {write_request({.mac = Bytes(32, 1), .csr_pem = request().to_pem()}),
           write_reply({.mac = Bytes(32, 1), .certificate_pem = "pem", .error = {}}), R"({"error":"forbidden"})",
           R"({"hmac":null,"csr":"\ud800"})", "[[[["});
}

TEST(NifiFuzz, Requests) { bombard("nifi_request", fuzz::nifi_request, {std::string(text_of(request().der()))}); }

}  // namespace
}  // namespace chancery::nifi
