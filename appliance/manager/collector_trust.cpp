// Collectors on their way to another server or another trust: moved over their live channels (T4), or mended by a signed
// file where nothing else reaches them (T5).
#include <nlohmann/json.hpp>

#include "appliance/manager/knowledge.h"
#include "appliance/manager/program_question.h"
#include "appliance/manager/verbs.h"
#include "appliance/membership/membership.h"
#include "appliance/repair/repair_keys.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/x509/material.h"

namespace chancery::manager {
namespace {

using nlohmann::json;

constexpr std::size_t most_moved_anchors = 8;
constexpr std::size_t most_mended_anchors = 16;
constexpr std::int64_t default_days = 30;
constexpr std::int64_t longest_seconds = std::int64_t{366} * 86'400;

// What the server that they go to is under: as given, else the federation's roots.
std::vector<Certificate> anchors_of(Bench& bench, const Call& call, std::size_t most, bool must_be_given = false) {
  std::vector<Certificate> anchors;
  for (const preflight::SourceFile& file : call.file_list("files")) {
    const Material found = read_material(view_of(file.bytes), {.source = file.name});
    if (found.certificates.empty()) {
      throw Failure({.code = "not-a-certificate",
                     .subject = file.name,
                     .cause = "it holds no certificate",
                     .hint = "give the CA that the server is under (or the server's own certificate) as PEM or DER"});
    }
    anchors.insert(anchors.end(), found.certificates.begin(), found.certificates.end());
  }
  if (anchors.empty() && !must_be_given) anchors = certificates_in(bench.current(), "trust/federation/roots.pem");
  if (anchors.empty() || anchors.size() > most) {
    throw bad_argument("files",
                       !anchors.empty() ? "too many"
                       : must_be_given  ? "no CA is given"
                                        : "no CA is given, and this appliance is in no federation",
                       "give 1 to " + std::to_string(most) + " certificates: --ca FILE");
  }
  return anchors;
}

json fingerprints(const std::vector<Certificate>& anchors) {
  json list = json::array();
  for (const Certificate& each : anchors) list.push_back({{"subject", each.subject()}, {"sha256", each.fingerprint()}});
  return list;
}

ProbeAddress address_of(const Call& call) {
  return {.host = call.text("host"), .port = static_cast<int>(call.number("port").value_or(0)), .starttls = ""};
}

json ask_engine(const Bench& bench, const json& question) {
  return ask_program(bench.state.path(), "engine", question,
                     "collectors are told by the engine that they are connected to: run this on each secondary (or "
                     "single appliance) that has one, and start it where it is stopped");
}

std::string federation_of(Bench& bench) {
  if (const auto membership = read_membership(bench.current())) return membership->federation;
  return bench.appliance.federation;
}

// Asked twice: first what it would come to.
json hand_down(Bench& bench, Call& call, const std::string& verb, json question,
               const std::vector<Certificate>& anchors) {
  question.update(
      {{"verb", "collector-move"}, {"anchors", json::array()}, {"only", call.list("only")}, {"dry_run", true}});
  for (const Certificate& each : anchors) question["anchors"].push_back(to_base64(each.der()));
  json reply = ask_engine(bench, question);
  reply["anchors"] = fingerprints(anchors);
  if (call.flag("dry_run") || reply.value("outcome", "") == "unchanged") return reply;
  const Bench::Writer writer = bench.begin_change(call.who() + ", " + verb);
  question["dry_run"] = false;
  reply.update(ask_engine(bench, question));
  return reply;
}

}  // namespace

json collector_move(Bench& bench, Call& call) {
  const ProbeAddress address = address_of(call);
  const json question{{"host", address.host}, {"port", address.port}, {"name", call.text_or("name", address.host)}};
  return hand_down(bench, call, "collector move", question, anchors_of(bench, call, most_moved_anchors));
}

json collector_install_trust(Bench& bench, Call& call) {
  const std::vector<Certificate> anchors = anchors_of(bench, call, most_moved_anchors, /*must_be_given=*/true);
  return hand_down(bench, call, "collector install-trust", {{"host", ""}, {"port", 0}, {"name", ""}}, anchors);
}

json collector_repair_make(Bench& bench, Call& call) {
  const bool is_dry = call.flag("dry_run");
  std::optional<Bench::Writer> writer;
  if (!is_dry) writer = bench.begin_change(call.who() + ", collector repair make");
  repair::RepairOrder order;
  order.federation = federation_of(bench);
  order.anchors = anchors_of(bench, call, most_mended_anchors);
  if (const std::string host = call.text_or("host", ""); !host.empty()) {
    order.host = host;
    order.port = static_cast<int>(call.number("port").value_or(0));
    order.name = call.text_or("name", host);
  }
  if (const std::vector<std::string> only = call.list("only"); !only.empty()) order.targets = only;
  for (const std::string& id : order.targets) {
    const bool is_id = id == "*" || (id.size() == 64 && id.find_first_not_of("0123456789abcdef") == std::string::npos);
    if (!is_id) throw bad_argument("only", id + " is no whole id", "chancery collector list --json has the whole ids");
  }
  const std::int64_t ttl = call.number("ttl_seconds").value_or(default_days * 86'400);
  if (ttl < 60 || ttl > longest_seconds)
    throw bad_argument("ttl_seconds", "out of range", "give 1m to 366d: --ttl 30d");
  order.made = bench.now();
  order.expires = order.made + std::chrono::seconds(ttl);
  repair::RepairKeys keys(bench.state);
  json reply{{"outcome", is_dry ? "planned" : "done"},
             {"federation", order.federation},
             {"targets", order.targets},
             {"expires", to_rfc3339(order.expires)},
             {"anchors", fingerprints(order.anchors)}};
  if (!order.host.empty()) reply["server"] = order.host + ":" + std::to_string(order.port);
  if (is_dry) return reply;
  order.number = keys.next_number(bench.now());
  reply["number"] = order.number;
  call.reply_attachments.push_back(secret_copy(repair::write_repair_file(order, keys.signer())));
  return reply;
}

json collector_repair_key(Bench& bench, Call& call) {
  const repair::RepairKeys keys(bench.state);
  const std::string document = repair::write_shipped_key({federation_of(bench), keys.present_key()});
  call.reply_attachments.push_back(secret_copy(document));
  return {{"federation", federation_of(bench)}, {"key", to_base64(keys.present_key())}};
}

json collector_repair_rotate(Bench& bench, Call& call) {
  if (call.flag("dry_run")) {
    const repair::RepairKeys keys(bench.state);
    return {{"outcome", "planned"}, {"key", to_base64(keys.present_key())}};
  }
  const Bench::Writer writer = bench.begin_change(call.who() + ", collector repair rotate-key");
  repair::RepairKeys keys(bench.state);
  keys.rotate(federation_of(bench));
  return {{"outcome", "done"}, {"key", to_base64(keys.present_key())}};
}

}  // namespace chancery::manager
