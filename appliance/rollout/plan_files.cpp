// A folder or zip of certificates and keys, sorted into entries by what is in each file.
#include <algorithm>

#include "appliance/rollout/plan.h"
#include "keystore/x509/material.h"

namespace chancery::rollout {
namespace {

using preflight::SourceFile;

struct Sorted {
  const SourceFile* file;
  Material material;
  std::vector<Certificate> leaves;  // not CAs'
  bool is_locked = false;           // holds a key that the passphrase at hand does not open
};

bool is_of_use(const Sorted& sorted) {
  return sorted.is_locked || !sorted.material.certificates.empty() || !sorted.material.keys.empty();
}

Sorted sorted_by_content(const SourceFile& file, const SecretBytes* passphrase) {
  Sorted sorted{.file = &file,
                .material = read_material(view_of(file.bytes), {.source = file.name, .passphrase = passphrase}),
                .leaves = {}};
  for (const Certificate& certificate : sorted.material.certificates) {
    if (!certificate.is_ca()) sorted.leaves.push_back(certificate);
  }
  sorted.is_locked =
      std::ranges::any_of(sorted.material.notes, [](const MaterialNote& note) { return note.code == "key-encrypted"; });
  return sorted;
}

// "engine1.example.com.pem" and "engine1.example.com" -> "engine1.example.com"
std::string label_of(std::string path) {
  for (const char* suffix : {".pem", ".crt", ".cer", ".der", ".p12", ".pfx", ".p7b", ".key"}) {
    if (path.ends_with(suffix)) return path.substr(0, path.size() - std::string_view(suffix).size());
  }
  return path;
}

bool fits(const Sorted& candidate, const Sorted& certificate, const Certificate& leaf) {
  const bool has_its_key =
      std::ranges::any_of(candidate.material.keys, [&](const PrivateKey& key) { return key.belongs_to(leaf); });
  return has_its_key || (candidate.is_locked && label_of(candidate.file->name) == label_of(certificate.file->name));
}

std::vector<PlanEntry> side_by_side(const std::vector<Sorted>& files) {
  std::vector<PlanEntry> entries;
  for (const Sorted& each : files) {
    if (each.leaves.empty()) continue;
    PlanEntry entry{.label = label_of(each.file->name)};
    entry.certificate.push_back(*each.file);
    for (const Sorted& other : files) {
      if (&other == &each) continue;
      if (other.leaves.empty() && !other.material.certificates.empty()) entry.intermediate.push_back(*other.file);
      if (fits(other, each, each.leaves.front())) entry.key.push_back(*other.file);
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace

std::vector<PlanEntry> sort_plan_files(PlanFiles files, const std::string& name, const SecretBytes* passphrase) {
  std::map<std::string, PlanEntry> own;
  std::vector<Sorted> beside;
  for (auto& [path, file] : files) {
    Sorted sorted = sorted_by_content(file, passphrase);
    if (!is_of_use(sorted)) continue;  // a README
    const std::size_t slash = path.find('/');
    if (slash == std::string::npos) {
      beside.push_back(std::move(sorted));
      continue;
    }
    if (path.find('/', slash + 1) != std::string::npos) {
      throw plan_invalid(name, "\"" + path + "\" is two folders deep",
                         "put each member's files into one folder that is called as the member");
    }
    const std::string member = path.substr(0, slash);
    PlanEntry& entry = own[member];
    entry.members = {member};
    entry.certificate.push_back(file);
  }
  std::vector<PlanEntry> entries = side_by_side(beside);
  for (auto& [member, entry] : own) entries.push_back(std::move(entry));
  if (entries.empty()) {
    throw Failure({.code = "empty-input",
                   .subject = name,
                   .cause = "there is no certificate of a server in it",
                   .hint =
                       "put MEMBER.pem and MEMBER.key into it, or a folder for each member; chancery help federation "
                       "rollout shows how"});
  }
  return entries;
}

}  // namespace chancery::rollout
