#include "tests/preflight/lab.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace chancery::preflight::test {

namespace {

std::string key_command(const std::string& kind) {
  if (kind == "ec") return "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256";
  if (kind == "p384") return "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384";
  if (kind == "p521") return "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521";
  if (kind == "secp256k1") return "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1";
  if (kind == "explicit") {
    return "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit";
  }
  if (kind == "ed25519") return "genpkey -algorithm ED25519";
  if (kind == "rsa") return "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048";
  if (kind == "rsa1024") return "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024";
  ADD_FAILURE() << "no such key: " << kind;
  return "";
}

}  // namespace

Lab::Lab() {
  std::array<char, 64> pattern{"/tmp/chancery-preflight-XXXXXX"};
  folder_ = mkdtemp(pattern.data());
}

Lab::~Lab() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::string Lab::run(const std::string& command) const {
  const std::string whole = "cd " + folder_ + " && exec 2>&1 && " + command;
  std::FILE* pipe = popen(whole.c_str(), "r");
  if (pipe == nullptr) {
    ADD_FAILURE() << "cannot start: " << command;
    return "";
  }
  std::string output;
  std::array<char, 4096> buffer{};
  for (std::size_t count = 0; (count = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    output.append(buffer.data(), count);
  }
  const int status = pclose(pipe);
  EXPECT_EQ(status, 0) << command << "\n" << output;
  return output;
}

void Lab::issue(const Recipe& recipe) {
  const std::string& name = recipe.name;
  if (recipe.key.starts_with("same:")) {
    run("cp " + recipe.key.substr(5) + ".key " + name + ".key");
  } else {
    run("openssl " + key_command(recipe.key) + " -out " + name + ".key");
  }
  const std::string subject = recipe.subject.empty() ? "/CN=" + name : recipe.subject;
  const std::string digest = recipe.key == "ed25519" ? "" : " -" + recipe.digest;
  const std::string serial = recipe.serial.empty() ? std::to_string(++serial_) : recipe.serial;
  std::string command = "openssl req -new -key " + name + ".key -subj '" + subject + "' -out " + name +
                        ".csr && openssl x509 -req -in " + name + ".csr -out " + name + ".crt -days " +
                        std::to_string(recipe.days) + digest + " -set_serial " + serial;
  command += recipe.issuer.empty() ? " -signkey " + name + ".key"
                                   : " -CA " + recipe.issuer + ".crt -CAkey " + recipe.issuer + ".key";
  if (!recipe.extensions.empty()) {
    write(name + ".ext", "[x]\n" + recipe.extensions + "\n");
    command += " -extfile " + name + ".ext -extensions x";
  }
  run(command);
}

void Lab::root(const std::string& name, const std::string& key) {
  issue({.name = name, .key = key, .extensions = ca(), .days = 3650});
}

std::string Lab::ca(const std::string& more, const std::string& extra) {
  return "basicConstraints = critical,CA:TRUE" + (more.empty() ? "" : "," + more) +
         "\nkeyUsage = critical,keyCertSign,cRLSign\nsubjectKeyIdentifier = hash\nauthorityKeyIdentifier = keyid\n" +
         extra;
}

std::string Lab::server(const std::string& san, const std::string& extra) {
  return "basicConstraints = critical,CA:FALSE\nkeyUsage = critical,digitalSignature\nextendedKeyUsage = serverAuth\n"
         "subjectKeyIdentifier = hash\nauthorityKeyIdentifier = keyid\n" +
         (san.empty() ? "" : "subjectAltName = " + san + "\n") + extra;
}

std::string Lab::read(const std::string& name) const {
  std::ifstream in(path(name), std::ios::binary);
  EXPECT_TRUE(in) << name;
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

void Lab::write(const std::string& name, const std::string& content) const {
  std::ofstream(path(name), std::ios::binary) << content;
}

Certificate Lab::value(const std::string& name) const {
  run("openssl x509 -in " + name + ".crt -outform DER -out " + name + ".der");
  const std::string der = read(name + ".der");
  return Certificate::from_der(view_of(der));
}

SourceFile file(const std::string& name, const std::string& content) { return {name, secret_copy(content)}; }

std::string codes(const Report& report, Severity severity) {
  std::multiset<std::string> sorted;
  for (const Finding& finding : report.findings) {
    if (finding.severity == severity) sorted.insert(finding.code);
  }
  std::string out;
  for (const std::string& code : sorted) out += (out.empty() ? "" : " ") + code;
  return out;
}

std::string everything(const Report& report) {
  std::string out;
  for (const Finding& finding : report.findings) {
    out += std::string(to_text(finding.severity)) + " " + finding.code + " [" + finding.subject + "] " +
           finding.message + "\n    hint: " + finding.hint + "\n";
  }
  return out;
}

}  // namespace chancery::preflight::test
