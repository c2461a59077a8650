// chancery federation rollout: what is to go where is settled and preflighted everywhere, then written down; after that
// each rollout-step is one message to a few members (rollout_course.h), so that whoever asks can show how it goes on, and
// anybody can go on with it after a crash.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "appliance/manager/progress.h"
#include "appliance/manager/rollout_course.h"
#include "appliance/manager/rollout_parts.h"
#include "appliance/manager/verbs.h"
#include "appliance/rollout/plan.h"
#include "appliance/rollout/waves.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/x509/material.h"

namespace chancery::manager {
namespace {

using federation::Order;
using nlohmann::json;
using preflight::SourceFile;

constexpr std::array<const char*, 4> file_kinds{"certificate", "key", "intermediate", "also_trust"};
constexpr std::size_t most_entries = 10'000;
// Whoever asks for a step waits five minutes for it.
constexpr std::chrono::minutes longest_patience{2};

// One certificate of the plan: what is said of it, and its files by kind.
struct GivenEntry {
  json about;
  std::map<std::string, std::vector<SourceFile>> files;
};

struct Draft {
  std::vector<RolloutMember> members;
  RolloutFiles files;
  json entries = json::array();  // how the plan was understood: {"label","members","files"}
  std::vector<json> problems;    // {"name","code","message","hint"}: all that can be told before anybody is asked
};

void add_problem(Draft& draft, const std::string& name, const std::string& code, const std::string& message,
                 const std::string& hint) {
  draft.problems.push_back({{"name", name}, {"code", code}, {"message", message}, {"hint", hint}});
}

std::vector<AlternativeName> names_borne(const std::vector<SourceFile>& files, const SecretBytes* passphrase) {
  for (const SourceFile& file : files) {
    for (const Certificate& certificate :
         read_material(view_of(file.bytes), {.source = file.name, .passphrase = passphrase}).certificates) {
      if (!certificate.is_ca()) return certificate.names();
    }
  }
  return {};
}

std::vector<std::string> strings_in(const json& object, const char* name) {
  std::vector<std::string> found;
  const json list = object.is_object() ? object.value(name, json::array()) : json::array();
  if (!list.is_array()) return found;
  for (const json& each : list) {
    if (each.is_string()) found.push_back(each.get<std::string>());
  }
  return found;
}

constexpr unsigned most_breakage = 1'000'000;

// The files of a plan as it was dropped somewhere: kind "plan", and "plan/FOLDER" for those of a folder in it.
rollout::PlanFiles plan_files(const Call& call) {
  rollout::PlanFiles files;
  const json* given = call.object("files");
  if (given == nullptr) return files;
  for (const auto& [kind, ignored] : given->items()) {
    if (kind != "plan" && !kind.starts_with("plan/")) continue;
    const std::string folder = kind == "plan" ? "" : kind.substr(std::string_view("plan/").size()) + "/";
    for (SourceFile& file : call.files(kind)) {
      const std::string path = folder + file.name;
      if (!files.emplace(path, std::move(file)).second) {
        throw rollout::plan_invalid(path, "two files have this name", "give each file once");
      }
    }
  }
  return files;
}

GivenEntry entry_of_plan(rollout::PlanEntry& entry) {
  GivenEntry out{.about = {{"members", entry.members},
                           {"label", entry.label},
                           {"address", entry.address},
                           {"identities", entry.identities},
                           {"accept", entry.accept}},
                 .files = {}};
  out.files["certificate"] = std::move(entry.certificate);
  out.files["key"] = std::move(entry.key);
  out.files["intermediate"] = std::move(entry.intermediate);
  out.files["also_trust"] = std::move(entry.also_trust);
  return out;
}

// Of a plan in files, with what `entries` says of some of them laid over it; else `entries` and their own files.
std::vector<GivenEntry> given_entries(const Call& call) {
  const json* entries = call.object("entries");
  std::vector<GivenEntry> all;
  if (rollout::PlanFiles files = plan_files(call); !files.empty()) {
    const auto passphrase = call.secret("passphrase");
    for (rollout::PlanEntry& entry : rollout::read_plan_files(std::move(files), passphrase ? &*passphrase : nullptr)) {
      all.push_back(entry_of_plan(entry));
      for (SourceFile& root : call.files("also_trust")) all.back().files["also_trust"].push_back(std::move(root));
      const json over = entries == nullptr ? json() : entries->value(std::to_string(all.size() - 1), json());
      if (over.is_object()) all.back().about.update(over);
    }
    return all;
  }
  if (entries == nullptr || entries->empty() || entries->size() > most_entries) {
    throw bad_argument("entries", "is missing or has too many", "give the plan: --plan FILE");
  }
  for (std::size_t i = 0; i < entries->size(); ++i) {
    const std::string index = std::to_string(i);
    GivenEntry entry{.about = entries->value(index, json()), .files = {}};
    if (!entry.about.is_object()) {
      throw bad_argument("entries", "are not numbered from 0", "give the plan: --plan FILE");
    }
    for (const char* kind : file_kinds) entry.files[kind] = call.files(index + "-" + kind);
    all.push_back(std::move(entry));
  }
  return all;
}

// An entry as the order's arguments for cert-replace.
RolloutFiles::Entry files_of_entry(const Call& call, const GivenEntry& entry) {
  RolloutFiles::Entry out;
  json arguments{{"files", json::object()}};
  for (const char* kind : file_kinds) {
    const auto files = entry.files.find(kind);
    if (files == entry.files.end()) continue;
    for (const SourceFile& file : files->second) {
      arguments["files"][kind].push_back({{"name", file.name}, {"attachment", out.attachments.size()}});
      out.attachments.push_back(secret_copy(view_of(file.bytes)));
    }
  }
  for (const char* list : {"identities", "accept"}) {
    if (const auto words = strings_in(entry.about, list); !words.empty()) arguments[list] = words;
  }
  // Each member rehearses for itself, when it is asked for its preflight and when it replaces. Where nothing is said, who
  // would break is told and stops nobody: waves are there for that.
  const json breakage = entry.about.value("accept_breakage", json());
  arguments["accept_breakage"] = breakage.is_number_unsigned() ? breakage : json(most_breakage);
  if (auto passphrase = call.secret("passphrase")) {
    arguments["passphrase"] = {{"attachment", out.attachments.size()}};
    out.attachments.push_back(std::move(*passphrase));
  }
  out.arguments = arguments.dump(-1, ' ', false, json::error_handler_t::replace);
  return out;
}

std::string label_of(const GivenEntry& entry) {
  const auto label = entry.about.find("label");
  return label != entry.about.end() && label->is_string() ? label->get<std::string>() : "";
}

// For whom the entry is: those named, the one it is called after, or all whose names the certificate bears.
std::vector<std::string> members_of_entry(const Call& call, const GivenEntry& entry, const RolloutRoster& roster) {
  std::vector<std::string> named = strings_in(entry.about, "members");
  if (!named.empty()) return named;
  if (const std::string label = label_of(entry); roster.certificates.contains(label)) return {label};
  const auto passphrase = call.secret("passphrase");
  const auto files = entry.files.find("certificate");
  if (files == entry.files.end()) return named;
  const auto borne = names_borne(files->second, passphrase ? &*passphrase : nullptr);
  for (const auto& [member, certificate] : roster.certificates) {
    if (answers_to(borne, member)) named.push_back(member);
  }
  return named;
}

json understood(const GivenEntry& entry, const std::vector<std::string>& members) {
  json files = json::array();
  for (const auto& [kind, list] : entry.files) {
    for (const SourceFile& file : list) files.push_back(file.name);
  }
  return {{"label", label_of(entry)}, {"members", members}, {"files", std::move(files)}};
}

void expect_reachable(Draft& draft, const RolloutRoster& roster, const RolloutMember& member) {
  try {
    static_cast<void>(roster.certificate(member));
    if (member.name != roster.own_name) static_cast<void>(roster.target(member));
  } catch (const Failure& failure) {
    add_problem(draft, member.name, failure.code(), failure.cause(), failure.hint());
  }
}

Draft draft_of(const Call& call, const RolloutRoster& roster) {
  Draft draft;
  const std::vector<GivenEntry> entries = given_entries(call);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const GivenEntry& entry = entries[i];
    draft.files.entries.push_back(files_of_entry(call, entry));
    const std::vector<std::string> members = members_of_entry(call, entry, roster);
    draft.entries.push_back(understood(entry, members));
    if (members.empty()) {
      const std::string label = label_of(entry);
      add_problem(draft, label.empty() ? "entry " + std::to_string(i) : label, "matches-nobody",
                  "no member is called so, and none has a name that the certificate bears",
                  "name the members in the plan; chancery federation list shows them");
    }
    for (const std::string& name : members) {
      const bool is_known = std::ranges::any_of(draft.members, [&](const RolloutMember& m) { return m.name == name; });
      if (is_known) {
        add_problem(draft, name, "named-twice", "the plan has two certificates for this member",
                    "name its members in the plan, each once");
        continue;
      }
      RolloutMember member{.name = name, .address = entry.about.value("address", ""), .entry = i};
      expect_reachable(draft, roster, member);
      draft.members.push_back(std::move(member));
    }
  }
  // Whoever coordinates goes last.
  std::stable_partition(draft.members.begin(), draft.members.end(),
                        [&](const RolloutMember& m) { return m.name != roster.own_name; });
  return draft;
}

std::string digest_of(const Draft& draft, const std::string& waves) {
  std::string text = waves + "\n";
  for (const RolloutMember& member : draft.members) {
    text += member.name + " " + member.address + " " + std::to_string(member.entry) + "\n";
  }
  for (const RolloutFiles::Entry& entry : draft.files.entries) {
    text += sha256_hex(view_of(entry.arguments)) + "\n";
    for (const SecretBytes& attachment : entry.attachments) text += sha256_hex(view_of(attachment)) + "\n";
  }
  return sha256_hex(view_of(text));
}

}  // namespace

