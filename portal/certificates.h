// The certificates of the whole federation: this appliance's, and what each engine tells of its own appliance over the
// portal's mutual TLS link.
//
//   GET /api/v1/certificates     {"certificates":[{"member","identity","source","told","certificate"}],
//                                 "authorities":[{"certificate","members":[…]}],"unreachable":[{"engine","problem"}]}
//
// Engines are asked when somebody looks, at most every 5 s, and once a minute otherwise: of an engine that does not answer
// what it told last is shown, with `told` saying when, and it is named in "unreachable". That is how a certificate is still
// on the list when it has ended and so keeps the portal from asking. In memory: a portal that has just been started knows
// nothing of engines that are away. "authorities" are the federation's roots and what stands between them and the leaves.
// An engine is believed of its own certificates only; what it tells is read within bounds.
#pragma once

#include <functional>
#include <optional>

#include "appliance/serving/serving_program.h"
#include "portal/engines.h"

namespace chancery::portal {

// Whoever may not look gets the answer of `refusal`. `engines` is borrowed.
void add_certificates(serving::Program& program, const Engines& engines,
                      std::function<std::optional<http::Answer>(const http::Call&)> refusal);

}  // namespace chancery::portal
