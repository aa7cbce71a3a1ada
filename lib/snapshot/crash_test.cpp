// Whatever fails, wherever the process dies: every earlier snapshot is as it was, and nothing half-made is seen.
#include <csignal>
#include <functional>

#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "lib/base/failpoint.h"
#include "lib/snapshot/testing/store_fixture.h"

namespace snaphammer::snapshot {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const std::vector<std::string> kFailpoints{"snapshot.write",   "snapshot.sync",   "snapshot.rename",
                                           "snapshot.renamed", "snapshot.remove", "snapshot.removed"};

// s1 and its diff s2 are there; each operation does something to a copy of that.
class CrashTest : public StoreTest {
 protected:
  CrashTest() {
    for (std::size_t page = 0; page < 16; page += 2) ram_.write(page, page);
    take_full(store_, "s1", ram_.image());
    s1_ = ram_.bytes();
    ram_.write(4, 1004);
    ram_.discard(6);
    take_diff(store_, "s2", "s1", ram_.image());
    s2_ = ram_.bytes();
    ram_.write(9, 9);
    ram_.discard(2);
  }

  struct Operation {
    std::string name;
    std::function<Result<void>(const SnapshotStore&)> run;
    std::string makes = {};  // A new snapshot with the bytes `made` ...
    std::vector<std::byte> made = {};
    bool removes_s2 = false;  // ... or removes one.
  };
  std::vector<Operation> operations() {
    const auto discard_value = [](const auto& result) -> Result<void> {
      if (!result) return result.error();
      return {};
    };
    return {
        {"full", [=, this](const auto& s) { return discard_value(try_full(s, "new", ram_.image())); }, "new",
         ram_.bytes()},
        {"diff", [=, this](const auto& s) { return discard_value(try_diff(s, "new", "s2", ram_.image())); }, "new",
         ram_.bytes()},
        {"merge", [=](const auto& s) { return discard_value(s.merge("s2", "new")); }, "new", s2_},
        {"working set",
         [](const auto& s) {
           return s.set_working_set("s1", std::vector<ByteCount>{0, kPageSize});
         }},
        {.name = "remove", .run = [](const auto& s) { return s.remove("s2"); }, .removes_s2 = true},
        {.name = "collect garbage",
         .run = [=](const auto& s) { return discard_value(s.collect_garbage({"s1"})); },
         .removes_s2 = true},
    };
  }

  // Puts the store back to s1 and s2 alone.
  void reset() {
    const SnapshotStore store = open();
    std::set<std::string> keep;
    const std::vector<std::string> ids = store.ids().value();
    for (const std::string& id : ids) {
      if (id != "new") keep.insert(id);
    }
    const auto removed = store.collect_garbage(keep);
    ASSERT_TRUE(removed) << removed.error().describe();
    if (!keep.contains("s2")) {
      GuestRam ram(16);
      for (std::size_t page = 0; page < 16; ++page) {
        Page bytes;
        std::copy_n(s2_.begin() + static_cast<std::ptrdiff_t>(page * kPageSize), kPageSize, bytes.begin());
        if (bytes != Page{}) ram.put(page, bytes);
      }
      take_diff(store, "s2", "s1", ram.image());
    }
    std::filesystem::remove(files("s1").working_set());
  }

  void expect_consistent(const Operation& operation, const SnapshotStore& store) {
    const auto report = store.verify_all();
    ASSERT_TRUE(report) << report.error().describe();
    EXPECT_TRUE(report->whole()) << report->defects.front().describe();
    const auto ids = store.ids().value();
    expect_restores_memory(store, "s1", s1_);
    EXPECT_TRUE(operation.removes_s2 || std::ranges::binary_search(ids, "s2"));
    for (const std::string& id : ids) {
      if (id == "s2") expect_restores_memory(store, "s2", s2_);
      if (id == "new") expect_restores_memory(store, "new", operation.made);
    }
  }
  static void expect_restores_memory(const SnapshotStore& store, const std::string& id,
                                     const std::vector<std::byte>& expected) {
    const auto snapshot = store.load(id);
    ASSERT_TRUE(snapshot) << snapshot.error().describe();
    EXPECT_TRUE(read_all(*snapshot->memory).value() == expected) << id;
  }

  // Runs `body` in a child process and returns how that ended, as waitpid(2) has it.
  static int in_child(const std::function<int()>& body) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(body());
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return status;
  }

  // With syncs, so that their failpoints are passed.
  SnapshotStore durable() const { return open({}); }

  GuestRam ram_ = GuestRam(16);
  const SnapshotStore store_ = open();
  std::vector<std::byte> s1_, s2_;
};

TEST_F(CrashTest, AKillAtAnyFailpointLeavesEveryEarlierSnapshotRestorable) {
  int kills = 0;
  for (const Operation& operation : operations()) {
    for (const std::string& failpoint : kFailpoints) {
      for (int nth = 1;; ++nth) {
        SCOPED_TRACE(operation.name + " killed at " + failpoint + " number " + std::to_string(nth));
        const int status = in_child([&] {
          const SnapshotStore store = durable();
          int passed = 0;
          const ScopedFailpoint kill(failpoint, [&]() -> Result<void> {
            if (++passed == nth) ::raise(SIGKILL);
            return {};
          });
          return operation.run(store) ? 0 : 1;
        });
        if (!WIFSIGNALED(status)) {
          ASSERT_EQ(status, 0) << "without a kill it must succeed";
          reset();
          break;  // It passes this failpoint fewer times than nth.
        }
        ++kills;
        const SnapshotStore store = open();
        expect_consistent(operation, store);
        EXPECT_THAT(entries(), Not(Contains(testing::StartsWith(".tmp-")))) << "leftover of a dead writer";
        reset();
        if (HasFatalFailure()) return;
      }
    }
  }
  EXPECT_GT(kills, 40) << "the failpoints are passed";
}

