#include "keystore/openssl/alternative_names.h"

#include <arpa/inet.h>
#include <openssl/err.h>

#include <algorithm>

#include "keystore/bytes/text_encoding.h"
#include "keystore/x509/printable.h"

namespace chancery::ossl {
namespace {

using Kind = AlternativeName::Kind;

struct GeneralNameFree {
  void operator()(GENERAL_NAME* name) const noexcept { GENERAL_NAME_free(name); }
};

ByteView view_of_string(const ASN1_STRING* string) {
  const int size = ASN1_STRING_length(string);
  return {ASN1_STRING_get0_data(string), size > 0 ? static_cast<std::size_t>(size) : 0};
}

std::string dotted(const ASN1_OBJECT* object) {
  char text[128];
  const int size = OBJ_obj2txt(text, sizeof text, object, 1);
  return size > 0 ? text : "?";
}

// Text of a string of any type as UTF-8, made printable; types without text come out byte by byte.
std::string text_of_string(const ASN1_STRING* string) {
  const ByteView plain = view_of_string(string);
  const int type = ASN1_STRING_type(string);
  // Almost every name: nothing to convert, and OpenSSL would take its time.
  if ((type == V_ASN1_UTF8STRING || type == V_ASN1_PRINTABLESTRING || type == V_ASN1_IA5STRING) &&
      std::ranges::all_of(plain, [](std::uint8_t byte) { return byte < 0x80; })) {
    return printable(plain);
  }
  unsigned char* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, string);
  if (size < 0) {
    ERR_clear_error();
    return printable(view_of_string(string));
  }
  std::string out = printable({utf8, static_cast<std::size_t>(size)});
  OPENSSL_free(utf8);
  return out;
}

// RFC 4514, 2.4. Backslashes are \x5c already.
std::string escaped(const std::string& value) {
  std::string out;
  for (std::size_t at = 0; at < value.size(); ++at) {
    const char unit = value[at];
    const bool special = std::string_view(",+\"<>;").find(unit) != std::string_view::npos;
    const bool edge = (at == 0 && (unit == ' ' || unit == '#')) || (at + 1 == value.size() && unit == ' ');
    if (special || edge) out += '\\';
    out += unit;
  }
  return out;
}

AlternativeName ip_name(const ASN1_OCTET_STRING* address) {
  const ByteView bytes = view_of_string(address);
  char text[INET6_ADDRSTRLEN];
  if (bytes.size() == 4 || bytes.size() == 16) {
    const int family = bytes.size() == 4 ? AF_INET : AF_INET6;
    if (::inet_ntop(family, bytes.data(), text, sizeof text) != nullptr) return {Kind::ip, text};
  }
  return {Kind::other, "IP address of " + std::to_string(bytes.size()) + " bytes: " + to_hex(bytes)};
}

AlternativeName from_general_name(const GENERAL_NAME* name) {
  switch (name->type) {
    case GEN_DNS:
      return {Kind::dns, printable(view_of_string(name->d.dNSName))};
    case GEN_URI:
      return {Kind::uri, printable(view_of_string(name->d.uniformResourceIdentifier))};
    case GEN_EMAIL:
      return {Kind::email, printable(view_of_string(name->d.rfc822Name))};
    case GEN_IPADD:
      return ip_name(name->d.iPAddress);
    case GEN_DIRNAME:
      return {Kind::directory, to_text(name->d.directoryName)};
    case GEN_OTHERNAME:
      return {Kind::other, dotted(name->d.otherName->type_id)};
    case GEN_RID:
      return {Kind::other, "registered id " + dotted(name->d.registeredID)};
    case GEN_X400:
      return {Kind::other, "X.400 address"};
    case GEN_EDIPARTY:
      return {Kind::other, "EDI party name"};
    default:
      return {Kind::other, "unknown kind of name"};
  }
}

Failure cannot_stand(const AlternativeName& name) {
  return Failure({.code = "bad-name",
                  .subject = printable(view_of(name.value)),
                  .cause = "this name cannot be put into a certificate",
                  .hint = "give a host name, an IP address, a URI or a mail address"});
}

int general_type(Kind kind) {
  if (kind == Kind::dns) return GEN_DNS;
  return kind == Kind::uri ? GEN_URI : GEN_EMAIL;
}

}  // namespace

GeneralNamesPtr to_general_names(const std::vector<AlternativeName>& names) {
  const auto out_of_memory = [] {
    return openssl_failure("crypto-failed", "names", "free some memory, then repeat the command");
  };
  GeneralNamesPtr out(GENERAL_NAMES_new());
  if (!out) throw out_of_memory();
  for (const AlternativeName& name : names) {
    if (name.kind == Kind::directory || name.kind == Kind::other || name.value.empty()) throw cannot_stand(name);
    for (const char unit : name.value) {
      if (unit <= 0x20 || unit >= 0x7f) throw cannot_stand(name);
    }
    std::unique_ptr<GENERAL_NAME, GeneralNameFree> entry(GENERAL_NAME_new());
    if (!entry) throw out_of_memory();
    if (name.kind == Kind::ip) {
      ASN1_OCTET_STRING* address = a2i_IPADDRESS(name.value.c_str());
      ERR_clear_error();
      if (address == nullptr) throw cannot_stand(name);
      GENERAL_NAME_set0_value(entry.get(), GEN_IPADD, address);
    } else {
      ASN1_IA5STRING* text = ASN1_IA5STRING_new();
      if (text == nullptr) throw out_of_memory();
      GENERAL_NAME_set0_value(entry.get(), general_type(name.kind), text);
      if (ASN1_STRING_set(text, name.value.data(), static_cast<int>(name.value.size())) != 1) throw out_of_memory();
    }
    if (sk_GENERAL_NAME_push(out.get(), entry.get()) <= 0) throw out_of_memory();
    entry.release();
  }
  return out;
}

std::vector<AlternativeName> from_general_names(const GENERAL_NAMES* names) {
  std::vector<AlternativeName> out;
  const int count = names == nullptr ? 0 : sk_GENERAL_NAME_num(names);
  for (int index = 0; index < count; ++index) out.push_back(from_general_name(sk_GENERAL_NAME_value(names, index)));
  return out;
}

std::string to_text(const X509_NAME* name) {
  std::string out;
  int set_before = -1;
  for (int index = X509_NAME_entry_count(name) - 1; index >= 0; --index) {
    const X509_NAME_ENTRY* entry = X509_NAME_get_entry(name, index);
    const int set = X509_NAME_ENTRY_set(entry);
    if (!out.empty()) out += set == set_before ? '+' : ',';
    set_before = set;
    const ASN1_OBJECT* type = X509_NAME_ENTRY_get_object(entry);
    const int nid = OBJ_obj2nid(type);
    out += nid == NID_undef ? dotted(type) : OBJ_nid2sn(nid);
    out += '=';
    out += escaped(text_of_string(X509_NAME_ENTRY_get_data(entry)));
  }
  return out;
}

std::string common_name_of(const X509_NAME* name) {
  int last = -1;
  for (int index = X509_NAME_get_index_by_NID(name, NID_commonName, -1); index >= 0;
       index = X509_NAME_get_index_by_NID(name, NID_commonName, index)) {
    last = index;
  }
  return last < 0 ? "" : text_of_string(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, last)));
}

}  // namespace chancery::ossl
