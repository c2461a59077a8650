// What a collector that cannot be asked would say, from its last report: the anchors that it is pinned to, and the name
// that it compares, judged by the code that collectors use themselves. Of one on its operating system's trust store
// this machine's store stands in for its own, and the root that it has trusted until now.
//
//   Predictor predictor(question, now);
//   if (predictor.concerns(device, concerned)) report.silent.push_back(predictor.predict(device, concerned));
//
// Not known here, and so not told: its clock, lists of revoked certificates, what changed since. A report of an earlier
// version has no name: the name is then not compared. Thread safety: one thread.
#pragma once

#include <map>
#include <optional>

#include "appliance/rehearsal/question.h"
#include "appliance/rehearsal/report.h"
#include "appliance/tls/client_context.h"
#include "engine/devices.h"

namespace chancery::engine {

struct Concerned;

class Predictor {
 public:
  Predictor(const rehearsal::Question& question, Instant now) : question_(question), now_(now) {}

  // False for one that has told nothing yet, or that does not use what changes.
  bool concerns(const Device& device, const Concerned& concerned) const;
  rehearsal::Silent predict(const Device& device, const Concerned& concerned);

 private:
  struct Word {
    rehearsal::Prediction prediction = rehearsal::Prediction::unknown;
    std::string reason;
    std::string detail;
  };
  Word word_of(const wire::Facts& facts, const std::string& name) const;
  Word pinned(const wire::Facts& facts, const std::string& name) const;
  Word by_system(const std::string& name) const;
  Word judged(Bytes anchors, const std::string& name, bool is_whole) const;

  const rehearsal::Question& question_;
  Instant now_;
  std::map<std::string, Word> words_;  // thousands of collectors have few kinds of trust
};

}  // namespace chancery::engine
