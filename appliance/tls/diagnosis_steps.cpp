#include "appliance/tls/diagnosis_steps.h"

#include "keystore/x509/certificate_pool.h"
#include "keystore/x509/names.h"

namespace chancery::tls {
namespace {

std::string list_of(const std::vector<Certificate>& chain) {
  std::string out;
  for (std::size_t i = 0; i < chain.size(); ++i) {
    out += (i == 0 ? "" : "\n") + std::to_string(i) + " " + chain[i].subject() + ", issued by " + chain[i].issuer();
  }
  return out;
}

DiagnosisStep chain_step(const std::vector<Certificate>& chain) {
  DiagnosisStep step{"chain", true, list_of(chain), ""};
  if (chain.empty()) return {"chain", false, "the server sent no certificate", "check its configuration"};
  for (std::size_t i = 0; i + 1 < chain.size(); ++i) {
    if (chain[i].is_signed_by(chain[i + 1])) continue;
    step.ok = false;
    step.detail += "\ncertificate " + std::to_string(i) + " is not signed by the one after it";
    step.hint = "send the leaf first, then each certificate's issuer, and nothing else";
    return step;
  }
  if (chain.size() > 1 && chain.back().is_self_signed()) {
    step.detail += "\nthe root is sent along: clients do not need it";
  }
  return step;
}

// The certificate of the pool, if any, that the last one of the chain is or is signed by.
bool is_anchored(const Certificate& last, const CertificatePool& anchors) {
  if (anchors.contains(last.fingerprint())) return true;
  for (const Certificate& issuer : anchors.with_subject(last.issuer_der())) {
    if (last.is_signed_by(issuer)) return true;
  }
  return false;
}

DiagnosisStep trust_step(const std::vector<Certificate>& chain, ByteView trust_pem) {
  if (trust_pem.empty()) return {"trust", true, "not compared: no trusted certificates were given", ""};
  CertificatePool anchors;
  anchors.add_pem(trust_pem);
  for (std::size_t i = 0; i < chain.size(); ++i) {
    if (i > 0 && !chain[i - 1].is_signed_by(chain[i])) break;
    if (is_anchored(chain[i], anchors)) return {"trust", true, "the chain ends in a trusted certificate", ""};
  }
  const Certificate& last = chain.back();
  if (last.is_self_signed()) {
    return {"trust", false, "the chain ends in " + last.subject() + ", which is not trusted here",
            "if it is the right root (compare its SHA-256 " + last.fingerprint() + "), add it to what clients trust"};
  }
  return {"trust", false, "the issuer of the last certificate is neither sent nor trusted: " + last.issuer(),
          "either the server does not send an intermediate (mend it there) or the root is not trusted here"};
}

DiagnosisStep names_step(const Certificate& leaf, const std::string& name) {
  std::string bears;
  for (const AlternativeName& entry : leaf.names()) bears += (bears.empty() ? "" : ", ") + to_text(entry);
  if (answers_to(leaf.names(), name)) return {"names", true, "the certificate answers to " + name, ""};
  return {"names", false,
          "the certificate does not answer to " + name + "; it has " + (bears.empty() ? "no SAN" : bears),
          "connect by a name it has (make the names equal in DNS), or get a certificate that bears this name too"};
}

DiagnosisStep expiry_step(const std::vector<Certificate>& chain, Instant now) {
  constexpr auto soon = std::chrono::days(30);
  DiagnosisStep step{"expiry", true, "", ""};
  for (const Certificate& certificate : chain) {
    if (certificate.not_before() > now) {
      return {"expiry", false, certificate.subject() + " is valid only from " + to_rfc3339(certificate.not_before()),
              "check the clocks of both machines"};
    }
    if (certificate.not_after() <= now) {
      return {"expiry", false, certificate.subject() + " expired at " + to_rfc3339(certificate.not_after()),
              "renew it on that server"};
    }
    if (certificate.not_after() - now < soon) step.hint = "renew it within 30 days";
  }
  step.detail = "the leaf is valid until " + to_rfc3339(chain.front().not_after());
  return step;
}

}  // namespace

void judge_chain(const std::vector<Certificate>& chain, const std::string& name, ByteView trust_pem, Instant now,
                 std::vector<DiagnosisStep>& steps) {
  steps.push_back(chain_step(chain));
  if (chain.empty()) return;
  steps.push_back(trust_step(chain, trust_pem));
  steps.push_back(names_step(chain.front(), name));
  steps.push_back(expiry_step(chain, now));
}

}  // namespace chancery::tls
