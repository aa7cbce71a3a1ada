#include "lib/base/result.h"

#include <cerrno>
#include <memory>

#include <gtest/gtest.h>

namespace snaphammer {
namespace {

Result<std::unique_ptr<int>> make(bool ok) {
  if (!ok) return Error(ErrorKind::kIo, "read /x: broken").advise("replace it");
  return std::make_unique<int>(7);
}

Result<int> use(bool ok) {
  SNAP_ASSIGN(const std::unique_ptr<int> value, make(ok));
  return *value;
}

TEST(Result, AssignTakesTheValueOrReturnsTheError) {
  EXPECT_EQ(use(true).value(), 7);
  EXPECT_EQ(use(false).error().describe(), "read /x: broken; replace it");
}

TEST(Result, ContextIsPrefixedAndTheDeepestAdviceStays) {
  const Error error = Error(ErrorKind::kIo, "c").advise("deep").in("b").in("a").advise("shallow");
  EXPECT_EQ(error.describe(), "a: b: c; deep");
}

TEST(Result, ErrnoKeepsItsMeaning) {
  EXPECT_EQ(errno_error("open /dev/kvm", EACCES).kind(), ErrorKind::kUnfit);
  EXPECT_EQ(errno_error("write", EPIPE).kind(), ErrorKind::kGone);
  EXPECT_EQ(errno_error("read", EIO).message(), "read: Input/output error");
}

}  // namespace
}  // namespace snaphammer
