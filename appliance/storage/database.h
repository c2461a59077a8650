// A store in a SQLite file (store.h has the contract), opened safely and brought to the schema the program knows.
//
//   Database store = Database::open(folder, "engine.db", {.what = "engine", .migrations = {create_tables, add_seen}});
//
// Opened with WAL, foreign keys, a busy timeout of 10 s and synchronous=FULL, so that what `write` returned from
// survives a power cut; write transactions are BEGIN IMMEDIATE. The file is made with mode 0600 (or the attributes
// given); a symbolic link or anything else that is not an ordinary file in its place is refused. Several processes may
// have one file open.
#pragma once

#include "appliance/storage/store.h"
#include "keystore/files/folder.h"

namespace chancery::storage {

class Database final : public Store {
 public:
  [[nodiscard]] static Database open(const Folder& folder, const std::string& name, const Schema& schema,
                                     const FileAttributes& attributes = {.mode = 0600});
  Database(Database&&) noexcept;
  ~Database() override;

  int run(const std::string& sql, const std::vector<Value>& parameters = {}) override;
  [[nodiscard]] std::vector<Row> rows(const std::string& sql, const std::vector<Value>& parameters = {}) const override;
  void each(const std::string& sql, const std::vector<Value>& parameters,
            const std::function<void(Row row)>& visit) const override;
  [[nodiscard]] int version() const override;
  void go_back(int version) override;
  void continue_numbers(const std::string& table, const std::string& column) override;

 private:
  int perform(const std::string& sql, const std::vector<Value>& parameters);
  void begin() override;
  void commit() override;
  void roll_back() override;

  struct State;
  Database(std::string path, std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace chancery::storage
