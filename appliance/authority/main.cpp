// chancery-authority: the only process that reads STATE/authority while it runs. Serves the endpoint `join`.
//
//   POST /join      federation/join.h          GET /healthz      {"ok":true}
//   POST /renew     federation/renewal.h       GET /crl          the revocation list, DER
//   POST /proof     federation/anchor_proof.h  GET /bulletin     federation/bulletin.h
//   POST /customer-key  federation/key_transfer.h
#include <spdlog/spdlog.h>

#include <mutex>
#include <nlohmann/json.hpp>

#include "appliance/authority/keeper.h"
#include "appliance/federation/join.h"
#include "appliance/serving/serving_program.h"
#include "keystore/fault.h"

namespace chancery {
namespace {

constexpr std::size_t join_body_limit = 256 * 1024;
constexpr std::size_t key_limit = 64 * 1024;
constexpr const char* join_endpoint = "endpoints/join.toml";
constexpr const char* issuer_header = "Chancery-Issuer";  // federation/authority_link.h

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
  CustomerKeys customer_keys;
  federation::PrimaryFacts facts;
  friend bool operator==(const JoinTerms&, const JoinTerms&) = default;
};

// The authority's own copy of what the generation has, which it may not read.
CustomerKeys handed_out(const Folder& authority) {
  if (authority.status("customer.keys")) {
    return CustomerKeys::parse(view_of(authority.read_secret("customer.keys", key_limit)));
  }
  return {.number = 0, .since = {}, .current = authority.read_secret("customer.key", key_limit), .former = {}};
}

class JoinService {
 public:
  JoinService(const Folder& state, std::string name)
      : folder_(state.open_folder("authority")),
        keeper_(state, system_now),
        state_path_(state.path()),
        name_(std::move(name)) {}

  std::function<void()> prepare(const backup::Generation& generation) {
    JoinTerms terms{.key_pem = generation.read_secret("identities/authority-tls/key.pem"),
                    .customer_keys = handed_out(folder_),
                    .facts = facts_of(generation)};
    (void)PrivateKey::from_pem(view_of(terms.key_pem));
    // A file is opened before anybody is served; a server may be away for now.
    if (!is_started_) {
      if (!authority::RegisterPlace::of(state_path_).is_server())
        (void)keeper_.look(authority::address_of(name_, generation.read(join_endpoint)));
      is_started_ = true;
    }
    return [this, terms, address = authority::address_of(name_, generation.read(join_endpoint))] {
      const std::lock_guard lock(mutex_);
      // Nothing new for joiners: the counters of failed joins go on, too.
      if (terms != terms_) admission_.reset();
      terms_ = terms;
      address_ = address;
    };
  }

  // Once a second.
  authority::Keeper::Standing look() {
    std::string address;
    {
      const std::lock_guard lock(mutex_);
      address = address_;
    }
    look_at_customer_keys();
    return keeper_.look(address);
  }

  using Answerer = federation::Admission::WireAnswer (federation::Admission::*)(const std::string& body,
                                                                                const tls::Connection& session,
                                                                                const std::string& peer);
  http::Answer answer(Answerer answerer, const http::Call& call) {
    http::Answer answer = attempted([&] {
      const auto said = (*admission().*answerer)(call.body, call.connection, call.connection.peer_address());
      return http::Answer::json(said.body, said.status);
    });
    if (answer.status == 503) {
      if (const std::string other = keeper_.other_issuer(); !other.empty()) answer.headers[issuer_header] = other;
    }
    return answer;
  }

  http::Answer news() {
    return attempted([&] { return http::Answer::json(admission()->news()); });
  }

  http::Answer revocation_list() {
    return attempted([&] {
      const Bytes list = keeper_.authority()->revocation_list();
      http::Answer answer;
      answer.content_type = "application/pkix-crl";
      answer.body.assign(list.begin(), list.end());
      return answer;
    });
  }

