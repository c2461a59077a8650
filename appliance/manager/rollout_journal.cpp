#include "appliance/manager/rollout_journal.h"

#include <sodium.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "keystore/bytes/cursor.h"
#include "keystore/bytes/text_encoding.h"

namespace chancery::manager {
namespace {

using nlohmann::json;

constexpr const char* rollouts_folder = "rollouts";
constexpr const char* numbers_file = "rollouts/.number";
constexpr std::size_t kept_rollouts = 20;
constexpr std::size_t journal_limit = 64 * 1024 * 1024;
constexpr std::size_t files_limit = 96 * 1024 * 1024;
constexpr std::size_t most_entries = 10'000;
constexpr std::size_t most_attachments = 64;
constexpr std::chrono::seconds patience{2};
constexpr FileAttributes for_root{.mode = 0600, .owner = {}, .group = {}};
constexpr FileAttributes folder_for_root{.mode = 0700, .owner = {}, .group = {}};

Failure damaged(const std::string& id, const std::string& cause) {
  return Failure({.code = "rollout-damaged",
                  .subject = id,
                  .cause = cause,
                  .hint = "end it (chancery federation rollout --stop) and look at each member of its wave",
                  .needs_person = true});
}

json member_json(const RolloutMember& member) {
  json out{{"name", member.name}, {"wave", member.wave}, {"state", member.state}};
  if (member.generation != 0) out["generation"] = member.generation;
  const auto put = [&](const char* name, const std::string& text) {
    if (!text.empty()) out[name] = text;
  };
  put("backup_set", member.backup_set);
  put("note", member.note);
  if (!member.code.empty()) {
    out["error"] = {{"code", member.code}, {"message", member.message}, {"hint", member.hint}};
  }
  return out;
}

// What goes on needs besides what people are shown.
json journal_of(const Rollout& rollout) {
  json out = to_json(rollout);
  out["format"] = "chancery-rollout-1";
  out["plan_sha256"] = rollout.plan_sha256;
  out["stopped"] = rollout.is_stopped;
  out["undo"] = rollout.is_undone;
  for (std::size_t i = 0; i < rollout.members.size(); ++i) {
    const RolloutMember& member = rollout.members[i];
    out["members"][i].update({{"address", member.address},
                              {"entry", member.entry},
                              {"order", member.order},
                              {"number", member.number},
                              {"undo", member.undo},
                              {"undo_number", member.undo_number},
                              {"restored", member.is_restored},
                              {"left", member.is_left}});
  }
  return out;
}

RolloutMember member_from(const json& from) {
  RolloutMember member;
  member.name = from.at("name").get<std::string>();
  member.address = from.at("address").get<std::string>();
  member.entry = from.at("entry").get<std::size_t>();
  member.wave = from.at("wave").get<std::size_t>();
  member.state = from.at("state").get<std::string>();
  member.order = from.at("order").get<std::string>();
  member.number = from.at("number").get<std::uint64_t>();
  member.undo = from.at("undo").get<std::string>();
  member.undo_number = from.at("undo_number").get<std::uint64_t>();
  member.is_restored = from.at("restored").get<bool>();
  member.is_left = from.value("left", false);
  member.generation = from.value("generation", std::int64_t{0});
  member.backup_set = from.value("backup_set", "");
  member.note = from.value("note", "");
  if (from.contains("error")) {
    member.code = from["error"].at("code").get<std::string>();
    member.message = from["error"].at("message").get<std::string>();
    member.hint = from["error"].at("hint").get<std::string>();
  }
  return member;
}

bool is_id(const std::string& name) {
  return name.size() > 16 && std::ranges::all_of(name, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == 'T' || c == 'Z' || c == '-';
         });
}

SecretBytes text_of_files(const RolloutFiles& files) {
  Writer out;
  out.sized32(view_of(files.signer_key)).sized32(view_of(files.signer_chain));
  out.u32(static_cast<std::uint32_t>(files.entries.size()));
  for (const RolloutFiles::Entry& entry : files.entries) {
    out.sized32(view_of(entry.arguments)).u16(static_cast<std::uint16_t>(entry.attachments.size()));
    for (const SecretBytes& attachment : entry.attachments) out.sized32(view_of(attachment));
  }
  return out.take();
}

RolloutFiles files_from(ByteView bytes) {
  Reader in(bytes, "rollout's files");
  RolloutFiles files;
  files.signer_key = secret_copy(in.sized32(files_limit));
  files.signer_chain = text_of(in.sized32(files_limit));
  const std::size_t entries = in.u32();
  for (std::size_t i = 0; i < entries && i < most_entries; ++i) {
    RolloutFiles::Entry entry{.arguments = std::string(text_of(in.sized32(files_limit))), .attachments = {}};
    const std::size_t count = std::min<std::size_t>(in.u16(), most_attachments);
    for (std::size_t n = 0; n < count; ++n) entry.attachments.push_back(secret_copy(in.sized32(files_limit)));
    files.entries.push_back(std::move(entry));
  }
  in.expect_end();
  return files;
}

FileLock lock_of(const Folder& state, const std::string& holder) {
  state.make_folder(rollouts_folder, folder_for_root);
  state.sync();
  return FileLock::take(state.path() + "/" + rollouts_folder + "/.lock", holder, patience);
}

}  // namespace