json view_of_rollout(const Rollout& rollout, const std::vector<json>& events) {
  json out = to_json(rollout);
  out["outcome"] = rollout.is_over() ? rollout.state : "running";
  out["events"] = events;
  return out;
}

json judged(const RolloutMember& member, const RolloutAnswer& answer) {
  json out{{"name", member.name}, {"wave", member.wave}};
  if (!answer.sending.problem.empty()) out["note"] = answer.sending.problem;
  if (answer.failure) {
    out["verdict"] = "refuse";
    out["error"] = {
        {"code", answer.failure->code()}, {"message", answer.failure->what()}, {"hint", answer.failure->hint()}};
    return out;
  }
  if (answer.document.contains("error")) {
    out["verdict"] = "refuse";
    out["error"] = answer.document["error"];
    return out;
  }
  const json& result = answer.document["result"];
  out["report"] = result.value("report", json::object());
  out["verdict"] = result.value("outcome", "") == "refused" ? "refuse" : out["report"].value("verdict", "accept");
  out["unchanged"] = result.value("outcome", "") == "unchanged";
  return out;
}

namespace {

// Every member is asked what a replace would do there, all of them before anything is changed anywhere.
json preflight_all(Bench& bench, const RolloutRoster& roster, Draft& draft) {
  const OrderCourier courier(bench, std::nullopt, {}, question_patience);
  json members = json::array();
  std::vector<RolloutMember*> batch;
  const auto ask_batch = [&] {
    std::vector<Order> orders;
    for (const RolloutMember* member : batch) {
      const RolloutFiles::Entry& entry = draft.files.entries[member->entry];
      json arguments = json::parse(entry.arguments);
      arguments["dry_run"] = true;
      orders.push_back(order_to(bench, *member, to_hex(view_of(random_secret(federation::order_id_size))), 0,
                                "cert-replace", arguments, entry.attachments));
    }
    const std::vector<RolloutAnswer> answers = tell(bench, courier, roster, batch, orders);
    for (std::size_t i = 0; i < batch.size(); ++i) members.push_back(judged(*batch[i], answers[i]));
    batch.clear();
  };
  for (RolloutMember& member : draft.members) {
    const bool has_problem =
        std::ranges::any_of(draft.problems, [&](const json& p) { return p["name"] == member.name; });
    if (has_problem) continue;
    batch.push_back(&member);
    if (batch.size() == members_at_once) ask_batch();
  }
  if (!batch.empty()) ask_batch();
  for (json& problem : draft.problems) {
    const std::string name = problem["name"];
    problem.erase("name");
    members.push_back({{"name", name}, {"verdict", "refuse"}, {"error", std::move(problem)}});
  }
  return members;
}

void put_in_waves(std::vector<RolloutMember>& members, const std::vector<std::size_t>& sizes) {
  std::size_t at = 0;
  for (std::size_t wave = 0; wave < sizes.size(); ++wave) {
    for (std::size_t n = 0; n < sizes[wave]; ++n) members[at++].wave = wave + 1;
  }
}

Rollout asked_for(const Bench& bench, const Call& call) {
  if (const std::string id = call.text_or("id", ""); !id.empty()) return RolloutJournal::read(bench.state, id);
  if (auto unfinished = RolloutJournal::unfinished(bench.state)) return std::move(*unfinished);
  // What needs a person can be tried again once the person was there.
  const std::vector<std::string> ids = RolloutJournal::ids(bench.state);
  if (!ids.empty()) {
    Rollout last = RolloutJournal::read(bench.state, ids.front());
    if (last.state == "needs-person") return last;
  }
  throw Failure({.code = "unknown-rollout",
                 .subject = bench.appliance.name,
                 .cause = "no rollout is under way",
                 .hint = "begin one: chancery federation rollout --plan FILE"});
}

}  // namespace

