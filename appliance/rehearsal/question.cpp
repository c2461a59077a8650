#include "appliance/rehearsal/question.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"

namespace chancery::rehearsal {

namespace {

using nlohmann::json;

constexpr std::size_t most_certificates = 16;
constexpr std::size_t most_words = 64;
constexpr std::size_t most_anchors = most_without;
constexpr std::size_t list_limit = 4096;  // of a profile
constexpr std::size_t word_limit = 128;
constexpr std::size_t certificate_limit = 8192;  // in base64
constexpr std::int64_t longest_deadline = 60'000;

constexpr std::array<const char*, 4> abouts{"engine", "portal", "own-trust", "retirement"};

Failure invalid(const std::string& cause) {
  return Failure({.code = "question-invalid",
                  .subject = "rehearsal",
                  .cause = cause,
                  .hint = "both appliances must be of the same major version"});
}

json encoded(const std::vector<Certificate>& certificates) {
  json list = json::array();
  for (const Certificate& certificate : certificates) list.push_back(to_base64(certificate.der()));
  return list;
}

const json& list_in(const json& object, const char* key, std::size_t most) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array() || found->size() > most) {
    throw invalid(std::string("\"") + key + "\" is no list, or too long");
  }
  return *found;
}

std::string text_in(const json& value, const char* key, std::size_t most) {
  if (!value.is_string() || value.get_ref<const std::string&>().size() > most) {
    throw invalid(std::string("\"") + key + "\" holds something that is no text, or too long");
  }
  return value.get<std::string>();
}

std::vector<Certificate> certificates_in(const json& object, const char* key) {
  std::vector<Certificate> all;
  for (const json& each : list_in(object, key, most_certificates)) {
    all.push_back(Certificate::from_der(from_base64(text_in(each, key, certificate_limit))));
  }
  return all;
}

std::vector<std::string> words_in(const json& object, const char* key, std::size_t most = most_words) {
  std::vector<std::string> all;
  for (const json& each : list_in(object, key, most)) all.push_back(text_in(each, key, word_limit));
  return all;
}

bool flag_in(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_boolean()) {
    throw invalid(std::string("\"") + key + "\" is neither true nor false");
  }
  return found->get<bool>();
}

bool flag_or_not(const json& object, const char* key) { return object.contains(key) && flag_in(object, key); }

json encoded(const std::optional<tls::ProtocolLists>& lists) {
  if (!lists) return nullptr;
  return {{"protocol", lists->minimum_protocol}, {"ciphers", lists->ciphers}, {"groups", lists->groups}};
}

std::optional<tls::ProtocolLists> lists_in(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return std::nullopt;
  if (!found->is_object()) throw invalid(std::string("\"") + key + "\" is no object");
  return tls::ProtocolLists{.minimum_protocol = text_in(found->value("protocol", json()), "protocol", word_limit),
                            .ciphers = text_in(found->value("ciphers", json()), "ciphers", list_limit),
                            .groups = text_in(found->value("groups", json()), "groups", list_limit)};
}

About about_of(const std::string& text) {
  const auto* const found = std::ranges::find(abouts, text);
  if (found == abouts.end()) throw invalid("it is about nothing that is known here");
  return static_cast<About>(found - abouts.begin());
}

}  // namespace

const char* to_text(About about) { return abouts.at(static_cast<std::size_t>(about)); }

std::string to_json(const Question& question) {
  return json({{"about", to_text(question.about)},
               {"identities", question.identities},
               {"endpoints", question.endpoints},
               {"chain", encoded(question.chain)},
               {"present", encoded(question.present)},
               {"roots", encoded(question.roots)},
               {"without", question.without},
               {"protocol", question.minimum_protocol},
               {"client_certificate", question.client_certificate},
               {"lists", encoded(question.lists)},
               {"present_lists", encoded(question.present_lists)},
               {"demands_tls", question.demands_tls},
               {"closes", question.closes},
               {"live", question.live},
               {"deadline_ms", question.deadline.count()}})
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

Question parse_question(const std::string& text) {
  const json object = text.size() > question_limit ? json() : json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) throw invalid("it is no JSON object, or too long");
  const auto number = object.find("deadline_ms");
  const bool is_span = number != object.end() && number->is_number_integer() && number->get<std::int64_t>() > 0 &&
                       number->get<std::int64_t>() <= longest_deadline;
  if (!is_span) throw invalid("\"deadline_ms\" is out of range");
  return {.about = about_of(text_in(object.value("about", json()), "about", word_limit)),
          .identities = words_in(object, "identities"),
          .endpoints = words_in(object, "endpoints"),
          .chain = certificates_in(object, "chain"),
          .present = certificates_in(object, "present"),
          .roots = certificates_in(object, "roots"),
          .without = words_in(object, "without", most_anchors),
          .minimum_protocol = text_in(object.value("protocol", json()), "protocol", word_limit),
          .client_certificate = flag_in(object, "client_certificate"),
          .lists = lists_in(object, "lists"),
          .present_lists = lists_in(object, "present_lists"),
          .demands_tls = flag_or_not(object, "demands_tls"),
          .closes = flag_or_not(object, "closes"),
          .live = flag_in(object, "live"),
          .deadline = std::chrono::milliseconds(number->get<std::int64_t>())};
}

}  // namespace chancery::rehearsal