 private:
  // Written by the manager after `customer-key rotate` (manager/customer_key.cpp); a copy that cannot be read changes
  // nothing here, and doctor says so.
  void look_at_customer_keys() {
    try {
      CustomerKeys keys = handed_out(folder_);
      const std::lock_guard lock(mutex_);
      if (keys == terms_.customer_keys) return;
      spdlog::info("customer key: number {} is handed out from now on", keys.number);
      terms_.customer_keys = std::move(keys);
      admission_.reset();
    } catch (const Failure& failure) {
      spdlog::warn("customer key: {}", failure.what());
    }
  }

  // An admission and the authority that it works with.
  struct Served {
    std::shared_ptr<authority::Authority> authority;
    federation::Admission admission;
  };

  std::shared_ptr<federation::Admission> admission() {
    const std::shared_ptr<authority::Authority> present = keeper_.authority();
    const std::lock_guard lock(mutex_);
    if (!admission_ || admission_->authority != present) {
      admission_.reset(new Served{
          present,
          federation::Admission(*present, PrivateKey::from_pem(view_of(terms_.key_pem)),
                                secret_copy(view_of(terms_.customer_keys.current)), terms_.facts, system_now)});
      admission_->admission.know_customer_keys(terms_.customer_keys);
    }
    return {admission_, &admission_->admission};
  }

  // Where the register is away, or another primary issues, whoever asks is told when to try again.
  static http::Answer attempted(const std::function<http::Answer()>& work) {
    http::Answer answer;
    try {
      answer = work();
    } catch (const Failure& failure) {
      const auto refusal = federation::Admission::unavailable(failure, "join-failed", system_now());
      answer = http::Answer::json(refusal.body, refusal.status);
    }
    if (answer.status == 503) answer.headers["Retry-After"] = "5";
    return answer;
  }

  Folder folder_;
  authority::Keeper keeper_;
  std::string state_path_;
  std::string name_;
  bool is_started_ = false;
  std::mutex mutex_;
  JoinTerms terms_;
  std::string address_;
  std::shared_ptr<Served> admission_;
};

// The register on a server may be away; one in a file that cannot be opened is no start.
void keep_register(serving::Program& program, JoinService& service) {
  std::optional<authority::Keeper::Standing> known;
  do {
    try {
      const authority::Keeper::Standing standing = service.look();
      if (standing != known) {
        spdlog::info("register: {}; {}", standing.place,
                     standing.issues ? "this primary issues" : "stands by, another primary issues");
      }
      known = standing;
      program.set_condition("register", std::nullopt);
    } catch (const Failure& failure) {
      known.reset();
      program.set_condition("register", serving::Condition{.message = failure.what(), .hint = failure.hint()});
    }
  } while (program.pause(std::chrono::seconds(1)));
}

void set_up(serving::Program& program) {
  auto service = std::make_shared<JoinService>(program.state(), program.appliance().name);
  program.on_generation([service](const backup::Generation& generation) { return service->prepare(generation); });
  const auto serve = [&](const std::string& path, JoinService::Answerer answerer) {
    program.routes().add(
        "POST", path, [service, answerer](const http::Call& call) { return service->answer(answerer, call); },
        join_body_limit);
  };
  serve("/join", &federation::Admission::answer);
  serve("/renew", &federation::Admission::answer_renewal);
  serve("/proof", &federation::Admission::answer_proof);
  serve("/customer-key", &federation::Admission::answer_customer_key);
  program.routes().add("GET", "/bulletin", [service](const http::Call&) { return service->news(); });
  program.routes().add("GET", "/crl", [service](const http::Call&) { return service->revocation_list(); });
  program.run_in_background("register", [&program, service] { keep_register(program, *service); });
  program.routes().add("GET", "/healthz", [](const http::Call&) { return http::Answer::json(R"({"ok":true})"); });
}

}  // namespace
}  // namespace chancery

int main(int argc, char** argv) { return chancery::serving::run(argc, argv, "authority", chancery::set_up); }
