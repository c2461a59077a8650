#include "appliance/keytool/extension_text.h"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <optional>

#include "appliance/keytool/extension_parts.h"
#include "appliance/keytool/general_name_text.h"
#include "appliance/keytool/java_ways.h"
#include "appliance/keytool/policy_text.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/x509/der.h"

namespace chancery::keytool {
namespace {

using Text = ExtensionText;

std::string key_identifier(ByteView id) { return "KeyIdentifier [\n" + hex_dump(id) + "]\n"; }

Text access_text(const char* title, ByteView value) {
  static const std::map<std::string, std::string, std::less<>> methods = {
      {"1.3.6.1.5.5.7.48.1", "ocsp"},
      {"1.3.6.1.5.5.7.48.2", "caIssuers"},
      {"1.3.6.1.5.5.7.48.3", "timeStamping"},
      {"1.3.6.1.5.5.7.48.5", "caRepository"},
  };
  const auto content = sequence_content(value);
  if (!content) return std::nullopt;
  std::vector<std::string> parts;
  for (ByteView in = *content; !in.empty();) {
    const auto one = der::next(in, der::sequence);
    if (!one) return std::nullopt;
    ByteView inner = one->content;
    const auto oid = der::next(inner, der::object_identifier);
    const auto place = der::next(inner);
    const Text text = oid && place ? general_name_text(*place) : std::nullopt;
    if (!text) return std::nullopt;
    const std::string id = dotted(oid->content);
    const auto method = methods.find(id);
    parts.push_back("\n   accessMethod: " + (method == methods.end() ? id : method->second) +
                    "\n   accessLocation: " + *text + "\n");
  }
  return std::string(title) + " [\n  " + joined(parts) + "\n]\n";
}

Text authority_info_access(ByteView value) { return access_text("AuthorityInfoAccess", value); }
Text subject_info_access(ByteView value) { return access_text("SubjectInfoAccess", value); }

Text authority_key_identifier(ByteView value) {
  const auto content = sequence_content(value);
  if (!content) return std::nullopt;
  std::string text = "AuthorityKeyIdentifier [\n";
  for (ByteView in = *content; !in.empty();) {
    const auto part = der::next(in);
    if (!part) return std::nullopt;
    if (part->tag == 0x80) {
      text += key_identifier(part->content);
    } else if (part->tag == 0xa1) {
      const auto names = general_name_texts(part->content);
      if (!names) return std::nullopt;
      text += joined(*names) + "\n";
    } else if (part->tag == 0x82) {
      std::string serial;
      const std::string hex = to_hex(part->content);
      for (std::size_t at = 0; at < hex.size(); at += 2) serial += (at == 0 ? "" : ":") + hex.substr(at, 2);
      text += "SerialNumber: " + serial + "\n";
    }
  }
  return text + "]\n";
}

Text subject_key_identifier(ByteView value) {
  const auto id = der::next(value, der::octet_string);
  if (!id) return std::nullopt;
  return "SubjectKeyIdentifier [\n" + key_identifier(id->content) + "]\n";
}

Text basic_constraints(ByteView value) {
  const auto content = sequence_content(value);
  if (!content) return std::nullopt;
  ByteView in = *content;
  const auto flag = der::next(in, 0x01);
  const bool is_ca = flag && flag->content.size() == 1 && flag->content.front() != 0;
  std::string text = std::string("BasicConstraints:[\n  CA:") + (is_ca ? "true" : "false") + "\n";
  const auto length = flag ? der::next(in, der::integer) : std::nullopt;
  const auto number = length ? der::small_integer(*length) : std::nullopt;
  if (number) {
    text += "  PathLen:" + std::to_string(*number) + "\n";
  } else {
    text += is_ca ? "  PathLen: no limit\n" : "  PathLen: undefined\n";
  }
  return text + "]\n";
}

// The names of the bits that are set in a BIT STRING, each with its prefix and a line end.
template <std::size_t Count>
std::string bit_names(ByteView bits, const std::array<const char*, Count>& names, const char* prefix) {
  std::string text;
  for (std::size_t at = 0; at < Count && at / 8 < bits.size(); ++at) {
    if ((bits[at / 8] & (0x80 >> (at % 8))) != 0) text += std::string(prefix) + names[at] + "\n";
  }
  return text;
}

Text key_usage(ByteView value) {
  const auto bits = der::next(value, der::bit_string);
  if (!bits || bits->content.empty()) return std::nullopt;
  static constexpr std::array names = {"DigitalSignature",  "Non_repudiation", "Key_Encipherment",
                                       "Data_Encipherment", "Key_Agreement",   "Key_CertSign",
                                       "Crl_Sign",          "Encipher_Only",   "Decipher_Only"};
  return "KeyUsage [\n" + bit_names(bits->content.subspan(1), names, "  ") + "]\n";
}

Text netscape_type(ByteView value) {
  const auto bits = der::next(value, der::bit_string);
  if (!bits || bits->content.empty()) return std::nullopt;
  static constexpr std::array names = {"SSL client", "SSL server", "S/MIME",    "Object Signing",
                                       "(reserved)", "SSL CA",     "S/MIME CA", "Object Signing CA"};
  std::string text = bit_names(bits->content.subspan(1), names, "   ");
  if (text.ends_with("Object Signing CA\n")) text.pop_back();  // Java forgets this line end
  return "NetscapeCertType [\n" + text + "]\n";
}

Text extended_key_usage(ByteView value) {
  static const std::map<std::string, std::string, std::less<>> names = {
      {"2.5.29.37.0", "anyExtendedKeyUsage"},
      {"1.3.6.1.5.5.7.3.1", "serverAuth"},
      {"1.3.6.1.5.5.7.3.2", "clientAuth"},
      {"1.3.6.1.5.5.7.3.3", "codeSigning"},
      {"1.3.6.1.5.5.7.3.4", "emailProtection"},
      {"1.3.6.1.5.5.7.3.5", "ipsecEndSystem"},
      {"1.3.6.1.5.5.7.3.6", "ipsecTunnel"},
      {"1.3.6.1.5.5.7.3.7", "ipsecUser"},
      {"1.3.6.1.5.5.7.3.8", "timeStamping"},
      {"1.3.6.1.5.5.7.3.9", "OCSPSigning"},
      {"2.16.840.1.113730.4.1", "NETSCAPE_ExportApproved"},
      {"1.3.6.1.4.1.311.10.3.3", "MICROSOFT_ExportApproved"},
  };
  const auto content = sequence_content(value);
  if (!content) return std::nullopt;
  std::string text = "ExtendedKeyUsages [\n";
  for (ByteView in = *content; !in.empty();) {
    const auto oid = der::next(in, der::object_identifier);
    if (!oid) return std::nullopt;
    const std::string id = dotted(oid->content);
    const auto name = names.find(id);
    text += "  " + (name == names.end() ? id : name->second) + "\n";
  }
  return text + "]\n";
}

Text alternative_names(const char* title, ByteView value) {
  const auto content = sequence_content(value);
  const auto names = content ? general_name_texts(*content) : std::nullopt;
  if (!names) return std::nullopt;
  std::string text = std::string(title) + " [\n";
  for (const std::string& name : *names) text += "  " + name + "\n";
  return text + "]\n";
}

Text subject_alternative_name(ByteView value) { return alternative_names("SubjectAlternativeName", value); }
Text issuer_alternative_name(ByteView value) { return alternative_names("IssuerAlternativeName", value); }

Text distribution_point(ByteView in) {
  std::string text = "DistributionPoint:\n     ";
  while (!in.empty()) {
    const auto part = der::next(in);
    if (!part) return std::nullopt;
    if (part->tag == 0xa0) {
      ByteView inner = part->content;
      const auto name = der::next(inner);
      if (!name || name->tag != 0xa0) return std::nullopt;
      const auto names = general_name_texts(name->content);
      if (!names) return std::nullopt;
      text += joined(*names) + "\n";
    } else if (part->tag == 0x81) {
      if (part->content.empty()) return std::nullopt;
      static constexpr std::array names = {
          "unused",       "key compromise",         "CA compromise",    "affiliation changed",
          "superseded",   "cessation of operation", "certificate hold", "privilege withdrawn",
          "AA compromise"};
      text += "   ReasonFlags:\n" + bit_names(part->content.subspan(1), names, "    ");
    } else if (part->tag == 0xa2) {
      const auto names = general_name_texts(part->content);
      if (!names) return std::nullopt;
      text += "   CRLIssuer:" + joined(*names) + "\n";
    }
  }
  return text;
}

Text distribution_points(const char* title, ByteView value) {
  const auto content = sequence_content(value);
  if (!content) return std::nullopt;
  std::vector<std::string> points;
  for (ByteView in = *content; !in.empty();) {
    const auto one = der::next(in, der::sequence);
    const Text text = one ? distribution_point(one->content) : std::nullopt;
    if (!text) return std::nullopt;
    points.push_back(*text);
  }
  return std::string(title) + " [\n  " + joined(points) + "]\n";
}

Text crl_distribution_points(ByteView value) { return distribution_points("CRLDistributionPoints", value); }
Text freshest_crl(ByteView value) { return distribution_points("FreshestCRL", value); }

Text private_key_usage(ByteView value) {
  const auto content = sequence_content(value);
  if (!content) return std::nullopt;
  std::string text = "PrivateKeyUsage: [\n";
  for (ByteView in = *content; !in.empty();) {
    const auto part = der::next(in);
    const auto time = part ? unix_time(0x18, part->content) : std::nullopt;
    if (!time) return std::nullopt;
    if (part->tag == 0x80) text += "From: " + date_text(*time);
    if (part->tag == 0x80 && !in.empty()) text += ", ";
    if (part->tag == 0x81) text += "To: " + date_text(*time);
  }
  return text + "]\n";
}

// It has a class of its own in Java, and says nothing.
Text ocsp_no_check(ByteView) { return ""; }

struct Known {
  std::string_view oid;
  std::string_view name;  // Java's, by which it sorts
  Text (*text)(ByteView);
};

constexpr std::array known = {
    Known{"1.3.6.1.5.5.7.1.1", "AuthorityInfoAccess", authority_info_access},
    Known{"2.5.29.35", "AuthorityKeyIdentifier", authority_key_identifier},
    Known{"2.5.29.19", "BasicConstraints", basic_constraints},
    Known{"2.5.29.31", "CRLDistributionPoints", crl_distribution_points},
    Known{"2.5.29.32", "CertificatePolicies", certificate_policies},
    Known{"2.5.29.37", "ExtendedKeyUsage", extended_key_usage},
    Known{"2.5.29.46", "FreshestCRL", freshest_crl},
    Known{"2.5.29.54", "InhibitAnyPolicy", inhibit_any_policy},
    Known{"2.5.29.18", "IssuerAlternativeName", issuer_alternative_name},
    Known{"2.5.29.15", "KeyUsage", key_usage},
    Known{"2.5.29.30", "NameConstraints", name_constraints},
    Known{"2.16.840.1.113730.1.1", "NetscapeCertType", netscape_type},
    Known{"1.3.6.1.5.5.7.48.1.5", "OCSPNoCheck", ocsp_no_check},
    Known{"2.5.29.36", "PolicyConstraints", policy_constraints},
    Known{"2.5.29.33", "PolicyMappings", policy_mappings},
    Known{"2.5.29.16", "PrivateKeyUsage", private_key_usage},
    Known{"2.5.29.17", "SubjectAlternativeName", subject_alternative_name},
    Known{"1.3.6.1.5.5.7.1.11", "SubjectInfoAccess", subject_info_access},
    Known{"2.5.29.14", "SubjectKeyIdentifier", subject_key_identifier},
};

std::string head(const ExtensionView& extension) {
  return "ObjectId: " + dotted(extension.oid) + " Criticality=" + (extension.critical ? "true" : "false") + "\n";
}

std::string not_understood(const ExtensionView& extension, const Known& type) {
  const std::string name(type.name);
  const std::string why = type.name == "InhibitAnyPolicy" && !extension.critical
                              ? "java.io.IOException: Criticality cannot be false for InhibitAnyPolicy"
                              : "java.io.IOException: the contents are not those of " + name;
  return head(extension) + "Unparseable " + name + " extension due to\n" + why + "\n\n" + hex_dump(extension.value);
}

}  // namespace

std::string extensions_text(std::string_view title, const std::vector<ExtensionView>& extensions) {
  std::map<std::string, std::string> texts;   // by Java's key
  std::map<std::string, std::string> broken;  // by OID
  for (const ExtensionView& extension : extensions) {
    const std::string oid = dotted(extension.oid);
    const auto type = std::find_if(known.begin(), known.end(), [&oid](const Known& each) { return each.oid == oid; });
    if (type == known.end()) {
      texts[oid] = head(extension) + (extension.value.empty() ? "(Empty value)\n" : hex_dump(extension.value) + "\n");
      continue;
    }
    const bool must_be_critical = type->name == "InhibitAnyPolicy" && !extension.critical;
    const Text body = must_be_critical ? std::nullopt : type->text(extension.value);
    if (body) {
      texts[std::string(type->name)] = head(extension) + *body;
    } else {
      broken[oid] = not_understood(extension, *type);
    }
  }
  std::string out;
  std::size_t number = 0;
  for (const auto* group : {&texts, &broken}) {
    for (const auto& [key, text] : *group) {
      if (number == 0) out += "\n" + std::string(title) + "\n\n";
      out += "#" + std::to_string(++number) + ": " + text + "\n";
    }
  }
  return out;
}

}  // namespace chancery::keytool
