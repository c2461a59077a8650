// The collector channel of an engine: lets collectors in (wire/collector_door.h), takes what they report, and tells them
// of the federation's trust: after the welcome, and when a generation has changed it, to so many sessions a second as
// 8 MiB allow. Proofs that it asks for are spread so that about 200 handshakes a second come of them.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "appliance/wire/collector_door.h"
#include "engine/devices.h"
#include "engine/federation_trust.h"

namespace chancery::engine {

struct IngestOptions {
  std::string server_name;                                             // said in the welcome
  std::function<std::shared_ptr<const CustomerKeys>()> customer_keys;  // of the generation in force
  int interval_seconds = 5;                                            // between two reports of a collector
  // What a collector has answered to a rehearsal; on the channel's thread.
  std::function<void(const std::string& id, const wire::Verdict& verdict)> on_verdict = {};
  // Whoever comes beyond is told to come back later. 0: as many as the process may have files open, less 500.
  std::size_t most_sessions = 0;
  // Too much waits to be written: collectors that are not known yet are told to come back later.
  std::function<bool()> is_behind = {};
};

class Ingest {
 public:
  Ingest(IngestOptions options, Devices& devices);
  ~Ingest();
  void adopt(tls::Connection connection, const std::string& endpoint);
  // From any thread; counts for new sessions at once, for present ones with the next tell_news().
  void set_trust(FederationTrust trust);
  // Tells sessions what they were not told yet; to be called every second, cheap where there is nothing to tell.
  void tell_news();
  // The Customer Key is another one: sessions that hold a former one are given it. From any thread.
  void tell_new_key();
  // Ends the sessions of collectors that are blocked now.
  void end_blocked();
  // Collectors that are connected without TLS now; those are ended whose endpoint takes no plain text any more.
  std::size_t plain() const { return plain_; }
  void end_plain(const std::function<bool(const std::string& endpoint)>& may_be_plain);
  // Runs `task` for every collector that was let in, on the channel's thread, soon.
  void for_each(std::function<void(wire::Session& session, const std::string& id)> task);

 private:
  std::shared_ptr<const FederationTrust> trust() const;
  void begin(wire::Session& session);
  void greet(wire::Session& session, const wire::DoorAnswer& answer);
  void take(wire::Session& session, const std::string& id, const wire::Message& message);
  void take_holds(wire::Session& session, const std::string& id, const wire::Holds& holds);
  void take_proof(wire::Session& session, const std::string& id, const wire::Proof& proof);
  std::size_t tell(wire::Session& session);  // bytes sent

  IngestOptions options_;
  Devices& devices_;
  std::shared_ptr<const wire::DoorKeeper> keeper_;
  std::atomic<std::size_t> plain_ = 0;
  mutable std::mutex mutex_;
  std::shared_ptr<const FederationTrust> trust_;
  std::atomic<bool> has_news_ = false;
  // What each session was told, by its number; on the channel's thread alone.
  struct Told {
    std::shared_ptr<const FederationTrust> trust;
    bool lists = false;
  };
  std::unordered_map<std::uint64_t, Told> told_;
  std::unique_ptr<wire::ChannelServer> channel_;  // last: its thread uses the members above
};

}  // namespace chancery::engine