TEST_F(CrashTest, AFailureAtAnyFailpointLeavesNothingHalfMade) {
  int failures = 0;
  for (const Operation& operation : operations()) {
    for (const std::string& failpoint : kFailpoints) {
      for (int nth = 1;; ++nth) {
        SCOPED_TRACE(operation.name + " fails at " + failpoint + " number " + std::to_string(nth));
        const SnapshotStore store = durable();
        int passed = 0;
        Result<void> result;
        {
          const ScopedFailpoint fail(failpoint, [&]() -> Result<void> {
            if (++passed == nth) return errno_error("injected", ENOSPC);
            return {};
          });
          result = operation.run(store);
        }
        const bool failed = !result;
        EXPECT_EQ(failed, passed >= nth);
        EXPECT_THAT(entries(), Not(Contains(testing::StartsWith(".tmp-"))));
        expect_consistent(operation, store);
        // A merge has made its snapshot before it copies the working set; here there is none to copy.
        if (failed && !operation.makes.empty()) {
          EXPECT_THAT(store.ids().value(), ElementsAre("s1", "s2"));
        }
        if (failed) {
          EXPECT_EQ(result.error().kind(), ErrorKind::kUnfit);
        }
        reset();
        if (HasFatalFailure()) return;
        if (!failed) break;
        ++failures;
      }
    }
  }
  EXPECT_GT(failures, 40) << "the failpoints are passed";
}

TEST_F(CrashTest, AFileThatMayNotGrowIsAFullDisk) {
  // Limits from "not one page" to "all but the last header"; above that it works.
  bool worked = false;
  for (rlim_t limit = 0; !worked; limit += kPageSize / 2) {
    ASSERT_LT(limit, 1_MiB);
    const int status = in_child([&] {
      ::signal(SIGXFSZ, SIG_IGN);
      const SnapshotStore store = open();
      auto writer = store.begin("new");
      overwrite(writer->vmstate_path(), "x");
      const rlimit no_larger{limit, limit};
      ::setrlimit(RLIMIT_FSIZE, &no_larger);
      const auto result = [&]() -> Result<void> {
        SNAP_TRY(writer->write_diff(ram_.image(), "s2"));
        SNAP_TRY(writer->publish());
        return {};
      }();
      if (result) return 0;
      const bool says_so = result.error().kind() == ErrorKind::kUnfit && !result.error().advice().empty();
      return says_so ? 1 : 2;
    });
    ASSERT_TRUE(WIFEXITED(status));
    worked = WEXITSTATUS(status) == 0;
    if (!worked) {
      EXPECT_EQ(WEXITSTATUS(status), 1) << "wrong error at limit " << limit;
      EXPECT_FALSE(std::filesystem::exists(files("new").directory));
    }
    expect_restores(store_, "s1", s1_);
    expect_restores(store_, "s2", s2_);
  }
}

TEST_F(CrashTest, AFullDiskFailsTheSnapshotAndKeepsTheOthers) {
  enum Outcome { kGood, kNoMount, kDidNotFail, kWrongError, kLeftover, kDamaged, kStillFails };
  const int status = in_child([&]() -> int {
    // A file system of 48 pages, seen by this child only.
    if (::unshare(CLONE_NEWNS | (::geteuid() == 0 ? 0 : CLONE_NEWUSER)) != 0) return kNoMount;
    ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    if (::mount("none", directory_.c_str(), "tmpfs", 0, "size=196608") != 0) return kNoMount;
    const SnapshotStore store = open();
    GuestRam ram(64);
    for (std::size_t page = 0; page < 16; ++page) ram.write(page, page);
    if (!try_full(store, "s1", ram.image())) return kDamaged;
    const auto s1 = ram.bytes();
    for (std::size_t page = 0; page < 60; ++page) ram.write(page, 1000 + page);
    const auto failed = try_diff(store, "s2", "s1", ram.image());
    if (failed) return kDidNotFail;
    if (failed.error().kind() != ErrorKind::kUnfit || failed.error().advice().empty()) return kWrongError;
    if (entries() != std::vector<std::string>{".lock", "s1"}) return kLeftover;
    if (!store.verify_all()->whole() || read_all(*store.load("s1")->memory).value() != s1) return kDamaged;
    for (std::size_t page = 0; page < 60; ++page) ram.discard(page);
    return try_diff(store, "s2", "s1", ram.image()) ? kGood : kStillFails;
  });
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == kNoMount) GTEST_SKIP() << "no small file system: mounting needs root or user namespaces";
  EXPECT_EQ(WEXITSTATUS(status), kGood);
}

}  // namespace
}  // namespace snaphammer::snapshot
