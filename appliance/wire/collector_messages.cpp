#include "appliance/wire/collector_messages.h"

#include <nlohmann/json.hpp>

#include "appliance/wire/frames.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"

namespace chancery::wire {

namespace {

using nlohmann::json;

constexpr std::size_t text_limit = 512;
constexpr std::size_t list_limit = 256;
constexpr std::size_t certificate_limit = 8192;  // in base64
constexpr std::size_t most_roots = 8;
constexpr std::size_t most_crosses = 16;
constexpr std::size_t most_retired = 64;
constexpr int longest_spread = 3600;
constexpr std::size_t longest_chain = 16;
constexpr std::size_t most_without = 64;
constexpr std::size_t most_customer_keys = 4;
constexpr std::size_t most_tags = 16;
constexpr std::size_t offer_limit = 2048;
constexpr int most_others = 1000;

Failure invalid(const std::string& cause) {
  return Failure({.code = "message-invalid",
                  .subject = "collector channel",
                  .cause = cause,
                  .hint = "both ends must speak chancery-collector/1 of the same major version"});
}

std::string text(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) throw invalid(std::string("\"") + key + "\" is missing or no text");
  auto value = found->get<std::string>();
  if (value.size() > text_limit) throw invalid(std::string("\"") + key + "\" is too long");
  return value;
}

// Longer than a server ever writes it is not known, and no reason to refuse the message.
std::string offer_in(const json& object) {
  const auto found = object.find("offer");
  const bool is_one =
      found != object.end() && found->is_string() && found->get_ref<const std::string&>().size() <= offer_limit;
  return is_one ? found->get<std::string>() : std::string();
}

std::string text_or_none(const json& object, const char* key) {
  return object.contains(key) ? text(object, key) : std::string();
}

Bytes binary(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) throw invalid(std::string("\"") + key + "\" is missing or no text");
  const auto& encoded = found->get_ref<const std::string&>();
  if (encoded.size() > 8192) throw invalid(std::string("\"") + key + "\" is too long");
  return from_base64(encoded);
}

std::vector<Bytes> binaries(const json& object, const char* key, std::size_t most, std::size_t each) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array() || found->size() > most) {
    throw invalid(std::string("\"") + key + "\" is no list, or too long");
  }
  std::vector<Bytes> values;
  for (const json& item : *found) {
    if (!item.is_string() || item.get_ref<const std::string&>().size() > each) {
      throw invalid(std::string("\"") + key + "\" holds something that is no text, or too long");
    }
    values.push_back(from_base64(item.get_ref<const std::string&>()));
  }
  return values;
}

bool flag(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_boolean())
    throw invalid(std::string("\"") + key + "\" is neither true nor false");
  return found->get<bool>();
}

int number(const json& object, const char* key, int low, int high) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_integer()) throw invalid(std::string("\"") + key + "\" is no number");
  const auto value = found->get<std::int64_t>();
  if (value < low || value > high) throw invalid(std::string("\"") + key + "\" is out of range");
  return static_cast<int>(value);
}

std::vector<std::string> texts(const json& object, const char* key, std::size_t most = list_limit) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array() || found->size() > most) {
    throw invalid(std::string("\"") + key + "\" is no list, or too long");
  }
  std::vector<std::string> values;
  for (const json& item : *found) {
    if (!item.is_string() || item.get_ref<const std::string&>().size() > text_limit) {
      throw invalid(std::string("\"") + key + "\" holds something that is no short text");
    }
    values.push_back(item.get<std::string>());
  }
  return values;
}

std::vector<std::string> texts_or_none(const json& object, const char* key, std::size_t most) {
  return object.contains(key) ? texts(object, key, most) : std::vector<std::string>{};
}

// What a collector says of roots is told on to the portal: one that says nonsense must not spoil what others say.
std::string digest(std::string value, const char* key) {
  const bool is_hex = value.size() == 64 && value.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!is_hex) throw invalid(std::string("\"") + key + "\" holds something that is no SHA-256");
  return value;
}

// Counted, and told on to the portal.
std::string key_id_or_none(const json& object, const char* key) {
  constexpr std::size_t id_size = 16;
  std::string id = text_or_none(object, key);
  const bool is_id = id.size() == id_size && id.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!id.empty() && !is_id) throw invalid(std::string("\"") + key + "\" is no id of a Customer Key");
  return id;
}

// A code, which is counted and told on.
std::string code(const json& object, const char* key) {
  constexpr std::size_t longest_code = 64;
  std::string value = text(object, key);
  const bool is_code = value.size() <= longest_code &&
                       value.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
  if (!is_code) throw invalid(std::string("\"") + key + "\" is no code");
  return value;
}

