// README.md: its examples are there, as short as it says, and what they add is known to the program.

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

namespace snaphammer {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;

/// What a command prints, its errors included; it must succeed.
std::string output_of(const std::string& command) {
  std::FILE* const pipe = ::popen((command + " 2>&1").c_str(), "r");
  std::string output;
  std::array<char, 4096> part{};
  while (const std::size_t size = std::fread(part.data(), 1, part.size(), pipe)) output.append(part.data(), size);
  const int status = ::pclose(pipe);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << command << "\n" << output;
  return output;
}
std::string snaphammer(const std::string& arguments) { return output_of(README_SNAPHAMMER " " + arguments); }

TEST(Readme, WhatItsExamplesAddIsListed) {
  EXPECT_THAT(snaphammer("list steps"), ContainsRegex("\ndrop_caches +The guest drops its caches\\."));
  EXPECT_THAT(snaphammer("list faults"), ContainsRegex("\nguest.fill_tmp +A file fills"));
  EXPECT_THAT(snaphammer("list oracles"), ContainsRegex("\ndowntime +Judges how long"));
  EXPECT_THAT(snaphammer("list reports"), ContainsRegex("csv +one line per run"));
  EXPECT_THAT(snaphammer("list workloads"), ContainsRegex("\nuptime +Watches that"));
}

TEST(Readme, WhatItsExamplesAddIsDescribedAndCompleted) {
  EXPECT_THAT(snaphammer("describe drop_caches"),
              AllOf(HasSubstr("1: pages, 2: dentries"), HasSubstr("drop_caches: 1")));
  EXPECT_THAT(snaphammer("describe guest.fill_tmp"),
              AllOf(HasSubstr("mebibytes"), HasSubstr("Undo: the file is removed")));
  EXPECT_THAT(snaphammer("completion bash"), AllOf(HasSubstr("drop_caches"), HasSubstr("guest.fill_tmp")));
  EXPECT_THAT(snaphammer("man"), HasSubstr("drop_caches"));
  EXPECT_THAT(snaphammer("run --help"), HasSubstr("|csv|"));
}

TEST(Readme, AScenarioMayUseThem) {
  const fs::path file = fs::path(README_EXAMPLES) / "all.yaml";
  std::ofstream(file)
      << "version: 1\nname: all\nsteps:\n  - boot\n  - start: {workload: uptime, as: up}\n  - drop_caches: 1\n"
         "  - inject: {fault: guest.fill_tmp, as: full, args: {mebibytes: 8}}\n  - heal: full\n"
         "  - check: all\n";
  EXPECT_THAT(snaphammer("lint " + file.string()), HasSubstr("valid: 1 scenario, 1 run"));
}

TEST(Readme, TheWorkloadKeepsToTheContract) {
  const std::string script = README_WORKLOAD;
  EXPECT_EQ(
      output_of("printf 'check\\ncollect\\nquiesce\\nresume\\ncheck\\nstop\\ncheck\\n' | sh " + script),
      "{\"type\":\"ready\"}\n{\"type\":\"verdict\",\"pass\":true}\n{\"type\":\"collected\"}\n{\"type\":\"quiesced\"}\n"
      "{\"type\":\"resumed\"}\n{\"type\":\"verdict\",\"pass\":true}\n");
}

TEST(Readme, EachExampleIsShort) {
  std::size_t examples = 0;
  for (const auto& entry : fs::recursive_directory_iterator(README_EXAMPLES)) {
    if (!entry.is_regular_file() || entry.path().extension() == ".yaml") continue;
    ++examples;
    std::ifstream file(entry.path());
    std::size_t lines = 0;
    for (std::string line; std::getline(file, line);) ++lines;
    EXPECT_LT(lines, 30u) << entry.path();
  }
  EXPECT_EQ(examples, 7u);
}

}  // namespace
}  // namespace snaphammer
