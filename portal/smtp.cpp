#include "portal/smtp.h"

#include <sodium.h>

#include <array>
#include <ctime>

#include "appliance/settings/storage_setting.h"
#include "appliance/tls/connection.h"
#include "appliance/tls/starttls.h"
#include "appliance/tls/tcp.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"

namespace chancery::portal {

namespace {

constexpr std::chrono::seconds patience{20};
constexpr std::size_t answer_limit = 16 * 1024;
constexpr std::size_t line_width = 76;
// As many bytes of a subject as fit an encoded word of 75 characters, at a multiple of three.
constexpr std::size_t word_bytes = 42;

struct Answer {
  int code = 0;
  std::string text;
};

class SmtpLink {
 public:
  SmtpLink(tls::Connection connection, tls::Deadline deadline)
      : connection_(std::move(connection)), deadline_(deadline) {}

  Answer answer() {
    std::string text;
    for (;;) {
      std::array<std::uint8_t, 1024> part{};
      const std::size_t count = connection_.read(part, deadline_);
      if (count == 0) throw refused("it closed the connection", text);
      text.append(reinterpret_cast<const char*>(part.data()), count);
      if (text.size() > answer_limit) throw refused("its answer does not end", "");
      if (is_complete(text)) break;
    }
    if (text.find_first_not_of("0123456789") != 3) throw refused("it does not speak SMTP", text);
    return {.code = std::stoi(text.substr(0, 3)), .text = text};
  }

  Answer command(ByteView line) {
    connection_.write_all(line, deadline_);
    return answer();
  }

  // `what` is for people: a command may hold the password.
  Answer expect(int code, const std::string& what, ByteView line) {
    Answer got = command(line);
    if (got.code != code) throw refused("it did not take " + what, got.text);
    return got;
  }
  Answer expect(int code, const std::string& line) { return expect(code, line, view_of(line + "\r\n")); }

  Failure refused(const std::string& why, const std::string& said) const {
    std::string cause = why;
    for (const char c : said.substr(0, 200)) {
      if (cause.size() == why.size()) cause += ": ";
      const auto byte = static_cast<unsigned char>(c);
      cause += byte < 0x20 || byte >= 0x7f ? ' ' : c;
    }
    return Failure({.code = "mail-refused",
                    .subject = connection_.peer_address(),
                    .cause = cause,
                    .hint = "check mail.from, mail.to, mail.user and mail.password-file with whoever runs the server"});
  }

 private:
  // The last line's code is followed by a blank or by nothing (RFC 5321, 4.2.1).
  static bool is_complete(const std::string& text) {
    if (!text.ends_with('\n') || text.size() < 5) return false;
    const std::size_t before = text.rfind('\n', text.size() - 2);
    const std::size_t line = before == std::string::npos ? 0 : before + 1;
    return text.size() > line + 3 && text[line + 3] != '-';
  }

