// Policy: security profiles, endpoints and outside services (consumers), each a small TOML file of the generation.
//
// Settings arrive as texts by key. They are laid over what stands there, and the reader of policy.h judges the result:
// it knows every key and value, and names the nearest right one.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "appliance/http/fetch.h"
#include "appliance/manager/knowledge.h"
#include "appliance/manager/policy_change.h"
#include "appliance/manager/profile_trust.h"
#include "appliance/manager/verbs.h"
#include "appliance/settings/setting_file.h"
#include "appliance/tls/serving_snapshot.h"

namespace chancery::manager {
namespace {

using nlohmann::json;
using Lines = std::map<std::string, std::string>;  // key -> TOML value

constexpr std::size_t name_limit = 64;

// What tells profiles, endpoints and consumers apart.
struct Kind {
  const char* noun;    // "profile"
  const char* folder;  // "profiles"
  // Reads strictly and writes canonically.
  std::string (*canonical)(const std::string& name, ByteView toml);
  // What neither a reader of one file nor plan_policy sees; may be absent. `beside`: files that come with it.
  void (*check)(Bench& bench, const std::string& name, ByteView toml, const backup::Edits& beside);
  // Failure("in-use") when it may not go; may be absent.
  void (*check_removal)(const std::string& name);
};

std::string path_of(const Kind& kind, const std::string& name) {
  return std::string(kind.folder) + "/" + name + ".toml";
}

std::string checked_name(const Call& call) {
  std::string name = call.text("name");
  const bool is_plain = !name.empty() && name.size() <= name_limit &&
                        name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos &&
                        name.front() != '-';
  if (is_plain) return name;
  throw Failure({.code = "bad-name",
                 .subject = name.substr(0, name_limit),
                 .cause = "this cannot be the name of a profile, endpoint or consumer",
                 .hint = "use up to 64 lower-case letters, digits and dashes, beginning with a letter or digit"});
}

Failure unknown(const Kind& kind, const std::string& name) {
  return Failure({.code = std::string("unknown-") + kind.noun,
                  .subject = name,
                  .cause = std::string("there is no ") + kind.noun + " of this name",
                  .hint = std::string("chancery ") + kind.noun + " list shows them"});
}

std::vector<std::string> names_of(Bench& bench, const Kind& kind) {
  const std::string prefix = std::string(kind.folder) + "/";
  std::vector<std::string> names;
  for (const std::string& path : bench.current().files(prefix)) {
    if (!path.ends_with(".toml")) continue;
    names.push_back(path.substr(prefix.size(), path.size() - prefix.size() - std::string_view(".toml").size()));
  }
  return names;
}

bool exists(Bench& bench, const Kind& kind, const std::string& name) {
  return bench.current().has(path_of(kind, name));
}

std::string canonical_profile(const std::string& name, ByteView toml) { return to_toml(parse_profile(name, toml)); }
std::string canonical_endpoint(const std::string& name, ByteView toml) { return to_toml(parse_endpoint(name, toml)); }
std::string canonical_consumer(const std::string& name, ByteView toml) { return to_toml(parse_consumer(name, toml)); }

void check_profile(Bench& bench, const std::string& name, ByteView toml, const backup::Edits& beside);
void check_endpoint(Bench& bench, const std::string& name, ByteView toml, const backup::Edits& beside);
void check_endpoint_removal(const std::string& name);

constexpr Kind profile{"profile", "profiles", canonical_profile, check_profile, nullptr};
constexpr Kind endpoint{"endpoint", "endpoints", canonical_endpoint, check_endpoint, check_endpoint_removal};
constexpr Kind consumer{"consumer", "consumers", canonical_consumer, nullptr, nullptr};

// Whether it can be fetched now, and what is in it, is for the program that serves to find out and to say.
void expect_usable_crl(Bench& bench, const SecurityProfile& wanted) {
  if (wanted.crl.empty()) return;
  const auto refuse = [&](const std::string& cause, const std::string& hint) {
    return Failure({.code = "bad-profile", .subject = "profile " + wanted.name, .cause = cause, .hint = hint});
  };
  if (wanted.trusted.empty()) {
    throw refuse("a CRL is checked under the profile's trusted CAs, and it has none",
                 "name them as well, for example trusted=trust/federation/roots.pem");
  }
  if (wanted.crl.find("://") != std::string::npos) {
    static_cast<void>(http::parse_url(wanted.crl));
  } else if (wanted.crl.front() != '/' && !bench.current().has(wanted.crl)) {
    throw refuse("there is no file \"" + wanted.crl + "\" in the generation in force",
                 "name a file by its whole path, one of the generation (trust/federation/crl.pem), or an address "
                 "(http://HOST/PATH, https://HOST/PATH)");
  }
}

// Also where no endpoint uses it yet: whoever gives it to one later should not meet its faults then.
void check_profile(Bench& bench, const std::string& name, ByteView toml, const backup::Edits& beside) {
  const SecurityProfile wanted = parse_profile(name, toml);
  tls::expect_servable(wanted, [&](const std::string& path) {
    const auto fresh = beside.find(path);
    if (fresh == beside.end() || !fresh->second) return bench.current().read(path);
    return Bytes(fresh->second->bytes.begin(), fresh->second->bytes.end());
  });
  expect_usable_crl(bench, wanted);
}

void check_endpoint(Bench& bench, const std::string& name, ByteView toml, const backup::Edits&) {
  const Endpoint wanted = parse_endpoint(name, toml);
  const std::vector<std::string> programs = programs_of(bench.appliance.role);
  if (std::find(programs.begin(), programs.end(), endpoint_program(name)) == programs.end()) {
    throw Failure(
        {.code = "bad-endpoint",
         .subject = name,
         .cause = "no program of a " + std::string(to_text(bench.appliance.role)) + " serves such an endpoint",
         .hint = "begin its name with the program that shall serve it: console, portal or engine, a dash, "
                 "and a word"});
  }
  for (const std::string& other : names_of(bench, endpoint)) {
    if (other == name || !wanted.enabled) continue;
    const Endpoint there = parse_endpoint(other, bench.current().read(path_of(endpoint, other)));
    if (!there.enabled || there.port != wanted.port || there.host != wanted.host) continue;
    throw Failure({.code = "in-use",
                   .subject = name,
                   .cause = "port " + std::to_string(wanted.port) + " is that of the endpoint " + other,
                   .hint = "choose another port, or disable " + other});
  }
}

void check_endpoint_removal(const std::string& name) {
  static const std::vector<std::string> built_in{
      "console", "portal", "portal-collector", "engine", "engine-api", "engine-collector", "join"};
  if (std::find(built_in.begin(), built_in.end(), name) == built_in.end()) return;
  throw Failure({.code = "in-use",
                 .subject = name,
                 .cause = "this endpoint belongs to the appliance",
                 .hint = "close it instead: chancery endpoint set " + name + " enabled=false"});
}

// "key = value" lines, as canonical() writes them.
Lines lines_of(const std::string& toml) {
  Lines lines;
  std::size_t start = 0;
  while (start < toml.size()) {
    const std::size_t end = std::min(toml.find('\n', start), toml.size());
    const std::string line = toml.substr(start, end - start);
    if (const std::size_t equals = line.find(" = "); equals != std::string::npos) {
      lines[line.substr(0, equals)] = line.substr(equals + 3);
    }
    start = end + 1;
  }
  return lines;
}

std::string text_of(const Lines& lines) {
  std::string out;
  for (const auto& [key, value] : lines) out += key + " = " + value + "\n";
  return out;
}

bool is_one_of(const std::string& key, std::initializer_list<const char*> keys) {
  return std::any_of(keys.begin(), keys.end(), [&key](const char* one) { return key == one; });
}

std::vector<std::string> split_at_commas(const std::string& text) {
  std::vector<std::string> out;
  std::size_t start = 0;
  while (start < text.size()) {
    const std::size_t end = std::min(text.find(',', start), text.size());
    if (end > start) out.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return out;
}

std::string toml_value(const std::string& key, const json& value) {
  if (value.is_boolean() || value.is_number_integer()) return value.dump();
  if (value.is_array()) {
    std::vector<std::string> texts;
    for (const json& one : value) {
      if (!one.is_string()) throw bad_argument(key, "is not a list of texts", "give one text or a list of them");
      texts.push_back(one.get<std::string>());
    }
    return toml_quoted(texts);
  }
  if (!value.is_string()) throw bad_argument(key, "is not a text", "give KEY=VALUE");
  const std::string text = value.get<std::string>();
  const bool is_number = !text.empty() && text.size() < 10 && text.find_first_not_of("0123456789") == std::string::npos;
  if (is_one_of(key, {"port", "crl-interval"}) && is_number) return std::to_string(std::stol(text));
  if (key == "enabled" && (text == "true" || text == "false")) return text;
  if (is_one_of(key, {"probe", "allow"})) return toml_quoted(split_at_commas(text));
  if (key == "requires") return toml_quoted(std::vector<std::string>{text});  // a line may hold commas
  return toml_quoted(text);
}

bool is_plain_key(const std::string& key) {
  return !key.empty() && key.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
}

json shown(Bench& bench, const Kind& kind, const std::string& name) {
  json out{{"name", name}};
  try {
    for (const auto& [key, value] : lines_of(kind.canonical(name, bench.current().read(path_of(kind, name))))) {
      const bool is_text_list = value.starts_with("[") || value.starts_with("\"");
      // Our own canonical TOML values of these kinds are JSON as well.
      out[key] = is_text_list ? json::parse(value, nullptr, false) : json::parse(value);
    }
  } catch (const Failure& failure) {
    out["problem"] = std::string(failure.what());
  }
  return out;
}

// What the profile names after this change, before files that were given become part of the generation.
std::string trusted_of(const std::string& name, const Lines& lines) {
  return parse_profile(name, view_of(text_of(lines))).trusted;
}

// The profile's own files that come, and those that nothing names any more.
backup::Edits edits_of(Bench& bench, const std::string& name, const ProfileTrust& trust) {
  backup::Edits edits;
  for (const std::string& path : bench.current().files(folder_of_trusted(name))) {
    if ((";" + trust.trusted + ";").find(";" + path + ";") == std::string::npos) edits[path] = std::nullopt;
  }
  for (const auto& [path, pem] : trust.files) change::put_file(edits, bench.appliance, path, pem);
  return edits;
}

// What is allowed and should not be overlooked.
void warn_of(const SecurityProfile& wanted, preflight::Report& report) {
  const std::string subject = "profile " + wanted.name;
  if (wanted.required_level == SecurityLevel::none) {
    report.add(
        "plain-text", subject, "it takes plain text: whoever stands between can read and change what is said",
        "demand TLS when the last client can: chancery profile set " + wanted.name + " required-level=TLSNoPeerAuth");
  }
  const bool asks =
      wanted.client_certificates != ClientCertificates::off || wanted.required_level == SecurityLevel::tls_peer_auth;
  if (asks && wanted.trusted.empty()) {
    report.add("no-client-trust", subject, "it asks for client certificates and trusts none, so none will be taken",
               "name whom to trust: chancery profile set " + wanted.name + " --trusted FILE");
  }
}

json set(Bench& bench, Call& call, const Kind& kind) {
  const std::string name = checked_name(call);
  const json* settings = call.object("settings");
  if (settings == nullptr || settings->empty()) {
    throw bad_argument("settings", "is missing", "say what shall be set, as KEY=VALUE");
  }
  const Bench::Writer writer = bench.begin_change(call.who() + ", " + kind.noun + " set " + name);
  Lines lines;
  if (exists(bench, kind, name)) lines = lines_of(kind.canonical(name, bench.current().read(path_of(kind, name))));
  for (const auto& [key, value] : settings->items()) {
    if (!is_plain_key(key)) throw bad_argument(key, "is not the name of a setting", "settings are words like port");
    lines[key] = toml_value(key, value);
  }
  backup::Edits beside;
  if (std::string_view(kind.noun) == "profile") {
    const ProfileTrust trust = take_trusted(name, trusted_of(name, lines), call.file_list("trusted"));
    if (!trust.trusted.empty()) lines["trusted"] = toml_quoted(trust.trusted);
    beside = edits_of(bench, name, trust);
  }
  const std::string toml = kind.canonical(name, view_of(text_of(lines)));
  if (kind.check != nullptr) kind.check(bench, name, view_of(toml), beside);
  change::Plan plan =
      change::plan_policy(bench.current(), bench.appliance, path_of(kind, name), toml, std::move(beside));
  if (std::string_view(kind.noun) == "profile") warn_of(parse_profile(name, view_of(toml)), plan.report);
  const bool has_clients = std::string_view(kind.noun) != "consumer";
  const bool is_endpoint = std::string_view(kind.noun) == "endpoint";
  json reply = has_clients ? finish_rehearsed(bench, std::move(plan), call,
                                              is_endpoint ? advisory_options(call) : rehearsal_options(call))
                           : finish(bench, std::move(plan), call);
  if (reply["outcome"] == "done") reply["settings"] = shown(bench, kind, name);
  return reply;
}

json remove(Bench& bench, Call& call, const Kind& kind) {
  const std::string name = checked_name(call);
  const Bench::Writer writer = bench.begin_change(call.who() + ", " + kind.noun + " delete " + name);
  if (!exists(bench, kind, name)) throw unknown(kind, name);
  if (kind.check_removal != nullptr) kind.check_removal(name);
  backup::Edits beside;
  if (std::string_view(kind.noun) == "profile") beside = edits_of(bench, name, {});
  change::Plan plan =
      change::plan_policy(bench.current(), bench.appliance, path_of(kind, name), std::nullopt, std::move(beside));
  if (std::string_view(kind.noun) != "endpoint") return finish(bench, std::move(plan), call);
  return finish_rehearsed(bench, std::move(plan), call, advisory_options(call));
}

json show(Bench& bench, Call& call, const Kind& kind) {
  const std::string name = checked_name(call);
  if (!exists(bench, kind, name)) throw unknown(kind, name);
  return shown(bench, kind, name);
}

json list(Bench& bench, const Kind& kind) {
  json all = json::array();
  for (const std::string& name : names_of(bench, kind)) all.push_back(shown(bench, kind, name));
  return {{kind.folder, std::move(all)}};
}

}  // namespace

SecurityProfile profile_with(Bench& bench, const std::string& name, const json& settings) {
  if (!exists(bench, profile, name)) throw unknown(profile, name);
  Lines lines = lines_of(canonical_profile(name, bench.current().read(path_of(profile, name))));
  for (const auto& [key, value] : settings.items()) {
    if (!is_plain_key(key)) throw bad_argument(key, "is not the name of a setting", "settings are words like port");
    lines[key] = toml_value(key, value);
  }
  return parse_profile(name, view_of(text_of(lines)));
}

json profile_set(Bench& bench, Call& call) { return set(bench, call, profile); }
json profile_show(Bench& bench, Call& call) { return show(bench, call, profile); }
json profile_list(Bench& bench, Call&) { return list(bench, profile); }
json profile_delete(Bench& bench, Call& call) { return remove(bench, call, profile); }
json endpoint_set(Bench& bench, Call& call) { return set(bench, call, endpoint); }
json endpoint_show(Bench& bench, Call& call) { return show(bench, call, endpoint); }
json endpoint_list(Bench& bench, Call&) { return list(bench, endpoint); }
json endpoint_delete(Bench& bench, Call& call) { return remove(bench, call, endpoint); }
json consumer_set(Bench& bench, Call& call) { return set(bench, call, consumer); }
json consumer_show(Bench& bench, Call& call) { return show(bench, call, consumer); }
json consumer_list(Bench& bench, Call&) { return list(bench, consumer); }
json consumer_delete(Bench& bench, Call& call) { return remove(bench, call, consumer); }

}  // namespace chancery::manager
