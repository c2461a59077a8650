// A plan as text, and where its files come from.
#include "appliance/rollout/plan.h"

#include <sys/stat.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "appliance/rollout/plan_toml.h"
#include "keystore/files/folder.h"
#include "keystore/x509/material.h"

namespace chancery::rollout {
namespace {

using nlohmann::json;
using preflight::SourceFile;

constexpr std::size_t text_limit = 4 * 1024 * 1024;
constexpr std::size_t contents_limit = std::size_t{64} * 1024 * 1024;
constexpr std::size_t most_files = 10'000;
constexpr std::size_t most_entries = 10'000;
constexpr const char* shape_hint = "chancery help federation rollout shows a plan";

// Texts in a plan, of one word or a list of them.
std::vector<std::string> texts(const json& entry, const char* key, const std::string& where) {
  std::vector<std::string> found;
  const auto at = entry.find(key);
  if (at == entry.end()) return found;
  if (at->is_string()) return {at->get<std::string>()};
  const bool is_list = at->is_array() && std::ranges::all_of(*at, [](const json& each) { return each.is_string(); });
  if (!is_list) throw plan_invalid(where, std::string(key) + " is neither a text nor a list of texts", shape_hint);
  for (const json& each : *at) found.push_back(each.get<std::string>());
  return found;
}

void expect_known(const json& table, const std::string& where, std::initializer_list<const char*> known) {
  if (!table.is_object()) throw plan_invalid(where, "it is not a table", shape_hint);
  for (const auto& [key, value] : table.items()) {
    if (std::ranges::find(known, key) != known.end()) continue;
    std::string names;
    for (const char* each : known) names += (names.empty() ? "" : ", ") + std::string(each);
    throw plan_invalid(where, "there is no such key: " + key, "the keys are: " + names);
  }
}

PlanEntry entry_of(const json& table, const std::string& where, const ReadFile& read) {
  PlanEntry entry;
  const auto files = [&](const char* key) {
    std::vector<SourceFile> found;
    for (const std::string& path : texts(table, key, where)) found.push_back(read(path));
    return found;
  };
  entry.certificate = files("certificate");
  if (entry.certificate.empty()) {
    throw plan_invalid(where, "it names no certificate", "give certificate = \"FILE\"");
  }
  entry.key = files("key");
  entry.intermediate = files("intermediate");
  entry.also_trust = files("also-trust");
  entry.identities = texts(table, "identity", where);
  entry.accept = texts(table, "accept", where);
  const std::vector<std::string> addresses = texts(table, "address", where);
  if (addresses.size() > 1) throw plan_invalid(where, "a member has one address", "give address = \"HOST:PORT\"");
  if (!addresses.empty()) entry.address = addresses.front();
  return entry;
}

json parsed(std::string_view text, const std::string& name) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && text[first] == '{') {
    json document = json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (document.is_object()) return document;
    throw plan_invalid(name, "it is not whole JSON", shape_hint);
  }
  json document = json::parse(json_of_toml(text, name), nullptr, /*allow_exceptions=*/false);
  if (document.is_object()) return document;
  throw plan_invalid(name, "it holds what a plan has no use for", shape_hint);
}

PlanFiles files_below(const std::string& path) {
  PlanFiles files;
  std::size_t total = 0;
  const auto take = [&](const Folder& folder, const std::string& prefix) {
    for (const std::string& name : folder.list()) {
      const auto status = folder.status(name);
      if (name.starts_with('.') || !status || status->kind != FileStatus::Kind::file) continue;
      SourceFile file{.name = prefix + name, .bytes = folder.read_secret(name, material_limit)};
      total += file.bytes.size();
      files.emplace(prefix + name, std::move(file));
      if (files.size() > most_files || total > contents_limit) {
        throw plan_invalid(path, "it holds more than 10000 files or 64 MiB",
                           "name a folder with what belongs to it only");
      }
    }
  };
  const Folder folder = Folder::open(path);
  take(folder, "");
  for (const std::string& name : folder.list()) {
    const auto status = folder.status(name);
    if (name.starts_with('.') || !status || status->kind != FileStatus::Kind::folder) continue;
    take(folder.open_folder(name), name + "/");
  }
  return files;
}

}  // namespace

Failure plan_invalid(const std::string& where, const std::string& cause, const std::string& hint) {
  return Failure({.code = "plan-invalid", .subject = where, .cause = cause, .hint = hint});
}

