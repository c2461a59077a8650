// One connection to an LDAP server, with TLS up before it is handed out. For directory.cpp only.
#pragma once

#include <ldap.h>

#include <memory>
#include <optional>
#include <string>

#include "appliance/settings/portal_settings.h"
#include "keystore/bytes/secret.h"

namespace chancery::portal {

class DirectoryLink {
 public:
  // Failure("directory-unavailable"), or "timeout" where it fell silent; those of connect_tcp.
  DirectoryLink(const DirectorySettings& settings, const Bytes& trust_pem, bool skip_validation);

  ~DirectoryLink();

  // False: the server does not take this name with this password.
  bool bind(const std::string& dn, const SecretBytes& password);
  // The only entry below `base` that fits; nullopt for none and for several.
  std::optional<std::string> find_one(const std::string& base, const std::string& filter);

 private:
  struct Close {
    void operator()(LDAP* handle) const noexcept { ::ldap_unbind_ext_s(handle, nullptr, nullptr); }
    void operator()(LDAPMessage* message) const noexcept { ::ldap_msgfree(message); }
  };
  void prepare_tls(const Bytes& trust_pem, bool skip_validation);
  void set(int option, const void* value);
  void set_number(int option, int value);
  [[noreturn]] void give_up(int result) const;

  std::string server_;
  class Watch;
  std::unique_ptr<Watch> watch_;  // before the handle: the library tells it of every socket to its end
  std::unique_ptr<LDAP, Close> handle_;
};

}  // namespace chancery::portal
