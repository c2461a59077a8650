#include "appliance/federation/order.h"

#include <algorithm>

#include "appliance/federation/member_uri.h"
#include "keystore/bytes/cursor.h"
#include "keystore/fault.h"

namespace chancery::federation {
namespace {

constexpr std::string_view order_mark = "CHANORD1";
constexpr std::string_view reply_mark = "CHANRPL1";
constexpr std::size_t name_limit = 300;
constexpr std::size_t text_limit = std::size_t{64} * 1024;
constexpr std::size_t reply_text_limit = std::size_t{1024} * 1024;
constexpr std::size_t most_attachments = 64;
constexpr std::chrono::hours longest_life{24};
constexpr std::chrono::hours clock_tolerance{1};
// No instant that we can compute with lies beyond (the year 2486).
constexpr std::uint64_t last_second = 1ULL << 34;

Failure malformed(const std::string& cause) {
  return Failure({.code = "order-malformed",
                  .subject = "order",
                  .cause = cause,
                  .hint = "primary and member must be of the same major version"});
}

Failure refused(const std::string& subject, const std::string& cause) {
  return Failure(
      {.code = "order-refused",
       .subject = subject,
       .cause = cause,
       .hint = "only the certificate manager of this federation's primary gives orders: run the command there"});
}

Failure too_large(std::size_t size) {
  return Failure({.code = "too-large",
                  .subject = "order",
                  .cause = "its files take " + std::to_string(size) + " bytes, and an order at most " +
                           std::to_string(order_limit),
                  .hint = "give the leaf, its key and its intermediates only, not a whole bundle of CAs"});
}

std::string name_from(Reader& in) {
  const std::string_view text = text_of(in.sized16(name_limit));
  if (text.empty() || std::ranges::any_of(text, [](char c) { return c < 0x21 || c > 0x7e; })) {
    throw malformed("a name in it cannot be one");
  }
  return std::string(text);
}

Instant instant_from(Reader& in) {
  const std::uint64_t seconds = in.u64();
  if (seconds > last_second) throw malformed("a time in it is out of range");
  return Instant(std::chrono::seconds(static_cast<std::int64_t>(seconds)));
}

std::uint64_t seconds_of(Instant instant) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, instant.time_since_epoch().count()));
}

void expect_mark(Reader& in, std::string_view mark) {
  if (text_of(in.block(mark.size())) != mark) throw malformed("it does not begin like one");
}

// The cursor's own failures are about bytes; here they mean one thing.
template <typename Parse>
auto within_bounds(ByteView bytes, const char* what, Parse parse) {
  if (bytes.size() > order_limit) throw malformed("it is larger than " + std::to_string(order_limit) + " bytes");
  try {
    Reader in(bytes, what);
    auto value = parse(in);
    in.expect_end();
    return value;
  } catch (const Failure& failure) {
    if (failure.code() == "order-malformed") throw;
    throw malformed(failure.cause());
  }
}

}  // namespace

SecretBytes write_order(const Order& order) {
  std::size_t size = order.text.size() + 1024;
  for (const SecretBytes& attachment : order.attachments) size += attachment.size() + 4;
  if (size > order_limit) throw too_large(size);
  if (order.attachments.size() > most_attachments || order.text.size() > text_limit) throw too_large(size);
  Writer out;
  out.reserve(size);
  out.block(view_of(order_mark)).sized16(view_of(order.federation)).sized16(view_of(order.target)).block(order.id);
  out.u64(order.number).u64(seconds_of(order.issued)).u64(seconds_of(order.expires)).sized32(view_of(order.text));
  out.u16(static_cast<std::uint16_t>(order.attachments.size()));
  for (const SecretBytes& attachment : order.attachments) out.sized32(view_of(attachment));
  return out.take();
}

