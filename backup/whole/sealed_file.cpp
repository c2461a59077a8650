#include "backup/whole/sealed_file.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "backup/sets/archive.h"
#include "backup/sets/passphrase_key.h"
#include "keystore/bytes/cursor.h"

namespace chancery::backup {
namespace {

constexpr std::string_view kMagic = "CHANAPP1";
static_assert(kMagic.size() == sealed_magic_size);
constexpr std::size_t kBlock = 64u << 10;
constexpr std::size_t kTag = crypto_secretstream_xchacha20poly1305_ABYTES;
constexpr std::size_t kStreamHeader = crypto_secretstream_xchacha20poly1305_HEADERBYTES;
constexpr std::size_t kBound = kMagic.size() + 8 + crypto_pwhash_SALTBYTES;
constexpr const char* kSubject = "backup of an appliance";

Failure wrong_passphrase() {
  return Failure({.code = "passphrase-wrong",
                  .subject = kSubject,
                  .cause = "the passphrase is wrong, or the file was altered or cut off",
                  .hint = "check the passphrase and copy the file again"});
}

// As much as there is, up to `most`.
std::size_t fill(const Source& source, std::uint8_t* to, std::size_t most) {
  std::size_t filled = 0;
  while (filled < most) {
    const std::size_t count = source(to + filled, most - filled);
    if (count == 0) break;
    filled += count;
  }
  return filled;
}

}  // namespace

bool is_sealed_file(ByteView beginning) { return text_of(beginning).starts_with(kMagic); }

struct SealedWriter::State {
  Sink sink;
  SecretStream stream;
  SecretBytes bound;  // until the first block is out
  SecretBytes block;
  SecretBytes sealed;
};

SealedWriter::SealedWriter(Sink sink, const SecretBytes& passphrase)
    : SealedWriter(std::move(sink), passphrase, KeyWork{}) {}

SealedWriter::SealedWriter(Sink sink, const SecretBytes& passphrase, const KeyWork& work)
    : state_(std::make_unique<State>()) {
  start_sodium();
  if (passphrase.empty()) {
    throw Failure({.code = "passphrase-empty",
                   .subject = kSubject,
                   .cause = "an empty passphrase protects nothing, and every key of the appliance is in this file",
                   .hint = "give a passphrase that stands for the keys of the whole appliance"});
  }
  state_->sink = std::move(sink);
  state_->block.reserve(kBlock);
  const SecretBytes salt = random_secret(crypto_pwhash_SALTBYTES);
  Writer head;
  head.block(view_of(kMagic)).u32(work.passes).u32(work.memory_kib).block(view_of(salt));
  state_->bound = head.take();
  const SecretBytes key = key_of_passphrase(passphrase, view_of(salt), work);
  std::array<std::uint8_t, kStreamHeader> header{};
  crypto_secretstream_xchacha20poly1305_init_push(&state_->stream.state, header.data(), key.data());
  state_->sink(view_of(state_->bound));
  state_->sink(header);
}

SealedWriter::~SealedWriter() = default;

void SealedWriter::push(bool is_last) {
  State& state = *state_;
  state.sealed.resize(state.block.size() + kTag);
  crypto_secretstream_xchacha20poly1305_push(&state.stream.state, state.sealed.data(), nullptr, state.block.data(),
                                             state.block.size(), state.bound.empty() ? nullptr : state.bound.data(),
                                             state.bound.size(),
                                             is_last ? crypto_secretstream_xchacha20poly1305_TAG_FINAL : 0);
  state.bound.clear();
  state.block.clear();
  state.sink(view_of(state.sealed));
}

void SealedWriter::write(ByteView bytes) {
  while (!bytes.empty()) {
    // Only with more to come: the last block, full or not, is pushed by finish().
    if (state_->block.size() == kBlock) push(false);
    const ByteView part = bytes.first(std::min(bytes.size(), kBlock - state_->block.size()));
    append(state_->block, part);
    bytes = bytes.subspan(part.size());
  }
}

void SealedWriter::finish() { push(true); }

struct SealedReader::State {
  Source source;
  SecretStream stream;
  SecretBytes bound;
  SecretBytes sealed;
  SecretBytes block;
  std::size_t at = 0;
  bool is_final = false;
};

SealedReader::SealedReader(Source source, const SecretBytes& passphrase) : state_(std::make_unique<State>()) {
  start_sodium();
  State& state = *state_;
  state.source = std::move(source);
  state.sealed.resize(kBlock + kTag);
  state.bound.resize(kBound);
  std::array<std::uint8_t, kStreamHeader> header{};
  const bool is_whole = fill(state.source, state.bound.data(), kBound) == kBound &&
                        fill(state.source, header.data(), header.size()) == header.size();
  if (!is_whole || !is_sealed_file(view_of(state.bound))) {
    throw damaged_backup(kSubject, "it is not a backup of an appliance");
  }
  Reader in(view_of(state.bound), kSubject);
  static_cast<void>(in.block(kMagic.size()));
  KeyWork work;
  work.passes = in.u32();
  work.memory_kib = in.u32();
  if (!are_sensible(work)) {
    throw damaged_backup(kSubject, "it asks for more, or less, work on its passphrase than is sensible");
  }
  const SecretBytes key = key_of_passphrase(passphrase, in.block(crypto_pwhash_SALTBYTES), work);
  if (crypto_secretstream_xchacha20poly1305_init_pull(&state.stream.state, header.data(), key.data()) != 0) {
    throw wrong_passphrase();
  }
}

SealedReader::~SealedReader() = default;

bool SealedReader::next_block() {
  State& state = *state_;
  if (state.is_final) return false;
  const std::size_t size = fill(state.source, state.sealed.data(), state.sealed.size());
  if (size < kTag) throw wrong_passphrase();  // cut off before the block that is tagged final
  state.block.resize(size - kTag);
  state.at = 0;
  unsigned char tag = 0;
  if (crypto_secretstream_xchacha20poly1305_pull(
          &state.stream.state, state.block.data(), nullptr, &tag, state.sealed.data(), size,
          state.bound.empty() ? nullptr : state.bound.data(), state.bound.size()) != 0) {
    throw wrong_passphrase();
  }
  state.bound.clear();
  state.is_final = tag == crypto_secretstream_xchacha20poly1305_TAG_FINAL;
  if (!state.is_final && size < kBlock + kTag) throw wrong_passphrase();
  return true;
}

void SealedReader::read(std::uint8_t* to, std::size_t size) {
  State& state = *state_;
  while (size > 0) {
    if (state.at == state.block.size() && !next_block()) {
      throw damaged_backup(kSubject, "its contents end in the middle of an entry");
    }
    const std::size_t part = std::min(size, state.block.size() - state.at);
    std::copy_n(state.block.begin() + static_cast<std::ptrdiff_t>(state.at), part, to);
    state.at += part;
    to += part;
    size -= part;
  }
}

void SealedReader::expect_end() {
  State& state = *state_;
  const bool has_more = state.at < state.block.size() || next_block();
  std::uint8_t beyond = 0;
  if (has_more && state.block.size() > state.at) throw damaged_backup(kSubject, "there is something behind its end");
  if (!state.is_final || state.source(&beyond, 1) != 0) throw wrong_passphrase();
}

}  // namespace chancery::backup
