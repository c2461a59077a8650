#include "portal/alerts/webhook.h"

#include "appliance/http/client.h"
#include "appliance/settings/storage_setting.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"
#include "keystore/openssl/digest.h"
#include "portal/alerts/wording.h"

namespace chancery::portal::alerts {
namespace {

constexpr std::chrono::seconds patience{15};
constexpr std::size_t answer_limit = std::size_t{64} * 1024;

std::string signature(const std::string& secret_file, const std::string& body) {
  const SecretBytes secret = read_password_file(secret_file);
  if (secret.empty()) {
    throw Failure({.code = "webhook-secret-empty",
                   .subject = secret_file,
                   .cause = "its first line is empty, and an empty secret signs nothing",
                   .hint = "write a random one into it, for instance by: openssl rand -hex 32"});
  }
  return "sha256=" + to_hex(hmac_sha256(view_of(secret), view_of(body)));
}

std::string answer_text(int status) {
  if (status >= 300 && status < 400)
    return "it redirects (status " + std::to_string(status) + "), which is not followed";
  return "it answered with status " + std::to_string(status);
}

}  // namespace

Webhook::Webhook(WebhookSettings settings, std::string appliance, std::function<Bytes()> trust, Clock clock)
    : settings_(std::move(settings)),
      appliance_(std::move(appliance)),
      trust_(std::move(trust)),
      clock_(std::move(clock)) {}

const std::string& Webhook::name() const {
  static const std::string webhook = "webhook";
  return webhook;
}

std::string Webhook::destination() const {
  const std::string& host = settings_.server.host;
  return "https://" + (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" +
         std::to_string(settings_.server.port);
}

void Webhook::deliver(const Delivery& delivery) {
  http::Request request{.method = "POST",
                        .path = settings_.path,
                        .body = document_of(delivery, appliance_, to_hex(view_of(random_secret(16))), clock_())};
  if (!settings_.secret_file.empty()) {
    request.headers["X-Chancery-Signature"] = signature(settings_.secret_file, request.body);
  }
  tls::ClientOptions options;
  options.trust_pem = trust_();
  options.alpn = {"http/1.1"};
  const http::Reply reply = http::request({.host = settings_.server.host, .port = settings_.server.port},
                                          tls::ClientContext(std::move(options)), request, patience, answer_limit);
  if (reply.status >= 200 && reply.status < 300) return;
  throw Failure({.code = "webhook-refused",
                 .subject = destination(),
                 .cause = answer_text(reply.status),
                 .hint = "check alerts.webhook and alerts.webhook-secret-file with whoever runs the server; it must "
                         "answer the POST itself, with 200 to 299"});
}

}  // namespace chancery::portal::alerts
