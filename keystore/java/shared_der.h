// The bytes of a certificate in a buffer that it shares with others of its file: ten thousand of them cost one
// allocation. Otherwise a Bytes that nobody can change.
//
//   auto file = std::make_shared<const SecretBytes>(secret_copy(content));
//   SharedDer one(file, view_of(*file).subspan(40, 900));   // keeps the whole of `file`
//   SharedDer other = certificate.der();                    // owns its bytes alone
//
// Converts to a ByteView as any container does. Thread safety: a value; copies share what nobody writes to.
#pragma once

#include <algorithm>
#include <memory>

#include "keystore/bytes/bytes.h"

namespace chancery::java {

class SharedDer {
 public:
  SharedDer() = default;
  SharedDer(Bytes own) {  // NOLINT(google-explicit-constructor)
    auto kept = std::make_shared<const Bytes>(std::move(own));
    view_ = *kept;
    owner_ = std::move(kept);
  }
  // `part` lies in what `owner` keeps.
  SharedDer(std::shared_ptr<const void> owner, ByteView part) : owner_(std::move(owner)), view_(part) {}

  const std::uint8_t* data() const noexcept { return view_.data(); }
  std::size_t size() const noexcept { return view_.size(); }
  bool empty() const noexcept { return view_.empty(); }
  auto begin() const noexcept { return view_.begin(); }
  auto end() const noexcept { return view_.end(); }
  Bytes copy() const { return {view_.begin(), view_.end()}; }

  friend bool operator==(const SharedDer& left, const SharedDer& right) noexcept {
    return std::ranges::equal(left.view_, right.view_);
  }
  friend bool operator==(const SharedDer& left, const Bytes& right) noexcept {
    return std::ranges::equal(left.view_, right);
  }

 private:
  std::shared_ptr<const void> owner_;
  ByteView view_;
};

}  // namespace chancery::java
