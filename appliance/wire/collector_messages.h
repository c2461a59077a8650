// The messages of the collector channel (ALPN chancery-collector/1), each one JSON object with a "type".
//
//   collector -> server   hello        who I am: id, public key, signature by it over the session
//   server -> collector   admission    prove the Customer Key first (the server does not know this id yet)
//   collector -> server   admission    HMAC by the Customer Key over the session
//   server -> collector   welcome      HMAC by the Customer Key over the session, seconds between facts
//   server -> collector   assignment   (a portal) which engine to go to
//   collector -> server   facts        what this endpoint is
//   server -> collector   refused      code and message; the server closes
//   server -> collector   anchors      the federation's roots, what vouches for the newer ones, which are retired
//   collector -> server   holds        which of them it holds and has proven, and whether it depends on any
//   server -> collector   prove        prove these: one connection each, verified with that root alone
//   collector -> server   proof        on such a connection, after its welcome; the server says it back once it is noted
//   server -> collector   revocations  CRLs of the federation's issuing CAs, with the CAs
//   server -> collector   later        it goes, or is too busy: come back then; the server closes
//   either way            ping         answered by pong, in any order with other messages
//   either way            nonce        without TLS only (plain_text.h)
//   server -> collector   rehearsal    would you take this certificate? (rehearsal_messages.h)
//   collector -> server   verdict      its answer
//   server -> collector   move         to another server, once that is proven (move_messages.h)
//   collector -> server   moved        what came of it
//   server -> collector   new-key      the Customer Key in force (customer_key_messages.h)
//
// A collector's id is the hex SHA-256 of its public key (SubjectPublicKeyInfo). Every proof covers a label of its
// speaker, the TLS exporter of the very session, and the id, so that nothing can be replayed, relayed or reflected.
// parse_* throws Failure("message-invalid") for anything that is not exactly such a message; sizes are bounded by
// frames.
#pragma once

#include <set>
#include <string>
#include <variant>
#include <vector>

#include "appliance/tls/connection.h"
#include "appliance/wire/customer_key_messages.h"
#include "appliance/wire/move_messages.h"
#include "appliance/wire/rehearsal_messages.h"
#include "appliance/wire/session_messages.h"
#include "keystore/x509/private_key.h"

namespace chancery::wire {

inline constexpr const char* collector_protocol = "chancery-collector/1";

struct Hello {
  std::string id;
  std::string version;
  Bytes public_key;
  Bytes signature;
  std::vector<std::string> customer_keys = {};  // ids of those that it holds, newest first; at most 4
};
struct Admission {
  Bytes proof;           // empty in the server's request for one
  std::string key = {};  // the id of the Customer Key that the server wants proven; "": the newest that is held
};
struct Welcome {
  std::string server;
  Bytes proof;
  int interval_seconds = 5;
};
struct Assignment {
  std::string server;
  Bytes proof;
  std::string host;
  int port = 0;
  std::string name;  // what the engine's certificate must answer to
};
inline constexpr int others_unknown = -1;  // earlier collectors do not tell
struct Facts {
  std::string host;
  std::string system;
  std::vector<std::string> addresses;
  std::string version;
  std::string trust_mode;                // "pinned", "operating-system"
  std::vector<std::string> trust_roots;  // fingerprints; the pinned ones, or the one that anchored
  std::string presented;                 // fingerprint of the leaf this collector saw
  std::string server_name = {};          // what it compares the server's certificate with; "" where it does not
  std::string portal_name = {};          // the portal that it asks for an engine; "" where it asks none
  std::vector<std::string> tags = {};    // setting collector.tags, for assignment rules
  std::string customer_key = {};         // the id of the newest Customer Key that it holds
  int others = others_unknown;           // servers that it would go to if this one were gone: its list's, its portal
  // What it has offered in the handshake (tls/negotiation.h). The server writes it, whatever the collector says.
  std::string offer = {};
  friend bool operator==(const Facts&, const Facts&) = default;
};
struct Refused {
  std::string code;
  std::string message;
};
// Certificates and lists are DER, roots otherwise named by their SHA-256. docs/state.md, "Proven anchors".
struct Anchors {
  std::vector<Bytes> roots;    // at most 8
  std::vector<Bytes> crosses;  // at most 16: a newer root's name and key, signed by an older root
  std::vector<std::string> retired;
};
struct Holds {
  bool needs = false;  // some root of the federation, retired ones included, is among what it trusts
  std::vector<std::string> held;
  std::vector<std::string> proven;
  std::vector<std::string> lists;  // SHA-256 of the CRLs that it has
};
struct Prove {
  std::vector<std::string> roots;
  int within_seconds = 0;  // a moment of its own choice, so that not all come at once
};
struct Proof {
  std::string root;
};
struct Revocations {
  std::vector<Bytes> issuers;  // at most 8
  std::vector<Bytes> lists;    // at most 8; together they fit a frame
};
using Message = std::variant<Hello, Admission, Welcome, Assignment, Facts, Refused, Anchors, Holds, Prove, Proof,
                             Revocations, Later, Ping, Pong, Nonce, Rehearsal, Verdict, Move, Moved, NewKey>;

[[nodiscard]] std::string to_json(const Message& message);
[[nodiscard]] Message parse_message(const std::string& json);

// Of a list of collectors' ids: what two programs compare to see whether they have the same one.
[[nodiscard]] std::string digest_of_ids(const std::set<std::string>& ids);

// What a proof covers: label | exporter(32 bytes) | id.
enum class Speaker { collector, server };
[[nodiscard]] Bytes session_transcript(const tls::Connection& session, Speaker speaker, const std::string& id);
[[nodiscard]] Bytes customer_key_proof(const SecretBytes& customer_key, const Bytes& transcript);

}  // namespace chancery::wire
