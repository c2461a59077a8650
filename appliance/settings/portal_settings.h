// What the portal is told of a directory to sign in by and of a mail server to warn by; parts of PortalSettings.
//
//   ldap.url = "ldaps://ldap.example.com:636"        or "ldap://ldap.example.com:389": StartTLS, never plain text
//   ldap.user-dn = "uid={user},ou=people,dc=example,dc=com"
//   or, where people stand in several branches or only some may sign in:
//   ldap.search-base = "dc=example,dc=com", ldap.search-filter = "(&(uid={user})(memberOf=cn=admins,dc=example,dc=com))"
//   ldap.bind-dn, ldap.bind-password-file            who searches; without them the search is anonymous
//
//   mail.server = "mail.example.com:587", mail.security = "starttls" | "tls"
//   mail.from = "chancery@example.com", mail.to = ["ops@example.com"]
//   mail.user, mail.password-file                    where the server asks for them
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "appliance/settings/policy.h"
#include "appliance/settings/setting_file.h"

namespace chancery {

struct DirectorySettings {
  ProbeAddress server;
  bool starttls = false;  // ldap://: TLS after StartTLS; ldaps://: from the first byte
  std::string user_dn;    // holds "{user}"; empty where people are searched for
  std::string search_base;
  std::string search_filter = "(uid={user})";
  std::string bind_dn;
  std::string bind_password_file;
};

struct MailSettings {
  ProbeAddress server;
  bool starttls = true;
  std::string from;
  std::vector<std::string> to;
  std::string user;
  std::string password_file;
};

// nullopt where nothing is said of it; Failure("bad-setting") where something is wrong or missing.
[[nodiscard]] std::optional<DirectorySettings> read_directory_settings(SettingFile& file);
[[nodiscard]] std::optional<MailSettings> read_mail_settings(SettingFile& file);

}  // namespace chancery
