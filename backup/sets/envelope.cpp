#include "backup/sets/envelope.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "backup/sets/archive.h"
#include "backup/sets/passphrase_key.h"
#include "keystore/bytes/cursor.h"

namespace chancery::backup {
namespace {

constexpr std::string_view kMagic = "CHANBAK1";
constexpr std::size_t kBlock = 64u << 10;
constexpr std::size_t kTag = crypto_secretstream_xchacha20poly1305_ABYTES;
constexpr std::size_t kStreamHeader = crypto_secretstream_xchacha20poly1305_HEADERBYTES;
constexpr std::size_t kHead = kMagic.size() + 8 + crypto_pwhash_SALTBYTES + kStreamHeader;

Failure wrong_passphrase() {
  return Failure({.code = "passphrase-wrong",
                  .subject = "backup set",
                  .cause = "the passphrase is wrong, or the file was altered or cut off",
                  .hint = "check the passphrase and copy the file again"});
}

}  // namespace

bool is_envelope(ByteView bytes) { return text_of(bytes).starts_with(kMagic); }

SecretBytes close_envelope(ByteView contents, const SecretBytes& passphrase) {
  start_sodium();
  if (passphrase.empty()) {
    throw Failure({.code = "passphrase-empty",
                   .subject = "backup set",
                   .cause = "an empty passphrase protects nothing",
                   .hint = "give a passphrase, or leave it out and keep the file as safe as the keys in it"});
  }
  const SecretBytes salt = random_secret(crypto_pwhash_SALTBYTES);
  const KeyWork work;
  Writer out;
  out.block(view_of(kMagic)).u32(work.passes).u32(work.memory_kib).block(view_of(salt));
  const SecretBytes bound = secret_copy(view_of(out.bytes()));
  const SecretBytes key = key_of_passphrase(passphrase, view_of(salt), work);
  SecretStream stream;
  std::array<std::uint8_t, kStreamHeader> header{};
  crypto_secretstream_xchacha20poly1305_init_push(&stream.state, header.data(), key.data());

  SecretBytes file = out.take();
  file.reserve(file.size() + kStreamHeader + contents.size() + (contents.size() / kBlock + 1) * kTag);
  append(file, header);
  for (bool first = true, last = false; !last; first = false) {
    const ByteView block = contents.first(std::min(kBlock, contents.size()));
    contents = contents.subspan(block.size());
    last = contents.empty();
    const std::size_t at = file.size();
    file.resize(at + block.size() + kTag);
    crypto_secretstream_xchacha20poly1305_push(&stream.state, file.data() + at, nullptr, block.data(), block.size(),
                                               first ? bound.data() : nullptr, first ? bound.size() : 0,
                                               last ? crypto_secretstream_xchacha20poly1305_TAG_FINAL : 0);
  }
  return file;
}

SecretBytes open_envelope(ByteView envelope, const SecretBytes& passphrase) {
  start_sodium();
  if (!is_envelope(envelope) || envelope.size() < kHead || envelope.size() > 2 * kMaximumArchive) {
    throw damaged_backup("backup set", "it is not an exported backup set");
  }
  Reader in(envelope, "exported backup set");
  static_cast<void>(in.block(kMagic.size()));
  KeyWork work;
  work.passes = in.u32();
  work.memory_kib = in.u32();
  const ByteView salt = in.block(crypto_pwhash_SALTBYTES);
  const ByteView bound = envelope.first(in.offset());
  const ByteView header = in.block(kStreamHeader);
  if (!are_sensible(work)) {
    throw damaged_backup("backup set", "it asks for more, or less, work on its passphrase than is sensible");
  }
  const SecretBytes key = key_of_passphrase(passphrase, salt, work);
  SecretStream stream;
  if (crypto_secretstream_xchacha20poly1305_init_pull(&stream.state, header.data(), key.data()) != 0) {
    throw wrong_passphrase();
  }
  SecretBytes contents;
  SecretBytes block(kBlock);
  for (bool first = true;; first = false) {
    const std::size_t size = std::min(in.remaining(), kBlock + kTag);
    if (size < kTag) {
      throw wrong_passphrase();  // cut off before the block that is tagged final
    }
    const ByteView sealed = in.block(size);
    unsigned char tag = 0;
    if (crypto_secretstream_xchacha20poly1305_pull(&stream.state, block.data(), nullptr, &tag, sealed.data(),
                                                   sealed.size(), first ? bound.data() : nullptr,
                                                   first ? bound.size() : 0) != 0) {
      throw wrong_passphrase();
    }
    append(contents, view_of(block).first(size - kTag));
    if (tag == crypto_secretstream_xchacha20poly1305_TAG_FINAL) {
      break;
    }
  }
  if (!in.at_end()) {
    throw wrong_passphrase();
  }
  return contents;
}

}  // namespace chancery::backup
