#include "lib/base/writable.h"

#include <fstream>

#include <gmock/gmock.h>

#include "lib/base/testing/temporary_directory.h"

namespace snaphammer {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class CheckCanWrite : public testing::Test {
 protected:
  std::string problem_of(const fs::path& file) {
    const Result<void> can = check_can_write(file);
    if (can) return "";
    EXPECT_EQ(can.error().kind(), ErrorKind::kInvalid);
    return can.error().message();
  }
  TemporaryDirectory directory_;
};

TEST_F(CheckCanWrite, AFileThatIsThereOrCanBeMade) {
  std::ofstream(directory_ / "old") << "old";
  fs::create_symlink(directory_ / "old", directory_ / "link");
  fs::create_symlink(directory_ / "new", directory_ / "ahead");
  fs::create_symlink(directory_ / "ahead", directory_ / "far-ahead");
  for (const char* name : {"old", "new", "link", "ahead", "far-ahead"})
    EXPECT_EQ(problem_of(directory_ / name), "") << name;
  EXPECT_EQ(problem_of("/dev/null"), "");
  EXPECT_EQ(problem_of("plain-name-in-the-working-directory"), "");
  EXPECT_FALSE(fs::exists(directory_ / "new")) << "asking makes nothing";
}

TEST_F(CheckCanWrite, SaysWhyNot) {
  EXPECT_THAT(problem_of(directory_.path()), HasSubstr("it is a directory"));
  EXPECT_EQ(problem_of(directory_ / "none" / "file"), "cannot write " + (directory_ / "none" / "file").string() + ": " +
                                                          (directory_ / "none").string() + " is no directory");
  std::ofstream(directory_ / "file") << "text";
  EXPECT_THAT(problem_of(directory_ / "file" / "below"), HasSubstr("file is no directory"));
  fs::create_symlink(directory_ / "none" / "file", directory_ / "dangling");
  EXPECT_THAT(problem_of(directory_ / "dangling"), HasSubstr("none is no directory"));
  fs::create_symlink(directory_ / "round", directory_ / "round");
  EXPECT_THAT(problem_of(directory_ / "round"), HasSubstr("links lead round"));
}

}  // namespace
}  // namespace snaphammer
