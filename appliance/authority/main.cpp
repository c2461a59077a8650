// chancery-authority: the only process that reads STATE/authority while it runs. Serves the endpoint `join`.
//
//   POST /join      federation/join.h          GET /healthz      {"ok":true}
//   POST /renew     federation/renewal.h       GET /crl          the revocation list, DER
#include <mutex>
#include <nlohmann/json.hpp>

#include "appliance/federation/join.h"
#include "appliance/serving/serving_program.h"
#include "keystore/fault.h"

namespace chancery {
namespace {

constexpr std::size_t join_body_limit = 256 * 1024;
constexpr std::size_t key_limit = 64 * 1024;

federation::PrimaryFacts facts_of(const backup::Generation& generation) {
  const char* path = "federation/federation.json";
  try {
    const Bytes text = generation.read(path);
    const nlohmann::json document = nlohmann::json::parse(text);
    const nlohmann::json& portal = document.at("portal");
    return {.federation = document.at("federation").get<std::string>(),
            .portal_host = portal.at("host").get<std::string>(),
            .portal_port = portal.at("port").get<int>(),
            .portal_name = portal.at("name").get<std::string>()};
  } catch (const nlohmann::json::exception&) {
    throw Failure({.code = "bad-federation",
                   .subject = path,
                   .cause = "does not say which federation and portal this is",
                   .hint = "undo what was edited by hand: see chancery doctor"});
  }
}

// Everything in a generation that joins depend on.
struct JoinTerms {
  SecretBytes key_pem;  // tokens pin it, and replies are signed with it
  SecretBytes customer_key;
  federation::PrimaryFacts facts;
  friend bool operator==(const JoinTerms&, const JoinTerms&) = default;
};

class JoinService {
 public:
  explicit JoinService(const Folder& state)
      : folder_(state.open_folder("authority")), authority_(authority::Authority::open(folder_, system_now)) {}

  std::function<void()> prepare(const backup::Generation& generation) {
    JoinTerms terms{.key_pem = generation.read_secret("identities/authority-tls/key.pem"),
                    .customer_key = folder_.read_secret("customer.key", key_limit),
                    .facts = facts_of(generation)};
    {
      // Nothing new for joiners: the counters of failed joins go on, too.
      const std::lock_guard lock(mutex_);
      if (admission_ && terms == terms_) return [] {};
    }
    auto next =
        std::make_shared<federation::Admission>(authority_, PrivateKey::from_pem(view_of(terms.key_pem)),
                                                secret_copy(view_of(terms.customer_key)), terms.facts, system_now);
    return [this, next, terms] {
      const std::lock_guard lock(mutex_);
      admission_ = next;
      terms_ = terms;
    };
  }

  using Answerer = federation::Admission::WireAnswer (federation::Admission::*)(const std::string& body,
                                                                                const tls::Connection& session,
                                                                                const std::string& peer);
  http::Answer answer(Answerer answerer, const http::Call& call) {
    std::shared_ptr<federation::Admission> admission;
    {
      const std::lock_guard lock(mutex_);
      admission = admission_;
    }
    const auto answer = (*admission.*answerer)(call.body, call.connection, call.connection.peer_address());
    return http::Answer::json(answer.body, answer.status);
  }

  http::Answer revocation_list() {
    const Bytes list = authority_.revocation_list();
    http::Answer answer;
    answer.content_type = "application/pkix-crl";
    answer.body.assign(list.begin(), list.end());
    return answer;
  }

 private:
  Folder folder_;
  authority::Authority authority_;
  std::mutex mutex_;
  JoinTerms terms_;
  std::shared_ptr<federation::Admission> admission_;
};

void set_up(serving::Program& program) {
  auto service = std::make_shared<JoinService>(program.state());
  program.on_generation([service](const backup::Generation& generation) { return service->prepare(generation); });
  const auto serve = [&](const std::string& path, JoinService::Answerer answerer) {
    program.routes().add(
        "POST", path, [service, answerer](const http::Call& call) { return service->answer(answerer, call); },
        join_body_limit);
  };
  serve("/join", &federation::Admission::answer);
  serve("/renew", &federation::Admission::answer_renewal);
  program.routes().add("GET", "/crl", [service](const http::Call&) { return service->revocation_list(); });
  program.routes().add("GET", "/healthz", [](const http::Call&) { return http::Answer::json(R"({"ok":true})"); });
}

}  // namespace
}  // namespace chancery

int main(int argc, char** argv) { return chancery::serving::run(argc, argv, "authority", chancery::set_up); }
