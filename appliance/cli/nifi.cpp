// chancery federation nifi …: the NiFi toolkit's enrolment protocol, as server and as client.
#include <signal.h>
#include <unistd.h>

#include <mutex>
#include <nlohmann/json.hpp>

#include "appliance/cli/command.h"
#include "appliance/cli/secret_input.h"
#include "appliance/cli/session.h"
#include "appliance/nifi/enrolment.h"
#include "appliance/nifi/names.h"
#include "appliance/nifi/server.h"
#include "appliance/nifi/wire.h"
#include "appliance/preflight/finding.h"
#include "keystore/fault.h"

namespace chancery::cli {

using Json = nlohmann::json;

namespace {

constexpr long kDefaultPort = 9443;
constexpr long kLargestPort = 65535;

SecretBytes token_given(const Arguments& arguments) {
  std::optional<SecretBytes> token = given_secret(arguments, "--token");
  return token ? std::move(*token) : prompted_secret("token: ");
}

// Blocked in every thread that is made after it, so that only sigwait sees them.
class EndingSignals {
 public:
  EndingSignals() {
    sigemptyset(&ending_);
    sigaddset(&ending_, SIGTERM);
    sigaddset(&ending_, SIGINT);
    ::pthread_sigmask(SIG_BLOCK, &ending_, nullptr);
  }
  void await() const {
    int signal = 0;
    sigwait(&ending_, &signal);
  }

