// One entry of Routes. For sources of http/ only.
#pragma once

#include "appliance/http/server.h"

namespace chancery::http {

struct Routes::Route {
  std::string method;
  std::string path;  // without the "/*"
  bool prefix = false;
  bool members_only = false;
  std::size_t body_limit = 0;
  Handler handler;
};

}  // namespace chancery::http
