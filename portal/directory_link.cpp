#include "portal/directory_link.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "appliance/tls/descriptor.h"
#include "appliance/tls/tcp.h"
#include "keystore/fault.h"

namespace chancery::portal {

namespace {

constexpr std::chrono::seconds patience{8};
constexpr timeval step{.tv_sec = 5, .tv_usec = 0};

// libldap takes trust as a file's name. This file has no name outside this process and is gone with its descriptor.
tls::Descriptor file_in_memory(const Bytes& bytes) {
  tls::Descriptor file(::memfd_create("ldap-trust", MFD_CLOEXEC));
  if (file.get() < 0) throw system_failure(errno, "make", "a file in memory");
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t count = ::write(file.get(), bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno != EINTR) throw system_failure(errno, "write", "a file in memory");
    if (count > 0) done += static_cast<std::size_t>(count);
  }
  return file;
}

std::string url_of(const DirectorySettings& settings) {
  const std::string& host = settings.server.host;
  const bool is_v6 = host.find(':') != std::string::npos;
  return std::string(settings.starttls ? "ldap://" : "ldaps://") + (is_v6 ? "[" + host + "]" : host) + ":" +
         std::to_string(settings.server.port);
}

// libldap sets itself up in the first call of all, and lets other threads pass before it has read its ldap.conf.
void set_library_up() {
  static std::once_flag done;
  std::call_once(done, [] {
    int version = 0;
    static_cast<void>(::ldap_get_option(nullptr, LDAP_OPT_PROTOCOL_VERSION, &version));
  });
}

berval borrowed(const SecretBytes& secret) {
  // libldap does not write to it.
  return {.bv_len = secret.size(), .bv_val = reinterpret_cast<char*>(const_cast<std::uint8_t*>(secret.data()))};
}

}  // namespace

// The library's own limit on waiting for the network makes its handshake turn in circles at full speed, and without it a
// server that falls silent would hold it for as long as it likes. After `patience` in all, the socket is shut down
// under it, and it fails as if the server had closed.
class DirectoryLink::Watch {
 public:
  Watch() : callback_{.lc_add = added, .lc_del = gone, .lc_arg = this}, thread_([this] { wait(); }) {}
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() {
    {
      const std::lock_guard lock(mutex_);
      is_over_ = true;
    }
    over_.notify_all();
    thread_.join();
  }
  ldap_conncb* callback() { return &callback_; }
  bool has_expired() {
    const std::lock_guard lock(mutex_);
    return has_expired_;
  }

 private:
  void wait() {
    std::unique_lock lock(mutex_);
    if (over_.wait_for(lock, patience, [this] { return is_over_; })) return;
    has_expired_ = true;
    if (descriptor_ >= 0) ::shutdown(descriptor_, SHUT_RDWR);
  }
  void set(int descriptor) {
    const std::lock_guard lock(mutex_);
    descriptor_ = descriptor;
    if (has_expired_ && descriptor >= 0) ::shutdown(descriptor, SHUT_RDWR);
  }
  static int added(LDAP*, Sockbuf* socket, LDAPURLDesc*, sockaddr*, ldap_conncb* callback) {
    ber_socket_t descriptor = -1;
    ::ber_sockbuf_ctrl(socket, LBER_SB_OPT_GET_FD, &descriptor);
    static_cast<Watch*>(callback->lc_arg)->set(descriptor);
    return LDAP_SUCCESS;
  }
  static void gone(LDAP*, Sockbuf*, ldap_conncb* callback) { static_cast<Watch*>(callback->lc_arg)->set(-1); }

  ldap_conncb callback_;
  std::mutex mutex_;
  std::condition_variable over_;
  bool is_over_ = false;
  bool has_expired_ = false;
  int descriptor_ = -1;
  std::thread thread_;  // last: it uses the members above
};

DirectoryLink::~DirectoryLink() = default;

