#include "appliance/keytool/policy_text.h"

#include "appliance/keytool/certificate_view.h"
#include "appliance/keytool/general_name_text.h"
#include "appliance/keytool/java_ways.h"

namespace chancery::keytool {
namespace {

using Text = ExtensionText;

// An INTEGER under a context tag.
std::optional<std::uint64_t> tagged_number(const der::Element& element) {
  return der::small_integer({.tag = der::integer, .content = element.content, .whole = element.whole});
}

Text subtrees(ByteView content) {
  std::vector<std::string> trees;
  while (!content.empty()) {
    const auto one = der::next(content, der::sequence);
    if (!one) return std::nullopt;
    ByteView inner = one->content;
    const auto base = der::next(inner);
    const Text name = base ? general_name_text(*base) : std::nullopt;
    if (!name) return std::nullopt;
    std::string least = "0";
    std::string most = "undefined";
    while (!inner.empty()) {
      const auto limit = der::next(inner);
      const auto number = limit ? tagged_number(*limit) : std::nullopt;
      if (!number) return std::nullopt;
      (limit->tag == 0x80 ? least : most) = std::to_string(*number);
    }
    trees.push_back("\n   GeneralSubtree: [\n    GeneralName: " + *name + "\n    Minimum: " + least +
                    "\n    Maximum: " + most + "    ]\n");
  }
  return "   GeneralSubtrees:\n" + joined(trees) + "\n";
}

}  // namespace

ExtensionText certificate_policies(ByteView value) {
  const auto content = sequence_content(value);
  if (!content) return std::nullopt;
  std::string text = "CertificatePolicies [\n";
  for (ByteView in = *content; !in.empty();) {
    const auto one = der::next(in, der::sequence);
    if (!one) return std::nullopt;
    ByteView inner = one->content;
    const auto id = der::next(inner, der::object_identifier);
    if (!id) return std::nullopt;
    std::vector<std::string> qualifiers;
    if (const auto list = der::next(inner, der::sequence)) {
      for (ByteView each = list->content; !each.empty();) {
        const auto qualifier = der::next(each, der::sequence);
        if (!qualifier) return std::nullopt;
        ByteView parts = qualifier->content;
        const auto kind = der::next(parts, der::object_identifier);
        if (!kind) return std::nullopt;
        qualifiers.push_back("PolicyQualifierInfo: [\n  qualifierID: " + dotted(kind->content) +
                             "\n  qualifier: " + hex_dump(parts) + "\n]");
      }
    }
    text += "  [CertificatePolicyId: [" + dotted(id->content) + "]\n" + joined(qualifiers) + "  ]\n";
  }
  return text + "]\n";
}

ExtensionText policy_mappings(ByteView value) {
  const auto content = sequence_content(value);
  if (!content) return std::nullopt;
  std::vector<std::string> maps;
  for (ByteView in = *content; !in.empty();) {
    const auto one = der::next(in, der::sequence);
    if (!one) return std::nullopt;
    ByteView inner = one->content;
    const auto from = der::next(inner, der::object_identifier);
    const auto to = der::next(inner, der::object_identifier);
    if (!from || !to) return std::nullopt;
    maps.push_back("CertificatePolicyMap: [\nIssuerDomain:CertificatePolicyId: [" + dotted(from->content) +
                   "]\nSubjectDomain:CertificatePolicyId: [" + dotted(to->content) + "]\n]\n");
  }
  std::string list = joined(maps);
  return "PolicyMappings [\n" + list + "]\n";
}

ExtensionText policy_constraints(ByteView value) {
  const auto content = sequence_content(value);
  if (!content) return std::nullopt;
  std::string require = "unspecified;";
  std::string inhibit = "unspecified";
  for (ByteView in = *content; !in.empty();) {
    const auto part = der::next(in);
    const auto number = part ? tagged_number(*part) : std::nullopt;
    if (!number) return std::nullopt;
    if (part->tag == 0x80) require = std::to_string(*number) + ";";
    if (part->tag == 0x81) inhibit = std::to_string(*number);
  }
  return "PolicyConstraints: [  Require: " + require + "\tInhibit: " + inhibit + " ]\n";
}

ExtensionText inhibit_any_policy(ByteView value) {
  const auto integer = der::next(value, der::integer);
  const auto number = integer ? der::small_integer(*integer) : std::nullopt;
  if (!number) return std::nullopt;
  return "InhibitAnyPolicy: " + std::to_string(*number) + "\n";
}

ExtensionText name_constraints(ByteView value) {
  const auto content = sequence_content(value);
  if (!content) return std::nullopt;
  std::string permitted;
  std::string excluded;
  for (ByteView in = *content; !in.empty();) {
    const auto part = der::next(in);
    const Text text = part ? subtrees(part->content) : std::nullopt;
    if (!text) return std::nullopt;
    if (part->tag == 0xa0) permitted = "\n    Permitted:" + *text;
    if (part->tag == 0xa1) excluded = "\n    Excluded:" + *text;
  }
  return "NameConstraints: [" + permitted + excluded + "   ]\n";
}

}  // namespace chancery::keytool
