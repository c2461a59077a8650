// chancery keystore list, and verify: what is in a store, and what is odd about it.
#include <nlohmann/json.hpp>

#include "appliance/cli/human_time.h"
#include "appliance/cli/keystore_access.h"
#include "appliance/cli/keystore_commands.h"
#include "appliance/cli/report_view.h"
#include "appliance/cli/table.h"
#include "appliance/preflight/finding.h"
#include "keystore/java/pkcs12.h"
#include "keystore/java/store_check.h"
#include "keystore/java/store_edits.h"
#include "keystore/openssl/digest.h"
#include "keystore/x509/printable.h"

namespace chancery::cli {

using Json = nlohmann::json;

namespace {

const char* to_text(java::Integrity integrity) {
  return integrity == java::Integrity::verified ? "verified" : "absent";
}

std::string shown(const std::string& text) { return printable(view_of(text)); }

std::optional<std::string> created(const java::Entry& entry) {
  if (!entry.created_ms) return std::nullopt;
  // A file may claim any 64-bit time; years beyond 9999 have no RFC 3339 form.
  constexpr std::int64_t last_second = 253'402'300'799;
  const std::int64_t seconds = *entry.created_ms / 1000;
  if (seconds < 0 || seconds > last_second) return std::nullopt;
  return to_rfc3339(Instant(std::chrono::seconds(seconds)));
}

struct Decoded {
  std::optional<Certificate> certificate;
  std::string problem;  // where there is none
};

Decoded decoded(const java::StoredCertificate& stored) {
  try {
    if (stored.type == "X.509") return {.certificate = Certificate::from_der(stored.der), .problem = ""};
    return {.certificate = {}, .problem = "a certificate of type " + shown(stored.type)};
  } catch (const Failure& failure) {
    return {.certificate = {}, .problem = "cannot be decoded: " + failure.cause()};
  }
}

Json certificate_json(const java::StoredCertificate& stored) {
  const Decoded found = decoded(stored);
  if (found.certificate) return preflight::to_json(*found.certificate);
  return {{"sha256", sha256_hex(stored.der)}, {"problem", found.problem}};
}

// An alias goes out as the file has it, so that it can be given back; only what is not UTF-8 is escaped.
Json alias_json(const std::string& alias) {
  const Json text = alias;
  try {
    (void)text.dump();
    return text;
  } catch (const Json::exception&) {
    return shown(alias);
  }
}

Json entry_json(const java::Entry& entry) {
  Json certificates = Json::array();
  for (const java::StoredCertificate& each : entry.certificates) certificates.push_back(certificate_json(each));
  const std::optional<std::string> when = created(entry);
  return {{"alias", alias_json(entry.alias)},
          {"kind", java::name_of(entry.kind)},
          {"created", when ? Json(*when) : Json(nullptr)},
          {"certificates", std::move(certificates)}};
}

std::string kind_for_people(const java::Entry& entry) {
  switch (entry.kind) {
    case java::EntryKind::private_key:
      return "key";
    case java::EntryKind::trusted_certificate:
      return "trusted";
    case java::EntryKind::secret_key:
      return "secret key";
  }
  return "";
}

std::string date_of(const java::Entry& entry) {
  return created(entry).value_or("-").substr(0, std::size_t{10});  // the day
}

// alias, kind, date and fingerprint, as keytool lists them: nothing is decoded.
Table fingerprints(const std::vector<const java::Entry*>& entries) {
  Table table({{.title = "ALIAS", .may_shrink = true},
               {.title = "KIND"},
               {.title = "CREATED"},
               {.title = "SHA-256", .may_shrink = true}});
  for (const java::Entry* entry : entries) {
    const std::string digest = entry->certificates.empty() ? "-" : sha256_hex(entry->certificates.front().der);
    table.add({shown(entry->alias), kind_for_people(*entry), date_of(*entry), digest});
  }
  return table;
}

Table certificates(const std::vector<const java::Entry*>& entries, Instant now) {
  Table table({{.title = "ALIAS", .may_shrink = true},
               {.title = "KIND"},
               {.title = "CERTIFICATE", .may_shrink = true},
               {.title = "CREATED"},
               {.title = "ENDS"}});
  for (const java::Entry* entry : entries) {
    Text subject = painted(Colour::dim, "-");
    Text end = painted(Colour::dim, "-");
    if (!entry->certificates.empty()) {
      // Its key is not decoded, which would be three quarters of the time and is not shown.
      const Decoded found = decoded(entry->certificates.front());
      subject = found.certificate ? Text(found.certificate->subject()) : Text(painted(Colour::red, found.problem));
      if (found.certificate) end = ending(to_rfc3339(found.certificate->not_after()), now);
      if (entry->certificates.size() > 1) subject << " (+" << std::to_string(entry->certificates.size() - 1) << ")";
    }
    table.add({shown(entry->alias), kind_for_people(*entry), subject, date_of(*entry), end});
  }
  return table;
}

std::string count_of(std::size_t count) { return std::to_string(count) + (count == 1 ? " entry" : " entries"); }

Json finding_json(const java::StoreFinding& finding) {
  return {{"code", finding.code},
          {"severity", java::to_text(finding.severity)},
          {"subject", shown(finding.alias)},
          {"message", shown(finding.message)},
          {"hint", finding.hint}};
}

}  // namespace

int run_keystore_list(Session& session) {
  const ReadStore opened = open_for_reading(session);
  std::vector<const java::Entry*> entries;
  if (session.arguments().has("--alias")) {
    for (const std::string& alias : session.arguments().values("--alias")) {
      entries.push_back(&java::entry_at(opened.store, alias));
    }
  } else {
    for (const java::Entry& entry : opened.store.entries) entries.push_back(&entry);
  }
  Terminal& terminal = session.terminal();
  if (session.json()) {
    Json list = Json::array();
    for (const java::Entry* entry : entries) list.push_back(entry_json(*entry));
    terminal.document({{"type", java::name_of(opened.store.type)},
                       {"integrity", to_text(opened.store.integrity)},
                       {"entries", std::move(list)}});
    return 0;
  }
  const Table table =
      session.arguments().has("--fingerprints") ? fingerprints(entries) : certificates(entries, session.now());
  if (!table.is_empty()) table.print(terminal);
  const bool is_checked = opened.store.integrity == java::Integrity::verified;
  terminal.note(Text() << count_of(opened.store.entries.size()) << ", " << java::name_of(opened.store.type) << ", "
                       << (is_checked ? painted(Colour::green, "integrity verified")
                                      : painted(Colour::yellow, "integrity was not checked")));
  if (!is_checked && !opened.password) {
    terminal.hint("--storepass-file lets it be checked that nobody changed the file");
  }
  const std::size_t unseen = java::pkcs12_details(opened.store).unmarked.size();
  if (unseen > 0) {
    terminal.note(std::to_string(unseen) + " more certificate(s) that Java does not see: `chancery keystore verify`");
  }
  return 0;
}

int run_keystore_verify(Session& session) {
  const ReadStore opened = open_for_reading(session);
  const std::optional<SecretBytes> key_password = given_password(session.arguments(), "--keypass");
  const std::vector<java::StoreFinding> findings =
      java::check_keystore(opened.store, {.now = session.now(),
                                          .store_password = opened.password ? &*opened.password : nullptr,
                                          .key_password = key_password ? &*key_password : nullptr});
  auto worst = java::FindingSeverity::info;
  Json list = Json::array();
  for (const java::StoreFinding& each : findings) {
    worst = std::max(worst, each.severity);
    list.push_back(finding_json(each));
  }
  const bool refused = worst == java::FindingSeverity::error;
  const char* verdict = refused ? "refuse" : worst == java::FindingSeverity::warning ? "warn" : "accept";
  Terminal& terminal = session.terminal();
  if (session.json()) {
    terminal.document({{"verdict", verdict},
                       {"type", java::name_of(opened.store.type)},
                       {"integrity", to_text(opened.store.integrity)},
                       {"entries", opened.store.entries.size()},
                       {"findings", std::move(list)}});
    return refused ? 1 : 0;
  }
  const bool is_odd = !list.empty();
  for (const Text& line : finding_lines({{"verdict", verdict}, {"findings", std::move(list)}}, terminal.width())) {
    terminal.line(line);
  }
  const char* conclusion = refused ? "not as it should be" : !is_odd ? "nothing odd" : "usable, with remarks";
  terminal.line(Text() << painted(refused ? Colour::red : Colour::green, conclusion) << ": "
                       << count_of(opened.store.entries.size()) << ", " << java::name_of(opened.store.type)
                       << ", integrity " << to_text(opened.store.integrity));
  return refused ? 1 : 0;
}

}  // namespace chancery::cli
