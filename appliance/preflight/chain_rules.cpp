#include <openssl/err.h>

#include <algorithm>

#include "appliance/preflight/describe.h"
#include "appliance/preflight/rules.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/openssl/handles.h"

namespace chancery::preflight {

namespace {

// Chains made in one go by a script end within seconds of each other.
constexpr auto slack = std::chrono::days(1);

Severity milder_when(bool mild) { return mild ? Severity::warning : Severity::error; }

void judge_anchored_end(const Chain& chain, Report& report) {
  const Member& top = chain.members.back();
  if (chain.rooted && chain.members.size() == 1) {
    report.add_milder(Severity::warning, "self-signed", top.label(),
                      short_name(top.certificate) + " is self-signed and itself in the trust store",
                      "nothing to do where every client pins it; otherwise let a CA sign a certificate");
    return;
  }
  if (!chain.rooted) {
    report.add("intermediate-anchor", top.label(),
               short_name(top.certificate) +
                   " is not a root, but it is in the trust store and ends the chain, as in Java; "
                   "clients that trust only roots go on to " +
                   top.certificate.issuer(),
               "nothing to do where clients trust this certificate; otherwise give the rest of the chain too");
  }
}

void judge_open_end(const Chain& chain, const std::vector<NearMiss>& near_misses, const Setting& setting,
                    Report& report) {
  const Member& top = chain.members.back();
  const auto miss = std::find_if(near_misses.begin(), near_misses.end(), [&](const NearMiss& candidate) {
    return candidate.child.certificate == top.certificate;
  });
  if (miss != near_misses.end() && miss->same_key_id) {
    report.add("bad-signature", top.label(),
               "the signature of " + short_name(top.certificate) +
                   " is wrong: " + short_name(miss->candidate.certificate) +
                   " has the right name and key identifier, but its key did not make it",
               "the file was altered or damaged: fetch the certificate from the CA again");
    return;
  }
  // Above a CA, what is absent may as well be its root, which nobody would send. Then the error is that the root is
  // unknown, and that something may be missing is only said.
  const bool known_as_intermediate = miss != near_misses.end() && !miss->candidate.certificate.is_self_issued();
  const bool may_be_root = chain.members.size() > 1 && !known_as_intermediate;
  const std::string& issuer = top.certificate.issuer();
  if (may_be_root) {
    report.add_milder(
        milder_when(setting.pinned), "untrusted-root", top.label(),
        "the chain ends at " + short_name(top.certificate) + " and reaches no root that is " +
            (setting.pile.only_these_anchors ? "among the certificates given by --trust" : "known here") +
            "; the last issuer named is " + issuer,
        "if that is the root of a private PKI, give its certificate with --also-trust, or accept it by name: "
        "--accept untrusted-root");
  }
  std::string message = "the issuer of " + short_name(top.certificate) + ", " + issuer +
                        ", is neither in the files nor known to this appliance";
  if (may_be_root) message += ", so the chain lacks it unless it is a root that clients hold";
  if (miss != near_misses.end()) {
    message += " (" + miss->candidate.label() + ", SHA-256 " + short_fingerprint(miss->candidate.certificate) +
               "…, has that name but another key: the CA has changed its key)";
  }
  std::string hint;
  if (const auto urls = issuer_urls(top.certificate); !urls.empty()) {
    hint = "fetch it and give it with --intermediate: curl -o issuer.crt " + urls.front();
  } else {
    hint = "ask your CA for the certificate of " + issuer + " and give it with --intermediate";
  }
  hint += "; if that is the root of a private PKI, give it with --also-trust instead";
  report.add_milder(milder_when(setting.pinned || may_be_root), "missing-intermediate", top.label(), std::move(message),
                    std::move(hint));
}

void judge_end(const Chain& chain, const std::vector<NearMiss>& near_misses, const Setting& setting, Report& report) {
  const Member& top = chain.members.back();
  if (chain.anchored) return judge_anchored_end(chain, report);
  if (!chain.rooted) return judge_open_end(chain, near_misses, setting, report);
  if (chain.members.size() == 1) {
    report.add_milder(
        milder_when(setting.pinned), "self-signed", top.label(),
        short_name(top.certificate) + " is self-signed and nobody here trusts it; clients will refuse it",
        "ask a CA for a certificate (chancery cert csr IDENTITY), or trust this one where clients compare it "
        "itself: --also-trust " +
            (top.origin.empty() ? "FILE" : top.origin));
    return;
  }
  report.add_milder(
      milder_when(setting.pinned), "untrusted-root", top.label(),
      "the chain ends in the root " + top.certificate.subject() + " (SHA-256 " + top.certificate.fingerprint() +
          "), which " +
          (setting.pile.only_these_anchors ? "is not among the certificates given by --trust" : "nobody here knows"),
      "compare the fingerprint with your CA by another way; if it is yours, give the root with --also-trust, "
      "or accept it by name: --accept untrusted-root");
}

void judge_issuer(const Member& issuer, bool is_root, const Setting& setting, Report& report) {
  const Certificate& certificate = issuer.certificate;
  const std::string name = short_name(certificate);
  if (is_root && certificate.version() < 3) {
    report.add(
        "v1-root", issuer.label(),
        "the root " + name + " is X.509 version 1: it cannot say that it is a CA, and strict clients refuse it",
        "nothing to do where all clients accept it; otherwise make the root anew with basicConstraints and keyUsage");
    return;
  }
  if (!certificate.is_ca()) {
    report.add("not-a-ca", issuer.label(),
               name + " signed the next certificate, but it is not a CA (" +
                   (certificate.version() < 3 ? "X.509 version 1" : "no basicConstraints CA:TRUE") + ")",
               "ask your CA for the right intermediate: one with basicConstraints CA:TRUE and keyUsage keyCertSign");
  } else if (!certificate.may_sign_certificates()) {
    report.add("not-a-ca", issuer.label(), name + " is a CA, but its keyUsage does not allow it to sign certificates",
               "ask your CA for the right intermediate: one with keyUsage keyCertSign");
  } else if (is_root && !certificate.has_key_usage()) {
    report.add(
        "root-without-key-usage", issuer.label(),
        "the root " + name + " has no keyUsage, as the usual openssl recipes leave it; strict clients refuse that",
        "nothing to do where all clients accept it; when the root is made anew, give it keyUsage = critical, "
        "keyCertSign, cRLSign");
  }
  const std::vector<std::string>& usages = certificate.extended_key_usages();
  const bool server = setting.purpose == Purpose::server;
  const std::string wanted = server ? "1.3.6.1.5.5.7.3.1" : "1.3.6.1.5.5.7.3.2";
  if (!usages.empty() && std::find(usages.begin(), usages.end(), wanted) == usages.end()) {
    report.add("eku-mismatch", issuer.label(),
               name + " may only sign certificates for " + joined(usages) + ", not for TLS " +
                   (server ? "servers (serverAuth)" : "clients (clientAuth)"),
               "ask your CA for a certificate from an intermediate that is meant for TLS " +
                   std::string(server ? "servers" : "clients"));
  }
}

void judge_path_lengths(const Chain& chain, Report& report) {
  int below = 0;  // CAs between this one and the leaf; self-issued ones do not count (RFC 5280, 4.2.1.9)
  for (std::size_t i = 1; i < chain.members.size(); ++i) {
    const Certificate& issuer = chain.members[i].certificate;
    const std::optional<int> allowed = issuer.is_ca() ? issuer.path_length() : std::nullopt;
    if (allowed && below > *allowed) {
      report.add("path-length", chain.members[i].label(),
                 short_name(issuer) + " allows " + std::to_string(*allowed) + " CAs below it, but there are " +
                     std::to_string(below),
                 "ask your CA for a certificate from a CA that may issue it; this chain is valid for nobody");
    }
    if (!issuer.is_self_issued()) ++below;
  }
}

void judge_link(const Member& child, const Member& issuer, Report& report) {
  const int verdict = X509_check_issued(issuer.certificate.native(), child.certificate.native());
  ERR_clear_error();
  if (verdict != X509_V_ERR_AKID_SKID_MISMATCH && verdict != X509_V_ERR_AKID_ISSUER_SERIAL_MISMATCH) return;
  const bool serial = verdict == X509_V_ERR_AKID_ISSUER_SERIAL_MISMATCH;
  report.add("key-id-mismatch", child.label(),
             short_name(child.certificate) + " names another " +
                 (serial ? "issuer certificate by serial number" : "issuer key") +
                 " in its authority key identifier than " + short_name(issuer.certificate) +
                 " has, although that key signed it",
             "ask the CA for the issuer's certificate that belongs to it, or to issue it again; OpenSSL and others "
             "refuse this pair");
}

void judge_end_of_life(const Chain& chain, Report& report) {
  const Certificate& leaf = chain.members.front().certificate;
  const Member* first = nullptr;
  for (std::size_t i = 1; i < chain.members.size(); ++i) {
    const Member& issuer = chain.members[i];
    if (issuer.certificate.not_after() + slack > leaf.not_after()) continue;
    if (first == nullptr || issuer.certificate.not_after() < first->certificate.not_after()) first = &issuer;
  }
  if (first == nullptr) return;
  report.add(
      "outlives-issuer", chain.members.front().label(),
      "the certificate lasts until " + to_rfc3339(leaf.not_after()) + ", but its issuer " +
          short_name(first->certificate) + " only until " + to_rfc3339(first->certificate.not_after()) +
          ": clients refuse it from then on",
      "renew before " + to_rfc3339(first->certificate.not_after()) + ", with the CA's next intermediate or root");
}

bool is_revoked(const Chain& chain, std::size_t index, const std::set<std::string>& revoked) {
  const Certificate& certificate = chain.members[index].certificate;
  if (revoked.contains(certificate.fingerprint())) return true;
  const auto listed = [&](const Bytes& key_id) {
    return !key_id.empty() && revoked.contains(to_hex(key_id) + ":" + certificate.serial());
  };
  if (listed(certificate.authority_key_id())) return true;
  return index + 1 < chain.members.size() && listed(chain.members[index + 1].certificate.subject_key_id());
}

void judge_withdrawn(const Chain& chain, const Setting& setting, Report& report) {
  for (std::size_t i = 0; i < chain.members.size(); ++i) {
    const Member& member = chain.members[i];
    if (is_revoked(chain, i, setting.knowledge.revoked)) {
      report.add(
          "revoked", member.label(),
          short_name(member.certificate) + " (serial " + member.certificate.serial() + ", SHA-256 " +
              short_fingerprint(member.certificate) + "…) has been revoked",
          i == 0
              ? "ask for a new certificate with a new key: chancery cert csr IDENTITY, or chancery cert reset IDENTITY"
              : "ask for a certificate from another CA; everything under this one is void");
    }
    const bool retired = setting.knowledge.retired_anchors.contains(member.certificate.fingerprint()) ||
                         setting.retired_keys.contains(member.certificate.key_digest());
    if (retired) {
      report.add(
          "retired-anchor", member.label(),
          short_name(member.certificate) + " (SHA-256 " + short_fingerprint(member.certificate) +
              "…) has been retired: nothing under it may come back into force",
          "take a certificate under the present root: chancery cert reset IDENTITY, or ask your CA for a new one");
    }
  }
}

}  // namespace

void judge_chain(const Chain& chain, const std::vector<NearMiss>& near_misses, const Setting& setting, Report& report) {
  judge_withdrawn(chain, setting, report);
  judge_end(chain, near_misses, setting, report);
  for (std::size_t i = 1; i < chain.members.size(); ++i) {
    judge_link(chain.members[i - 1], chain.members[i], report);
    judge_issuer(chain.members[i], chain.rooted && i + 1 == chain.members.size(), setting, report);
  }
  judge_path_lengths(chain, report);
  judge_name_constraints(chain, report);
  judge_end_of_life(chain, report);
}

}  // namespace chancery::preflight
