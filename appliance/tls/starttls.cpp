#include "appliance/tls/starttls.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include "keystore/fault.h"

namespace chancery::tls {
namespace {

constexpr std::size_t reply_limit = 4096;

// ExtendedRequest with the OID of StartTLS, message id 1.
constexpr std::uint8_t ldap_request[] = {0x30, 0x1d, 0x02, 0x01, 0x01, 0x77, 0x18, 0x80, 0x16, '1', '.',
                                         '3',  '.',  '6',  '.',  '1',  '.',  '4',  '.',  '1',  '.', '1',
                                         '4',  '6',  '6',  '.',  '2',  '0',  '0',  '3',  '7'};
// An LDAP success result stands as ENUMERATED 0 right after the ExtendedResponse's header.
constexpr std::uint8_t ldap_success[] = {0x0a, 0x01, 0x00};
constexpr std::uint8_t postgres_request[] = {0x00, 0x00, 0x00, 0x08, 0x04, 0xd2, 0x16, 0x2f};

class PlainText {
 public:
  PlainText(int descriptor, std::string peer, Deadline deadline)
      : descriptor_(descriptor), peer_(std::move(peer)), deadline_(deadline) {}

  void send(ByteView bytes) const {
    // A handful of bytes on a fresh connection always fits the send buffer.
    if (::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size())) {
      throw refused("it closed the connection");
    }
  }

  // Reads until `complete` says so; never more than is there, so that no byte of TLS is taken.
  template <typename Complete>
  std::string receive(Complete complete) const {
    std::string text;
    while (!complete(text)) {
      if (text.size() >= reply_limit) throw refused("its answer does not end");
      char byte = 0;
      const ssize_t count = ::recv(descriptor_, &byte, 1, 0);
      if (count == 1) {
        text += byte;
        continue;
      }
      if (count == 0 || errno != EAGAIN) throw refused("it closed the connection");
      if (!wait_for(descriptor_, POLLIN, deadline_)) {
        throw Failure({.code = "timeout",
                       .subject = peer_,
                       .cause = "no answer before STARTTLS",
                       .hint = "check that this is the right kind of service for this port"});
      }
    }
    return text;
  }

  Failure refused(const std::string& why) const {
    return Failure({.code = "starttls-refused",
                    .subject = peer_,
                    .cause = "this service does not start TLS: " + why,
                    .hint = "check the kind of service (smtp, ldap, postgres) and that it has TLS switched on"});
  }

 private:
  int descriptor_;
  std::string peer_;
  Deadline deadline_;
};

// A reply of SMTP ends with the line whose code is followed by a blank (RFC 5321, 4.2.1).
bool smtp_complete(const std::string& text) {
  if (!text.ends_with("\n") || text.size() < 5) return false;
  const std::size_t before = text.rfind('\n', text.size() - 2);
  const std::size_t line = before == std::string::npos ? 0 : before + 1;
  return text.size() > line + 3 && text[line + 3] != '-';
}

void smtp_command(const PlainText& link, const std::string& command, const std::string& expected) {
  if (!command.empty()) link.send(view_of(command));
  const std::string reply = link.receive(smtp_complete);
  if (!reply.starts_with(expected)) throw link.refused("it answered " + reply.substr(0, 3));
}

bool ldap_complete(const std::string& text) {
  return text.size() >= 2 && text.size() >= 2 + static_cast<std::size_t>(static_cast<unsigned char>(text[1]) & 0x7f);
}

}  // namespace

void start_tls(const std::string& service, int descriptor, const std::string& peer, Deadline deadline) {
  if (service.empty()) return;
  const PlainText link(descriptor, peer, deadline);
  if (service == "smtp") {
    smtp_command(link, "", "220");
    smtp_command(link, "EHLO chancery\r\n", "250");
    smtp_command(link, "STARTTLS\r\n", "220");
    return;
  }
  if (service == "ldap") {
    link.send(ldap_request);
    const std::string reply = link.receive(ldap_complete);
    const std::string success(reinterpret_cast<const char*>(ldap_success), sizeof ldap_success);
    if (reply.find(success) == std::string::npos) throw link.refused("it answered with an error");
    return;
  }
  if (service == "postgres") {
    link.send(postgres_request);
    if (link.receive([](const std::string& text) { return text.size() == 1; }) != "S") {
      throw link.refused("it has TLS switched off");
    }
    return;
  }
  throw Failure({.code = "bad-address",
                 .subject = service,
                 .cause = "STARTTLS is not known for this service",
                 .hint = "use one of smtp, ldap, postgres"});
}

}  // namespace chancery::tls
