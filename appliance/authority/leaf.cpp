// Leaves by policy: what is issued, and what would be.
#include <algorithm>

#include "appliance/authority/authority_state.h"
#include "appliance/authority/ca_certificates.h"
#include "appliance/authority/permitted_names.h"
#include "appliance/authority/public_key_rules.h"
#include "keystore/fault.h"

namespace chancery::authority {
namespace {

constexpr std::chrono::hours default_leaf_validity{24 * 397};
constexpr std::size_t longest_common_name = 64;  // RFC 5280, ub-common-name

// A CN that looks like a host name is compared with name constraints by OpenSSL, so only a DNS name may stand there.
std::string common_name_for(const std::vector<AlternativeName>& names) {
  for (const AlternativeName& name : names) {
    if (name.kind == AlternativeName::Kind::dns && name.value.size() <= longest_common_name) return name.value;
  }
  return "";
}

const char* kind_of(LeafPurpose purpose) {
  switch (purpose) {
    case LeafPurpose::server:
      return "server";
    case LeafPurpose::client:
      return "client";
    case LeafPurpose::orders:
      return "orders";
    case LeafPurpose::member:
      break;
  }
  return "member";
}

}  // namespace

LeafNames Authority::State::checked_names(const LeafRequest& request) const {
  LeafNames names{exact_names(request.names), request.member_uri};
  const bool has_uri = request.purpose == LeafPurpose::member || request.purpose == LeafPurpose::orders;
  const char* kind = request.purpose == LeafPurpose::orders ? "/orders/" : "/member/";
  const bool uri_fits = has_uri ? names.uri.starts_with("chancery://" + federation + kind) : names.uri.empty();
  if (uri_fits && !(names.names.empty() && names.uri.empty())) return names;
  throw Failure({.code = "bad-name",
                 .subject = request.issued_for,
                 .cause = "a member needs a URI of this federation, and every other certificate a name and no URI",
                 .hint = "give names, and for members chancery://" + federation + "/member/ROLE/NAME"});
}

Validity Authority::State::validity_of(const LeafRequest& request, Instant now) const {
  const Instant not_after = std::min(now + request.validity, issuer.certificate.not_after());
  if (not_after > now) return {std::max(now - backdating, issuer.certificate.not_before()), not_after};
  throw Failure({.code = "authority-expired",
                 .subject = issuer.certificate.subject(),
                 .cause = "the issuing CA ended on " + to_rfc3339(issuer.certificate.not_after()),
                 .hint = "check this machine's clock; if it is right, the federation needs a new authority"});
}

MadeLeaf Authority::State::leaf(const LeafRequest& request, Instant now) const {
  const PublicKeyKind key_kind = check_public_key(request.public_key_der);
  LeafNames names = checked_names(request);
  for (const AlternativeName& name : names.names) {
    if (is_permitted(issuer.permitted, name)) continue;
    throw Failure({.code = "name-not-permitted",
                   .subject = to_text(name),
                   .cause = "the issuing CA's name constraints do not permit this name",
                   .hint = "make a join token that bears the name, or give it at `chancery init --san`"});
  }
  const Validity validity = validity_of(request, now);
  const Bytes subject = subject_name(organisation_of(federation), common_name_for(names.names));
  MadeLeaf made{.der = {}, .serial = new_serial(now), .names = {}, .not_after = validity.not_after};
  made.der = write_certificate(
      issuing_key,
      {.serial = made.serial,
       .issuer = issuer.name,
       .not_before = validity.not_before,
       .not_after = validity.not_after,
       .subject = subject,
       .public_key_der = request.public_key_der,
       .extensions = leaf_extensions(key_identifier(request.public_key_der), issuer.key_id, names,
                                     request.purpose == LeafPurpose::server || request.purpose == LeafPurpose::member,
                                     request.purpose != LeafPurpose::server, key_kind == PublicKeyKind::rsa)});
  made.names = std::move(names.names);
  if (!names.uri.empty()) made.names.push_back({AlternativeName::Kind::uri, names.uri});
  return made;
}

SignedLeaf Authority::issue_encoded(const LeafRequest& request) {
  SignedLeaf issued;
  state_->store.write([&] {
    state_->refresh();
    const Instant now = state_->clock();
    MadeLeaf made = state_->leaf(request, now);
    issued.sha256 = sha256(made.der);
    issued.der = std::move(made.der);
    enter(state_->store,
          EncodedCertificate{.der = issued.der,
                             .sha256 = issued.sha256,
                             .serial = std::move(made.serial),
                             .names = std::move(made.names),
                             .not_after = made.not_after,
                             .key_sha256 = sha256(request.public_key_der)},
          {.kind = kind_of(request.purpose),
           .issued_for = request.issued_for,
           .issued_at = now,
           .member = request.member,
           .identity = request.identity});
  });
  return issued;
}

Certificate Authority::issue(const LeafRequest& request) { return Certificate::from_der(issue_encoded(request).der); }

Authority::Forecast Authority::forecast(const LeafRequest& request, const RootAccess& access) {
  std::vector<std::string> new_names = not_permitted(request.names);
  if (!new_names.empty()) static_cast<void>(root_key(access));
  const auto lock = state_->store.hold();
  static_cast<void>(check_public_key(request.public_key_der));
  static_cast<void>(state_->checked_names(request));
  const Validity validity = state_->validity_of(request, state_->clock());
  return {std::move(new_names), validity.not_before, validity.not_after};
}

Certificate self_signed(const PrivateKey& key, const std::vector<std::string>& names, Instant now) {
  const Bytes public_key = key.public_key_der();
  const PublicKeyKind kind = check_public_key(public_key);
  const LeafNames exact{exact_names(names), ""};
  const Bytes subject = subject_name("Chancery appliance outside of a federation", common_name_for(exact.names));
  const Bytes key_id = key_identifier(public_key);
  return Certificate::from_der(write_certificate(
      key, {.serial = new_serial(now),
            .issuer = subject,
            .not_before = now - backdating,
            .not_after = now + default_leaf_validity,
            .subject = subject,
            .public_key_der = public_key,
            .extensions = leaf_extensions(key_id, key_id, exact, true, false, kind == PublicKeyKind::rsa)}));
}

}  // namespace chancery::authority
