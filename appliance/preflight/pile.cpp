#include "appliance/preflight/pile.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include "appliance/preflight/describe.h"
#include "keystore/fault.h"
#include "keystore/x509/material.h"

namespace chancery::preflight {

namespace {

constexpr std::ptrdiff_t most_keys = 64;

class PileReader {
 public:
  explicit PileReader(const Question& question) : question_(question) {}

  Pile read() {
    std::vector<HeldKey> keys_beside = read_files(question_.certificate, Source::certificate_file);
    std::vector<HeldKey> misplaced = read_files(question_.intermediate, Source::intermediate_file);
    std::vector<HeldKey> keys_in_key_files = read_files(question_.key, Source::key_file);
    read_files(question_.trust, Source::anchor_file);
    read_files(question_.also_trust, Source::anchor_file);
    pile_.only_these_anchors = !question_.trust.empty();

    if (!question_.key.empty()) {
      pile_.keys = std::move(keys_in_key_files);
      explain_key_files_without_key();
    } else {
      pile_.keys = std::move(keys_beside);
      if (pile_.keys.empty()) pile_.keys = std::move(misplaced);
      if (pile_.keys.empty() && question_.waiting_key) {
        pile_.keys.push_back({*question_.waiting_key, "the key that waits for its certificate"});
      }
    }
    drop_duplicate_keys();
    explain_files_without_certificate();
    return std::move(pile_);
  }

 private:
  std::vector<HeldKey> read_files(const std::vector<SourceFile>& files, Source source) {
    std::vector<HeldKey> keys;
    for (const SourceFile& file : files) {
      FileContent content = read_source(file, question_.passphrase, source, number_++, pile_.notes);
      pile_.key_refused |= content.key_refused;
      if (source == Source::certificate_file && content.members.empty()) bare_files_.push_back({&file, content});
      for (Member& member : content.members) place(std::move(member));
      std::move(content.keys.begin(), content.keys.end(), std::back_inserter(keys));
    }
    return keys;
  }

  void place(Member member) {
    const bool anchor = member.source == Source::anchor_file;
    std::vector<Member>& into = anchor ? pile_.anchors : pile_.given;
    const auto [known, fresh] =
        (anchor ? anchors_at_ : given_at_).emplace(member.certificate.fingerprint(), into.size());
    if (fresh) {
      into.push_back(std::move(member));
      return;
    }
    // A PKCS#12 given both as certificate and as key is no oddity; within one file the reader has said it already.
    const Member& first = into[known->second];
    if (first.file == member.file || member.source == Source::key_file || anchor) return;
    pile_.notes.add(
        "duplicate-certificate", member.label(),
        "the same certificate (SHA-256 " + short_fingerprint(member.certificate) + "…) is in " + first.origin + " too",
        "nothing to do: it is used once");
  }

  void drop_duplicate_keys() {
    std::vector<HeldKey> kept;
    std::set<Sha256> seen;
    for (HeldKey& held : pile_.keys) {
      if (seen.insert(held.key.key_digest()).second) kept.push_back(std::move(held));
    }
    if (std::ssize(kept) > most_keys) {
      pile_.notes.add("too-large", kept.front().origin,
                      "there are " + std::to_string(kept.size()) + " private keys; at most " +
                          std::to_string(most_keys) + " are tried",
                      "give only the file with this certificate's key");
      kept.erase(kept.begin() + most_keys, kept.end());
    }
    pile_.keys = std::move(kept);
  }

  void explain_key_files_without_key() {
    if (!pile_.keys.empty() || pile_.key_refused) return;
    const bool unreadable =
        std::any_of(pile_.notes.findings.begin(), pile_.notes.findings.end(), [&](const Finding& f) {
          return f.severity == Severity::error && f.subject.starts_with(question_.key.front().name);
        });
    if (unreadable) {
      pile_.key_refused = true;
      return;
    }
    const bool holds_certificate = std::any_of(pile_.given.begin(), pile_.given.end(),
                                               [](const Member& member) { return member.source == Source::key_file; });
    pile_.notes.add("key-missing", question_.key.front().name,
                    holds_certificate ? "the file given as the private key holds a certificate and no private key"
                                      : "the file given as the private key holds no private key",
                    "give the private key's file with --key; it holds a block that begins with "
                    "-----BEGIN PRIVATE KEY-----, -----BEGIN RSA PRIVATE KEY----- or the like");
  }

  void explain_files_without_certificate() {
    // A key beside the certificate's file is welcome in any file: a delivery may be a folder.
    const bool has_certificate = std::any_of(pile_.given.begin(), pile_.given.end(), [](const Member& member) {
      return member.source == Source::certificate_file;
    });
    for (const auto& [file, content] : bare_files_) {
      if (content.requests != 0) {
        pile_.notes.add("not-a-certificate", file->name, "holds a certificate signing request (CSR), not a certificate",
                        "send this request to your CA, and give the certificate that comes back");
      } else if (!content.keys.empty() && !has_certificate) {
        pile_.notes.add("certificate-missing", file->name,
                        "the file given as the certificate holds a private key and no certificate",
                        "give the certificate's file with --certificate and this one with --key");
      }
    }
  }

  struct BareFile {
    const SourceFile* file;
    FileContent content;
  };

  const Question& question_;
  Pile pile_;
  std::vector<BareFile> bare_files_;
  std::map<std::string, std::size_t> given_at_;  // fingerprint -> place in pile_.given
  std::map<std::string, std::size_t> anchors_at_;
  std::size_t number_ = 0;
};

}  // namespace

std::string Member::label() const {
  const std::string name = short_name(certificate);
  return origin.empty() ? name : origin + " (" + name + ")";
}

FileContent read_source(const SourceFile& file, const std::optional<SecretBytes>& passphrase, Source source,
                        std::size_t number, Report& report) {
  FileContent content;
  Material material;
  try {
    material =
        read_material(view_of(file.bytes), {.source = file.name, .passphrase = passphrase ? &*passphrase : nullptr});
  } catch (const Failure& failure) {
    // The reader promises notes instead of throws for bad input; should one slip through, it is still only a finding.
    report.add(failure.code(), file.name, failure.cause(), failure.hint());
    return content;
  }
  for (MaterialNote& note : material.notes) {
    if (note.code == "key-encrypted") content.key_refused = true;
    report.add(note.code, std::move(note.subject), std::move(note.message), std::move(note.hint));
  }
  for (Certificate& certificate : material.certificates) {
    content.members.push_back({std::move(certificate), file.name, source, number});
  }
  for (PrivateKey& key : material.keys) content.keys.push_back({std::move(key), file.name});
  content.requests = material.requests.size();
  return content;
}

Pile read_pile(const Question& question) { return PileReader(question).read(); }

}  // namespace chancery::preflight
