#include "collector/windows/trust_store.h"

#include <windows.h>  // and with it wincrypt.h

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <string_view>

namespace chancery::windows {
namespace {

constexpr DWORD encoding = X509_ASN_ENCODING | PKCS_7_ASN_ENCODING;
constexpr DWORD most_bytes = 4U * 1024 * 1024;
constexpr std::string_view pem_begin = "-----BEGIN CERTIFICATE-----";
constexpr std::array trust_stores{L"Root", L"CA", L"AuthRoot", L"TrustedPeople", L"TrustedPublisher", L"Disallowed"};
constexpr std::string_view pem_end = "-----END CERTIFICATE-----";

struct FreeContext {
  void operator()(const CERT_CONTEXT* context) const { CertFreeCertificateContext(context); }
};
using Context = std::unique_ptr<const CERT_CONTEXT, FreeContext>;

std::string narrow(const std::wstring& text) {
  const int size =
      WideCharToMultiByte(CP_UTF8, 0, text.data(), static_cast<int>(text.size()), nullptr, 0, nullptr, nullptr);
  std::string out(static_cast<std::size_t>(std::max(size, 0)), '\0');
  WideCharToMultiByte(CP_UTF8, 0, text.data(), static_cast<int>(text.size()), out.data(), size, nullptr, nullptr);
  return out;
}

std::string message_of(DWORD error) {
  wchar_t* text = nullptr;
  const DWORD size =
      FormatMessageW(FORMAT_MESSAGE_ALLOCATE_BUFFER | FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS,
                     nullptr, error, 0, reinterpret_cast<wchar_t*>(&text), 0, nullptr);
  std::string out = narrow(std::wstring(text == nullptr ? L"" : text, size));
  LocalFree(text);
  while (!out.empty() && (out.back() == '\n' || out.back() == '\r' || out.back() == '.')) out.pop_back();
  char number[16];
  std::snprintf(number, sizeof number, "0x%08lX", error);
  return out.empty() ? std::string("Windows says ") + number : out + " (" + number + ")";
}

Fault fault(const std::string& what) {
  const DWORD error = GetLastError();
  if (error == ERROR_ACCESS_DENIED) {
    return {"permission-denied", what + ": " + message_of(error),
            "run it as administrator, or for this user alone with --user"};
  }
  if (error == ERROR_CANCELLED) {
    return {"cancelled", what + ": the question whether to trust it was answered with no",
            "say yes, or add it as administrator with --machine, which asks nobody"};
  }
  return {"store-failed", what + ": " + message_of(error), "look at the store with certlm.msc or certmgr.msc"};
}

Fault not_a_certificate(const std::string& what) {
  return {"not-a-certificate", what, "give the certificate as DER (.cer) or PEM (.crt, .pem), alone in its file"};
}

std::string name_of(CERT_NAME_BLOB name) {
  const DWORD style = CERT_X500_NAME_STR | CERT_NAME_STR_REVERSE_FLAG;
  const DWORD size = CertNameToStrW(encoding, &name, style, nullptr, 0);
  std::wstring text(size, L'\0');
  CertNameToStrW(encoding, &name, style, text.data(), size);
  while (!text.empty() && text.back() == L'\0') text.pop_back();
  return narrow(text);
}

std::string instant_of(const FILETIME& when) {
  SYSTEMTIME time{};
  if (FileTimeToSystemTime(&when, &time) == 0) return "";
  char text[32];
  std::snprintf(text, sizeof text, "%04u-%02u-%02uT%02u:%02u:%02uZ", time.wYear, time.wMonth, time.wDay, time.wHour,
                time.wMinute, time.wSecond);
  return text;
}

std::string sha256_of(const std::uint8_t* bytes, DWORD size) {
  std::uint8_t digest[32];
  DWORD length = sizeof digest;
  if (CryptHashCertificate2(L"SHA256", 0, nullptr, bytes, size, digest, &length) == 0 || length != sizeof digest) {
    throw fault("failed to make a SHA-256");
  }
  std::string hex;
  for (const std::uint8_t byte : digest) {
    constexpr const char* digits = "0123456789abcdef";
    hex += digits[byte >> 4U];
    hex += digits[byte & 15U];
  }
  return hex;
}

Entry entry_of(const CERT_CONTEXT& context) {
  const CERT_INFO& info = *context.pCertInfo;
  return {.sha256 = sha256_of(context.pbCertEncoded, context.cbCertEncoded),
          .subject = name_of(info.Subject),
          .issuer = name_of(info.Issuer),
          .not_before = instant_of(info.NotBefore),
          .not_after = instant_of(info.NotAfter),
          .der = Bytes(context.pbCertEncoded, context.pbCertEncoded + context.cbCertEncoded)};
}

Bytes read_file(const std::wstring& path) {
  const HANDLE file =
      CreateFileW(path.c_str(), GENERIC_READ, FILE_SHARE_READ, nullptr, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr);
  if (file == INVALID_HANDLE_VALUE) {
    throw Fault{"not-found", "the file cannot be opened: " + message_of(GetLastError()), "check the name of the file"};
  }
  const std::unique_ptr<void, decltype(&CloseHandle)> closing(file, CloseHandle);
  Bytes bytes(most_bytes + 1);
  DWORD total = 0;
  for (DWORD count = 1; count > 0 && total < bytes.size();) {
    if (ReadFile(file, bytes.data() + total, static_cast<DWORD>(bytes.size()) - total, &count, nullptr) == 0) {
      throw Fault{"not-found", "the file cannot be read: " + message_of(GetLastError()), "check the file"};
    }
    total += count;
  }
  if (total > most_bytes) throw Fault{"too-large", "the file is larger than 4 MiB", "give the certificate alone"};
  bytes.resize(total);
  return bytes;
}

// Of the SEQUENCE that a certificate is, as its first bytes say (X.690, 8.1.3): crypt32 does not compare it with what it
// is given. 0: it is none. Certificates have lengths of two to three bytes.
std::size_t size_in(const Bytes& der) {
  if (der.size() < 5 || der[0] != 0x30) return 0;
  if (der[1] == 0x82) return 4U + (std::size_t{der[2]} << 8U) + der[3];
  if (der[1] == 0x83) return 5U + (std::size_t{der[2]} << 16U) + (std::size_t{der[3]} << 8U) + der[4];
  return der[1] == 0x81 ? 3U + der[2] : 0U;
}

Bytes from_base64(std::string_view text) {
  DWORD size = 0;
  const auto length = static_cast<DWORD>(text.size());
  if (CryptStringToBinaryA(text.data(), length, CRYPT_STRING_BASE64, nullptr, &size, nullptr, nullptr) == 0) {
    throw not_a_certificate("what stands between BEGIN and END CERTIFICATE is no base64");
  }
  Bytes der(size);
  CryptStringToBinaryA(text.data(), length, CRYPT_STRING_BASE64, der.data(), &size, nullptr, nullptr);
  der.resize(size);
  return der;
}

}  // namespace

Entry entry_of(const Bytes& der) {
  if (size_in(der) != der.size()) throw not_a_certificate("it is no certificate, is cut short, or has bytes behind it");
  const Context context(CertCreateCertificateContext(encoding, der.data(), static_cast<DWORD>(der.size())));
  if (!context) throw not_a_certificate("it holds no certificate that Windows can read");
  return entry_of(*context);
}

std::vector<Entry> read_certificates(const std::wstring& path) {
  const Bytes bytes = read_file(path);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  std::vector<Entry> found;
  for (std::size_t at = text.find(pem_begin); at != std::string_view::npos; at = text.find(pem_begin, at)) {
    const std::size_t from = at + pem_begin.size();
    const std::size_t end = text.find(pem_end, from);
    if (end == std::string_view::npos) throw not_a_certificate("it has a BEGIN CERTIFICATE without its END");
    found.push_back(entry_of(from_base64(text.substr(from, end - from))));
    at = end;
  }
  if (found.empty()) found.push_back(entry_of(bytes));
  return found;
}

bool is_trust_store(const std::wstring& name) {
  return std::ranges::any_of(trust_stores, [&](const wchar_t* each) {
    return CompareStringOrdinal(name.c_str(), -1, each, -1, TRUE) == CSTR_EQUAL;
  });
}

TrustStore::TrustStore(const std::wstring& name, Place place, Access access)
    : store_(
          CertOpenStore(CERT_STORE_PROV_SYSTEM_W, 0, 0,
                        (place == Place::machine ? CERT_SYSTEM_STORE_LOCAL_MACHINE : CERT_SYSTEM_STORE_CURRENT_USER) |
                            (access == Access::look ? CERT_STORE_READONLY_FLAG | CERT_STORE_OPEN_EXISTING_FLAG : 0U),
                        name.c_str())) {
  const bool is_none_yet = access == Access::look && GetLastError() == ERROR_FILE_NOT_FOUND;
  if (store_ == nullptr && !is_none_yet) throw fault("the store " + narrow(name) + " cannot be opened");
}

TrustStore::~TrustStore() {
  if (store_ != nullptr) CertCloseStore(store_, 0);
}

std::vector<Entry> TrustStore::entries() const {
  std::vector<Entry> all;
  if (store_ == nullptr) return all;
  for (const CERT_CONTEXT* each = nullptr; (each = CertEnumCertificatesInStore(store_, each)) != nullptr;) {
    all.push_back(entry_of(*each));
  }
  std::ranges::sort(all, {}, &Entry::sha256);
  return all;
}

bool TrustStore::holds(const std::string& sha256) const {
  return std::ranges::any_of(entries(), [&](const Entry& each) { return each.sha256 == sha256; });
}

bool TrustStore::add(const Entry& entry) {
  if (holds(entry.sha256)) return false;
  if (CertAddEncodedCertificateToStore(store_, encoding, entry.der.data(), static_cast<DWORD>(entry.der.size()),
                                       CERT_STORE_ADD_NEW, nullptr) == 0) {
    throw fault("Windows refused the certificate");
  }
  commit();
  return true;
}

bool TrustStore::remove(const std::string& sha256) {
  bool is_removed = false;
  for (const CERT_CONTEXT* each = nullptr; (each = CertEnumCertificatesInStore(store_, each)) != nullptr;) {
    if (sha256_of(each->pbCertEncoded, each->cbCertEncoded) != sha256) continue;
    // Deleting frees the context that is given, and the enumeration needs its own.
    if (CertDeleteCertificateFromStore(CertDuplicateCertificateContext(each)) == 0) {
      const Fault refused = fault("Windows refused to remove the certificate");
      CertFreeCertificateContext(each);
      throw refused;
    }
    CertFreeCertificateContext(each);
    is_removed = true;
    break;
  }
  if (is_removed) commit();
  return is_removed;
}

// Windows writes at once, others may wait until they are told.
void TrustStore::commit() {
  if (CertControlStore(store_, 0, CERT_STORE_CTRL_COMMIT, nullptr) == 0) {
    throw fault("Windows could not keep the change");
  }
}

}  // namespace chancery::windows
