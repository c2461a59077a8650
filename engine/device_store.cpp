#include "engine/device_store.h"

#include <mutex>

#include "appliance/storage/database.h"
#include "appliance/storage/postgres.h"

namespace chancery::engine {

namespace {

constexpr const char* trust_path = "trust/engine/ca-bundle.crt";

const storage::Schema schema{
    .what = "the engine's devices",
    .migrations = {
        "CREATE TABLE devices ("
        "  id TEXT PRIMARY KEY,"
        "  public_key BLOB NOT NULL,"
        "  facts TEXT NOT NULL,"  // the last report as JSON; "" before the first
        "  first_seen INTEGER NOT NULL,"
        "  last_seen INTEGER NOT NULL"
        ") STRICT",
        // anchoring_text.h
        {"ALTER TABLE devices ADD COLUMN anchors TEXT NOT NULL DEFAULT ''", "ALTER TABLE devices DROP COLUMN anchors"},
        {"CREATE TABLE blocked_collectors (id TEXT PRIMARY KEY) STRICT", "DROP TABLE blocked_collectors"}}};

// Where the trust of the generation in force lies; outlives the program, because the last rows are written after it.
class TrustPath {
 public:
  std::string get() const {
    const std::lock_guard lock(mutex_);
    return path_;
  }
  void set(std::string path) {
    const std::lock_guard lock(mutex_);
    path_ = std::move(path);
  }

 private:
  mutable std::mutex mutex_;
  std::string path_;
};

}  // namespace

std::unique_ptr<storage::Store> open_device_store(serving::Program& program, const StorageSetting& setting) {
  if (setting.kind == StorageSetting::Kind::sqlite) {
    return std::make_unique<storage::Database>(
        storage::Database::open(program.state().open_folder("databases"), "engine.db", schema));
  }
  const auto trust = std::make_shared<TrustPath>();
  storage::PostgresOptions options{.host = setting.host,
                                   .port = setting.port,
                                   .user = setting.user,
                                   .database = setting.database,
                                   .trust_file = [trust] { return trust->get(); },
                                   .password = {},
                                   .application = "chancery-engine"};
  if (!setting.password_file.empty()) {
    options.password = [file = setting.password_file] { return read_password_file(file); };
  }
  auto store = std::make_unique<storage::PostgresStore>(std::move(options), schema);
  program.on_generation([&server = *store, trust](const backup::Generation& generation) -> std::function<void()> {
    return [&server, trust, path = generation.folder().path() + "/" + trust_path] {
      trust->set(path);
      server.retry_now();
    };
  });
  return store;
}

}  // namespace chancery::engine
