// The whole program (scripted_snaphammer) as a test sees it: an installation with directories of its own, in which
// everything is there; started in processes of its own.
//
//   class CliTest : public ProgramFixture {};
//   TEST_F(CliTest, ...) { EXPECT_EQ(run({scenario("good", {"pass"})}), 0) << err(); }
#pragma once

#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/engine/environment.h"
#include "harness/engine/process_list.h"
#include "harness/engine/testing/scripted_run.h"
#include "lib/base/child_process.h"
#include "lib/base/testing/run_async.h"
#include "lib/base/testing/temporary_directory.h"

namespace snaphammer::cli {

inline std::string content_of(const std::filesystem::path& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

inline UniqueFd create(const std::filesystem::path& file) {
  return UniqueFd(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
}

class ProgramFixture : public testing::Test {
 protected:
  ProgramFixture() {
    for (const char* const name : {"run", "cache", "image", "bin"})
      std::filesystem::create_directory(directory_ / name);
    write("image/vmlinuz", "kernel");
    write("image/initramfs", "files");
    write("interposer.so", "library");
    write("bin/qemu-system-x86_64", "#!/bin/sh\necho QEMU emulator version 7.2.22\n");
    ::chmod((directory_ / "bin/qemu-system-x86_64").c_str(), 0755);
    environment_ = {{"XDG_RUNTIME_DIR", directory_ / "run"},
                    {"XDG_CACHE_HOME", directory_ / "cache"},
                    {"SNAPHAMMER_IMAGE", directory_ / "image"},
                    {"SNAPHAMMER_INTERPOSER", directory_ / "interposer.so"},
                    {"PATH", (directory_ / "bin").string() + ":/usr/bin:/bin"},
                    {"HOME", directory_.path()}};
  }

  std::filesystem::path write(const std::string& name, const std::string& text) {
    std::ofstream(directory_ / name) << text;
    return directory_ / name;
  }
  std::string scenario(const std::string& name, const std::vector<std::string>& acts,
                       const std::string& more = "seed: 1\n") {
    return write(name + ".yaml", engine::scripted_scenario(name, acts, more));
  }

  ChildProcess start(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), SCRIPTED_SNAPHAMMER);
    return start_program(std::move(arguments));
  }
  /// Any program, with the same environment and streams.
  ChildProcess start_program(std::vector<std::string> arguments) {
    const UniqueFd out = create(directory_ / "stdout");
    const UniqueFd err = create(directory_ / "stderr");
    return ChildProcess::spawn(
               {.argv = std::move(arguments), .environment = environment_, .output = out.get(), .error = err.get()})
        .value();
  }
  int wait_for_exit(ChildProcess& program) {
    const ExitStatus status = run_async(with_deadline(std::chrono::seconds(60), "snaphammer", program.wait())).value();
    EXPECT_TRUE(status.code) << status.describe() << "\n" << err();
    return status.code.value_or(-1);
  }
  int snaphammer(std::vector<std::string> arguments) {
    ChildProcess program = start(std::move(arguments));
    return wait_for_exit(program);
  }
  int run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "run");
    arguments.insert(arguments.end(), {"--out", directory_ / "out"});
    return snaphammer(std::move(arguments));
  }
  std::string out() { return content_of(directory_ / "stdout"); }
  std::string err() { return content_of(directory_ / "stderr"); }
  nlohmann::json results() { return nlohmann::json::parse(content_of(directory_ / "out/results.json")); }

  // Starts a campaign and returns when its run has announced itself; `worker` is then the worker's process.
  ChildProcess start_and_await_announcement(const std::string& file, pid_t& worker) {
    const std::filesystem::path fifo = directory_ / "fifo";
    EXPECT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    environment_["SCRIPTED_FIFO"] = fifo;
    ChildProcess program = start({"run", file, "--out", directory_ / "out"});
    std::string line;
    std::ifstream stream(fifo);
    std::getline(stream, line);
    std::from_chars(line.data(), line.data() + line.size(), worker);
    EXPECT_GT(worker, 0);
    return program;
  }

  // The processes that belong to any campaign of this test.
  std::vector<engine::Process> processes() {
    return engine::processes_where([&](const engine::Process& process) {
      return process.has("XDG_RUNTIME_DIR", (directory_ / "run").native()) && !process.command.starts_with("[");
    });
  }
  std::vector<std::string> runtime_directories() {
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(directory_ / "run/snaphammer", error)) {
      if (entry.is_directory()) names.push_back(entry.path().filename());
    }
    return names;
  }
  void expect_nothing_left() {
    EXPECT_THAT(processes(), testing::IsEmpty());
    EXPECT_THAT(runtime_directories(), testing::IsEmpty());
  }

  TemporaryDirectory directory_;
  std::map<std::string, std::string> environment_;
};

}  // namespace snaphammer::cli
