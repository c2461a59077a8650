#include "appliance/federation/proof_statement.h"

#include <nlohmann/json.hpp>

#include "keystore/bytes/cursor.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"

namespace chancery::federation {
namespace {

using nlohmann::json;

constexpr const char* label = "chancery proof 1 member";
constexpr int deepest = 3;
constexpr std::size_t most_proofs = 256;
constexpr std::size_t longest_who = 4096;
constexpr std::size_t longest_why = 512;
constexpr std::size_t longest_signature = 1024;
constexpr std::size_t digest_size = 32;

[[noreturn]] void malformed(const std::string& cause) {
  throw Failure({.code = "proof-malformed",
                 .subject = "proof of an anchor",
                 .cause = cause,
                 .hint = "check that both sides run versions of Chancery that fit together"});
}

json parse(std::string_view text, std::size_t members) {
  const auto watch = [](int depth, json::parse_event_t, json&) {
    if (depth > deepest) malformed("it is nested too deeply");
    return true;
  };
  json document;
  try {
    document = json::parse(text, watch);
  } catch (const json::exception&) {
    // The library's message would quote the input.
    malformed("it is not JSON");
  }
  if (!document.is_object() || document.size() != members) malformed("it has members that nobody knows, or too few");
  return document;
}

std::string text(const json& object, const char* name, std::size_t limit) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) malformed(std::string(name) + " is missing or not a text");
  if (found->get_ref<const std::string&>().size() > limit) malformed(std::string(name) + " is too long");
  return found->get<std::string>();
}

Bytes digest(const json& object, const char* name) {
  Bytes bytes;
  try {
    bytes = from_hex(text(object, name, 2 * digest_size));
  } catch (const Failure&) {
    malformed(std::string(name) + " is not hex");
  }
  if (bytes.size() != digest_size) malformed(std::string(name) + " is not of 32 bytes");
  return bytes;
}

Bytes binary(const json& object, const char* name, std::size_t limit) {
  Bytes bytes;
  try {
    bytes = from_base64(text(object, name, 2 * limit));
  } catch (const Failure&) {
    malformed(std::string(name) + " is not base64");
  }
  return bytes;
}

AnchorProof proof_in(const json& value) {
  if (!value.is_object() || value.size() != 4) malformed("a proof in it is none");
  const auto proven = value.find("proven");
  if (proven == value.end() || !proven->is_boolean()) malformed("proven is neither true nor false");
  AnchorProof proof{.kind = text(value, "kind", 16),
                    .who = text(value, "who", longest_who),
                    .is_proven = proven->get<bool>(),
                    .why = text(value, "why", longest_why)};
  if (proof.kind != "member" && proof.kind != "trust-store") malformed("a kind that nobody knows");
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
  if (body.size() > proof_limit) malformed("it is too long");
  const json document = parse(body, 5);
  const auto time = document.find("time");
  if (time == document.end() || !time->is_number_integer() || *time < json(0) || *time > json(std::int64_t{1} << 40)) {
    malformed("time is not a number in its range");
  }
  SignedProof message{.statement = {.certificate = digest(document, "certificate"),
                                    .nonce = binary(document, "nonce", nonce_size),
                                    .time = time->get<std::int64_t>(),
                                    .report = text(document, "report", proof_limit)},
                      .signature = binary(document, "signature", longest_signature)};
  if (message.statement.nonce.size() != nonce_size) malformed("nonce is not of 32 bytes");
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
  const json document = parse(body, 2);
  ReportText report{.root_sha256 = to_hex(digest(document, "root")), .proofs = {}};
  const auto proofs = document.find("proofs");
  if (proofs == document.end() || !proofs->is_array() || proofs->size() > most_proofs) {
    malformed("proofs is not a list of its size");
  }
  for (const json& each : *proofs) report.proofs.push_back(proof_in(each));
  return report;
}

}  // namespace chancery::federation
