// The cached base snapshot: what it holds, and that one which is damaged or half made is noticed.
#include <gmock/gmock.h>

#include "harness/e2e/real_campaign.h"

namespace snaphammer::e2e {
namespace {

namespace fs = std::filesystem;

class BaseSnapshot : public RealCampaign {
 protected:
  BaseSnapshot() { environment_["XDG_CACHE_HOME"] = file("cache"); }

  /// Of a machine that no other test has; made with the first run.
  void run_from_base() {
    fs::remove_all(file("out"));
    EXPECT_EQ(run({write_scenario("base", "vm: {memory: 192MiB}\nsteps:\n  - boot: {}\n")}), 0) << out() << err();
  }
  fs::path in_base(const std::string& name) const {
    for (const auto& entry : fs::recursive_directory_iterator(file("cache"))) {
      if (entry.path().filename() == name) return entry.path();
    }
    return {};
  }
};

TEST_F(BaseSnapshot, ThatIsTruncatedIsNoticedAndMadeAgain) {
  run_from_base();
  const fs::path memory = in_base("memory");
  ASSERT_FALSE(memory.empty());
  fs::resize_file(memory, fs::file_size(memory) / 2);

  run_from_base();
  const std::string log = content_of(file("out") / only_run().at("artifacts").get<std::string>() / "worker.log");
  EXPECT_THAT(
      log, testing::ContainsRegex("making base snapshot [0-9a-f]* again: .*memory has [0-9]* bytes, its header says"));
}

// A guest uses 84 MiB of its memory once it is up, and has used 116 MiB on its way there.
TEST_F(BaseSnapshot, HoldsWhatIsInUseAndKnowsWhatIsAskedForFirst) {
  run_from_base();
  const fs::path memory = in_base("memory");
  ASSERT_FALSE(memory.empty());
  EXPECT_LT(fs::file_size(memory), 100 * (1u << 20));
  const fs::path working_set = memory.parent_path() / "working_set";
  ASSERT_TRUE(fs::exists(working_set));

  const fs::file_time_type booted = fs::last_write_time(memory);
  fs::remove(working_set);  // As when its making was cut short after the boot.
  run_from_base();
  EXPECT_TRUE(fs::exists(working_set));
  EXPECT_EQ(fs::last_write_time(memory), booted);
}

}  // namespace
}  // namespace snaphammer::e2e
