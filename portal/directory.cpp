#include "portal/directory.h"

#include <algorithm>

#include "appliance/settings/storage_setting.h"
#include "appliance/tls/diagnosis.h"
#include "keystore/fault.h"
#include "portal/directory_link.h"
#include "portal/directory_names.h"

namespace chancery::portal {

namespace {

// What a handshake of our own shows where the library only says that it cannot contact the server.
Failure explained(const Failure& failure, const DirectorySettings& settings, const Bytes& trust_pem) {
  if (failure.code() != "directory-unavailable") return failure;
  tls::DiagnosisRequest request{
      .address = settings.server, .trust_pem = trust_pem, .deadline = std::chrono::seconds(5)};
  if (settings.starttls) request.address.starttls = "ldap";
  const tls::Diagnosis diagnosis = tls::diagnose(request);
  const auto step = std::find_if(diagnosis.steps.begin(), diagnosis.steps.end(),
                                 [](const tls::DiagnosisStep& one) { return !one.ok; });
  if (step == diagnosis.steps.end()) {
    if (settings.server.host != "localhost") return failure;
    return Failure({.code = failure.code(),
                    .subject = failure.subject(),
                    .cause = failure.cause(),
                    .hint =
                        "OpenLDAP takes localhost for this machine's own name: write the name or address that stands "
                        "in the directory's certificate"});
  }
  return Failure({.code = failure.code(),
                  .subject = failure.subject(),
                  .cause = step->step + ": " + step->detail,
                  .hint = step->hint});
}

}  // namespace

Directory::Directory(DirectorySettings settings, bool skip_certificate_validation)
    : settings_(std::move(settings)), skip_validation_(skip_certificate_validation) {}

void Directory::set_trust(Bytes pem) {
  auto next = std::make_shared<const Bytes>(std::move(pem));
  const std::lock_guard lock(mutex_);
  trust_ = std::move(next);
}

std::shared_ptr<const Bytes> Directory::trust() const {
  const std::lock_guard lock(mutex_);
  return trust_ ? trust_ : std::make_shared<const Bytes>();
}

bool Directory::knows(const std::string& user, const SecretBytes& password) const {
  if (!is_user_name(user) || password.empty()) return false;
  const auto trusted = trust();
  const auto connect = [&] {
    try {
      return DirectoryLink(settings_, *trusted, skip_validation_);
    } catch (const Failure& failure) {
      throw explained(failure, settings_, *trusted);
    }
  };
  if (!settings_.user_dn.empty()) return connect().bind(with_user_in_dn(settings_.user_dn, user), password);
  DirectoryLink link = connect();
  if (!settings_.bind_dn.empty() && !link.bind(settings_.bind_dn, read_password_file(settings_.bind_password_file))) {
    throw Failure({.code = "directory-unavailable",
                   .subject = settings_.bind_dn,
                   .cause = "the directory does not let this name search",
                   .hint = "check ldap.bind-dn and the file that ldap.bind-password-file names"});
  }
  const auto dn = link.find_one(settings_.search_base, with_user_in_filter(settings_.search_filter, user));
  return dn && link.bind(*dn, password);
}

}  // namespace chancery::portal