json to_json(const Rollout& rollout) {
  json members = json::array();
  for (const RolloutMember& member : rollout.members) members.push_back(member_json(member));
  return {{"id", rollout.id},
          {"state", rollout.state},
          {"who", rollout.who},
          {"created", to_rfc3339(rollout.created)},
          {"wave", rollout.wave},
          {"waves", rollout.waves},
          {"members", std::move(members)}};
}

RolloutJournal::RolloutJournal(const Folder& state, const std::string& holder)
    : state_(state), lock_(lock_of(state, holder)) {
  sweep();
}

// What a crash has left: files of a rollout that had not begun yet, or that is over.
void RolloutJournal::sweep() const {
  const std::vector<std::string> known = ids(state_);
  for (const std::string& name : state_.open_folder(rollouts_folder).list()) {
    if (!is_id(name)) continue;
    const std::string folder = std::string(rollouts_folder) + "/" + name;
    if (std::ranges::find(known, name) == known.end()) {
      state_.remove_tree(folder);
    } else if (state_.status(folder + "/files.sealed") && read(state_, name).is_over()) {
      state_.remove(folder + "/files.sealed");
    }
  }
}

std::vector<std::string> RolloutJournal::ids(const Folder& state) {
  if (!state.status(rollouts_folder)) return {};
  std::vector<std::string> names = state.open_folder(rollouts_folder).list();
  std::erase_if(names, [&](const std::string& name) {
    return !is_id(name) || !state.status(std::string(rollouts_folder) + "/" + name + "/rollout.json");
  });
  std::ranges::sort(names, std::greater<>());
  return names;
}

Rollout RolloutJournal::read(const Folder& state, const std::string& id) {
  const std::vector<std::string> known = ids(state);
  if (std::ranges::find(known, id) == known.end()) {
    throw Failure({.code = "unknown-rollout",
                   .subject = id,
                   .cause = "there is no such rollout",
                   .hint = "chancery federation rollout --status shows those that are known"});
  }
  const Bytes bytes = state.read(std::string(rollouts_folder) + "/" + id + "/rollout.json", journal_limit);
  const json file = json::parse(text_of(bytes), nullptr, /*allow_exceptions=*/false);
  try {
    Rollout rollout;
    rollout.id = id;
    rollout.who = file.at("who").get<std::string>();
    rollout.created = from_rfc3339(file.at("created").get<std::string>());
    rollout.plan_sha256 = file.at("plan_sha256").get<std::string>();
    rollout.state = file.at("state").get<std::string>();
    rollout.is_stopped = file.at("stopped").get<bool>();
    rollout.is_undone = file.value("undo", false);
    rollout.wave = file.at("wave").get<std::size_t>();
    rollout.waves = file.at("waves").get<std::size_t>();
    for (const json& member : file.at("members")) rollout.members.push_back(member_from(member));
    return rollout;
  } catch (const json::exception& error) {
    throw damaged(id, error.what());
  }
}

std::optional<Rollout> RolloutJournal::unfinished(const Folder& state) {
  for (const std::string& id : ids(state)) {
    Rollout rollout = read(state, id);
    if (!rollout.is_over()) return rollout;
  }
  return std::nullopt;
}

