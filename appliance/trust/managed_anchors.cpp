#include "appliance/trust/managed_anchors.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"
#include "keystore/openssl/digest.h"

namespace chancery::trust {
namespace {

using nlohmann::json;

constexpr const char* format = "chancery-managed-anchors-1";
constexpr std::size_t most = 100'000;

const char* to_text_of(ManagedAnchor::Kind kind) {
  return kind == ManagedAnchor::Kind::keystore ? "keystore" : "operating-system";
}

Failure damaged(const std::string& cause) {
  return Failure({.code = "anchors-damaged",
                  .subject = managed_anchors_path,
                  .cause = cause,
                  .hint = "undo edits by hand with chancery generation undo, or go back with chancery generation "
                          "rollback N"});
}

ManagedAnchor anchor_of(const json& object) {
  ManagedAnchor anchor;
  const std::string kind = object.at("kind").get<std::string>();
  if (kind != "keystore" && kind != "operating-system") throw damaged("there is no kind of anchor \"" + kind + "\"");
  anchor.kind = kind == "keystore" ? ManagedAnchor::Kind::keystore : ManagedAnchor::Kind::operating_system;
  anchor.path = object.at("path").get<std::string>();
  anchor.alias = object.at("alias").get<std::string>();
  anchor.since = from_rfc3339(object.at("since").get<std::string>());
  anchor.der = from_base64(object.at("certificate").get<std::string>());
  anchor.sha256 = sha256_hex(anchor.der);
  if (!anchor.path.starts_with('/')) throw damaged("a store's path is not absolute");
  return anchor;
}

auto key_of(const ManagedAnchor& anchor) { return std::tie(anchor.path, anchor.sha256); }

}  // namespace

ManagedAnchors ManagedAnchors::read(const backup::Generation& generation) {
  if (!generation.has(managed_anchors_path)) return {};
  return parse(generation.read(managed_anchors_path));
}

ManagedAnchors ManagedAnchors::parse(ByteView text) {
  const json document = json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  ManagedAnchors anchors;
  try {
    if (document.at("format").get<std::string>() != format) throw damaged("its format is not " + std::string(format));
    const json& list = document.at("anchors");
    if (!list.is_array() || list.size() > most) throw damaged("anchors is no list of at most 100,000");
    for (const json& each : list) anchors.remember(anchor_of(each));
  } catch (const json::exception& error) {
    throw damaged(error.what());
  }
  return anchors;
}

std::string ManagedAnchors::to_text() const {
  json list = json::array();
  for (const ManagedAnchor& anchor : anchors_) {
    list.push_back({{"kind", to_text_of(anchor.kind)},
                    {"path", anchor.path},
                    {"alias", anchor.alias},
                    {"sha256", anchor.sha256},
                    {"since", to_rfc3339(anchor.since)},
                    {"certificate", to_base64(anchor.der)}});
  }
  return json{{"format", format}, {"anchors", std::move(list)}}.dump(2, ' ', false, json::error_handler_t::replace) +
         "\n";
}

std::vector<ManagedAnchor> ManagedAnchors::of(const std::string& path) const {
  std::vector<ManagedAnchor> found;
  std::copy_if(anchors_.begin(), anchors_.end(), std::back_inserter(found),
               [&](const ManagedAnchor& anchor) { return anchor.path == path; });
  return found;
}

std::vector<std::string> ManagedAnchors::keystores() const {
  std::vector<std::string> paths;
  for (const ManagedAnchor& anchor : anchors_) {
    if (anchor.kind != ManagedAnchor::Kind::keystore) continue;
    if (paths.empty() || paths.back() != anchor.path) paths.push_back(anchor.path);
  }
  return paths;
}

void ManagedAnchors::remember(ManagedAnchor anchor) {
  const auto at = std::lower_bound(
      anchors_.begin(), anchors_.end(), anchor,
      [](const ManagedAnchor& left, const ManagedAnchor& right) { return key_of(left) < key_of(right); });
  if (at != anchors_.end() && key_of(*at) == key_of(anchor)) {
    anchor.since = at->since;
    *at = std::move(anchor);
    return;
  }
  anchors_.insert(at, std::move(anchor));
}

bool ManagedAnchors::forget(const std::string& path, const std::string& sha256) {
  return std::erase_if(anchors_,
                       [&](const ManagedAnchor& anchor) { return anchor.path == path && anchor.sha256 == sha256; }) > 0;
}

}  // namespace chancery::trust
