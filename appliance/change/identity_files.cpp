// An identity as the files of its folder, written and read.

#include "appliance/change/plan_parts.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/x509/material.h"
#include "keystore/x509/pkcs12_writer.h"

namespace chancery::change {
namespace {

constexpr std::size_t password_bytes = 24;

std::string pem_of(const std::vector<Certificate>& certificates) {
  std::string pem;
  for (const Certificate& certificate : certificates) pem += certificate.to_pem();
  return pem;
}

const PrivateKey& key_of(const preflight::Identity& material, const std::string& name) {
  if (material.key) return *material.key;
  throw Failure({.code = "key-missing",
                 .subject = name,
                 .cause = "there is no private key for this certificate",
                 .hint = "give the key that the certificate was requested with (--key)"});
}

// certificate.pem, key.pem and intermediate.crt: what everything else in the folder derives from.
void put_sources(backup::Edits& edits, const Appliance& appliance, const std::string& folder,
                 const preflight::Identity& material) {
  const SecretBytes key = key_of(material, folder).to_pem();
  put_file(edits, appliance, folder + "/certificate.pem", view_of(material.leaf.to_pem()));
  put_file(edits, appliance, folder + "/key.pem", view_of(key));
  put_file(edits, appliance, folder + "/intermediate.crt", view_of(pem_of(material.intermediates)));
}

bool holds_same(const backup::Generation& base, const backup::Edits& edits, const std::string& path) {
  return base.has(path) && secret_equal(view_of(base.read_secret(path)), view_of(edits.at(path)->bytes));
}

SecretBytes password_in(const backup::Generation& base, const std::string& folder) {
  const std::string path = folder + "/keystore.password";
  if (!base.has(path)) return {};
  SecretBytes password = base.read_secret(path);
  while (!password.empty() && (password.back() == '\n' || password.back() == '\r')) password.pop_back();
  return password;
}

Failure damaged(const std::string& where, const std::string& cause) {
  return Failure(
      {.code = "identity-damaged",
       .subject = where,
       .cause = cause,
       .hint = "bring it back: chancery backup restore ID, chancery generation rollback N or chancery cert reset"});
}

}  // namespace

void put_file(backup::Edits& edits, const Appliance& appliance, const std::string& path, ByteView bytes) {
  edits[path] = backup::NewFile{.bytes = secret_copy(bytes), .attributes = file_attributes(appliance, path)};
}

void put_identity_files(backup::Edits& edits, const Appliance& appliance, const std::string& identity,
                        const preflight::Identity& material, SecretBytes password) {
  const std::string folder = "identities/" + identity;
  put_sources(edits, appliance, folder, material);
  const std::string fullchain = material.leaf.to_pem() + pem_of(material.intermediates);
  put_file(edits, appliance, folder + "/fullchain.pem", view_of(fullchain));
  SecretBytes combined = key_of(material, identity).to_pem();
  append(combined, view_of(fullchain));
  put_file(edits, appliance, folder + "/combined.pem", view_of(combined));

  if (password.empty()) password = to_base64url_secret(view_of(random_secret(password_bytes)));
  std::vector<Certificate> chain{material.leaf};
  chain.insert(chain.end(), material.intermediates.begin(), material.intermediates.end());
  put_file(edits, appliance, folder + "/keystore.p12",
           view_of(write_pkcs12(identity, key_of(material, identity), chain, password)));
  append(password, view_of("\n"));
  put_file(edits, appliance, folder + "/keystore.password", view_of(password));
}

void put_identity(backup::Edits& edits, const backup::Generation* base, const Appliance& appliance,
                  const std::string& identity, const preflight::Identity& material) {
  const std::string folder = "identities/" + identity;
  put_identity_files(edits, appliance, identity, material,
                     base == nullptr ? SecretBytes{} : password_in(*base, folder));
  if (base == nullptr) return;
  // A PKCS#12 file is salted: written anew it differs even where nothing changed, and would look like a change.
  bool is_same = true;
  for (const char* name : {"/certificate.pem", "/key.pem", "/intermediate.crt", "/keystore.password"}) {
    is_same = is_same && holds_same(*base, edits, folder + name);
  }
  const std::string store = folder + "/keystore.p12";
  if (is_same && base->has(store)) edits.at(store)->bytes = base->read_secret(store);
}

void put_default(backup::Edits& edits, const Appliance& appliance, const std::string& identity,
                 const preflight::Identity& material) {
  put_sources(edits, appliance, "defaults/" + identity, material);
}

preflight::Identity parse_identity(const std::string& where, ByteView certificate, ByteView key,
                                   ByteView intermediate) {
  Material leaf = read_material(certificate, {.source = where + "/certificate.pem"});
  if (leaf.certificates.empty()) throw damaged(where, "certificate.pem holds no certificate that can be read");
  Material keys = read_material(key, {.source = where + "/key.pem"});
  if (keys.keys.empty()) throw damaged(where, "key.pem holds no private key that can be read");
  preflight::Identity identity{.leaf = leaf.certificates.front(), .intermediates = {}, .key = keys.keys.front()};
  // A chain that somebody put behind the leaf in its own file belongs to it.
  identity.intermediates.assign(leaf.certificates.begin() + 1, leaf.certificates.end());
  if (intermediate.empty()) return identity;
  Material chain = read_material(intermediate, {.source = where + "/intermediate.crt"});
  if (chain.certificates.empty()) throw damaged(where, "intermediate.crt holds no certificate that can be read");
  identity.intermediates.insert(identity.intermediates.end(), chain.certificates.begin(), chain.certificates.end());
  return identity;
}

std::optional<preflight::Identity> read_identity(const backup::Generation& generation, const std::string& folder) {
  if (!generation.has(folder + "/certificate.pem")) return std::nullopt;
  if (!generation.has(folder + "/key.pem")) throw damaged(folder, "key.pem is missing");
  const Bytes certificate = generation.read(folder + "/certificate.pem");
  const SecretBytes key = generation.read_secret(folder + "/key.pem");
  const std::string chain = folder + "/intermediate.crt";
  const Bytes intermediate = generation.has(chain) ? generation.read(chain) : Bytes{};
  return parse_identity(folder, certificate, view_of(key), intermediate);
}

bool is_default(const backup::Generation& generation, const std::string& identity) {
  const std::string present = "identities/" + identity + "/certificate.pem";
  const std::string fallback = "defaults/" + identity + "/certificate.pem";
  return generation.has(present) && generation.has(fallback) && generation.read(present) == generation.read(fallback);
}

}  // namespace chancery::change
