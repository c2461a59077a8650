#include "appliance/manager/program_question.h"

#include <chrono>
#include <nlohmann/json.hpp>

#include "appliance/control/message.h"
#include "keystore/fault.h"

namespace chancery::manager {

using nlohmann::json;

json ask_program(const std::string& state, const std::string& program, const json& question, const std::string& hint) {
  constexpr std::chrono::seconds patience{30};
  try {
    const control::Message reply = control::ask(state + "/run/" + program + "/control.sock",
                                                {.json = question.dump(), .attachments = {}}, patience);
    json document = json::parse(reply.json);
    document.erase("ok");
    return document;
  } catch (const Failure& failure) {
    if (failure.code() != "not-running") throw;
    throw Failure({.code = failure.code(),
                   .subject = "chancery-" + program,
                   .cause = "no " + program + " answers here",
                   .hint = hint});
  }
}

}  // namespace chancery::manager
