#include "appliance/keytool/signed_jar.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <memory>

#include "appliance/keytool/jar_manifest.h"
#include "appliance/keytool/java_ways.h"
#include "backup/zip/handles.h"
#include "keystore/fault.h"
#include "keystore/openssl/handles.h"

namespace chancery::keytool {
namespace {

constexpr std::string_view meta_folder = "META-INF/";
constexpr std::string_view manifest_name = "META-INF/MANIFEST.MF";
constexpr std::size_t largest_signature_file = 16'000'000;  // Java's own limit

[[noreturn]] void fail_security(const std::string& message) { fail_as("java.lang.SecurityException", message); }

std::string upper_ascii(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return out;
}

class Zip {
 public:
  explicit Zip(const std::string& path) {
    int error = 0;
    zip_.reset(zip_open(path.c_str(), ZIP_RDONLY, &error));
    if (zip_) return;
    if (error == ZIP_ER_NOENT || (error == ZIP_ER_OPEN && errno == ENOENT)) {
      fail_as("java.nio.file.NoSuchFileException", path);
    }
    if (error == ZIP_ER_OPEN && errno == EACCES) fail_as("java.nio.file.AccessDeniedException", path);
    fail_as("java.util.zip.ZipException", "zip END header not found");
  }

  std::vector<std::string> names() const {
    std::vector<std::string> out;
    const zip_int64_t count = zip_get_num_entries(zip_.get(), 0);
    for (zip_int64_t at = 0; at < count; ++at) {
      const char* name = zip_get_name(zip_.get(), static_cast<zip_uint64_t>(at), ZIP_FL_ENC_GUESS);
      out.emplace_back(name == nullptr ? "" : name);
    }
    return out;
  }

  template <typename Take>
  void read(std::size_t index, Take take) const {
    const zip::OpenMember file(zip_fopen_index(zip_.get(), index, 0));
    if (!file) fail_as("java.util.zip.ZipException", zip_strerror(zip_.get()));
    std::array<std::uint8_t, 65536> piece{};
    for (;;) {
      const zip_int64_t count = zip_fread(file.get(), piece.data(), piece.size());
      if (count < 0) fail_as("java.util.zip.ZipException", zip_file_strerror(file.get()));
      if (count == 0) return;
      take(ByteView(piece).first(static_cast<std::size_t>(count)));
    }
  }

  Bytes whole(std::size_t index) const {
    Bytes out;
    read(index, [&](ByteView piece) {
      if (out.size() + piece.size() > largest_signature_file) {
        fail_as("java.io.IOException", "Unsupported size: a signature file has more than 16000000 bytes");
      }
      out.insert(out.end(), piece.begin(), piece.end());
    });
    return out;
  }

 private:
  zip::Archive zip_;
};

// One digest that runs over bytes as they come; nullopt for an algorithm that is not known.
class Digest {
 public:
  static std::optional<Digest> of(const std::string& algorithm) {
    const std::string name = equal_ignoring_case(algorithm, "SHA") ? "SHA1" : algorithm;
    Digest digest;
    digest.kind_.reset(EVP_MD_fetch(nullptr, name.c_str(), nullptr));
    digest.context_.reset(EVP_MD_CTX_new());
    if (!digest.kind_ || !digest.context_ ||
        EVP_DigestInit_ex(digest.context_.get(), digest.kind_.get(), nullptr) != 1) {
      return std::nullopt;
    }
    return digest;
  }
  void add(ByteView bytes) { EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()); }
  Bytes finish() {
    Bytes out(EVP_MAX_MD_SIZE);
    unsigned size = 0;
    EVP_DigestFinal_ex(context_.get(), out.data(), &size);
    out.resize(size);
    return out;
  }

 private:
  std::unique_ptr<EVP_MD, ossl::Deleter<EVP_MD_free>> kind_;
  ossl::MdCtxPtr context_;
};

std::optional<bool> fits(const JarDigest& wanted, const std::vector<ByteView>& parts) {
  std::optional<Digest> digest = Digest::of(wanted.algorithm);
  if (!digest) return std::nullopt;
  for (const ByteView part : parts) digest->add(part);
  return digest->finish() == wanted.expected;
}

// What a signature file says of the manifest.
class SignatureFile {
 public:
  SignatureFile(ByteView bytes, const JarManifest& manifest) : file_(bytes), manifest_(manifest) {}

  bool is_of_known_version() const {
    const auto version = file_.main().value("Signature-Version");
    return version && equal_ignoring_case(*version, "1.0");
  }

  // Names of the files that it signs.
  std::vector<std::string> signed_names() {
    const bool is_whole = has_whole_manifest();
    if (!is_whole && !has_main_attributes()) {
      fail_security("Invalid signature file digest for Manifest main attributes");
    }
    std::vector<std::string> out;
    for (const JarManifest::Section& section : file_.sections()) {
      if (!is_whole && !has_section(section)) continue;
      std::string_view name = section.name;
      if (name.starts_with("./")) name.remove_prefix(2);
      if (name.starts_with("/")) name.remove_prefix(1);
      out.emplace_back(name);
    }
    return out;
  }

