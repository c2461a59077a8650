#include "appliance/repair/repair_file.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>

#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"

namespace chancery::repair {

namespace {

using nlohmann::json;

constexpr const char* file_format = "chancery-repair-1";
constexpr const char* key_format = "chancery-repair-key-1";
constexpr std::string_view order_label = "chancery repair order 1\n";
constexpr std::string_view successor_label = "chancery repair key successor 1\n";
constexpr std::size_t most_keys = 64;
constexpr std::size_t most_anchors = 16;
constexpr std::size_t most_targets = 10'000;
constexpr std::size_t longest_text = 512;

Failure invalid(const std::string& cause) {
  return Failure({.code = "repair-invalid",
                  .subject = "repair file",
                  .cause = cause,
                  .hint = "copy the file again, whole, or make it anew: chancery collector repair make"});
}

json parsed(ByteView bytes, int deepest) {
  if (bytes.size() > file_limit) throw invalid("it is larger than any repair file");
  const std::string_view text = text_of(bytes);
  json document = json::parse(
      text,
      [deepest](int depth, json::parse_event_t, json&) {
        if (depth > deepest) throw invalid("it is nested too deeply");
        return true;
      },
      /*allow_exceptions=*/false);
  if (!document.is_object()) throw invalid("it is no JSON object");
  return document;
}

std::string text_at(const json& object, const char* name, std::size_t most = longest_text) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string() || found->get_ref<const std::string&>().size() > most) {
    throw invalid(std::string("\"") + name + "\" is missing, no text, or too long");
  }
  return found->get<std::string>();
}

Bytes bytes_at(const json& object, const char* name, std::size_t most) {
  try {
    return from_base64(text_at(object, name, most));
  } catch (const Failure& failure) {
    throw invalid(std::string("\"") + name + "\": " + failure.cause());
  }
}

const json& list_at(const json& object, const char* name, std::size_t most) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_array() || found->size() > most) {
    throw invalid(std::string("\"") + name + "\" is missing, no list, or too long");
  }
  return *found;
}

std::int64_t number_at(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number_integer() || found->get<std::int64_t>() < 0) {
    throw invalid(std::string("\"") + name + "\" is missing or no number");
  }
  return found->get<std::int64_t>();
}

Bytes labelled(std::string_view label, ByteView bytes) {
  Bytes all = bytes_of(label);
  all.insert(all.end(), bytes.begin(), bytes.end());
  return all;
}

Bytes successor_statement(const std::string& federation, const Bytes& key) {
  Bytes statement = bytes_of(std::string(successor_label) + federation + "\n");
  statement.insert(statement.end(), key.begin(), key.end());
  return statement;
}

std::vector<Certificate> anchors_in(const json& document) {
  std::vector<Certificate> anchors;
  for (const json& each : list_at(document, "anchors", most_anchors)) {
    if (!each.is_string()) throw invalid("an anchor is no text");
    try {
      anchors.push_back(Certificate::from_der(from_base64(each.get_ref<const std::string&>())));
    } catch (const Failure& failure) {
      throw invalid("an anchor is no certificate: " + failure.cause());
    }
  }
  if (anchors.empty()) throw invalid("it names nobody to be trusted");
  return anchors;
}

RepairOrder order_in(ByteView text) {
  const json document = parsed(text, 2);
  RepairOrder order;
  order.federation = text_at(document, "federation");
  order.targets.clear();
  for (const json& each : list_at(document, "targets", most_targets)) {
    if (!each.is_string()) throw invalid("a target is no text");
    order.targets.push_back(each.get<std::string>());
  }
  order.number = static_cast<std::uint64_t>(number_at(document, "number"));
  try {
    order.made = from_rfc3339(text_at(document, "made"));
    order.expires = from_rfc3339(text_at(document, "expires"));
  } catch (const Failure& failure) {
    throw invalid(failure.cause());
  }
  if (document.contains("host")) {
    order.host = text_at(document, "host");
    order.port = static_cast<int>(std::min<std::int64_t>(number_at(document, "port"), 65536));
    order.name = text_at(document, "name");
    if (order.host.empty() || order.port < 1 || order.port > 65535) throw invalid("its address is none");
  }
  order.anchors = anchors_in(document);
  return order;
}

