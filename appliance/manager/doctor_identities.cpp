// The doctor on identities, the authority's own certificates and trust: do they fit, do they verify, when do they end.
#include <algorithm>

#include "appliance/manager/authority_desk.h"
#include "appliance/manager/doctor.h"
#include "appliance/manager/knowledge.h"
#include "appliance/trust/portal_store.h"
#include "keystore/trust/os_trust.h"

namespace chancery::manager {
namespace {

using std::chrono::days;

constexpr days soon{30};
constexpr days very_soon{7};

std::string ends(const Certificate& certificate, Instant now) {
  const auto left = std::chrono::floor<days>(certificate.not_after() - now).count();
  if (certificate.not_after() <= now) return "has expired at " + to_rfc3339(certificate.not_after());
  return "ends at " + to_rfc3339(certificate.not_after()) + ", in " + std::to_string(left) + " days";
}

// True when it was said that the time is short.
bool examine_dates(Examination& examination, const std::string& check, const Certificate& certificate, Instant now,
                   const std::string& hint, const std::string& replace = "") {
  if (now < certificate.not_before()) {
    examination.critical(
        check,
        "is not valid before " + to_rfc3339(certificate.not_before()) + ", and it is " + to_rfc3339(now) + " here",
        "check the clock of this appliance (timedatectl)");
    return true;
  }
  const auto left = certificate.not_after() - now;
  if (left >= soon) return false;
  examination.add({.check = check,
                   .grade = left < very_soon ? Grade::critical : Grade::warning,
                   .message = ends(certificate, now),
                   .hint = hint,
                   .replace = replace});
  return true;
}

bool renews_itself(const std::string& identity, bool is_default) {
  return identity == "member" || identity == "authority-tls" || is_default;
}

std::string renewal_hint(const std::string& identity, bool is_default) {
  if (renews_itself(identity, is_default)) {
    return "chancery-manager renews it by itself where it runs and reaches the primary; now: chancery federation renew";
  }
  return "get a new one: chancery cert csr " + identity + ", then chancery cert replace; or chancery cert reset " +
         identity;
}

// Errors of preflight are critical, warnings are warnings; what the dates say is graded on its own.
bool examine_report(Examination& examination, const std::string& check, const preflight::Report& report) {
  static const std::vector<std::string> graded_elsewhere{"expired", "expires-soon", "not-yet-valid"};
  bool said = false;
  for (const preflight::Finding& finding : report.findings) {
    if (finding.severity == preflight::Severity::info) continue;
    if (std::find(graded_elsewhere.begin(), graded_elsewhere.end(), finding.code) != graded_elsewhere.end()) continue;
    const std::string message = finding.code + ": " + finding.message;
    if (finding.severity == preflight::Severity::error) {
      examination.critical(check, message, finding.hint);
    } else {
      examination.warning(check, message, finding.hint);
    }
    said = true;
  }
  return said;
}

void examine_identity(Examination& examination, Bench& bench, const preflight::Knowledge& knowledge,
                      const std::string& identity) {
  const std::string check = "identity " + identity;
  const auto installed = change::read_identity(bench.current(), "identities/" + identity);
  if (!installed || !installed->key) {
    examination.critical(check, "certificate or key is missing",
                         "bring it back: chancery cert reset " + identity + ", or chancery backup restore ID");
    return;
  }
  if (!installed->key->belongs_to(installed->leaf)) {
    examination.critical(check, "the key does not belong to the certificate",
                         "bring the pair back: chancery backup restore ID, or chancery generation rollback N");
    return;
  }
  const bool is_default = change::is_default(bench.current(), identity);
  const bool has_customer_names = identity != "member" && identity != "authority-tls";
  const bool is_self_signed_default = is_default && bench.appliance.federation.empty();
  bool said = examine_dates(examination, check, installed->leaf, bench.now(), renewal_hint(identity, is_default),
                            renews_itself(identity, is_default) ? "" : identity);
  if (is_self_signed_default) {
    // Nobody can verify it yet; one line says so for all (federation).
    if (!said)
      examination.ok(check, "is self-signed until this appliance joins; " + ends(installed->leaf, bench.now()));
    return;
  }
  said |= examine_report(examination, check,
                         preflight::check_identity(*installed, knowledge,
                                                   has_customer_names ? required_names(bench.appliance, {identity})
                                                                      : std::vector<preflight::RequiredName>{},
                                                   bench.now()));
  if (!said) {
    examination.ok(check, std::string(is_default ? "default" : "custom") + " certificate " +
                              installed->leaf.fingerprint().substr(0, 16) + " " + ends(installed->leaf, bench.now()));
  }
}

void examine_default(Examination& examination, Bench& bench, const std::string& identity) {
  const std::string check = "default " + identity;
  const auto fallback = change::read_identity(bench.current(), "defaults/" + identity);
  if (!fallback) return;
  if (!fallback->key || !fallback->key->belongs_to(fallback->leaf)) {
    examination.critical(check, "the default's key does not belong to its certificate",
                         "bring it back: chancery backup restore ID");
    return;
  }
  if (change::is_default(bench.current(), identity)) return;  // the identity's own check speaks of it
  examine_dates(examination, check, fallback->leaf, bench.now(), renewal_hint(identity, true));
}

void examine_authority(Examination& examination, Bench& bench) {
  if (bench.appliance.role == Role::secondary) return;
  const AuthorityDesk desk(bench);
  const authority::Authority& authority = desk.authority;
  const std::string hint = "renew the authority before it ends: everything it issued ends with it";
  bool said = examine_dates(examination, "authority", authority.root(), bench.now(), hint);
  said |= examine_dates(examination, "authority", authority.issuing(), bench.now(), hint);
  if (!said) examination.ok("authority", "the root " + ends(authority.root(), bench.now()));
}

// What the operating system trusts as well comes and goes with its updates; of the rest the one that ends first.
std::optional<Certificate> first_of_its_own(const CertificatePool& pool) {
  CertificatePool of_the_system;
  of_the_system.add_pem(os_trust_bundle());
  std::optional<Certificate> first;
  for (const Certificate& each : pool.all()) {
    if (of_the_system.contains(each.fingerprint())) continue;
    if (!first || each.not_after() < first->not_after()) first = each;
  }
  return first;
}

}  // namespace

void examine_identities(Examination& examination, Bench& bench) {
  preflight::Knowledge knowledge;
  examination.attempt("trust", [&] { knowledge = know(bench); });
  if (!knowledge.anchors) return;
  for (const std::string& identity : identities_of(bench.appliance.role)) {
    if (identity == "member" && bench.appliance.federation.empty()) continue;
    examination.attempt("identity " + identity, [&] { examine_identity(examination, bench, knowledge, identity); });
    examination.attempt("default " + identity, [&] { examine_default(examination, bench, identity); });
  }
  examination.attempt("authority", [&] { examine_authority(examination, bench); });
}

void examine_trust(Examination& examination, Bench& bench) {
  std::vector<std::string> stores;
  if (bench.appliance.role != Role::primary) stores.emplace_back("engine");
  if (bench.appliance.role != Role::secondary) stores.emplace_back("portal");
  for (const std::string& store : stores) {
    const std::string check = "trust " + store;
    examination.attempt(check, [&] {
      CertificatePool pool;
      pool.add_pem(store == "portal" ? trust::portal_trust_pem(bench.current())
                                     : bench.current().read("trust/" + store + "/ca-bundle.crt"));
      if (pool.size() == 0) {
        examination.critical(check, "no certificate can be read in it: outgoing connections fail",
                             "bring it back: chancery backup restore ID --component trust/" + store);
        return;
      }
      const std::string count = std::to_string(pool.size()) + " certificates are trusted";
      const std::optional<Certificate> first = first_of_its_own(pool);
      if (!first || first->not_after() - bench.now() > soon) {
        examination.ok(check,
                       count + (first ? "; of those that were appended the first " + ends(*first, bench.now()) : ""));
        return;
      }
      examination.warning(check, first->subject() + ", which was appended, " + ends(*first, bench.now()),
                          "trust its successor (chancery trust append FILE --store " + store +
                              "), then take it out: chancery trust remove " + first->fingerprint().substr(0, 16) +
                              " --store " + store);
    });
  }
}

}  // namespace chancery::manager
