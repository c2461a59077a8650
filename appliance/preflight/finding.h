// What preflight says: findings, all at once, each with a code, what is wrong, and the way out. A refusal is a value.
//
// The severity belongs to the code (one declared table in finding.cpp), not to the place that found it; the few codes
// that are milder in one setting (a pinned or client certificate without SAN) say so there. Codes: contract.md,
// "Preflight codes", and those of keystore/x509/material.h.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <vector>

#include "keystore/x509/certificate.h"

namespace chancery::preflight {

enum class Severity { info, warning, error };
enum class Verdict { accept, warn, refuse };
[[nodiscard]] const char* to_text(Severity severity);
[[nodiscard]] const char* to_text(Verdict verdict);

struct Finding {
  std::string code;
  Severity severity = Severity::error;
  std::string subject;  // "portal.pem, block 2 (CN=…)"
  std::string message;
  std::string hint;
};

// The declared severity of a code; an unknown code is an error.
[[nodiscard]] Severity severity_of(const std::string& code);
// May `--accept CODE` turn this error into a warning? Never for key-mismatch, not-a-certificate, key-encrypted, ….
[[nodiscard]] bool is_acceptable(const std::string& code);
[[nodiscard]] std::vector<std::string> all_codes();

struct Report {
  std::vector<Finding> findings;
  std::vector<Certificate> chain;  // leaf … anchor, as a client would build it; as far as it got when incomplete

  Verdict verdict() const;
  bool has(const std::string& code) const;
  void add(const std::string& code, std::string subject, std::string message, std::string hint);
  // For the few settings in which a code weighs less than its declared severity; never raises it.
  void add_milder(Severity severity, const std::string& code, std::string subject, std::string message,
                  std::string hint);
  // Errors before warnings before infos; within each as they were added (leaf first).
  void sort();
  // Errors whose code is in `accepted` become warnings. A code that may not be accepted is Failure("cannot-accept").
  void accept(const std::set<std::string>& accepted);
};

// The JSON shapes of contract.md.
[[nodiscard]] nlohmann::json to_json(const Certificate& certificate);
[[nodiscard]] nlohmann::json to_json(const Finding& finding);
[[nodiscard]] nlohmann::json to_json(const Report& report);

}  // namespace chancery::preflight
