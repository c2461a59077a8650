// The one exception of the whole product.
//
//   throw Failure({.code = "key-mismatch",
//                  .subject = "portal.key",
//                  .cause = "this key does not belong to portal.crt",
//                  .hint = "give the key that the CSR was made with, or ask the CA for a new certificate"});
//
// A Failure is a *fault*: something could not be done. A rejected certificate is not a fault but a verdict, and
// verdicts are values (see appliance/preflight/finding.h). Callers show a Failure as
//
//   chancery: failed to replace the certificate of portal: this key does not belong to portal.crt
//   hint: give the key that the CSR was made with, or ask the CA for a new certificate
//
// `code` is stable, lower-case-with-dashes and what scripts compare; the other three are for people and may change.
// None of the four may ever hold a secret. Thread safety: a value.
#pragma once

#include <exception>
#include <string>

namespace chancery {

struct Fault {
  std::string code;     // "key-mismatch", "no-space", "busy", …
  std::string subject;  // the file, identity, program or peer that it is about; may be empty
  std::string cause;    // what went wrong, lower case, no full stop
  std::string hint;     // the way out, as an instruction; never empty
  // True where the state may be neither wholly old nor wholly new and a person is needed: exit code 3 instead of 1.
  bool needs_person = false;
};

class Failure : public std::exception {
 public:
  explicit Failure(Fault fault);

  const std::string& code() const noexcept { return fault_.code; }
  const std::string& subject() const noexcept { return fault_.subject; }
  const std::string& cause() const noexcept { return fault_.cause; }
  const std::string& hint() const noexcept { return fault_.hint; }
  bool needs_person() const noexcept { return fault_.needs_person; }
  const Fault& fault() const noexcept { return fault_; }

  // "subject: cause", for logs and test output.
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  Fault fault_;
  std::string text_;
};

// A Failure from errno of a system call on `path`. The code is one of no-space, read-only, permission-denied,
// not-found, already-exists, too-many-files, io-error; the hint fits the code.
[[nodiscard]] Failure system_failure(int error_number, const std::string& action, const std::string& path);

}  // namespace chancery
