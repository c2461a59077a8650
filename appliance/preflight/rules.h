// The rules, each group in a source of its own. They look at one certificate or one chain, and add findings; none of
// them asks a clock, a file or the network.
#pragma once

#include <set>
#include <vector>

#include "appliance/preflight/chain_builder.h"

namespace chancery::preflight {

struct Setting {
  const Pile& pile;
  const Knowledge& knowledge;
  const std::vector<RequiredName>& names;
  Purpose purpose = Purpose::server;
  Instant at{};
  // The leaf itself is what clients compare (D3), because the question says so or because it is trusted by itself.
  bool pinned = false;
  // Keys of retired anchors that turned up among the chains: a cross certificate does not bring them back.
  std::set<Sha256> retired_keys = {};
};

enum class Place { leaf, intermediate, root };

// certificate_rules.cpp: what holds for every certificate of a chain, whatever its neighbours: dates, key, signature
// algorithm, serial, form, critical extensions. The self-signature of a root counts for nothing and is not judged.
void judge_certificate(const Member& member, Place place, const Setting& setting, Report& report);

// encoding_rules.cpp: forms of DER and of RFC 5280 that OpenSSL reads without a word and that others refuse (Go, Chrome,
// Firefox, Python's cryptography), as they are to be read after "breaks RFC 5280: ". Not for roots, which clients take as
// they are. What only the strictest mind is apart: strict_remarks.
[[nodiscard]] std::vector<std::string> encoding_faults(const Certificate& certificate);
[[nodiscard]] std::vector<std::string> strict_remarks(const Certificate& certificate);

// identity_rules.cpp: what a leaf must be: names, usages, version, not a CA.
void judge_leaf(const Member& leaf, const Setting& setting, Report& report);

// chain_rules.cpp: how the certificates fit together, and where the chain ends.
void judge_chain(const Chain& chain, const std::vector<NearMiss>& near_misses, const Setting& setting, Report& report);

// name_constraints.cpp: RFC 5280, 4.2.1.10, for DNS, IP, mail, URI and directory names.
void judge_name_constraints(const Chain& chain, Report& report);

// second_opinion.cpp: X509_verify_cert in strict mode over exactly this chain. Adds what the rules above did not say.
void add_second_opinion(const Chain& chain, const Setting& setting, Report& report);

}  // namespace chancery::preflight
