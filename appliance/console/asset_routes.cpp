#include "appliance/console/asset_routes.h"

#include "appliance/console/assets.h"
#include "appliance/console/callers.h"

namespace chancery::console {

namespace {

// data: only for the small pictures inside the style sheet (arrows and ticks of form fields).
constexpr const char* policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-ancestors 'none'; form-action 'self'; base-uri 'none'";

http::Answer answer_with(const Asset& asset, const http::Call& call) {
  const bool takes_gzip = header_of(call, "accept-encoding").find("gzip") != std::string::npos;
  http::Answer answer{
      .status = 200,
      .content_type = std::string(asset.content_type),
      .body = {},
      .headers = {{"ETag", std::string(asset.etag)},
                  {"Vary", "Accept-Encoding"},
                  {"Cache-Control", asset.is_lasting ? "public, max-age=31536000, immutable" : "no-cache"}},
      .stream = {}};
  if (header_of(call, "if-none-match") == asset.etag) {
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

void add_assets(http::Routes& routes) {
  for (const Asset& asset : assets()) {
    routes.add(
        "GET", std::string(asset.path), [&asset](const http::Call& call) { return answer_with(asset, call); }, 0);
  }
}

}  // namespace chancery::console
