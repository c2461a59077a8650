#include <algorithm>

#include "appliance/preflight/describe.h"
#include "appliance/preflight/rules.h"

namespace chancery::preflight {

namespace {

// A trust store may hold what has expired (public bundles do): it does no harm, it only does not help.
void soften_dates(Report& report) {
  for (Finding& finding : report.findings) {
    const bool date = finding.code == "expired" || finding.code == "not-yet-valid" || finding.code == "expires-soon";
    if (!date) continue;
    finding.severity = Severity::warning;
    finding.hint = "nothing under it will be accepted then; leave it out, or append the CA's present certificate";
  }
}

void judge_anchor(const Member& member, const Setting& setting, Report& report) {
  const Certificate& certificate = member.certificate;
  const bool self_signed = certificate.is_self_signed();
  const std::string name = short_name(certificate);
  Report own;
  judge_certificate(member, self_signed ? Place::root : Place::intermediate, setting, own);
  soften_dates(own);
  std::move(own.findings.begin(), own.findings.end(), std::back_inserter(report.findings));

  if (certificate.is_ca()) {
    if (!certificate.may_sign_certificates()) {
      report.add("not-a-ca", member.label(), name + " is a CA, but its keyUsage does not allow it to sign certificates",
                 "append the CA certificate that signs your servers' certificates");
    } else if (!certificate.has_key_usage()) {
      report.add("root-without-key-usage", member.label(),
                 "the CA " + name + " has no keyUsage; strict clients refuse that",
                 "nothing to do where all clients accept it");
    }
    return;
  }
  if (self_signed && certificate.version() < 3) {
    report.add("v1-root", member.label(),
               name + " is a self-signed certificate of X.509 version " + std::to_string(certificate.version()) +
                   ": it cannot say whether it is a CA, and most programs take it as one",
               "compare its SHA-256 with the owner: " + certificate.fingerprint());
    return;
  }
  if (self_signed) {
    report.add("pinned-certificate", member.label(),
               name + " is no CA but a self-signed certificate: it will be trusted for itself alone",
               "compare its SHA-256 with the server's owner: " + certificate.fingerprint());
    return;
  }
  report.add("not-a-ca", member.label(),
             name + " is not a CA certificate (no basicConstraints CA:TRUE); it was issued by " + certificate.issuer(),
             "append the certificate of that issuer, better that of its root, instead of the server's own");
}

}  // namespace

BundleAnswer check_bundle(const std::vector<SourceFile>& files, const CertificatePool& existing, Instant at) {
  BundleAnswer answer;
  Report notes;
  Report present;
  const Pile no_pile;
  const Knowledge nothing;
  const std::vector<RequiredName> no_names;
  const Setting setting{.pile = no_pile, .knowledge = nothing, .names = no_names, .at = at};
  std::set<std::string> seen;
  bool any = false;
  for (std::size_t number = 0; number < files.size(); ++number) {
    const FileContent content = read_source(files[number], std::nullopt, Source::anchor_file, number, notes);
    if (!content.keys.empty() || content.key_refused) {
      answer.report.add(
          "key-in-bundle", files[number].name, "the file holds a private key, which has no business in a trust store",
          "take the key out and append only the certificates: openssl x509 -in FILE -out ca.crt; if the file was "
          "passed around, the key is no secret any more");
    }
    if (content.requests != 0 && content.members.empty()) {
      answer.report.add("not-a-certificate", files[number].name,
                        "holds a certificate signing request (CSR), not a certificate",
                        "append the CA's certificate instead");
    }
    any = any || !content.members.empty();
    for (const Member& member : content.members) {
      if (!seen.insert(member.certificate.fingerprint()).second) continue;
      if (existing.contains(member.certificate.fingerprint())) {
        answer.present.push_back(member.certificate);
        present.add("already-present", member.label(),
                    short_name(member.certificate) + " (SHA-256 " + short_fingerprint(member.certificate) +
                        "…) is in the store already",
                    "nothing to do");
        continue;
      }
      answer.fresh.push_back(member.certificate);
      judge_anchor(member, setting, answer.report);
    }
  }
  const auto is_error = [](const Finding& finding) { return finding.severity == Severity::error; };
  const bool explained = std::any_of(notes.findings.begin(), notes.findings.end(), is_error) ||
                         std::any_of(answer.report.findings.begin(), answer.report.findings.end(), is_error);
  if (!any && !explained) {
    answer.report.add(
        "certificate-missing", files.empty() ? "" : files.front().name, "there is no certificate in what was given",
        "give a file with the CA's certificate; it holds a block that begins with -----BEGIN CERTIFICATE-----");
  }
  for (Report* rest : {&notes, &present}) {
    std::move(rest->findings.begin(), rest->findings.end(), std::back_inserter(answer.report.findings));
  }
  answer.report.sort();
  return answer;
}

}  // namespace chancery::preflight
