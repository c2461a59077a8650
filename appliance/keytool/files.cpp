#include "appliance/keytool/files.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "appliance/keytool/certificate_view.h"
#include "appliance/keytool/java_ways.h"
#include "keystore/fault.h"
#include "keystore/files/folder.h"
#include "keystore/openssl/handles.h"
#include "keystore/x509/der.h"
#include "keystore/x509/pem.h"

namespace chancery::keytool {
namespace {

constexpr std::size_t input_limit = 64 * 1024 * 1024;

[[noreturn]] void fail_file(const std::string& path, int error) {
  fail_as("java.io.FileNotFoundException", path + " (" + std::strerror(error) + ")");
}

std::optional<std::vector<Bytes>> from_pkcs7(ByteView der) {
  const unsigned char* at = der.data();
  const ossl::Pkcs7Ptr parsed(d2i_PKCS7(nullptr, &at, static_cast<long>(der.size())));
  ERR_clear_error();
  if (!parsed) return std::nullopt;
  const STACK_OF(X509)* stack = nullptr;
  if (PKCS7_type_is_signed(parsed.get()) && parsed->d.sign != nullptr) stack = parsed->d.sign->cert;
  std::vector<Bytes> certificates;
  for (int index = 0; index < sk_X509_num(stack); ++index) {
    unsigned char* encoded = nullptr;
    const int size = i2d_X509(sk_X509_value(stack, index), &encoded);
    if (size <= 0) return std::nullopt;
    certificates.emplace_back(encoded, encoded + size);
    OPENSSL_free(encoded);
  }
  return certificates;
}

// The DER structures of the input, one by one; nullopt where a block is broken.
std::optional<std::vector<Bytes>> blocks_in(ByteView input) {
  std::vector<Bytes> blocks;
  const std::string_view text = text_of(input);
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return blocks;
  if (input.front() == der::sequence) {
    ByteView rest = input;
    while (!rest.empty() && rest.front() == der::sequence) {
      const auto one = der::next(rest);
      if (!one) return std::nullopt;
      blocks.emplace_back(one->whole.begin(), one->whole.end());
    }
    return blocks;
  }
  pem::Scanner scanner(input);
  while (const auto block = scanner.next()) {
    Bytes der;
    if (!block->is_closed || !pem::decode_into(block->body, der)) return std::nullopt;
    blocks.push_back(std::move(der));
  }
  return blocks;
}

}  // namespace

void write_output_file(const std::string& path, ByteView content) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor < 0) fail_file(path, errno);
  while (!content.empty()) {
    const ssize_t count = ::write(descriptor, content.data(), content.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      const int error = errno;
      ::close(descriptor);
      fail_as("java.io.IOException", std::strerror(error));
    }
    content = content.subspan(static_cast<std::size_t>(count));
  }
  if (::close(descriptor) != 0) fail_as("java.io.IOException", std::strerror(errno));
}

Bytes read_input(Work& work) {
  if (!work.given.file) return work.console.read_rest(input_limit);
  const std::string& path = *work.given.file;
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) fail_file(path, errno);
  if (S_ISDIR(status.st_mode)) fail_file(path, EISDIR);
  try {
    return read_file(path, input_limit);
  } catch (const Failure& failure) {
    if (failure.code() == "permission-denied") fail_file(path, EACCES);
    throw;
  }
}

std::optional<std::vector<Bytes>> certificates_in(ByteView input) {
  if (input.empty()) return std::vector<Bytes>{};
  std::optional<std::vector<Bytes>> blocks = blocks_in(input);
  if (!blocks) return std::nullopt;
  if (blocks->empty()) return text_of(input).find("-----") == std::string_view::npos ? std::nullopt : blocks;
  if (!view_certificate(blocks->front())) return from_pkcs7(blocks->front());
  for (const Bytes& block : *blocks) {
    if (!view_certificate(block)) return std::nullopt;
  }
  return blocks;
}

std::optional<Bytes> first_certificate_in(ByteView input) {
  if (!input.empty() && input.front() != der::sequence) {
    pem::Scanner scanner(input);
    const auto block = scanner.next();
    Bytes der;
    if (!block || !block->is_closed || !pem::decode_into(block->body, der) || !view_certificate(der)) {
      return std::nullopt;
    }
    return der;
  }
  ByteView rest = input;
  const auto one = der::next(rest, der::sequence);
  if (!one || !view_certificate(one->whole)) return std::nullopt;
  return Bytes(one->whole.begin(), one->whole.end());
}

}  // namespace chancery::keytool
