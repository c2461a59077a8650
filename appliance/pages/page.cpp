#include "appliance/pages/page.h"

namespace chancery::pages {

namespace {

constexpr const char* style = R"(:root { color-scheme: light dark; --line: #8884; --soft: #8888; }
html { background: Canvas; color: CanvasText; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; padding: 1.5rem; max-width: 70rem; }
header { display: flex; justify-content: space-between; align-items: baseline; border-bottom: 1px solid var(--line); }
h1 { font-size: 1.4rem; margin: 0 0 .6rem; }
summary { cursor: pointer; }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .45rem .8rem .45rem 0; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; min-width: 6rem; }
th { font-weight: 600; }
code { font: .85em ui-monospace, monospace; overflow-wrap: anywhere; }
.soft { color: #666; }
.good::before { content: "\2713\00a0"; color: #1a7f37; }
.bad::before { content: "\2717\00a0"; color: #cf222e; }
.warn::before { content: "!\00a0"; color: #9a6700; font-weight: 700; }
.scroll { overflow-x: auto; }
@media (prefers-color-scheme: dark) { .soft { color: #aaa; } .good::before { color: #3fb950; } .bad::before { color: #ff7b72; } .warn::before { color: #d29922; } }
)";

}  // namespace

std::string escape(std::string_view text) {
  constexpr const char* digits = "0123456789abcdef";
  std::string out;
  out.reserve(text.size());
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    switch (character) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        if (byte < 0x20 || byte == 0x7f) {
          out += "\\x";
          out += digits[byte >> 4U];
          out += digits[byte & 0xfU];
        } else {
          out += character;
        }
    }
  }
  return out;
}

std::string table(const std::vector<std::string>& titles, const std::vector<std::vector<std::string>>& rows) {
  std::string html = "<div class=\"scroll\"><table><thead><tr>";
  for (const std::string& title : titles) html += "<th scope=\"col\">" + escape(title) + "</th>";
  html += "</tr></thead><tbody>";
  for (const auto& row : rows) {
    html += "<tr>";
    for (const std::string& cell : row) html += "<td>" + cell + "</td>";
    html += "</tr>";
  }
  return html + "</tbody></table></div>";
}

http::Answer page(std::string_view title, std::string_view appliance, std::string_view body) {
  std::string html = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">";
  html += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">";
  html += "<title>" + escape(title) + " - " + escape(appliance) + "</title>";
  html += "<link rel=\"stylesheet\" href=\"/style.css\"></head><body><header><h1>" + escape(title) + "</h1>";
  html += "<span class=\"soft\">" + escape(appliance) + "</span></header><main>";
  html += body;
  html += "</main></body></html>\n";
  return http::Answer::html(std::move(html));
}

void add_style(http::Routes& routes) {
  routes.add("GET", "/style.css", [](const http::Call&) {
    return http::Answer{
        .status = 200, .content_type = "text/css; charset=utf-8", .body = style, .headers = {}, .stream = {}};
  });
}

}  // namespace chancery::pages
