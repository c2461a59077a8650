// What a server presents, explained to a person step by step: `chancery probe HOST:PORT`.
//
//   for (const DiagnosisStep& step : diagnose({.address = {"portal.example.com", 443, ""}})) …
//
// Steps, in this order; a failed one ends the list where nothing can be seen behind it: "name resolution", "tcp",
// "starttls" (where asked for), "tls", "client certificate", "chain", "trust", "names", "expiry".
// One connection without a client certificate: where one is demanded, TLS 1.3 still shows the chain and the step
// "client certificate" fails; TLS 1.2 fails at "tls". Nothing is changed and nothing believed: `trust_pem` decides
// trust. Never throws. Thread safe.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "appliance/settings/policy.h"
#include "keystore/x509/certificate.h"

namespace chancery::tls {

struct DiagnosisRequest {
  ProbeAddress address;
  std::string name = {};  // what the certificate must answer to; empty: the host
  Bytes trust_pem = {};   // anchors; empty: the "trust" step says that nothing was compared
  std::chrono::milliseconds deadline{10'000};
};

struct DiagnosisStep {
  std::string step;
  bool ok = false;
  std::string detail;  // what was seen; may have several lines
  std::string hint;    // the way out; empty when ok
};

struct Diagnosis {
  std::vector<DiagnosisStep> steps;
  std::vector<Certificate> chain;  // as sent
  bool ok() const;
};

[[nodiscard]] Diagnosis diagnose(const DiagnosisRequest& request);

}  // namespace chancery::tls
