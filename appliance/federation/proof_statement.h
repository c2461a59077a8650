// The wire of POST /proof (anchor_proof.h has its grammar), reader and writer together. Internal to
// appliance/federation. Readers take exactly this shape; anything else is Failure("proof-malformed").
#pragma once

#include <string>
#include <vector>

#include "appliance/federation/anchor_proof.h"
#include "appliance/federation/transcript.h"

namespace chancery::federation {

inline constexpr const char* proof_session_label = "EXPORTER-chancery-proof-1";
inline constexpr std::size_t proof_limit = 256 * 1024;

struct ProofStatement {
  Bytes certificate;  // SHA-256 of the member's
  Bytes nonce;
  std::int64_t time = 0;
  std::string report;
};
[[nodiscard]] SecretBytes proof_transcript(const ProofStatement& statement, ByteView session_secret);
[[nodiscard]] std::string write_proof(const ProofStatement& statement, const Bytes& signature);
struct SignedProof {
  ProofStatement statement;
  Bytes signature;
};
[[nodiscard]] SignedProof read_proof(std::string_view body);

struct ReportText {
  std::string root_sha256;
  std::vector<AnchorProof> proofs;
};
[[nodiscard]] std::string write_report(const ReportText& report);
[[nodiscard]] ReportText read_report(std::string_view text);

}  // namespace chancery::federation
