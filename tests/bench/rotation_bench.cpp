#include "tests/bench/rotation_bench.h"

#include <memory>
#include <nlohmann/json.hpp>

#include "appliance/manager/certificate_manager.h"
#include "keystore/fault.h"
#include "tests/bench/meter.h"
#include "tests/bench/simulated.h"

namespace chancery::bench {
namespace {

using nlohmann::json;

class Rotating {
 public:
  Rotating(const std::string& host, const std::string& state, const std::string& port, const std::string& pid,
           const std::string& count)
      : federation_(state, {.host = host, .port = std::stoi(port), .name = {}}, pid), manager_(state, system_now) {
    federation_.invite(std::stoi(count), 1);
    for (Simulated& member : federation_.members) (void)federation_.join(member);
  }

  void step(const char* verb) {
    const double begun = own_microseconds();
    const json reply =
        json::parse(manager_.handle({.json = json{{"verb", verb}}.dump(), .attachments = {}}, "bench").json);
    costs_[verb].push_back(own_microseconds() - begun);
    const std::string outcome = reply.value("outcome", "done");
    if (outcome != "done") throw std::runtime_error(std::string(verb) + ": " + reply.dump());
  }

  // A member at a time, so that both federations stand in the same weather.
  bool has(std::size_t member) const { return member < federation_.members.size(); }
  std::size_t size() const { return federation_.members.size(); }
  void learn() { costs_["learn"].push_back(federation_.learn()); }
  void renew(std::size_t member) { costs_["renew"].push_back(federation_.renew(federation_.members[member])); }
  void prove(std::size_t member) { costs_["prove"].push_back(federation_.prove(federation_.members[member])); }

  const std::map<std::string, std::vector<double>>& costs() const { return costs_; }

  json medians() const {
    json all = json::object();
    for (const auto& [what, values] : costs_) all[what] = median(values);
    return all;
  }

 private:
  Federation federation_;
  manager::CertificateManager manager_;
  std::map<std::string, std::vector<double>> costs_;
};

// How much dearer a command is for the large one: the median of the ratios of neighbouring runs, since a shared machine
// changes more from one minute to the next than a command does with its federation.
json ratios(const Rotating& small, const Rotating& large) {
  json all = json::object();
  for (const auto& [what, values] : small.costs()) {
    const std::vector<double>& grown = large.costs().at(what);
    if (grown.size() != values.size()) continue;  // by member
    std::vector<double> each(values.size());
    std::ranges::transform(grown, values, each.begin(), std::divides());
    all[what] = median(std::move(each));
  }
  return all;
}

// For each of the small one's members one part of the large one's.
void spread(Rotating& small, Rotating& large, const std::function<void(Rotating&, std::size_t)>& work) {
  const std::size_t part = std::max<std::size_t>(large.size() / small.size(), 1);
  for (std::size_t member = 0; member < large.size(); ++member) {
    work(large, member);
    if (member % part == 0 && small.has(member / part)) work(small, member / part);
  }
}

}  // namespace

json rotations_in_turns(const std::vector<std::string>& words) {
  Rotating small(words[2], words[3], words[4], words[5], words[6]);
  Rotating large(words[2], words[7], words[8], words[9], words[10]);
  int round = 0;
  const auto both = [&](const char* verb) {
    const bool is_large_first = round % 2 != 0;
    (is_large_first ? large : small).step(verb);
    (is_large_first ? small : large).step(verb);
  };
  for (; round < std::stoi(words[1]); ++round) {
    both("federation-rotate-prepare");
    spread(small, large, [](Rotating& one, std::size_t) { one.learn(); });
    both("federation-rotate-activate");
    spread(small, large, [](Rotating& one, std::size_t member) {
      one.learn();
      one.renew(member);
      one.prove(member);
    });
    for (int times = 0; times < 10; ++times) both("federation-rotate-status");
    both("federation-rotate-retire");
  }
  return {{"small", small.medians()},
          {"large", large.medians()},
          {"ratios", ratios(small, large)},
          {"members", {small.size(), large.size()}}};
}

}  // namespace chancery::bench
