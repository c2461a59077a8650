#include "appliance/cli/session.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "appliance/manager/certificate_manager.h"
#include "keystore/files/folder.h"
#include "keystore/files/lock.h"
#include "keystore/x509/material.h"

namespace chancery::cli {

using Json = nlohmann::json;

namespace {

// A change waits for the lock (30 s), reload commands (30 s each) and probes; nothing of it takes longer than this.
constexpr std::chrono::minutes kPatience{5};

std::string state_path(const Arguments& arguments) {
  if (arguments.has("--state")) return arguments.value("--state");
  const char* from_environment = std::getenv("CHANCERY_STATE");
  return from_environment != nullptr && *from_environment != '\0' ? from_environment : "/var/lib/chancery";
}

std::string who_asks() {
  const uid_t uid = ::getuid();
  const passwd* user = ::getpwuid(uid);
  const std::string name = user != nullptr ? user->pw_name : "user";
  return name + " (uid " + std::to_string(uid) + ", pid " + std::to_string(::getpid()) + ")";
}

}  // namespace

Session::Session(const Invocation& invocation, Terminal& terminal)
    : invocation_(invocation), terminal_(terminal), state_(state_path(invocation.arguments)) {}

bool Session::is_initialised() const { return ::access((state_ + "/settings/appliance.toml").c_str(), F_OK) == 0; }

bool Session::is_readable() const {
  return ::access((state_ + "/secrets/generation.key").c_str(), R_OK) == 0 &&
         ::access((state_ + "/current/manifest.json").c_str(), R_OK) == 0;
}

bool Session::manager_runs() const {
  // A socket left behind by a manager that was killed answers nothing: the run lock is the truth. One who may not look
  // at the lock can still try the socket.
  const std::string lock = state_ + "/run/manager/lock";
  if (::access(lock.c_str(), R_OK) != 0) return ::access((state_ + "/run/manager/control.sock").c_str(), W_OK) == 0;
  return FileLock::is_held(lock);
}

control::Message Session::handle(const control::Message& request, const std::string& verb) {
  const bool in_process = manager::is_reading(verb) && is_readable();
  if (!in_process && manager_runs()) {
    return control::ask(state_ + "/run/manager/control.sock", request, kPatience);
  }
  manager::CertificateManager certificate_manager(state_, system_now);
  return certificate_manager.handle(request, who_asks());
}

Json Session::ask(Ask ask, std::vector<SecretBytes>* attachments) {
  const std::string verb = ask.verb();
  control::Message reply = handle(ask.take(), verb);
  Json document = Json::parse(reply.json, nullptr, false);
  if (!document.is_object()) {
    throw Failure({.code = "reply-invalid",
                   .subject = "chancery-manager",
                   .cause = "its reply is no JSON object",
                   .hint = "are `chancery` and `chancery-manager` of the same version? `chancery status` tells"});
  }
  document.erase("ok");
  document.erase("exit");
  if (attachments != nullptr) *attachments = std::move(reply.attachments);
  return document;
}

preflight::SourceFile read_source(const std::string& path) {
  static bool stdin_taken = false;
  if (path == "-") {
    if (stdin_taken) {
      throw usage("stdin (-) can be read only once",
                  "give the other files by their paths, or all of them in one stream");
    }
    stdin_taken = true;
  }
  return {.name = path == "-" ? "stdin" : path, .bytes = read_secret_file(path, material_limit)};
}

std::string text_at(const Json& object, const std::string& name) {
  if (!object.is_object()) return {};
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return {};
  if (found->is_string()) return found->get<std::string>();
  if (!found->is_array()) return found->dump();
  std::string joined;
  for (const Json& each : *found) {
    joined += (joined.empty() ? "" : ", ") + (each.is_string() ? each.get<std::string>() : each.dump());
  }
  return joined;
}

}  // namespace chancery::cli
