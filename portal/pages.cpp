#include "portal/pages.h"

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

}  // namespace

void add_pages(serving::Program& program, const pages::Refusal& refusal, std::function<std::string()> plain) {
  for (const pages::Asset& asset : assets()) {
    if (asset.path != "/") {
      pages::add_asset(program.routes(), asset, refusal);
      continue;
    }
    program.routes().add("GET", "/", [refusal, plain, whole = asset.whole, &program](const http::Call& call) {
      if (auto refused = refusal(call)) return pages::guarded(std::move(*refused));
      http::Answer answer = http::Answer::html(
          filled(filled(std::string(whole), name_mark, pages::escape(program.appliance().name)), plain_mark, plain()));
      answer.headers["Cache-Control"] = "no-store";
      return pages::guarded(std::move(answer));
    });
  }
}

}  // namespace chancery::portal
