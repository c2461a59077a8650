// One order, and the keys that may have signed it: the first, which collectors are shipped with, and a successor.
#pragma once

#include "appliance/repair/repair_file.h"
#include "keystore/x509/material.h"

namespace chancery::test {

struct SignedOrder {
  static constexpr const char* federation = "0123456789abcdef";
  static constexpr std::uint64_t number = 7;

  static PrivateKey first() { return PrivateKey::from_ed25519_seed(Bytes(32, 1)); }
  static PrivateKey second() { return PrivateKey::from_ed25519_seed(Bytes(32, 2)); }
  static PrivateKey stranger() { return PrivateKey::from_ed25519_seed(Bytes(32, 3)); }

  static Certificate anchor() {
    // A self-signed EC root made by openssl; only its bytes matter here.
    static constexpr std::string_view pem =
        "-----BEGIN CERTIFICATE-----\n"
        "MIIBejCCAR+gAwIBAgIUXHfLagNovObjJu7/wNDc9pfI908wCgYIKoZIzj0EAwIw\n"
        "ETEPMA0GA1UEAwwGQW5jaG9yMCAXDTI2MTEyMTE1NDYxMloYDzIxMjYxMDI4MTU0\n"
        "NjEyWjARMQ8wDQYDVQQDDAZBbmNob3IwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC\n"
        "AASLbPuCAhRfy1sExZkv4CEfwM0GPMZir6V0JGiLuyPtzRKzEi5tTLO+PKQ2BtBn\n"
        "B4cSpjBKLaxHyBe8Kkuuti+Zo1MwUTAdBgNVHQ4EFgQU7MdYiSBI+81kkKxbDlBc\n"
        "O99gEXYwHwYDVR0jBBgwFoAU7MdYiSBI+81kkKxbDlBcO99gEXYwDwYDVR0TAQH/\n"
        "BAUwAwEB/zAKBggqhkjOPQQDAgNJADBGAiEA0HtZ0QThHty0lf7zTLicpkAFiQZu\n"
        "5Nl+VYzJMdEVd+ECIQD+3Q7kY2ficdGst3Tep39WeK5hKc7nUpJOBQR/ZiuyDQ==\n"
        "-----END CERTIFICATE-----\n";
    return read_material(view_of(std::string(pem)), {.source = "anchor"}).certificates.at(0);
  }
  static repair::RepairOrder order() {
    repair::RepairOrder made;
    made.federation = federation;
    made.number = number;
    made.expires = from_rfc3339("2100-01-01T00:00:00Z");
    made.host = "b.test";
    made.port = 443;
    made.name = "b.test";
    made.anchors = {anchor()};
    return made;
  }
  static repair::Signer signer() { return {.succession = {}, .key = first()}; }
  static repair::Signer successor() {
    return {.succession = {repair::succeed(first(), federation, second().public_key_der())}, .key = second()};
  }
};

}  // namespace chancery::test
