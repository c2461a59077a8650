// What a running collector tells of itself (`chancery-collector --status`). Thread safety: all of it.
#pragma once

#include <mutex>
#include <string>

#include "collector/standing.h"

namespace chancery::collector {

class Status {
 public:
  explicit Status(std::string id, std::string application) : id_(std::move(id)), application_(std::move(application)) {}

  void set_trying(const Situation& situation, const std::string& mode, bool is_found);
  void set_connected(const std::string& server, bool is_plain);
  void set_disconnected(const std::string& problem);
  void set_standing(const Standing& standing);
  std::string to_json() const;

 private:
  mutable std::mutex mutex_;
  std::string id_;
  std::string application_;
  bool connected_ = false;
  bool unprotected_ = false;
  std::string server_;
  std::string trust_;
  std::string source_;
  bool verifies_name_ = true;
  bool is_found_ = false;
  std::string problem_;
  std::string bound_;  // described; "" where nothing is
  std::string candidate_;
  std::uint64_t repair_number_ = 0;
};

}  // namespace chancery::collector
