#include "portal/pages.h"

#include <nlohmann/json.hpp>

#include "appliance/pages/page.h"
#include "portal/assets.h"

namespace chancery::portal {

namespace {

constexpr std::string_view name_mark = "{appliance}";
constexpr std::string_view plain_mark = "{plain}";

std::string filled(std::string text, std::string_view mark, const std::string& with) {
  const std::size_t at = text.find(mark);
  return at == std::string::npos ? text : text.replace(at, mark.size(), with);
}

// A person who gave no password, a wrong one, or whom nobody can judge now, sees the refusal's words and not its JSON.
http::Answer readable(http::Answer refused, const http::Call& call) {
  const auto accept = call.headers.find("accept");
  if (accept == call.headers.end() || accept->second.find("text/html") == std::string::npos) return refused;
  const auto problem = nlohmann::json::parse(refused.body, nullptr, /*allow_exceptions=*/false);
  if (!problem.is_object()) return refused;
  http::Answer answer =
      pages::page(problem.value("title", "Refused"), "Chancery portal",
                  "<p>" + pages::escape(problem.value("detail", "")) + "</p><p><a href=\"/\">Try again</a></p>");
  answer.status = refused.status;
  answer.headers.merge(std::move(refused.headers));
  answer.headers["Cache-Control"] = "no-store";
  return answer;
}

}  // namespace

void add_pages(serving::Program& program, const pages::Refusal& refusal, std::function<std::string()> plain) {
  for (const pages::Asset& asset : assets()) {
    if (asset.path != "/") {
      pages::add_asset(program.routes(), asset, refusal);
      continue;
    }
    program.routes().add("GET", "/", [refusal, plain, whole = asset.whole, &program](const http::Call& call) {
      if (auto refused = refusal(call)) return pages::guarded(readable(std::move(*refused), call));
      http::Answer answer = http::Answer::html(
          filled(filled(std::string(whole), name_mark, pages::escape(program.appliance().name)), plain_mark, plain()));
      answer.headers["Cache-Control"] = "no-store";
      return pages::guarded(std::move(answer));
    });
  }
}

}  // namespace chancery::portal
