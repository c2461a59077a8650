#include "appliance/federation/bulletin.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "appliance/federation/authority_link.h"
#include "appliance/federation/json_text.h"
#include "appliance/federation/strict_json.h"
#include "keystore/bytes/cursor.h"
#include "keystore/bytes/text_encoding.h"

namespace chancery::federation {
namespace {

using nlohmann::json;

constexpr const char* label = "chancery bulletin 1 authority";
constexpr std::size_t most_certificates = 64;
constexpr std::size_t most_lists = 8;
constexpr std::size_t longest_word = 64;
constexpr std::size_t longest_signature = 1024;
constexpr std::size_t longest_text = std::size_t{1} * 1024 * 1024;

constexpr MessageKind kind{
    .code = "bulletin-invalid",
    .subject = "the authority's bulletin",
    .hint = "check that primary and secondary run versions of Chancery that fit together; nothing was changed",
    .deepest = 3};

[[noreturn]] void invalid(const std::string& cause) { refuse_message(kind, cause); }

Certificate certificate(const Members& members, const json& value) {
  const std::string pem = members.text_in(value, "a certificate", longest_text);
  try {
    return one_certificate(pem, "the authority's bulletin");
  } catch (const Failure&) {
    invalid("a certificate in it cannot be read");
  }
}

std::vector<Certificate> certificates(Members& members, const char* name) {
  std::vector<Certificate> all;
  for (const json& each : members.array(name, most_certificates)) all.push_back(certificate(members, each));
  return all;
}

std::optional<Certificate> certificate_or_none(Members& members, const char* name) {
  const json& value = members.any(name);
  return value.is_null() ? std::nullopt : std::optional(certificate(members, value));
}

void put(JsonText& out, const std::optional<Certificate>& certificate) {
  if (certificate) {
    out.text(certificate->to_pem());
  } else {
    out.raw("null");
  }
}

std::vector<std::string> pems(const std::vector<Certificate>& all) {
  std::vector<std::string> list;
  for (const Certificate& each : all) list.push_back(each.to_pem());
  return list;
}

Bytes signed_bytes(std::string_view text) {
  Writer writer;
  writer.sized16(view_of(std::string_view(label))).sized32(view_of(text));
  const SecretBytes taken = writer.take();
  return {taken.begin(), taken.end()};
}

// Reads until it has the number. Names stand in their order (write_bulletin), so that is before all that is retired.
class NumberSeeker : public json::json_sax_t {
 public:
  std::optional<std::uint64_t> number;

  bool key(std::string& name) override {
    is_it_ = depth_ == 1 && name == "number";
    return true;
  }
  bool number_unsigned(std::uint64_t value) override {
    if (is_it_) number = value;
    return !is_it_;
  }
  bool number_integer(std::int64_t) override { return !is_it_; }
  bool number_float(double, const std::string&) override { return !is_it_; }
  bool string(std::string&) override { return !is_it_; }
  bool binary(json::binary_t&) override { return false; }
  bool boolean(bool) override { return !is_it_; }
  bool null() override { return !is_it_; }
  bool start_object(std::size_t) override { return deeper(); }
  bool start_array(std::size_t) override { return deeper(); }
  bool end_object() override { return shallower(); }
  bool end_array() override { return shallower(); }
  bool parse_error(std::size_t, const std::string&, const json::exception&) override { return false; }

 private:
  bool deeper() { return !is_it_ && ++depth_ <= kind.deepest; }
  bool shallower() {
    --depth_;
    return true;
  }
  int depth_ = 0;
  bool is_it_ = false;
};

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
          .retired = authority::retired_anchors(authority.store())};
}

// Most of it are certificates. In the order of their names, as everybody who reads and writes JSON would put them.
std::string write_bulletin(const Bulletin& bulletin) {
  JsonText out(std::size_t{16} * 1024);
  put(out.raw("{\"cross\":"), bulletin.cross);
  out.raw(",\"federation\":").text(bulletin.federation);
  put(out.raw(",\"former_issuing\":"), bulletin.former_issuing);
  out.raw(",\"issuing\":").text(bulletin.issuing.to_pem());
  out.raw(",\"number\":").raw(std::to_string(bulletin.number));
  out.raw(",\"phase\":").text(authority::to_text(bulletin.phase));
  out.raw(",\"retired\":").texts(pems(bulletin.retired));
  out.raw(",\"root\":").text(bulletin.root.to_pem());
  out.raw(",\"roots\":").texts(pems(bulletin.roots));
  out.raw(",\"since\":").raw(std::to_string(bulletin.since.time_since_epoch().count()));
  return out.raw("}").take();
}

// Members that nobody here knows are let pass: a primary may run a later version than its secondaries.
Bulletin read_bulletin(std::string_view body) {
  if (body.size() > longest_text) invalid("it is too long");
  const json document = parse_strictly(body, kind);
  Members members(document, kind);
  const std::optional<authority::Phase> phase = authority::phase_named(members.text("phase", longest_word));
  if (!phase) invalid("its phase is none that is known here");
  Bulletin bulletin{.federation = members.text("federation", longest_word),
                    .number = static_cast<std::uint64_t>(members.number("number")),
                    .phase = *phase,
                    .since = Instant{std::chrono::seconds{members.number("since")}},
                    .roots = certificates(members, "roots"),
                    .root = certificate(members, members.any("root")),
                    .issuing = certificate(members, members.any("issuing")),
                    .former_issuing = certificate_or_none(members, "former_issuing"),
                    .cross = certificate_or_none(members, "cross"),
                    .retired = certificates(members, "retired")};
  expect_sound(bulletin);
  return bulletin;
}

std::uint64_t number_of_bulletin(std::string_view text) {
  NumberSeeker seeker;
  (void)json::sax_parse(text, &seeker);
  if (!seeker.number) invalid("it has no number");
  return *seeker.number;
}

SignedBulletin sign(const Bulletin& bulletin, const PrivateKey& tls_key) {
  SignedBulletin made{write_bulletin(bulletin), {}};
  made.signature = tls_key.sign(signed_bytes(made.text));
  return made;
}

std::string write_news(const SignedBulletin& bulletin, const std::vector<Bytes>& lists, std::uint64_t customer_key) {
  json all = json::array();
  for (const Bytes& list : lists) all.push_back(to_base64(list));
  json news{{"bulletin", bulletin.text}, {"signature", to_base64(bulletin.signature)}, {"lists", all}};
  if (customer_key > 0) news["customer_key"] = customer_key;
  return news.dump();
}

News read_news(std::string_view body, const Bytes& authority_key, const std::string& federation) {
  if (body.size() > bulletin_limit) invalid("it is too long");
  const json document = parse_strictly(body, kind);
  Members members(document, kind);
  const std::string said = members.text("bulletin", longest_text);
  if (!verify_signature(authority_key, signed_bytes(said), members.binary("signature", longest_signature))) {
    invalid("its signature is wrong");
  }
  News news{.bulletin = read_bulletin(said), .lists = {}, .customer_key = 0};
  if (news.bulletin.federation != federation) invalid("it is of another federation");
  for (const json& each : members.array("lists", most_lists)) {
    news.lists.push_back(members.binary_in(each, "a list", bulletin_limit));
  }
  if (document.contains("customer_key")) {
    news.customer_key = static_cast<std::uint64_t>(members.number("customer_key"));
  }
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
