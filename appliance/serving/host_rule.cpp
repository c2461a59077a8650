#include "appliance/serving/host_rule.h"

#include <algorithm>

namespace chancery::serving {
namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char byte) { return static_cast<char>(byte >= 'A' && byte <= 'Z' ? byte + 32 : byte); });
  return text;
}

bool is_loopback(const std::string& address) { return address.starts_with("127.") || address == "::1"; }

}  // namespace

std::string host_of(const std::string& header) {
  if (header.starts_with("[")) return lower(header.substr(1, header.find(']') - 1));
  return lower(header.substr(0, header.find(':')));
}

bool answers_host(const std::string& header, const std::string& local, const std::vector<std::string>& appliance_names,
                  const tls::ServingSnapshot& serving) {
  const std::string host = host_of(header);
  if (host.empty()) return false;
  if (host == local || (host == "localhost" && is_loopback(local))) return true;
  for (const std::string& name : appliance_names) {
    if (lower(name) == host) return true;
  }
  for (const auto& [name, endpoint] : serving.endpoints) {
    if (answers_to(endpoint.chain.front().names(), host)) return true;
  }
  return false;
}

}  // namespace chancery::serving
