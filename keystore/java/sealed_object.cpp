#include "keystore/java/sealed_object.h"

#include <algorithm>

#include "keystore/java/format.h"
#include "keystore/java/java_serial.h"

namespace chancery::java {
namespace {

constexpr std::string_view text_type = "Ljava/lang/String;", bytes_type = "[B";

constexpr SerialField sealed_fields[] = {{'[', "encodedParams", bytes_type},
                                         {'[', "encryptedContent", bytes_type},
                                         {'L', "paramsAlg", text_type},
                                         {'L', "sealAlg", text_type}};
constexpr SerialClass sealed_class{.name = "javax.crypto.SealedObject",
                                   .version = 0x3e363da6c3b75470,
                                   .flags = 2,
                                   .fields = sealed_fields,
                                   .parent = nullptr};
constexpr SerialClass protector_class{.name = "com.sun.crypto.provider.SealedObjectForKeyProtector",
                                      .version = 0xcd57ca59e730bb53,
                                      .flags = 2,
                                      .fields = {},
                                      .parent = &sealed_class};

constexpr SerialField spec_fields[] = {{'L', "algorithm", text_type}, {'[', "key", bytes_type}};
constexpr SerialClass spec_class{.name = "javax.crypto.spec.SecretKeySpec",
                                 .version = 0x5b470b66e230614d,
                                 .flags = 2,
                                 .fields = spec_fields,
                                 .parent = nullptr};

constexpr SerialField rep_fields[] = {{'L', "algorithm", text_type},
                                      {'[', "encoded", bytes_type},
                                      {'L', "format", text_type},
                                      {'L', "type", "Ljava/security/KeyRep$Type;"}};
constexpr SerialClass rep_class{
    .name = "java.security.KeyRep", .version = 0xbdf94fb3889aa543, .flags = 2, .fields = rep_fields, .parent = nullptr};
constexpr SerialClass enum_class{
    .name = "java.lang.Enum", .version = 0, .flags = 0x12, .fields = {}, .parent = nullptr};
constexpr SerialClass rep_type_class{
    .name = "java.security.KeyRep$Type", .version = 0, .flags = 0x12, .fields = {}, .parent = &enum_class};

// Names of algorithms are ASCII, and are printed.
bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 128 &&
         std::all_of(text.begin(), text.end(), [](char unit) { return unit >= ' ' && unit < 0x7f; });
}

}  // namespace

SealedObject read_sealed_object(ByteView bytes, const std::string& source) {
  SerialReader in(bytes, source);
  (void)in.begin_object({&protector_class, &sealed_class});
  SealedObject out;
  out.parameters = in.byte_array();
  out.content = in.byte_array();
  (void)in.string();  // the parameters' algorithm: always that of the seal
  out.algorithm = in.string();
  out.size = in.offset();
  return out;
}

SecretBytes write_sealed_object(const SealedObject& object) {
  SerialWriter out;
  out.begin_object(protector_class);
  out.byte_array(object.parameters);
  out.byte_array(object.content);
  out.string(object.algorithm);
  out.string(object.algorithm);
  return out.take();
}

KeyMaterial read_serialised_key(ByteView bytes, const std::string& source) {
  SerialReader in(bytes, source);
  const SerialClass* found = in.begin_object({&spec_class, &rep_class});
  KeyMaterial out{.kind = EntryKind::secret_key, .algorithm = std::string(in.string()), .encoded = {}};
  out.encoded = secret_copy(in.byte_array());
  if (found == &rep_class) {
    const std::string_view form = in.string();
    if (in.enum_constant(rep_type_class) != "SECRET" || form != "RAW") {
      fail_unsupported(source, "holds a key of Java that is no secret key in its raw form");
    }
  }
  if (!is_name(out.algorithm) || in.offset() != bytes.size()) fail_hostile(source, "its key is no key of Java");
  return out;
}

SecretBytes write_serialised_key(const KeyMaterial& key) {
  SerialWriter out;
  out.begin_object(spec_class);
  out.string(key.algorithm);
  out.byte_array(key.encoded);
  return out.take();
}

}  // namespace chancery::java
