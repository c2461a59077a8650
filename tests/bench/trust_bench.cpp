// What trust costs, for trust.py. Prints one JSON line.
//
//   trust-bench append BUNDLE ROOT ROUNDS          a root is appended to a CA bundle as `chancery trust append` plans it: the
//                                                  bundle read, every certificate in it compared, the new one judged, and
//                                                  the whole written anew, durably; CPU and elapsed microseconds
//   trust-bench chain LEAF CA ROOT ROUNDS THREADS  leaf and CA decoded anew, the chain to a known root built and every
//                                                  signature in it checked; CPU microseconds of a thread for one chain
#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "appliance/preflight/chain_builder.h"
#include "appliance/preflight/preflight.h"
#include "keystore/fault.h"
#include "keystore/files/folder.h"
#include "keystore/x509/material.h"
#include "tests/bench/bench_main.h"
#include "tests/bench/meter.h"

namespace chancery::bench {
namespace {

using nlohmann::json;

constexpr std::size_t largest_bundle = 64 * 1024 * 1024;

double elapsed() {
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

json append(const std::string& bundle_path, const std::string& root_path, int rounds) {
  constexpr const char* name = "ca-bundle.crt";
  const Scratch scratch;
  const Folder folder = Folder::open(scratch.path());
  const Bytes bundle = read_file(bundle_path, largest_bundle);
  const SecretBytes root = secret_copy(read_file(root_path, largest_bundle));
  std::vector<double> processor;
  std::vector<double> clock;
  for (int round = 0; round < rounds; ++round) {
    folder.write_atomically(name, bundle, {.mode = 0644});
    const double processor_begun = own_microseconds();
    const double begun = elapsed();
    Bytes bytes = folder.read(name, largest_bundle);
    CertificatePool present;
    present.add_pem(bytes);
    const preflight::BundleAnswer answer =
        preflight::check_bundle({{.name = "root.pem", .bytes = secret_copy(view_of(root))}}, present, system_now());
    if (answer.fresh.size() != 1) throw std::runtime_error("the root is in the bundle already");
    const std::string pem = answer.fresh.front().to_pem();
    bytes.insert(bytes.end(), pem.begin(), pem.end());
    folder.write_atomically(name, bytes, {.mode = 0644});
    processor.push_back(own_microseconds() - processor_begun);
    clock.push_back(elapsed() - begun);
  }
  return {{"cpu", median(processor)}, {"elapsed", median(clock)}};
}

Certificate only_certificate(const std::string& path) {
  return read_material(read_file(path, largest_bundle), {.source = path}).certificates.at(0);
}

json chain(const std::vector<std::string>& words) {
  const Bytes leaf = only_certificate(words[1]).der();
  const Bytes issuing = only_certificate(words[2]).der();
  const auto anchors = std::make_shared<CertificatePool>();
  anchors->add(only_certificate(words[3]));
  preflight::Knowledge knowledge;
  knowledge.anchors = anchors;
  const int rounds = std::stoi(words[4]);
  std::vector<double> costs(static_cast<std::size_t>(std::stoi(words[5])));
  const auto work = [&](double& cost) {
    const double begun = thread_microseconds();
    for (int round = 0; round < rounds; ++round) {
      preflight::Pile pile;
      pile.given.push_back({.certificate = Certificate::from_der(issuing), .origin = "ca"});
      const preflight::Member member{.certificate = Certificate::from_der(leaf), .origin = "leaf"};
      const preflight::ChainSearch found = preflight::find_chains(member, pile, knowledge);
      if (!found.chains.at(0).anchored || found.chains[0].members.size() != 3) throw std::runtime_error("no chain");
    }
    cost = (thread_microseconds() - begun) / rounds;
  };
  std::vector<std::thread> threads;
  for (double& cost : costs) threads.emplace_back(work, std::ref(cost));
  for (std::thread& thread : threads) thread.join();
  return {{"each", costs}};
}

int run(const std::vector<std::string>& words) {
  json result;
  if (words.size() == 4 && words[0] == "append") {
    result = append(words[1], words[2], std::stoi(words[3]));
  } else if (words.size() == 6 && words[0] == "chain") {
    result = chain(words);
  } else {
    std::cerr << "usage: trust-bench append BUNDLE ROOT ROUNDS | chain LEAF CA ROOT ROUNDS THREADS\n";
    return 2;
  }
  std::cout << result << "\n";
  return 0;
}

}  // namespace
}  // namespace chancery::bench

int main(int count, char** words) { return chancery::bench::guarded(count, words, chancery::bench::run); }
