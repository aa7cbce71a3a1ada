// Rows of the catalogue that take seconds: the defect is found by the finding that its scenario names, and the control
// is clean.
#include <algorithm>

#include "harness/e2e/real_campaign.h"

namespace snaphammer::e2e {
namespace {

class Catalogue : public RealCampaign, public testing::WithParamInterface<std::string> {};

TEST_P(Catalogue, IsAsExpectedAtEveryPoint) {
  EXPECT_EQ(run({SCENARIOS "/catalogue/" + GetParam() + ".yaml"}), 0) << out() << err();
  expect_nothing_left();
}

INSTANTIATE_TEST_SUITE_P(Rows, Catalogue,
                         testing::Values("M5-page-resurrected", "M6-zero-block-lost", "M10-read-error",
                                         "M11-flipped-bit", "M11-flipped-byte", "M11-flipped-byte-control",
                                         "P2-abort-leaves-quiesced", "P3-P4-no-space", "P5-pause-and-destroy",
                                         "P7-acknowledged-writes-lost", "R2-reset-event-late", "R3-output-silent",
                                         "R4-request-doubled", "R5-source-takes-reset-for-restore", "R8-port-dead",
                                         "R9-health-polls-in-pause", "R12-clones-draw-the-same", "R14-serial-accept"),
                         [](const testing::TestParamInfo<std::string>& row) {
                           std::string name = row.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace snaphammer::e2e