std::string to_text(const RepairOrder& order) {
  json anchors = json::array();
  for (const Certificate& anchor : order.anchors) anchors.push_back(to_base64(anchor.der()));
  json document{{"federation", order.federation},
                {"targets", order.targets},
                {"number", order.number},
                {"made", to_rfc3339(order.made)},
                {"expires", to_rfc3339(order.expires)},
                {"anchors", std::move(anchors)}};
  if (!order.host.empty()) {
    document["host"] = order.host;
    document["port"] = order.port;
    document["name"] = order.name;
  }
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

Failure refused(const char* code, const std::string& cause, const char* hint) {
  return Failure({.code = code, .subject = "repair file", .cause = cause, .hint = hint});
}

}  // namespace

Successor succeed(const PrivateKey& present, const std::string& federation, const Bytes& next) {
  return {next, present.sign(successor_statement(federation, next))};
}

std::string write_repair_file(const RepairOrder& order, const Signer& signer) {
  const std::string text = to_text(order);
  json keys = json::array();
  for (const Successor& each : signer.succession) {
    keys.push_back({{"key", to_base64(each.key)}, {"signature", to_base64(each.signature)}});
  }
  const json file{{"format", file_format},
                  {"order", to_base64(view_of(text))},
                  {"keys", std::move(keys)},
                  {"signature", to_base64(signer.key.sign(labelled(order_label, view_of(text))))}};
  return file.dump(2) + "\n";
}

ShippedKey read_shipped_key(ByteView document) {
  const json file = parsed(document, 1);
  if (text_at(file, "format") != key_format) throw invalid("it is no repair key");
  return {text_at(file, "federation"), bytes_at(file, "key", longest_text)};
}

std::string write_shipped_key(const ShippedKey& key) {
  return json{{"format", key_format}, {"federation", key.federation}, {"key", to_base64(key.key)}}.dump(2) + "\n";
}

RepairFile RepairFile::read(ByteView bytes) {
  const json document = parsed(bytes, 3);
  if (text_at(document, "format") != file_format) throw invalid("it is of another format");
  RepairFile file;
  file.order_ = bytes_at(document, "order", file_limit);
  file.signature_ = bytes_at(document, "signature", longest_text);
  for (const json& each : list_at(document, "keys", most_keys)) {
    if (!each.is_object()) throw invalid("a key is no object");
    file.succession_.push_back({bytes_at(each, "key", longest_text), bytes_at(each, "signature", longest_text)});
  }
  return file;
}

RepairOrder RepairFile::open(const ShippedKey& shipped, const Standing& standing) const {
  Bytes signer = shipped.key;
  bool is_newest = standing.key.empty() || signer == standing.key;
  // Whoever was installed after a succession was shipped with a later key: what came before it is not looked at.
  const auto known = std::ranges::find(succession_, shipped.key, &Successor::key);
  const auto first = known == succession_.end() ? succession_.begin() : known + 1;
  for (const Successor& each : std::span(first, succession_.end())) {
    if (!verify_signature(signer, successor_statement(shipped.federation, each.key), each.signature)) {
      throw refused("repair-signer",
                    "a key in it is no successor of the repair key that this collector was shipped with",
                    "it was made by another federation, or by nobody's right; make it where the federation's root is");
    }
    signer = each.key;
    is_newest = is_newest || signer == standing.key;
  }
  if (!verify_signature(signer, labelled(order_label, order_), signature_)) {
    throw refused("repair-signer", "it is not signed by the federation's repair key, or was altered",
                  "copy it again; make it on the primary of the federation that this collector was installed for");
  }
  if (!is_newest) {
    throw refused("repair-signer", "the key that signed it has been succeeded by another one since",
                  "make the file anew: chancery collector repair make");
  }
  RepairOrder order = order_in(order_);
  if (order.federation != shipped.federation) {
    throw refused("repair-foreign", "it is of the federation " + order.federation + ", not of " + shipped.federation,
                  "make it on the primary of this collector's federation");
  }
  if (std::ranges::none_of(order.targets,
                           [&](const std::string& each) { return each == "*" || each == standing.id; })) {
    throw refused("repair-target", "it is made for other collectors than this one (" + standing.id.substr(0, 16) + ")",
                  "make one for this collector: chancery collector repair make --only ID");
  }
  if (order.number <= standing.number) {
    throw refused("repair-old",
                  "its number " + std::to_string(order.number) + " is not above that of the last one applied here, " +
                      std::to_string(standing.number),
                  "use the newest file, or make it anew: chancery collector repair make");
  }
  if (standing.now >= order.expires) {
    throw refused("repair-expired", "it ended at " + to_rfc3339(order.expires),
                  "make it anew: chancery collector repair make; or set this machine's clock right");
  }
  signer_ = std::move(signer);
  return order;
}

}  // namespace chancery::repair
