// The operating system's trust: one file a certificate in its folder of local CAs, and Debian's Java store with it. One
// change each: the files are foreign, update-ca-certificates runs as part of the activation (change/os_refresh.h).
#include "keystore/trust/os_trust.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "appliance/manager/stores.h"
#include "appliance/manager/verbs.h"
#include "keystore/java/store_edits.h"
#include "keystore/openssl/digest.h"
#include "keystore/trust/os_places.h"
#include "keystore/x509/certificate_pool.h"

namespace chancery::manager {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t file_limit = 1024 * 1024;
constexpr std::size_t longest_name = 64;
constexpr std::size_t short_fingerprint = 16;

// "Example Root CA" -> "example-root-ca": letters, digits and dashes, which update-ca-certificates keeps as they are.
std::string plain_name(const Certificate& certificate) {
  const std::string& title = certificate.common_name().empty() ? certificate.subject() : certificate.common_name();
  std::string name;
  for (const char c : title) {
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (name.size() >= longest_name) break;
    if (c >= 'A' && c <= 'Z') {
      name += static_cast<char>(c - 'A' + 'a');
    } else if (is_letter) {
      name += c;
    } else if (!name.empty() && name.back() != '-') {
      name += '-';
    }
  }
  while (!name.empty() && name.back() == '-') name.pop_back();
  return name.empty() ? "certificate" : name;
}

// Without its ending: the same for file, link and Java's alias.
std::string name_of_file(const Certificate& certificate) {
  return "chancery-" + plain_name(certificate) + "-" + certificate.fingerprint().substr(0, short_fingerprint);
}

std::string sha256_of_file(const std::string& path) {
  std::error_code ignored;
  if (!fs::exists(fs::symlink_status(path, ignored))) return "";
  return sha256_hex(view_of(read_secret_file(path, file_limit)));
}

std::optional<JavaStore> open_debian_java(Bench& bench, const std::optional<SecretBytes>& password) {
  if (::access(os_places::java_store, F_OK) != 0) return std::nullopt;
  return open_java_store(bench, target_of(bench, os_places::java_store), password);
}

void put_debian_java(Bench& bench, change::Plan& plan, trust::ManagedAnchors& anchors,
                     const std::optional<JavaStore>& java) {
  if (!java) return;
  const std::string path = target_of(bench, os_places::java_store).name;
  follow(anchors, path, java->before, java->store, bench.now());
  SecretBytes sealed = seal_and_compare(java->store, java->password);
  if (sha256_hex(view_of(sealed)) == java->sha256) return;
  plan.foreign.push_back({.path = path, .expected_sha256 = java->sha256, .bytes = std::move(sealed)});
}

bool trusts(const java::Keystore& store, const std::string& sha256) {
  return std::any_of(store.entries.begin(), store.entries.end(), [&](const java::Entry& entry) {
    return entry.kind == java::EntryKind::trusted_certificate && fingerprint_of(entry) == sha256;
  });
}

// The file of local CAs that holds this certificate and nothing else. Failure for what was not installed that way.
std::string file_that_holds(const std::string& sha256) {
  std::error_code failed;
  for (fs::directory_iterator at(os_places::local_cas, failed), end; !failed && at != end; at.increment(failed)) {
    if (at->path().extension() != ".crt" || !at->is_regular_file(failed)) continue;
    CertificatePool held;
    held.add_pem(view_of(read_secret_file(at->path().string(), file_limit)));
    if (!held.contains(sha256)) continue;
    if (held.size() == 1) return at->path().string();
    throw Failure({.code = "several-certificates",
                   .subject = at->path().string(),
                   .cause = "holds other certificates too",
                   .hint = "split it into one file a certificate, run update-ca-certificates, then repeat"});
  }
  CertificatePool system;
  system.add_pem(os_trust_bundle());
  if (system.contains(sha256)) {
    throw Failure(
        {.code = "public-ca",
         .subject = sha256,
         .cause = "this certificate is one of the operating system's own, not of this machine's administrator",
         .hint = "deselect it with dpkg-reconfigure ca-certificates"});
  }
  throw Failure({.code = "unknown-certificate",
                 .subject = sha256,
                 .cause = "the operating system does not trust a certificate of this fingerprint",
                 .hint = "chancery trust list --store os shows what it trusts"});
}

}  // namespace

