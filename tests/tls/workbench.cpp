#include "tests/tls/workbench.h"

#include <netinet/in.h>
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "appliance/tls/tcp.h"
#include "keystore/x509/material.h"

namespace chancery::test {
namespace {

std::string make_folder() {
  std::string pattern = std::filesystem::temp_directory_path() / "chancery-tls-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
  return pattern;
}

}  // namespace

Output sh(const std::string& command) {
  Output output;
  FILE* pipe = ::popen(("( " + command + " ) 2>&1").c_str(), "r");
  char block[4096];
  for (std::size_t count; (count = std::fread(block, 1, sizeof block, pipe)) > 0;) output.text.append(block, count);
  const int status = ::pclose(pipe);
  output.exit = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  return output;
}

int free_port() {
  const tls::Descriptor socket = tls::listen_tcp("127.0.0.1", 0);
  return tls::local_address(socket.get()).port();
}

std::string read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

const Pki& Pki::get() {
  static const Pki pki;
  return pki;
}

Pki::Pki() : folder_(make_folder()) {
  const Output made = sh("bash " CHANCERY_SOURCE_DIR "/tests/tls/make-pki.sh " + folder_);
  if (made.exit != 0) throw std::runtime_error("make-pki.sh: " + made.text);
}

Pki::~Pki() { std::filesystem::remove_all(folder_); }

Certificate Pki::certificate(const std::string& name) const {
  return read_material(bytes(name + ".pem"), {.source = name}).certificates.at(0);
}

PrivateKey Pki::key(const std::string& name) const {
  return read_material(bytes(name + ".key"), {.source = name}).keys.at(0);
}

backup::NewFile text_file(const std::string& text) {
  return {.bytes = secret_copy(text), .attributes = {.mode = 0600, .owner = {}, .group = {}}};
}

StateOnDisk::StateOnDisk(const StateOptions& options)
    : path_(make_folder()), portal_port_(free_port()), engine_port_(free_port()) {
  const Pki& pki = Pki::get();
  std::filesystem::create_directory(path_ + "/settings");
  std::ofstream(path_ + "/settings/appliance.toml")
      << "role = \"" << options.role << "\"\nname = \"portal.example.com\"\ninternal-name = \"portal.internal\"\n";
  backup::Edits edits;
  for (const std::string identity : {"portal", "engine"}) {
    const std::string leaf = identity == "portal" ? "a" : "b";
    edits["identities/" + identity + "/certificate.pem"] = text_file(read_text(pki.path(leaf + ".pem")));
    edits["identities/" + identity + "/key.pem"] = text_file(read_text(pki.path(leaf + ".key")));
    edits["identities/" + identity + "/intermediate.crt"] = text_file(read_text(pki.path("intermediate.pem")));
  }
  auto endpoint = [](int port, const std::string& identity, bool enabled) {
    return text_file("host = \"127.0.0.1\"\nport = " + std::to_string(port) + "\nenabled = " +
                     (enabled ? "true" : "false") + "\nprofile = \"default\"\nidentity = \"" + identity + "\"\n");
  };
  edits["endpoints/portal.toml"] = endpoint(portal_port_, "portal", true);
  edits["endpoints/engine-api.toml"] = endpoint(engine_port_, "engine", true);
  edits["endpoints/engine.toml"] = endpoint(portal_port_, "engine", false);
  edits["profiles/default.toml"] = text_file("required-level = \"TLSNoPeerAuth\"\n" + options.profile);
  if (options.federation) edits["trust/federation/roots.pem"] = text_file(read_text(pki.path("federation.pem")));
  put_in_force(generations().stage(0, edits, {.reason = "init", .who = "test", .when = system_now()}));
}

StateOnDisk::~StateOnDisk() { std::filesystem::remove_all(path_); }

backup::Generations StateOnDisk::generations() const {
  return {Folder::open(path_), secret_copy("0123456789abcdef0123456789abcdef")};
}

backup::GenerationNumber StateOnDisk::stage(const std::string& leaf, const std::string& identity) {
  const Pki& pki = Pki::get();
  return stage({{"identities/" + identity + "/certificate.pem", text_file(read_text(pki.path(leaf + ".pem")))},
                {"identities/" + identity + "/key.pem", text_file(read_text(pki.path(leaf + ".key")))}});
}

backup::GenerationNumber StateOnDisk::stage(const backup::Edits& edits) {
  backup::Generations all = generations();
  return all.stage(all.current_number(), edits, {.reason = "test", .who = "test", .when = system_now()});
}

void StateOnDisk::put_in_force(backup::GenerationNumber number) { generations().switch_to(number); }

TestServer::TestServer(StateOnDisk& state, tls::ListenerLimits limits)
    : live(tls::ServingSnapshot::build(state.current(), "portal")), state_(state), limits_(limits) {}

TestServer::~TestServer() {
  if (listener_) listener_->serve({});
  if (web_) web_->stop(std::chrono::seconds(5));
  listener_.reset();
}

void TestServer::start() {
  http::WebServerOptions options;
  options.resume = [this](tls::Arrival arrival) { listener_->resume(std::move(arrival)); };
  options.drain = [this](tls::Connection connection) { listener_->drain(std::move(connection)); };
  web_ = std::make_unique<http::WebServer>(routes, std::move(options));
  handlers.http = [this](tls::Arrival arrival) { web_->take(std::move(arrival)); };
  listener_ = std::make_unique<tls::Listener>(live, handlers, limits_);
  listener_->serve({{"portal", std::make_shared<tls::Descriptor>(tls::listen_tcp("127.0.0.1", port()))}});
}

void TestServer::swap(backup::GenerationNumber number) {
  state_.put_in_force(number);
  live.set(tls::ServingSnapshot::build(state_.current(), "portal"));
}

tls::ClientContext trusting(const std::string& root, std::vector<std::string> alpn) {
  tls::ClientOptions options;
  options.trust_pem = Pki::get().bytes(root);
  options.alpn = std::move(alpn);
  return tls::ClientContext(std::move(options));
}

}  // namespace chancery::test
