// Guests whose root file system is a directory of the scenario's.
#include <cstdlib>
#include <fstream>

#include <gmock/gmock.h>

#include "harness/e2e/real_campaign.h"

namespace snaphammer::e2e {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class RootImage : public RealCampaign {
 protected:
  RootImage() { environment_["XDG_CACHE_HOME"] = file("cache"); }

  static fs::path default_image() {
    std::string path;
    std::getline(std::ifstream(GUEST_IMAGE_PATH), path);
    return path;
  }
  // One program, under a name that the default image has not, and nothing else: not even a /lib, a shell or socat.
  void make_root() {
    fs::create_directories(file("my root"));
    const std::string unpack = "cd '" + file("my root").string() + "' && cpio --quiet -id bin/busybox <'" +
                               (default_image() / "initramfs").string() +
                               "' && mv bin/busybox busybox-only && rmdir bin";
    ASSERT_EQ(std::system(unpack.c_str()), 0);
    std::ofstream(file("my root") / "greeting") << "good morning";
  }
  int run_greeting(const std::string& text) {
    fs::remove_all(file("out"));
    return run({write_scenario("root",
                               "vm: {image: {root: my root}}\nsteps:\n"
                               "  - boot: {}\n"
                               "  - exec: {command: [/busybox-only, grep, " +
                                   text +
                                   ", /greeting]}\n"
                                   "  - exec: {command: [/busybox-only, test, '!', -e, /bin/busybox]}\n"
                                   "  - start: {workload: zero-pages, as: zp, args: {resident: 20MiB}}\n"
                                   "  - start: {workload: ledger, as: books, args: {over: [vsock], clients: 2}}\n"
                                   "  - snapshot: {id: s1}\n"
                                   "  - restore: {from: s1}\n"
                                   "  - await_healthy: {within: 30s}\n"
                                   "  - clone: {from: s1, count: 1}\n"
                                   "  - check: all\n")});
  }
};

TEST_F(RootImage, IsTheGuestsRootAsItIsNow) {
  ASSERT_NO_FATAL_FAILURE(make_root());
  EXPECT_EQ(run_greeting("morning"), 0) << out() << err();
  std::ofstream(file("my root") / "greeting") << "good evening";
  EXPECT_EQ(run_greeting("evening"), 0) << out() << err();
}

TEST_F(RootImage, ThatIsMissingIsTheEnvironmentsFault) {
  EXPECT_EQ(run_greeting("morning"), 3);
  EXPECT_THAT(out() + err(), AllOf(HasSubstr(file("my root").string()), HasSubstr("vm.image.root")));
}

}  // namespace
}  // namespace snaphammer::e2e
