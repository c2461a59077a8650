// One of Windows' certificate stores, by crypt32 and nothing else: what chancery-trust.exe changes and shows.
//
//   TrustStore store("Root", Place::machine, Access::change);
//   store.add(certificate);                      // false: it was there
//
// Certificates are DER; a store keeps each once, by its bytes. Not checked: whether a certificate is a CA, dates, names:
// a store takes what it is given, and so does this. Opening a machine's store for change needs an administrator. Windows
// asks a person before a certificate goes into the *user's* Root store; the machine's has no such question.
// Fault for what Windows refuses, with its number and text. Thread safety: one thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace chancery::windows {

using Bytes = std::vector<std::uint8_t>;

// Said to people as "chancery-trust: failed to DO: CAUSE" and a line "hint: HINT".
struct Fault {
  std::string code;
  std::string cause;
  std::string hint;
};

struct Entry {
  std::string sha256;  // lower-case hex, of the DER
  std::string subject;
  std::string issuer;
  std::string not_before;  // RFC 3339
  std::string not_after;
  Bytes der;
};
// Fault("not-a-certificate").
[[nodiscard]] Entry entry_of(const Bytes& der);

// The certificates of a file: DER, or PEM with any number of them. Fault("not-a-certificate", "not-found", "too-large").
[[nodiscard]] std::vector<Entry> read_certificates(const std::wstring& path);

// Windows makes a store of any name that it is asked to change; these are the ones that decide about trust.
[[nodiscard]] bool is_trust_store(const std::wstring& name);

enum class Place { user, machine };
enum class Access { look, change };

class TrustStore {
 public:
  // One that is not there yet has no certificates.
  TrustStore(const std::wstring& name, Place place, Access access);
  ~TrustStore();
  TrustStore(const TrustStore&) = delete;
  TrustStore& operator=(const TrustStore&) = delete;

  [[nodiscard]] std::vector<Entry> entries() const;  // by fingerprint
  [[nodiscard]] bool holds(const std::string& sha256) const;
  bool add(const Entry& entry);            // false: it was there
  bool remove(const std::string& sha256);  // false: it was not there

 private:
  void commit();

  void* store_;
};

}  // namespace chancery::windows
