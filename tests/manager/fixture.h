// What the manager's tests share: a place of their own, a PKI made by the openssl command, and verbs asked as the CLI
// asks them.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "appliance/manager/certificate_manager.h"

namespace chancery::manager::testing {

struct ShellResult {
  int exit = 0;
  std::string output;  // stdout and stderr
};
ShellResult shell(const std::string& command);
std::string read_text(const std::string& path);
// "…/paircheck.sh": key matches certificate, mode 0600, chain verifies with -x509_strict -purpose sslserver.
std::string pair_check();
void write_text(const std::string& path, const std::string& text);

// A folder that goes with the object.
class Place {
 public:
  Place();
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place();
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// Root, intermediate and leaves by the openssl command, once per process.
class Pki {
 public:
  static const Pki& instance();
  std::string path(const std::string& name) const { return place_ / name; }
  // Makes NAME.pem and NAME.key for a leaf under the intermediate.
  void make_leaf(const std::string& name, const std::string& sans) const;
  // Signs a request with the intermediate: NAME.pem.
  void sign(const std::string& name, const std::string& request_pem, const std::string& sans) const;

 private:
  Pki();
  Place place_;
};

inline constexpr const char* appliance_name = "portal.example.test";
inline constexpr const char* internal_name = "portal.internal.test";

// One of our programs, running on a state; killed when the object goes.
class Process {
 public:
  Process(const std::string& program, const std::string& state, const std::string& log);
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();
  int end(int signal);  // exit code; 128 + N when it died of signal N

 private:
  int pid_ = 0;
};

// Asks run/<program>/control.sock until somebody answers: the program is up when it does.
control::Message ask_program(const std::string& state, const std::string& program, const control::Message& request);

// Five free ports on the loopback, one after the other: the first of them.
int free_port_base();

struct Naming {
  std::string name = appliance_name;
  std::string internal = internal_name;
  int port_base = 20000;  // nobody listens unless a test starts a program
};

// An appliance of a role in a place of its own, and the verbs.
class Desk {
 public:
  explicit Desk(Role role, const Naming& naming = {});

  const std::string& state() const { return state_; }
  std::string current(const std::string& path) const { return state_ + "/current/" + path; }
  Initial initial;

  using Files = std::vector<std::pair<std::string, std::string>>;  // kind, path
  nlohmann::json ask(const std::string& verb, nlohmann::json arguments = nlohmann::json::object(),
                     const Files& files = {}) const;
  // The code of the Failure that the verb throws; "" when it throws none.
  std::string refusal(const std::string& verb, nlohmann::json arguments = nlohmann::json::object(),
                      const Files& files = {}) const;
  // cert-replace with a leaf of Pki, its chain, and the root accepted by --also-trust.
  nlohmann::json replace(const std::string& leaf, nlohmann::json arguments = nlohmann::json::object()) const;

  control::Message request(const std::string& verb, nlohmann::json arguments, const Files& files) const;
  // Generation number, and the SHA-256 of every file in force.
  std::string in_force() const;
  std::string served_leaf(const std::string& identity) const;  // fingerprint of identities/<identity>

 private:
  Place place_;
  std::string state_;
};

}  // namespace chancery::manager::testing
