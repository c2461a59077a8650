#include "appliance/tls/diagnosis.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "appliance/tls/client_context.h"
#include "appliance/tls/diagnosis_steps.h"
#include "appliance/tls/log_lines.h"
#include "appliance/tls/starttls.h"
#include "appliance/tls/tcp.h"
#include "keystore/fault.h"

namespace chancery::tls {
namespace {

DiagnosisStep failed(const std::string& step, const Failure& failure) {
  return {.step = step, .ok = false, .detail = printable(failure.cause()), .hint = failure.hint()};
}

bool in_hosts_file(const std::string& host) {
  std::ifstream in("/etc/hosts");
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string word;
    words >> word;  // the address
    while (words >> word) {
      if (word == host) return true;
    }
  }
  return false;
}

DiagnosisStep resolution_step(const DiagnosisRequest& request, std::vector<SocketAddress>& addresses, Deadline until) {
  const std::string& host = request.address.host;
  addresses = resolve(host, request.address.port, until);
  std::string list;
  for (const SocketAddress& address : addresses) list += (list.empty() ? "" : ", ") + address.address();
  if (is_ip_literal(host)) return {"name resolution", true, list + " is an address", ""};
  return {"name resolution", true,
          host + " is " + list + (in_hosts_file(host) ? " (from /etc/hosts)" : " (from the name service)"), ""};
}

DiagnosisStep tcp_step(const std::vector<SocketAddress>& addresses, TcpLink& link, Deadline until) {
  std::string refused;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const auto now = std::chrono::steady_clock::now();
    try {
      link = connect_tcp(addresses[i], now + (until - now) / static_cast<int>(addresses.size() - i + 1));
      return {"tcp", true, refused + "connected to " + link.peer, ""};
    } catch (const Failure& failure) {
      if (i + 1 == addresses.size()) throw;
      refused += failure.subject() + ": " + failure.cause() + "\n";
    }
  }
  return {"tcp", false, "there is no address to connect to", "check the name"};
}

ClientContext seeing_client() {
  ClientOptions options;
  options.verify_chain = false;
  options.verify_name = false;
  return ClientContext(std::move(options));
}

// TLS 1.3 servers refuse a missing client certificate only after the client's side of the handshake is done.
DiagnosisStep client_certificate_step(Connection& connection) {
  constexpr auto patience = std::chrono::milliseconds(300);
  try {
    std::uint8_t byte[1];
    connection.read(byte, within(patience));
  } catch (const Failure& failure) {
    if (failure.code() == "timeout") return {"client certificate", true, "none is demanded", ""};
    return failed("client certificate", failure);
  }
  return {"client certificate", true, "none is demanded", ""};
}

void see_everything(const DiagnosisRequest& request, Diagnosis& out, std::string& step) {
  const Deadline until = within(request.deadline);
  std::vector<SocketAddress> addresses;
  step = "name resolution";
  out.steps.push_back(resolution_step(request, addresses, until));
  step = "tcp";
  TcpLink link;
  out.steps.push_back(tcp_step(addresses, link, until));
  if (!request.address.starttls.empty()) {
    step = "starttls";
    start_tls(request.address.starttls, link.descriptor.get(), link.peer, until);
    out.steps.push_back({step, true, request.address.starttls + " began TLS", ""});
  }
  step = "tls";
  const std::string& name = request.name.empty() ? request.address.host : request.name;
  Connection connection = Connection::handshake(link.descriptor.release(), link.peer, name, seeing_client(), until);
  out.steps.push_back({step, true, connection.protocol() + ", " + connection.cipher(), ""});
  out.chain = connection.peer_chain();
  step = "client certificate";
  out.steps.push_back(client_certificate_step(connection));
  step = "chain";
  judge_chain(out.chain, name, request.trust_pem, system_now(), out.steps);
}

}  // namespace

bool Diagnosis::ok() const {
  return !steps.empty() && std::all_of(steps.begin(), steps.end(), [](const DiagnosisStep& step) { return step.ok; });
}

Diagnosis diagnose(const DiagnosisRequest& request) {
  Diagnosis out;
  std::string step = "name resolution";
  try {
    see_everything(request, out, step);
  } catch (const Failure& failure) {
    out.steps.push_back(failed(step, failure));
  } catch (const std::exception& problem) {
    out.steps.push_back({step, false, printable(problem.what()), "try again; the machine may be short of memory"});
  }
  return out;
}

}  // namespace chancery::tls
