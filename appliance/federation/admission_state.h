// What tokens (admission.cpp) and joins (admission_answer.cpp) of an Admission share. Internal to appliance/federation.
//
// They are two sources because only chancery-authority answers joins: the command line makes tokens and need not load
// the log library for that.
#pragma once

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
  // Stands in for the key of tokens that do not exist, so that they take as long to refuse as those that do.
  Bytes nobodys_key = PrivateKey::generate(KeyType::ed25519).public_key_der();
};

}  // namespace chancery::federation