json rollout_begin(Bench& bench, Call& call) {
  const RolloutRoster roster = RolloutRoster::read(bench);  // Failure("not-a-primary") on a secondary
  const std::string waves = call.text_or("waves", rollout::usual_waves);
  Draft draft = draft_of(call, roster);
  std::vector<std::size_t> sizes;
  if (!draft.members.empty()) sizes = rollout::parse_waves(waves, draft.members.size());
  put_in_waves(draft.members, sizes);
  const std::string digest = digest_of(draft, waves);
  if (const auto unfinished = RolloutJournal::unfinished(bench.state)) {
    if (unfinished->plan_sha256 == digest && !call.flag("dry_run")) return view_of_rollout(*unfinished, {});
    throw Failure({.code = "rollout-unfinished",
                   .subject = unfinished->id,
                   .cause = "another rollout is under way",
                   .hint = "go on with it: chancery federation rollout --resume; or take its wave back: --stop"});
  }
  json members = preflight_all(bench, roster, draft);
  const bool is_refused = std::ranges::any_of(members, [](const json& m) { return m["verdict"] == "refuse"; });
  json reply{{"outcome", is_refused ? "refused" : "planned"},
             {"waves", sizes.size()},
             {"entries", std::move(draft.entries)},
             {"members", std::move(members)}};
  if (is_refused || call.flag("dry_run")) return reply;
  RolloutJournal journal(bench.state, call.who() + ", federation rollout");
  Rollout rollout{.id = journal.new_id(bench.now()),
                  .who = call.who(),
                  .created = bench.now(),
                  .plan_sha256 = digest,
                  .waves = sizes.size(),
                  .members = std::move(draft.members)};
  journal.begin(rollout, draft.files);
  json view = view_of_rollout(rollout, {});
  view["preflight"] = std::move(reply["members"]);
  return view;
}

