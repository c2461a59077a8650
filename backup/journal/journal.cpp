#include "backup/journal/journal.h"

#include "backup/generations/strict_json.h"

namespace chancery::backup {
namespace {

constexpr const char* kName = "change.json";
constexpr const char* kFormat = "chancery-change-1";
constexpr std::size_t kMaximum = 1u << 20;

Json to_json(const ForeignFile& file) {
  return {{"path", file.path},
          {"before_sha256", file.before_sha256},
          {"after_sha256", file.after_sha256},
          {"saved_as", file.saved_as}};
}

ForeignFile foreign_file_of(const Json& object, const Refuse& refuse) {
  Fields fields(object, "a foreign file", refuse);
  ForeignFile file{.path = fields.text("path"),
                   .before_sha256 = fields.text("before_sha256"),
                   .after_sha256 = fields.text("after_sha256"),
                   .saved_as = fields.text("saved_as")};
  fields.expect_no_more();
  return file;
}

}  // namespace

std::optional<ChangeInDoubt> Journal::read() const {
  const std::optional<FileStatus> status = state_.status(kName);
  if (!status) {
    return std::nullopt;
  }
  const Refuse refuse = [this](const std::string& cause) {
    return Failure(
        {.code = "journal-invalid",
         .subject = state_.path() + "/" + kName,
         .cause = "the journal of an unfinished change is damaged: " + cause,
         .hint = "see with `chancery status` what is in force; when it is what you want, remove this file by hand, "
                 "otherwise go back with `chancery generation rollback N` after removing it",
         .needs_person = true});
  };
  if (status->kind != FileStatus::Kind::file || status->size > kMaximum) {
    throw refuse("it is not a regular file of at most 1 MiB");
  }
  const Bytes text = state_.read(kName, kMaximum);
  const Json document = parse_json(text_of(text), refuse);
  Fields fields(document, "the journal", refuse);
  if (fields.text("format") != kFormat) {
    throw refuse("its format is not " + std::string(kFormat));
  }
  ChangeInDoubt change{.from = fields.number("from"),
                       .to = fields.number("to"),
                       .step = fields.text("step"),
                       .cause = cause_of(fields.object("cause"), refuse),
                       .identities = fields.texts("identities"),
                       .programs = fields.texts("programs"),
                       .consumers = fields.texts("consumers"),
                       .foreign = {},
                       .backup_set = fields.text("backup_set")};
  for (const Json& file : fields.array("foreign")) {
    change.foreign.push_back(foreign_file_of(file, refuse));
  }
  fields.expect_no_more();
  return change;
}

void Journal::write(const ChangeInDoubt& change) const {
  Json foreign = Json::array();
  for (const ForeignFile& file : change.foreign) {
    foreign.push_back(to_json(file));
  }
  const std::string text = write_json({{"format", kFormat},
                                       {"from", change.from},
                                       {"to", change.to},
                                       {"step", change.step},
                                       {"cause", to_json(change.cause)},
                                       {"identities", change.identities},
                                       {"programs", change.programs},
                                       {"consumers", change.consumers},
                                       {"foreign", std::move(foreign)},
                                       {"backup_set", change.backup_set}});
  state_.write_atomically(kName, view_of(text), {.mode = 0600});
}

void Journal::commit() const {
  state_.remove(kName);  // and syncs
}

}  // namespace chancery::backup
