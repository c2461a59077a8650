#include "appliance/federation/transcript.h"

#include "keystore/bytes/cursor.h"

namespace chancery::federation {
namespace {

Sha256 digest_of(const std::vector<IdentityRequest>& requests) {
  Writer writer;
  for (const IdentityRequest& each : requests) {
    writer.sized16(view_of(each.identity)).sized32(each.request.der());
  }
  return sha256(view_of(writer.bytes()));
}

Writer begin(std::string_view label, const JoinStatement& statement, ByteView session_secret) {
  Writer writer;
  writer.sized16(view_of(label)).sized16(session_secret).sized16(statement.token_id);
  writer.sized16(digest_of(statement.requests)).sized16(view_of(statement.role));
  writer.u16(static_cast<std::uint16_t>(statement.names.size()));
  for (const std::string& name : statement.names) writer.sized16(view_of(name));
  writer.sized16(statement.nonce).u64(static_cast<std::uint64_t>(statement.time));
  return writer;
}

}  // namespace

SecretBytes joiner_transcript(const JoinStatement& statement, ByteView session_secret, Exchange exchange) {
  const char* label = exchange == Exchange::join ? "chancery join 1 joiner" : "chancery renew 1 member";
  return begin(label, statement, session_secret).take();
}

SecretBytes authority_transcript(const JoinStatement& statement, ByteView session_secret, std::string_view reply,
                                 Exchange exchange) {
  const char* label = exchange == Exchange::join ? "chancery join 1 authority" : "chancery renew 1 authority";
  Writer writer = begin(label, statement, session_secret);
  writer.sized16(sha256(view_of(reply)));
  return writer.take();
}

}  // namespace chancery::federation
