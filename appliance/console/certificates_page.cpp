#include "appliance/console/certificates_page.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "appliance/pages/page.h"

namespace chancery::console {

namespace {

using nlohmann::json;
using pages::escape;

std::string joined(const json& list) {
  std::string text;
  for (const json& item : list) text += (text.empty() ? "" : ", ") + escape(item.get<std::string>());
  return text;
}

std::string ends_cell(const json& identity) {
  const auto days = identity.at("expires_in_days").get<std::int64_t>();
  const char* tone = days < 0 ? "bad" : days < 30 ? "warn" : "good";
  const std::string when =
      days < 0 ? "ended " + std::to_string(-days) + " days ago" : std::to_string(days) + " days left";
  return std::string("<span class=\"") + tone + "\">" + when + "</span><br><span class=\"soft\">" +
         escape(identity.at("certificate").at("not_after").get<std::string>()) + "</span>";
}

std::string served_cell(const json& identity) {
  std::string html;
  for (const json& served : identity.at("served")) {
    const bool ok = served.at("ok").get<bool>();
    html += std::string("<span class=\"") + (ok ? "good" : "bad") + "\">" +
            escape(served.at("endpoint").get<std::string>()) + (ok ? "" : " serves another certificate") +
            "</span><br>";
  }
  if (!html.empty()) return html;
  // The member identity is what this appliance shows as a client; nobody connects to it.
  const bool is_client = identity.at("identity").get<std::string>() == "member";
  return std::string("<span class=\"soft\">") + (is_client ? "shown to other appliances" : "not running") + "</span>";
}

// The first digits tell certificates apart; the rest is there to compare by another way.
std::string fingerprint_cell(const std::string& sha256) {
  return "<details><summary><code>" + escape(sha256.substr(0, 12)) + "</code></summary><code>" + escape(sha256) +
         "</code></details>";
}

std::vector<std::string> row_of(const json& identity) {
  const json& certificate = identity.at("certificate");
  return {"<strong>" + escape(identity.at("identity").get<std::string>()) + "</strong><br><span class=\"soft\">" +
              escape(identity.at("source").get<std::string>()) + "</span>",
          joined(certificate.at("sans")),
          escape(certificate.at("issuer").get<std::string>()),
          ends_cell(identity),
          served_cell(identity),
          fingerprint_cell(certificate.at("sha256").get<std::string>())};
}

bool is_collector_port(const json& identity) {
  return identity.at("identity").get<std::string>().ends_with("-collector");
}

}  // namespace

http::Answer certificates_page(const Appliance& appliance, const std::string& inventory) {
  const json document = json::parse(inventory);
  std::vector<std::vector<std::string>> usual;
  std::vector<std::vector<std::string>> custom_port;
  for (const json& identity : document.at("identities")) {
    (is_collector_port(identity) ? custom_port : usual).push_back(row_of(identity));
  }
  const std::vector<std::string> titles = {"Identity", "Names", "Issuer", "Ends", "Served", "SHA-256"};
  std::string body =
      "<p>Generation " + std::to_string(document.at("generation").get<std::uint64_t>()) + " is in force.</p>";
  body += pages::table(titles, usual);
  body += "<h2>Collectors' custom port</h2>" + pages::table(titles, custom_port);
  body +=
      "<h2>Changing them</h2><p>On the appliance: <code>chancery cert replace --certificate FILE --key FILE "
      "--intermediate FILE</code>; add <code>--dry-run</code> to see what would happen. "
      "<a href=\"/root.pem\">Download the federation's root</a> and compare its SHA-256 with "
      "<code>chancery authority root</code>.</p>";
  return pages::page("Certificates", appliance.name, body);
}

}  // namespace chancery::console
