// libpq, loaded when it is first needed: most appliances keep their rows in files, and `chancery` must be up in a few
// milliseconds. For sources of storage/ only.
//
//   const PostgresLibrary& pq = postgres_library();      // Failure("storage-no-client") where it is not installed
//   pq.PQstatus(connection);
//
// Loaded once and never let go: libraries that libpq brings along keep threads and handlers of their own. Thread
// safety: yes.
#pragma once

#include <libpq-fe.h>

namespace chancery::storage {

// Every function that storage/ calls, by its name. As it stands: clang-format breaks the lines elsewhere at every run.
// clang-format off
#define CHANCERY_LIBPQ(X)                                                                              \
  X(PQclear) X(PQcmdStatus) X(PQcmdTuples) X(PQconnectPoll) X(PQconnectStartParams) X(PQconsumeInput)  \
  X(PQerrorMessage) X(PQfinish) X(PQflush) X(PQfreemem) X(PQftype) X(PQgetResult) X(PQgetisnull)       \
  X(PQgetlength) X(PQgetvalue) X(PQisBusy) X(PQnfields) X(PQntuples) X(PQresultErrorField)             \
  X(PQresultErrorMessage) X(PQresultStatus) X(PQsendQuery) X(PQsendQueryParams) X(PQsetNoticeReceiver) \
  X(PQsetnonblocking) X(PQsocket) X(PQsslInUse) X(PQstatus) X(PQunescapeBytea)
// clang-format on

struct PostgresLibrary {
#define CHANCERY_MEMBER(name) decltype(&::name) name = nullptr;
  CHANCERY_LIBPQ(CHANCERY_MEMBER)
#undef CHANCERY_MEMBER
};

[[nodiscard]] const PostgresLibrary& postgres_library();

}  // namespace chancery::storage
