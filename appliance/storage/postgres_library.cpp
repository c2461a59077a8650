#include "appliance/storage/postgres_library.h"

#include <dlfcn.h>

#include "keystore/fault.h"

namespace chancery::storage {
namespace {

constexpr const char* file_name = "libpq.so.5";

Failure missing(const std::string& cause) {
  return Failure({.code = "storage-no-client",
                  .subject = file_name,
                  .cause = cause,
                  .hint = "install PostgreSQL's client library: apt-get install libpq5"});
}

PostgresLibrary load() {
  void* const library = ::dlopen(file_name, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw missing(::dlerror());
  PostgresLibrary found;
  const auto look_up = [library](const char* name, auto& function) {
    function = reinterpret_cast<std::decay_t<decltype(function)>>(::dlsym(library, name));
    if (function == nullptr) throw missing(std::string("it is too old: there is no ") + name + " in it");
  };
#define CHANCERY_LOOK_UP(name) look_up(#name, found.name);
  CHANCERY_LIBPQ(CHANCERY_LOOK_UP)
#undef CHANCERY_LOOK_UP
  return found;
}

}  // namespace

const PostgresLibrary& postgres_library() {
  static const PostgresLibrary library = load();
  return library;
}

}  // namespace chancery::storage
