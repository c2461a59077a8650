#include "appliance/federation/join_wire.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"

namespace chancery::federation {
namespace {

using nlohmann::json;

constexpr int deepest = 4;
constexpr std::size_t most_names = 32;
constexpr std::size_t most_requests = 16;
constexpr std::size_t longest_word = 64;
constexpr std::size_t token_id_size = 16;
constexpr std::size_t longest_signature = 1024;

[[noreturn]] void malformed(const std::string& cause) {
  throw Failure({.code = "join-malformed",
                 .subject = "join message",
                 .cause = cause,
                 .hint = "check that both sides run versions of Chancery that fit together"});
}

json parse(std::string_view text) {
  std::vector<std::set<std::string>> open_objects;
  const auto watch = [&](int depth, json::parse_event_t event, json& value) {
    if (depth > deepest) malformed("it is nested too deeply");
    if (event == json::parse_event_t::object_start) open_objects.emplace_back();
    if (event == json::parse_event_t::object_end) open_objects.pop_back();
    if (event == json::parse_event_t::key && !open_objects.back().insert(value.get<std::string>()).second) {
      malformed("a member stands twice in it");
    }
    return true;
  };
  try {
    return json::parse(text, watch);
  } catch (const json::exception&) {
    // The library's message would quote the input.
    malformed("it is not JSON");
  }
}

// The members of one object, taken by name; whatever is left at the end is too much.
class Members {
 public:
  explicit Members(const json& object) : object_(object) {
    if (!object.is_object()) malformed("an object is missing");
  }
  const json& any(const char* name) {
    const auto found = object_.find(name);
    if (found == object_.end()) malformed(std::string(name) + " is missing");
    ++taken_;
    return *found;
  }
  std::string text(const char* name, std::size_t limit) { return text_of_value(any(name), name, limit); }
  Bytes binary(const char* name, std::size_t limit) {
    try {
      return from_base64(text(name, limit * 2));
    } catch (const Failure&) {
      malformed(std::string(name) + " is not base64");
    }
  }
  std::int64_t number(const char* name) {
    const json& value = any(name);
    if (!value.is_number_integer() || value > json(std::int64_t{1} << 40) || value < json(0)) {
      malformed(std::string(name) + " is not a number in its range");
    }
    return value.get<std::int64_t>();
  }
  const json& array(const char* name, std::size_t most) {
    const json& value = any(name);
    if (!value.is_array() || value.size() > most) malformed(std::string(name) + " is not a list of its size");
    return value;
  }
  void expect_no_more() const {
    if (taken_ != object_.size()) malformed("it has members that nobody knows");
  }
  static std::string text_of_value(const json& value, const char* name, std::size_t limit) {
    if (!value.is_string()) malformed(std::string(name) + " is not a text");
    const auto& text = value.get_ref<const std::string&>();
    if (text.size() > limit) malformed(std::string(name) + " is too long");
    return text;
  }

 private:
  const json& object_;
  std::size_t taken_ = 0;
};

std::vector<std::string> texts(const json& list, const char* name, std::size_t limit) {
  std::vector<std::string> found;
  for (const json& value : list) found.push_back(Members::text_of_value(value, name, limit));
  return found;
}

IdentityRequest read_request(const json& value) {
  Members members(value);
  const std::string identity = members.text("identity", longest_word);
  const std::string pem = members.text("csr", join_request_limit);
  members.expect_no_more();
  try {
    return {identity, CertificateRequest::from_pem(view_of(pem))};
  } catch (const Failure& failure) {
    malformed("a CSR in it cannot be read: " + failure.cause());
  }
}

json requests_json(const std::vector<IdentityRequest>& all) {
  json requests = json::array();
  for (const IdentityRequest& each : all) {
    requests.push_back({{"identity", each.identity}, {"csr", each.request.to_pem()}});
  }
  return requests;
}

// What a request and a renewal have in common.
void read_common(Members& members, SignedStatement& message, std::size_t signature_limit) {
  JoinStatement& statement = message.statement;
  statement.nonce = members.binary("nonce", nonce_size);
  if (statement.nonce.size() != nonce_size) malformed("nonce is not of 32 bytes");
  statement.time = members.number("time");
  message.signature = members.binary("signature", signature_limit);
  for (const json& each : members.array("requests", most_requests)) statement.requests.push_back(read_request(each));
  members.expect_no_more();
}

Bytes read_id(Members& members, const char* name, std::size_t size) {
  Bytes id;
  try {
    id = from_hex(members.text(name, size * 2));
  } catch (const Failure&) {
    malformed(std::string(name) + " is not hex");
  }
  if (id.size() != size) malformed(std::string(name) + " is not an id of " + std::to_string(size) + " bytes");
  return id;
}

std::map<std::string, std::vector<std::string>> read_chains(const json& chains, std::size_t limit) {
  if (!chains.is_object() || chains.size() > most_requests) malformed("chains is not an object of its size");
  std::map<std::string, std::vector<std::string>> found;
  for (const auto& [identity, chain] : chains.items()) {
    if (!chain.is_array()) malformed("a chain is not a list");
    found[identity] = texts(chain, "a certificate", limit);
  }
  return found;
}

}  // namespace

std::string write_statement(const SignedStatement& message) {
  const JoinStatement& statement = message.statement;
  return json{{"token", to_hex(statement.token_id)},
              {"role", statement.role},
              {"names", statement.names},
              {"nonce", to_base64(statement.nonce)},
              {"time", statement.time},
              {"requests", requests_json(statement.requests)},
              {"signature", to_base64(message.signature)}}
      .dump();
}

SignedStatement read_statement(std::string_view body) {
  if (body.size() > join_request_limit) malformed("it is larger than 256 KiB");
  const json document = parse(body);
  Members members(document);
  SignedStatement message;
  message.statement.token_id = read_id(members, "token", token_id_size);
  message.statement.role = members.text("role", longest_word);
  message.statement.names = texts(members.array("names", most_names), "a name", 253);
  read_common(members, message, 64);
  return message;
}

std::string write_renewal(const SignedStatement& message) {
  const JoinStatement& statement = message.statement;
  return json{{"certificate", to_hex(statement.token_id)},
              {"nonce", to_base64(statement.nonce)},
              {"time", statement.time},
              {"requests", requests_json(statement.requests)},
              {"signature", to_base64(message.signature)}}
      .dump();
}

SignedStatement read_renewal(std::string_view body) {
  if (body.size() > join_request_limit) malformed("it is larger than 256 KiB");
  const json document = parse(body);
  Members members(document);
  SignedStatement message;
  message.statement.token_id = read_id(members, "certificate", std::tuple_size_v<Sha256>);
  read_common(members, message, longest_signature);
  return message;
}

// The reply is JSON already, ASCII but for odd names, and large: as a text in JSON it needs only some backslashes.
std::string write_signed_reply(const SignedReply& reply) {
  const auto is_plain = [](char unit) { return unit >= 0x20 && unit < 0x7f; };
  if (!std::ranges::all_of(reply.text, is_plain)) {
    return json{{"reply", reply.text}, {"signature", to_base64(reply.signature)}}.dump();
  }
  std::string out = R"({"reply":")";
  out.reserve(reply.text.size() * 5 / 4 + 256);
  for (const char unit : reply.text) {
    if (unit == '"' || unit == '\\') out += '\\';
    out += unit;
  }
  return out + R"(","signature":")" + to_base64(reply.signature) + R"("})";
}