  tls::Connection connection_;
  tls::Deadline deadline_;
};

SecretBytes secret_base64(const SecretBytes& secret) {
  SecretBytes text(sodium_base64_encoded_len(secret.size(), sodium_base64_VARIANT_ORIGINAL));
  sodium_bin2base64(reinterpret_cast<char*>(text.data()), text.size(), secret.data(), secret.size(),
                    sodium_base64_VARIANT_ORIGINAL);
  text.pop_back();  // the final NUL
  return text;
}

tls::Connection connect(const MailSettings& settings, const Bytes& trust_pem, tls::Deadline deadline) {
  tls::ClientOptions options;
  options.trust_pem = trust_pem;
  const tls::ClientContext context(std::move(options));
  const ProbeAddress& server = settings.server;
  if (!settings.starttls)
    return tls::Connection::connect({.host = server.host, .port = server.port}, context, deadline);
  tls::TcpLink link = tls::connect_tcp(server.host, server.port, deadline);
  tls::start_tls("smtp", link.descriptor.get(), link.peer, deadline);
  return tls::Connection::handshake(link.descriptor.release(), link.peer, server.host, context, deadline);
}

// AUTH PLAIN (RFC 4616), which every server with TLS offers.
void sign_in(SmtpLink& link, const MailSettings& settings, const std::string& offers) {
  const std::size_t line = offers.find("AUTH ");
  if (line == std::string::npos ||
      offers.substr(line, offers.find('\n', line) - line).find("PLAIN") == std::string::npos) {
    throw link.refused("it offers no AUTH PLAIN to sign in by", offers);
  }
  SecretBytes plain;
  plain.push_back(0);
  append(plain, view_of(settings.user));
  plain.push_back(0);
  append(plain, view_of(read_password_file(settings.password_file)));
  SecretBytes command = secret_copy(std::string_view("AUTH PLAIN "));
  append(command, view_of(secret_base64(plain)));
  append(command, view_of(std::string_view("\r\n")));
  link.expect(235, "the password of " + settings.user, view_of(command));
}

std::string date_of(Instant now) {
  const std::time_t seconds = now.time_since_epoch().count();
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  static constexpr std::array days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%s, %d %s %d %02d:%02d:%02d +0000",
                days[static_cast<std::size_t>(parts.tm_wday)], parts.tm_mday,
                months[static_cast<std::size_t>(parts.tm_mon)], parts.tm_year + 1900, parts.tm_hour, parts.tm_min,
                parts.tm_sec);
  return text.data();
}

// Always encoded (RFC 2047): whatever a certificate's name holds, it cannot add a line to the header.
std::string subject_of(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = std::min(at + word_bytes, text.size());
    // Not through the middle of a character.
    while (end < text.size() && end > at + 1 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
    out += (out.empty() ? "" : "\r\n ") + ("=?utf-8?B?" + to_base64(view_of(text.substr(at, end - at))) + "?=");
    at = end;
  }
  return out;
}

}  // namespace

std::string mail_text(const MailSettings& settings, const Mail& mail, Instant now, const std::string& id) {
  std::string text = "Date: " + date_of(now) + "\r\nFrom: Chancery <" + settings.from + ">\r\nTo: ";
  for (std::size_t at = 0; at < settings.to.size(); ++at) text += (at == 0 ? "<" : ",\r\n <") + settings.to[at] + ">";
  text += "\r\nSubject: " + subject_of(mail.subject) + "\r\nMessage-ID: <" + id + "@" +
          settings.from.substr(settings.from.find('@') + 1) +
          ">\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
          "Content-Transfer-Encoding: base64\r\n\r\n";
  const std::string body = to_base64(view_of(mail.body));
  for (std::size_t at = 0; at < body.size(); at += line_width) text += body.substr(at, line_width) + "\r\n";
  return text;
}

void send_mail(const MailSettings& settings, const Bytes& trust_pem, const Mail& mail, Instant now) {
  const tls::Deadline deadline = tls::within(patience);
  SmtpLink link(connect(settings, trust_pem, deadline), deadline);
  if (!settings.starttls && link.answer().code != 220) throw link.refused("it does not greet as a mail server", "");
  const Answer offers = link.expect(250, "EHLO chancery");
  if (!settings.user.empty()) sign_in(link, settings, offers.text);
  link.expect(250, "MAIL FROM:<" + settings.from + ">");
  for (const std::string& recipient : settings.to) link.expect(250, "RCPT TO:<" + recipient + ">");
  link.expect(354, "DATA");
  const std::string id = to_hex(view_of(random_secret(16)));
  const std::string message = mail_text(settings, mail, now, id) + ".\r\n";
  link.expect(250, "the message", view_of(message));
  try {
    (void)link.command(view_of(std::string_view("QUIT\r\n")));
  } catch (const Failure&) {
    // The message was taken; how the server says goodbye does not matter.
    (void)0;
  }
}

}  // namespace chancery::portal
