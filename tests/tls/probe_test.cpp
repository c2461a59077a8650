// Probes and diagnosis: what is really served, offline proof, and the explanation for people.
#include "appliance/tls/probe.h"

#include <sys/wait.h>

#include <thread>

#include "appliance/tls/diagnosis.h"
#include "appliance/tls/tcp.h"
#include "keystore/fault.h"
#include "tests/tls/workbench.h"

namespace chancery::test {
namespace {

using namespace std::chrono_literals;

const tls::DiagnosisStep* step_of(const tls::Diagnosis& diagnosis, const std::string& name) {
  for (const tls::DiagnosisStep& step : diagnosis.steps) {
    if (step.step == name) return &step;
  }
  return nullptr;
}

TEST(Probe, SeesTheChainOfEachProtocol) {
  StateOnDisk state;
  TestServer server(state);
  server.start();
  const auto seen = tls::probe({"127.0.0.1", server.port(), ""}, "localhost", 5s);
  EXPECT_TRUE(seen.reached && seen.handshake) << seen.problem;
  ASSERT_EQ(seen.chain.size(), 2U);
  EXPECT_EQ(seen.chain[0].fingerprint(), Pki::get().fingerprint("a"));
  EXPECT_EQ(seen.protocol, "TLSv1.3");
  const auto nobody = tls::probe({"127.0.0.1", free_port(), ""}, "localhost", 5s);
  EXPECT_FALSE(nobody.reached);
  EXPECT_NE(nobody.problem, "");
  const auto unknown = tls::probe({"127.0.0.1", server.port(), ""}, "localhost", 5s, "no-such-protocol");
  EXPECT_TRUE(unknown.reached);
  EXPECT_FALSE(unknown.handshake);
}

TEST(Probe, ProvesOffline) {
  const Pki& pki = Pki::get();
  const std::vector<Certificate> chain = {pki.certificate("a"), pki.certificate("intermediate")};
  for (const char* leaf : {"a", "rsa"}) {
    const auto proof = tls::prove_offline({pki.certificate(leaf), chain[1]}, pki.key(leaf), {});
    EXPECT_EQ(proof.problem, "");
    EXPECT_TRUE(proof.handshake);
  }
  EXPECT_NE(tls::prove_offline(chain, pki.key("b"), {}).problem, "");
  EXPECT_NE(tls::prove_offline({}, pki.key("b"), {}).problem, "");
  SecurityProfile nonsense;
  nonsense.ciphers = "NO-SUCH-CIPHER";
  EXPECT_NE(tls::prove_offline(chain, pki.key("a"), nonsense).problem, "");
}

TEST(Probe, StartsTlsOnServicesThatBeginInPlainText) {
  const Pki& pki = Pki::get();
  for (const std::string service : {"smtp", "ldap", "postgres"}) {
    const int port = free_port();
    std::thread server([&] {
      sh("timeout 10 python3 " CHANCERY_SOURCE_DIR "/tests/tls/starttls_server.py " + service + " " +
         std::to_string(port) + " " + pki.path("a.pem") + " " + pki.path("a.key"));
    });
    tls::ProbeResult seen;
    for (int i = 0; i < 200 && !seen.reached; ++i) {
      seen = tls::probe({"127.0.0.1", port, service}, "localhost", 5s);
      if (!seen.reached) std::this_thread::sleep_for(20ms);
    }
    server.join();
    EXPECT_TRUE(seen.handshake) << service << ": " << seen.problem;
    ASSERT_FALSE(seen.chain.empty());
    EXPECT_EQ(seen.chain[0].fingerprint(), pki.fingerprint("a"));
  }
}

TEST(Diagnosis, OfAGoodServerIsAllRight) {
  StateOnDisk state;
  TestServer server(state);
  server.start();
  const auto good = tls::diagnose(
      {.address = {"localhost", server.port(), ""}, .name = "", .trust_pem = Pki::get().bytes("root.pem")});
  EXPECT_TRUE(good.ok());
  std::string order;
  for (const auto& step : good.steps) order += step.step + ",";
  EXPECT_EQ(order, "name resolution,tcp,tls,client certificate,chain,trust,names,expiry,");
  EXPECT_NE(step_of(good, "name resolution")->detail.find("/etc/hosts"), std::string::npos);
}

TEST(Diagnosis, ExplainsWhatIsWrong) {
  StateOnDisk state;
  TestServer server(state);
  server.start();
  const tls::ClientContext unused = trusting();
  auto at = [&](const std::string& host, const std::string& name, const std::string& root) {
    return tls::diagnose({.address = {host, server.port(), ""}, .name = name, .trust_pem = Pki::get().bytes(root)});
  };
  const auto untrusted = at("127.0.0.1", "", "stranger.pem");
  EXPECT_FALSE(step_of(untrusted, "trust")->ok);
  EXPECT_NE(step_of(untrusted, "trust")->hint, "");
  const auto wrong_name = at("127.0.0.1", "www.example.org", "root.pem");
  EXPECT_FALSE(step_of(wrong_name, "names")->ok);
  EXPECT_NE(step_of(wrong_name, "names")->detail.find("portal.example.com"), std::string::npos);
  EXPECT_FALSE(step_of(at("no-such-host.invalid", "", "root.pem"), "name resolution")->ok);
  const auto refused = tls::diagnose({.address = {"127.0.0.1", free_port(), ""}, .name = "", .trust_pem = {}});
  EXPECT_FALSE(step_of(refused, "tcp")->ok);
  EXPECT_NE(step_of(refused, "tcp")->detail.find("refused"), std::string::npos);

  server.swap(state.stage("expired"));
  EXPECT_FALSE(step_of(at("127.0.0.1", "", "root.pem"), "expiry")->ok);
  server.swap(state.stage({{"identities/portal/intermediate.crt", text_file("")}}));
  EXPECT_NE(step_of(at("127.0.0.1", "", "root.pem"), "trust")->detail.find("neither sent nor trusted"),
            std::string::npos);
  server.swap(
      state.stage({{"identities/portal/intermediate.crt", text_file(read_text(Pki::get().path("stranger.pem")))}}));
  EXPECT_FALSE(step_of(at("127.0.0.1", "", "root.pem"), "chain")->ok);
}

TEST(Diagnosis, SaysThatAClientCertificateIsDemanded) {
  StateOnDisk state({.profile = "client-certificates = \"require\"\ntrusted = \"trust/federation/roots.pem\"\n"});
  TestServer server(state);
  server.start();
  const auto seen = tls::diagnose({.address = {"127.0.0.1", server.port(), ""}, .name = "", .trust_pem = {}});
  ASSERT_NE(step_of(seen, "client certificate"), nullptr);
  EXPECT_FALSE(step_of(seen, "client certificate")->ok);
  EXPECT_NE(step_of(seen, "client certificate")->detail.find("asks for a client certificate"), std::string::npos);
}

}  // namespace
}  // namespace chancery::test
