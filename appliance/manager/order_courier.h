// Sends orders to members over mutual TLS, and gets their answers (federation/order.h).
//
//   OrderCourier courier(bench, signer);                       // no signer: questions only, by the member certificate
//   nlohmann::json answer = courier.send(target, member_certificate, order);      // {"result":…} or {"error":…}
//
// The connection is verified both ways: we show the member certificate, and the engine's certificate is judged by the
// portal's client trust and the federation's roots. Where that fails for the engine's certificate alone (it has ended,
// its root is gone: what a rollout often comes to mend) the order goes all the same, and `problem` says so: nobody but the
// member can read or answer it. Tried again until `patience` is over while the member cannot be reached or says that its
// manager is away. Failures: those of tls/connection.h, "reply-invalid", and what engine and manager refuse with;
// `was_sent` tells whether the member may have got the order. Thread safety: send() from many threads.
#pragma once

#include <atomic>
#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "appliance/federation/order.h"
#include "appliance/federation/order_seal.h"
#include "appliance/manager/bench.h"
#include "appliance/tls/connection.h"

namespace chancery::manager {

struct Sending {
  bool was_sent = false;      // the member may have got it
  bool was_repeated = false;  // and got it again, because the first answer did not come
  std::string problem = {};   // what is wrong with the engine's certificate, while its answer is right
};

class OrderCourier {
 public:
  OrderCourier(Bench& bench, std::optional<federation::OrderRecipient> signer, std::vector<Certificate> issuers,
               std::chrono::seconds patience);

  [[nodiscard]] nlohmann::json send(const tls::Target& target, const Certificate& member,
                                    const federation::Order& order, Sending& sending) const;
  // SHA-256 of the leaf that an engine presents now, whatever it is worth. Failures of tls/connection.h.
  [[nodiscard]] std::string served_at(const tls::Target& target) const;

 private:
  [[nodiscard]] nlohmann::json attempt(const tls::Target& target, const Certificate& member,
                                       const federation::Order& order, Sending& sending) const;
  std::string federation_;
  Clock clock_;
  std::vector<Certificate> roots_;
  std::optional<federation::OrderRecipient> own_;
  std::vector<Certificate> chain_;
  std::optional<tls::ClientContext> strict_;
  std::optional<tls::ClientContext> lenient_;
  std::chrono::seconds patience_;
};

}  // namespace chancery::manager
