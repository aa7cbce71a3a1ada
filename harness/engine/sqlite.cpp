#include "harness/engine/sqlite.h"

#include <sqlite3.h>

namespace snaphammer::engine {
namespace {

ErrorKind kind_of(int code) {
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return ErrorKind::kCorrupt;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return ErrorKind::kUnavailable;
    case SQLITE_FULL:
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
      return ErrorKind::kUnfit;
    default:
      return ErrorKind::kIo;
  }
}

Error error_of(sqlite3* database, int code, const std::filesystem::path& file) {
  const char* const why = database != nullptr ? ::sqlite3_errmsg(database) : ::sqlite3_errstr(code);
  return {kind_of(code), file.string() + ": " + why};
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { ::sqlite3_finalize(statement); }
void Database::Close::operator()(sqlite3* database) const { ::sqlite3_close_v2(database); }

Statement::Statement(sqlite3* database, sqlite3_stmt* statement, std::filesystem::path file)
    : database_(database), statement_(statement), file_(std::move(file)) {}

void Statement::note(int code) {
  if (bound_ == SQLITE_OK) bound_ = code;
}

Statement& Statement::bind(int parameter, std::int64_t value) {
  note(::sqlite3_bind_int64(statement_.get(), parameter, value));
  return *this;
}

Statement& Statement::bind(int parameter, double value) {
  note(::sqlite3_bind_double(statement_.get(), parameter, value));
  return *this;
}

Statement& Statement::bind(int parameter, std::string_view value) {
  note(::sqlite3_bind_text64(statement_.get(), parameter, value.data(), value.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
  return *this;
}

Result<void> Statement::run() {
  SNAP_TRY(next());
  const int code = ::sqlite3_reset(statement_.get());
  if (code != SQLITE_OK) return error_of(database_, code, file_);
  return {};
}

Result<bool> Statement::next() {
  if (bound_ != SQLITE_OK) return error_of(database_, bound_, file_);
  const int code = ::sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  Error error = error_of(database_, code, file_);
  ::sqlite3_reset(statement_.get());
  return error;
}

std::int64_t Statement::integer(int column) const { return ::sqlite3_column_int64(statement_.get(), column); }

double Statement::real(int column) const { return ::sqlite3_column_double(statement_.get(), column); }

std::string Statement::text(int column) const {
  const void* const bytes = ::sqlite3_column_blob(statement_.get(), column);
  const auto size = static_cast<std::size_t>(::sqlite3_column_bytes(statement_.get(), column));
  return bytes == nullptr ? std::string() : std::string(static_cast<const char*>(bytes), size);
}

Result<Database> Database::open(const std::filesystem::path& file, Access access) {
  int flags = SQLITE_OPEN_READWRITE;
  if (access == Access::kCreate) flags |= SQLITE_OPEN_CREATE;
  sqlite3* opened = nullptr;
  const int code = ::sqlite3_open_v2(file.c_str(), &opened, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database(opened, file);
  if (code != SQLITE_OK) return error_of(opened, code, file);
  constexpr int kPatienceMs = 5000;  // For the moment in which another process writes.
  ::sqlite3_busy_timeout(opened, kPatienceMs);
  return database;
}

Result<Statement> Database::prepare(std::string_view sql) const {
  sqlite3_stmt* statement = nullptr;
  const int code = ::sqlite3_prepare_v2(database_.get(), sql.data(), static_cast<int>(sql.size()), &statement, nullptr);
  if (code != SQLITE_OK) return error_of(database_.get(), code, file_);
  return Statement(database_.get(), statement, file_);
}

Result<void> Database::execute(const std::string& sql) const {
  const int code = ::sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return error_of(database_.get(), code, file_);
  return {};
}

Result<std::int64_t> Database::number(std::string_view sql) const {
  SNAP_ASSIGN(Statement statement, prepare(sql));
  SNAP_ASSIGN(const bool row, statement.next());
  if (!row) return Error(ErrorKind::kCorrupt, file_.string() + ": nothing answers " + std::string(sql));
  return statement.integer(0);
}

Result<std::string> Database::text(std::string_view sql) const {
  SNAP_ASSIGN(Statement statement, prepare(sql));
  SNAP_ASSIGN(const bool row, statement.next());
  if (!row) return Error(ErrorKind::kCorrupt, file_.string() + ": nothing answers " + std::string(sql));
  return statement.text(0);
}

}  // namespace snaphammer::engine
