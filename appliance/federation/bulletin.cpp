#include "appliance/federation/bulletin.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "appliance/federation/authority_link.h"
#include "keystore/bytes/cursor.h"
#include "keystore/bytes/text_encoding.h"

namespace chancery::federation {
namespace {

using nlohmann::json;

constexpr const char* label = "chancery bulletin 1 authority";
constexpr int deepest = 3;
constexpr std::size_t most_certificates = 64;
constexpr std::size_t most_lists = 8;
constexpr std::size_t longest_text = std::size_t{1} * 1024 * 1024;

[[noreturn]] void invalid(const std::string& cause) {
  throw Failure({.code = "bulletin-invalid",
                 .subject = "the authority's bulletin",
                 .cause = cause,
                 .hint = "check that primary and secondary run versions of Chancery that fit together; nothing was "
                         "changed"});
}

json parse(std::string_view text) {
  const auto watch = [](int depth, json::parse_event_t, json&) {
    if (depth > deepest) invalid("it is nested too deeply");
    return true;
  };
  json document;
  try {
    document = json::parse(text, watch);
  } catch (const json::exception&) {
    // The library's message would quote the input.
    invalid("it is not JSON");
  }
  if (!document.is_object()) invalid("it is not an object");
  return document;
}

const json& member(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) invalid(std::string(name) + " is missing");
  return *found;
}

std::string text(const json& object, const char* name) {
  const json& value = member(object, name);
  if (!value.is_string()) invalid(std::string(name) + " is not a text");
  return value.get<std::string>();
}

std::int64_t number(const json& object, const char* name) {
  const json& value = member(object, name);
  if (!value.is_number_integer() || value < json(0) || value > json(std::int64_t{1} << 40)) {
    invalid(std::string(name) + " is not a number in its range");
  }
  return value.get<std::int64_t>();
}

Certificate certificate(const json& value) {
  if (!value.is_string()) invalid("a certificate is not a text");
  try {
    return one_certificate(value.get<std::string>(), "the authority's bulletin");
  } catch (const Failure&) {
    invalid("a certificate in it cannot be read");
  }
}

std::vector<Certificate> certificates(const json& object, const char* name) {
  const json& list = member(object, name);
  if (!list.is_array() || list.size() > most_certificates) invalid(std::string(name) + " is not a list of its size");
  std::vector<Certificate> all;
  for (const json& each : list) all.push_back(certificate(each));
  return all;
}

std::optional<Certificate> certificate_or_none(const json& object, const char* name) {
  const json& value = member(object, name);
  return value.is_null() ? std::nullopt : std::optional(certificate(value));
}

json pem_or_null(const std::optional<Certificate>& certificate) {
  return certificate ? json(certificate->to_pem()) : json(nullptr);
}

json pems(const std::vector<Certificate>& all) {
  json list = json::array();
  for (const Certificate& each : all) list.push_back(each.to_pem());
  return list;
}

Bytes signed_bytes(std::string_view text) {
  Writer writer;
  writer.sized16(view_of(std::string_view(label))).sized32(view_of(text));
  const SecretBytes taken = writer.take();
  return {taken.begin(), taken.end()};
}

// What a member is going to trust must be what it says it is, whoever signed for it.
void expect_sound(const Bulletin& bulletin) {
  if (bulletin.roots.empty()) invalid("it has no root");
  for (const Certificate& root : bulletin.roots) {
    if (!root.is_ca() || !root.is_self_signed()) invalid("one of its roots is none");
    if (std::ranges::find(bulletin.retired, root) != bulletin.retired.end()) invalid("a root in it is retired as well");
  }
  if (std::ranges::find(bulletin.roots, bulletin.root) == bulletin.roots.end()) {
    invalid("the root in force is not among its roots");
  }
  if (!bulletin.issuing.is_signed_by(bulletin.root)) invalid("its issuing CA is not under its root");
  if (!bulletin.cross) return;
  const auto is_under = [&](const Certificate& root) { return bulletin.cross->is_signed_by(root); };
  const auto is_of = [&](const Certificate& root) { return bulletin.cross->key_digest() == root.key_digest(); };
  if (!std::ranges::any_of(bulletin.roots, is_under) || !std::ranges::any_of(bulletin.roots, is_of)) {
    invalid("its cross certificate does not join two of its roots");
  }
}

}  // namespace