std::vector<std::string> digests(const json& object, const char* key, std::size_t most) {
  std::vector<std::string> values = texts(object, key, most);
  for (std::string& value : values) value = digest(std::move(value), key);
  return values;
}

json encoded(const std::vector<Bytes>& values) {
  json list = json::array();
  for (const Bytes& value : values) list.push_back(to_base64(value));
  return list;
}

struct ToJson {
  json operator()(const Hello& m) const {
    return {{"type", "hello"},
            {"id", m.id},
            {"version", m.version},
            {"key", to_base64(m.public_key)},
            {"signature", to_base64(m.signature)},
            {"customer_keys", m.customer_keys}};
  }
  json operator()(const Admission& m) const {
    return {{"type", "admission"}, {"proof", to_base64(m.proof)}, {"key", m.key}};
  }
  json operator()(const Welcome& m) const {
    return {{"type", "welcome"}, {"server", m.server}, {"proof", to_base64(m.proof)}, {"interval", m.interval_seconds}};
  }
  json operator()(const Assignment& m) const {
    return {{"type", "assignment"}, {"server", m.server}, {"proof", to_base64(m.proof)},
            {"host", m.host},       {"port", m.port},     {"name", m.name}};
  }
  json operator()(const Facts& m) const {
    json told{{"type", "facts"},
              {"host", m.host},
              {"system", m.system},
              {"addresses", m.addresses},
              {"version", m.version},
              {"trust", m.trust_mode},
              {"trust_roots", m.trust_roots},
              {"presented", m.presented},
              {"name", m.server_name},
              {"portal", m.portal_name},
              {"tags", m.tags},
              {"customer_key", m.customer_key}};
    if (m.others != others_unknown) told["others"] = m.others;
    if (!m.offer.empty()) told["offer"] = m.offer;
    return told;
  }
  json operator()(const Refused& m) const { return {{"type", "refused"}, {"code", m.code}, {"message", m.message}}; }
  json operator()(const Anchors& m) const {
    return {{"type", "anchors"}, {"roots", encoded(m.roots)}, {"crosses", encoded(m.crosses)}, {"retired", m.retired}};
  }
  json operator()(const Holds& m) const {
    return {{"type", "holds"}, {"needs", m.needs}, {"held", m.held}, {"proven", m.proven}, {"lists", m.lists}};
  }
  json operator()(const Prove& m) const {
    return {{"type", "prove"}, {"roots", m.roots}, {"within", m.within_seconds}};
  }
  json operator()(const Proof& m) const { return {{"type", "proof"}, {"root", m.root}}; }
  json operator()(const Revocations& m) const {
    return {{"type", "revocations"}, {"issuers", encoded(m.issuers)}, {"lists", encoded(m.lists)}};
  }
  json operator()(const Later& m) const {
    return {{"type", "later"}, {"after", m.after_seconds}, {"within", m.within_seconds}};
  }
  json operator()(const Ping&) const { return {{"type", "ping"}}; }
  json operator()(const Pong&) const { return {{"type", "pong"}}; }
  json operator()(const Nonce& m) const { return {{"type", "nonce"}, {"nonce", to_base64(m.value)}}; }
  json operator()(const Rehearsal& m) const {
    return {{"type", "rehearsal"},
            {"id", m.id},
            {"about", m.about},
            {"chain", encoded(m.chain)},
            {"without", m.without},
            {"protocol", m.minimum_protocol},
            {"client_certificate", m.client_certificate},
            {"live", m.live},
            {"within", m.within_seconds}};
  }
  json operator()(const Move& m) const {
    return {{"type", "move"},
            {"host", m.host},
            {"port", m.port},
            {"name", m.name},
            {"anchors", encoded(m.anchors)},
            {"within", m.within_seconds}};
  }
  json operator()(const NewKey& m) const { return {{"type", "new-key"}, {"key", to_base64(m.masked)}}; }
  json operator()(const Moved& m) const { return {{"type", "moved"}, {"state", m.state}, {"reason", m.reason}}; }
  json operator()(const Verdict& m) const {
    return {{"type", "verdict"}, {"id", m.id}, {"reason", m.reason}, {"name", m.name}, {"detail", m.detail}};
  }
};

}  // namespace

std::string to_json(const Message& message) {
  return std::visit(ToJson{}, message).dump(-1, ' ', false, json::error_handler_t::replace);
}

