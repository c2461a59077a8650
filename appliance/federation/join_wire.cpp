#include "appliance/federation/join_wire.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "appliance/federation/json_text.h"
#include "appliance/federation/strict_json.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"

namespace chancery::federation {
namespace {

using nlohmann::json;

constexpr std::size_t most_names = 32;
constexpr std::size_t most_requests = 16;
constexpr std::size_t longest_word = 64;
constexpr std::size_t token_id_size = 16;
constexpr std::size_t longest_signature = 1024;
constexpr std::size_t expected_reply = 12 * 1024;

constexpr MessageKind kind{.code = "join-malformed",
                           .subject = "join message",
                           .hint = "check that both sides run versions of Chancery that fit together",
                           .deepest = 4};

IdentityRequest read_request(const json& value) {
  Members members(value, kind);
  const std::string identity = members.text("identity", longest_word);
  const std::string pem = members.text("csr", join_request_limit);
  members.expect_no_more();
  try {
    return {identity, CertificateRequest::from_pem(view_of(pem))};
  } catch (const Failure& failure) {
    refuse_message(kind, "a CSR in it cannot be read: " + failure.cause());
  }
}

json requests_json(const std::vector<IdentityRequest>& all) {
  json requests = json::array();
  for (const IdentityRequest& each : all) {
    requests.push_back({{"identity", each.identity}, {"csr", each.request.to_pem()}});
  }
  return requests;
}

void put_chains(JsonText& out, const std::map<std::string, std::vector<std::string>>& chains) {
  out.raw("{");
  const char* before = "";
  for (const auto& [identity, chain] : chains) {
    out.raw(before).text(identity).raw(":").texts(chain);
    before = ",";
  }
  out.raw("}");
}

// What a request and a renewal have in common.
void read_common(Members& members, SignedStatement& message, std::size_t signature_limit) {
  JoinStatement& statement = message.statement;
  statement.nonce = members.binary("nonce", nonce_size);
  if (statement.nonce.size() != nonce_size) refuse_message(kind, "nonce is not of 32 bytes");
  statement.time = members.number("time");
  message.signature = members.binary("signature", signature_limit);
  for (const json& each : members.array("requests", most_requests)) statement.requests.push_back(read_request(each));
  members.expect_no_more();
}

std::map<std::string, std::vector<std::string>> read_chains(Members& members, std::size_t limit) {
  const json& chains = members.any("chains");
  if (!chains.is_object() || chains.size() > most_requests) refuse_message(kind, "chains is not an object of its size");
  std::map<std::string, std::vector<std::string>> found;
  for (const auto& [identity, chain] : chains.items()) {
    if (!chain.is_array()) refuse_message(kind, "a chain is not a list");
    std::vector<std::string>& pems = found[identity];
    for (const json& pem : chain) pems.push_back(members.text_in(pem, "a certificate", limit));
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
  if (body.size() > join_request_limit) refuse_message(kind, "it is larger than 256 KiB");
  const json document = parse_strictly(body, kind);
  Members members(document, kind);
  SignedStatement message;
  message.statement.token_id = members.hex("token", token_id_size);
  message.statement.role = members.text("role", longest_word);
  message.statement.names = members.texts("names", most_names, 253);
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
  if (body.size() > join_request_limit) refuse_message(kind, "it is larger than 256 KiB");
  const json document = parse_strictly(body, kind);
  Members members(document, kind);
  SignedStatement message;
  message.statement.token_id = members.hex("certificate", std::tuple_size_v<Sha256>);
  read_common(members, message, longest_signature);
  return message;
}

std::string write_signed_reply(const SignedReply& reply) {
  JsonText out(reply.text.size() * 5 / 4 + 256);
  out.raw(R"({"reply":)").text(reply.text).raw(R"(,"signature":)").text(to_base64(reply.signature)).raw("}");
  return out.take();
}

SignedReply read_signed_reply(std::string_view body) {
  const json document = parse_strictly(body, kind);
  Members members(document, kind);
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
  JsonText out(expected_reply);
  out.raw(R"({"nonce":)").text(to_base64(reply.nonce)).raw(R"(,"federation":)").text(reply.federation);
  out.raw(R"(,"root":)").text(reply.root_pem).raw(R"(,"chains":)");
  put_chains(out, reply.chains_pem);
  out.raw(R"(,"customer_key":)").text(to_base64(reply.masked_customer_key));
  out.raw(R"(,"portal":{"host":)").text(reply.portal_host).raw(R"(,"port":)").raw(std::to_string(reply.portal_port));
  out.raw(R"(,"name":)").text(reply.portal_name).raw(R"(},"time":)").raw(std::to_string(reply.time)).raw("}");
  return out.take();
}

ReplyText read_reply_text(std::string_view text) {
  const json document = parse_strictly(text, kind);
  Members members(document, kind);
  ReplyText reply;
  reply.nonce = members.binary("nonce", nonce_size);
  reply.federation = members.text("federation", longest_word);
  reply.root_pem = members.text("root", text.size());
  reply.chains_pem = read_chains(members, text.size());
  reply.masked_customer_key = members.binary("customer_key", 64);
  Members portal(members.any("portal"), kind);
  reply.portal_host = portal.text("host", 253);
  reply.portal_port = static_cast<int>(std::min<std::int64_t>(portal.number("port"), 65536));
  reply.portal_name = portal.text("name", 253);
  portal.expect_no_more();
  reply.time = members.number("time");
  members.expect_no_more();
  return reply;
}

std::string write_renewal_text(const RenewalText& reply) {
  JsonText out(expected_reply);
  out.raw(R"({"nonce":)").text(to_base64(reply.nonce)).raw(R"(,"federation":)").text(reply.federation);
  out.raw(R"(,"chains":)");
  put_chains(out, reply.chains_pem);
  out.raw(R"(,"time":)").raw(std::to_string(reply.time)).raw("}");
  return out.take();
}

RenewalText read_renewal_text(std::string_view text) {
  const json document = parse_strictly(text, kind);
  Members members(document, kind);
  RenewalText reply;
  reply.nonce = members.binary("nonce", nonce_size);
  reply.federation = members.text("federation", longest_word);
  reply.chains_pem = read_chains(members, text.size());
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
  const json document = parse_strictly(body, kind);
  Members members(document, kind);
  Members error(members.any("error"), kind);
  WireRefusal refusal{error.text("code", longest_word), error.text("message", 1000), error.text("hint", 1000),
                      error.number("server_time")};
  error.expect_no_more();
  members.expect_no_more();
  return refusal;
}

}  // namespace chancery::federation
