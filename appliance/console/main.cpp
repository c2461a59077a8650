// chancery-console: the appliance's web console. It reads nothing of the state itself but its own identity: what it
// shows it asks of chancery-manager.

#include <memory>
#include <nlohmann/json.hpp>

#include "appliance/console/certificates_page.h"
#include "appliance/control/message.h"
#include "appliance/pages/page.h"
#include "appliance/serving/report_sign_ins.h"
#include "appliance/serving/serving_program.h"
#include "appliance/sign_in/administrator.h"
#include "keystore/fault.h"

namespace {

using namespace chancery;

constexpr const char* root_path = "trust/federation/roots.pem";

std::string ask_manager(const serving::Program& program, const std::string& verb) {
  const std::string socket = program.appliance().state + "/run/manager/control.sock";
  return control::ask(socket,
                      {.json = nlohmann::json({{"verb", verb}, {"arguments", nlohmann::json::object()}}).dump(),
                       .attachments = {}},
                      std::chrono::seconds(15))
      .json;
}

http::Answer manager_away(const Failure& failure) {
  return http::Answer::problem(503, failure.code(), "The certificate manager cannot be asked",
                               failure.cause() + ". " + failure.hint());
}

struct Console {
  explicit Console(serving::Program& program)
      : sign_ins("console", program.appliance().state, system_now), administrator(program.state(), &sign_ins) {
    serving::report_sign_ins(program, sign_ins);
    http::Routes& routes = program.routes();
    pages::add_style(routes);
    routes.add("GET", "/healthz", [](const http::Call&) {
      return http::Answer{.status = 200, .content_type = "text/plain", .body = "ok\n", .headers = {}, .stream = {}};
    });
    // The root is public: a person compares its SHA-256 by another way before trusting it (P30).
    routes.add("GET", "/root.pem", [&program](const http::Call&) {
      const backup::Generation generation = program.generation();
      if (!generation.has(root_path)) {
        return http::Answer::problem(404, "not-federated", "No root yet",
                                     "This appliance has not joined a federation.");
      }
      return http::Answer{.status = 200,
                          .content_type = "application/x-pem-file",
                          .body = std::string(text_of(generation.read(root_path))),
                          .headers = {{"Content-Disposition", "attachment; filename=\"root.pem\""}},
                          .stream = {}};
    });
    for (const auto& [path, verb] : {std::pair{"/api/v1/certificates", "cert-list"}, {"/api/v1/status", "status"}}) {
      routes.add("GET", path, [this, &program, name = std::string(verb)](const http::Call& call) {
        if (auto refusal = administrator.refusal(call)) return *refusal;
        try {
          return http::Answer::json(ask_manager(program, name));
        } catch (const Failure& failure) {
          return manager_away(failure);
        }
      });
    }
    routes.add("GET", "/", [this, &program](const http::Call& call) {
      if (auto refusal = administrator.refusal(call)) return *refusal;
      try {
        return console::certificates_page(program.appliance(), ask_manager(program, "cert-list"));
      } catch (const Failure& failure) {
        return manager_away(failure);
      }
    });
  }

  SignInLog sign_ins;
  Administrator administrator;
};

}  // namespace

int main(int argc, char** argv) {
  std::unique_ptr<Console> console;
  return serving::run(argc, argv, "console",
                      [&console](serving::Program& program) { console = std::make_unique<Console>(program); });
}
