// The bulletin: what the authority tells all members of the federation's anchors, so that they follow a rotation (C8).
//
//   authority:   SignedBulletin notice = sign(bulletin_of(authority), tls_key);      // GET /bulletin
//   secondary:   News news = fetch_news(authority, pin, federation);                 // verified; every few seconds
//
// A bulletin is signed by the key that members pinned when they joined, under a label of its own, and says the whole
// state: whoever missed the steps between follows from it alone. Its number only grows; which one this appliance has
// followed stands in its generation (followed_bulletin_path). One request brings the lists of revocations along, each
// signed by its CA.
//
//   GET /bulletin  {"bulletin":TEXT,"signature":base64,"lists":[base64 DER,…],"customer_key":n}
//     TEXT         {"federation":id,"number":n,"phase":"steady"|"prepared"|"activated","since":unix,
//                   "roots":[PEM,…],"root":PEM,"issuing":PEM,"former_issuing":PEM|null,"cross":PEM|null,
//                   "retired":[PEM,…]}
//   customer_key   the number of the Customer Keys in force (key_transfer.h); absent where they were never changed. Only
//                  the session with the pinned authority vouches for it: it makes a member ask, no more
//   signed         sized16 "chancery bulletin 1 authority", sized32 TEXT           (big endian)
//
// Failures: "bulletin-invalid" (shape, signature, another federation, roots that are none), "relay-suspected", those of
// tls/connection.h. Not checked: whether the number is newer, and who signed the lists. Thread safety: pure functions.
#pragma once

#include <string>
#include <vector>

#include "appliance/authority/rotation.h"
#include "appliance/tls/connection.h"

namespace chancery::federation {

inline constexpr const char* followed_bulletin_path = "federation/bulletin.json";
inline constexpr std::size_t bulletin_limit = std::size_t{8} * 1024 * 1024;  // with its lists

struct Bulletin {
  std::string federation;
  std::uint64_t number = 0;
  authority::Phase phase = authority::Phase::steady;
  Instant since{};
  std::vector<Certificate> roots;  // all that count, the newest last
  Certificate root;                // leaves are issued under it
  Certificate issuing;
  std::optional<Certificate> former_issuing;  // while its leaves still count
  std::optional<Certificate> cross;
  std::vector<Certificate> retired;
};
[[nodiscard]] Bulletin bulletin_of(authority::Authority& authority);

struct SignedBulletin {
  std::string text;
  Bytes signature;
};
[[nodiscard]] SignedBulletin sign(const Bulletin& bulletin, const PrivateKey& tls_key);
// Of TEXT alone, whoever signed it.
[[nodiscard]] Bulletin read_bulletin(std::string_view text);
// Its number alone, of one that was read before: nothing else of it is looked at, no certificate decoded.
[[nodiscard]] std::uint64_t number_of_bulletin(std::string_view text);
[[nodiscard]] std::string write_bulletin(const Bulletin& bulletin);

struct News {
  Bulletin bulletin;
  std::vector<Bytes> lists;
  std::uint64_t customer_key = 0;
};
[[nodiscard]] std::string write_news(const SignedBulletin& bulletin, const std::vector<Bytes>& lists,
                                     std::uint64_t customer_key = 0);
// `authority_key` is the SubjectPublicKeyInfo that the pin stands for.
[[nodiscard]] News read_news(std::string_view body, const Bytes& authority_key, const std::string& federation);
[[nodiscard]] News fetch_news(const tls::Target& authority, const Sha256& pin, const std::string& federation,
                              std::chrono::milliseconds deadline = std::chrono::milliseconds{4000});

}  // namespace chancery::federation
