#include "appliance/membership/membership.h"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "appliance/membership/revocation_list.h"
#include "keystore/fault.h"
#include "keystore/x509/material.h"

namespace chancery {

namespace {

constexpr const char* membership_path = "federation/federation.json";

Failure damaged(const std::string& cause) {
  return Failure({.code = "federation-invalid",
                  .subject = membership_path,
                  .cause = cause,
                  .hint = "run `chancery doctor`; go back with `chancery generation rollback N` or join again"});
}

std::function<bool(const Certificate&)> revoked_in(const backup::Generation& generation) {
  if (!generation.has(RevocationList::path)) return {};
  try {
    const auto lists =
        std::make_shared<const std::vector<RevocationList>>(revocation_lists(generation.read(RevocationList::path)));
    return [lists](const Certificate& each) {
      return std::ranges::any_of(*lists, [&](const RevocationList& list) { return list.lists(each); });
    };
  } catch (const Failure&) {
    // The member rule of every program refuses members for the same reason, and says so in the log.
    return [](const Certificate&) { return true; };
  }
}

}  // namespace

std::optional<Membership> read_membership(const backup::Generation& generation) {
  if (!generation.has(membership_path)) return std::nullopt;
  const Bytes bytes = generation.read(membership_path);
  const nlohmann::json file = nlohmann::json::parse(bytes.begin(), bytes.end(), nullptr, /*allow_exceptions=*/false);
  if (!file.is_object()) throw damaged("it is not a JSON object");
  try {
    Membership membership;
    membership.federation = file.at("federation").get<std::string>();
    membership.name = file.at("member").at("name").get<std::string>();
    membership.role = file.at("member").at("role").get<std::string>();
    membership.portal_host = file.at("portal").at("host").get<std::string>();
    membership.portal_port = file.at("portal").at("port").get<int>();
    membership.portal_name = file.at("portal").at("name").get<std::string>();
    membership.authority_host = file.at("authority").at("host").get<std::string>();
    membership.authority_port = file.at("authority").at("port").get<int>();
    return membership;
  } catch (const nlohmann::json::exception& error) {
    throw damaged(error.what());
  }
}

tls::ClientContext member_context(const backup::Generation& generation, Bytes trust_pem, bool verify) {
  tls::ClientOptions options;
  options.trust_pem = std::move(trust_pem);
  options.verify_chain = verify;
  options.verify_name = verify;
  options.alpn = {member_protocol};
  if (verify) options.is_revoked = revoked_in(generation);
  const Bytes chain = generation.read("identities/member/fullchain.pem");
  options.chain = read_material(chain, {.source = "identities/member/fullchain.pem"}).certificates;
  const SecretBytes key = generation.read_secret("identities/member/key.pem");
  options.key = PrivateKey::from_pem(view_of(key));
  return tls::ClientContext(std::move(options));
}

std::optional<MemberName> member_name(const Certificate& leaf) {
  constexpr std::string_view scheme = "chancery://";
  constexpr std::string_view kind = "/member/";
  for (const AlternativeName& name : leaf.names()) {
    if (name.kind != AlternativeName::Kind::uri || !name.value.starts_with(scheme)) continue;
    const std::string_view rest = std::string_view(name.value).substr(scheme.size());
    const std::size_t at = rest.find(kind);
    if (at == std::string_view::npos) continue;
    const std::string_view tail = rest.substr(at + kind.size());
    const std::size_t slash = tail.find('/');
    if (slash == std::string_view::npos) continue;
    return MemberName{std::string(rest.substr(0, at)), std::string(tail.substr(0, slash)),
                      std::string(tail.substr(slash + 1))};
  }
  return std::nullopt;
}

}  // namespace chancery