DirectoryLink::DirectoryLink(const DirectorySettings& settings, const Bytes& trust_pem, bool skip_validation)
    : server_(url_of(settings)), watch_(std::make_unique<Watch>()) {
  // Is there anybody at all? Watch has nothing to shut down while the library waits for a connection.
  (void)tls::connect_tcp(settings.server.host, settings.server.port, tls::within(std::chrono::seconds(step.tv_sec)));
  set_library_up();
  LDAP* handle = nullptr;
  if (const int result = ::ldap_initialize(&handle, server_.c_str()); result != LDAP_SUCCESS) give_up(result);
  handle_.reset(handle);
  set_number(LDAP_OPT_PROTOCOL_VERSION, LDAP_VERSION3);
  set(LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
  set(LDAP_OPT_RESTART, LDAP_OPT_OFF);
  set_number(LDAP_OPT_DEREF, LDAP_DEREF_NEVER);
  set(LDAP_OPT_TIMEOUT, &step);
  set(LDAP_OPT_CONNECT_CB, watch_->callback());
  prepare_tls(trust_pem, skip_validation);
  if (const int result = ::ldap_connect(handle); result != LDAP_SUCCESS) give_up(result);
  if (settings.starttls) {
    if (const int result = ::ldap_start_tls_s(handle, nullptr, nullptr); result != LDAP_SUCCESS) give_up(result);
  }
  if (::ldap_tls_inplace(handle) == 0) give_up(LDAP_CONNECT_ERROR);
}

void DirectoryLink::prepare_tls(const Bytes& trust_pem, bool skip_validation) {
  const tls::Descriptor trust = file_in_memory(trust_pem);
  const std::string path = "/proc/self/fd/" + std::to_string(trust.get());
  set_number(LDAP_OPT_X_TLS_REQUIRE_CERT, skip_validation ? LDAP_OPT_X_TLS_NEVER : LDAP_OPT_X_TLS_DEMAND);
  // Names are those of the SAN, as everywhere else here; a CN is not asked.
  set_number(LDAP_OPT_X_TLS_REQUIRE_SAN, skip_validation ? LDAP_OPT_X_TLS_NEVER : LDAP_OPT_X_TLS_DEMAND);
  set_number(LDAP_OPT_X_TLS_PROTOCOL_MIN, LDAP_OPT_X_TLS_PROTOCOL_TLS1_2);
  set(LDAP_OPT_X_TLS_CACERTFILE, path.c_str());
  // What ldap.conf may name besides must neither add trust nor present anything.
  set(LDAP_OPT_X_TLS_CACERTDIR, nullptr);
  set(LDAP_OPT_X_TLS_CERTFILE, nullptr);
  set(LDAP_OPT_X_TLS_KEYFILE, nullptr);
  set_number(LDAP_OPT_X_TLS_NEWCTX, 0);  // reads the file now, as a client
}

bool DirectoryLink::bind(const std::string& dn, const SecretBytes& password) {
  // Either one empty would be an anonymous bind, which succeeds and proves nothing.
  if (dn.empty() || password.empty()) return false;
  berval credential = borrowed(password);
  const int result =
      ::ldap_sasl_bind_s(handle_.get(), dn.c_str(), LDAP_SASL_SIMPLE, &credential, nullptr, nullptr, nullptr);
  if (result == LDAP_SUCCESS) return true;
  // Negative codes are the library's own: no answer came. So is a server that has no time for us no verdict.
  if (result < 0 || result == LDAP_BUSY || result == LDAP_UNAVAILABLE || result == LDAP_CONNECT_ERROR) give_up(result);
  return false;
}

std::optional<std::string> DirectoryLink::find_one(const std::string& base, const std::string& filter) {
  char no_attributes[] = LDAP_NO_ATTRS;
  char* attributes[] = {no_attributes, nullptr};
  timeval time_left = step;
  LDAPMessage* found = nullptr;
  const int result = ::ldap_search_ext_s(handle_.get(), base.c_str(), LDAP_SCOPE_SUBTREE, filter.c_str(), attributes,
                                         /*attrsonly=*/1, nullptr, nullptr, &time_left, /*sizelimit=*/2, &found);
  const std::unique_ptr<LDAPMessage, Close> owner(found);
  if (result == LDAP_SIZELIMIT_EXCEEDED) return std::nullopt;
  if (result != LDAP_SUCCESS) give_up(result);
  if (::ldap_count_entries(handle_.get(), found) != 1) return std::nullopt;
  char* dn = ::ldap_get_dn(handle_.get(), ::ldap_first_entry(handle_.get(), found));
  if (dn == nullptr) return std::nullopt;
  std::string name = dn;
  ::ldap_memfree(dn);
  return name;
}

void DirectoryLink::set(int option, const void* value) {
  if (::ldap_set_option(handle_.get(), option, value) != LDAP_OPT_SUCCESS) give_up(LDAP_LOCAL_ERROR);
}

void DirectoryLink::set_number(int option, int value) { set(option, &value); }

void DirectoryLink::give_up(int result) const {
  constexpr const char* hint = "look whether the directory runs; meanwhile sign in as administrator";
  if (watch_->has_expired()) {
    throw Failure({.code = "timeout", .subject = server_, .cause = "the directory does not answer", .hint = hint});
  }
  std::string cause = ::ldap_err2string(result);
  char* more = nullptr;
  if (handle_ && ::ldap_get_option(handle_.get(), LDAP_OPT_DIAGNOSTIC_MESSAGE, &more) == LDAP_OPT_SUCCESS &&
      more != nullptr) {
    if (*more != '\0') cause += std::string(" (") + more + ")";
    ::ldap_memfree(more);
  }
  throw Failure({.code = "directory-unavailable", .subject = server_, .cause = cause, .hint = hint});
}

}  // namespace chancery::portal
