#include "appliance/pages/asset_routes.h"

namespace chancery::pages {

namespace {

// data: only for the small pictures inside the style sheet (arrows and ticks of form fields).
constexpr const char* policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-ancestors 'none'; form-action 'self'; base-uri 'none'";

std::string_view header_in(const http::Call& call, const char* name) {
  const auto found = call.headers.find(name);
  return found == call.headers.end() ? std::string_view() : found->second;
}

// What is behind a door is kept by the browser alone, and by no proxy.
const char* caching(const Asset& asset, bool is_public) {
  if (!asset.is_lasting) return "no-cache";
  return is_public ? "public, max-age=31536000, immutable" : "private, max-age=31536000, immutable";
}

http::Answer answer_with(const Asset& asset, const http::Call& call, bool is_public) {
  // The page itself goes as it is: what is compressed has its hash in its name and says the same to everybody, so that
  // its length tells nothing (BREACH), and scanners have nothing to warn of.
  const bool takes_gzip = asset.is_lasting && header_in(call, "accept-encoding").find("gzip") != std::string_view::npos;
  http::Answer answer{.status = 200,
                      .content_type = std::string(asset.content_type),
                      .body = {},
                      .headers = {{"ETag", std::string(asset.etag)},
                                  {"Vary", "Accept-Encoding"},
                                  {"Cache-Control", caching(asset, is_public)}},
                      .stream = {}};
  if (header_in(call, "if-none-match") == asset.etag) {
    answer.status = 304;
    return guarded(std::move(answer));
  }
  if (takes_gzip) answer.headers["Content-Encoding"] = "gzip";
  answer.body = takes_gzip ? asset.gzip : asset.whole;
  return guarded(std::move(answer));
}

}  // namespace

http::Answer guarded(http::Answer answer) {
  answer.headers["Content-Security-Policy"] = policy;
  answer.headers["Cross-Origin-Opener-Policy"] = "same-origin";
  answer.headers["Cross-Origin-Resource-Policy"] = "same-origin";
  answer.headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=(), payment=()";
  return answer;
}

void add_asset(http::Routes& routes, const Asset& asset, Refusal refusal) {
  routes.add(
      "GET", std::string(asset.path),
      [&asset, refusal = std::move(refusal)](const http::Call& call) {
        if (refusal) {
          if (auto refused = refusal(call)) return guarded(std::move(*refused));
        }
        return answer_with(asset, call, !refusal);
      },
      0);
}

}  // namespace chancery::pages
