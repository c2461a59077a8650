// A way to people: one delivery is one message, taken wholly or not at all. mail_channel.h and webhook.h are the two.
#pragma once

#include <string>
#include <vector>

#include "portal/alerts/book.h"

namespace chancery::portal::alerts {

struct Delivery {
  enum class Purpose { news, digest, test } purpose = Purpose::news;
  std::vector<News> news;
  std::vector<OpenCondition> open;           // of a digest
  std::vector<CertificateEnd> certificates;  // of a digest: that end within 30 days, the first to end first
};

class Channel {
 public:
  virtual ~Channel() = default;
  virtual const std::string& name() const = 0;  // "mail", "webhook"
  // For people, without what may be secret in an address: "ops@example.com by mail.example.com:587".
  virtual std::string destination() const = 0;
  // Failure where it was not taken. Takes half a minute at most. From any thread.
  virtual void deliver(const Delivery& delivery) = 0;
};

}  // namespace chancery::portal::alerts
