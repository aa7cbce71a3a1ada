#include <cstdlib>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/doctor/check.h"
#include "harness/doctor/checks.h"
#include "harness/doctor/host_facts.h"
#include "lib/base/testing/temporary_directory.h"

namespace snaphammer::doctor {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// A host where everything is there, made of files in a temporary directory; tests take parts away.
class DoctorTest : public testing::Test {
 protected:
  DoctorTest() {
    write("image/vmlinuz", "kernel");
    write("image/initramfs", "files");
    write("image/manifest.json", R"({"kernel_release": "6.1.0-cloud"})");
    write("interposer.so", "library");
    write("proc/meminfo", "MemTotal: 8000000 kB\nMemAvailable: 4000000 kB\n");
    write("proc/self/cgroup", "0::/box\n");
    write("sys/fs/cgroup/box/pids.max", "max\n");
    write("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "128\n");
    host_.installation = {
        .program = "snaphammer", .interposer = directory_ / "interposer.so", .guest_image = directory_ / "image"};
    host_.caches = {directory_ / "cache"};
    host_.runtime = directory_ / "runtime";
    host_.out = directory_ / "out";
    host_.root = directory_;
    host_.output_of = [](const std::vector<std::string>& argv) -> Result<std::string> {
      if (argv.front() == "gdb") return std::string("GNU gdb 13.1\nmore\n");
      return std::string("QEMU emulator version 7.2.22 (Debian)\nCopyright\n");
    };
    host_.open_userfaultfd = [](UffdWay) { return Result<void>(); };
    host_.open_memfd = [] { return Result<void>(); };
    host_.free_space = [](const fs::path&) -> Result<ByteCount> { return ByteCount{100} << 30; };
    host_.open_files_limit = [] { return std::pair<std::uint64_t, std::uint64_t>(4096, 8192); };
    host_.probe_accel = []() -> Result<vmm::AccelChoice> {
      return vmm::AccelChoice{vmm::Accel::kKvm, "1900 M loops/s"};
    };
  }

  void write(const std::string& name, const std::string& text) {
    fs::create_directories((directory_ / name).parent_path());
    std::ofstream(directory_ / name) << text;
  }
  void remove(const std::string& name) { fs::remove_all(directory_ / name); }
  void allow_userfaultfd(std::vector<UffdWay> allowed) {
    host_.open_userfaultfd = [allowed](UffdWay way) -> Result<void> {
      if (std::find(allowed.begin(), allowed.end(), way) != allowed.end()) return {};
      return Error(ErrorKind::kUnfit, "refused");
    };
  }
  // What is not good must say what follows and what to do.
  void expect_explained(const Finding& finding, State state, const std::string& found) {
    EXPECT_EQ(finding.state, state);
    EXPECT_THAT(finding.found, HasSubstr(found));
    EXPECT_NE(finding.consequence, "");
    EXPECT_NE(finding.remedy, "");
  }

  TemporaryDirectory directory_;
  Host host_;
};

TEST_F(DoctorTest, FindsNothingWrongWithAGoodHost) {
  for (const Check& check : all_checks()) {
    const Finding finding = check.look(host_);
    EXPECT_EQ(finding.state, State::kGood) << check.name << ": " << finding.found;
    EXPECT_NE(finding.found, "") << check.name;
  }
  EXPECT_TRUE(check_before_campaign(host_, true));
}

TEST_F(DoctorTest, ReadsTheVersionOfQemu) { EXPECT_EQ(check_qemu(host_).found, "version 7.2.22"); }

TEST_F(DoctorTest, TellsResultsWhatTheyComeFrom) {
  write("proc/cpuinfo", "processor\t: 0\nmodel name\t: Example CPU: 9000\nprocessor\t: 1\nmodel name\t: Other\n");
  const nlohmann::json facts = facts_of(host_);
  EXPECT_EQ(facts.at("cpu"), "Example CPU: 9000");
  EXPECT_EQ(facts.at("qemu"), "7.2.22");
  EXPECT_GT(facts.at("cpus"), 0);
  EXPECT_GT(facts.at("memory_bytes"), 0);
}

TEST_F(DoctorTest, WhatTheHostDoesNotTellIsNotAmongItsFacts) {
  host_.output_of = [](const auto&) -> Result<std::string> { return Error(ErrorKind::kUnfit, "no such program"); };
  const nlohmann::json facts = facts_of(host_);
  EXPECT_FALSE(facts.contains("cpu"));
  EXPECT_FALSE(facts.contains("qemu"));
  EXPECT_TRUE(facts.contains("kernel"));
}

TEST_F(DoctorTest, AMissingQemuKeepsACampaignFromStarting) {
  host_.output_of = [](const std::vector<std::string>& argv) -> Result<std::string> {
    return Error(ErrorKind::kUnfit, argv.front() + ": no such program in PATH");
  };
  expect_explained(check_qemu(host_), State::kMissing, "no such program");
  const Error error = check_before_campaign(host_, true).error();
  EXPECT_EQ(error.kind(), ErrorKind::kUnfit);
  EXPECT_THAT(error.message(), HasSubstr("QEMU: qemu-system-x86_64: no such program"));
  EXPECT_THAT(error.advice(), HasSubstr("apt-get install qemu-system-x86"));
}

TEST_F(DoctorTest, AnOldQemuOrNoQemuAtAllIsNotEnough) {
  host_.output_of = [](const auto&) -> Result<std::string> { return std::string("QEMU emulator version 5.2.0"); };
  expect_explained(check_qemu(host_), State::kMissing, "too old");
  host_.output_of = [](const auto&) -> Result<std::string> { return std::string("hello"); };
  expect_explained(check_qemu(host_), State::kMissing, "not a version");
}

TEST_F(DoctorTest, SaysWhyGuestsRunUnderTcg) {
  host_.probe_accel = []() -> Result<vmm::AccelChoice> { return vmm::AccelChoice{vmm::Accel::kTcg, "KVM emulates"}; };
  expect_explained(check_accelerator(host_), State::kLimited, "TCG: KVM emulates");
  EXPECT_TRUE(check_before_campaign(host_, true));
}

TEST_F(DoctorTest, MissesTheInterposer) {
  remove("interposer.so");
  expect_explained(check_interposer(host_), State::kMissing, "interposer.so");
  EXPECT_FALSE(check_before_campaign(host_, true));
}

TEST_F(DoctorTest, MissesTheImageOnlyForRunsThatUseIt) {
  remove("image/initramfs");
  expect_explained(check_guest_image(host_), State::kMissing, "initramfs");
  EXPECT_FALSE(check_before_campaign(host_, true));
  EXPECT_TRUE(check_before_campaign(host_, false));
  host_.installation.guest_image.clear();
  expect_explained(check_guest_image(host_), State::kMissing, "none was built");
}

TEST_F(DoctorTest, NamesTheKernelOfTheImage) {
  EXPECT_THAT(check_guest_image(host_).found, HasSubstr("Linux 6.1.0-cloud"));
  write("image/manifest.json", "not json");
  EXPECT_EQ(check_guest_image(host_).state, State::kGood);
}

TEST_F(DoctorTest, TellsTheWaysToUserfaultfdApart) {
  allow_userfaultfd({UffdWay::kDevice, UffdWay::kUserMode});
  EXPECT_EQ(check_userfaultfd(host_).found, "/dev/userfaultfd");
  allow_userfaultfd({UffdWay::kUserMode});
  expect_explained(check_userfaultfd(host_), State::kLimited, "user mode only");
  allow_userfaultfd({});
  expect_explained(check_userfaultfd(host_), State::kMissing, "refused");
  EXPECT_FALSE(check_before_campaign(host_, true));
}

TEST_F(DoctorTest, MissesMemfd) {
  host_.open_memfd = []() -> Result<void> { return Error(ErrorKind::kUnfit, "memfd_create: refused"); };
  expect_explained(check_memfd(host_), State::kMissing, "refused");
}

TEST_F(DoctorTest, WarnsOfLittleMemory) {
  write("proc/meminfo", "MemTotal: 8000000 kB\nMemAvailable: 200000 kB\n");
  expect_explained(check_memory(host_), State::kLimited, "195 MiB");
  remove("proc/meminfo");
  expect_explained(check_memory(host_), State::kLimited, "does not say");
}

TEST_F(DoctorTest, WarnsWithoutHugePagesOrGdb) {
  write("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "0\n");
  expect_explained(check_huge_pages(host_), State::kLimited, "none");
  host_.output_of = [](const auto&) -> Result<std::string> { return Error(ErrorKind::kUnfit, "no gdb"); };
  expect_explained(check_gdb(host_), State::kLimited, "not installed");
}

TEST_F(DoctorTest, WarnsOfTightLimits) {
  host_.open_files_limit = [] { return std::pair<std::uint64_t, std::uint64_t>(256, 8192); };
  EXPECT_EQ(check_open_files(host_).remedy, "ulimit -n 1024");
  host_.open_files_limit = [] { return std::pair<std::uint64_t, std::uint64_t>(256, 256); };
  expect_explained(check_open_files(host_), State::kLimited, "256 per process");
  write("sys/fs/cgroup/box/pids.max", "20\n");
  expect_explained(check_processes(host_), State::kLimited, "20 tasks");
}

TEST_F(DoctorTest, MissesSpaceWhereverItIsNeeded) {
  for (const auto& [check, place] : {std::pair(&check_results_space, "out"), std::pair(&check_cache_space, "cache"),
                                     std::pair(&check_runtime_space, "runtime")}) {
    host_.free_space = [this, place](const fs::path& directory) -> Result<ByteCount> {
      return directory == directory_ / place ? ByteCount{1000} : ByteCount{100} << 30;
    };
    expect_explained(check(host_), State::kMissing, place);
    EXPECT_THAT(check_before_campaign(host_, true).error().message(), HasSubstr(place));
  }
}

TEST_F(DoctorTest, NamesAllThatIsMissingAtOnce) {
  remove("image");
  remove("interposer.so");
  const Error error = check_before_campaign(host_, true).error();
  EXPECT_THAT(error.message(), HasSubstr("vmlinuz"));
  EXPECT_THAT(error.message(), HasSubstr("interposer.so"));
}

TEST(RealHost, CanBeLookedAt) {
  const Host host = Host::real({.program = "/x", .interposer = "/x", .guest_image = {}}, {"/tmp/no/such/cache"}, "/tmp",
                               "/tmp/no/such/directory");
  for (const Check& check : all_checks()) EXPECT_NE(check.look(host).found, "") << check.name;
  EXPECT_EQ(check_cache_space(host).state, State::kGood) << check_cache_space(host).found;
  EXPECT_FALSE(host.output_of({"false"}));
  EXPECT_EQ(host.output_of({"echo", "hello"}).value(), "hello\n");
}

}  // namespace
}  // namespace snaphammer::doctor
