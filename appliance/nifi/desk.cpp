#include "appliance/nifi/desk.h"

#include <algorithm>
#include <array>

#include "appliance/nifi/wire.h"
#include "keystore/fault.h"

namespace chancery::nifi {
namespace {

Desk::Answer refused(int status, const std::string& error, const std::string& why = {}) {
  return {.status = status,
          .body = write_reply({.mac = {}, .certificate_pem = {}, .error = error}),
          .line = "refused, " + (why.empty() ? error : why)};
}

Desk::Answer forbidden(const std::string& why) { return refused(403, "forbidden", why); }

// Everything else is the CA's own trouble and nobody's business.
bool is_about_request(const Failure& failure) {
  constexpr std::array codes{"nifi-malformed", "not-a-request", "bad-request-signature", "key-weak", "bad-name"};
  return std::any_of(codes.begin(), codes.end(), [&](const char* code) { return failure.code() == code; });
}

const SecretBytes& usable(const SecretBytes& token) {
  expect_usable_token(token);
  return token;
}

}  // namespace

Desk::Desk(CertificateAuthority authority, SecretBytes token, Clock clock)
    : authority_(std::move(authority)),
      token_(std::move(token)),
      clock_(std::move(clock)),
      own_mac_(mac_over(usable(token_), authority_.key().public_key_der())) {}

Desk::Answer Desk::answer(const std::string& body, const std::string& peer) {
  try {
    return judged(body, peer);
  } catch (const Failure& failure) {
    if (is_about_request(failure)) return refused(400, failure.cause(), failure.what());
    return refused(500, "server error", failure.what());
  } catch (const std::exception& problem) {
    return refused(500, "server error", problem.what());
  }
}

Desk::Answer Desk::judged(const std::string& body, const std::string& peer) {
  const RequestBody request = read_request(body);
  if (request.mac.empty()) return refused(400, "hmac field must be set");
  if (request.csr_pem.empty()) return refused(400, "csr field must be set");
  const Instant now = clock_();
  if (attempts_.must_wait(peer, now)) return forbidden("too many wrong tokens from this address");
  const CertificateRequest csr = CertificateRequest::from_pem(view_of(request.csr_pem));
  const Sha256 expected = mac_over(token_, csr.public_key_der());
  if (!secret_equal(expected, request.mac)) {
    attempts_.failed(peer, now);
    return forbidden("wrong token");
  }
  const Certificate leaf = authority_.issue(csr, now);
  return {.status = 200,
          .body = write_reply(
              {.mac = Bytes(own_mac_.begin(), own_mac_.end()), .certificate_pem = leaf.to_pem(), .error = {}}),
          .line = "certified " + leaf.subject() + ", serial " + leaf.serial()};
}

}  // namespace chancery::nifi
