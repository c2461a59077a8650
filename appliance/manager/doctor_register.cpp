// The doctor on the register of a primary: where it is, and who issues.
#include "appliance/authority/issuance.h"
#include "appliance/manager/doctor.h"

namespace chancery::manager {
namespace {

using authority::Issuance;

void look(Examination& examination, Bench& bench) {
  const std::string check = "register";
  const auto place = authority::RegisterPlace::of(bench.state.path());
  const Issuance issuance = authority::issuance_of(*place.open());
  const std::string where = place.is_server() ? place.text() : "a file of this appliance";
  if (issuance.state != Issuance::in_force) {
    return examination.critical(check, where + ": a move of the register was cut short; nobody can write",
                                "run the same `chancery storage migrate` again");
  }
  if (!place.is_server()) return examination.ok(check, where);
  if (issuance.holder.empty()) {
    return examination.warning(check, where + ": no primary was elected to issue",
                               "start chancery-authority: systemctl start chancery-authority");
  }
  const std::string address = authority::address_of(bench.appliance.name, bench.current().read("endpoints/join.toml"));
  const bool is_ours = issuance.holder == authority::claimant_of(bench.state.path(), address).id;
  examination.ok(check, where + "; " + (is_ours ? "this primary" : issuance.address) + " issues since " +
                            to_rfc3339(issuance.since));
}

}  // namespace

void examine_register(Examination& examination, Bench& bench) {
  if (bench.appliance.role == Role::secondary) return;
  examination.attempt("register", [&] { look(examination, bench); });
}

}  // namespace chancery::manager
