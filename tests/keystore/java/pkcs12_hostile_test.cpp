// PKCS#12 files that lie: cut, altered, with counts that nobody can pay, without what proves them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "keystore/java/pkcs12_protection.h"
#include "tests/keystore/java/pkcs12_stores.h"

namespace chancery::java {
namespace {

using ::testing::AnyOf;
using namespace std::string_view_literals;

constexpr auto data = "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"sv;
constexpr auto encrypted_data = "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x06"sv;
constexpr auto bags = "\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01"sv;
constexpr const char* quick = "small.certcount=2,keycount=2,count=2";

std::string code_of_opening(ByteView bytes, const std::string& password = "changeit") {
  return code_of([&] { (void)open_bytes(bytes, password); });
}

void content_info(asn1::DerWriter& out, ByteView content) {
  const std::size_t end = out.mark();
  out.octets(content);
  out.wrap(der::context_0, end);
  out.oid(view_of(data));
  out.wrap(der::sequence, end);
}

// A whole file around an AuthenticatedSafe.
SecretBytes pfx_around(ByteView parts, const pkcs12::Mac* mac = nullptr, std::uint64_t version = 3) {
  asn1::DerWriter out;
  if (mac != nullptr) pkcs12::write(out, *mac);
  content_info(out, parts);
  out.integer(version);
  out.wrap(der::sequence, 0);
  return out.take();
}

// A file of one bag whose value is given, not encrypted.
SecretBytes pfx_with_bag(std::uint8_t kind, ByteView value, const pkcs12::Mac* mac = nullptr) {
  asn1::DerWriter safe;
  safe.put(value);
  safe.wrap(der::context_0, 0);
  const std::size_t oid = safe.mark();
  safe.put({&kind, 1});
  safe.put(view_of(bags));
  safe.wrap(der::object_identifier, oid);
  safe.wrap(der::sequence, 0);
  safe.wrap(der::sequence, 0);
  asn1::DerWriter parts;
  content_info(parts, safe.bytes());
  parts.wrap(der::sequence, 0);
  return pfx_around(parts.bytes(), mac);
}

SecretBytes encrypted_key(const pkcs12::Encryption& encryption) {
  asn1::DerWriter out;
  out.octets(Bytes(32));
  pkcs12::write(out, encryption);
  out.wrap(der::sequence, 0);
  return out.take();
}

SecretBytes encrypted_part(const pkcs12::Encryption& encryption) {
  asn1::DerWriter out;
  out.element(0x80, Bytes(32));
  pkcs12::write(out, encryption);
  out.oid(view_of(data));
  out.wrap(der::sequence, 0);
  out.integer(0);
  out.wrap(der::sequence, 0);
  out.wrap(der::context_0, 0);
  out.oid(view_of(encrypted_data));
  out.wrap(der::sequence, 0);
  return out.take();
}

pkcs12::Encryption encryption_with(std::uint64_t iterations) {
  pkcs12::Encryption out = pkcs12::default_encryption();
  out.iterations = iterations;
  out.salt = Bytes(20, 1);
  out.iv = Bytes(16, 2);
  return out;
}

pkcs12::Mac mac_with(std::uint64_t iterations) {
  pkcs12::Mac out = pkcs12::default_mac();
  out.iterations = iterations;
  out.salt = Bytes(20, 1);
  out.value = Bytes(32, 2);
  return out;
}

// The file without its MacData.
Bytes without_mac(const Bytes& bytes) {
  ByteView rest = bytes;
  ByteView inside = der::next(rest)->content;
  const auto version = der::next(inside);
  const auto safe = der::next(inside);
  asn1::DerWriter out;
  out.put(safe->whole);
  out.put(version->whole);
  out.wrap(der::sequence, 0);
  return {out.bytes().begin(), out.bytes().end()};
}

TEST(Pkcs12Hostile, CutAnywhereIsAnError) {
  for (const char* name : {quick, "small.cert=NONE"}) {
    const Bytes bytes = p12_bytes(name);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      const ByteView cut = ByteView(bytes).first(size);
      ASSERT_THAT(code_of_opening(cut), AnyOf("keystore-damaged", "not-a-keystore")) << name << " " << size;
      ASSERT_THAT(code_of_opening(cut, "-"), AnyOf("keystore-damaged", "not-a-keystore")) << name << " " << size;
    }
    Bytes longer = bytes;
    longer.push_back(0);
    EXPECT_EQ(code_of_opening(longer), "keystore-damaged");
    EXPECT_EQ(code_of_opening(bytes), "");
  }
}

TEST(Pkcs12Hostile, AFlippedBitIsAnErrorOrTheRightAnswer) {
  Bytes bytes = p12_bytes(quick);
  const std::string right = description(open_bytes(bytes, "changeit"), "changeit");
  std::size_t harmless = 0;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (const std::uint8_t flip : Bytes{0x01, 0x40, 0x80, 0xff}) {
      bytes[at] ^= flip;
      try {
        const Keystore store = open_bytes(bytes, "changeit");
        ASSERT_EQ(store.integrity, Integrity::verified) << at;
        ASSERT_EQ(description(store, "changeit"), right) << at;
        ++harmless;
      } catch (const Failure& failure) {
        ASSERT_THAT(failure.code(), AnyOf("wrong-password", "keystore-damaged", "keystore-unsupported",
                                          "keystore-hostile", "not-a-keystore", "integrity-absent"))
            << at;
      }
      bytes[at] ^= flip;
    }
  }
  EXPECT_LE(harmless, 8U) << "only the NULL in the MAC's algorithm, which is not under the MAC and has no meaning";
  EXPECT_EQ(code_of_opening(bytes), "");
}

