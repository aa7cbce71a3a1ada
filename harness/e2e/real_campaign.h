// The program as users start it, with real workers, VMMs and guests, in directories of the test's own.
//
//   write_scenario("busy", "  - boot: {}\n  - run_for: 50s\n");
//   ChildProcess campaign = start({"run", file("busy.yaml")});
//   const pid_t qemu = await_process("qemu-system");
//   ...
//   EXPECT_EQ(wait_for_exit(campaign), 130);
//   expect_nothing_left();
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "harness/engine/process_list.h"
#include "lib/base/child_process.h"
#include "lib/base/testing/temporary_directory.h"

namespace snaphammer::e2e {

std::string content_of(const std::filesystem::path& file);

class RealCampaign : public testing::Test {
 protected:
  RealCampaign();
  /// A test must not leave a guest behind either, whatever it found.
  ~RealCampaign() override;

  std::filesystem::path file(const std::string& name) const { return directory_ / name; }
  std::filesystem::path write(const std::string& name, const std::string& text);
  /// A scenario NAME.yaml; `body` is everything after its name, `steps:` included.
  std::filesystem::path write_scenario(const std::string& name, const std::string& body);
  /// Its guests stand still until they are ended, the campaign lasts as long.
  std::filesystem::path write_endless_scenario(const std::string& name);

  /// Starts `snaphammer ARGS...`; `wrapper` goes in front of it.
  ChildProcess start(std::vector<std::string> arguments, std::vector<std::string> wrapper = {});
  /// Its exit code; -1 and a failure when a signal ended it, or nothing within ten minutes.
  int wait_for_exit(ChildProcess& program);
  int snaphammer(std::vector<std::string> arguments, std::vector<std::string> wrapper = {});
  /// `run FILE... --out out`
  int run(std::vector<std::string> files, std::vector<std::string> wrapper = {});

  std::string out() const { return content_of(file("stdout")); }
  std::string err() const { return content_of(file("stderr")); }
  nlohmann::json results() const { return nlohmann::json::parse(content_of(file("out/results.json"))); }
  nlohmann::json only_run() const;
  /// Of the only run.
  nlohmann::json finding(const std::string& id) const;

  /// The processes of this test's campaigns.
  std::vector<engine::Process> processes() const;
  /// Returns once there is one whose command line has `part`: the youngest.
  pid_t await_process(const std::string& part) const;
  /// Returns once a worker has come to the step.
  void await_step(const std::string& step) const;
  void await_no_process() const;
  std::vector<std::string> runtime_directories() const;
  void expect_nothing_left() const;

  TemporaryDirectory directory_;
  std::map<std::string, std::string> environment_;
};

}  // namespace snaphammer::e2e
