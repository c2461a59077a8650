// Collectors that ask the portal which engine they belong to. A collector proves itself as it would to an engine; the
// answer is the first engine, by name, that the portal reaches. (Rules come with the portal's own pages.)
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "appliance/wire/channel_server.h"
#include "portal/engines.h"

namespace chancery::portal {

struct AssignmentOptions {
  std::string server_name;
  std::function<SecretBytes()> customer_key;
  std::function<bool(const std::string& id)> is_blocked;
};

class Assignment {
 public:
  Assignment(AssignmentOptions options, const Engines& engines);
  ~Assignment();
  void adopt(tls::Connection connection, const std::string& endpoint);

 private:
  AssignmentOptions options_;
  const Engines& engines_;
  std::unique_ptr<wire::ChannelServer> channel_;
};

}  // namespace chancery::portal
