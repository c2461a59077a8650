// Whom a program could still reach if anchors went from its trust: what each of its servers presents is looked at, and
// judged by the program's own client context as it would be then (tls/client_context.h).
//
//   Report report = judge_peers("engine1.example.com", {{"portal", {"10.0.0.1", 443, ""}, "portal.example.com", alpn}},
//                               context, {fingerprint}, 2s);
//
// A server that is not taken today is not broken by it, and not counted; one that cannot be reached is silent. Nothing is
// sent but a handshake. Thread safe; waits at most `patience` for each server, for all of them at once.
#pragma once

#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "appliance/rehearsal/question.h"
#include "appliance/rehearsal/report.h"
#include "appliance/settings/policy.h"
#include "appliance/tls/client_context.h"

namespace chancery::rehearsal {

struct TrustedPeer {
  std::string what;  // "the portal primary.example.com"
  ProbeAddress address;
  std::string name;  // what its certificate must answer to
  std::string alpn;
};

[[nodiscard]] Report judge_peers(const std::string& who, const std::vector<TrustedPeer>& peers,
                                 const tls::ClientContext& context, const std::vector<std::string>& without,
                                 std::chrono::milliseconds patience);

// The verdict of one client, `who`, on a chain that is to be presented to it; `present` is what it takes today.
[[nodiscard]] Report judge_chain(const std::string& who, const tls::ClientContext& context,
                                 const std::vector<Certificate>& present, const std::vector<Certificate>& chain,
                                 const std::string& name);

// The same of everything that the question's endpoints would demand of it, besides a chain: lists that it cannot agree
// to, an endpoint that would be gone. Nothing is counted where nothing of the kind is asked.
[[nodiscard]] Report judge_demands(const std::string& who, const tls::ClientContext& context, const Question& question,
                                   const std::string& name);

}  // namespace chancery::rehearsal
