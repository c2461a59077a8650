#include "collector/host_facts.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <fstream>

namespace chancery::collector {

namespace {

constexpr std::size_t addresses_reported = 16;

std::string system_name() {
  std::ifstream release("/etc/os-release");
  constexpr std::string_view key = "PRETTY_NAME=\"";
  for (std::string line; std::getline(release, line);) {
    if (line.starts_with(key) && line.size() > key.size()) return line.substr(key.size(), line.size() - key.size() - 1);
  }
  utsname names{};
  return ::uname(&names) == 0 ? std::string(names.sysname) + " " + names.release : "unknown";
}

std::vector<std::string> addresses() {
  std::vector<std::string> found;
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return found;
  for (const ifaddrs* entry = first; entry != nullptr && found.size() < addresses_reported; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr) continue;
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (entry->ifa_addr->sa_family == AF_INET) {
      const auto* address = reinterpret_cast<const sockaddr_in*>(entry->ifa_addr);
      if (::inet_ntop(AF_INET, &address->sin_addr, text.data(), text.size()) != nullptr)
        found.emplace_back(text.data());
    } else if (entry->ifa_addr->sa_family == AF_INET6) {
      const auto* address = reinterpret_cast<const sockaddr_in6*>(entry->ifa_addr);
      if (::inet_ntop(AF_INET6, &address->sin6_addr, text.data(), text.size()) != nullptr) {
        found.emplace_back(text.data());
      }
    }
  }
  ::freeifaddrs(first);
  return found;
}

}  // namespace

wire::Facts host_facts() {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  wire::Facts facts;
  facts.host = host.data();
  facts.system = system_name();
  facts.addresses = addresses();
  facts.version = CHANCERY_VERSION;
  return facts;
}

}  // namespace chancery::collector
