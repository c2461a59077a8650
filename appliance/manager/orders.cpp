#include "appliance/manager/orders.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "appliance/federation/order_seal.h"
#include "appliance/manager/certificate_manager.h"
#include "appliance/manager/federation_facts.h"
#include "appliance/manager/knowledge.h"
#include "appliance/manager/order_book.h"
#include "appliance/manager/revocations.h"
#include "appliance/manager/verbs.h"
#include "keystore/bytes/text_encoding.h"

namespace chancery::manager {
namespace {

using federation::Order;
using nlohmann::json;

constexpr std::array<std::string_view, 3> orderable{"cert-check", "cert-replace", "order-undo"};
// Somebody else was at work, or the disk was full for a moment: the same order may be tried again.
constexpr std::array<std::string_view, 4> passing{"busy", "no-space", "too-many-files", "io-error"};

std::string mark_of(const std::string& id) { return "(order " + id + ")"; }

struct Wanted {
  bool changes = true;
  control::Message request;
};

Wanted wanted_by(const Order& order) {
  const json document = json::parse(order.text, nullptr, /*allow_exceptions=*/false);
  const auto text = [&](const char* name) { return document.is_object() ? document.value(name, json()) : json(); };
  const json verb = text("verb");
  const json arguments = text("arguments");
  const bool is_known = verb.is_string() && arguments.is_object() &&
                        std::ranges::find(orderable, verb.get<std::string>()) != orderable.end();
  if (!is_known) {
    throw Failure({.code = "order-refused",
                   .subject = verb.dump(-1, ' ', true, json::error_handler_t::replace),
                   .cause = "orders are for checking, replacing and taking back certificates, and for nothing else",
                   .hint = "run it on the member itself"});
  }
  const bool is_question = verb == "cert-check" || arguments.value("dry_run", json()) == true;
  return {.changes = !is_question, .request = {.json = order.text, .attachments = order.attachments}};
}

std::string run_here(const Folder& state, const Clock& clock, const control::Message& request, const std::string& who,
                     bool& is_final) {
  try {
    CertificateManager manager(state.path(), clock);
    return R"({"result":)" + manager.handle(request, who).json + "}";
  } catch (const Failure& failure) {
    is_final = std::ranges::find(passing, failure.code()) == passing.end();
    return control::error_json(failure);
  }
}

Failure changed_since(const std::string& subject, const std::string& cause) {
  return Failure({.code = "changed-since",
                  .subject = subject,
                  .cause = cause,
                  .hint = "look at both on this member: chancery backup list, chancery generation list; and decide",
                  .needs_person = true});
}

// The newest set made by this order; "" where it changed nothing.
std::string set_of(Bench& bench, const std::string& mark) {
  for (const std::string& id : bench.sets.ids()) {
    if (bench.sets.summary(id).cause.who.ends_with(mark)) return id;
  }
  return {};
}

std::optional<backup::Generation> generation_of(Bench& bench, const std::string& mark) {
  std::vector<backup::GenerationNumber> numbers = bench.generations.list();
  std::ranges::sort(numbers, std::greater<>());
  for (const backup::GenerationNumber number : numbers) {
    backup::Generation generation = bench.generations.open(number);
    try {
      if (generation.manifest().cause.who.ends_with(mark)) return generation;
    } catch (const Failure&) {
      continue;  // damaged: doctor tells
    }
  }
  return std::nullopt;
}

// What the identities of the set are, here and now, compared with what `bytes_of` says that they were.
template <typename BytesOf>
bool stand_as(Bench& bench, const std::vector<std::string>& components, BytesOf bytes_of) {
  for (const std::string& identity : identities_of(bench.appliance.role)) {
    if (std::ranges::find(components, identity) == components.end()) continue;
    const std::string path = "identities/" + identity + "/certificate.pem";
    if (text_of(bench.current().read(path)) != bytes_of(path)) return false;
  }
  return true;
}

}  // namespace

std::string carry_out(const Folder& state, const Clock& clock, const Order& order, const std::string& giver) {
  const Wanted wanted = wanted_by(order);
  const std::string who = giver + " " + mark_of(to_hex(order.id));
  bool is_final = true;
  // Asking twice does no harm.
  if (!wanted.changes) return run_here(state, clock, wanted.request, who, is_final);
  OrderBook book(state, who);
  if (auto answer = book.enter(order)) return *answer;
  const std::string answer = run_here(state, clock, wanted.request, who, is_final);
  if (is_final) book.close(order, answer);
  return answer;
}

// Puts back what stood here before an order of this id, by the backup set that the order's own change made.
json order_undo(Bench& bench, Call& call) {
  const std::string mark = mark_of(call.text("order"));
  const Bench::Writer writer = bench.begin_change(call.who() + ", order undo");
  const json nothing{{"outcome", "unchanged"}, {"generation", bench.current().number()}};
  const std::string id = set_of(bench, mark);
  if (id.empty() && !call.text_or("set", "").empty()) {
    throw Failure({.code = "set-gone",
                   .subject = bench.appliance.name,
                   .cause = "the backup set that its replace made is no longer kept",
                   .hint = "chancery backup list on this member shows the sets that are there"});
  }
  if (id.empty()) return nothing;
  const backup::BackupSet set = bench.sets.open(id);
  const std::vector<std::string>& components = set.summary().components;
  const std::map<std::string, backup::NewFile> files = set.files("");
  const auto before = [&](const std::string& path) {
    const auto found = files.find(path);
    return found == files.end() ? std::string_view() : text_of(view_of(found->second.bytes));
  };
  if (stand_as(bench, components, before)) return nothing;
  const auto made = generation_of(bench, mark);
  if (!made) throw changed_since(bench.appliance.name, "the generation that the order made is no longer kept");
  Bytes kept;
  const auto after = [&](const std::string& path) {
    kept = made->read(path);
    return text_of(kept);
  };
  if (!stand_as(bench, components, after)) {
    throw changed_since(bench.appliance.name, "somebody has changed the certificate again since the order");
  }
  change::Plan plan =
      change::plan_restore(bench.current(), bench.appliance, id, files, components, know(bench), bench.now());
  return finish(bench, std::move(plan), call);
}

json member_order(Bench& bench, Call& call) {
  const SecretBytes sealed = call.file("order").bytes;
  const auto facts = FederationFacts::read(bench.current());
  const auto member = change::read_identity(bench.current(), "identities/member");
  if (!facts || !member || !member->key) {
    throw Failure({.code = "not-joined",
                   .subject = bench.appliance.name,
                   .cause = "this appliance is in no federation, so nobody gives it orders",
                   .hint = "join one first: chancery federation join --primary HOST:PORT --token-file F"});
  }
  const RevocationLists revoked = lists_in_force(bench.current());
  const federation::Opened opened = federation::open_sealed(
      view_of(sealed), {.certificate = member->leaf, .key = *member->key},
      {.roots = certificates_in(bench.current(), "trust/federation/roots.pem"),
       .is_revoked =
           [&](const Certificate& certificate) {
             return std::ranges::any_of(revoked, [&](const RevocationList& list) { return list.lists(certificate); });
           }},
      bench.now());
  const federation::Orderer giver = federation::orderer(opened.signer, facts->federation);
  const Order order = federation::read_order(view_of(opened.content));
  federation::expect_for_us(order, facts->federation, facts->member_name, bench.now());
  if (!giver.may_change && wanted_by(order).changes) {
    throw Failure({.code = "order-refused",
                   .subject = giver.name,
                   .cause = "a member certificate may ask, and only an order certificate may order a change",
                   .hint = "run the command on the primary: its certificate manager gets itself an order certificate"});
  }
  const federation::OrderReply reply{.federation = order.federation,
                                     .member = order.target,
                                     .id = order.id,
                                     .digest = order_digest(order),
                                     .text = carry_out(bench.state, bench.clock(), order, giver.name)};
  std::vector<Certificate> chain{member->leaf};
  chain.insert(chain.end(), member->intermediates.begin(), member->intermediates.end());
  const Bytes answer = federation::seal(view_of(write_order_reply(reply)),
                                        {.chain = std::move(chain), .key = *member->key}, opened.signer);
  call.reply_attachments.push_back(secret_copy(answer));
  return {{"outcome", "answered"}, {"order", to_hex(order.id)}, {"giver", giver.name}};
}

}  // namespace chancery::manager
