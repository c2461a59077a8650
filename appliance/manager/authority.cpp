// The ad-hoc PKI by hand: its root for browsers and collectors, and leaves for CSRs of others.
#include <nlohmann/json.hpp>

#include "appliance/authority/signed_by_hand.h"
#include "appliance/manager/authority_desk.h"
#include "appliance/manager/knowledge.h"
#include "appliance/manager/root_access.h"
#include "appliance/manager/rotation_follow.h"
#include "appliance/manager/verbs.h"
#include "keystore/x509/material.h"

namespace chancery::manager {
namespace {

using nlohmann::json;

CertificateRequest request_in(const preflight::SourceFile& file) {
  const Material found = read_material(view_of(file.bytes), {.source = file.name});
  if (found.requests.size() != 1) {
    throw Failure({.code = "not-a-request",
                   .subject = file.name,
                   .cause = found.requests.empty() ? "holds no certificate signing request" : "holds several requests",
                   .hint = "give one PKCS#10 request in PEM or DER (openssl req -new …)"});
  }
  if (!found.requests.front().is_self_signature_valid()) {
    throw Failure({.code = "not-a-request",
                   .subject = file.name,
                   .cause = "its own signature does not fit its key",
                   .hint = "make the request anew; this one was changed after it was signed"});
  }
  return found.requests.front();
}

// A CSR's names are never taken over; they are told, so that a person can decide to give them.
Failure names_missing(const CertificateRequest& request) {
  std::string asked;
  for (const AlternativeName& name : request.names()) asked += " --san " + name.value;
  return bad_argument("sans", "no name is given, and those in the request are not believed",
                      asked.empty() ? "give the names with --san NAME" : "if they are right, give:" + asked);
}

json plan_of(const Bench& bench, AuthorityDesk& desk, const authority::LeafRequest& order, const std::string& purpose,
             const authority::RootAccess& access) {
  const authority::Authority::Forecast forecast = desk.authority.forecast(order, access);
  return {{"outcome", "planned"},
          {"plan",
           {{"purpose", purpose},
            {"names", order.names},
            {"issuer", desk.authority.issuing().subject()},
            {"not_before", to_rfc3339(forecast.not_before)},
            {"not_after", to_rfc3339(forecast.not_after)},
            {"new_names", forecast.new_names},
            {"files", authority_files(bench, forecast.new_names)}}}};
}

}  // namespace

json authority_root(Bench& bench, Call& call) {
  const std::vector<Certificate> roots = certificates_in(bench.current(), "trust/federation/roots.pem");
  if (roots.empty()) {
    throw Failure({.code = "not-joined",
                   .subject = bench.appliance.name,
                   .cause = "this appliance is in no federation and knows no root",
                   .hint = "join one first: chancery federation join --primary HOST:PORT --token-file F"});
  }
  // In the middle of a rotation whoever is given the root is given both; leaves are issued under the one named.
  const auto bulletin = followed_bulletin(bench.current());
  const Certificate root = bulletin ? bulletin->root : roots.front();
  const std::string pem = pem_of(roots);
  call.reply_attachments.push_back(secret_copy(pem));
  json all = json::array();
  for (const Certificate& each : roots) all.push_back(preflight::to_json(each));
  return {{"certificate", preflight::to_json(root)},
          {"sha256", root.fingerprint()},
          {"roots", std::move(all)},
          {"pem", pem}};
}

json authority_sign(Bench& bench, Call& call) {
  const CertificateRequest request = request_in(call.file("file"));
  const std::string purpose = call.text("purpose");
  if (purpose != "client" && purpose != "server") {
    throw bad_argument("purpose", "there is no purpose \"" + purpose + "\"", "the purposes are server and client");
  }
  std::vector<std::string> names;
  for (const std::string& san : call.list("sans")) names.push_back(parse_name(san).value);
  if (names.empty()) throw names_missing(request);
  const authority::RootAccess access = root_access(call);
  const Bench::Writer writer = bench.begin_change(call.who() + ", authority sign");
  AuthorityDesk desk(bench);
  const authority::LeafRequest order{
      .purpose = purpose == "client" ? authority::LeafPurpose::client : authority::LeafPurpose::server,
      .names = names,
      .member_uri = {},
      .public_key_der = request.public_key_der(),
      .issued_for = "authority sign, " + call.who(),
      .member = authority::owner_of_key(request.public_key_der()),
      .identity = purpose};
  if (call.flag("dry_run")) return plan_of(bench, desk, order, purpose, access);
  desk.authority.permit_names(names, access);
  const Certificate leaf = desk.authority.issue(order);
  std::vector<Certificate> chain{leaf};
  for (const Certificate& above : desk.authority.intermediates()) chain.push_back(above);
  const std::string pem = pem_of(chain);
  call.reply_attachments.push_back(secret_copy(pem));
  json shown = json::array();
  for (const Certificate& each : chain) shown.push_back(preflight::to_json(each));
  return {{"outcome", "done"}, {"certificate", preflight::to_json(leaf)}, {"chain", std::move(shown)}, {"pem", pem}};
}

}  // namespace chancery::manager
