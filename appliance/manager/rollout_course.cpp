#include "appliance/manager/rollout_course.h"

#include <algorithm>
#include <future>

#include "appliance/manager/authority_desk.h"
#include "appliance/manager/knowledge.h"
#include "appliance/manager/member_address.h"
#include "appliance/manager/orders.h"
#include "appliance/manager/witness.h"
#include "appliance/membership/membership.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/x509/material.h"

namespace chancery::manager {
namespace {

using federation::Order;
using nlohmann::json;

constexpr std::chrono::hours signer_life{24};
constexpr std::chrono::minutes order_life{30};

std::string new_order_id() { return to_hex(view_of(random_secret(federation::order_id_size))); }

json error_of(const Failure& failure) {
  return {{"code", failure.code()}, {"message", failure.what()}, {"hint", failure.hint()}};
}

// The first of a refusal's errors stands for it; the others are in `cert check` there.
json first_error(const json& report) {
  json none{{"code", "refused"}, {"message", "its preflight refuses"}, {"hint", "chancery cert check tells why"}};
  const auto findings = report.find("findings");
  if (findings == report.end() || !findings->is_array()) return none;
  for (const json& finding : *findings) {
    if (finding.value("severity", "") == "error") return finding;
  }
  return none;
}

std::string text_in(const json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// Whoever has it may order members about for a day: it has a record of its own, besides that of who began the rollout.
federation::OrderRecipient new_signer(Bench& bench, const std::string& rollout, std::vector<Certificate>& issuers) {
  // A bench of its own: what it locks is free again when this is done, and this appliance may be ordered about, too.
  Bench own(bench.state.path(), bench.clock());
  PrivateKey key = PrivateKey::generate(KeyType::ecdsa_p256);
  std::optional<Certificate> leaf;
  Deed deed{
      .who = "chancery-manager", .verb = "rollout-order-certificate", .arguments = json{{"rollout", rollout}}.dump()};
  static_cast<void>(witnessed(own, std::move(deed), [&]() -> json {
    const Bench::Writer writer = own.begin_change("chancery-manager, an order certificate");
    AuthorityDesk desk(own);
    leaf = desk.authority.issue({.purpose = authority::LeafPurpose::orders,
                                 .names = {bench.appliance.name},
                                 .member_uri = federation::orders_uri(
                                     desk.authority.federation(), to_text(bench.appliance.role), bench.appliance.name),
                                 .public_key_der = key.public_key_der(),
                                 .issued_for = "orders to members",
                                 .validity = signer_life});
    issuers = desk.authority.intermediates();
    return {{"outcome", "done"}, {"certificate", preflight::to_json(*leaf)}};
  }));
  return {.certificate = std::move(*leaf), .key = std::move(key)};
}

}  // namespace

json undo_of(const RolloutMember& member) { return {{"order", member.order}, {"set", member.backup_set}}; }

RolloutRoster RolloutRoster::read(Bench& bench) {
  RolloutRoster roster{
      .own_name = bench.appliance.name, .certificates = {}, .addresses = member_addresses(bench.appliance.state)};
  for (const federation::Member& member : AuthorityDesk(bench).admission.members()) {
    for (const Certificate& certificate : member.certificates) {
      if (member_name(certificate)) roster.certificates.insert_or_assign(member.name, certificate);
    }
  }
  return roster;
}

const Certificate& RolloutRoster::certificate(const RolloutMember& member) const {
  const auto found = certificates.find(member.name);
  if (found != certificates.end()) return found->second;
  throw Failure({.code = "unknown-member",
                 .subject = member.name,
                 .cause = "there is no member of this name",
                 .hint = "chancery federation list shows the members"});
}

tls::Target RolloutRoster::target(const RolloutMember& member) const {
  const auto found = addresses.find(member.name);
  const std::string name = found != addresses.end() ? found->second.name : member.name;
  if (!member.address.empty()) return target_at(member.address, name);
  if (found != addresses.end()) return found->second;
  throw Failure({.code = "address-unknown",
                 .subject = member.name,
                 .cause = "its engine has not told the portal here where it lives",
                 .hint = "start its engine and wait for a heartbeat, or give its address in the plan"});
}

Order order_to(Bench& bench, const RolloutMember& member, const std::string& id, std::uint64_t number,
               const std::string& verb, const json& arguments, std::vector<SecretBytes> attachments) {
  return {.federation = bench.appliance.federation,
          .target = member.name,
          .id = from_hex(id),
          .number = number,
          .issued = bench.now(),
          .expires = bench.now() + order_life,
          .text = json{{"verb", verb}, {"arguments", arguments}}.dump(-1, ' ', false, json::error_handler_t::replace),
          .attachments = std::move(attachments)};
}

std::vector<RolloutAnswer> tell(Bench& bench, const OrderCourier& courier, const RolloutRoster& roster,
                                const std::vector<RolloutMember*>& members, const std::vector<Order>& orders) {
  const auto answer_of = [&](std::size_t i) {
    RolloutAnswer answer;
    try {
      if (members[i]->name == roster.own_name) {
        answer.sending.was_sent = true;
        answer.document = json::parse(carry_out(bench.state, bench.clock(), orders[i], roster.own_name));
      } else {
        answer.document =
            courier.send(roster.target(*members[i]), roster.certificate(*members[i]), orders[i], answer.sending);
      }
    } catch (const Failure& failure) {
      answer.failure = failure;
    }
    return answer;
  };
  std::vector<std::future<RolloutAnswer>> asked;
  asked.reserve(members.size());
  for (std::size_t i = 0; i < members.size(); ++i) asked.push_back(std::async(std::launch::async, answer_of, i));
  std::vector<RolloutAnswer> answers;
  for (auto& each : asked) answers.push_back(each.get());
  return answers;
}

RolloutCourse::RolloutCourse(Bench& bench, RolloutJournal& journal, Rollout& rollout, std::chrono::seconds patience)
    : bench_(bench), journal_(journal), rollout_(rollout), patience_(patience), roster_(RolloutRoster::read(bench)) {}

const OrderCourier& RolloutCourse::courier() {
  if (courier_) return *courier_;
  std::vector<Certificate> issuers;
  std::optional<federation::OrderRecipient> signer;
  if (!files_.signer_key.empty()) {
    const auto chain = read_material(view_of(files_.signer_chain), {.source = "rollout"}).certificates;
    if (!chain.empty() && chain.front().not_after() > bench_.now() + order_life) {
      signer = federation::OrderRecipient{.certificate = chain.front(),
                                          .key = PrivateKey::from_pem(view_of(files_.signer_key))};
      issuers.assign(chain.begin() + 1, chain.end());
    }
  }
  if (!signer) {
    signer = new_signer(bench_, rollout_.id, issuers);
    std::vector<Certificate> chain{signer->certificate};
    chain.insert(chain.end(), issuers.begin(), issuers.end());
    files_.signer_key = signer->key.to_pem();
    files_.signer_chain = pem_of(chain);
    // Going back needs no files, and may come after they are gone; undoing keeps who signs, for its next step.
    if (!files_.entries.empty() || rollout_.state == "undoing") journal_.save_files(rollout_.id, files_);
  }
  return courier_.emplace(bench_, std::move(signer), std::move(issuers), patience_);
}

void RolloutCourse::tell_event(const std::string& event, const RolloutMember* member) {
  json out{{"event", event},
           {"time", to_rfc3339(bench_.now())},
           {"rollout", rollout_.id},
           {"wave", rollout_.wave},
           {"waves", rollout_.waves}};
  if (member != nullptr) {
    out["member"] = member->name;
    if (member->generation != 0) out["generation"] = member->generation;
    if (!member->code.empty()) {
      out["error"] = {{"code", member->code}, {"message", member->message}, {"hint", member->hint}};
    }
    if (!member->note.empty()) out["note"] = member->note;
  }
  events.push_back(std::move(out));
}

std::vector<RolloutMember*> RolloutCourse::next(const std::function<bool(const RolloutMember&)>& wanted) {
  std::vector<RolloutMember*> found;
  for (RolloutMember& member : rollout_.members) {
    if (member.wave == rollout_.wave && wanted(member) && found.size() < members_at_once) found.push_back(&member);
  }
  return found;
}

void RolloutCourse::step() {
  if (rollout_.state == "running") {
    forward();
  } else if (rollout_.state == "going-back") {
    back();
  } else if (rollout_.state == "undoing") {
    undo();
  }
}

void RolloutCourse::end_of_wave() {
  tell_event("wave-done");
  if (rollout_.wave == rollout_.waves) {
    rollout_.state = "done";
    tell_event("done");
  } else {
    ++rollout_.wave;
  }
  journal_.save(rollout_);
}

void RolloutCourse::forward() {
  const auto batch = next([](const RolloutMember& m) { return m.state == "waiting" || m.state == "replacing"; });
  if (batch.empty()) return end_of_wave();
  files_ = journal_.load_files(rollout_.id);
  const OrderCourier& messenger = courier();
  std::vector<bool> was_asked;
  for (RolloutMember* member : batch) {
    was_asked.push_back(member->state == "replacing");
    if (was_asked.back()) continue;
    member->order = new_order_id();
    member->number = journal_.next_number();
    member->state = "replacing";
  }
  journal_.save(rollout_);
  std::vector<Order> orders;
  for (const RolloutMember* member : batch) {
    const RolloutFiles::Entry& entry = files_.entries.at(member->entry);
    orders.push_back(order_to(bench_, *member, member->order, member->number, "cert-replace",
                              json::parse(entry.arguments), entry.attachments));
  }
  const std::vector<RolloutAnswer> answers = tell(bench_, messenger, roster_, batch, orders);
  for (std::size_t i = 0; i < batch.size(); ++i) take_answer(*batch[i], answers[i], was_asked[i]);
  if (std::ranges::any_of(batch,
                          [](const RolloutMember* m) { return m->state == "failed" || m->state == "unreachable"; })) {
    rollout_.state = "going-back";
    tell_event("going-back");
  }
  journal_.save(rollout_);
}

void RolloutCourse::fail(RolloutMember& member, const json& error) {
  member.code = text_in(error, "code");
  member.message = text_in(error, "message");
  member.hint = text_in(error, "hint");
  if (member.code.empty()) member.code = "failed";
}

// The proof that counts: the engine presents it to somebody who asks from outside.
void RolloutCourse::expect_served(RolloutMember& member, const json& result) {
  if (member.name == roster_.own_name) return;  // its own proofs are made from here as well
  std::vector<std::string> proven;
  for (const json& proof : result.value("proofs", json::array())) {
    if (text_in(proof, "endpoint").starts_with("engine")) proven.push_back(text_in(proof, "sha256"));
  }
  if (proven.empty()) return;
  const std::string served = courier().served_at(roster_.target(member));
  if (std::ranges::find(proven, served) != proven.end()) return;
  throw Failure({.code = "not-served",
                 .subject = member.name,
                 .cause = "it says that it has replaced, and presents another certificate to this appliance",
                 .hint = "is something in between that ends TLS? chancery probe HOST:PORT shows the certificate"});
}

void RolloutCourse::take_answer(RolloutMember& member, const RolloutAnswer& answer, bool was_asked_before) {
  member.note = answer.sending.problem;
  if (answer.failure) {
    fail(member, error_of(*answer.failure));
    member.is_restored = !answer.sending.was_sent && !was_asked_before;
    member.state = member.is_restored ? "unreachable" : "failed";
    return tell_event(member.state, &member);
  }
  member.state = "failed";
  if (answer.document.contains("error")) {
    fail(member, answer.document["error"]);
    return tell_event("failed", &member);
  }
  const json& result = answer.document["result"];
  const std::string outcome = text_in(result, "outcome");
  member.generation = result.value("generation", std::int64_t{0});
  if (outcome == "refused") {
    fail(member, first_error(result.value("report", json::object())));
    member.is_restored = true;
    return tell_event("failed", &member);
  }
  if (outcome == "done") {
    member.backup_set = text_in(result, "backup_set");
    try {
      expect_served(member, result);
    } catch (const Failure& failure) {
      fail(member, error_of(failure));
      return tell_event("failed", &member);
    }
  }
  // After a crash a member may say that it has it already: by the order of before.
  const bool is_first_time = !was_asked_before && !answer.sending.was_repeated;
  member.state = outcome == "unchanged" && is_first_time ? "unchanged" : "replaced";
  tell_event(member.state, &member);
}

void RolloutCourse::back() {
  const auto batch = next([](const RolloutMember& m) {
    const bool may_have_it = m.state == "replaced" || m.state == "failed" || m.state == "replacing";
    return may_have_it && !m.is_restored;
  });
  if (batch.empty()) {
    const bool is_stuck =
        std::ranges::any_of(rollout_.members, [](const RolloutMember& m) { return m.state == "stuck"; });
    rollout_.state = is_stuck ? "needs-person" : (rollout_.is_stopped ? "stopped" : "failed");
    tell_event(rollout_.state);
    journal_.save(rollout_);
    return;
  }
  take_back(batch);
}

// The last wave first. Where somebody cannot go back it ends there, so that a person looks before more is changed.
void RolloutCourse::undo() {
  if (journal_.has_files(rollout_.id)) files_ = journal_.load_files(rollout_.id);
  const auto batch = next([this](const RolloutMember& m) {
    const bool was_told = !m.undo.empty();
    return m.state == "replaced" && !m.is_restored && !m.is_left && (was_told || !rollout_.is_stopped);
  });
  if (!batch.empty()) {
    take_back(batch);
    if (std::ranges::none_of(batch, [](const RolloutMember* m) { return m->state == "stuck"; })) return;
    rollout_.state = "needs-person";
  } else if (rollout_.is_stopped) {
    rollout_.state = "stopped";
  } else {
    tell_event("wave-undone");
    if (rollout_.wave > 1) {
      --rollout_.wave;
      return journal_.save(rollout_);
    }
    rollout_.state = "undone";
  }
  tell_event(rollout_.state);
  journal_.save(rollout_);
}

void RolloutCourse::take_back(const std::vector<RolloutMember*>& batch) {
  const OrderCourier& messenger = courier();
  for (RolloutMember* member : batch) {
    if (!member->undo.empty()) continue;
    member->undo = new_order_id();
    member->undo_number = journal_.next_number();
  }
  journal_.save(rollout_);
  std::vector<Order> orders;
  for (const RolloutMember* member : batch) {
    orders.push_back(order_to(bench_, *member, member->undo, member->undo_number, "order-undo", undo_of(*member), {}));
  }
  const std::vector<RolloutAnswer> answers = tell(bench_, messenger, roster_, batch, orders);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    RolloutMember& member = *batch[i];
    const bool is_failure = answers[i].failure || answers[i].document.contains("error");
    const json result = is_failure ? json::object() : answers[i].document["result"];
    const std::string outcome = text_in(result, "outcome");
    if (!is_failure && (outcome == "done" || outcome == "unchanged")) {
      if (rollout_.state == "undoing") {
        try {
          expect_served(member, result);
        } catch (const Failure& failure) {
          fail(member, error_of(failure));
          member.state = "stuck";
          tell_event("stuck", &member);
          continue;
        }
      }
      member.is_restored = true;
      member.generation = result.value("generation", member.generation);
      if (member.state != "failed") member.state = "undone";
      tell_event("undone", &member);
      continue;
    }
    // Why it has to go back matters less now than why it could not.
    if (answers[i].failure) {
      fail(member, error_of(*answers[i].failure));
    } else if (answers[i].document.contains("error")) {
      fail(member, answers[i].document["error"]);
    } else {
      fail(member, first_error(result.value("report", json::object())));
    }
    member.state = "stuck";
    tell_event("stuck", &member);
  }
  journal_.save(rollout_);
}

}  // namespace chancery::manager
