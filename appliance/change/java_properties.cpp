#include "appliance/change/java_properties.h"

#include "appliance/change/plan_parts.h"
#include "appliance/trust/portal_store.h"
#include "keystore/java/java_keystore.h"
#include "keystore/java/utf8.h"

namespace chancery::change {
namespace {

constexpr const char* keystore = "identities/engine/keystore.p12";
constexpr const char* keystore_password = "identities/engine/keystore.password";

std::optional<SecretBytes> content(const backup::Edits& edits, const backup::Generation& base,
                                   const std::string& path) {
  const auto edit = edits.find(path);
  if (edit != edits.end()) return edit->second ? std::optional(edit->second->bytes) : std::nullopt;
  return base.has(path) ? std::optional(base.read_secret(path)) : std::nullopt;
}

std::optional<SecretBytes> password(const backup::Edits& edits, const backup::Generation& base,
                                    const std::string& path) {
  std::optional<SecretBytes> line = content(edits, base, path);
  if (line && !line->empty() && line->back() == '\n') line->pop_back();
  return line;
}

// As java.util.Properties reads a value: it takes the file for Latin 1, a backslash for an escape, and drops blanks at
// the front.
void append_value(SecretBytes& out, ByteView value) {
  const std::string_view text = text_of(value);
  constexpr std::string_view digits = "0123456789abcdef";
  const auto escape = [&](unsigned unit) {
    append(out, view_of("\\u"));
    for (int shift = 12; shift >= 0; shift -= 4) out.push_back(static_cast<std::uint8_t>(digits[unit >> shift & 0xf]));
  };
  for (std::size_t at = 0; at < text.size();) {
    const char32_t point = java::next_utf8(text, at).value_or(U'\ufffd');
    if (point > 0xffff) {
      escape(static_cast<unsigned>(0xd800 + ((point - 0x10000) >> 10)));
      escape(static_cast<unsigned>(0xdc00 + ((point - 0x10000) & 0x3ff)));
    } else if (point <= ' ' || point >= 0x7f || point == '\\') {
      escape(static_cast<unsigned>(point));
    } else {
      out.push_back(static_cast<std::uint8_t>(point));
    }
  }
}

}  // namespace

void put_java_properties(backup::Edits& edits, const backup::Generation& base, const Appliance& appliance) {
  const auto keys = password(edits, base, keystore_password);
  const auto anchors = password(edits, base, trust::portal_password_path);
  const auto store = content(edits, base, trust::portal_store_path);
  const auto type = store ? java::detect(view_of(*store)) : std::nullopt;
  if (!keys || !anchors || !type) return;
  const std::string current = appliance.state + "/current/";
  SecretBytes text = secret_copy(std::string_view("# Made by a join; made anew when a password changes.\n"));
  const auto line = [&](std::string_view name, ByteView value) {
    append(text, view_of(std::string(name) + "="));
    append_value(text, value);
    text.push_back('\n');
  };
  line("javax.net.ssl.keyStore", view_of(current + keystore));
  line("javax.net.ssl.keyStoreType", view_of(std::string_view("PKCS12")));
  line("javax.net.ssl.keyStorePassword", view_of(*keys));
  line("javax.net.ssl.trustStore", view_of(current + trust::portal_store_path));
  line("javax.net.ssl.trustStoreType", view_of(java::name_of(*type)));
  line("javax.net.ssl.trustStorePassword", view_of(*anchors));
  put_file(edits, appliance, java_properties_path, view_of(text));
}

}  // namespace chancery::change
