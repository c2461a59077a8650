#include "appliance/membership/customer_keys.h"

#include "keystore/bytes/cursor.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"
#include "keystore/openssl/digest.h"

namespace chancery {

namespace {

constexpr std::string_view magic = "chancery customer keys 1\n";
constexpr std::string_view id_label = "chancery customer key id 1";
constexpr std::size_t shortest_key = 16;
constexpr std::size_t longest_key = 64;
constexpr std::size_t id_digits = 16;
constexpr std::uint64_t latest_second = 253'402'300'799;  // the year 9999

Failure damaged(const std::string& cause) {
  return Failure({.code = "customer-key-damaged",
                  .subject = CustomerKeys::path,
                  .cause = cause,
                  .hint = "go back to a generation that has it whole (chancery generation list); nobody is admitted "
                          "without it"});
}

Instant instant_in(Reader& in) {
  const std::uint64_t seconds = in.u64();
  if (seconds > latest_second) throw damaged("a time in it is out of range");
  return Instant(std::chrono::seconds(static_cast<std::int64_t>(seconds)));
}

std::uint64_t seconds_of(Instant instant) { return static_cast<std::uint64_t>(instant.time_since_epoch().count()); }

SecretBytes key_in(Reader& in) {
  const ByteView key = in.sized16(longest_key);
  if (key.size() < shortest_key) throw damaged("a key in it is too short");
  return secret_copy(key);
}

CustomerKeys parsed(ByteView bytes) {
  Reader in(bytes, CustomerKeys::path);
  if (text_of(in.block(magic.size())) != magic) throw damaged("it does not begin like a file of Customer Keys");
  CustomerKeys keys;
  keys.number = in.u64();
  keys.since = instant_in(in);
  const std::size_t count = in.u8();
  if (count == 0 || count > CustomerKeys::most_former + 1) throw damaged("it has no key, or too many");
  keys.current = key_in(in);
  static_cast<void>(instant_in(in));
  for (std::size_t at = 1; at < count; ++at) {
    FormerCustomerKey former{.key = key_in(in), .admits_until = {}};
    former.admits_until = instant_in(in);
    keys.former.push_back(std::move(former));
  }
  in.expect_end();
  return keys;
}

}  // namespace

CustomerKeys CustomerKeys::parse(ByteView bytes) {
  try {
    return parsed(bytes);
  } catch (const Failure& failure) {
    if (failure.code() == "customer-key-damaged") throw;
    throw damaged(failure.cause());
  }
}

SecretBytes CustomerKeys::to_bytes() const {
  Writer out;
  out.block(view_of(magic)).u64(number).u64(seconds_of(since)).u8(static_cast<std::uint8_t>(former.size() + 1));
  out.sized16(view_of(current)).u64(0);
  for (const FormerCustomerKey& each : former) out.sized16(view_of(each.key)).u64(seconds_of(each.admits_until));
  return out.take();
}

const SecretBytes* CustomerKeys::find(const std::string& id) const {
  if (!current.empty() && id_of(current) == id) return &current;
  for (const FormerCustomerKey& each : former) {
    if (id_of(each.key) == id) return &each.key;
  }
  return nullptr;
}

bool CustomerKeys::admits(ByteView proof, ByteView transcript, Instant now) const {
  bool is_good = secret_equal(hmac_sha256(view_of(current), transcript), proof) && !current.empty();
  for (const FormerCustomerKey& each : former) {
    const bool fits = secret_equal(hmac_sha256(view_of(each.key), transcript), proof);
    is_good = is_good || (fits && now < each.admits_until);
  }
  return is_good;
}

CustomerKeys CustomerKeys::rotated(SecretBytes key, Instant now, Instant admits_until) const {
  CustomerKeys next{.number = number + 1, .since = now, .current = std::move(key), .former = {}};
  next.former.push_back({.key = current, .admits_until = admits_until});
  for (const FormerCustomerKey& each : former) {
    if (next.former.size() < most_former) next.former.push_back(each);
  }
  return next;
}

CustomerKeys CustomerKeys::without_overlap(Instant now) const {
  CustomerKeys next = *this;
  for (FormerCustomerKey& each : next.former) each.admits_until = std::min(each.admits_until, now);
  if (next.former != former) ++next.number;
  return next;
}

std::string id_of(const SecretBytes& customer_key) {
  return to_hex(hmac_sha256(view_of(customer_key), view_of(id_label))).substr(0, id_digits);
}

CustomerKeys customer_keys_of(const backup::Generation& generation) {
  if (generation.has(CustomerKeys::path)) {
    return CustomerKeys::parse(view_of(generation.read_secret(CustomerKeys::path)));
  }
  CustomerKeys keys;
  if (generation.has(CustomerKeys::current_path)) keys.current = generation.read_secret(CustomerKeys::current_path);
  return keys;
}

}  // namespace chancery
