// A CSR with all names of the appliance; the key is made here, waits in the generation, and never leaves it.
#include <nlohmann/json.hpp>

#include "appliance/manager/knowledge.h"
#include "appliance/manager/verbs.h"
#include "keystore/x509/request.h"

namespace chancery::manager {
namespace {

using nlohmann::json;

std::vector<AlternativeName> names_for(const Appliance& appliance, const std::vector<std::string>& extra) {
  Appliance wider = appliance;
  wider.sans.insert(wider.sans.end(), extra.begin(), extra.end());
  std::vector<AlternativeName> names;
  for (const std::string& name : wider.all_names()) names.push_back(parse_name(name));
  return names;
}

KeyDescription description_of(KeyType type) {
  switch (type) {
    case KeyType::ecdsa_p256:
      return {.type = "EC P-256", .bits = 256};
    case KeyType::ecdsa_p384:
      return {.type = "EC P-384", .bits = 384};
    case KeyType::ecdsa_p521:
      return {.type = "EC P-521", .bits = 521};
    case KeyType::ed25519:
      return {.type = "Ed25519", .bits = 256};
    case KeyType::rsa_2048:
      return {.type = "RSA", .bits = 2048};
    case KeyType::rsa_3072:
      return {.type = "RSA", .bits = 3072};
    case KeyType::rsa_4096:
      break;
  }
  return {.type = "RSA", .bits = 4096};
}

// Asking again for the same thing gives the same request: the CA may already have it.
std::optional<std::string> same_request_waiting(const backup::Generation& generation, const std::string& folder,
                                                const std::vector<AlternativeName>& names, KeyType type) {
  if (!generation.has(folder + "/request.pem") || !generation.has(folder + "/key.pem")) return std::nullopt;
  try {
    const Bytes pem = generation.read(folder + "/request.pem");
    const CertificateRequest waiting = CertificateRequest::from_pem(pem);
    const PrivateKey key = PrivateKey::from_pem(view_of(generation.read_secret(folder + "/key.pem")));
    const KeyDescription wanted = description_of(type);
    const bool is_same = waiting.names() == names && waiting.key_digest() == key.key_digest() &&
                         waiting.key().type == wanted.type &&
                         (wanted.type != "RSA" || waiting.key().bits == wanted.bits);
    if (is_same) return std::string(text_of(pem));
  } catch (const Failure&) {
    // A damaged one is made anew.
  }
  return std::nullopt;
}

}  // namespace

json cert_csr(Bench& bench, Call& call) {
  const std::string identity = call.text("identity");
  expect_replaceable(bench.appliance, identity);
  const KeyType type = key_type_from_name(call.text_or("key_type", "ecdsa-p256"));
  const std::vector<AlternativeName> names = names_for(bench.appliance, call.list("sans"));
  const Bench::Writer writer = bench.begin_change(call.who() + ", cert csr " + identity);
  const std::string folder = "pending/" + identity;
  change::Plan plan;
  plan.reason = "csr " + identity;
  plan.base = bench.current().number();
  plan.components = {folder};
  std::string request;
  if (const auto waiting = same_request_waiting(bench.current(), folder, names, type)) {
    request = *waiting;
  } else {
    const PrivateKey key = PrivateKey::generate(type);
    request = CertificateRequest::make(key, names).to_pem();
    change::put_file(plan.edits, bench.appliance, folder + "/key.pem", view_of(key.to_pem()));
    change::put_file(plan.edits, bench.appliance, folder + "/request.pem", view_of(request));
  }
  const bool is_dry = call.flag("dry_run");
  json reply = finish(bench, std::move(plan), call);
  reply["identity"] = identity;
  if (is_dry && reply["outcome"] == "planned") return reply;  // its key is not kept: nobody shall use that request
  reply["request"] = request;
  call.reply_attachments.push_back(secret_copy(request));
  return reply;
}

}  // namespace chancery::manager
