#include "appliance/change/proof.h"

#include <algorithm>
#include <future>
#include <set>
#include <thread>

#include "appliance/change/generation_policy.h"
#include "appliance/tls/probe.h"
#include "keystore/fault.h"

namespace chancery::change {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds one_look{2'000};
constexpr milliseconds between_looks{25};
// An outside service may answer from old workers for a moment after the first new one did: it is proven once it has
// presented nothing else for this long.
constexpr milliseconds consumer_settles{200};

struct Expected {
  std::vector<Certificate> chain;
  std::optional<PrivateKey> key;
  std::string name;  // SNI: the first DNS name of the leaf
};

Expected expected_of(const backup::Generation& generation, const std::string& identity) {
  const auto present = read_identity(generation, "identities/" + identity);
  if (!present) {
    throw Failure({.code = "unknown-identity",
                   .subject = identity,
                   .cause = "generation " + std::to_string(generation.number()) + " has no such identity",
                   .hint = "chancery cert list shows the identities of this appliance"});
  }
  Expected expected{.chain = {present->leaf}, .key = present->key, .name = ""};
  expected.chain.insert(expected.chain.end(), present->intermediates.begin(), present->intermediates.end());
  for (const AlternativeName& name : present->leaf.names()) {
    if (name.kind != AlternativeName::Kind::dns) continue;
    expected.name = name.value.starts_with("*.") ? "www" + name.value.substr(1) : name.value;
    break;
  }
  return expected;
}

// Where a listener on all addresses is reached from here.
std::string reachable(const std::string& host) {
  if (host.empty() || host == "0.0.0.0" || host == "*") return "127.0.0.1";
  if (host == "::") return "::1";
  return host;
}

bool starts_with_chain(const std::vector<Certificate>& sent, const std::vector<Certificate>& chain) {
  return sent.size() >= chain.size() && std::equal(chain.begin(), chain.end(), sent.begin());
}

struct Look {
  ProbeAddress address;
  bool may_add_certificates = false;  // outside services may send their root as well
  bool may_refuse_us = false;         // an endpoint that demands a client certificate: we have none to show
  milliseconds patience{};
  milliseconds settles{0};
};

std::string chain_problem(const tls::ProbeResult& seen, const Expected& expected, const Look& look) {
  if (seen.chain.empty()) return seen.problem.empty() ? "presented no certificate" : seen.problem;
  if (!(seen.chain.front() == expected.chain.front())) {
    return "presents " + seen.chain.front().subject() + " (SHA-256 " + seen.chain.front().fingerprint() +
           ") instead of " + expected.chain.front().fingerprint();
  }
  const bool exact = starts_with_chain(seen.chain, expected.chain) &&
                     (look.may_add_certificates || seen.chain.size() == expected.chain.size());
  if (!exact) {
    return "presents the right leaf but not its intermediates: " + std::to_string(seen.chain.size()) +
           " certificates, expected " + std::to_string(expected.chain.size());
  }
  return seen.handshake || look.may_refuse_us ? "" : seen.problem;
}

void look_until_seen(SeenProof& result, const Expected& expected, const Look& look) {
  const auto deadline = steady_clock::now() + look.patience;
  auto right_since = steady_clock::now();
  for (;;) {
    const tls::ProbeResult seen = tls::probe(look.address, expected.name, std::min(one_look, look.patience));
    result.problem = chain_problem(seen, expected, look);
    result.proof.sha256 = seen.chain.empty() ? "" : seen.chain.front().fingerprint();
    result.proof.ok = result.problem.empty();
    if (!result.proof.ok) right_since = steady_clock::now();
    if (result.proof.ok && steady_clock::now() >= right_since + look.settles) return;
    // Without an answer in time it fails; one that has begun to settle may finish.
    if (!result.proof.ok && steady_clock::now() + between_looks >= deadline) return;
    std::this_thread::sleep_for(between_looks);
  }
}

void prove_stopped(SeenProof& result, const Expected& expected, const SecurityProfile& profile) {
  const tls::ProbeResult seen = tls::prove_offline(expected.chain, *expected.key, profile);
  result.problem = chain_problem(seen, expected, {});
  result.proof.sha256 = seen.chain.empty() ? "" : seen.chain.front().fingerprint();
  result.proof.ok = result.problem.empty();
}

std::string text_of(const ProbeAddress& address) {
  const bool is_v6 = address.host.find(':') != std::string::npos;
  return (is_v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

// One proof for each place that presents one of the identities, each run in a thread of its own.
class Prover {
 public:
  Prover(const Workplace& workplace, const backup::Generation& generation, const std::vector<ProgramStatus>& status)
      : workplace_(workplace), generation_(generation), status_(status), endpoints_(endpoints_of(generation)) {}

  void add_identity(const std::string& identity) {
    const Expected expected = expected_of(generation_, identity);
    std::set<std::string> seen;
    for (const Endpoint& endpoint : endpoints_) {
      if (!endpoint.enabled || endpoint.identity != identity) continue;
      seen.insert(endpoint.name);
      add_endpoint(endpoint, expected);
    }
    // What a program serves beyond the files (a channel handed to it) presents the identity as well.
    for (const ProgramStatus& program : status_) {
      for (const ProgramEndpoint& served : program.endpoints) {
        if (served.identity == identity && seen.insert(served.endpoint).second) {
          add_running(program.program, served, expected, false);
        }
      }
    }
    if (seen.empty()) add_offline(identity, identity, expected, SecurityProfile{});
  }

  void add_consumer(const Consumer& consumer, StoppedConsumers stopped) {
    if (stopped == StoppedConsumers::pass && is_stopped(consumer)) return;
    const Expected expected = expected_of(generation_, consumer.identity);
    for (const ProbeAddress& address : consumer.probe) {
      const Look look{.address = {reachable(address.host), address.port, address.starttls},
                      .may_add_certificates = true,
                      .patience = workplace_.consumer_patience,
                      .settles = consumer_settles};
      start(result_for("consumer " + consumer.name + " " + text_of(address), consumer.identity,
                       "consumer " + consumer.name),
            [expected, look](SeenProof& result) { look_until_seen(result, expected, look); });
    }
  }

  std::vector<SeenProof> results() {
    std::vector<SeenProof> all;
    for (auto& look : looks_) all.push_back(look.get());
    return all;
  }

 private:
  const ProgramStatus* running(const std::string& program) const {
    for (const ProgramStatus& status : status_) {
      if (status.program == program && status.running) return &status;
    }
    return nullptr;
  }

  void add_endpoint(const Endpoint& endpoint, const Expected& expected) {
    const std::string program = endpoint_program(endpoint.name);
    const SecurityProfile profile = profile_of(generation_, endpoint.profile);
    const ProgramStatus* status = running(program);
    if (status == nullptr) {
      add_offline(endpoint.name, endpoint.identity, expected, profile);
      return;
    }
    const auto served = std::find_if(status->endpoints.begin(), status->endpoints.end(),
                                     [&](const ProgramEndpoint& one) { return one.endpoint == endpoint.name; });
    if (served == status->endpoints.end()) {
      start(result_for(endpoint.name, endpoint.identity, program),
            [](SeenProof& result) { result.problem = "the program runs but does not serve this endpoint"; });
      return;
    }
    add_running(program, *served, expected, profile.client_certificates == ClientCertificates::require);
  }

  void add_running(const std::string& program, const ProgramEndpoint& served, const Expected& expected,
                   bool may_refuse_us) {
    const Look look{.address = {reachable(served.host), served.port, ""},
                    .may_refuse_us = may_refuse_us,
                    .patience = workplace_.own_patience};
    start(result_for(served.endpoint + " " + text_of(look.address), served.identity, program),
          [expected, look](SeenProof& result) { look_until_seen(result, expected, look); });
  }

  void add_offline(const std::string& what, const std::string& identity, const Expected& expected,
                   const SecurityProfile& profile) {
    const bool is_endpoint = what != identity || std::any_of(endpoints_.begin(), endpoints_.end(),
                                                             [&](const Endpoint& one) { return one.name == what; });
    start(result_for(what + (is_endpoint ? " (stopped, proven offline)" : " (proven offline)"), identity, what),
          [expected, profile](SeenProof& result) { prove_stopped(result, expected, profile); });
  }

  static SeenProof result_for(std::string endpoint, std::string identity, std::string program) {
    SeenProof result;
    result.proof.endpoint = std::move(endpoint);
    result.proof.identity = std::move(identity);
    result.program = std::move(program);
    return result;
  }

  template <typename Work>
  void start(SeenProof result, Work work) {
    looks_.push_back(std::async(std::launch::async, [result = std::move(result), work = std::move(work)]() mutable {
      try {
        work(result);
      } catch (const std::exception& error) {
        result.problem = error.what();
      }
      return result;
    }));
  }

  const Workplace& workplace_;
  const backup::Generation& generation_;
  const std::vector<ProgramStatus>& status_;
  std::vector<Endpoint> endpoints_;
  std::vector<std::future<SeenProof>> looks_;
};

}  // namespace

std::vector<SeenProof> prove(const Workplace& workplace, const backup::Generation& generation,
                             const std::vector<std::string>& identities, const std::vector<ProgramStatus>& status,
                             StoppedConsumers stopped) {
  Prover prover(workplace, generation, status);
  for (const std::string& identity : identities) prover.add_identity(identity);
  for (const Consumer& consumer : consumers_of(generation, identities)) prover.add_consumer(consumer, stopped);
  return prover.results();
}

bool presents_now(const backup::Generation& generation, const Consumer& consumer) {
  const Expected expected = expected_of(generation, consumer.identity);
  return std::all_of(consumer.probe.begin(), consumer.probe.end(), [&](const ProbeAddress& address) {
    const Look look{.address = {reachable(address.host), address.port, address.starttls},
                    .may_add_certificates = true,
                    .patience = one_look};
    return chain_problem(tls::probe(look.address, expected.name, one_look), expected, look).empty();
  });
}

bool is_stopped(const Consumer& consumer) {
  return !consumer.probe.empty() &&
         std::none_of(consumer.probe.begin(), consumer.probe.end(), [](const ProbeAddress& address) {
           return tls::probe({reachable(address.host), address.port, address.starttls}, "", one_look).reached;
         });
}

}  // namespace chancery::change