Message parse_message(const std::string& text_json) {
  // Depth is bounded before anything is built: these messages are flat but for lists of texts.
  const json object = json::parse(
      text_json,
      [](int depth, json::parse_event_t, json&) {
        if (depth > 3) throw invalid("nested too deeply");
        return true;
      },
      /*allow_exceptions=*/false);
  if (!object.is_object()) throw invalid("a message is not a JSON object");
  const std::string type = text(object, "type");
  if (type == "hello") {
    return Hello{text(object, "id"), text(object, "version"), binary(object, "key"), binary(object, "signature"),
                 texts_or_none(object, "customer_keys", most_customer_keys)};
  }
  if (type == "admission") return Admission{binary(object, "proof"), text_or_none(object, "key")};
  if (type == "welcome") {
    return Welcome{text(object, "server"), binary(object, "proof"), number(object, "interval", 1, 86400)};
  }
  if (type == "assignment") {
    return Assignment{text(object, "server"), binary(object, "proof"), text(object, "host"),
                      number(object, "port", 1, 65535), text(object, "name")};
  }
  if (type == "facts") {
    return Facts{text(object, "host"),
                 text(object, "system"),
                 texts(object, "addresses"),
                 text(object, "version"),
                 text(object, "trust"),
                 texts(object, "trust_roots"),
                 text(object, "presented"),
                 text_or_none(object, "name"),
                 text_or_none(object, "portal"),
                 texts_or_none(object, "tags", most_tags),
                 key_id_or_none(object, "customer_key"),
                 object.contains("others") ? number(object, "others", 0, most_others) : others_unknown,
                 offer_in(object)};
  }
  if (type == "anchors") {
    return Anchors{binaries(object, "roots", most_roots, certificate_limit),
                   binaries(object, "crosses", most_crosses, certificate_limit),
                   digests(object, "retired", most_retired)};
  }
  if (type == "holds") {
    return Holds{flag(object, "needs"), digests(object, "held", most_roots), digests(object, "proven", most_roots),
                 digests(object, "lists", most_roots)};
  }
  if (type == "prove") return Prove{digests(object, "roots", most_roots), number(object, "within", 0, longest_spread)};
  if (type == "proof") return Proof{digest(text(object, "root"), "root")};
  if (type == "revocations") {
    return Revocations{binaries(object, "issuers", most_roots, certificate_limit),
                       binaries(object, "lists", most_roots, frame_limit)};
  }
  if (type == "rehearsal") {
    return Rehearsal{.id = text(object, "id"),
                     .about = text(object, "about"),
                     .chain = binaries(object, "chain", longest_chain, certificate_limit),
                     .without = digests(object, "without", most_without),
                     .minimum_protocol = text(object, "protocol"),
                     .client_certificate = flag(object, "client_certificate"),
                     .live = flag(object, "live"),
                     .within_seconds = number(object, "within", 0, longest_spread)};
  }
  if (type == "move") {
    Move move{.host = text(object, "host"),
              .port = number(object, "port", 0, 65535),
              .name = text(object, "name"),
              .anchors = binaries(object, "anchors", most_roots, certificate_limit),
              .within_seconds = number(object, "within", 0, longest_spread)};
    if (move.host.empty() != (move.port == 0)) throw invalid("a move with half an address");
    return move;
  }
  if (type == "new-key") return NewKey{binary(object, "key")};
  if (type == "moved") return Moved{code(object, "state"), code(object, "reason")};
  if (type == "verdict") {
    return Verdict{text(object, "id"), code(object, "reason"), text(object, "name"), text(object, "detail")};
  }
  if (type == "later") {
    return Later{number(object, "after", 0, longest_spread), number(object, "within", 0, longest_spread)};
  }
  if (type == "ping") return Ping{};
  if (type == "pong") return Pong{};
  if (type == "nonce") {
    Bytes value = binary(object, "nonce");
    if (value.size() != nonce_size) throw invalid("\"nonce\" is not of 32 bytes");
    return Nonce{std::move(value)};
  }
  if (type == "refused") return Refused{text(object, "code"), text(object, "message")};
  throw invalid("a message of unknown type");
}

std::string digest_of_ids(const std::set<std::string>& ids) {
  std::string text;
  for (const std::string& id : ids) text += id + "\n";
  return sha256_hex(view_of(text));
}

Bytes session_transcript(const tls::Connection& session, Speaker speaker, const std::string& id) {
  const SecretBytes bound = session.exporter("EXPORTER-chancery-collector", 32);
  Bytes transcript =
      bytes_of(speaker == Speaker::collector ? "chancery collector speaks 1\n" : "chancery server speaks 1\n");
  transcript.insert(transcript.end(), bound.begin(), bound.end());
  transcript.insert(transcript.end(), id.begin(), id.end());
  return transcript;
}

Bytes customer_key_proof(const SecretBytes& customer_key, const Bytes& transcript) {
  const Sha256 mac = hmac_sha256(view_of(customer_key), transcript);
  return {mac.begin(), mac.end()};
}

}  // namespace chancery::wire