std::vector<PlanEntry> read_plan_text(std::string_view text, const std::string& name, const ReadFile& read) {
  const json document = parsed(text, name);
  expect_known(document, name, {"member", "shared"});
  std::vector<PlanEntry> entries;
  if (const auto members = document.find("member"); members != document.end()) {
    if (!members->is_object()) throw plan_invalid(name, "member is no table of members", shape_hint);
    for (const auto& [member, table] : members->items()) {
      const std::string where = name + ", member " + member;
      expect_known(table, where, {"certificate", "key", "intermediate", "also-trust", "identity", "accept", "address"});
      PlanEntry entry = entry_of(table, where, read);
      entry.members = {member};
      entries.push_back(std::move(entry));
    }
  }
  if (const auto shared = document.find("shared"); shared != document.end()) {
    if (!shared->is_array()) throw plan_invalid(name, "shared is no list of tables", "write [[shared]]");
    for (const json& table : *shared) {
      const std::string where = name + ", shared " + std::to_string(entries.size() + 1);
      expect_known(table, where, {"members", "certificate", "key", "intermediate", "also-trust", "identity", "accept"});
      PlanEntry entry = entry_of(table, where, read);
      entry.members = texts(table, "members", where);
      entries.push_back(std::move(entry));
    }
  }
  if (entries.empty()) throw plan_invalid(name, "it names no member", shape_hint);
  if (entries.size() > most_entries) throw plan_invalid(name, "it has more than 10000 entries", "make several plans");
  return entries;
}

std::vector<PlanEntry> read_plan(const std::string& path, const SecretBytes* passphrase) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) {
    return sort_plan_files(files_below(path), path, passphrase);
  }
  const SecretBytes bytes = read_secret_file(path, contents_limit);
  const std::string_view text = text_of(view_of(bytes));
  if (text.starts_with("PK\3\4") || text.starts_with("PK\5\6")) {
    return sort_plan_files(read_plan_archive(view_of(bytes), path), path, passphrase);
  }
  if (text.size() > text_limit) throw plan_invalid(path, "it is larger than 4 MiB", shape_hint);
  const std::size_t slash = path.rfind('/');
  const std::string base = slash == std::string::npos ? "" : path.substr(0, slash + 1);
  std::size_t total = 0;
  return read_plan_text(text, path, [&](const std::string& file) {
    const std::string full = file.starts_with('/') ? file : base + file;
    SourceFile source{.name = file, .bytes = read_secret_file(full, material_limit)};
    total += source.bytes.size();
    if (total > contents_limit) throw plan_invalid(path, "its files take more than 64 MiB", "make several plans");
    return source;
  });
}

std::vector<PlanEntry> read_plan_files(PlanFiles files, const SecretBytes* passphrase) {
  const auto is_zip = [](const SourceFile& file) {
    const std::string_view text = text_of(view_of(file.bytes));
    return text.starts_with("PK\3\4") || text.starts_with("PK\5\6");
  };
  for (const auto& [path, file] : files) {
    if (!is_zip(file)) continue;
    if (files.size() > 1) {
      throw plan_invalid(path, "a zip is a whole plan, and there are other files beside it",
                         "give the zip alone, or what is in it with the other files");
    }
    return sort_plan_files(read_plan_archive(view_of(file.bytes), path), path, passphrase);
  }
  const auto plan = std::ranges::find_if(files, [](const auto& each) {
    return each.first.find('/') == std::string::npos &&
           (each.first.ends_with(".toml") || each.first.ends_with(".json"));
  });
  if (plan == files.end()) return sort_plan_files(std::move(files), "the files", passphrase);
  const std::string_view text = text_of(view_of(plan->second.bytes));
  if (text.size() > text_limit) throw plan_invalid(plan->first, "it is larger than 4 MiB", shape_hint);
  return read_plan_text(text, plan->first, [&](const std::string& path) {
    const auto found = files.find(path.starts_with("./") ? path.substr(2) : path);
    if (found == files.end()) {
      throw plan_invalid(plan->first, path + " is not among the files", "give it as well, under the name in the plan");
    }
    return SourceFile{.name = path, .bytes = secret_copy(view_of(found->second.bytes))};
  });
}

}  // namespace chancery::rollout
