#include "lib/base/result.h"

#include <cerrno>
#include <cstring>

namespace snaphammer {

std::string_view name_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalid:
      return "invalid";
    case ErrorKind::kUnfit:
      return "unfit";
    case ErrorKind::kTimeout:
      return "timeout";
    case ErrorKind::kCancelled:
      return "cancelled";
    case ErrorKind::kGone:
      return "gone";
    case ErrorKind::kUnavailable:
      return "unavailable";
    case ErrorKind::kRefused:
      return "refused";
    case ErrorKind::kCorrupt:
      return "corrupt";
    case ErrorKind::kIo:
      return "io";
    case ErrorKind::kInternal:
      return "internal";
  }
  return "internal";
}

Error Error::in(std::string_view context) && {
  message_ = std::string(context) + ": " + message_;
  return std::move(*this);
}

Error Error::in(std::string_view context) const& { return Error(*this).in(context); }

Error Error::advise(std::string advice) && {
  if (advice_.empty()) advice_ = std::move(advice);
  return std::move(*this);
}

Error Error::as(ErrorKind kind) && {
  kind_ = kind;
  return std::move(*this);
}

std::string Error::describe() const { return advice_.empty() ? message_ : message_ + "; " + advice_; }

namespace {

ErrorKind kind_of_errno(int error) {
  switch (error) {
    case EACCES:
    case EPERM:
    case ENOSPC:
    case EDQUOT:
    case EROFS:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENODEV:
    case ENOSYS:
      return ErrorKind::kUnfit;
    case EPIPE:
    case ECONNRESET:
    case ECONNREFUSED:
    case ESRCH:
      return ErrorKind::kGone;
    case ETIMEDOUT:
      return ErrorKind::kTimeout;
    case ECANCELED:
      return ErrorKind::kCancelled;
    default:
      return ErrorKind::kIo;
  }
}

}  // namespace

Error errno_error(std::string_view what, int error) {
  return Error(kind_of_errno(error), std::string(what) + ": " + std::strerror(error));
}

Error errno_error(std::string_view what) { return errno_error(what, errno); }

}  // namespace snaphammer
