#include "appliance/federation/anchor_proof.h"

#include <nlohmann/json.hpp>

#include "appliance/authority/register.h"
#include "appliance/federation/authority_link.h"
#include "appliance/federation/join_wire.h"
#include "appliance/federation/proof_statement.h"
#include "keystore/bytes/text_encoding.h"

namespace chancery::federation {
namespace {

using nlohmann::json;

// The one root, and nothing that could lead around it. Names are not compared: it is the key that counts, and a primary
// may be reached by an address that it does not know.
tls::ClientContext anchored_at(const Certificate& root) {
  tls::ClientOptions options;
  const std::string pem = root.to_pem();
  options.trust_pem = {pem.begin(), pem.end()};
  options.verify_name = false;
  options.minimum_protocol = "TLSv1.3";
  options.alpn = {"http/1.1"};
  return tls::ClientContext(std::move(options));
}

void expect_full(const tls::Connection& connection, const Sha256& pin, const std::string& peer) {
  try {
    static_cast<void>(pinned_key(connection, pin, peer));
  } catch (const Failure&) {
    throw relay_suspected(peer, Exchange::renewal);
  }
  if (connection.peer_verified() && !connection.was_resumed()) return;
  throw Failure({.code = "proof-refused",
                 .subject = peer,
                 .cause = "the handshake was not a full one",
                 .hint = "it is tried again by itself"});
}

}  // namespace

void report_proofs(const ProofRequest& request, const Report& report, const Clock& clock) {
  const std::string peer = address_of(request.authority);
  const tls::ClientContext context = anchored_at(report.root);
  const auto make = [&](const tls::Connection& connection) {
    expect_full(connection, request.authority_pin, peer);
    ProofStatement statement{.certificate = from_hex(request.member.fingerprint()),
                             .nonce = {},
                             .time = clock().time_since_epoch().count(),
                             .report = write_report({report.root.fingerprint(), report.proofs})};
    const SecretBytes nonce = random_secret(nonce_size);
    statement.nonce.assign(nonce.begin(), nonce.end());
    const SecretBytes session = connection.exporter(proof_session_label, session_secret_size);
    const Bytes signature = request.member_key.sign(view_of(proof_transcript(statement, view_of(session))));
    return http::Request{.method = "POST",
                         .path = "/proof",
                         .content_type = "application/json",
                         .body = write_proof(statement, signature),
                         .headers = host_header(connection)};
  };
  const auto check = [&](const tls::Connection&, const http::Reply& reply) {
    if (reply.status == 200) return;
    WireRefusal refusal;
    try {
      refusal = read_refusal(reply.body);
    } catch (const Failure&) {
      refusal.code = "status " + std::to_string(reply.status);
    }
    if (refusal.code == "clock-skew") check_skew(refusal.server_time, clock(), peer);
    if (refusal.code == "not-the-issuer") refused(reply, clock(), peer);
    throw Failure({.code = "proof-refused",
                   .subject = peer,
                   .cause = "the authority does not take the proof: " + refusal.code,
                   .hint = "its log has the reason: see it on the primary. It is tried again by itself"});
  };
  ask_issuer(request.authority, context, make, check, request.deadline);
}

void shake_hands_under(const tls::Target& authority, const Sha256& pin, const Certificate& root,
                       std::chrono::milliseconds deadline) {
  const tls::ClientContext context = anchored_at(root);
  const tls::Connection connection = tls::Connection::connect(authority, context, tls::within(deadline));
  expect_full(connection, pin, address_of(authority));
}

std::vector<KeptProof> kept_proofs(const storage::Store& store) {
  std::vector<KeptProof> all;
  for (const storage::Row& row :
       store.rows("SELECT member, kind, who, root, proven, why, seen FROM proofs ORDER BY member, kind, who")) {
    all.push_back({.member = row.text(0),
                   .proof = {.kind = row.text(1), .who = row.text(2), .is_proven = !row.is_null(4), .why = row.text(5)},
                   .root_sha256 = to_hex(row.blob(3)),
                   .seen = authority::instant_of(row.integer(6))});
  }
  return all;
}

void keep_proofs(storage::Store& store, const std::string& member, const std::string& root_sha256,
                 const std::vector<AnchorProof>& proofs, Instant when) {
  const std::int64_t now = authority::seconds_of(when);
  store.write([&] {
    store.run("DELETE FROM proofs WHERE member = ?", {member});
    for (const AnchorProof& each : proofs) {
      store.run("INSERT INTO proofs (member, kind, who, root, proven, why, seen) VALUES (?, ?, ?, ?, ?, ?, ?)",
                {member, each.kind, each.who, from_hex(root_sha256),
                 each.is_proven ? storage::Value(now) : storage::Value(std::monostate{}), each.why, now});
    }
  });
}

}  // namespace chancery::federation
