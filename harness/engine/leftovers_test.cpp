#include "harness/engine/leftovers.h"

#include <fstream>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/engine/environment.h"
#include "harness/engine/runtime_directory.h"
#include "lib/base/child_process.h"
#include "lib/base/testing/run_async.h"
#include "lib/base/testing/temporary_directory.h"

namespace snaphammer::engine {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class LeftoversTest : public testing::Test {
 protected:
  // What is left of a campaign that was killed: its directory, and a lock that nobody holds.
  fs::path leave_directory(const std::string& id) {
    const fs::path path = base_.path() / id;
    fs::create_directories(path / "3");
    std::ofstream(path / "3/uffd.sock") << "";
    std::ofstream(path / "lock") << "";
    return path;
  }
  ChildProcess start_process(const std::string& campaign) {
    return ChildProcess::spawn({.argv = {"/usr/bin/sleep", "1000"}, .environment = {{"SNAPHAMMER_CAMPAIGN", campaign}}})
        .value();
  }
  std::vector<std::string> clean() { return remove_leftovers(base_.path()).value(); }

  TemporaryDirectory base_;
};

TEST_F(LeftoversTest, NothingIsLeftOfNothing) { EXPECT_THAT(clean(), IsEmpty()); }

TEST_F(LeftoversTest, ADeadCampaignsDirectoryIsRemovedAndNamed) {
  const fs::path path = leave_directory("dead1");
  EXPECT_THAT(clean(), ElementsAre("removed what dead campaign dead1 left: directory " + path.string()));
  EXPECT_FALSE(fs::exists(path));
  EXPECT_THAT(clean(), IsEmpty());
}

TEST_F(LeftoversTest, ALivingCampaignKeepsItsDirectoryAndProcesses) {
  const RuntimeDirectory living = RuntimeDirectory::create(base_.path(), "alive").value();
  ChildProcess process = start_process("alive");
  EXPECT_THAT(clean(), IsEmpty());
  EXPECT_TRUE(fs::exists(living.path()));
  EXPECT_FALSE(process.poll().value().has_value());
}

TEST_F(LeftoversTest, ADeadCampaignsProcessesAreKilledAndNamed) {
  leave_directory("dead1");
  ChildProcess left = start_process("dead1");
  ChildProcess of_another = start_process("dead11");
  EXPECT_THAT(clean(), ElementsAre("removed what dead campaign dead1 left: process " + std::to_string(left.pid()) +
                                       " (/usr/bin/sleep 1000)",
                                   HasSubstr("directory")));
  EXPECT_EQ(::kill(left.pid(), 0), -1);  // Gone and reaped: it was this process's child.
  EXPECT_FALSE(of_another.poll().value().has_value());
}

TEST_F(LeftoversTest, MountsInADeadCampaignsDirectoryAreUnmounted) {
  const fs::path path = leave_directory("dead1");
  if (::mount("none", (path / "3").c_str(), "tmpfs", 0, nullptr) != 0) GTEST_SKIP() << "may not mount";
  EXPECT_THAT(clean(), ElementsAre(HasSubstr("mount " + (path / "3").string()), HasSubstr("directory")));
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(LeftoversTest, ADirectoryIsAliveForAsLongAsItsOwner) {
  fs::path path;
  {
    RuntimeDirectory runtime = RuntimeDirectory::create(base_.path(), "c1").value();
    path = runtime.path();
    EXPECT_TRUE(fs::exists(runtime.make_subdirectory("0").value()));
    EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_all);
    EXPECT_FALSE(RuntimeDirectory::create(base_.path(), "c1"));
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(LeftoversTest, AProcessThatEndsByItselfIsNotBlamed) {
  ChildProcess ending = ChildProcess::spawn({.argv = {"sleep", "0.2"}}).value();
  const auto it = [&](const Process& process) { return process.pid == ending.pid(); };
  EXPECT_THAT(run_async(end_all(it)).value(), IsEmpty());
}

TEST_F(LeftoversTest, WhatIsStartedMeanwhileIsKilledToo) {
  // Starts the next one and ends, again and again: each is gone before it can be killed, until one is not.
  const std::string restart = "while true; do SNAPHAMMER_CAMPAIGN=chain sleep 0.05 & wait; done";
  ChildProcess chain =
      ChildProcess::spawn({.argv = {"sh", "-c", restart}, .environment = {{"SNAPHAMMER_CAMPAIGN", "chain"}}}).value();
  const auto of_chain = [](const Process& process) { return process.has("SNAPHAMMER_CAMPAIGN", "chain"); };
  ASSERT_TRUE(run_async(end_all(of_chain)));
  EXPECT_THAT(processes_where(of_chain), IsEmpty());
}

TEST(ProcessList, ShowsEnvironmentParentAndCommand) {
  ChildProcess child =
      ChildProcess::spawn({.argv = {"/usr/bin/sleep", "1000"}, .environment = {{"MARK", "a=b"}, {"MARKED", ""}}})
          .value();
  const auto found = processes_where([&](const Process& process) { return process.pid == child.pid(); });
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].describe(), std::to_string(child.pid()) + " (/usr/bin/sleep 1000)");
  EXPECT_EQ(found[0].parent, ::getpid());
  EXPECT_TRUE(found[0].has("MARK", "a=b"));
  EXPECT_TRUE(found[0].has("MARKED", ""));
  EXPECT_FALSE(found[0].has("MARK", "a"));
  EXPECT_FALSE(found[0].has("ARK", "a=b"));
}

class RuntimeBaseTest : public testing::Test {
 protected:
  Result<fs::path> base() {
    return runtime_base(Environment(Environment::Variables{{"XDG_RUNTIME_DIR", directory_.path()}}));
  }
  TemporaryDirectory directory_;
};

TEST_F(RuntimeBaseTest, IsPrivateAndInTheUsersRuntimeDirectory) {
  EXPECT_EQ(base().value(), directory_ / "snaphammer");
  EXPECT_EQ(fs::status(directory_ / "snaphammer").permissions(), fs::perms::owner_all);
  EXPECT_EQ(base().value(), directory_ / "snaphammer");
}

TEST_F(RuntimeBaseTest, IsInTmpWhereThereIsNoRuntimeDirectoryOrItsNameIsTooLong) {
  const std::string expected = "/tmp/snaphammer-" + std::to_string(::geteuid());
  EXPECT_EQ(runtime_base(Environment()).value(), expected);
  EXPECT_EQ(runtime_base(Environment(Environment::Variables{{"XDG_RUNTIME_DIR", "/no/such/directory"}})).value(),
            expected);
  const fs::path deep = directory_ / "a-name-that-leaves-no-room-for-sockets";
  fs::create_directories(deep);
  EXPECT_EQ(runtime_base(Environment(Environment::Variables{{"XDG_RUNTIME_DIR", deep}})).value(), expected);
}

TEST_F(RuntimeBaseTest, IsRefusedWhenOthersCouldUseIt) {
  fs::create_directory(directory_ / "snaphammer");
  ::chmod((directory_ / "snaphammer").c_str(), 0770);
  EXPECT_EQ(base().error().kind(), ErrorKind::kUnfit);
  EXPECT_THAT(base().error().advice(), HasSubstr("XDG_RUNTIME_DIR"));
}

TEST_F(RuntimeBaseTest, IsRefusedWhenItIsALinkOrSomebodyElses) {
  fs::create_directory(directory_ / "real");
  ::chmod((directory_ / "real").c_str(), 0700);
  fs::create_symlink(directory_ / "real", directory_ / "snaphammer");
  EXPECT_EQ(base().error().kind(), ErrorKind::kUnfit);
  fs::remove(directory_ / "snaphammer");
  fs::rename(directory_ / "real", directory_ / "snaphammer");
  EXPECT_TRUE(base());
  if (::chown((directory_ / "snaphammer").c_str(), ::geteuid() + 1, ::getegid()) != 0) GTEST_SKIP() << "may not chown";
  EXPECT_EQ(base().error().kind(), ErrorKind::kUnfit);
}

}  // namespace
}  // namespace snaphammer::engine
