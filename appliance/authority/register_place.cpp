#include "appliance/authority/register_place.h"

#include <unistd.h>

#include "appliance/authority/register.h"
#include "appliance/settings/program_settings.h"

namespace chancery::authority {
namespace {

constexpr const char* trust_below_state = "/current/trust/engine/ca-bundle.crt";

// The file's reader is the authority's user, whoever asks: the manager (root) reads what that user could.
SecretReader reader_of(const std::string& state) {
  const auto status = Folder::open(state).status("authority");
  if (!status) return {};
  return {.user = status->owner, .group = status->group};
}

// A file that root makes belongs to the authority's user, as its folder does.
FileAttributes file_attributes_at(const std::string& state) {
  const SecretReader owner = reader_of(state);
  if (::geteuid() != 0) return {.mode = 0600};
  return {.mode = 0600, .owner = owner.user, .group = owner.group};
}

}  // namespace

RegisterPlace RegisterPlace::of(const std::string& state_path) {
  return {.state = state_path, .setting = AuthoritySettings::load(state_path).storage};
}

std::string RegisterPlace::text() const { return is_server() ? to_text(setting) : "sqlite"; }

storage::PostgresOptions RegisterPlace::server(const std::string& application) const {
  storage::PostgresOptions options{.host = setting.host,
                                   .port = setting.port,
                                   .user = setting.user,
                                   .database = setting.database,
                                   .trust_file = [path = state + trust_below_state] { return path; },
                                   .password = {},
                                   .application = application};
  if (!setting.password_file.empty()) {
    options.password = [file = setting.password_file, reader = reader_of(state)] {
      return read_password_file(file, reader);
    };
  }
  return options;
}

std::unique_ptr<storage::Store> RegisterPlace::open(std::chrono::milliseconds longest_pause) const {
  if (!is_server()) return open_register(Folder::open(state).open_folder("authority"), file_attributes_at(state));
  storage::PostgresOptions options = server("chancery-register");
  options.longest_pause_in_transaction = longest_pause;
  return std::make_unique<storage::PostgresStore>(std::move(options), register_schema());
}

}  // namespace chancery::authority