SignedReply read_signed_reply(std::string_view body) {
  const json document = parse(body);
  Members members(document);
  SignedReply reply{members.text("reply", body.size()), members.binary("signature", longest_signature)};
  members.expect_no_more();
  return reply;
}

std::vector<std::string> pems_of(const Certificate& leaf, const std::vector<Certificate>& above) {
  std::vector<std::string> pems{leaf.to_pem()};
  for (const Certificate& each : above) pems.push_back(each.to_pem());
  return pems;
}

std::string write_reply_text(const ReplyText& reply) {
  return json{{"nonce", to_base64(reply.nonce)},
              {"federation", reply.federation},
              {"root", reply.root_pem},
              {"chains", reply.chains_pem},
              {"customer_key", to_base64(reply.masked_customer_key)},
              {"portal", {{"host", reply.portal_host}, {"port", reply.portal_port}, {"name", reply.portal_name}}},
              {"time", reply.time}}
      .dump();
}

ReplyText read_reply_text(std::string_view text) {
  const json document = parse(text);
  Members members(document);
  ReplyText reply;
  reply.nonce = members.binary("nonce", nonce_size);
  reply.federation = members.text("federation", longest_word);
  reply.root_pem = members.text("root", text.size());
  reply.chains_pem = read_chains(members.any("chains"), text.size());
  reply.masked_customer_key = members.binary("customer_key", 64);
  Members portal(members.any("portal"));
  reply.portal_host = portal.text("host", 253);
  reply.portal_port = static_cast<int>(std::min<std::int64_t>(portal.number("port"), 65536));
  reply.portal_name = portal.text("name", 253);
  portal.expect_no_more();
  reply.time = members.number("time");
  members.expect_no_more();
  return reply;
}

std::string write_renewal_text(const RenewalText& reply) {
  return json{{"nonce", to_base64(reply.nonce)},
              {"federation", reply.federation},
              {"chains", reply.chains_pem},
              {"time", reply.time}}
      .dump();
}

RenewalText read_renewal_text(std::string_view text) {
  const json document = parse(text);
  Members members(document);
  RenewalText reply;
  reply.nonce = members.binary("nonce", nonce_size);
  reply.federation = members.text("federation", longest_word);
  reply.chains_pem = read_chains(members.any("chains"), text.size());
  reply.time = members.number("time");
  members.expect_no_more();
  return reply;
}

std::string write_refusal(const WireRefusal& refusal) {
  return json{{"error",
               {{"code", refusal.code},
                {"message", refusal.message},
                {"hint", refusal.hint},
                {"server_time", refusal.server_time}}}}
      .dump();
}

WireRefusal read_refusal(std::string_view body) {
  const json document = parse(body);
  Members members(document);
  Members error(members.any("error"));
  WireRefusal refusal{error.text("code", longest_word), error.text("message", 1000), error.text("hint", 1000),
                      error.number("server_time")};
  error.expect_no_more();
  members.expect_no_more();
  return refusal;
}

}  // namespace chancery::federation
