// How a member gets the Customer Keys after `customer-key rotate`: it asks the authority, as it did when it joined.
//
//   member:     CustomerKeys keys = fetch_customer_keys(request, clock);     // checked; nothing is written
//
// That there is something newer stands in the news (bulletin.h). POST /customer-key goes to the authority whose key the
// join pinned, over TLS 1.3. The member signs with the key of its member certificate, which must be in the register, good
// and not revoked; statement and answer are bound to this very session, and the keys are masked with a secret of it, so
// that they stand in no text in memory and nobody in between could read or keep them.
//
//   request     {"certificate":hex32,"nonce":base64,"time":unix,"signature":base64}
//   signed      sized16 "chancery customer-key 1 member", sized16 exporter ("EXPORTER-chancery-customer-key-1", 32 bytes),
//               sized16 certificate, sized16 nonce, u64 time
//   reply       {"keys":base64 (CustomerKeys::to_bytes, each byte XOR one of the exporter
//               "EXPORTER-chancery-customer-key-1-mask"),"signature":base64}
//   signed      sized16 "chancery customer-key 1 authority", sized16 the same exporter, sized16 nonce, sized16 masked keys
//
// Failures: "relay-suspected", "customer-key-refused" (revoked, removed, unknown; the authority's log says which),
// "clock-skew", "reply-invalid", and those of tls/connection.h where nobody answers.
#pragma once

#include <chrono>

#include "appliance/membership/customer_keys.h"
#include "appliance/tls/connection.h"
#include "keystore/x509/private_key.h"

namespace chancery::federation {

struct KeyRequest {
  tls::Target authority;
  Sha256 authority_pin{};
  Certificate member;
  PrivateKey member_key;
  std::chrono::milliseconds deadline{5000};
};
[[nodiscard]] CustomerKeys fetch_customer_keys(const KeyRequest& request, const Clock& clock);

}  // namespace chancery::federation
