#include "lib/vmm/qemu/saved_state.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace snaphammer::vmm {
namespace {

using namespace std::literals;

class SavedStateTest : public testing::Test {
 protected:
  ~SavedStateTest() override { std::filesystem::remove(path_); }

  // A state around the section that names the run state, as QEMU 7.2 writes it.
  void write_state_of(const std::string& run_state) {
    std::string field = run_state;
    field.resize(100);
    const std::string size = "\0\0\0"s + static_cast<char>(run_state.size() + 1);
    write("QEVM...globalstate..." + "\x04\0\0\0\x1f\x0bglobalstate\0\0\0\0\0\0\0\x01"s + size + field + "more");
  }
  void write(const std::string& bytes) { std::ofstream(path_, std::ios::binary) << bytes; }
  std::string contents() {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  const std::filesystem::path path_ =
      std::filesystem::temp_directory_path() / ("saved-state-test-" + std::to_string(::getpid()));
};

TEST_F(SavedStateTest, TurnsADebuggedMachineIntoAPausedOne) {
  write_state_of("paused");
  const std::string paused = contents();
  write_state_of("debug");
  ASSERT_TRUE(turn_debugged_into_paused(path_));
  EXPECT_TRUE(contents() == paused);
}

TEST_F(SavedStateTest, ChangesNoOtherRunState) {
  write_state_of("running");
  const std::string before = contents();
  const auto turned = turn_debugged_into_paused(path_);
  ASSERT_FALSE(turned);
  EXPECT_EQ(turned.error().kind(), ErrorKind::kInvalid);
  EXPECT_TRUE(contents() == before);
}

TEST_F(SavedStateTest, SaysWhatIsNoState) {
  for (const char* bytes : {"", "QEVM", "\x0bglobalstate"}) {
    write(bytes);
    EXPECT_FALSE(turn_debugged_into_paused(path_));
  }
  std::filesystem::remove(path_);
  EXPECT_FALSE(turn_debugged_into_paused(path_));
}

}  // namespace
}  // namespace snaphammer::vmm
