#include "keystore/java/bcfks_algorithms.h"

#include <array>
#include <string_view>

#include "keystore/fault.h"
#include "keystore/java/java_text.h"
#include "keystore/openssl/handles.h"

namespace chancery::java::bcfks {

namespace {

struct Known {
  std::string_view name;
  std::string_view oid;
};
// The first of a name is what BouncyCastle writes: AES as the arc of all its modes, DESede by OIW's number.
constexpr std::array<Known, 13> known{{{"AES", "2.16.840.1.101.3.4.1"},
                                       {"DESede", "1.3.14.3.2.17"},
                                       {"HmacSHA1", "1.2.840.113549.2.7"},
                                       {"HmacSHA224", "1.2.840.113549.2.8"},
                                       {"HmacSHA256", "1.2.840.113549.2.9"},
                                       {"HmacSHA384", "1.2.840.113549.2.10"},
                                       {"HmacSHA512", "1.2.840.113549.2.11"},
                                       {"DESede", "1.2.840.113549.3.7"},
                                       {"SEED", "1.2.410.200004.1.4"},
                                       {"Camellia.128", "1.2.392.200011.61.1.1.1.2"},
                                       {"Camellia.192", "1.2.392.200011.61.1.1.1.3"},
                                       {"Camellia.256", "1.2.392.200011.61.1.1.1.4"},
                                       {"ARIA", "1.2.410.200046.1.1"}}};

using ObjectPtr = std::unique_ptr<ASN1_OBJECT, ossl::Deleter<ASN1_OBJECT_free>>;

}  // namespace

std::string secret_key_name(ByteView oid) {
  Bytes whole{0x06, static_cast<std::uint8_t>(oid.size())};
  if (oid.size() > 0x7f) return "unknown";
  whole.insert(whole.end(), oid.begin(), oid.end());
  const unsigned char* at = whole.data();
  const ObjectPtr object(d2i_ASN1_OBJECT(nullptr, &at, static_cast<long>(whole.size())));
  std::array<char, 256> dotted{};
  if (!object || OBJ_obj2txt(dotted.data(), dotted.size(), object.get(), 1) <= 0) {
    (void)ossl::drain_errors();
    return "unknown";
  }
  for (const Known& one : known) {
    if (one.oid == dotted.data()) return std::string(one.name);
  }
  return dotted.data();
}

Bytes secret_key_oid(const std::string& name) {
  std::string_view dotted = name;
  for (const Known& one : known) {
    if (to_lower(one.name) != to_lower(name)) continue;
    dotted = one.oid;
    break;
  }
  const ObjectPtr object(OBJ_txt2obj(std::string(dotted).c_str(), 1));
  if (!object || OBJ_length(object.get()) == 0) {
    (void)ossl::drain_errors();
    throw Failure({.code = "key-unsupported",
                   .subject = name,
                   .cause = "a BCFKS store holds secret keys of algorithms with an object identifier only",
                   .hint = "keep this key in a store of type PKCS12, JCEKS or BKS"});
  }
  const unsigned char* content = OBJ_get0_data(object.get());
  return {content, content + OBJ_length(object.get())};
}

}  // namespace chancery::java::bcfks
