#include "tests/manager/fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "keystore/fault.h"
#include "keystore/files/descriptor.h"
#include "keystore/files/folder.h"

namespace chancery::manager::testing {

using nlohmann::json;

ShellResult shell(const std::string& command) {
  ShellResult result;
  FILE* pipe = ::popen(("{ " + command + "\n} 2>&1").c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("popen failed");
  std::array<char, 4096> buffer{};
  while (const std::size_t count = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    result.output.append(buffer.data(), count);
  }
  const int status = ::pclose(pipe);
  result.exit = WIFEXITED(status) ? WEXITSTATUS(status) : 255;
  return result;
}

std::string pair_check() {
  for (const std::string folder : {CHANCERY_SOURCE_DIR "/../shared/tools/", "/work/shared/tools/"}) {
    if (std::filesystem::exists(folder + "paircheck.sh")) return folder + "paircheck.sh";
  }
  throw std::runtime_error("paircheck.sh is not at hand");
}

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void write_text(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  if (!file) throw std::runtime_error("cannot write " + path);
}

Place::Place() {
  std::string pattern = (std::filesystem::temp_directory_path() / "chancery-manager-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
  path_ = pattern;
}

Place::~Place() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

const Pki& Pki::instance() {
  static const Pki pki;
  return pki;
}

Pki::Pki() {
  const std::string at = place_ / "";
  const ShellResult made = shell("set -e; cd " + at + R"(
openssl ecparam -name prime256v1 -genkey -noout -out root.key
openssl req -x509 -new -key root.key -sha256 -days 3650 -subj "/CN=Example Root" -out root.pem \
  -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
openssl ecparam -name prime256v1 -genkey -noout -out intermediate.key
openssl req -new -key intermediate.key -subj "/CN=Example Issuing" -out intermediate.csr
printf 'basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n' > intermediate.ext
openssl x509 -req -in intermediate.csr -CA root.pem -CAkey root.key -CAcreateserial -days 1825 -sha256 -extfile intermediate.ext -out intermediate.pem
)");
  if (made.exit != 0) throw std::runtime_error(made.output);
  const std::string both = std::string("DNS:") + appliance_name + ",DNS:" + internal_name;
  make_leaf("first", both);
  make_leaf("second", both);
  make_leaf("other-name", "DNS:somebody.else.test");
}

void Pki::make_leaf(const std::string& name, const std::string& sans) const {
  const ShellResult made =
      shell("set -e; cd " + path("") + "\nopenssl ecparam -name prime256v1 -genkey -noout -out " + name +
            ".key\nopenssl req -new -key " + name + ".key -subj /CN=" + name + " -out " + name + ".csr");
  if (made.exit != 0) throw std::runtime_error(made.output);
  sign(name, read_text(path(name + ".csr")), sans);
}

void Pki::sign(const std::string& name, const std::string& request_pem, const std::string& sans) const {
  write_text(path(name + ".csr"), request_pem);
  write_text(path(name + ".ext"),
             "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n"
             "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\nsubjectAltName=" +
                 sans + "\n");
  const ShellResult made = shell("set -e; cd " + path("") + "\nopenssl x509 -req -in " + name +
                                 ".csr -CA intermediate.pem -CAkey intermediate.key -CAcreateserial -days 365 -sha256 "
                                 "-extfile " +
                                 name + ".ext -out " + name + ".pem");
  if (made.exit != 0) throw std::runtime_error(made.output);
}

Process::Process(const std::string& program, const std::string& state, const std::string& log) {
  std::string shell_name = "sh";
  std::string option = "-c";
  std::string text = "exec " + (std::string(CHANCERY_BIN_DIR) + "/" + program) + " --state " + state + " 2>" + log;
  char* arguments[] = {shell_name.data(), option.data(), text.data(), nullptr};
  if (::posix_spawn(&pid_, "/bin/sh", nullptr, nullptr, arguments, environ) != 0) throw std::runtime_error("spawn");
}

Process::~Process() {
  if (pid_ > 0) end(SIGKILL);
}

int Process::end(int signal) {
  ::kill(pid_, signal);
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = 0;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

control::Message ask_program(const std::string& state, const std::string& program, const control::Message& request) {
  const std::string socket = state + "/run/" + program + "/control.sock";
  for (int attempt = 0;; ++attempt) {
    try {
      return control::ask(socket, request, std::chrono::seconds(30));
    } catch (const Failure& failure) {
      if (failure.code() != "not-running" || attempt > 2000) throw;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
}

int free_port_base() {
  const auto is_free = [](int port) {
    const files::Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    return ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  };
  for (int base = 21000 + ::getpid() % 500 * 10; base < 31000; base += 10) {
    bool all = true;
    for (int offset = 0; offset < 5; ++offset) all = all && is_free(base + offset);
    if (all) return base;
  }
  throw std::runtime_error("no free ports");
}

Desk::Desk(Role role, const Naming& naming) : state_(place_ / "state") {
  InitialOptions options;
  options.state = state_;
  options.role = role;
  options.name = naming.name;
  options.internal_name = naming.internal;
  options.sans = {"127.0.0.1"};
  options.listen_host = "127.0.0.1";
  options.port_base = naming.port_base;
  initial = initialise(options, system_now);
}

control::Message Desk::request(const std::string& verb, json arguments, const Files& files) const {
  control::Message message;
  for (const auto& [kind, path] : files) {
    json reference{{"name", std::filesystem::path(path).filename().string()},
                   {"attachment", message.attachments.size()}};
    message.attachments.push_back(read_secret_file(path, std::size_t{16} * 1024 * 1024));
    if (kind == "files") {
      arguments["files"].push_back(reference);  // a bare list
    } else if (kind == "file" || kind == "passphrase" || kind == "token") {
      arguments[kind] = reference;
    } else {
      arguments["files"][kind].push_back(reference);
    }
  }
  message.json = json{{"verb", verb}, {"arguments", arguments}}.dump();
  return message;
}

json Desk::ask(const std::string& verb, json arguments, const Files& files) const {
  CertificateManager manager(state_, system_now);
  return json::parse(manager.handle(request(verb, std::move(arguments), files), "tester (uid 0)").json);
}

std::string Desk::refusal(const std::string& verb, json arguments, const Files& files) const {
  try {
    const json reply = ask(verb, std::move(arguments), files);
    return "";
  } catch (const Failure& failure) {
    return failure.hint().empty() ? "failure without a hint" : failure.code();
  }
}

json Desk::replace(const std::string& leaf, json arguments) const {
  const Pki& pki = Pki::instance();
  return ask("cert-replace", std::move(arguments),
             {{"certificate", pki.path(leaf + ".pem")},
              {"key", pki.path(leaf + ".key")},
              {"intermediate", pki.path("intermediate.pem")},
              {"also_trust", pki.path("root.pem")}});
}

std::string Desk::in_force() const {
  return shell("cd " + state_ + " && readlink current && cd current/ && find . -type f | sort | xargs sha256sum")
      .output;
}

std::string Desk::served_leaf(const std::string& identity) const {
  const std::string text = shell("openssl x509 -in " + current("identities/" + identity + "/certificate.pem") +
                                 " -noout -fingerprint -sha256 | cut -d= -f2 | tr -d ':\\n' | tr A-Z a-z")
                               .output;
  return text;
}

}  // namespace chancery::manager::testing