TEST(Pkcs12Hostile, AFlippedBitWithoutAPasswordComesBack) {
  Bytes bytes = p12_bytes("small.cert=NONE");
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (const std::uint8_t flip : Bytes{0x01, 0x40, 0x80, 0xff}) {
      bytes[at] ^= flip;
      try {
        const Keystore store = open_bytes(bytes, "-");
        ASSERT_EQ(store.integrity, Integrity::absent);
        (void)pkcs12_details(store);
        (void)sealed(store, "-");
      } catch (const Failure& failure) {
        ASSERT_FALSE(failure.hint().empty());
      }
      bytes[at] ^= flip;
    }
  }
}

TEST(Pkcs12Hostile, IterationCountsAreReadBeforeAnythingIsComputed) {
  const SecretBytes no_parts = [] {
    asn1::DerWriter out;
    out.empty(der::sequence);
    return out.take();
  }();
  const double start = processor_seconds();
  for (const std::uint64_t count :
       {5'000'001ULL, 100'000'001ULL, 0x7fffffffULL, 0xffffffffULL, 0x7fffffffffffffffULL}) {
    const pkcs12::Mac mac = mac_with(count);
    EXPECT_EQ(code_of_opening(pfx_around(no_parts, &mac)), "keystore-hostile") << count;
    EXPECT_EQ(code_of_opening(pfx_around(no_parts, &mac), "-"), "keystore-hostile") << count;
    pkcs12::Mac pbmac1 = mac;
    pbmac1.prf = pbmac1.digest;
    pbmac1.key_size = 32;
    EXPECT_EQ(code_of_opening(pfx_around(no_parts, &pbmac1)), "keystore-hostile") << count;

    asn1::DerWriter parts;
    parts.put(encrypted_part(encryption_with(count)));
    parts.wrap(der::sequence, 0);
    EXPECT_EQ(code_of_opening(pfx_around(parts.bytes())), "keystore-hostile") << count;
    EXPECT_EQ(code_of_opening(pfx_with_bag(2, encrypted_key(encryption_with(count)))), "integrity-absent");
    const SecretBytes bomb = pfx_with_bag(2, encrypted_key(encryption_with(count)));
    EXPECT_EQ(code_of([&] { (void)open_bytes(bomb, "changeit", true); }), "keystore-hostile") << count;
    const Entry entry{.alias = "key",
                      .kind = EntryKind::private_key,
                      .key = SealedKey{StoreType::pkcs12, encrypted_key(encryption_with(count))}};
    EXPECT_EQ(code_of([&] { (void)open_key(Keystore{}, entry, secret("changeit")); }), "keystore-hostile") << count;
  }
  // Many parts that are each just affordable.
  asn1::DerWriter parts;
  for (int part = 0; part < 900; ++part) parts.put(encrypted_part(encryption_with(1)));
  parts.wrap(der::sequence, 0);
  EXPECT_EQ(code_of([&] { (void)open_bytes(pfx_around(parts.bytes()), "changeit", true); }), "wrong-password");
  EXPECT_LT(processor_seconds() - start, 5);
}

