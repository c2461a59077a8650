// The few bytes before TLS on services that begin in plain text: SMTP (RFC 3207), LDAP (RFC 4511, 4.14), PostgreSQL's
// SSLRequest. Replies are bounded at 4 KiB. For sources of tls/ only.
#pragma once

#include <string>

#include "appliance/tls/tcp.h"

namespace chancery::tls {

// `service`: "smtp", "ldap" or "postgres"; "" does nothing. Failure("starttls-refused", "bad-address" for another
// service, "timeout", "closed").
void start_tls(const std::string& service, int descriptor, const std::string& peer, Deadline deadline);

}  // namespace chancery::tls
