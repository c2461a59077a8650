#include <nlohmann/json.hpp>

#include "appliance/manager/bench.h"

namespace chancery::manager {
namespace {

using nlohmann::json;

constexpr const char* path = "resolved.json";
constexpr std::size_t limit = 64 * 1024;

}  // namespace

std::optional<LastResolution> last_resolution(const Folder& state) {
  try {
    if (!state.status(path)) return std::nullopt;
    const json all = json::parse(text_of(state.read(path, limit)));
    LastResolution last;
    last.resolution.committed = all.at("committed").get<bool>();
    last.resolution.generation = all.at("generation").get<backup::GenerationNumber>();
    last.resolution.explanation = all.at("explanation").get<std::string>();
    last.when = from_rfc3339(all.at("when").get<std::string>());
    return last;
  } catch (const std::exception&) {
    return std::nullopt;  // it only explains; nothing depends on it
  }
}

void remember_resolution(const Folder& state, const LastResolution& last) {
  const json all{{"committed", last.resolution.committed},
                 {"generation", last.resolution.generation},
                 {"explanation", last.resolution.explanation},
                 {"when", to_rfc3339(last.when)}};
  try {
    state.write_atomically(path, view_of(all.dump(2) + "\n"), {.mode = 0644, .owner = {}, .group = {}});
  } catch (const Failure&) {
    // The change is resolved; that this could not be noted (a full disk) takes nothing back.
  }
}

}  // namespace chancery::manager
