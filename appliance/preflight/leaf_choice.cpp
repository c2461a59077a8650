#include "appliance/preflight/leaf_choice.h"

#include <algorithm>
#include <set>

#include "appliance/preflight/describe.h"
#include "keystore/bytes/text_encoding.h"

namespace chancery::preflight {

namespace {

const HeldKey* key_of(const Certificate& certificate, const std::vector<HeldKey>& keys) {
  const auto found =
      std::find_if(keys.begin(), keys.end(), [&](const HeldKey& held) { return held.key.belongs_to(certificate); });
  return found == keys.end() ? nullptr : &*found;
}

// Who issued another certificate of the pile; a self-issued one does not count for itself.
std::set<Bytes> issuers_in(const std::vector<Member>& given) {
  std::set<Bytes> issuers;
  for (const Member& member : given) {
    if (!member.certificate.is_self_issued()) issuers.insert(member.certificate.issuer_der());
  }
  return issuers;
}

// How much a certificate looks like the leaf; the first of the best is taken. A key decides among the certificates that
// a server may present. Only when there is none of those does it pick a CA, or one from the intermediates' file.
struct Likeness {
  bool end_entity;
  bool own_file;
  bool has_key;
  bool issued_none;
};

int rank(const Likeness& likeness) {
  int value = 0;
  if (likeness.end_entity) value += 8;
  if (likeness.own_file) value += 4;
  if (likeness.issued_none) value += 2;
  if (likeness.has_key) value += likeness.end_entity && likeness.own_file ? 16 : 1;
  return value;
}

const Member* most_like_a_leaf(const Pile& pile) {
  const std::set<Bytes> issuers = issuers_in(pile.given);
  const Member* best = nullptr;
  int best_rank = -1;
  Instant best_end{};
  for (const Member& member : pile.given) {
    const bool has_key = key_of(member.certificate, pile.keys) != nullptr;
    const bool issued = issuers.contains(member.certificate.subject_der());
    // A version 1 root cannot say that it is a CA.
    const bool root = issued && member.certificate.is_self_issued();
    const int value = rank({.end_entity = !member.certificate.is_ca() && !root,
                            .own_file = member.source != Source::intermediate_file,
                            .has_key = has_key,
                            .issued_none = !issued});
    // Of several with the same key, the one that lasts longest.
    const bool renewed = has_key && value == best_rank && member.certificate.not_after() > best_end;
    if (value > best_rank || renewed) {
      best = &member;
      best_rank = value;
      best_end = member.certificate.not_after();
    }
  }
  return best;
}

std::string key_text(const HeldKey& held) {
  const KeyDescription description = held.key.description();
  const std::string bits = description.type == "RSA" ? " " + std::to_string(description.bits) : "";
  return description.type + bits + ", SHA-256 of the public key " + to_hex(held.key.key_digest()).substr(0, 16) + "…";
}

void explain_mismatch(const Member& leaf, const Pile& pile, Report& report) {
  const HeldKey& held = pile.keys.front();
  std::string message = "the private key (" + key_text(held) + ") does not belong to " + leaf.label() + " (" +
                        leaf.certificate.key().type + ", SHA-256 of the public key " +
                        to_hex(leaf.certificate.key_digest()).substr(0, 16) + "…)";
  std::string hint =
      "give the key that the certificate's request was made with, or ask the CA for a new certificate for this key";
  const bool damaged = std::any_of(pile.keys.begin(), pile.keys.end(), [&](const HeldKey& key) {
    return key.key.key_digest() == leaf.certificate.key_digest();
  });
  if (damaged) {
    message += "; its public half would fit, but the private half beside it is another key's";
    hint = "the key file is damaged or was put together by hand: take the key from where it was made";
  }
  for (const Member& member : pile.given) {
    if (key_of(member.certificate, pile.keys) == nullptr) continue;
    message += "; it belongs to " + member.label();
    if (member.certificate.is_ca()) {
      hint = "that is the key of a CA, which should stand on no server: give the server's own key";
    } else {
      hint = "give " + member.origin + " as the certificate, or the key that belongs to " + leaf.label();
    }
    break;
  }
  if (pile.keys.size() > 1) message += "; nor does any of the other " + std::to_string(pile.keys.size() - 1) + " keys";
  report.add("key-mismatch", held.origin, std::move(message), std::move(hint));
}

}  // namespace

LeafChoice choose_leaf(const Pile& pile, bool needs_key, Report& report) {
  LeafChoice choice;
  const Member* leaf = most_like_a_leaf(pile);
  const auto& notes = pile.notes.findings;
  const bool explained = std::any_of(notes.begin(), notes.end(),
                                     [](const Finding& finding) { return finding.severity == Severity::error; });
  // Where the certificate's own file could not be read, its intermediates are not mistaken for it.
  const bool is_stand_in =
      leaf != nullptr && leaf->source == Source::intermediate_file && leaf->certificate.is_ca() && explained;
  if (leaf == nullptr || is_stand_in) {
    if (!explained) {
      report.add("certificate-missing", "", "there is no certificate in what was given",
                 "give the certificate's file with --certificate; it holds a block that begins with -----BEGIN "
                 "CERTIFICATE-----");
    }
    return choice;
  }
  choice.leaf = *leaf;
  if (const HeldKey* held = key_of(leaf->certificate, pile.keys)) {
    choice.key = held->key;
    for (const HeldKey& other : pile.keys) {
      if (&other == held) continue;
      report.add("unused-key", other.origin,
                 "another private key (" + key_text(other) + ") that does not belong to " + leaf->label(),
                 "nothing to do: it is left out; remove it from the file if it is not meant to be there");
    }
    return choice;
  }
  if (!pile.keys.empty()) {
    explain_mismatch(*leaf, pile, report);
  } else if (needs_key && !pile.key_refused && !pile.notes.has("key-missing")) {
    report.add("key-missing", leaf->label(), "there is no private key for " + short_name(leaf->certificate),
               "give it with --key; if the request was made here with chancery cert csr, its key waits and is found by "
               "itself, so this certificate may be for another appliance or another request");
  }
  return choice;
}

}  // namespace chancery::preflight
