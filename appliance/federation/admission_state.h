// What tokens (admission.cpp) and joins (admission_answer.cpp) of an Admission share. Internal to appliance/federation.
//
// They are two sources because only chancery-authority answers joins: the command line makes tokens and need not load
// the log library for that.
#pragma once

#include <memory>
#include <mutex>

#include "appliance/authority/rotation.h"
#include "appliance/federation/attempts.h"
#include "appliance/federation/join.h"
#include "appliance/federation/join_wire.h"
#include "appliance/federation/roster.h"

namespace chancery::federation {

struct Admission::State {
  storage::Store& store() const { return authority.store(); }
  TokenRecord proven_token(const JoinStatement& statement, ByteView signature, ByteView session_secret) const;
  // The leaves, and what stood above them in the same transaction.
  struct Admitted {
    std::map<std::string, Bytes> leaves;  // DER, by identity
    std::vector<Certificate> above;
    std::string root_pem;
  };
  Admitted admit(const JoinStatement& statement, const TokenRecord& token, Instant now);
  std::map<std::string, Bytes> issue_all(const JoinStatement& statement, const TokenRecord& token, Instant now);
  WireAnswer reply(const JoinStatement& statement, const Admitted& admitted, const tls::Connection& session,
                   ByteView session_secret, Instant now) const;
  WireAnswer accept_renewal(const std::string& body, const tls::Connection& session, const std::string& peer,
                            Instant now);
  WireAnswer accept_signed_renewal(const JoinStatement& statement, ByteView session_secret, const std::string& peer,
                                   Instant now);
  WireAnswer accept_proof(const std::string& body, const tls::Connection& session, const std::string& peer,
                          Instant now);
  WireAnswer hand_out_keys(const std::string& body, const tls::Connection& session, const std::string& peer,
                           Instant now);
  WireAnswer accept(const std::string& body, const tls::Connection& session, const std::string& peer, Instant now);

  authority::Authority& authority;
  PrivateKey tls_key;
  CustomerKeys customer_keys;
  PrimaryFacts facts;
  Clock clock;
  Attempts attempts;
  // Ten thousand members ask for the same few kilobytes, which change a few times a year: the anchors as they were read
  // last and what news() made of them, with the mark of their edition (authority/rotation.h).
  struct Edition {
    std::string mark;
    std::shared_ptr<const authority::Anchors> anchors;
    std::string news;
  };
  std::shared_ptr<const authority::Anchors> anchors();
  Edition edition = {};
  std::mutex edition_mutex = {};
  // Stands in for the key of tokens that do not exist, so that they take as long to refuse as those that do.
  Bytes nobodys_key = PrivateKey::generate(KeyType::ed25519).public_key_der();
};

}  // namespace chancery::federation
