// Errors as values. Every fallible operation returns Result<T>; an Error says what was tried, on what,
// what the system answered and what the reader can do about it.
//
//   Result<UniqueFd> open_ram(const std::string& path) {
//     UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
//     if (!fd) return errno_error("open " + path).advise("free some memory and run again");
//     return fd;
//   }
//   Result<void> use() {
//     SNAP_ASSIGN(UniqueFd fd, open_ram(path));   // returns the error to the caller
//     SNAP_TRY(resize(fd));                       // the same for Result<void>
//     return {};
//   }
//
// In a coroutine the same macros are CO_SNAP_ASSIGN and CO_SNAP_TRY. An error is either handled or
// returned, never logged and returned. Exceptions stay inside one module.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <tl/expected.hpp>

namespace snaphammer {

/// What kind of answer an error deserves; the command line derives its exit code from it.
enum class ErrorKind {
  kInvalid,      ///< Input (file, argument, peer's message) breaks its contract; exit 2 when a user gave it.
  kUnfit,        ///< This host or environment lacks something; the run is inconclusive, exit 3.
  kTimeout,      ///< A deadline passed.
  kCancelled,    ///< The caller asked for it to stop.
  kGone,         ///< The other side ended: a process died, a connection was reset.
  kUnavailable,  ///< Not to be had in the present state; the same call may succeed later.
  kRefused,      ///< Not done, or given up, because of what else is being done; nothing failed.
  kCorrupt,      ///< Stored data is not what was written.
  kIo,           ///< The operating system refused an operation.
  kInternal,     ///< A broken invariant of Snaphammer itself; exit 4.
};

/// "invalid", "unfit", ...: stable names for results and logs.
std::string_view name_of(ErrorKind kind);

/// An error with its context. Immutable in use: in() and advise() return the enriched error.
class Error {
 public:
  Error(ErrorKind kind, std::string message) : kind_(kind), message_(std::move(message)) {}

  ErrorKind kind() const { return kind_; }
  const std::string& message() const { return message_; }
  /// What the reader can do; empty when nothing better than the message is known.
  const std::string& advice() const { return advice_; }

  /// Prefixes where or during what it happened: "restore s1: connect /x: Connection refused".
  Error in(std::string_view context) &&;
  Error in(std::string_view context) const&;
  /// Adds what to do about it, unless a deeper layer already said so.
  Error advise(std::string advice) &&;
  /// Says the same with another kind, for a layer that knows better what the failure means.
  Error as(ErrorKind kind) &&;

  /// "message; advice" in one line.
  std::string describe() const;

  // An Error converts to any failed Result.
  template <class T>
  operator tl::expected<T, Error>() && {  // NOLINT(google-explicit-constructor)
    return tl::unexpected<Error>(std::move(*this));
  }
  template <class T>
  operator tl::expected<T, Error>() const& {  // NOLINT(google-explicit-constructor)
    return tl::unexpected<Error>(*this);
  }

 private:
  ErrorKind kind_;
  std::string message_;
  std::string advice_;
};

template <class T>
using Result = tl::expected<T, Error>;

/// "`what`: <strerror(error)>", with the kind that fits: EACCES, EPERM, ENOSPC, EMFILE ... are kUnfit,
/// EPIPE and ECONNRESET kGone, ETIMEDOUT kTimeout, ECANCELED kCancelled, all others kIo.
/// `error` is an errno value; the one-argument form reads errno.
Error errno_error(std::string_view what, int error);
Error errno_error(std::string_view what);

}  // namespace snaphammer

#define SNAP_CONCAT_INNER(a, b) a##b
#define SNAP_CONCAT(a, b) SNAP_CONCAT_INNER(a, b)

#define SNAP_TRY_WITH(return_keyword, ...)                                           \
  do {                                                                               \
    auto snap_result = (__VA_ARGS__);                                                \
    if (!snap_result) return_keyword tl::unexpected(std::move(snap_result).error()); \
  } while (false)
#define SNAP_ASSIGN_WITH(return_keyword, temporary, declaration, ...)          \
  auto temporary = (__VA_ARGS__);                                              \
  if (!temporary) return_keyword tl::unexpected(std::move(temporary).error()); \
  declaration = *std::move(temporary)

#define SNAP_TRY(...) SNAP_TRY_WITH(return, __VA_ARGS__)
#define CO_SNAP_TRY(...) SNAP_TRY_WITH(co_return, __VA_ARGS__)
#define SNAP_ASSIGN(declaration, ...) \
  SNAP_ASSIGN_WITH(return, SNAP_CONCAT(snap_result_, __LINE__), declaration, __VA_ARGS__)
#define CO_SNAP_ASSIGN(declaration, ...) \
  SNAP_ASSIGN_WITH(co_return, SNAP_CONCAT(snap_result_, __LINE__), declaration, __VA_ARGS__)
