// What the tests of TLS stand on: a PKI made by openssl, an appliance's state on disk with real generations, servers in
// this process, and real clients run from a shell.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "appliance/http/web_server.h"
#include "appliance/tls/listener.h"
#include "backup/generations/generations.h"

namespace chancery::test {

struct Output {
  int exit = -1;
  std::string text;  // stdout and stderr
};
Output sh(const std::string& command);

int free_port();
std::string read_text(const std::string& path);

// Made once per process; its folder is removed at the end.
class Pki {
 public:
  static const Pki& get();
  std::string path(const std::string& file) const { return folder_ + "/" + file; }
  Bytes bytes(const std::string& file) const { return bytes_of(read_text(path(file))); }
  Certificate certificate(const std::string& name) const;
  PrivateKey key(const std::string& name) const;
  std::string fingerprint(const std::string& name) const { return certificate(name).fingerprint(); }
  ~Pki();

 private:
  Pki();
  std::string folder_;
};

struct StateOptions {
  std::string role = "primary";
  std::string profile;  // lines added to profiles/default.toml
  bool federation = true;
};

// STATE with one generation in force: identities portal and engine (leaf a), endpoints portal, engine-api and, on a
// single, engine (disabled).
class StateOnDisk {
 public:
  explicit StateOnDisk(const StateOptions& options = {});
  ~StateOnDisk();
  const std::string& path() const { return path_; }
  int portal_port() const { return portal_port_; }
  int engine_port() const { return engine_port_; }
  backup::Generation current() const { return generations().current(); }
  // A generation beside the one in force, with this leaf for an identity; not in force.
  backup::GenerationNumber stage(const std::string& leaf, const std::string& identity = "portal");
  backup::GenerationNumber stage(const backup::Edits& edits);
  void put_in_force(backup::GenerationNumber number);

 private:
  backup::Generations generations() const;
  std::string path_;
  int portal_port_;
  int engine_port_;
};

backup::NewFile text_file(const std::string& text);

// Live, listener and workers in this process, for endpoint "portal" of a state.
class TestServer {
 public:
  explicit TestServer(StateOnDisk& state, tls::ListenerLimits limits = {});
  ~TestServer();
  void start();
  void swap(backup::GenerationNumber number);
  http::Routes routes;
  tls::ListenerHandlers handlers;
  tls::Live live;
  int port() const { return state_.portal_port(); }
  std::string address() const { return "127.0.0.1:" + std::to_string(port()); }

 private:
  StateOnDisk& state_;
  tls::ListenerLimits limits_;
  std::unique_ptr<http::WebServer> web_;
  std::unique_ptr<tls::Listener> listener_;
};

tls::ClientContext trusting(const std::string& root = "root.pem", std::vector<std::string> alpn = {});

}  // namespace chancery::test
