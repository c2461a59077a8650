// A primary on loopback: a real authority, a real generation, the product's own listener and HTTP server, and Admission
// behind POST /join. `time` turns the primary's clock; what is logged is kept.
#pragma once

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include "appliance/federation/join.h"
#include "appliance/http/web_server.h"
#include "appliance/tls/listener.h"
#include "appliance/tls/tcp.h"
#include "backup/generations/generations.h"
#include "tests/federation/fixture.h"

namespace chancery::testing {

class Primary {
 public:
  // `endpoint_port` is what the generation says, for the real program; the server in this process takes any port.
  explicit Primary(int endpoint_port = 8444) : endpoint_port_(endpoint_port) {
    authority_.emplace(authority::Authority::create(Folder::create(folder.file("authority"), {.mode = 0700}),
                                                    {.mode = 0600}, {.federation = federation, .names = {name}},
                                                    time.clock()));
    folder.write("authority/customer.key", view_of(customer_key));
    stage();
    open();
    auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(log_);
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("test", sink));
    spdlog::set_level(spdlog::level::trace);
    serve();
  }
  ~Primary() {
    // Its workers hand connections back to the listener.
    web_->stop(std::chrono::seconds(1));
    listener_.reset();
  }

  authority::Authority& authority() { return *authority_; }
  federation::Admission& admission() { return *admission_; }
  std::string log() const { return log_.str(); }
  tls::Target target() const { return {.host = "127.0.0.1", .port = port_, .name = ""}; }

  // As after a restart of chancery-authority: everything is read from the disk again.
  void restart() {
    admission_.reset();
    authority_.reset();
    open();
  }

  // The primary's own renewal: authority-tls keeps its key, and its chain is of the CA in force.
  void present_anew() {
    stage();
    live_->set(tls::ServingSnapshot::build(generations_->current(), "authority"));
  }

  SecretBytes token(const std::vector<std::string>& names = {"engine.example.com", "127.0.0.1"}) {
    return admission_->make_token({.role = Role::secondary, .names = names, .time_to_live = std::chrono::minutes(10)});
  }

  // What a refusal must not move.
  std::string standing() {
    std::string text;
    for (const auto& row : authority_->store().rows("SELECT count(*) FROM certificates")) {
      text += std::to_string(row.integer(0)) + " certificates\n";
    }
    for (const auto& each : admission_->tokens()) text += each.id + " " + each.state + "\n";
    for (const auto& member : admission_->members()) text += member.name + "\n";
    return text;
  }

  TemporaryFolder folder;
  TurningClock time;
  const std::string federation = "3fa2b5c6d7e8f901";
  const std::string name = "primary.example.com";
  const SecretBytes customer_key = random_secret(32);
  const PrivateKey tls_key = PrivateKey::generate(KeyType::ecdsa_p256);
  std::string peer_override;  // as if everybody came from there

 private:
  void open() {
    const Folder at = Folder::open(folder.file("authority"));
    if (!authority_) authority_.emplace(authority::Authority::open(at, time.clock()));
    admission_.emplace(
        *authority_, tls_key, customer_key,
        federation::PrimaryFacts{
            .federation = federation, .portal_host = "127.0.0.1", .portal_port = 443, .portal_name = name},
        time.clock());
  }

