#include "tests/federation/fuzz/targets.h"

#include "appliance/authority/authority.h"
#include "appliance/federation/join_wire.h"
#include "appliance/federation/key_wire.h"
#include "appliance/federation/order.h"
#include "appliance/federation/order_seal.h"
#include "appliance/federation/token.h"
#include "appliance/membership/customer_keys.h"
#include "tests/fuzz/expectations.h"

namespace chancery::fuzz {
namespace {

// What was read once is written and read the same again.
template <typename Read, typename Write>
void stable(ByteView input, Read read, Write write) {
  allowing_failures({}, [&] {
    const std::string once = write(read(text_of(input)));
    must(write(read(once)) == once);
  });
}

}  // namespace

void join_request(ByteView input) {
  stable(input, federation::read_statement, federation::write_statement);
  stable(input, federation::read_renewal, federation::write_renewal);
  stable(input, federation::read_key_request, federation::write_key_request);
}

void join_reply(ByteView input) {
  stable(input, federation::read_signed_reply, federation::write_signed_reply);
  stable(input, federation::read_reply_text, federation::write_reply_text);
  stable(input, federation::read_renewal_text, federation::write_renewal_text);
  stable(input, federation::read_refusal, federation::write_refusal);
  stable(input, federation::read_key_reply, federation::write_key_reply);
  allowing_failures({}, [&] {
    const SecretBytes once = CustomerKeys::parse(input).to_bytes();
    must(CustomerKeys::parse(view_of(once)).to_bytes() == once);
  });
}

void join_token(ByteView input) {
  allowing_failures({}, [&] {
    const SecretBytes once = federation::write_token(federation::read_token(input));
    must(federation::write_token(federation::read_token(view_of(once))) == once);
  });
}

void order_message(ByteView input) {
  allowing_failures({}, [&] {
    const SecretBytes once = federation::write_order(federation::read_order(input));
    must(secret_equal(view_of(once), input));
  });
  allowing_failures({}, [&] {
    const SecretBytes once = federation::write_order_reply(federation::read_order_reply(input));
    must(secret_equal(view_of(once), input));
  });
  static const PrivateKey key = PrivateKey::generate(KeyType::ecdsa_p256);
  static const Certificate own =
      authority::self_signed(key, {"engine.test"}, Instant(std::chrono::seconds(1'800'000'000)));
  allowing_failures({}, [&] {
    static_cast<void>(federation::open_sealed(input, {.certificate = own, .key = key}, {.roots = {own}}, system_now()));
    must(false);  // nobody has signed it
  });
}

}  // namespace chancery::fuzz
