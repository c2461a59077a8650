#include "appliance/audit/head.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "keystore/bytes/cursor.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"

namespace chancery::audit {
namespace {

using nlohmann::json;

constexpr std::string_view key_label = "chancery-audit-key-1";
constexpr std::string_view head_label = "chancery-audit-head-1";
constexpr std::size_t name_limit = 512;
constexpr std::size_t key_limit = 1024;
constexpr std::size_t published_limit = std::size_t{64} * 1024;

SecretBytes endorsed_bytes(ByteView previous, ByteView next) {
  Writer out;
  out.block(view_of(key_label)).sized16(previous).sized16(next);
  return out.take();
}

SecretBytes signed_bytes(const Head& head, ByteView key) {
  Writer out;
  out.block(view_of(head_label)).sized16(view_of(head.appliance)).u64(static_cast<std::uint64_t>(head.number));
  out.block(head.hash).u64(static_cast<std::uint64_t>(head.time.time_since_epoch().count())).sized16(key);
  return out.take();
}

Failure not_a_head() {
  return Failure({.code = "bad-head",
                  .subject = "audit head",
                  .cause = "a field is out of bounds",
                  .hint = "both appliances must be of the same major version"});
}

// Throws whatever is wrong with an untrusted document; signed_head_from turns that into "none".
Bytes bytes_at(const json& object, const char* name, std::size_t limit) {
  const std::string& text = object.at(name).get_ref<const std::string&>();
  if (text.size() > limit * 2) throw not_a_head();
  return from_base64(text);
}

SignedHead parse(const json& document) {
  SignedHead out;
  out.head.appliance = document.at("appliance").get<std::string>();
  out.head.number = document.at("number").get<std::int64_t>();
  out.head.time = Instant(std::chrono::seconds(document.at("time").get<std::int64_t>()));
  const std::string& hash_text = document.at("hash").get_ref<const std::string&>();
  const Bytes hash = hash_text.size() == 2 * out.head.hash.size() ? from_hex(hash_text) : Bytes{};
  const json& keys = document.at("keys");
  const bool is_sane = out.head.appliance.size() <= name_limit && out.head.number > 0 &&
                       hash.size() == out.head.hash.size() && keys.is_array() && !keys.empty() &&
                       keys.size() <= most_keys;
  if (!is_sane) throw not_a_head();
  std::copy(hash.begin(), hash.end(), out.head.hash.begin());
  for (const json& key : keys) {
    out.keys.push_back(
        {.public_key = bytes_at(key, "public", key_limit), .endorsement = bytes_at(key, "endorsement", key_limit)});
  }
  out.signature = bytes_at(document, "signature", key_limit);
  return out;
}

}  // namespace

SignedHead sign_head(const std::vector<AuditKey>& keys, const PrivateKey& newest, Head head) {
  const SecretBytes message = signed_bytes(head, newest.public_key_der());
  return {.head = std::move(head), .keys = keys, .signature = newest.sign(view_of(message))};
}

AuditKey endorse(const PrivateKey& present, const PrivateKey& next) {
  const SecretBytes message = endorsed_bytes(present.public_key_der(), next.public_key_der());
  return {.public_key = next.public_key_der(), .endorsement = present.sign(view_of(message))};
}

bool is_succession(const std::vector<AuditKey>& keys) {
  if (keys.empty() || keys.size() > most_keys || !keys.front().endorsement.empty()) return false;
  for (std::size_t at = 1; at < keys.size(); ++at) {
    const SecretBytes message = endorsed_bytes(keys[at - 1].public_key, keys[at].public_key);
    if (!verify_signature(keys[at - 1].public_key, view_of(message), keys[at].endorsement)) return false;
  }
  return true;
}

bool SignedHead::is_genuine() const {
  if (!is_succession(keys)) return false;
  const SecretBytes message = signed_bytes(head, keys.back().public_key);
  return verify_signature(keys.back().public_key, view_of(message), signature);
}

json to_json(const SignedHead& head) {
  json keys = json::array();
  for (const AuditKey& key : head.keys) {
    keys.push_back({{"public", to_base64(key.public_key)}, {"endorsement", to_base64(key.endorsement)}});
  }
  return {{"appliance", head.head.appliance}, {"number", head.head.number},
          {"hash", to_hex(head.head.hash)},   {"time", head.head.time.time_since_epoch().count()},
          {"keys", std::move(keys)},          {"signature", to_base64(head.signature)}};
}

std::optional<SignedHead> signed_head_from(const json& document) {
  if (!document.is_object()) return std::nullopt;
  try {
    return parse(document);
  } catch (const json::exception&) {
    return std::nullopt;
  } catch (const Failure&) {
    return std::nullopt;
  }
}

std::optional<SignedHead> published_head(const Folder& state) {
  try {
    const Bytes text = state.read(published_head_path, published_limit);
    return signed_head_from(json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false));
  } catch (const Failure&) {
    return std::nullopt;
  }
}

}  // namespace chancery::audit