TEST(Pkcs12Hostile, AStrippedMacIsNotAccepted) {
  for (const char* name : {"small", "small.cert=NONE", "openssl-plain-key", "one"}) {
    const Bytes stripped = without_mac(p12_bytes(name));
    EXPECT_EQ(code_of_opening(stripped), "integrity-absent") << name;
    EXPECT_EQ(code_of_opening(stripped, "-"), "integrity-absent") << name;
    const Keystore accepted = open_bytes(stripped, "changeit", true);
    EXPECT_EQ(accepted.integrity, Integrity::absent);
    EXPECT_EQ(description(accepted, "changeit"), description(open_p12(p12(name)), "changeit"));
    EXPECT_EQ(open_bytes(sealed(accepted, "changeit"), "changeit").integrity, Integrity::verified) << "has one again";
    EXPECT_EQ(code_of([&] { (void)open_bytes(stripped, "wrong", true); }),
              std::string(name) == "small" || std::string(name) == "one" || std::string(name) == "openssl-plain-key"
                  ? "wrong-password"
                  : "");
  }
}

TEST(Pkcs12Hostile, NestingAndPartsAreCapped) {
  SecretBytes nested = secret("\x30");
  nested.push_back(0);
  for (int depth = 0; depth < 12; ++depth) {
    asn1::DerWriter out;
    out.put(nested);
    out.wrap(der::context_0, 0);
    const std::size_t oid = out.mark();
    const std::uint8_t safe_contents = 6;
    out.put({&safe_contents, 1});
    out.put(view_of(bags));
    out.wrap(der::object_identifier, oid);
    out.wrap(der::sequence, 0);
    out.wrap(der::sequence, 0);
    nested = out.take();
    asn1::DerWriter parts;
    content_info(parts, nested);
    parts.wrap(der::sequence, 0);
    EXPECT_EQ(code_of_opening(pfx_around(parts.bytes())), depth < 7 ? "" : "keystore-hostile") << depth;
  }
  asn1::DerWriter parts;
  for (int part = 0; part < 1001; ++part) content_info(parts, ByteView(nested).first(0));
  parts.wrap(der::sequence, 0);
  EXPECT_THAT(code_of_opening(pfx_around(parts.bytes())), AnyOf("keystore-hostile", "keystore-damaged"));

  Bytes deep;  // indefinite lengths inside each other, to the end of the file
  for (int depth = 0; depth < 100'000; ++depth) deep.insert(deep.end(), {0x30, 0x80});
  EXPECT_EQ(code_of_opening(pfx_around(deep)), "keystore-damaged");
  Bytes outer = {0x30, 0x80, 0x02, 0x01, 0x03, 0x30, 0x80, 0x06, 0x09};
  outer.insert(outer.end(), data.begin(), data.end());
  outer.insert(outer.end(), deep.begin(), deep.end());
  EXPECT_EQ(code_of_opening(outer), "keystore-damaged");
}

TEST(Pkcs12Hostile, WhatIsNotForAPasswordOrNotKnownSaysSo) {
  asn1::DerWriter none;
  none.empty(der::sequence);
  EXPECT_EQ(code_of_opening(pfx_around(none.bytes())), "");
  EXPECT_EQ(code_of_opening(pfx_around(none.bytes(), nullptr, 4)), "not-a-keystore");
  Bytes signed_data = p12_bytes("one");
  const auto at = text_of(signed_data).find(data);
  signed_data[at + data.size() - 1] = 2;
  EXPECT_EQ(code_of_opening(signed_data), "keystore-unsupported");
  // A bag that nobody knows, and a CRL, are carried along.
  for (const std::uint8_t kind : {std::uint8_t{4}, std::uint8_t{9}}) {
    const Keystore store = open_bytes(pfx_with_bag(kind, secret(std::string("\x30\x03\x02\x01\x05"))), "-");
    EXPECT_EQ(store.entries.size(), 0U);
    EXPECT_EQ(pkcs12_details(store).carried.size(), 1U);
    EXPECT_EQ(pkcs12_details(open_bytes(sealed(store, "changeit"), "changeit")).carried.size(), 1U);
  }
}

// The same file with indefinite lengths and octet strings in pieces wherever BER allows it.
SecretBytes in_pieces(ByteView bytes, bool is_mac) {
  SecretBytes out;
  int position = 0;
  while (!bytes.empty()) {
    const auto element = der::next(bytes);
    if (element->tag == der::octet_string && element->content.size() > 100 && !is_mac) {
      const std::size_t half = element->content.size() / 2;
      append(out, Bytes{0x24, 0x80});
      append(out, der::wrapped(der::octet_string, element->content.first(half)));
      append(out, Bytes{0x24, 0x80});
      append(out, der::wrapped(der::octet_string, element->content.subspan(half)));
      append(out, Bytes{0, 0, 0, 0});
    } else if ((element->tag & 0x20U) != 0) {
      append(out, Bytes{element->tag, 0x80});
      append(out, in_pieces(element->content, is_mac || position == 2));
      append(out, Bytes{0, 0});
    } else {
      append(out, element->whole);
    }
    ++position;
  }
  return out;
}

TEST(Ber, IndefiniteLengthsAndPiecesAreRead) {
  for (const char* name : {"small", "keys", "openssl-legacy", "small.cert=NONE"}) {
    const P12& made = p12(name);
    const SecretBytes pieces = in_pieces(p12_bytes(name), false);
    EXPECT_EQ(detect(pieces), StoreType::pkcs12);
    const Keystore store = open_bytes(pieces, made.password);
    EXPECT_EQ(store.integrity, Integrity::verified);
    EXPECT_EQ(description(store, made.key_password), p12_workshop().text(made.name + ".txt")) << name;
    for (std::size_t size = 0; size < pieces.size(); size += 7) {
      ASSERT_THAT(code_of_opening(ByteView(pieces).first(size)), AnyOf("keystore-damaged", "not-a-keystore"));
    }
  }
  EXPECT_EQ(p12_bytes("nss")[1], 0x80) << "NSS writes such lengths";
}

TEST(Ber, InsideAStoreTheyAreCarriedAsDer) {
  // {2.5.4.3, SET { SEQUENCE of indefinite length }} as an attribute's neighbour would be: an unknown bag.
  const Bytes value = {0x30, 0x80, 0x24, 0x80, 0x04, 0x01, 0x07, 0x00, 0x00, 0x00, 0x00};
  const Keystore store = open_bytes(pfx_with_bag(9, value), "-");
  const SecretBytes again = sealed(store, "-");
  EXPECT_TRUE(asn1::has_definite_lengths(again));
  EXPECT_EQ(pkcs12_details(open_bytes(again, "-")).carried.size(), 1U);
}

void renew(pkcs12::Mac& mac, ByteView content, const pkcs12::Passwords& passwords) {
  pkcs12::DerivedKeys keys;
  pkcs12::begin_renewal(mac, passwords, keys);
  pkcs12::finish_renewal(mac, content, passwords, keys);
}

TEST(Passwords, AnAbsentOneDerivesFromNothing) {
  // What Windows and old Java write for no password: a MAC whose key comes from no bytes at all.
  asn1::DerWriter none;
  none.empty(der::sequence);
  pkcs12::Mac mac = mac_with(2);
  pkcs12::Passwords absent((ByteView()));
  ASSERT_EQ(absent.utf16.size(), 2U);
  EXPECT_EQ(absent.utf16[0].size(), 2U);
  EXPECT_EQ(absent.utf16[1].size(), 0U);
  std::swap(absent.utf16[0], absent.utf16[1]);
  renew(mac, none.bytes(), absent);
  EXPECT_EQ(open_bytes(pfx_around(none.bytes(), &mac), "").integrity, Integrity::verified);
  EXPECT_EQ(code_of_opening(pfx_around(none.bytes(), &mac), "x"), "wrong-password");
}

TEST(Passwords, Pbmac1IsCheckedAndKept) {
  asn1::DerWriter none;
  none.empty(der::sequence);
  pkcs12::Mac mac = mac_with(2);
  mac.prf = mac.digest;
  mac.key_size = 32;
  renew(mac, none.bytes(), pkcs12::Passwords(view_of("pässwörd")));
  const Keystore store = open_bytes(pfx_around(none.bytes(), &mac), "pässwörd");
  EXPECT_EQ(store.integrity, Integrity::verified);
  EXPECT_EQ(pkcs12_details(store).protections[1].algorithm, "PBMAC1 with HmacSHA256");
  EXPECT_EQ(open_bytes(sealed(store, "other"), "other").integrity, Integrity::verified);
  EXPECT_EQ(code_of_opening(pfx_around(none.bytes(), &mac)), "wrong-password");
}

}  // namespace
}  // namespace chancery::java
