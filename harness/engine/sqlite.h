// SQLite as far as the journal needs it: a database and its statements as values, errors with the file's name.
//
//   SNAP_ASSIGN(const Database database, Database::open(file, Database::Access::kCreate));
//   SNAP_TRY(database.execute("CREATE TABLE t (a INTEGER, b TEXT)"));
//   SNAP_ASSIGN(Statement insert, database.prepare("INSERT INTO t VALUES (?, ?)"));
//   SNAP_TRY(insert.bind(1, 7).bind(2, "text").run());
//   SNAP_ASSIGN(Statement rows, database.prepare("SELECT a, b FROM t"));
//   while (true) { SNAP_ASSIGN(const bool row, rows.next()); if (!row) break; use(rows.integer(0), rows.text(1)); }
//
// Errors: kCorrupt for a file that is no database or a damaged one, kUnavailable for one that is locked, kUnfit for a
// full disk or missing permissions, kIo otherwise. One thread at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "lib/base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace snaphammer::engine {

/// One SQL statement. Must not outlive its database.
class Statement {
 public:
  /// Parameters count from 1. What is wrong with a value is said by run() or next().
  Statement& bind(int parameter, std::int64_t value);
  Statement& bind(int parameter, double value);
  Statement& bind(int parameter, std::string_view value);

  /// Executes one that yields no rows; it may be bound and run again.
  Result<void> run();
  /// Goes to the next row; false after the last.
  Result<bool> next();

  /// A column of the row, from 0; SQLite converts.
  std::int64_t integer(int column) const;
  double real(int column) const;
  std::string text(int column) const;

 private:
  friend class Database;
  Statement(sqlite3* database, sqlite3_stmt* statement, std::filesystem::path file);
  void note(int code);

  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  sqlite3* database_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  std::filesystem::path file_;
  int bound_ = 0;  ///< The first error of bind().
};

class Database {
 public:
  enum class Access {
    kWrite,   ///< The file must exist. One that may not be written is opened for reading.
    kCreate,  ///< Made when missing.
  };
  static Result<Database> open(const std::filesystem::path& file, Access access);

  Result<Statement> prepare(std::string_view sql) const;
  /// One or more statements whose rows do not matter.
  Result<void> execute(const std::string& sql) const;
  /// The number that a pragma or query answers with.
  Result<std::int64_t> number(std::string_view sql) const;
  Result<std::string> text(std::string_view sql) const;

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  Database(sqlite3* database, std::filesystem::path file) : database_(database), file_(std::move(file)) {}

  std::unique_ptr<sqlite3, Close> database_;
  std::filesystem::path file_;
};

}  // namespace snaphammer::engine
