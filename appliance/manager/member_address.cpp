#include "appliance/manager/member_address.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <charconv>
#include <filesystem>

#include "keystore/fault.h"

namespace chancery::manager {

std::map<std::string, tls::Target> member_addresses(const std::string& state_path) {
  std::map<std::string, tls::Target> found;
  const std::string path = state_path + "/databases/portal.db";
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(std::filesystem::symlink_status(path, ignored))) return found;
  try {
    constexpr int patience_ms = 500;
    const SQLite::Database database(path, SQLite::OPEN_READONLY, patience_ms);
    SQLite::Statement rows(database, "SELECT name, host, port, internal_name FROM engines");
    while (rows.executeStep()) {
      found.emplace(rows.getColumn(0).getString(), tls::Target{.host = rows.getColumn(1).getString(),
                                                               .port = rows.getColumn(2).getInt(),
                                                               .name = rows.getColumn(3).getString()});
    }
  } catch (const SQLite::Exception&) {
    found.clear();  // another schema, or busy: whoever asks says that the address is not known
  }
  return found;
}

tls::Target target_at(const std::string& address, const std::string& name) {
  constexpr int usual_port = 443;
  const std::size_t bracket = address.rfind(']');
  const std::size_t colon = address.rfind(':');
  const bool has_port =
      colon != std::string::npos && (bracket == std::string::npos ? address.find(':') == colon : colon > bracket);
  std::string host = has_port ? address.substr(0, colon) : address;
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  int port = usual_port;
  if (has_port) {
    const char* end = address.data() + address.size();
    const auto [stop, error] = std::from_chars(address.data() + colon + 1, end, port);
    if (error != std::errc() || stop != end) port = 0;
  }
  if (host.empty() || port < 1 || port > 65535) {
    throw Failure({.code = "bad-address",
                   .subject = address,
                   .cause = "this is no address of an engine",
                   .hint = "write HOST:PORT, an IPv6 address in brackets"});
  }
  return {.host = host, .port = port, .name = name};
}

}  // namespace chancery::manager
