// chancery-console: the appliance's web console. It reads nothing of the state itself but its own identity, the hash of
// the administrator's password and its own file of tokens: what it shows and changes it asks of chancery-manager.

#include <memory>

#include "appliance/console/assets.h"
#include "appliance/console/openapi.h"
#include "appliance/console/session_routes.h"
#include "appliance/console/verb_routes.h"
#include "appliance/serving/report_sign_ins.h"
#include "appliance/serving/serving_program.h"
#include "appliance/settings/program_settings.h"
#include "appliance/sign_in/administrator.h"

namespace {

using namespace chancery;

constexpr const char* root_path = "trust/federation/roots.pem";

http::Answer root_of(const serving::Program& program) {
  const backup::Generation generation = program.generation();
  if (!generation.has(root_path)) {
    return http::Answer::problem(404, "not-federated", "No root yet", "This appliance has not joined a federation.");
  }
  return http::Answer{.status = 200,
                      .content_type = "application/x-pem-file",
                      .body = std::string(text_of(generation.read(root_path))),
                      .headers = {{"Content-Disposition", "attachment; filename=\"root.pem\""}},
                      .stream = {}};
}

struct Console {
  explicit Console(serving::Program& program) : Console(program, ConsoleSettings::load(program.appliance().state)) {}

  Console(serving::Program& program, const ConsoleSettings& settings)
      : sign_ins("console", program.appliance().state, system_now),
        administrator(program.state(), &sign_ins),
        sessions(std::chrono::minutes(settings.session_idle_minutes), [] { return std::chrono::steady_clock::now(); }),
        access(program.state(), system_now),
        rate(settings.requests_per_second),
        callers(sessions, access, administrator, rate),
        manager(program.appliance().state),
        events(manager),
        own(program.appliance(), sessions, access, administrator, callers, events),
        verbs(manager, callers, administrator) {
    serving::report_sign_ins(program, sign_ins);
    program.run_in_background("events", [this, &program] { events.run(program); });
    program.on_settings([this, &program] {
      const ConsoleSettings next = ConsoleSettings::load(program.appliance().state);
      sessions.set_idle(std::chrono::minutes(next.session_idle_minutes));
      rate.set(next.requests_per_second);
    });
    http::Routes& routes = program.routes();
    routes.set_head_rule([this](const http::Call& head) {
      return head.path.starts_with("/api/") ? callers.refusal_of_head(head) : std::nullopt;
    });
    routes.add("GET", "/healthz", [](const http::Call&) {
      return http::Answer{.status = 200, .content_type = "text/plain", .body = "ok\n", .headers = {}, .stream = {}};
    });
    // The root is public: a person compares its SHA-256 by another way before trusting it (P30).
    routes.add("GET", "/root.pem", [&program](const http::Call&) { return root_of(program); });
    for (const pages::Asset& asset : console::assets()) pages::add_asset(routes, asset);
    routes.add("GET", "/api/v1/openapi.json",
               [document = console::openapi_document()](const http::Call&) { return http::Answer::json(document); });
    own.add_to(routes);
    verbs.add_to(routes);
  }

  SignInLog sign_ins;
  Administrator administrator;
  console::Sessions sessions;
  console::AccessFile access;
  console::RateLimit rate;
  console::Callers callers;
  console::ManagerLine manager;
  console::EventHub events;
  console::SessionRoutes own;
  console::VerbRoutes verbs;
};

}  // namespace

int main(int argc, char** argv) {
  std::unique_ptr<Console> console;
  return serving::run(argc, argv, "console",
                      [&console](serving::Program& program) { console = std::make_unique<Console>(program); });
}
