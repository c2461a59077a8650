// What every exchange of a member or joiner with the authority has in common. Internal to appliance/federation.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "appliance/federation/join.h"
#include "appliance/federation/transcript.h"
#include "appliance/http/client.h"
#include "keystore/fault.h"

namespace chancery::federation {

[[nodiscard]] std::string address_of(const tls::Target& target);
// TLS 1.3 to whoever holds this key, and to nobody else.
[[nodiscard]] tls::ClientOptions pinning(const Sha256& pin);
// The peer's key as the authority signs with it; ClientContext has compared it with the pin already.
[[nodiscard]] Bytes pinned_key(const tls::Connection& connection, const Sha256& pin, const std::string& peer);
[[nodiscard]] Failure relay_suspected(const std::string& peer, Exchange exchange);
// Failure("clock-skew") for more than an hour.
void check_skew(std::int64_t server_time, Instant now, const std::string& peer);
// The Failure that a refusal over the wire stands for; "reply-invalid" for those that nobody knows.
[[noreturn]] void refused(const http::Reply& reply, Instant now, const std::string& peer);
// The primary may be reached by an address it does not know (NAT); it answers to the names of its certificate.
[[nodiscard]] std::map<std::string, std::string> host_header(const tls::Connection& connection);
// With 503 and "not-the-issuer": "HOST:PORT" of the primary that issues at present.
inline constexpr const char* issuer_header = "chancery-issuer";
// http::request_bound, and where another primary issues the same once more with the one that the answer names. Whoever
// that is has to satisfy `context` as well: an address is taken from nobody but a holder of the authority's key, and
// leads to nobody else. Where that one cannot be asked the failure is the first one's, "not-the-issuer".
void ask_issuer(const tls::Target& authority, const tls::ClientContext& context,
                const std::function<http::Request(const tls::Connection&)>& make,
                const std::function<void(const tls::Connection&, const http::Reply&)>& check,
                std::chrono::milliseconds deadline);
[[nodiscard]] Certificate one_certificate(const std::string& text, const std::string& peer);

}  // namespace chancery::federation
