#include "appliance/storage/postgres_link.h"

#include <poll.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "appliance/storage/postgres_library.h"
#include "keystore/fault.h"

namespace chancery::storage {
namespace {

// Types by their fixed OIDs (pg_type.dat).
constexpr Oid type_unknown = 0;
constexpr Oid type_bytea = 17;
constexpr Oid type_int8 = 20;
constexpr Oid type_int2 = 21;
constexpr Oid type_int4 = 23;
constexpr Oid type_text = 25;
constexpr Oid type_varchar = 1043;

const PostgresLibrary& pq() { return postgres_library(); }

// libpq's messages are of several lines, and end in one.
std::string one_line(const char* text) {
  std::string out;
  for (const char* at = text; *at != '\0'; ++at) {
    const char c = (*at == '\n' || *at == '\t') ? ' ' : *at;
    if (c == ' ' && (out.empty() || out.back() == ' ')) continue;
    out += c;
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

std::string way_out(const std::string& cause) {
  const auto says = [&cause](const char* words) { return cause.find(words) != std::string::npos; };
  if (says("certificate verify failed") || says("root certificate file")) {
    return "trust the CA that signed the database's certificate: chancery trust append CA.pem; it counts at once";
  }
  if (says("does not match host name")) {
    return "give the database a certificate for this name, or correct the host in the setting storage";
  }
  if (says("does not support SSL") || says("no encryption")) return "switch on TLS at the server (ssl = on)";
  if (says("password")) return "check the user in the setting storage, and the file that storage-password-file names";
  if (says("no pg_hba.conf entry")) return "add a line for this user and database to the server's pg_hba.conf";
  return "look whether the server runs: chancery probe HOST:PORT --starttls postgres; nothing is lost meanwhile";
}

Value value_of(const PGresult* result, int row, int column) {
  if (pq().PQgetisnull(result, row, column) != 0) return std::monostate{};
  const char* text = pq().PQgetvalue(result, row, column);
  const auto size = static_cast<std::size_t>(pq().PQgetlength(result, row, column));
  switch (pq().PQftype(result, column)) {
    case type_int2:
    case type_int4:
    case type_int8: {
      std::int64_t number = 0;
      const auto [end, error] = std::from_chars(text, text + size, number);
      if (error == std::errc() && end == text + size) return number;
      break;
    }
    case type_bytea: {
      std::size_t length = 0;
      unsigned char* bytes = pq().PQunescapeBytea(reinterpret_cast<const unsigned char*>(text), &length);
      if (bytes == nullptr) throw std::bad_alloc();
      Bytes value(bytes, bytes + length);
      pq().PQfreemem(bytes);
      return value;
    }
    case type_text:
    case type_varchar:
      return std::string(text, size);
    default:
      break;
  }
  // Of a type the contract does not have: Row::text() and its like say so.
  return std::monostate{};
}

// The parameters as libpq takes them. Texts and blobs travel as they are, so that no byte of them ends a string early.
struct Parameters {
  explicit Parameters(const std::vector<Value>& values) : numbers(values.size()) {
    for (std::size_t at = 0; at < values.size(); ++at) {
      std::visit([this, at](const auto& value) { add(at, value); }, values[at]);
    }
  }
  void add(std::size_t, std::monostate) { put(type_unknown, nullptr, 0, 0); }
  void add(std::size_t at, std::int64_t number) {
    numbers[at] = std::to_string(number);
    put(type_int8, numbers[at].c_str(), 0, 0);
  }
  void add(std::size_t, const std::string& text) { put(type_text, text.c_str(), static_cast<int>(text.size()), 1); }
  void add(std::size_t, const Bytes& bytes) {
    put(type_bytea, bytes.empty() ? "" : reinterpret_cast<const char*>(bytes.data()), static_cast<int>(bytes.size()),
        1);
  }
  void put(Oid type, const char* start, int size, int format) {
    types.push_back(type);
    starts.push_back(start);
    sizes.push_back(size);
    formats.push_back(format);
  }
  std::vector<std::string> numbers;
  std::vector<Oid> types;
  std::vector<const char*> starts;
  std::vector<int> sizes;
  std::vector<int> formats;
};

void forget_notice(void*, const PGresult*) {}

}  // namespace

void PostgresLink::Close::operator()(PGconn* connection) const noexcept { pq().PQfinish(connection); }
void PostgresLink::Close::operator()(PGresult* result) const noexcept { pq().PQclear(result); }

PostgresLink::PostgresLink(const PostgresOptions& options)
    : server_(options.host + ":" + std::to_string(options.port)), patience_(options.patience) {
  connect(options);
}

void PostgresLink::connect(const PostgresOptions& options) {
  const Deadline deadline = std::chrono::steady_clock::now() + patience_;
  const std::string port = std::to_string(options.port);
  const std::string trust = options.trust_file();
  const std::string unanswered = std::to_string(patience_.count());
  SecretBytes password = options.password ? options.password() : SecretBytes{};
  password.push_back(0);
  // Everything that decides about security is given, so that no PGSSLMODE of the environment does. GSSAPI encryption
  // would come before TLS and without a certificate.
  // What was acknowledged is on the server's disk, whatever its administrator set for other programs of this user.
  std::string session = "-c synchronous_commit=on -c idle_in_transaction_session_timeout=" +
                        std::to_string(options.longest_pause_in_transaction.count());
  if (options.longest_silence.count() != 0) {
    session += " -c idle_session_timeout=" + std::to_string(options.longest_silence.count());
  }
  const std::array<std::pair<const char*, const char*>, 14> settings{{
      {"host", options.host.c_str()},
      {"port", port.c_str()},
      {"user", options.user.c_str()},
      {"dbname", options.database.c_str()},
      {"password", reinterpret_cast<const char*>(password.data())},
      {"sslmode", "verify-full"},
      {"sslrootcert", trust.c_str()},
      {"ssl_min_protocol_version", "TLSv1.2"},
      {"gssencmode", "disable"},
      {"client_encoding", "UTF8"},
      {"application_name", options.application.c_str()},
      {"tcp_user_timeout", unanswered.c_str()},
      {"options", session.c_str()},
      {nullptr, nullptr},
  }};
  std::array<const char*, settings.size()> names{};
  std::array<const char*, settings.size()> values{};
  for (std::size_t at = 0; at < settings.size(); ++at) std::tie(names[at], values[at]) = settings[at];
  connection_.reset(pq().PQconnectStartParams(names.data(), values.data(), 0));
  if (!connection_) throw std::bad_alloc();
  pq().PQsetNoticeReceiver(connection_.get(), forget_notice, nullptr);
  for (PostgresPollingStatusType step = PGRES_POLLING_WRITING; step != PGRES_POLLING_OK;) {
    if (pq().PQstatus(connection_.get()) == CONNECTION_BAD || step == PGRES_POLLING_FAILED) {
      give_up(one_line(pq().PQerrorMessage(connection_.get())));
    }
    wait_for(step == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline);
    step = pq().PQconnectPoll(connection_.get());
  }
  if (pq().PQsslInUse(connection_.get()) == 0) give_up("the connection is not encrypted");
  pq().PQsetnonblocking(connection_.get(), 1);
}

void PostgresLink::wait_for(short events, Deadline deadline) {
  pollfd entry{.fd = pq().PQsocket(connection_.get()), .events = events, .revents = 0};
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) give_up("no answer within " + std::to_string(patience_.count() / 1000) + " s");
    const int ready = ::poll(&entry, 1, static_cast<int>(left.count()) + 1);
    if (ready > 0) return;
    if (ready < 0 && errno != EINTR) give_up(std::strerror(errno));
  }
}

void PostgresLink::send(bool accepted, Deadline deadline) {
  if (!accepted) give_up(one_line(pq().PQerrorMessage(connection_.get())));
  for (int left = pq().PQflush(connection_.get()); left != 0; left = pq().PQflush(connection_.get())) {
    if (left < 0) give_up(one_line(pq().PQerrorMessage(connection_.get())));
    wait_for(POLLOUT | POLLIN, deadline);
    if (pq().PQconsumeInput(connection_.get()) == 0) give_up(one_line(pq().PQerrorMessage(connection_.get())));
  }
}

PostgresLink::Outcome PostgresLink::collect(Deadline deadline) {
  Outcome outcome;
  Result failed;
  for (;;) {
    while (pq().PQisBusy(connection_.get()) != 0) {
      wait_for(POLLIN, deadline);
      if (pq().PQconsumeInput(connection_.get()) == 0) give_up(one_line(pq().PQerrorMessage(connection_.get())));
    }
    Result result(pq().PQgetResult(connection_.get()));
    if (!result) break;
    const ExecStatusType status = pq().PQresultStatus(result.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
      if (!failed) failed = std::move(result);
      continue;
    }
    outcome.tag = pq().PQcmdStatus(result.get());
    const char* changed = pq().PQcmdTuples(result.get());
    std::from_chars(changed, changed + std::strlen(changed), outcome.changed);
    for (int row = 0; row < pq().PQntuples(result.get()); ++row) {
      std::vector<Value> values;
      for (int column = 0; column < pq().PQnfields(result.get()); ++column) {
        values.push_back(value_of(result.get(), row, column));
      }
      outcome.rows.emplace_back(std::move(values));
    }
  }
  if (failed) refuse(failed.get());
  return outcome;
}

PostgresLink::Outcome PostgresLink::ask(const std::string& sql, const std::vector<Value>& parameters) {
  const Deadline deadline = std::chrono::steady_clock::now() + patience_;
  const Parameters given(parameters);
  send(pq().PQsendQueryParams(connection_.get(), sql.c_str(), static_cast<int>(parameters.size()), given.types.data(),
                              given.starts.data(), given.sizes.data(), given.formats.data(), /*text results*/ 0) != 0,
       deadline);
  return collect(deadline);
}

void PostgresLink::execute(const std::string& sql) {
  const Deadline deadline = std::chrono::steady_clock::now() + patience_;
  send(pq().PQsendQuery(connection_.get(), sql.c_str()) != 0, deadline);
  (void)collect(deadline);
}

void PostgresLink::refuse(const PGresult* result) {
  const std::string cause = one_line(pq().PQresultErrorMessage(result));
  if (pq().PQstatus(connection_.get()) == CONNECTION_BAD) give_up(cause);
  const char* field = pq().PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const std::string state = field == nullptr ? "" : field;
  const auto failure = [&](const char* code, const char* hint) {
    return Failure({.code = code, .subject = server_, .cause = cause, .hint = hint});
  };
  if (state == "53100") throw failure("no-space", "make room on the database server's disk");
  if (state == "25006") throw failure("read-only", "name the server that takes writes, not a standby");
  if (state == "42501") throw failure("read-only", "let this user create and write tables in its database");
  if (state == "40001" || state == "40P01" || state == "55P03") {
    throw failure("storage-busy", "another program is writing to it for long; repeat");
  }
  if (state.starts_with("XX")) throw failure("storage-damaged", "look at the database server's own log");
  throw failure("storage-failed", "look at the database server's own log");
}

void PostgresLink::give_up(const std::string& cause) {
  lost_ = true;
  throw Failure({.code = "storage-unreachable", .subject = server_, .cause = cause, .hint = way_out(cause)});
}

}  // namespace chancery::storage