json rollout_step(Bench& bench, Call& call) {
  RolloutJournal journal(bench.state, call.who() + ", federation rollout");
  Rollout rollout = asked_for(bench, call);
  if (rollout.state == "needs-person" && call.flag("again")) {
    rollout.state = rollout.is_undone ? "undoing" : "going-back";
    for (RolloutMember& member : rollout.members) {
      if (member.state != "stuck") continue;
      member.state = "replaced";
      member.undo.clear();  // its former order is answered with the former refusal
    }
  }
  const std::chrono::seconds patience(std::clamp<std::int64_t>(
      call.number("patience_seconds").value_or(usual_patience.count()), 0, longest_patience.count()));
  RolloutCourse course(bench, journal, rollout, patience);
  course.step();
  Progress::of_process().moved("rollout-step", call.who(), rollout.state);
  return view_of_rollout(rollout, course.events);
}

json rollout_stop(Bench& bench, Call& call) {
  if (call.flag("dry_run")) {
    const Rollout rollout = asked_for(bench, call);
    json back = json::array();
    for (const RolloutMember& member : rollout.members) {
      if (rollout.is_undone || member.wave != rollout.wave || member.state == "waiting") continue;
      back.push_back(member.name);
    }
    return {{"outcome", "planned"}, {"plan", {{"rollout", rollout.id}, {"wave", rollout.wave}, {"goes_back", back}}}};
  }
  RolloutJournal journal(bench.state, call.who() + ", federation rollout --stop");
  Rollout rollout = asked_for(bench, call);
  if (rollout.state == "running" || rollout.state == "undoing") {
    if (rollout.state == "running") rollout.state = "going-back";
    rollout.is_stopped = true;
    journal.save(rollout);
  }
  return view_of_rollout(rollout, {});
}

json rollout_status(Bench& bench, Call& call) {
  if (const std::string id = call.text_or("id", ""); !id.empty()) {
    return to_json(RolloutJournal::read(bench.state, id));
  }
  json all = json::array();
  for (const std::string& id : RolloutJournal::ids(bench.state))
    all.push_back(to_json(RolloutJournal::read(bench.state, id)));
  return {{"rollouts", std::move(all)}};
}

}  // namespace chancery::manager
