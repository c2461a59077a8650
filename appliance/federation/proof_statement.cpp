#include "appliance/federation/proof_statement.h"

#include <nlohmann/json.hpp>

#include "appliance/federation/strict_json.h"
#include "keystore/bytes/cursor.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"

namespace chancery::federation {
namespace {

using nlohmann::json;

constexpr const char* label = "chancery proof 1 member";
constexpr std::size_t most_proofs = 256;
constexpr std::size_t longest_who = 4096;
constexpr std::size_t longest_why = 512;
constexpr std::size_t longest_signature = 1024;
constexpr std::size_t digest_size = 32;

constexpr MessageKind kind{.code = "proof-malformed",
                           .subject = "proof of an anchor",
                           .hint = "check that both sides run versions of Chancery that fit together",
                           .deepest = 3};

AnchorProof proof_in(const json& value) {
  Members members(value, kind);
  AnchorProof proof{.kind = members.text("kind", 16),
                    .who = members.text("who", longest_who),
                    .is_proven = members.flag("proven"),
                    .why = members.text("why", longest_why)};
  members.expect_no_more();
  if (proof.kind != "member" && proof.kind != "trust-store") refuse_message(kind, "a kind that nobody knows");
  return proof;
}

}  // namespace

SecretBytes proof_transcript(const ProofStatement& statement, ByteView session_secret) {
  Writer writer;
  writer.sized16(view_of(std::string_view(label))).sized16(session_secret).sized16(statement.certificate);
  writer.sized16(statement.nonce).u64(static_cast<std::uint64_t>(statement.time));
  writer.sized16(sha256(view_of(statement.report)));
  return writer.take();
}

std::string write_proof(const ProofStatement& statement, const Bytes& signature) {
  return json({{"certificate", to_hex(statement.certificate)},
               {"nonce", to_base64(statement.nonce)},
               {"time", statement.time},
               {"report", statement.report},
               {"signature", to_base64(signature)}})
      .dump();
}

SignedProof read_proof(std::string_view body) {
  if (body.size() > proof_limit) refuse_message(kind, "it is too long");
  const json document = parse_strictly(body, kind);
  Members members(document, kind);
  SignedProof message{.statement = {.certificate = members.hex("certificate", digest_size),
                                    .nonce = members.binary("nonce", nonce_size),
                                    .time = members.number("time"),
                                    .report = members.text("report", proof_limit)},
                      .signature = members.binary("signature", longest_signature)};
  members.expect_no_more();
  if (message.statement.nonce.size() != nonce_size) refuse_message(kind, "nonce is not of 32 bytes");
  return message;
}

std::string write_report(const ReportText& report) {
  json proofs = json::array();
  for (const AnchorProof& each : report.proofs) {
    proofs.push_back(
        {{"kind", each.kind}, {"who", each.who}, {"proven", each.is_proven}, {"why", each.why.substr(0, longest_why)}});
  }
  return json({{"root", report.root_sha256}, {"proofs", std::move(proofs)}})
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

ReportText read_report(std::string_view body) {
  const json document = parse_strictly(body, kind);
  Members members(document, kind);
  ReportText report{.root_sha256 = to_hex(members.hex("root", digest_size)), .proofs = {}};
  for (const json& each : members.array("proofs", most_proofs)) report.proofs.push_back(proof_in(each));
  members.expect_no_more();
  return report;
}

}  // namespace chancery::federation
