#include "harness/engine/host_memory.h"

#include <fstream>

#include <gtest/gtest.h>

#include "lib/base/testing/temporary_directory.h"

namespace snaphammer::engine {
namespace {

namespace fs = std::filesystem;

class AvailableMemory : public testing::Test {
 protected:
  AvailableMemory() { write("proc/meminfo", "MemTotal: 8000000 kB\nMemFree: 1 kB\nMemAvailable: 4000000 kB\n"); }
  void write(const fs::path& file, const std::string& text) {
    fs::create_directories((root_.path() / file).parent_path());
    std::ofstream(root_.path() / file) << text;
  }
  ByteCount available() { return available_memory(root_.path()).value(); }
  TemporaryDirectory root_;
};

constexpr ByteCount kOfHost = ByteCount{4000000} << 10;

TEST_F(AvailableMemory, IsWhatTheKernelSaysOfTheHost) { EXPECT_EQ(available(), kOfHost); }

TEST_F(AvailableMemory, IsUnknownWithoutProc) {
  fs::remove_all(root_ / "proc");
  EXPECT_FALSE(available_memory(root_.path()));
}

TEST_F(AvailableMemory, IsWhatTheGroupAndThoseAroundItLeave) {
  write("proc/self/cgroup", "0::/ci.slice/job\n");
  write("sys/fs/cgroup/ci.slice/job/memory.max", "max\n");
  write("sys/fs/cgroup/ci.slice/job/memory.current", "5000\n");
  EXPECT_EQ(available(), kOfHost) << "no limit";
  write("sys/fs/cgroup/ci.slice/memory.max", "1000000\n");
  write("sys/fs/cgroup/ci.slice/memory.current", "300000\n");
  EXPECT_EQ(available(), 700000u);
  write("sys/fs/cgroup/ci.slice/memory.stat", "anon 1\ninactive_file 200000\n");
  EXPECT_EQ(available(), 900000u) << "old file pages are as good as free";
  write("sys/fs/cgroup/ci.slice/job/memory.max", "6000\n");
  EXPECT_EQ(available(), 1000u);
  write("sys/fs/cgroup/ci.slice/job/memory.current", "7000\n");
  EXPECT_EQ(available(), 0u);
}

TEST_F(AvailableMemory, KnowsTheGroupsOfVersion1) {
  write("proc/self/cgroup", "5:cpu:/\n4:memory:/docker/1a2b\n0::/\n");
  // As a container sees it: its own group is the root of what is mounted.
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "2000000\n");
  write("sys/fs/cgroup/memory/memory.usage_in_bytes", "500000\n");
  write("sys/fs/cgroup/memory/memory.stat", "inactive_file 7\ntotal_inactive_file 100000\n");
  EXPECT_EQ(available(), 1600000u);
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(available(), kOfHost);
}

}  // namespace
}  // namespace snaphammer::engine
