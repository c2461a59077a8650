// Members fetch the Customer Keys as the product does it on both sides over real TLS on loopback, and nobody else does.
#include "appliance/federation/key_transfer.h"

#include <gtest/gtest.h>

#include "appliance/authority/register.h"
#include "appliance/federation/bulletin.h"
#include "appliance/federation/join_wire.h"
#include "appliance/federation/key_wire.h"
#include "appliance/federation/transcript.h"
#include "keystore/bytes/text_encoding.h"
#include "tests/failure_code.h"
#include "tests/federation/primary.h"

namespace chancery::federation {
namespace {

using testing::Joiner;
using testing::Primary;

class KeyTransfer : public ::testing::Test {
 protected:
  KeyTransfer() {
    joiner_.time = primary_.time;
    joined_ = joiner_.join(primary_.token());
    keys_ = CustomerKeys{.number = 0, .since = {}, .current = secret_copy(view_of(primary_.customer_key)), .former = {}}
                .rotated(random_secret(32), *primary_.time.now, *primary_.time.now + std::chrono::hours(1));
    primary_.admission().know_customer_keys(keys_);
  }

  KeyRequest request() const {
    return {.authority = primary_.target(),
            .authority_pin = primary_.tls_key.key_digest(),
            .member = joined_->chains.at("member").front(),
            .member_key = joiner_.request.identities.front().key};
  }
  std::string code_of_fetch(const KeyRequest& wanted) {
    return code_of([&] { static_cast<void>(fetch_customer_keys(wanted, primary_.time.clock())); });
  }
  tls::Connection connect() const {
    tls::ClientOptions options;
    options.pin = primary_.tls_key.key_digest();
    options.alpn = {"http/1.1"};
    return tls::Connection::connect(primary_.target(), tls::ClientContext(std::move(options)),
                                    tls::within(std::chrono::seconds(5)));
  }

  Primary primary_;
  Joiner joiner_{primary_};
  std::optional<Joined> joined_;
  CustomerKeys keys_;
};

TEST_F(KeyTransfer, AMemberIsGivenAllOfThemAndTheNewsSayThatTheyAreThere) {
  EXPECT_EQ(keys_, fetch_customer_keys(request(), primary_.time.clock()));
  EXPECT_EQ(1U, fetch_news(primary_.target(), primary_.tls_key.key_digest(), primary_.federation).customer_key);
  // Who joins now is given the one in force.
  Joiner late(primary_, {"late.example.com"});
  late.time = primary_.time;
  EXPECT_EQ(keys_.current, late.join(primary_.token({"late.example.com"})).customer_key);
}

TEST_F(KeyTransfer, NobodyElseIsAndAllAreToldTheSame) {
  KeyRequest wanted = request();
  wanted.member_key = PrivateKey::generate(KeyType::ecdsa_p256);
  EXPECT_EQ("customer-key-refused", code_of_fetch(wanted));
  wanted = request();
  wanted.member = joined_->chains.at("engine").front();
  wanted.member_key = joiner_.request.identities[1].key;
  EXPECT_EQ("customer-key-refused", code_of_fetch(wanted)) << "a server certificate is no member's";
  wanted = request();
  wanted.authority_pin = PrivateKey::generate(KeyType::ecdsa_p256).key_digest();
  EXPECT_EQ("relay-suspected", code_of_fetch(wanted));
  primary_.admission().remove("engine.example.com");
  EXPECT_EQ("customer-key-refused", code_of_fetch(request()));
}

TEST_F(KeyTransfer, AMembersCertificateThatHasEndedIsNoneAndAClockThatIsOffIsTold) {
  const auto clock = [now = *primary_.time.now + std::chrono::hours(48)] { return now; };
  EXPECT_EQ("clock-skew", code_of([&] { static_cast<void>(fetch_customer_keys(request(), clock)); }));
  *primary_.time.now = request().member.not_after() + std::chrono::seconds(1);
  EXPECT_EQ("customer-key-refused", code_of_fetch(request()));
}

// Requests made by hand; both ends of a session have one exporter, so the client's stands in for the server's.
TEST_F(KeyTransfer, NothingOfAnotherSessionCountsAndTheKeysStandInNoText) {
  const tls::Connection link = connect();
  const tls::Connection other = connect();
  const KeyRequest own = request();
  const KeyStatement statement{.certificate = from_hex(own.member.fingerprint()),
                               .nonce = Bytes(nonce_size, 7),
                               .time = primary_.time.now->time_since_epoch().count()};
  const SecretBytes session = link.exporter(key_session_label, session_secret_size);
  const SecretBytes foreign = other.exporter(key_session_label, session_secret_size);
  int address = 0;
  const auto say = [&](const KeyStatement& said, const SecretBytes& bound) {
    const std::string body =
        write_key_request({said, own.member_key.sign(view_of(key_transcript(said, view_of(bound))))});
    return primary_.admission().answer_customer_key(body, link, "192.0.2." + std::to_string(++address) + ":1");
  };
  const auto right = say(statement, session);
  EXPECT_EQ(200, right.status) << right.body;
  EXPECT_EQ(std::string::npos, right.body.find(to_base64(view_of(keys_.current)).substr(0, 20)));
  const auto replayed = say(statement, foreign);
  EXPECT_EQ(403, replayed.status);
  EXPECT_EQ("customer-key-refused", read_refusal(replayed.body).code);
  EXPECT_EQ(replayed.body, primary_.admission().answer_customer_key("{}", link, "198.51.100.1:1").body);
  // A reply to another nonce, or of another session, is not signed for this one.
  const KeyReply reply = read_key_reply(right.body);
  const Bytes key = primary_.tls_key.public_key_der();
  EXPECT_TRUE(
      verify_signature(key, view_of(key_reply_transcript(statement, view_of(session), reply.masked)), reply.signature));
  EXPECT_FALSE(
      verify_signature(key, view_of(key_reply_transcript(statement, view_of(foreign), reply.masked)), reply.signature));
}

}  // namespace
}  // namespace chancery::federation
