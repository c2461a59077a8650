// libFuzzer: the bytes that are peeked at before there is an SSL.
#include "appliance/tls/client_hello.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const chancery::tls::ClientHello hello = chancery::tls::peek_client_hello({data, size});
  // Every name takes at least its length byte.
  if (hello.state == chancery::tls::ClientHello::State::complete && hello.alpn.size() > size) __builtin_trap();
  return 0;
}
