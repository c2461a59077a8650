// chancery-portal: shows all engines of the federation, takes their heartbeats, and tells collectors where they belong.

#include <memory>

#include "appliance/membership/customer_key.h"
#include "appliance/pages/page.h"
#include "appliance/serving/announce.h"
#include "appliance/serving/report_sign_ins.h"
#include "appliance/settings/program_settings.h"
#include "appliance/wire/collector_messages.h"
#include "portal/alerts/alerts.h"
#include "portal/assignment.h"
#include "portal/certificates.h"
#include "portal/devices.h"
#include "portal/engines.h"
#include "portal/lookout.h"
#include "portal/news.h"
#include "portal/pages.h"
#include "portal/rehearsal.h"
#include "portal/sign_in.h"

namespace {

using namespace chancery;

std::string state_cell(const portal::EngineView& view) {
  if (!view.was_asked) return "<span class=\"soft\">not asked yet</span>";
  if (!view.reachable) return "<span class=\"bad\">" + pages::escape(view.problem) + "</span>";
  if (!view.verified) return "<span class=\"warn\">answers, certificate not verified (by setting)</span>";
  return "<span class=\"good\">answers, verified as " + pages::escape(view.internal_name) + "</span>";
}

// For browsers without script.
std::string engines_table(const Appliance& appliance, const portal::Engines& engines) {
  std::vector<std::vector<std::string>> rows;
  for (const portal::EngineView& view : engines.list()) {
    rows.push_back({pages::escape(view.name), pages::escape(view.host) + ":" + std::to_string(view.port),
                    state_cell(view), std::to_string(view.connected) + " of " + std::to_string(view.devices),
                    to_rfc3339(view.last_seen)});
  }
  const std::string body =
      rows.empty() ? "<p>No engine has reported yet. Make a token here (<code>chancery federation token --role engine "
                     "--name NAME</code>), join the engine with it, and it appears within seconds.</p>"
                   : pages::table({"Engine", "Address", "State", "Collectors connected", "Last heartbeat (UTC)"}, rows);
  return "<h1>Engines</h1><p>" + pages::escape(appliance.name) + "</p>" + body +
         "<p><a href=\"/devices\">Devices</a></p>";
}

// Another text when something about an engine is another that pages show, times left out.
std::string fingerprint_of(const portal::Engines& engines) {
  std::string text;
  for (const portal::EngineView& view : engines.list()) {
    for (const std::string& part :
         {view.name, view.host, std::to_string(view.port), view.version, view.problem, std::to_string(view.devices),
          std::to_string(view.connected), std::string(view.reachable ? "reachable" : ""),
          std::string(view.verified ? "verified" : ""),
          view.certificate ? view.certificate->fingerprint() : std::string()}) {
      text += part + "\n";
    }
    if (!view.health) continue;
    for (const health::Installed& each : view.health->certificates) text += each.identity + " " + each.sha256 + "\n";
  }
  return text;
}

struct Portal {
  explicit Portal(serving::Program& program) : Portal(program, PortalSettings::load(program.state().path())) {}

  Portal(serving::Program& program, const PortalSettings& settings)
      : sign_ins("portal", program.appliance().state, system_now),
        door(program, settings, &sign_ins),
        engines(program, settings),
        lookout(program, engines, settings.alerts, system_now),
        alerts(
            program, settings, [this] { return lookout.look(); }, system_now) {
    program.on_generation([this](const backup::Generation& generation) { return customer_key.prepare(generation); });
    assignment = std::make_unique<portal::Assignment>(
        program,
        portal::AssignmentOptions{.server_name = program.appliance().name,
                                  .customer_keys = [this] { return customer_key.get(); },
                                  .is_blocked = [this](const std::string& id) { return engines.is_blocked(id); },
                                  .is_known = [this](const std::string& id) { return engines.is_known(id); }},
        engines);
    program.on_channel(wire::collector_protocol, [this](tls::Connection connection, const std::string& endpoint) {
      assignment->adopt(std::move(connection), endpoint);
    });
    portal::add_rehearsal(program, engines, assignment->applicants(), settings);
    program.on_settings([this, &program] {
      const PortalSettings next = PortalSettings::load(program.state().path());
      door.set(next);
      engines.set(next);
      lookout.set(next.alerts);
      alerts.set(next);
    });
    serving::report_sign_ins(program, sign_ins);
    serving::announce(program, settings.discovery, {"portal", "portal-collector"});
    http::Routes& routes = program.routes();
    pages::add_style(routes);
    routes.add("GET", "/healthz", [](const http::Call&) {
      return http::Answer{.status = 200, .content_type = "text/plain", .body = "ok\n", .headers = {}, .stream = {}};
    });
    routes.add("GET", "/api/v1/status", [&program](const http::Call&) {
      return http::Answer::json("{\"program\":\"portal\",\"version\":\"" CHANCERY_VERSION "\",\"generation\":" +
                                std::to_string(program.generation().number()) + "}");
    });
    routes.add("GET", "/api/v1/engines", [this](const http::Call& call) {
      if (auto refusal = door.refusal(call)) return *refusal;
      return http::Answer::json(engines.to_json());
    });
    routes.add("GET", "/api/v1/alerts", [this](const http::Call& call) {
      if (auto refusal = door.refusal(call)) return *refusal;
      return http::Answer::json(alerts.to_json());
    });
    portal::add_devices(program, engines, [this](const http::Call& call) { return door.refusal(call); });
    routes.add("GET", "/api/v1/rules", [this](const http::Call& call) {
      if (auto refusal = door.refusal(call)) return *refusal;
      return http::Answer::json(assignment->to_json());
    });
    portal::add_news(program,
                     {.own =
                          [this, &program] {
                            return std::to_string(program.generation().number()) + "\n" +
                                   std::to_string(engines.blocked()) + "\n" + fingerprint_of(engines) +
                                   alerts.to_json() + assignment->to_json();
                          },
                      .engines = [this] { return portal::device_counts(engines); }},
                     [this](const http::Call& call) { return door.refusal(call); });
    portal::add_certificates(program, engines, [this](const http::Call& call) { return door.refusal(call); });
    portal::add_pages(
        program, [this](const http::Call& call) { return door.refusal(call); },
        [this, &program] { return engines_table(program.appliance(), engines); });
  }

  SignInLog sign_ins;
  portal::SignIn door;
  CustomerKey customer_key;
  portal::Engines engines;
  portal::Lookout lookout;
  portal::alerts::Alerts alerts;
  std::unique_ptr<portal::Assignment> assignment;
};

}  // namespace

int main(int argc, char** argv) {
  std::unique_ptr<Portal> portal;
  return serving::run(argc, argv, "portal",
                      [&portal](serving::Program& program) { portal = std::make_unique<Portal>(program); });
}
