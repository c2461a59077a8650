// collectors-bench PORT CUSTOMER_KEY COUNT TRUST…: so many simulated collectors in one process, each with a connection and a
// key pair of its own. They answer rehearsals as real ones do, by the trust that they have (the files in turn), and say
// nothing else. "ready" on stdout once all are admitted; they end with stdin.
//
// Thousands of endpoints judge on thousands of machines: here each trust judges a question once, and all who have that trust
// give its answer, so that the time measured is the engine's.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <vector>

#include "appliance/wire/collector_messages.h"
#include "appliance/wire/frames.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"
#include "keystore/files/folder.h"

namespace {

using namespace chancery;
using namespace std::chrono_literals;

constexpr auto patience = 30s;
constexpr auto report_interval = 20s;

// What some of the collectors trust, and what it has said so far.
struct Trust {
  tls::ClientContext context;
  std::map<std::string, std::string> verdicts;  // by question

  const std::string& verdict(const std::string& text) {
    const auto question = std::get<wire::Rehearsal>(wire::parse_message(text));
    auto found = verdicts.find(question.id);
    if (found == verdicts.end()) {
      std::vector<Certificate> chain;
      for (const Bytes& der : question.chain) chain.push_back(Certificate::from_der(der));
      const auto fault = context.judge(chain, "localhost");
      const wire::Verdict verdict{.id = question.id,
                                  .reason = fault ? fault->code : wire::would_trust,
                                  .name = "localhost",
                                  .detail = fault ? fault->cause : ""};
      found = verdicts.emplace(question.id, wire::to_json(verdict)).first;
    }
    return found->second;
  }
};

class Simulated {
 public:
  Simulated(const tls::Target& server, Trust& trust, const SecretBytes& customer_key)
      : trust_(trust), link_(tls::Connection::connect(server, trust.context, tls::within(patience))) {
    const PrivateKey key = PrivateKey::generate(KeyType::ed25519);
    const Bytes public_key = key.public_key_der();
    const std::string id = to_hex(sha256(public_key));
    const Bytes mine = wire::session_transcript(link_, wire::Speaker::collector, id);
    send(wire::to_json(wire::Hello{id, "bench", public_key, key.sign(mine)}));
    while (true) {
      const wire::Message message = wire::parse_message(await());
      if (std::holds_alternative<wire::Admission>(message)) {
        send(wire::to_json(wire::Admission{wire::customer_key_proof(customer_key, mine)}));
      } else if (std::holds_alternative<wire::Welcome>(message)) {
        host_ = "bench-" + id.substr(0, 8);
        report();
        return;
      }
    }
  }
  int descriptor() const { return link_.descriptor(); }
  // An engine drops whoever says nothing for long.
  void report() {
    send(wire::to_json(wire::Facts{.host = host_,
                                   .system = "simulated",
                                   .addresses = {},
                                   .version = "bench",
                                   .trust_mode = "pinned",
                                   .trust_roots = {},
                                   .presented = ""}));
  }

  // False when the engine has ended it.
  bool serve() {
    std::uint8_t buffer[16384];
    while (true) {
      const auto got = link_.try_read(buffer);
      if (!got) return true;
      if (*got == 0) return false;
      frames_.feed(ByteView(buffer, *got));
      while (const auto text = frames_.next()) {
        if (text->find("\"rehearsal\"") != std::string::npos) send(trust_.verdict(*text));
      }
    }
  }

 private:
  void send(const std::string& message) { link_.write_all(wire::encode_frame(message), tls::within(patience)); }
  std::string await() {
    std::uint8_t buffer[16384];
    while (true) {
      if (auto text = frames_.next()) return *text;
      frames_.feed(ByteView(buffer, link_.read(buffer, tls::within(patience))));
    }
  }

  Trust& trust_;
  tls::Connection link_;
  wire::FrameReader frames_;
  std::string host_;
};

using Collectors = std::vector<std::unique_ptr<Simulated>>;

// All of them, now and then.
void report(const Collectors& collectors, std::chrono::steady_clock::time_point& next) {
  const auto now = std::chrono::steady_clock::now();
  if (now < next) return;
  next = now + report_interval;
  for (const auto& collector : collectors) {
    if (collector) collector->report();
  }
}

void raise_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

int run(int port, const std::string& key_file, std::size_t count, const std::vector<std::string>& files) {
  raise_file_limit();
  const Bytes key = read_file(key_file, 4096);
  const SecretBytes customer_key(key.begin(), key.end());
  std::vector<std::unique_ptr<Trust>> trusts;
  for (const std::string& file : files) {
    tls::ClientOptions options;
    options.trust_pem = read_file(file, 1024 * 1024);
    options.alpn = {wire::collector_protocol};
    trusts.push_back(std::make_unique<Trust>(Trust{tls::ClientContext(std::move(options)), {}}));
  }
  const int loop = ::epoll_create1(EPOLL_CLOEXEC);
  Collectors collectors;
  auto next_report = std::chrono::steady_clock::now() + report_interval;
  for (std::size_t at = 0; at < count; ++at) {
    collectors.push_back(std::make_unique<Simulated>(tls::Target{"127.0.0.1", port, "localhost"},
                                                     *trusts[at % trusts.size()], customer_key));
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = at;
    ::epoll_ctl(loop, EPOLL_CTL_ADD, collectors[at]->descriptor(), &event);
    // What came with the admission.
    if (!collectors[at]->serve()) return 1;
    report(collectors, next_report);
  }
  epoll_event input{};
  input.events = EPOLLIN;
  input.data.u64 = count;
  ::epoll_ctl(loop, EPOLL_CTL_ADD, STDIN_FILENO, &input);
  std::puts("ready");
  std::fflush(stdout);
  std::vector<epoll_event> events(512);
  while (true) {
    const int ready = ::epoll_wait(loop, events.data(), static_cast<int>(events.size()), 1000);
    report(collectors, next_report);
    for (int i = 0; i < ready; ++i) {
      const std::uint64_t at = events[static_cast<std::size_t>(i)].data.u64;
      if (at == count) return 0;
      if (collectors[at] && !collectors[at]->serve()) collectors[at].reset();
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr, "usage: collectors-bench PORT CUSTOMER_KEY COUNT TRUST…\n");
    return 2;
  }
  try {
    return run(std::atoi(argv[1]), argv[2], static_cast<std::size_t>(std::atol(argv[3])), {argv + 4, argv + argc});
  } catch (const Failure& failure) {
    std::fprintf(stderr, "collectors-bench: %s\nhint: %s\n", failure.what(), failure.hint().c_str());
    return 1;
  }
}
