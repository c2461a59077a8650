// The pile of files that a question brings, read and sorted: certificates, keys, anchors, and what was odd about the
// files. Decides nothing about the certificates themselves.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "appliance/preflight/preflight.h"

namespace chancery::preflight {

enum class Source { certificate_file, key_file, intermediate_file, anchor_file, known_intermediate, known_anchor };

// A certificate and where it came from.
struct Member {
  Certificate certificate;
  std::string origin;  // "portal.pem", "known to this appliance"
  Source source = Source::certificate_file;
  std::size_t file = 0;  // running number of the file; members of one file are in its order

  // "portal.pem (CN=portal.example.com)"
  std::string label() const;
};

struct HeldKey {
  PrivateKey key;
  std::string origin;
};

struct Pile {
  std::vector<Member> given;    // of certificate, key and intermediate files, without duplicates, in the order given
  std::vector<Member> anchors;  // of --trust and --also-trust
  std::vector<HeldKey> keys;    // those that count: of key files, else of certificate files, else the waiting key
  bool key_refused = false;     // a key file could not be read or opened; already found
  bool only_these_anchors = false;
  Report notes;  // about the files; errors among them too
};

[[nodiscard]] Pile read_pile(const Question& question);

// The certificates of one file, its notes and misplaced keys as findings in `report`.
struct FileContent {
  std::vector<Member> members;
  std::vector<HeldKey> keys;
  std::size_t requests = 0;
  bool key_refused = false;
};
[[nodiscard]] FileContent read_source(const SourceFile& file, const std::optional<SecretBytes>& passphrase,
                                      Source source, std::size_t number, Report& report);

}  // namespace chancery::preflight
