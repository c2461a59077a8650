// A laboratory of certificates, made by somebody else's tools (the openssl command line, easy-rsa), each named for its
// defect. One temporary folder for the life of the object.
//
//   Lab lab;
//   lab.root("root");
//   lab.issue({.name = "issuing", .issuer = "root", .extensions = Lab::ca("pathlen:0")});
//   lab.issue({.name = "leaf", .issuer = "issuing", .extensions = Lab::server("DNS:portal.example.com")});
#pragma once

#include <string>
#include <vector>

#include "appliance/preflight/preflight.h"

namespace chancery::preflight::test {

struct Recipe {
  std::string name = {};
  std::string issuer = {};      // "" self-signed
  std::string subject = {};     // "" = "/CN=" + name
  std::string key = "ec";       // "ec", "rsa", "ed25519", "rsa1024", "p384", …; or "same:NAME" for the key of another
  std::string extensions = {};  // lines of an openssl config section; "" makes a version 1 certificate
  int days = 365;
  std::string digest = "sha256";
  std::string serial = {};  // "" a fresh one; "0x…" or decimal
};

class Lab {
 public:
  Lab();
  ~Lab();
  Lab(const Lab&) = delete;
  Lab& operator=(const Lab&) = delete;

  void issue(const Recipe& recipe);
  void root(const std::string& name, const std::string& key = "ec");

  static std::string ca(const std::string& more = "",
                        const std::string& extra = "");  // CA with all that RFC 5280 wants
  static std::string server(const std::string& san, const std::string& extra = "");

  std::string path(const std::string& file) const { return folder_ + "/" + file; }
  std::string read(const std::string& file) const;
  void write(const std::string& file, const std::string& content) const;
  std::string certificate(const std::string& name) const { return read(name + ".crt"); }
  std::string key(const std::string& name) const { return read(name + ".key"); }
  Certificate value(const std::string& name) const;
  std::string run(const std::string& command) const;  // in the folder; output; fails the test on a non-zero exit

 private:
  std::string folder_;
  int serial_ = 0x1000;
};

// One file of a question.
SourceFile file(const std::string& name, const std::string& content);

// The codes of one severity, sorted, as "a b c".
std::string codes(const Report& report, Severity severity);
std::string everything(const Report& report);  // for failure messages

}  // namespace chancery::preflight::test
