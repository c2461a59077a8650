#include "portal/alerts/mail_channel.h"

#include "portal/alerts/wording.h"
#include "portal/smtp.h"

namespace chancery::portal::alerts {

MailChannel::MailChannel(MailSettings settings, std::string appliance, std::function<Bytes()> trust, Clock clock)
    : settings_(std::move(settings)),
      appliance_(std::move(appliance)),
      trust_(std::move(trust)),
      clock_(std::move(clock)) {}

const std::string& MailChannel::name() const {
  static const std::string mail = "mail";
  return mail;
}

std::string MailChannel::destination() const {
  std::string text;
  for (const std::string& recipient : settings_.to) text += (text.empty() ? "" : ", ") + recipient;
  return text + " by " + settings_.server.host + ":" + std::to_string(settings_.server.port);
}

void MailChannel::deliver(const Delivery& delivery) {
  const Instant now = clock_();
  const Letter letter = letter_of(delivery, appliance_, now);
  send_mail(settings_, trust_(), {.subject = letter.subject, .body = letter.body}, now);
}

}  // namespace chancery::portal::alerts
