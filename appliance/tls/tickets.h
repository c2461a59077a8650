// Session-ticket keys of a program (RFC 5077), shared by all its listeners and set explicitly: resumption survives a
// swap of certificate, and ends with a change of trust or client policy (Live::set renews them then). Keys live 12
// hours and open tickets for 12 more. For sources of tls/ only. Thread safety: synchronised.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>

#include "appliance/tls/serving_snapshot.h"
#include "keystore/bytes/secret.h"

namespace chancery::tls {

struct TicketKey {
  std::array<std::uint8_t, 16> name{};
  SecretBytes cipher;  // AES-256
  SecretBytes mac;     // HMAC-SHA-256
  std::chrono::steady_clock::time_point made{};
};

struct Live::Tickets {
  Tickets();
  void renew();  // forgets every key: no ticket that is out there opens any more
  std::shared_ptr<const TicketKey> to_seal();
  // The key a ticket was sealed with, or nullptr. `ageing`: it opens, but should be replaced by a new ticket.
  std::shared_ptr<const TicketKey> to_open(const std::uint8_t* name, bool* ageing) const;

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const TicketKey> now_;
  std::shared_ptr<const TicketKey> before_;
};

}  // namespace chancery::tls