json trust_os_install(Bench& bench, Call& call) {
  const std::vector<preflight::SourceFile> files = call.file_list("files");
  if (files.empty()) throw bad_argument("files", "is missing", "name the file with the CA certificates");
  const Bench::Writer writer = bench.begin_change(call.who() + ", trust os-install");
  CertificatePool system;
  system.add_pem(os_trust_bundle());
  const preflight::BundleAnswer answer = preflight::check_bundle(files, system, bench.now());
  change::Plan plan;
  trust::ManagedAnchors anchors = trust::ManagedAnchors::read(bench.current());
  json added = json::array();
  if (answer.report.verdict() != preflight::Verdict::refuse) {
    std::optional<JavaStore> java = open_debian_java(bench, call.secret("storepass"));
    for (const Certificate& certificate : answer.fresh) {
      const std::string name = name_of_file(certificate);
      const std::string path = std::string(os_places::local_cas) + "/" + name + ".crt";
      plan.foreign.push_back(
          {.path = path, .expected_sha256 = sha256_of_file(path), .bytes = secret_copy(view_of(certificate.to_pem()))});
      anchors.remember({.kind = trust::ManagedAnchor::Kind::operating_system,
                        .path = path,
                        .alias = "",
                        .sha256 = certificate.fingerprint(),
                        .since = bench.now(),
                        .der = certificate.der()});
      const std::string alias = "debian:" + name + ".pem";
      if (java && !trusts(java->store, certificate.fingerprint()) && !java::find_entry(java->store, alias)) {
        java->store.entries.push_back(
            java::trusted_certificate(alias, certificate.der(), milliseconds_of(bench.now())));
      }
      json each = preflight::to_json(certificate);
      each["file"] = path;
      added.push_back(std::move(each));
    }
    put_debian_java(bench, plan, anchors, java);
  }
  change::Plan rest = change::plan_stores_in_place(bench.current(), bench.appliance, "trust os-install", {}, anchors);
  rest.foreign = std::move(plan.foreign);
  rest.report = answer.report;
  json reply = finish(bench, std::move(rest), call);
  reply["store"] = "os";
  reply["added"] = reply["outcome"] == "refused" ? json::array() : std::move(added);
  reply["present"] = json::array();
  for (const Certificate& one : answer.present) reply["present"].push_back(preflight::to_json(one));
  return reply;
}

json trust_os_remove(Bench& bench, Call& call) {
  const std::string sha256 = change::normal_fingerprint(call.text("fingerprint"));
  const Bench::Writer writer = bench.begin_change(call.who() + ", trust os-remove");
  trust::ManagedAnchors anchors = trust::ManagedAnchors::read(bench.current());
  std::vector<std::string> managed;
  for (const trust::ManagedAnchor& anchor : anchors.all()) {
    const bool is_system = anchor.kind == trust::ManagedAnchor::Kind::operating_system;
    if (is_system && anchor.sha256 == sha256) managed.push_back(anchor.path);
  }
  // Where an update wiped the file there is nothing left to find, but the rest still has to go.
  std::string path = managed.empty() || ::access(managed.front().c_str(), F_OK) == 0 ? file_that_holds(sha256) : "";
  change::Plan plan;
  if (!path.empty()) {
    plan.foreign.push_back({.path = path, .expected_sha256 = sha256_of_file(path), .bytes = std::nullopt});
  }
  for (const std::string& each : managed) anchors.forget(each, sha256);
  std::optional<JavaStore> java = open_debian_java(bench, call.secret("storepass"));
  json kept = json::array();
  if (java) {
    // Debian's hook adds under "debian:"; what somebody imported under a name of his own is his.
    std::erase_if(java->store.entries, [&](const java::Entry& entry) {
      return fingerprint_of(entry) == sha256 && entry.alias.starts_with("debian:");
    });
    for (const java::Entry& entry : java->store.entries) {
      if (fingerprint_of(entry) == sha256) kept.push_back(entry.alias);
    }
    put_debian_java(bench, plan, anchors, java);
  }
  change::Plan rest = change::plan_stores_in_place(bench.current(), bench.appliance, "trust os-remove", {}, anchors);
  rest.foreign = std::move(plan.foreign);
  if (!kept.empty()) {
    rest.report.findings.push_back(
        {.code = "still-trusted",
         .severity = preflight::Severity::warning,
         .subject = os_places::java_store,
         .message = "Java still trusts this certificate under another alias: " + kept.front().get<std::string>(),
         .hint = "remove it there as well: chancery trust remove " + sha256.substr(0, short_fingerprint) + " --store " +
                 os_places::java_store});
  }
  json reply = finish(bench, std::move(rest), call);
  reply["store"] = "os";
  return reply;
}

}  // namespace chancery::manager
