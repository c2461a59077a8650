#include "appliance/settings/portal_settings.h"

#include <algorithm>
#include <set>

namespace chancery {
namespace {

constexpr const char* placeholder = "{user}";
constexpr int ldap_port = 389;
constexpr int ldaps_port = 636;
constexpr int submission_port = 587;
constexpr int submissions_port = 465;
constexpr std::size_t recipients_most = 16;

SettingFile::Keys keys(const std::string& key) { return {"portal." + key, key}; }

ProbeAddress read_address(const SettingFile& file, const SettingFile::Keys& names, const std::string& text, int port) {
  try {
    return parse_address(text, port);
  } catch (const Failure& failure) {
    throw file.wrong_value(names, "\"" + text + "\": " + failure.cause(), failure.hint());
  }
}

void read_url(SettingFile& file, const std::string& url, DirectorySettings& settings) {
  const SettingFile::Keys names = keys("ldap.url");
  const std::size_t end = url.find("://");
  const std::string scheme = url.substr(0, end == std::string::npos ? 0 : end);
  if (scheme != "ldap" && scheme != "ldaps") {
    throw file.wrong_value(names, "\"" + url + "\" is no address of a directory",
                           "write \"ldaps://HOST:PORT\", or \"ldap://HOST:PORT\" for StartTLS");
  }
  settings.starttls = scheme == "ldap";
  std::string host = url.substr(end + 3);
  if (host.ends_with('/')) host.pop_back();
  settings.server = read_address(file, names, host, settings.starttls ? ldap_port : ldaps_port);
}

void expect_placeholder(const SettingFile& file, const SettingFile::Keys& names, const std::string& text) {
  if (text.find(placeholder) != std::string::npos) return;
  throw file.wrong_value(names, "\"" + text + "\" does not say where the name of the person stands",
                         "write {user} in its place");
}

void read_people(SettingFile& file, DirectorySettings& settings) {
  settings.user_dn = file.text(keys("ldap.user-dn")).value_or("");
  settings.search_base = file.text(keys("ldap.search-base")).value_or("");
  settings.search_filter = file.text(keys("ldap.search-filter")).value_or(settings.search_filter);
  settings.bind_dn = file.text(keys("ldap.bind-dn")).value_or("");
  settings.bind_password_file = file.text(keys("ldap.bind-password-file")).value_or("");
  if (settings.user_dn.empty() == settings.search_base.empty()) {
    throw file.wrong_value(keys("ldap.url"), "it must be said in one way who people are",
                           "give either ldap.user-dn with {user} in it, or ldap.search-base");
  }
  if (!settings.user_dn.empty()) expect_placeholder(file, keys("ldap.user-dn"), settings.user_dn);
  if (!settings.search_base.empty()) expect_placeholder(file, keys("ldap.search-filter"), settings.search_filter);
  if (settings.bind_dn.empty() != settings.bind_password_file.empty()) {
    throw file.wrong_value(keys("ldap.bind-dn"), "who searches needs both a name and a password",
                           "give ldap.bind-dn and ldap.bind-password-file, or neither");
  }
}

// What may stand between < and > in SMTP without quoting: enough for every real address, and no way to add a line.
bool is_mail_address(const std::string& text) {
  const std::size_t at = text.find('@');
  if (at == 0 || at == std::string::npos || at + 1 == text.size() || text.size() > 254) return false;
  if (text.find('@', at + 1) != std::string::npos) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c > 0x20 && c < 0x7f && std::string_view("<>()[],;:\\\"").find(c) == std::string_view::npos;
  });
}

void expect_mail_address(const SettingFile& file, const SettingFile::Keys& names, const std::string& text) {
  if (is_mail_address(text)) return;
  if (text.empty()) throw file.wrong_value(names, names.back() + " is empty", "write it as name@example.com");
  throw file.wrong_value(names, "\"" + text + "\" is no mail address", "write it as name@example.com");
}

}  // namespace

std::optional<DirectorySettings> read_directory_settings(SettingFile& file) {
  DirectorySettings settings;
  const auto url = file.text(keys("ldap.url"));
  if (url && !url->empty()) {
    read_url(file, *url, settings);
    read_people(file, settings);
    return settings;
  }
  // Read all the same, so that a key without an address is known and is not called a typing error.
  for (const char* key :
       {"ldap.user-dn", "ldap.search-base", "ldap.search-filter", "ldap.bind-dn", "ldap.bind-password-file"}) {
    if (file.text(keys(key))) {
      throw file.wrong_value(keys(key), "a directory is described and not named",
                             "give ldap.url as well; where there is to be none, take the other ldap settings out, too");
    }
  }
  return std::nullopt;
}

std::optional<MailSettings> read_mail_settings(SettingFile& file) {
  MailSettings settings;
  const std::string server = file.text(keys("mail.server")).value_or("");
  settings.starttls = file.choice(keys("mail.security"), {"starttls", "tls"}).value_or("starttls") == "starttls";
  settings.from = file.text(keys("mail.from")).value_or("");
  settings.to = file.list(keys("mail.to")).value_or(std::vector<std::string>{});
  settings.user = file.text(keys("mail.user")).value_or("");
  settings.password_file = file.text(keys("mail.password-file")).value_or("");
  if (server.empty()) return std::nullopt;
  settings.server =
      read_address(file, keys("mail.server"), server, settings.starttls ? submission_port : submissions_port);
  expect_mail_address(file, keys("mail.from"), settings.from);
  if (settings.to.empty() || settings.to.size() > recipients_most) {
    throw file.wrong_value(keys("mail.to"), "it must name 1 to 16 addresses", "write mail.to = [\"ops@example.com\"]");
  }
  for (const std::string& recipient : settings.to) expect_mail_address(file, keys("mail.to"), recipient);
  if (settings.user.empty() != settings.password_file.empty()) {
    throw file.wrong_value(keys("mail.user"), "signing in at the mail server needs a name and a password",
                           "give mail.user and mail.password-file, or neither");
  }
  return settings;
}

}  // namespace chancery
