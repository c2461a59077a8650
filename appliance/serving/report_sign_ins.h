// Has a program's sign-ins reported to the audit every second, and what is left when it stops. `Log` is SignInLog
// (sign_in/sign_in_log.h), which is borrowed until the program has stopped.
#pragma once

#include "appliance/serving/serving_program.h"

namespace chancery::serving {

template <typename Log>
void report_sign_ins(Program& program, Log& log) {
  program.run_in_background("sign-ins", [&program, &log] {
    do {
      log.report();
    } while (program.pause(std::chrono::seconds(1)));
    log.report_all();
  });
}

}  // namespace chancery::serving
