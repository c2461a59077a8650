// The collector channel of an engine: lets collectors in (wire/collector_door.h) and takes what they report.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "appliance/wire/channel_server.h"
#include "engine/devices.h"

namespace chancery::engine {

struct IngestOptions {
  std::string server_name;                    // said in the welcome
  std::function<SecretBytes()> customer_key;  // of the generation in force
  int interval_seconds = 5;                   // between two reports of a collector
};

class Ingest {
 public:
  Ingest(IngestOptions options, Devices& devices);
  ~Ingest();
  void adopt(tls::Connection connection, const std::string& endpoint);

 private:
  IngestOptions options_;
  Devices& devices_;
  std::unique_ptr<wire::ChannelServer> channel_;  // last: its thread uses the members above
};

}  // namespace chancery::engine
