// What users meet first on a host that is not ready, or with a file that is not right: one clear message, and the
// exit code of its class.
#include <fstream>

#include <gmock/gmock.h>
#include <unistd.h>

#include "harness/e2e/real_campaign.h"
#include "lib/vmm/accel_probe.h"

namespace snaphammer::e2e {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

constexpr char kBootOnly[] = "steps:\n  - boot: {}\n";

using UnfitHost = RealCampaign;

TEST_F(UnfitHost, AMissingKernelIs3AndSaysHowToGetOne) {
  fs::create_directory(file("image"));
  environment_["SNAPHAMMER_IMAGE"] = file("image");
  EXPECT_EQ(run({write_scenario("any", kBootOnly)}), 3);
  EXPECT_THAT(err(), AllOf(HasSubstr(file("image").string()), HasSubstr("ci/snaphammer")));
}

TEST_F(UnfitHost, AMissingKernelOfAScenarioNamesTheFile) {
  EXPECT_EQ(run({write_scenario(
                "any", "vm: {image: {kernel: no-such-kernel, initramfs: no-such-initramfs}}\nsteps:\n  - boot: {}\n")}),
            3);
  EXPECT_THAT(out() + err(), HasSubstr(file("no-such-kernel").string()));
}

TEST_F(UnfitHost, FilesThatCannotBootAreNotBlamedOnTheGuest) {
  write("text", "no kernel, and no archive either");
  std::string kernel;
  std::getline(std::ifstream(GUEST_IMAGE_PATH), kernel);
  kernel += "/vmlinuz";
  const std::string boots = "}}\nsteps:\n  - boot: {}\n";
  EXPECT_EQ(run({write_scenario("kernel", "vm: {image: {kernel: text, initramfs: text" + boots),
                 write_scenario("initramfs", "vm: {image: {kernel: " + kernel + ", initramfs: text" + boots)}),
            3);
  const std::string text = file("text").string();
  EXPECT_THAT(results().at("runs").at(0).at("message").get<std::string>(), HasSubstr(text + " is no x86 kernel"));
  EXPECT_THAT(results().at("runs").at(1).at("message").get<std::string>(), HasSubstr(text + " is no initramfs"));
}

TEST_F(UnfitHost, AMissingVmmIs3AndNamesThePackage) {
  environment_["PATH"] = file("run");
  EXPECT_EQ(run({write_scenario("any", kBootOnly)}), 3);
  EXPECT_THAT(err(), AllOf(HasSubstr("qemu-system-x86_64"), HasSubstr("qemu-system-x86")));
}

TEST_F(UnfitHost, DeniedUserfaultfdIs3AndSaysWhatToAllow) {
  EXPECT_EQ(run({write_scenario("any", kBootOnly)}, {WITHOUT_USERFAULTFD}), 3);
  EXPECT_THAT(err(), AllOf(HasSubstr("userfaultfd"), HasSubstr("vm.unprivileged_userfaultfd")));
}

TEST_F(UnfitHost, AScenarioThatAsksForKvmIsSkippedWhereThereIsNone) {
  if (vmm::choose_accel(vmm::Accel::kKvm)) GTEST_SKIP() << "this host has KVM";
  EXPECT_EQ(run({write_scenario("kvm", std::string("vm: {accel: kvm}\n") + kBootOnly)}), 3);
  EXPECT_EQ(only_run().at("verdict"), "skipped");
  EXPECT_THAT(only_run().at("message").get<std::string>(), HasSubstr("KVM was asked for"));
}

// With out/ on a small file system, in a mount namespace of the campaign's own.
class FullDisk : public RealCampaign {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "mounting a small file system needs root";
    fs::create_directory(file("small"));
  }
  int run_on_disk_of(const std::string& size, const fs::path& scenario) {
    const std::string small = file("small");
    const std::string keep = "cp " + small + "/out/results.json " + small + ".json 2>/dev/null; ls -A " + small +
                             "/out/runs/*/snapshots > " + small + ".list 2>/dev/null; exit $code";
    const std::string command =
        "mount -t tmpfs -o size=" + size + " tmpfs " + small + " && \"$0\" \"$@\"; code=$?; " + keep;
    return snaphammer({"run", scenario, "--out", file("small/out")}, {"unshare", "--mount", "sh", "-c", command});
  }
};

TEST_F(FullDisk, NoRoomToBeginWithIs3AndSaysHowMuchIsNeeded) {
  EXPECT_EQ(run_on_disk_of("16m", write_scenario("any", kBootOnly)), 3);
  EXPECT_THAT(err(), AllOf(HasSubstr("16 MiB free in " + file("small/out").string()), HasSubstr("--out")));
  expect_nothing_left();
}

TEST_F(FullDisk, RoomThatEndsInARunIsInconclusiveAndKeepsTheEarlierSnapshots) {
  std::string body = "steps:\n  - boot: {}\n  - start: {workload: zero-pages, as: zp, args: {resident: 120MiB}}\n";
  for (int i = 0; i < 6; ++i) body += "  - snapshot: {id: s" + std::to_string(i) + "}\n";
  EXPECT_EQ(run_on_disk_of("530m", write_scenario("fill", body)), 3);
  const nlohmann::json run = nlohmann::json::parse(content_of(file("small.json"))).at("runs").at(0);
  EXPECT_EQ(run.at("verdict"), "inconclusive");
  EXPECT_THAT(run.at("message").get<std::string>(),
              AllOf(HasSubstr("pause.store-memory"), HasSubstr("No space left on device"), HasSubstr("free space")));
  EXPECT_THAT(content_of(file("small.list")), AllOf(HasSubstr("s0-1\n"), testing::Not(HasSubstr("s5-6"))));
  expect_nothing_left();
}

TEST_F(UnfitHost, AnUnwritableOutputDirectoryIsNamed) {
  EXPECT_EQ(snaphammer({"run", write_scenario("any", kBootOnly), "--out", "/proc/no-such"}), 3);
  EXPECT_THAT(err(), HasSubstr("/proc/no-such"));
}

TEST_F(UnfitHost, ATypoIs2WithItsPlaceAndTheNearestWordAndStartsNothing) {
  EXPECT_EQ(run({write_scenario("typo", "steps:\n  - boot: {}\n  - snapshto: {id: s1}\n")}), 2);
  EXPECT_THAT(err(), AllOf(HasSubstr("typo.yaml:7:5"), HasSubstr("unknown step 'snapshto'"), HasSubstr("'snapshot'")));
  EXPECT_FALSE(fs::exists(file("out")));
}

}  // namespace
}  // namespace snaphammer::e2e