 private:
  sigset_t ending_{};
};

void show_authority(Session& session, const std::string& host, const nifi::CertificateAuthority& authority, int port) {
  const Certificate& certificate = authority.certificate();
  if (session.json()) {
    session.terminal().document({{"hostname", host},
                                 {"port", port},
                                 {"created", authority.was_created()},
                                 {"ca", preflight::to_json(certificate)}});
    return;
  }
  session.terminal().line(Text() << "NiFi CA for " << host << " on port " << std::to_string(port) << ", SHA-256 "
                                 << certificate.fingerprint());
}

int run_serve(Session& session) {
  const Arguments& arguments = session.arguments();
  Terminal& terminal = session.terminal();
  const EndingSignals signals;
  const std::string host = arguments.value("--hostname");
  SecretBytes token = token_given(arguments);
  nifi::expect_usable_token(token);
  nifi::Desk desk(nifi::CertificateAuthority::open_or_create(arguments.value("--directory"), host, system_now),
                  std::move(token), system_now);
  std::mutex mutex;
  const auto log = [&](const std::string& line) {
    const std::lock_guard lock(mutex);
    terminal.note(to_rfc3339(session.now()) + " " + line);
  };
  const nifi::Server server(desk, {.host = arguments.value("--listen", "0.0.0.0"),
                                   .port = static_cast<int>(arguments.number("--port", kDefaultPort, 0, kLargestPort)),
                                   .log = log});
  {
    // Requests may be logged already.
    const std::lock_guard lock(mutex);
    show_authority(session, host, desk.authority(), server.port());
    if (!terminal.finish()) return 1;
  }
  log("serving; ends at SIGTERM or Ctrl-C");
  signals.await();
  log("ends");
  return 0;
}

int run_enrol(Session& session) {
  const Arguments& arguments = session.arguments();
  const std::string host = arguments.value("--hostname");
  const nifi::EnrolmentRequest request{
      .authority = {.host = arguments.value("--ca-hostname"),
                    .port = static_cast<int>(arguments.number("--port", kDefaultPort, 1, kLargestPort))},
      .distinguished_name = arguments.value("--dn"),
      .names = arguments.values("--san"),
      .own_names = host.empty() ? nifi::own_names() : std::vector<std::string>{host},
      .directory = arguments.value("--directory")};
  const nifi::Enrolled done = nifi::enrol(request, token_given(arguments), system_now);
  Terminal& terminal = session.terminal();
  if (session.json()) {
    terminal.document({{"already", done.already},
                       {"directory", request.directory},
                       {"certificate", preflight::to_json(done.certificate)},
                       {"ca", preflight::to_json(done.authority)}});
  } else if (done.already) {
    terminal.line(Text() << "a key is there already, for " << done.certificate.subject() << "; nothing was asked");
  } else if (!terminal.quiet()) {
    terminal.line(Text() << painted(Colour::green, "done") << ": " << request.directory
                         << " has keystore.jks, truststore.jks, nifi-cert.pem and config.json for "
                         << done.certificate.subject());
  }
  return 0;
}

constexpr Option kTokenFile{.name = "--token-file",
                            .value = "FILE",
                            .help = "the shared token, 16 bytes at least (- is stdin)",
                            .kind = "file"};
constexpr Option kTokenEnv{.name = "--token-env", .value = "VARIABLE", .help = "the same from an environment variable"};
constexpr Option kPort{.name = "--port", .value = "N", .help = "the CA's port (9443; the toolkit's own is 8443)"};

constexpr Option kServeOptions[] = {
    {.name = "--hostname", .value = "H", .help = "the name by which clients reach this CA", .required = true},
    kPort,
    kTokenFile,
    kTokenEnv,
    {.name = "--directory",
     .value = "D",
     .help = "the CA's own folder; it is made with a new CA when it is not there or empty",
     .kind = "folder",
     .required = true},
    {.name = "--listen", .value = "ADDRESS", .help = "the address to listen on (0.0.0.0)"}};
constexpr Option kEnrolOptions[] = {
    {.name = "--ca-hostname", .value = "H", .help = "the CA: where it is, and the CN it must have", .required = true},
    kPort,
    kTokenFile,
    kTokenEnv,
    {.name = "--dn", .value = "DN", .help = "\"CN=node1.example.com, OU=NIFI\"; CN is this host", .required = true},
    {.name = "--san", .value = "NAME", .help = "a further DNS name or address", .repeated = true},
    {.name = "--hostname", .value = "NAME", .help = "what this host is called, where the system says otherwise"},
    {.name = "--directory",
     .value = "D",
     .help = "folder for the stores: not there yet, or empty",
     .kind = "folder",
     .required = true}};

constexpr Example kServeExamples[] = {
    {"chancery federation nifi serve --hostname ca.example.com --token-file token --directory /srv/nifi-ca",
     "a CA for NiFi nodes on port 9443, until Ctrl-C"}};
constexpr Example kEnrolExamples[] = {
    {"chancery federation nifi enrol --ca-hostname ca.example.com --token-file token --dn \"CN=node1.example.com, "
     "OU=NIFI\" --directory /opt/nifi/tls",
     "keystore.jks, truststore.jks, nifi-cert.pem and config.json for this host"}};

constexpr Command kNifiCommands[] = {
    {.path = "federation nifi serve",
     .doing = "serve the NiFi CA",
     .summary = "a CA for clients of the NiFi toolkit",
     .description =
         "Speaks the protocol of the Apache NiFi tls-toolkit (client/server) for clusters that were left without it. "
         "It "
         "is off unless this command runs, and stays in the foreground. Its CA is its own: no appliance trusts it. "
         "Weaker than `federation join` by its design: the token is good for any name and any number of nodes and "
         "never "
         "ends; names are not protected by it; there is no nonce, so a request can be replayed; a client's first "
         "message lets whoever poses as the CA guess at the token, so make it random (`openssl rand -hex 32`). Run it "
         "only while nodes enrol. Ten wrong tokens a minute, and an address has to wait.",
     .positionals = {},
     .options = kServeOptions,
     .examples = kServeExamples,
     .run = run_serve},
    {.path = "federation nifi enrol",
     .doing = "enrol at the NiFi CA",
     .summary = "get a certificate from a CA of the NiFi toolkit's kind",
     .description =
         "Asks `federation nifi serve`, or the toolkit's own server, and writes four files at once: keystore.jks "
         "(alias "
         "nifi-key), truststore.jks (nifi-cert), nifi-cert.pem and config.json with their passwords. With a key there "
         "already nothing is asked. Nothing is written unless the reply proves the token for the very key that the "
         "server's TLS used. Weaker than `federation join` by its design: the token reaches everybody who enrols, is "
         "good for any name and never ends, and whoever poses as the CA can guess at it from the request; use a random "
         "one, of 16 bytes at least.",
     .positionals = {},
     .options = kEnrolOptions,
     .examples = kEnrolExamples,
     .run = run_enrol},
};

}  // namespace

std::span<const Command> nifi_commands() { return kNifiCommands; }

}  // namespace chancery::cli