 private:
  bool has_whole_manifest() const {
    const auto digests = digests_in(file_.main(), "-Digest-Manifest");
    return std::ranges::any_of(digests,
                               [&](const JarDigest& each) { return fits(each, {manifest_.bytes()}).value_or(false); });
  }
  bool has_main_attributes() const {
    const auto digests = digests_in(file_.main(), "-Digest-Manifest-Main-Attributes");
    return std::ranges::all_of(
        digests, [&](const JarDigest& each) { return fits(each, manifest_.main().parts).value_or(true); });
  }
  bool has_section(const JarManifest::Section& section) {
    const JarManifest::Section* described = manifest_.find(section.name);
    if (described == nullptr) fail_security("no manifest section for signature file entry " + section.name);
    bool has_one = false;
    for (const JarDigest& each : digests_in(section, "-Digest")) {
      const auto right = fits(each, without_empty_lines_ ? described->parts_alone : described->parts);
      if (!right) continue;
      // Old signers left the empty line out; one that did did it everywhere.
      if (!*right && (without_empty_lines_ || !*fits(each, described->parts_alone))) {
        fail_security("invalid " + each.algorithm + " signature file digest for " + section.name);
      }
      without_empty_lines_ = without_empty_lines_ || !*right;
      has_one = true;
    }
    return has_one;
  }

  JarManifest file_;
  const JarManifest& manifest_;
  bool without_empty_lines_ = false;
};

using Signers = std::vector<CodeSigner>;

class SignedJar {
 public:
  explicit SignedJar(const std::string& path) : zip_(path), names_(zip_.names()) {}

  Signers run() {
    read_signatures();
    Signers out;
    if (signed_.empty()) return out;
    for (std::size_t at = 0; at < names_.size(); ++at) {
      if (!is_proven(at)) continue;
      const auto signers = signed_.find(names_[at]);
      if (signers == signed_.end()) continue;
      for (const CodeSigner& each : signers->second) {
        if (std::ranges::find(out, each) == out.end()) out.push_back(each);
      }
    }
    return out;
  }

 private:
  void read_signatures() {
    for (std::size_t at = 0; at < names_.size() && !manifest_; ++at) {
      if (!equal_ignoring_case(names_[at], manifest_name)) continue;
      manifest_file_ = names_[at];
      manifest_bytes_ = zip_.whole(at);
      manifest_.emplace(manifest_bytes_);
    }
    if (!manifest_) return;
    struct Pair {
      std::optional<Bytes> file, block;
    };
    std::map<std::string, Pair> pairs;
    for (std::size_t at = 0; at < names_.size(); ++at) {
      const std::string name = upper_ascii(names_[at]);
      if (!name.starts_with(meta_folder) || name.find('/', meta_folder.size()) != std::string::npos) continue;
      const std::size_t dot = name.rfind('.');
      const std::string_view ending = dot == std::string::npos ? "" : std::string_view(name).substr(dot);
      const bool is_block = ending == ".RSA" || ending == ".DSA" || ending == ".EC";
      if (!is_block && ending != ".SF") continue;
      const std::string stem = name.substr(0, dot);
      Pair& pair = pairs[stem];
      (is_block ? pair.block : pair.file) = zip_.whole(at);
      if (pair.file && pair.block) take_signature(stem, *pair.file, *pair.block);
    }
  }

  void take_signature(const std::string& name, ByteView file, ByteView block) {
    SignatureFile signature(file, *manifest_);
    if (!signature.is_of_known_version()) return;
    const auto signers = signers_of(block, file);
    if (!signers) fail_security("cannot verify signature block file " + name);
    if (signers->empty()) return;
    std::vector<std::string> names = signature.signed_names();
    names.push_back(manifest_file_);  // Java takes it for signed, whatever a right signature says of it
    for (const std::string& each : names) {
      Signers& of_file = signed_[each];
      of_file.insert(of_file.end(), signers->begin(), signers->end());
    }
  }

  // Reads the whole file. False: the manifest has no digest of it.
  bool is_proven(std::size_t at) const {
    const std::string& name = names_[at];
    const JarManifest::Section* section = manifest_->find(name);
    if (section == nullptr) section = manifest_->find("./" + name);
    if (section == nullptr) section = manifest_->find("/" + name);
    std::vector<std::pair<JarDigest, Digest>> running;
    if (section != nullptr) {
      for (JarDigest& each : digests_in(*section, "-Digest")) {
        if (std::optional<Digest> digest = Digest::of(each.algorithm)) {
          running.emplace_back(std::move(each), std::move(*digest));
        }
      }
    }
    zip_.read(at, [&](ByteView piece) {
      for (auto& [wanted, digest] : running) digest.add(piece);
    });
    for (auto& [wanted, digest] : running) {
      if (digest.finish() != wanted.expected) fail_security(wanted.algorithm + " digest error for " + name);
    }
    return !running.empty() || name == manifest_file_;
  }

  Zip zip_;
  std::vector<std::string> names_;  // in the order of the directory
  std::string manifest_file_;       // its name, in the case that it has
  Bytes manifest_bytes_;
  std::optional<JarManifest> manifest_;
  std::map<std::string, Signers> signed_;  // by the name of the file
};

}  // namespace

std::vector<CodeSigner> signers_of_jar(const std::string& path) { return SignedJar(path).run(); }

}  // namespace chancery::keytool
