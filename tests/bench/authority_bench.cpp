// What the authority costs, for authority.py. Prints one JSON line; microseconds are of processor time.
//
//   authority-bench issue N STEPS           N certificates in process, in STEPS equal parts: CSR read and proven, leaf
//                                           made, entered in the register, written as PEM
//   authority-bench federation STATE HOST PORT PID N IDENTITIES
//                                           N simulated secondaries join the authority that runs as PID over STATE, then
//                                           each renews; the cost is that of PID. Then three rotations: each step costs
//                                           this process, as it would the manager; to follow it costs PID, for each member
#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "appliance/federation/bulletin.h"
#include "appliance/federation/renewal.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"
#include "keystore/x509/request.h"

namespace chancery {
namespace {

using authority::Authority;
using nlohmann::json;

double own_microseconds() {
  timespec spent{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
  return static_cast<double>(spent.tv_sec) * 1e6 + static_cast<double>(spent.tv_nsec) * 1e-3;
}

// The processor time of another process, to the nanosecond: the scheduler's own account of each of its threads.
double microseconds_of(const std::string& pid) {
  double sum = 0;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/" + pid + "/task")) {
    std::ifstream file(thread.path() / "schedstat");
    double spent = 0;
    if (file >> spent) sum += spent * 1e-3;
  }
  return sum;
}

class Scratch {
 public:
  Scratch() {
    std::string pattern = "/dev/shm/authority-bench-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = pattern;
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

json issue(int count, int steps) {
  const Scratch scratch;
  Authority authority =
      Authority::create(Folder::open(scratch.path()), {.mode = 0600},
                        {.federation = "0123456789abcdef", .names = {"engine-1.example"}}, system_now);
  const PrivateKey key = PrivateKey::generate(KeyType::ecdsa_p256);
  const std::string csr = CertificateRequest::make(key, {}).to_pem();
  json parts = json::array();
  std::size_t written = 0;
  for (int step = 0; step < steps; ++step) {
    const double begun = own_microseconds();
    for (int number = 0; number < count / steps; ++number) {
      const CertificateRequest request = CertificateRequest::from_pem(view_of(csr));
      if (!request.is_self_signature_valid()) throw std::runtime_error("CSR");
      written += authority
                     .issue({.purpose = authority::LeafPurpose::server,
                             .names = {"engine-1.example"},
                             .public_key_der = request.public_key_der(),
                             .issued_for = "bench"})
                     .to_pem()
                     .size();
    }
    parts.push_back((own_microseconds() - begun) / (count / steps));
  }
  return {{"each", parts}, {"bytes", written}};
}

struct Simulated {
  federation::JoinRequest request;
  std::optional<federation::Joined> joined;
};

// What it costs to take each step, and what it costs the authority that one member learns of it.
json rotations(Authority& authority, const tls::Target& target, const Sha256& pin, const std::string& pid,
               std::size_t members) {
  authority::Rotation rotation(authority);
  json steps = json::object();
  json following = json::array();
  const auto take = [&](const char* name, const std::function<void()>& step, bool is_followed) {
    const double begun = own_microseconds();
    step();
    steps[name].push_back(own_microseconds() - begun);
    if (!is_followed) return;
    for (std::size_t member = 0; member < members; ++member) {
      const double before = microseconds_of(pid);
      (void)federation::fetch_news(target, pin, authority.federation());
      following.push_back(microseconds_of(pid) - before);
    }
  };
  constexpr int rounds = 3;
  for (int round = 0; round < rounds; ++round) {
    const bool is_last = round + 1 == rounds;
    take(
        "prepare", [&] { rotation.prepare({}); }, is_last);
    take(
        "activate", [&] { rotation.activate({}); }, is_last);
    take(
        "retire", [&] { rotation.retire(); }, is_last);
  }
  return {{"steps", steps}, {"following", following}};
}

json federation_of(const std::string& state, const tls::Target& target, const std::string& pid, int count,
                   std::size_t identities) {
  const Folder folder = Folder::open(state + "/authority");
  Authority authority = Authority::open(folder, system_now);
  federation::PrimaryFacts facts;
  facts.federation = authority.federation();
  const PrivateKey tls_key = PrivateKey::from_pem(
      view_of(Folder::open(state + "/current").read_secret("identities/authority-tls/key.pem", 65536)));
  federation::Admission admission(authority, tls_key, folder.read_secret("customer.key", 4096), facts, system_now);
  std::vector<std::string> all = identities_of(Role::secondary);
  std::vector<std::string> wanted{"member"};
  for (const std::string& each : all) {
    if (each != "member" && wanted.size() < identities) wanted.push_back(each);
  }
  std::vector<Simulated> members;
  std::vector<SecretBytes> tokens;
  std::vector<std::string> names;
  for (int number = 0; number < count; ++number) names.push_back("m" + std::to_string(number) + ".bench.example");
  authority.permit_names(names);
  for (const std::string& name : names) {
    federation::JoinRequest request;
    request.primary = target;
    request.names = {name};
    for (const std::string& identity : wanted) {
      request.identities.push_back({identity, PrivateKey::generate(KeyType::ecdsa_p256)});
    }
    members.push_back({std::move(request), std::nullopt});
    tokens.push_back(admission.make_token({.role = Role::secondary, .names = {name}}));
  }
  json joins = json::array();
  json renewals = json::array();
  for (std::size_t number = 0; number < members.size(); ++number) {
    const double before = microseconds_of(pid);
    members[number].joined = federation::join(members[number].request, tokens[number], system_now);
    joins.push_back(microseconds_of(pid) - before);
  }
  for (Simulated& member : members) {
    federation::RenewalRequest request{.authority = target,
                                       .authority_pin = tls_key.key_digest(),
                                       .federation = authority.federation(),
                                       .member = member.joined->chains.at("member").front(),
                                       .member_key = member.request.identities.front().key,
                                       .roots = {authority.root()},
                                       .identities = {}};
    for (const std::string& identity : wanted) {
      request.identities.push_back({identity, PrivateKey::generate(KeyType::ecdsa_p256)});
    }
    const double before = microseconds_of(pid);
    (void)federation::renew(request, system_now);
    renewals.push_back(microseconds_of(pid) - before);
  }
  return {{"joins", joins},
          {"renewals", renewals},
          {"rotation", rotations(authority, target, tls_key.key_digest(), pid, members.size())}};
}

int run(const std::vector<std::string>& words) {
  if (words.size() == 3 && words[0] == "issue") {
    std::cout << issue(std::stoi(words[1]), std::stoi(words[2])) << "\n";
    return 0;
  }
  if (words.size() == 7 && words[0] == "federation") {
    std::cout << federation_of(words[1], {.host = words[2], .port = std::stoi(words[3])}, words[4], std::stoi(words[5]),
                               static_cast<std::size_t>(std::stoi(words[6])))
              << "\n";
    return 0;
  }
  std::cerr << "usage: authority-bench issue N STEPS | federation STATE HOST PORT PID N IDENTITIES\n";
  return 2;
}

}  // namespace
}  // namespace chancery

int main(int count, char** words) {
  try {
    return chancery::run({words + 1, words + count});
  } catch (const chancery::Failure& failure) {
    std::cerr << failure.what() << "; " << failure.hint() << "\n";
  } catch (const std::exception& failure) {
    std::cerr << failure.what() << "\n";
  }
  return 1;
}
