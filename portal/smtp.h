// A message to a mail server by SMTP over TLS (RFC 5321, RFC 3207, RFC 8314): the small part that alerts need.
//
//   send_mail(settings, trust_pem, {.subject = "…", .body = "…"}, clock());
//
// TLS is always verified, chain and host name (P23); a server that does not start it is Failure("starttls-refused") and
// gets nothing, neither password nor message. The message is UTF-8 text, base64 inside; its header holds nothing but
// what was checked in the settings and an encoded subject. Failures: those of tls/connection.h, and "mail-refused" with
// what the server said. A message is sent wholly or not at all; after the server's answer was lost it may be both.
// Thread safe.
#pragma once

#include <string>

#include "appliance/settings/portal_settings.h"
#include "keystore/x509/instant.h"

namespace chancery::portal {

struct Mail {
  std::string subject;
  std::string body;  // lines end in \n
};

void send_mail(const MailSettings& settings, const Bytes& trust_pem, const Mail& mail, Instant now);

// The message as it is sent, without the final dot; `id` makes its Message-ID unique.
[[nodiscard]] std::string mail_text(const MailSettings& settings, const Mail& mail, Instant now, const std::string& id);

}  // namespace chancery::portal
