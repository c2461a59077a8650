// The smallest serving program, for tests of the frame's process side: options, signals, exit codes.
#include "appliance/serving/serving_program.h"

int main(int argc, char** argv) {
  using chancery::http::Answer;
  return chancery::serving::run(argc, argv, "portal", [](chancery::serving::Program& program) {
    program.routes().add("GET", "/", [](const chancery::http::Call&) { return Answer::json("1"); });
  });
}
