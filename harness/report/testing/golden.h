// Tests against approved output, which lies in testdata/.
//
//   TEST(Golden, Tap) { expect_golden("campaign.tap", render(campaign(), "tap")); }
//
// To approve new output: run the test with SNAPHAMMER_APPROVE=1, and read the diff.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

namespace snaphammer::report {

inline void expect_golden(const std::string& name, const std::string& text) {
  const std::filesystem::path file = std::filesystem::path(TESTDATA) / name;
  if (std::getenv("SNAPHAMMER_APPROVE") != nullptr) std::ofstream(file) << text;
  std::stringstream approved;
  approved << std::ifstream(file).rdbuf();
  EXPECT_EQ(text, approved.str());
}

}  // namespace snaphammer::report
