// The collector channel without TLS, where a profile's required-level is None (D1, D2). The same frames and messages as
// over TLS, after one exchange that takes the place of the TLS session in every proof:
//
//   collector -> server   nonce    {"type":"nonce","nonce":base64 of 32 random bytes}   the first frame of the connection
//   server -> collector   nonce    32 random bytes of its own, so that neither side can be served an old proof
//   … then hello, admission, welcome and the rest (collector_messages.h), or refused
//
// What a peer speaks shows in its first byte: 22 is a TLS record; 0 a frame of this channel, whose length is at most 256
// KiB; a capital letter a request of HTTP. An endpoint whose level is another one answers a frame with silence and a close.
//
// A proof covers `label | collector's nonce | server's nonce | id` instead of `label | exporter | id`; its labels are
// others than over TLS, so that a proof made in plain text counts in no TLS session, and the other way round. Nothing
// here protects what is sent: whoever stands between reads all of it and can pass proofs on. So both ends log such a
// session as unprotected, a collector learns no roots over it and proves none, and over TLS a nonce is "message-invalid".
//
// A collector (level None) tries TLS first and speaks plain text only to a server that does not:
//
//   tls::Connection link = tls::Connection::connect_plain(server, deadline);
//   PlainNonces nonces{.collector = fresh_nonce(), .server = {}};
//   send(Nonce{nonces.collector});   …   nonces.server = std::get<Nonce>(answer).value;
//   hello.signature = key.sign(plain_transcript(nonces, Speaker::collector, id));
#pragma once

#include "appliance/wire/collector_messages.h"

namespace chancery::wire {

struct PlainNonces {
  Bytes collector;
  Bytes server;
};

[[nodiscard]] Bytes fresh_nonce();  // nonce_size random bytes
[[nodiscard]] Bytes plain_transcript(const PlainNonces& nonces, Speaker speaker, const std::string& id);

}  // namespace chancery::wire
