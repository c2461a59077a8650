#include <vector>

#include "appliance/http/route.h"
#include "keystore/fault.h"

namespace chancery::http {
namespace {

bool covers(const Routes::Route& route, const std::string& path) {
  if (!route.prefix) return route.path == path;
  return path.size() > route.path.size() && path.starts_with(route.path) && path[route.path.size()] == '/';
}

}  // namespace

struct Routes::State {
  std::vector<Route> routes;
  HostRule host_rule;
  MemberRule member_rule;
  ClientRule client_rule;
  HeadRule head_rule;

  void add(Route route) {
    if (route.path.ends_with("/*")) {
      route.prefix = true;
      route.path.resize(route.path.size() - 2);
    }
    routes.push_back(std::move(route));
  }
};

Routes::Routes() : state_(std::make_unique<State>()) {}
Routes::~Routes() = default;

void Routes::add(const std::string& method, const std::string& path, Handler handler, std::size_t body_limit) {
  state_->add({.method = method,
               .path = path,
               .prefix = false,
               .members_only = false,
               .body_limit = body_limit,
               .handler = std::move(handler)});
}

void Routes::add_for_members(const std::string& method, const std::string& path, Handler handler,
                             std::size_t body_limit) {
  state_->add({.method = method,
               .path = path,
               .prefix = false,
               .members_only = true,
               .body_limit = body_limit,
               .handler = std::move(handler)});
}

void Routes::set_host_rule(HostRule rule) { state_->host_rule = std::move(rule); }

bool Routes::answers_host(const std::string& host, const tls::Connection& connection) const {
  return !state_->host_rule || state_->host_rule(host, connection);
}

void Routes::set_member_rule(MemberRule rule) { state_->member_rule = std::move(rule); }

bool Routes::is_member(const tls::Connection& connection) const {
  return !state_->member_rule || state_->member_rule(connection);
}

void Routes::set_client_rule(ClientRule rule) { state_->client_rule = std::move(rule); }

std::string Routes::refusal_of_client(const std::string& endpoint, const tls::Connection& connection) const {
  return state_->client_rule ? state_->client_rule(endpoint, connection) : std::string();
}

void Routes::set_head_rule(HeadRule rule) { state_->head_rule = std::move(rule); }

std::optional<Answer> Routes::answer_to_head(const Call& head) const {
  return state_->head_rule ? state_->head_rule(head) : std::nullopt;
}

const Routes::Route* Routes::find(const std::string& method, const std::string& path, bool* path_known) const {
  const Route* best = nullptr;
  *path_known = false;
  for (const Route& route : state_->routes) {
    if (!covers(route, path)) continue;
    *path_known = true;
    if (route.method != method && !(method == "HEAD" && route.method == "GET")) continue;
    // Exact before prefix, long prefix before short, first added among equals.
    const bool better = best == nullptr || (best->prefix && !route.prefix) ||
                        (best->prefix == route.prefix && route.path.size() > best->path.size());
    if (better) best = &route;
  }
  return best;
}

}  // namespace chancery::http
