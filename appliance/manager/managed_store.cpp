#include "appliance/manager/managed_store.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "appliance/manager/certificate_manager.h"
#include "keystore/fault.h"
#include "keystore/files/lock.h"
#include "keystore/trust/java_places.h"

namespace chancery::manager {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// As the command line waits: for the lock, reload commands and probes.
constexpr std::chrono::minutes patience{5};

fs::path resolved(const std::string& path) {
  std::error_code failed;
  fs::path real = fs::weakly_canonical(fs::absolute(path, failed), failed);
  return failed ? fs::absolute(path).lexically_normal() : real;
}

bool is_below(const fs::path& path, const fs::path& folder) {
  return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first == folder.end();
}

std::string who_asks() {
  const uid_t uid = ::getuid();
  const passwd* user = ::getpwuid(uid);
  return (user == nullptr ? "user" : std::string(user->pw_name)) + " (uid " + std::to_string(uid) + ", pid " +
         std::to_string(::getpid()) + ")";
}

bool manager_runs(const std::string& state) {
  const std::string run = state + "/run/manager/";
  // Who may not look at the lock can still try the socket.
  if (::access((run + "lock").c_str(), R_OK) != 0) return ::access((run + "control.sock").c_str(), W_OK) == 0;
  return FileLock::is_held(run + "lock");
}

}  // namespace

bool is_managed_store(const std::string& state, const std::string& path) {
  std::error_code ignored;
  if (!fs::exists(state + "/settings/appliance.toml", ignored)) return false;
  const fs::path real = resolved(path);
  if (is_below(real, resolved(state))) return true;
  const std::vector<std::string> stores = java_cacerts();
  return std::find(stores.begin(), stores.end(), real.string()) != stores.end();
}

json put_managed_store(const std::string& state, StorePut put) {
  control::Message request;
  json arguments{{"store", resolved(put.path).string()},
                 {"expected_sha256", put.expected_sha256},
                 {"reason", put.reason},
                 {"dry_run", put.dry_run}};
  const auto attach = [&](SecretBytes bytes) {
    request.attachments.push_back(std::move(bytes));
    return request.attachments.size() - 1;
  };
  arguments["file"] = {{"name", put.path}, {"attachment", attach(std::move(put.bytes))}};
  if (put.password) arguments["storepass"] = {{"attachment", attach(std::move(*put.password))}};
  if (put.former_password) arguments["former_storepass"] = {{"attachment", attach(std::move(*put.former_password))}};
  request.json = json{{"verb", "keystore-put"}, {"arguments", std::move(arguments)}}.dump(
      -1, ' ', false, json::error_handler_t::replace);
  const control::Message reply = manager_runs(state)
                                     ? control::ask(state + "/run/manager/control.sock", request, patience)
                                     : CertificateManager(state, system_now).handle(request, who_asks());
  json document = json::parse(reply.json, nullptr, /*allow_exceptions=*/false);
  if (document.is_object()) return document;
  throw Failure({.code = "reply-invalid",
                 .subject = "chancery-manager",
                 .cause = "its reply is no JSON object",
                 .hint = "are `chancery` and `chancery-manager` of the same version? `chancery status` tells"});
}

}  // namespace chancery::manager
