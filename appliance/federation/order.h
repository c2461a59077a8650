// Orders: what a primary's certificate manager tells the certificate manager of a member to do, and what that answers.
//
//   Order order{.federation = id, .target = "engine1.example.com", .id = …, .number = …, …, .text = request};
//   Bytes sealed = seal(view_of(write_order(order)), signer, member_certificate);            // order_seal.h
//   reply = POST https://<the member's engine>/api/v1/order, ALPN chancery-member/1, body: sealed
//
// On the wire (application/cms, RFC 5652), both ways: CMS SignedData with one signer and its chain inside, within CMS
// AuthEnvelopedData (RFC 5083, AES-256-GCM) for one recipient. Primary to member: signed by an order certificate, for
// the member's certificate. Back: signed by the member's key, for the order certificate. What is signed, big endian,
// `sized` meaning a size before the bytes (16 bits, or 32):
//
//   order = "CHANORD1"  sized16 federation  sized16 target  16 bytes id  u64 number
//           u64 issued  u64 expires                  Unix seconds; a day at most
//           sized32 text                             {"verb","arguments"} of the control protocol, at most 64 KiB
//           u16 count, count times sized32 bytes     its attachments: certificates, keys, a passphrase
//   reply = "CHANRPL1"  sized16 federation  sized16 member  16 bytes id  32 bytes order_digest(order)
//           sized32 text                             {"result":…} or {"error":…}, at most 1 MiB
//
// A question that changes nothing (a check, a dry run) may be signed by the primary's member certificate as well.
//
// An order certificate is issued by the federation's authority to the manager of a primary for hours; its key never
// leaves that process. Its URI, chancery://<federation>/orders/<role>/<name>, is what makes it one: the member
// certificates of programs (…/member/…) cannot give orders, and an order certificate is no member. So whoever has taken
// over a portal or an engine can give none. What an engine's user could do is read orders for its own appliance, since it
// has the member key: that shows it the key that it is about to serve with.
//
// Once only: a member keeps what it has answered by id. The same id again is answered the same and runs nothing twice;
// an id that it does not know must have a number above all it has seen. So nothing that was recorded can be played
// again, and an order that was overtaken by its own undoing is never run afterwards.
//
// Readers take exactly this shape, 2 MiB in all; anything else is Failure("order-malformed"). Not checked by them:
// whether anything said is true. Thread safety: values and pure functions.
#pragma once

#include <string>
#include <vector>

#include "keystore/bytes/secret.h"
#include "keystore/openssl/digest.h"
#include "keystore/x509/certificate.h"

namespace chancery::federation {

inline constexpr const char* order_path = "/api/v1/order";
inline constexpr const char* order_content_type = "application/cms";
inline constexpr std::size_t order_limit = 2 * 1024 * 1024;
// With what is around the content: certificates, signature, encryption.
inline constexpr std::size_t sealed_order_limit = order_limit + std::size_t{256} * 1024;
inline constexpr std::size_t order_id_size = 16;

struct Order {
  std::string federation = {};
  std::string target = {};  // the member's name
  Bytes id = {};
  std::uint64_t number = 0;
  Instant issued{};
  Instant expires{};
  std::string text = {};
  std::vector<SecretBytes> attachments = {};
};
[[nodiscard]] SecretBytes write_order(const Order& order);  // Failure("too-large")
[[nodiscard]] Order read_order(ByteView bytes);
// Of all that stays the same when an order is sent again: everything but the two times.
[[nodiscard]] Sha256 order_digest(const Order& order);

struct OrderReply {
  std::string federation = {};
  std::string member = {};
  Bytes id = {};
  Sha256 digest{};
  std::string text = {};
};
[[nodiscard]] SecretBytes write_order_reply(const OrderReply& reply);
[[nodiscard]] OrderReply read_order_reply(ByteView bytes);

// "chancery://<federation>/orders/<role>/<name>"
[[nodiscard]] std::string orders_uri(const std::string& federation, const std::string& role, const std::string& name);
struct Orderer {
  std::string name;         // in the URI: "primary.example.com"
  bool may_change = false;  // an order certificate; false: the member certificate of a primary, which may only ask
};
// Failure("order-refused") for anybody else: of another federation, a secondary, anything without or with several URIs.
[[nodiscard]] Orderer orderer(const Certificate& signer, const std::string& federation);

// Is it for this appliance, and of this hour? Failures: "order-misdirected", "clock-skew" (made more than an hour from
// now, with the difference), "order-expired".
void expect_for_us(const Order& order, const std::string& federation, const std::string& name, Instant now);
// Failure("reply-invalid") unless it is the answer of that member to that order.
void expect_answer_to(const OrderReply& reply, const Order& order);

}  // namespace chancery::federation
