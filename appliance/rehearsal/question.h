// The question of a rehearsal (C4), as the certificate manager asks it of the programs of its appliance, and these of
// members: who would break if this were in force?
//
//   Question question{.about = About::engine, .identities = {"engine"}, .chain = candidate, .present = chain_in_force};
//   control::ask(socket, {.json = R"({"verb":"rehearse","question":)" + to_json(question) + "}"}, …);
//
// parse_question throws Failure("question-invalid") for what is not one; sizes are bounded. A value.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "appliance/tls/security_profile.h"
#include "keystore/x509/certificate.h"

namespace chancery::rehearsal {

// Whose certificate, or which trust, is about to change.
enum class About {
  engine,     // what this appliance's engine presents
  portal,     // what this appliance's portal presents
  own_trust,  // what the program that is asked trusts as a client: `without`
  retirement  // the root `without` is to be retired: chains without cross certificates, nobody holding it
};
[[nodiscard]] const char* to_text(About about);

struct Question {
  About about = About::engine;
  // What changes: endpoints of these identities, and these endpoints; both empty: all of the program's.
  std::vector<std::string> identities = {};
  std::vector<std::string> endpoints = {};
  std::vector<Certificate> chain = {};    // as it would be sent, leaf first; empty: it stays as it is
  std::vector<Certificate> present = {};  // as it is sent now: who does not trust that is not broken by a change
  std::vector<Certificate> roots = {};    // what the candidate ends at, where that is known
  std::vector<std::string> without = {};  // SHA-256 of anchors that are taken for gone
  std::string minimum_protocol = {};      // "" stays as it is
  bool client_certificate = false;        // would be demanded
  // What the endpoints would agree to, and what they agree to now; none: as it is. Judged for collectors by what they
  // have offered. Earlier programs do not know these four, and say nothing of them.
  std::optional<tls::ProtocolLists> lists = {};
  std::optional<tls::ProtocolLists> present_lists = {};
  bool demands_tls = false;                  // where plain text was taken
  bool closes = false;                       // nobody would listen there any more
  bool live = false;                         // after the change: connect anew, by what is in force
  std::chrono::milliseconds deadline{3000};  // at most a minute
};

[[nodiscard]] std::string to_json(const Question& question);
[[nodiscard]] Question parse_question(const std::string& json);

// Where members ask each other (ALPN chancery-member/1).
inline constexpr const char* member_path = "/api/v1/rehearsal";
inline constexpr std::size_t most_without = 512;
inline constexpr std::size_t question_limit = 256 * 1024;

}  // namespace chancery::rehearsal
