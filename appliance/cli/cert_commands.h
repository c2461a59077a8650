// The two commands of `chancery cert` that work without an appliance; the others are in cert.cpp.
#pragma once

namespace chancery::cli {

class Session;

[[nodiscard]] int run_cert_check(Session& session);
[[nodiscard]] int run_cert_show(Session& session);

}  // namespace chancery::cli
