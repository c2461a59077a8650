// What the authority costs, for authority.py. Prints one JSON line; microseconds are of processor time.
//
//   authority-bench issue N                    N certificates in process: CSR read and proven, leaf made, entered in the
//                                              register, written as PEM
//   authority-bench register ROWS N FOLDER     the same beside a register that ROWS certificates were entered in before,
//                                              N each, in turns; the registers lie below FOLDER
//   authority-bench federation STATE HOST PORT PID N IDENTITIES [joins]
//                                              N simulated secondaries join the authority that runs as PID over STATE, then
//                                              each renews; the cost is that of PID
//   authority-bench rotation ROUNDS HOST (STATE PORT PID N) (STATE PORT PID N)
//                                              two federations of N members each rotate in turns: the three commands, of
//                                              this process, as of the manager; and what each member costs PID that learns
//                                              of it, renews and proves
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>

#include "appliance/authority/certificate_writer.h"
#include "appliance/authority/register.h"
#include "keystore/fault.h"
#include "keystore/openssl/digest.h"
#include "keystore/x509/pem.h"
#include "keystore/x509/request.h"
#include "tests/bench/bench_main.h"
#include "tests/bench/meter.h"
#include "tests/bench/rotation_bench.h"
#include "tests/bench/simulated.h"

namespace chancery::bench {
namespace {

using authority::Authority;
using nlohmann::json;

class Issuing {
 public:
  explicit Issuing(const std::string& parent)
      : scratch_(parent),
        authority_(Authority::create(Folder::open(scratch_.path()), {.mode = 0600},
                                     {.federation = "0123456789abcdef", .names = {"engine-1.example"}}, system_now)),
        csr_(CertificateRequest::make(PrivateKey::generate(KeyType::ecdsa_p256), {}).to_pem()) {}

  Authority& authority() { return authority_; }

  authority::SignedLeaf once() {
    const CertificateRequest request = CertificateRequest::from_pem(view_of(csr_));
    if (!request.is_self_signature_valid()) throw std::runtime_error("CSR");
    authority::SignedLeaf leaf = authority_.issue_encoded({.purpose = authority::LeafPurpose::server,
                                                           .names = {"engine-1.example"},
                                                           .public_key_der = request.public_key_der(),
                                                           .issued_for = "bench"});
    if (pem::encode("CERTIFICATE", leaf.der).empty()) throw std::runtime_error("PEM");
    return leaf;
  }

  // Microseconds each.
  double many(int count) {
    const double begun = own_microseconds();
    for (int number = 0; number < count; ++number) (void)once();
    return (own_microseconds() - begun) / count;
  }

 private:
  Scratch scratch_;
  Authority authority_;
  std::string csr_;
};

// As many rows as `count` certificates would have made, with serials, digests and keys like theirs; signing them
// all would take hours.
void fill(Issuing& issuing, std::int64_t count) {
  constexpr std::int64_t batch = 20'000;
  const authority::SignedLeaf pattern = issuing.once();
  const Certificate decoded = Certificate::from_der(pattern.der);
  storage::Store& store = issuing.authority().store();
  Bytes der = pattern.der;
  const Instant began = system_now() - std::chrono::seconds{count};  // one a second, so far
  for (std::int64_t done = 0; done < count;) {
    store.write([&] {
      for (std::int64_t end = std::min(done + batch, count); done < end; ++done) {
        const SecretBytes random = random_secret(64);
        std::copy(random.begin(), random.end(), der.end() - 64);
        const authority::EncodedCertificate row{.der = der,
                                                .sha256 = sha256(der),
                                                .serial = authority::new_serial(began + std::chrono::seconds{done}),
                                                .names = decoded.names(),
                                                .not_after = decoded.not_after(),
                                                .key_sha256 = sha256(view_of(random))};
        authority::enter(store, row, {.kind = "server", .issued_for = "bench", .issued_at = system_now()});
      }
    });
  }
}

json beside_a_full_register(std::int64_t rows, int count, const std::string& parent) {
  constexpr int turns = 20;
  Issuing empty(parent);
  Issuing full(parent);
  fill(full, rows);
  // Each has its own part of the database in memory before it counts.
  (void)empty.many(count / turns + 1);
  (void)full.many(count / turns + 1);
  std::vector<double> of_empty;
  std::vector<double> of_full;
  for (int turn = 0; turn < turns; ++turn) {
    of_empty.push_back(empty.many(count / turns));
    of_full.push_back(full.many(count / turns));
  }
  return {{"empty", median(of_empty)}, {"full", median(of_full)}, {"rows", rows}};
}

json federation_of(const std::vector<std::string>& words) {
  Federation federation(words[1], {.host = words[2], .port = std::stoi(words[3]), .name = {}}, words[4]);
  federation.invite(std::stoi(words[5]), static_cast<std::size_t>(std::stoi(words[6])));
  json joins = json::array();
  json renewals = json::array();
  for (Simulated& member : federation.members) joins.push_back(federation.join(member));
  if (words.size() == 7) {
    for (Simulated& member : federation.members) renewals.push_back(federation.renew(member));
  }
  return {{"joins", joins}, {"renewals", renewals}};
}

int run(const std::vector<std::string>& words) {
  const auto is = [&](const char* mode, std::size_t least, std::size_t most) {
    return words.size() >= least && words.size() <= most && words[0] == mode;
  };
  json result;
  if (is("issue", 2, 2)) {
    result = {{"each", Issuing("/dev/shm").many(std::stoi(words[1]))}};
  } else if (is("register", 4, 4)) {
    result = beside_a_full_register(std::stoll(words[1]), std::stoi(words[2]), words[3]);
  } else if (is("federation", 7, 8)) {
    result = federation_of(words);
  } else if (is("rotation", 11, 11)) {
    result = rotations_in_turns(words);
  } else {
    std::cerr
        << "usage: authority-bench issue N | register ROWS N FOLDER | federation STATE HOST PORT PID N IDENTITIES "
           "[joins] | rotation ROUNDS HOST STATE PORT PID N STATE PORT PID N\n";
    return 2;
  }
  std::cout << result << "\n";
  return 0;
}

}  // namespace
}  // namespace chancery::bench

int main(int count, char** words) { return chancery::bench::guarded(count, words, chancery::bench::run); }
