// The few bytes before TLS on services that begin in plain text: SMTP (RFC 3207), LDAP (RFC 4511, 4.14), PostgreSQL's
// SSLRequest. Replies are bounded at 4 KiB, and read byte by byte: what a man in the middle puts behind the last of them
// is refused by TLS, and never taken for an answer that came over it. For tls/ and for clients of such services.
#pragma once

#include <string>

#include "appliance/tls/tcp.h"

namespace chancery::tls {

// `service`: "smtp", "ldap" or "postgres"; "" does nothing. Failure("starttls-refused", "bad-address" for another
// service, "timeout", "closed").
void start_tls(const std::string& service, int descriptor, const std::string& peer, Deadline deadline);

}  // namespace chancery::tls