Bulletin bulletin_of(authority::Authority& authority) {
  const auto lock = authority.store().hold();
  const authority::Anchors anchors = authority::anchors_of(authority.store());
  return {.federation = authority.federation(),
          .number = anchors.number,
          .phase = anchors.phase,
          .since = anchors.since,
          .roots = anchors.roots(),
          .root = anchors.root,
          .issuing = anchors.issuing,
          .former_issuing = anchors.former_issuing,
          .cross = anchors.cross,
          .retired = anchors.retired};
}

std::string write_bulletin(const Bulletin& bulletin) {
  return json({{"federation", bulletin.federation},
               {"number", bulletin.number},
               {"phase", authority::to_text(bulletin.phase)},
               {"since", bulletin.since.time_since_epoch().count()},
               {"roots", pems(bulletin.roots)},
               {"root", bulletin.root.to_pem()},
               {"issuing", bulletin.issuing.to_pem()},
               {"former_issuing", pem_or_null(bulletin.former_issuing)},
               {"cross", pem_or_null(bulletin.cross)},
               {"retired", pems(bulletin.retired)}})
      .dump();
}

Bulletin read_bulletin(std::string_view body) {
  if (body.size() > longest_text) invalid("it is too long");
  const json document = parse(body);
  const std::optional<authority::Phase> phase = authority::phase_named(text(document, "phase"));
  if (!phase) invalid("its phase is none that is known here");
  Bulletin bulletin{.federation = text(document, "federation"),
                    .number = static_cast<std::uint64_t>(number(document, "number")),
                    .phase = *phase,
                    .since = Instant{std::chrono::seconds{number(document, "since")}},
                    .roots = certificates(document, "roots"),
                    .root = certificate(member(document, "root")),
                    .issuing = certificate(member(document, "issuing")),
                    .former_issuing = certificate_or_none(document, "former_issuing"),
                    .cross = certificate_or_none(document, "cross"),
                    .retired = certificates(document, "retired")};
  expect_sound(bulletin);
  return bulletin;
}

SignedBulletin sign(const Bulletin& bulletin, const PrivateKey& tls_key) {
  SignedBulletin made{write_bulletin(bulletin), {}};
  made.signature = tls_key.sign(signed_bytes(made.text));
  return made;
}

std::string write_news(const SignedBulletin& bulletin, const std::vector<Bytes>& lists) {
  json all = json::array();
  for (const Bytes& list : lists) all.push_back(to_base64(list));
  return json({{"bulletin", bulletin.text}, {"signature", to_base64(bulletin.signature)}, {"lists", all}}).dump();
}

News read_news(std::string_view body, const Bytes& authority_key, const std::string& federation) {
  if (body.size() > bulletin_limit) invalid("it is too long");
  const json document = parse(body);
  const auto binary = [](const json& value) {
    try {
      if (value.is_string()) return from_base64(value.get_ref<const std::string&>());
    } catch (const Failure&) {
    }
    invalid("something in it is not base64");
  };
  const std::string said = text(document, "bulletin");
  if (!verify_signature(authority_key, signed_bytes(said), binary(member(document, "signature")))) {
    invalid("its signature is wrong");
  }
  News news{.bulletin = read_bulletin(said), .lists = {}};
  if (news.bulletin.federation != federation) invalid("it is of another federation");
  const json& lists = member(document, "lists");
  if (!lists.is_array() || lists.size() > most_lists) invalid("lists is not a list of its size");
  for (const json& each : lists) news.lists.push_back(binary(each));
  return news;
}

News fetch_news(const tls::Target& authority, const Sha256& pin, const std::string& federation,
                std::chrono::milliseconds deadline) {
  const std::string peer = address_of(authority);
  const tls::ClientContext context(pinning(pin));
  std::optional<News> news;
  const auto ask = [](const tls::Connection& connection) {
    return http::Request{.method = "GET", .path = "/bulletin", .headers = host_header(connection)};
  };
  const auto check = [&](const tls::Connection& connection, const http::Reply& reply) {
    if (reply.status != 200) {
      throw Failure({.code = "no-bulletin",
                     .subject = peer,
                     .cause = "the authority answers with HTTP status " + std::to_string(reply.status),
                     .hint = "update the primary to this version of Chancery"});
    }
    news = read_news(reply.body, pinned_key(connection, pin, peer), federation);
  };
  try {
    (void)http::request_bound(authority, context, ask, check, deadline, bulletin_limit);
  } catch (const Failure& failure) {
    if (failure.code() == "pin-mismatch") throw relay_suspected(peer, Exchange::renewal);
    throw;
  }
  return std::move(*news);
}

}  // namespace chancery::federation