Order read_order(ByteView bytes) {
  return within_bounds(bytes, "order", [](Reader& in) {
    expect_mark(in, order_mark);
    Order order;
    order.federation = name_from(in);
    order.target = name_from(in);
    const ByteView id = in.block(order_id_size);
    order.id.assign(id.begin(), id.end());
    order.number = in.u64();
    order.issued = instant_from(in);
    order.expires = instant_from(in);
    order.text = text_of(in.sized32(text_limit));
    const std::size_t count = in.u16();
    if (count > most_attachments) throw malformed("it has more than " + std::to_string(most_attachments) + " files");
    for (std::size_t i = 0; i < count; ++i) order.attachments.push_back(secret_copy(in.sized32(order_limit)));
    return order;
  });
}

Sha256 order_digest(const Order& order) {
  Order timeless = order;
  timeless.issued = timeless.expires = {};
  return sha256(view_of(write_order(timeless)));
}

SecretBytes write_order_reply(const OrderReply& reply) {
  if (reply.text.size() > reply_text_limit) throw too_large(reply.text.size());
  Writer out;
  out.block(view_of(reply_mark)).sized16(view_of(reply.federation)).sized16(view_of(reply.member)).block(reply.id);
  out.block(reply.digest).sized32(view_of(reply.text));
  return out.take();
}

OrderReply read_order_reply(ByteView bytes) {
  return within_bounds(bytes, "reply to an order", [](Reader& in) {
    expect_mark(in, reply_mark);
    OrderReply reply;
    reply.federation = name_from(in);
    reply.member = name_from(in);
    const ByteView id = in.block(order_id_size);
    reply.id.assign(id.begin(), id.end());
    std::ranges::copy(in.block(reply.digest.size()), reply.digest.begin());
    reply.text = text_of(in.sized32(reply_text_limit));
    return reply;
  });
}

std::string orders_uri(const std::string& federation, const std::string& role, const std::string& name) {
  return "chancery://" + federation + "/orders/" + role + "/" + name;
}

Orderer orderer(const Certificate& signer, const std::string& federation) {
  std::string found;
  for (const AlternativeName& name : signer.names()) {
    if (name.kind != AlternativeName::Kind::uri) continue;
    if (!found.empty()) throw refused(signer.subject(), "its signer bears several URIs");
    found = name.value;
  }
  for (const char* role : {"primary", "single"}) {
    for (const bool may_change : {true, false}) {
      const std::string prefix = may_change ? orders_uri(federation, role, "") : member_uri(federation, role, "");
      if (found.size() > prefix.size() && found.starts_with(prefix)) return {found.substr(prefix.size()), may_change};
    }
  }
  throw refused(signer.subject(), found.empty() ? "its signer is nobody of a federation"
                                                : "its signer, " + found + ", may give no orders here");
}

void expect_for_us(const Order& order, const std::string& federation, const std::string& name, Instant now) {
  if (order.federation != federation || order.target != name) {
    throw Failure({.code = "order-misdirected",
                   .subject = order.target,
                   .cause = "this order is for " + order.target + " of federation " + order.federation +
                            ", and this appliance is " + name + " of " + federation,
                   .hint = "look at the primary where members are said to be: chancery federation list"});
  }
  if (order.issued > now + clock_tolerance || order.issued < now - longest_life - clock_tolerance) {
    const auto apart = std::chrono::abs(now - order.issued);
    throw Failure({.code = "clock-skew",
                   .subject = name,
                   .cause = "the order was made " + std::to_string(apart.count()) + " seconds from now",
                   .hint = "set the clocks of primary and member right"});
  }
  if (order.expires <= now || order.expires - order.issued > longest_life) {
    throw Failure({.code = "order-expired",
                   .subject = name,
                   .cause = "the order was good until " + to_rfc3339(order.expires),
                   .hint = "let the primary send it again: chancery federation rollout --resume"});
  }
}

void expect_answer_to(const OrderReply& reply, const Order& order) {
  if (reply.federation == order.federation && reply.member == order.target && reply.id == order.id &&
      reply.digest == order_digest(order)) {
    return;
  }
  throw Failure({.code = "reply-invalid",
                 .subject = order.target,
                 .cause = "what came back is not the answer to this order",
                 .hint = "somebody may sit in between; try again, and look at the member itself"});
}

}  // namespace chancery::federation