// The names in order are the rollouts in order, also within one second and after the clock was set back: the newest is the
// one that a person goes on with.
std::string RolloutJournal::new_id(Instant now) const {
  const std::string random = "-" + to_hex(view_of(random_secret(4)));
  const std::vector<std::string> known = ids(state_);
  std::string id = to_compact(now) + random;
  if (!known.empty() && id <= known.front()) {
    std::string newest = known.front().substr(0, known.front().find('-'));
    for (const std::size_t at : {13U, 11U}) newest.insert(at, ":");
    for (const std::size_t at : {6U, 4U}) newest.insert(at, "-");
    id = to_compact(from_rfc3339(newest) + std::chrono::seconds(1)) + random;
  }
  return id;
}

void RolloutJournal::begin(const Rollout& rollout, const RolloutFiles& files) {
  const std::string folder = std::string(rollouts_folder) + "/" + rollout.id;
  state_.make_folder(folder, folder_for_root);
  save_files(rollout.id, files);
  save(rollout);  // from here on it is one
  const std::vector<std::string> known = ids(state_);
  for (std::size_t i = kept_rollouts; i < known.size(); ++i) {
    state_.remove_tree(std::string(rollouts_folder) + "/" + known[i]);
  }
}

void RolloutJournal::save(const Rollout& rollout) {
  const std::string folder = std::string(rollouts_folder) + "/" + rollout.id;
  const std::string text = journal_of(rollout).dump(1, ' ', false, json::error_handler_t::replace) + "\n";
  state_.write_atomically(folder + "/rollout.json", view_of(text), for_root);
  if (rollout.is_over()) state_.remove(folder + "/files.sealed");
}

SecretBytes RolloutJournal::sealing_key() const {
  const Sha256 key = hmac_sha256(view_of(manifest_key(state_)), view_of("chancery rollout files 1"));
  return secret_copy(key);
}

void RolloutJournal::save_files(const std::string& id, const RolloutFiles& files) {
  const SecretBytes plain = text_of_files(files);
  const SecretBytes key = sealing_key();
  SecretBytes sealed = random_secret(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);
  const std::size_t nonce = sealed.size();
  sealed.resize(nonce + plain.size() + crypto_aead_xchacha20poly1305_ietf_ABYTES);
  // The id is authenticated too: the files of one rollout are never those of another.
  crypto_aead_xchacha20poly1305_ietf_encrypt(sealed.data() + nonce, nullptr, plain.data(), plain.size(),
                                             view_of(id).data(), id.size(), nullptr, sealed.data(), key.data());
  state_.write_atomically(std::string(rollouts_folder) + "/" + id + "/files.sealed", view_of(sealed), for_root);
}

bool RolloutJournal::has_files(const std::string& id) const {
  return state_.status(std::string(rollouts_folder) + "/" + id + "/files.sealed").has_value();
}

RolloutFiles RolloutJournal::load_files(const std::string& id) const {
  const SecretBytes sealed = state_.read_secret(std::string(rollouts_folder) + "/" + id + "/files.sealed", files_limit);
  constexpr std::size_t nonce = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
  constexpr std::size_t tag = crypto_aead_xchacha20poly1305_ietf_ABYTES;
  const SecretBytes key = sealing_key();
  if (sealed.size() < nonce + tag) throw damaged(id, "its sealed files are cut off");
  SecretBytes plain(sealed.size() - nonce - tag);
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain.data(), nullptr, nullptr, sealed.data() + nonce,
                                                 sealed.size() - nonce, view_of(id).data(), id.size(), sealed.data(),
                                                 key.data()) != 0) {
    throw damaged(id, "its sealed files were altered");
  }
  return files_from(view_of(plain));
}

std::uint64_t RolloutJournal::next_number() {
  std::uint64_t last = 0;
  if (state_.status(numbers_file)) {
    const Bytes text = state_.read(numbers_file, 64);
    for (const std::uint8_t byte : text) {
      if (byte >= '0' && byte <= '9') last = last * 10 + (byte - '0');
    }
  }
  const auto now =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch());
  const std::uint64_t number = std::max(last + 1, static_cast<std::uint64_t>(now.count()));
  state_.write_atomically(numbers_file, view_of(std::to_string(number) + "\n"), for_root);
  return number;
}

}  // namespace chancery::manager