  void stage() {
    const Certificate leaf =
        authority_->issue({.names = {name}, .public_key_der = tls_key.public_key_der(), .issued_for = "authority-tls"});
    backup::Edits edits;
    const auto put = [&](const std::string& path, ByteView bytes) {
      edits[path] = backup::NewFile{.bytes = secret_copy(bytes), .attributes = {.mode = 0600}};
    };
    put("identities/authority-tls/certificate.pem", view_of(leaf.to_pem()));
    put("identities/authority-tls/key.pem", view_of(tls_key.to_pem()));
    std::string above;
    for (const Certificate& each : authority_->intermediates()) above += each.to_pem();
    put("identities/authority-tls/intermediate.crt", view_of(above));
    put("trust/federation/roots.pem", view_of(authority_->root().to_pem()));
    SecurityProfile profile;
    profile.name = "join";
    profile.minimum_protocol = "TLSv1.3";
    put("profiles/join.toml", view_of(to_toml(profile)));
    put("endpoints/join.toml", view_of(to_toml(Endpoint{.name = "join",
                                                        .host = "127.0.0.1",
                                                        .port = endpoint_port_,
                                                        .enabled = true,
                                                        .profile = "join",
                                                        .identity = "authority-tls"})));
    put("federation/federation.json",
        view_of(R"({"federation":"3fa2b5c6d7e8f901","member":{},"authority":{},)"
                R"("portal":{"host":"127.0.0.1","port":443,"name":"primary.example.com"}})"));
    if (!generations_) generations_.emplace(Folder::open(folder.path()), random_secret(32));
    const backup::GenerationNumber base = live_ ? generations_->current().number() : 0;
    generations_->switch_to(generations_->stage(base, edits, {.reason = "test", .who = "test", .when = *time.now}));
    if (!live_) live_.emplace(tls::ServingSnapshot::build(generations_->current(), "authority"));
  }

  void serve() {
    routes_.add(
        "POST", "/join",
        [this](const http::Call& call) {
          const std::string peer = peer_override.empty() ? call.connection.peer_address() : peer_override;
          const auto answer = admission_->answer(call.body, call.connection, peer);
          return http::Answer::json(answer.body, answer.status);
        },
        256 * 1024);
    routes_.add(
        "POST", "/renew",
        [this](const http::Call& call) {
          const auto answer = admission_->answer_renewal(call.body, call.connection, call.connection.peer_address());
          return http::Answer::json(answer.body, answer.status);
        },
        256 * 1024);
    routes_.add(
        "POST", "/proof",
        [this](const http::Call& call) {
          const auto answer = admission_->answer_proof(call.body, call.connection, call.connection.peer_address());
          return http::Answer::json(answer.body, answer.status);
        },
        256 * 1024);
    routes_.add("POST", "/customer-key", [this](const http::Call& call) {
      const auto answer = admission_->answer_customer_key(call.body, call.connection, call.connection.peer_address());
      return http::Answer::json(answer.body, answer.status);
    });
    routes_.add("GET", "/bulletin", [this](const http::Call&) { return http::Answer::json(admission_->news()); });
    http::WebServerOptions options;
    options.resume = [this](tls::Arrival arrival) { listener_->resume(std::move(arrival)); };
    options.drain = [this](tls::Connection connection) { listener_->drain(std::move(connection)); };
    web_.emplace(routes_, std::move(options));
    tls::ListenerHandlers handlers;
    handlers.http = [this](tls::Arrival arrival) { web_->take(std::move(arrival)); };
    listener_.emplace(*live_, std::move(handlers));
    auto socket = std::make_shared<tls::Descriptor>(tls::listen_tcp("127.0.0.1", 0));
    port_ = tls::local_address(socket->get()).port();
    listener_->serve({{"join", socket}});
  }

  int endpoint_port_;
  std::optional<authority::Authority> authority_;
  std::optional<federation::Admission> admission_;
  std::optional<backup::Generations> generations_;
  std::optional<tls::Live> live_;
  std::ostringstream log_;
  http::Routes routes_;
  std::optional<http::WebServer> web_;
  std::optional<tls::Listener> listener_;
  int port_ = 0;
};

// A secondary that wants to join.
struct Joiner {
  explicit Joiner(const Primary& primary,
                  const std::vector<std::string>& own_names = {"engine.example.com", "127.0.0.1"})
      : request{.primary = primary.target(), .role = Role::secondary, .names = own_names, .identities = {}} {
    for (const char* identity : {"member", "engine", "console"}) {
      request.identities.push_back({identity, PrivateKey::generate(KeyType::ecdsa_p256)});
    }
  }
  federation::Joined join(const SecretBytes& token) const { return federation::join(request, token, time.clock()); }

  federation::JoinRequest request;
  TurningClock time;
};

}  // namespace chancery::testing
