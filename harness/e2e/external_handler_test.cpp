// A page-fault handler that knows nothing of Snaphammer, put under test on a real guest.
#include <gmock/gmock.h>

#include "harness/e2e/real_campaign.h"

namespace snaphammer::e2e {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class ExternalHandler : public RealCampaign {
 protected:
  /// A guest that gives memory back and trusts what it gets, served by the handler with `options`.
  std::filesystem::path write_handler_scenario(const std::string& name, const std::string& options,
                                               const std::string& steps) {
    return write_scenario(name,
                          "vm: {memory: 256MiB, kernel_args: [init_on_free=1, transparent_hugepage=never],\n"
                          "     balloon: {free_page_reporting: true}}\n"
                          "runtime: {uffd: {handler: {command: [python3, " HANDLER ", \"{socket}\", \"{memory}\"" +
                              options +
                              "]}}}\n"
                              "steps:\n  - boot: {}\n"
                              "  - start: {workload: zero-pages, as: zp, args: {resident: 150MiB}}\n"
                              "  - snapshot: {id: s1}\n  - restore: {from: s1}\n  - await_healthy: {within: 60s}\n" +
                              steps);
  }
};

TEST_F(ExternalHandler, ARightOneServesAGuestThatNoOracleObjectsTo) {
  EXPECT_EQ(run({write_handler_scenario("right", "", "  - run_for: 6s\n  - check: all\n")}), 0) << out() << err();
  EXPECT_THAT(only_run().at("findings"), IsEmpty());
  const std::filesystem::path artifacts = file("out") / only_run().at("artifacts").get<std::string>();
  EXPECT_THAT(content_of(artifacts / "handler.log"), HasSubstr("serving 1 regions"));
  EXPECT_THAT(content_of(artifacts / "handoff.json"), HasSubstr("base_host_virt_addr"));
  EXPECT_FALSE(std::filesystem::exists(artifacts / "handler-memory"));
  expect_nothing_left();
}

TEST_F(ExternalHandler, ASnapshotOfTheGuestThatItServesIsWhole) {
  EXPECT_EQ(run({write_handler_scenario("again", "",
                                        "  - snapshot: {id: s2}\n  - verify_snapshot: s2\n  - restore: {from: s2}\n"
                                        "  - await_healthy: {within: 60s}\n  - check: all\n")}),
            0)
      << out() << err();
}

TEST_F(ExternalHandler, OneThatIgnoresRemoveHandsStalePagesOut) {
  EXPECT_EQ(run({write_handler_scenario("ignores", ", --on-remove, ignore",
                                        "  - run_for: 8s\n  - check: all\n"
                                        "expect: [{verdict: fail, findings: [stale-page]}]\n")}),
            0)
      << out() << err();
}

TEST_F(ExternalHandler, OneThatExitsIsReportedWithItsStatus) {
  EXPECT_EQ(run({write_handler_scenario("exits", ", --die-after, \"3000\"", "  - run_for: 8s\n  - check: all\n")}), 1);
  EXPECT_THAT(finding("handler-died").at("message").get<std::string>(), HasSubstr("exited with status 0"));
}

TEST_F(ExternalHandler, OneThatIsStoppedLeavesTheGuestHanging) {
  EXPECT_EQ(run({write_handler_scenario("stopped", "",
                                        "  - inject: {fault: uffd.stop_handler}\n  - run_for: 3s\n"
                                        "  - check: {workload: all, timeout: 10s}\n"
                                        "expect: [{verdict: fail, findings: [hang]}]\n")}),
            0)
      << out() << err();
}

TEST_F(ExternalHandler, OneThatIsDelayedServesAllTheSame) {
  EXPECT_EQ(run({write_handler_scenario("delayed", "",
                                        "  - inject: {fault: uffd.delay, for: 3s, args: {least: 5ms, share: 0.5}}\n"
                                        "  - run_for: 4s\n  - check: all\n")}),
            0)
      << out() << err();
  EXPECT_GT(only_run().at("faults").at(0).at("acted"), 10);
}

TEST_F(ExternalHandler, OneThatGetsASpoiledHandOffIsReported) {
  EXPECT_EQ(
      run({write_scenario("spoiled",
                          "vm: {memory: 128MiB}\n"
                          "runtime: {uffd: {handler: {command: [python3, " HANDLER ", \"{socket}\", \"{memory}\"]}}}\n"
                          "steps:\n  - boot: {}\n  - snapshot: {id: s1}\n"
                          "  - inject: {fault: uffd.bad_handoff, args: {how: wrong-size}}\n"
                          "  - restore: {from: s1}\n  - await_healthy: {within: 20s}\n"
                          "expect: [{verdict: fail, findings: [handler-died]}]\n")}),
      0)
      << out() << err();
}

TEST_F(ExternalHandler, OneThatDoesNotExistIsAnUnfitEnvironment) {
  EXPECT_EQ(run({write_scenario("missing",
                                "runtime: {uffd: {handler: {command: [/no/such/handler]}}}\n"
                                "steps:\n  - boot: {}\n  - snapshot: {id: s1}\n  - restore: {from: s1}\n")}),
            3);
  EXPECT_THAT(out() + err(), HasSubstr("/no/such/handler"));
}

}  // namespace
}  // namespace snaphammer::e2e
