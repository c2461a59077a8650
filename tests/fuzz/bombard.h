// Fuzzing in an ordinary test: a parser over its seeds, over the inputs that once brought it down, and over
// deterministic mutations of both.
//
//   TEST(JoinFuzz, Tokens) { fuzz::bombard("join_token", fuzz::join_token, {bytes_of(token)}); }
//
// A target takes any bytes and comes back; it aborts where a value that was accepted contradicts itself. The same
// functions are libFuzzer's targets (entry.cpp, `./dev fuzz`); what that finds is added to tests/fuzz/corpus/<name>/ and
// runs here from then on. Every input must be through within 5 s of processor time. The input of a crash is left in
// /tmp/chancery-fuzz-<name>.
//
// CHANCERY_FUZZ_SECONDS changes the 5 s that each target gets. With CHANCERY_FUZZ_SEEDS=FOLDER nothing is run: the seeds
// are written to FOLDER/<name>/, where libFuzzer starts from.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "keystore/bytes/bytes.h"

namespace chancery::fuzz {

void bombard(const std::string& name, const std::function<void(ByteView)>& target, std::vector<Bytes> seeds);

[[nodiscard]] std::vector<Bytes> files_in(const std::string& folder);  // in the order of their names

}  // namespace chancery::fuzz
