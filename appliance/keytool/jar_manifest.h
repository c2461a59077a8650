// MANIFEST.MF and *.SF of a signed JAR: a main section and one for each file, as attributes and as the bytes over which
// digests are made (JAR File Specification, "Signed JAR File").
//
//   const JarManifest manifest(bytes);
//   if (const JarManifest::Section* one = manifest.find("a/B.class")) …one->value("SHA-256-Digest")…
//
// Failure java.io.IOException where Java's reader has none of it. Views into the bytes, which must outlive it. Thread
// safety: a value.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "keystore/bytes/bytes.h"

namespace chancery::keytool {

class JarManifest {
 public:
  struct Section {
    std::string name;                                             // of the file; "" of the main one
    std::vector<std::pair<std::string, std::string>> attributes;  // in their order, of all parts of one name
    std::vector<ByteView> parts;                                  // with the empty line behind each
    std::vector<ByteView> parts_alone;                            // without it
    [[nodiscard]] std::optional<std::string> value(std::string_view key) const;  // in any case
  };

  explicit JarManifest(ByteView bytes);
  [[nodiscard]] const Section& main() const noexcept { return main_; }
  [[nodiscard]] const std::vector<Section>& sections() const noexcept { return sections_; }
  [[nodiscard]] const Section* find(const std::string& name) const;
  [[nodiscard]] ByteView bytes() const noexcept { return bytes_; }

 private:
  ByteView bytes_;
  Section main_;
  std::vector<Section> sections_;
  std::unordered_map<std::string, std::size_t> places_;
};

// Digests among attributes: the algorithm before `ending` ("-Digest"), and what is expected.
struct JarDigest {
  std::string algorithm;
  Bytes expected;
};
[[nodiscard]] std::vector<JarDigest> digests_in(const JarManifest::Section& section, std::string_view ending);

}  // namespace chancery::keytool
