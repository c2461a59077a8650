// A store on its way into a file, in pieces: what stays as the file had it is not copied.
//
//   const java::SealedStore sealed = java::seal_in_pieces(store, &password);
//   file.replace({.pieces = sealed.pieces, .owner = …}, [&] { java::expect_sealed(sealed, store, {.source = path, …}); }, mode);
//
// The bytes are those of seal_keystore. Entries of a JKS that lie in the file that was read, to the byte as they would be
// written now, are pieces of that file; all else, and all of any other format, is written into `frame`. Nothing depends on
// what was edited: each entry's bytes are looked at. Thread safety: values and pure functions.
#pragma once

#include <memory>
#include <vector>

#include "keystore/java/java_keystore.h"

namespace chancery::java {

struct SealedStore {
  std::vector<ByteView> pieces;  // one after the other; they look into `frame` and `file`
  std::vector<std::size_t>
      kept;  // for each piece, how many entries it holds that lie in the file; 0: it is the frame's
  SecretBytes frame;
  std::shared_ptr<const void> file;

  SealedStore() = default;
  SealedStore(SealedStore&&) noexcept = default;  // the frame's bytes stay where they are
  SealedStore& operator=(SealedStore&&) noexcept = default;
};

// As seal_keystore.
[[nodiscard]] SealedStore seal_in_pieces(const Keystore& store, const SecretBytes* password);

[[nodiscard]] SecretBytes joined(SealedStore sealed);

// Reads what was sealed as the format's own parser reads a file, and compares entry by entry: Failure("read-back-differs")
// unless it holds what `intended` holds. Entries that lie in the file as it was have been compared with it, field by field,
// when they were sealed, and are not parsed again. `options` are those of open_keystore but for `rewritten_from` and
// `owner`: the digest, made of these very bytes a moment ago, is not made again.
void expect_sealed(const SealedStore& sealed, const Keystore& intended, const OpenOptions& options);

// The same of a store that was opened again. Order counts only among entries of one alias.
void expect_same_entries(const Keystore& read_back, const Keystore& intended);

}  // namespace chancery::java
