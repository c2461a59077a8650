// Where a primary keeps its register: what lies there, moved to another place, taken back for an older program.
#include <nlohmann/json.hpp>

#include "appliance/authority/register.h"
#include "appliance/authority/register_move.h"
#include "appliance/manager/register_setting.h"
#include "appliance/manager/verbs.h"

namespace chancery::manager {
namespace {

using authority::Issuance;
using authority::RegisterPlace;
using nlohmann::json;

constexpr std::size_t settings_limit = 1024 * 1024;
constexpr const char* override_name = "CHANCERY_AUTHORITY_STORAGE";

void expect_primary(const Bench& bench) {
  if (bench.appliance.role != Role::secondary) return;
  throw Failure({.code = "not-a-primary",
                 .subject = bench.appliance.name,
                 .cause = "this appliance is a secondary and keeps no register",
                 .hint = "run this on the primary; where an engine keeps its rows is set in settings/engine.toml"});
}

authority::Claimant claimant(Bench& bench) {
  return authority::claimant_of(
      bench.state.path(), authority::address_of(bench.appliance.name, bench.current().read("endpoints/join.toml")));
}

json tables_json(const std::vector<storage::TableDigest>& tables) {
  json all = json::array();
  for (const storage::TableDigest& table : tables) {
    json entry{{"table", table.table}, {"rows", table.rows}};
    if (!table.sha256.empty()) entry["sha256"] = table.sha256;
    all.push_back(std::move(entry));
  }
  return all;
}

json issuer_json(Bench& bench, const RegisterPlace& place, const Issuance& issuance) {
  if (!place.is_server()) return {{"this_primary", true}, {"address", nullptr}, {"since", nullptr}};
  if (issuance.holder.empty()) return nullptr;
  return {{"this_primary", issuance.holder == claimant(bench).id},
          {"address", issuance.address},
          {"since", to_rfc3339(issuance.since)}};
}

RegisterPlace destination(const Bench& bench, const Call& call) {
  RegisterPlace to{.state = bench.state.path(), .setting = parse_storage(call.text("to"))};
  to.setting.password_file = call.text_or("password_file", "");
  if (to.setting.password_file.empty()) return to;
  if (to.is_server() && to.setting.password_file.starts_with('/')) return to;
  throw bad_argument("password_file", to.is_server() ? "is not named in full" : "is of no use for a file",
                     to.is_server() ? "begin its path with /" : "leave it out");
}

std::string present_settings(const Bench& bench) {
  if (!bench.state.status(register_settings)) return "";
  const Bytes bytes = bench.state.read(register_settings, settings_limit);
  return {bytes.begin(), bytes.end()};
}

void expect_no_override() {
  if (!process_environment()(override_name)) return;
  throw Failure({.code = "bad-setting",
                 .subject = override_name,
                 .cause = "an environment variable says where the register is, whatever the settings say",
                 .hint = "unset it for all programs of the appliance, then repeat the command"});
}

void expect_stopped(const Bench& bench) {
  for (const char* program : {"authority", "manager"}) {
    const std::string lock = bench.state.path() + "/run/" + program + "/lock";
    if (!FileLock::is_held(lock)) continue;
    throw Failure({.code = "storage-in-use",
                   .subject = lock,
                   .cause = std::string("chancery-") + program + " runs and would bring the register forth again",
                   .hint = "stop the programs first: systemctl stop chancery.target"});
  }
}

}  // namespace

json storage_status(Bench& bench, Call&) {
  expect_primary(bench);
  const RegisterPlace place = RegisterPlace::of(bench.state.path());
  const auto store = place.open();
  const Issuance issuance = authority::issuance_of(*store);
  std::vector<storage::TableDigest> tables;
  for (const storage::Table& table : storage::tables_of(authority::register_schema(), {"issuer"})) {
    tables.push_back({.table = table.name, .rows = storage::count_rows(*store, table), .sha256 = {}});
  }
  return {{"storage",
           {{"place", place.text()},
            {"version", store->version()},
            {"state", issuance.state},
            {"moved_to", issuance.moved_to.empty() ? json(nullptr) : json(issuance.moved_to)},
            {"epoch", issuance.epoch},
            {"issuer", issuer_json(bench, place, issuance)},
            {"tables", tables_json(tables)}}}};
}

json storage_migrate(Bench& bench, Call& call) {
  expect_primary(bench);
  expect_no_override();
  const RegisterPlace to = destination(bench, call);
  const Bench::Writer writer = bench.begin_change(call.who() + ", storage migrate");
  const RegisterPlace from = RegisterPlace::of(bench.state.path());
  const std::string settings = with_register_setting(present_settings(bench), to.setting);
  json reply{{"from", from.text()}, {"to", to.text()}};
  if (call.flag("dry_run")) {
    const authority::Move forecast = authority::forecast_move(from, to);
    reply["outcome"] = "planned";
    reply["plan"] = {
        {"from", from.text()},
        {"to", to.text()},
        {"resumes", forecast.was_resumed},
        {"tables", tables_json(forecast.tables)},
        {"files",
         {{{"path", register_settings}, {"change", bench.state.status(register_settings) ? "change" : "add"}}}}};
    return reply;
  }
  const authority::Move move = authority::move_register(from, to, claimant(bench), bench.clock());
  FileAttributes attributes{.mode = 0644};
  if (bench.appliance.separate_users) attributes.owner = attributes.group = 0;
  bench.state.write_atomically(register_settings, view_of(settings), attributes);
  reply["outcome"] = "done";
  reply["resumed"] = move.was_resumed;
  reply["tables"] = tables_json(move.tables);
  return reply;
}

json storage_downgrade(Bench& bench, Call& call) {
  expect_primary(bench);
  const Bench::Writer writer = bench.begin_change(call.who() + ", storage downgrade");
  const RegisterPlace place = RegisterPlace::of(bench.state.path());
  const int present = place.open()->version();
  const std::int64_t version = call.number("version").value_or(present - 1);
  if (version < 1 || version >= present) {
    throw bad_argument("version", "is none before " + std::to_string(present),
                       "chancery storage status shows the present one");
  }
  authority::expect_way_back(place, static_cast<int>(version));
  json reply{{"place", place.text()}, {"version", version}, {"former_version", present}};
  if (call.flag("dry_run")) {
    reply["outcome"] = "planned";
    reply["plan"] = {{"place", place.text()}, {"version", version}, {"former_version", present}};
    return reply;
  }
  expect_stopped(bench);
  authority::take_back(place, static_cast<int>(version));
  reply["outcome"] = "done";
  return reply;
}

}  // namespace chancery::manager
