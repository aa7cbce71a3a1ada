// A workload's program with pipes to its streams, for tests.
//
//   class Ticker : public ProgramTest {};
//   start(TICKER_PROGRAM, {"--late", "1s"});
//   next("ready");
//   send("check");
//   EXPECT_EQ(next("verdict")["pass"], true);
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest-workloads/workloads/base/memory_map.h"

namespace snaphammer::workload {

class ProgramTest : public testing::Test {
 protected:
  static constexpr int kPatienceMs = 30'000;

  void start(const char* program, std::vector<std::string> arguments) {
    int in[2], out[2];
    ASSERT_EQ(::pipe2(in, O_CLOEXEC), 0);
    ASSERT_EQ(::pipe2(out, O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    ::posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    arguments.insert(arguments.begin(), program);
    std::vector<char*> argv;
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    ASSERT_EQ(::posix_spawn(&pid, program, &actions, nullptr, argv.data(), environ), 0);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(in[0]);
    ::close(out[1]);
    commands = in[1];
    lines = out[0];
  }
  /// The program ends before the fixtures' members do, and with them its files.
  void TearDown() override {
    if (pid > 0) ::kill(pid, SIGKILL);
    if (pid > 0) ::waitpid(pid, nullptr, 0);
  }
  ~ProgramTest() override {
    if (commands >= 0) ::close(commands);
    if (lines >= 0) ::close(lines);
  }

  void send(const std::string& command) {
    ASSERT_EQ(::write(commands, (command + "\n").data(), command.size() + 1), static_cast<ssize_t>(command.size() + 1));
  }
  void end_commands() {
    ::close(commands);
    commands = -1;
  }
  /// Null at the end of the output, or when nothing comes.
  nlohmann::json next_line() {
    std::size_t end = 0;
    while ((end = received.find('\n')) == std::string::npos) {
      pollfd more{.fd = lines, .events = POLLIN, .revents = 0};
      if (::poll(&more, 1, kPatienceMs) != 1) {
        ADD_FAILURE() << "the program says nothing more";
        return nullptr;
      }
      char bytes[8192];
      const ssize_t count = ::read(lines, bytes, sizeof bytes);
      if (count <= 0) return nullptr;
      received.append(bytes, static_cast<std::size_t>(count));
    }
    const std::string line = received.substr(0, end);
    received.erase(0, end + 1);
    return line.empty() ? next_line() : nlohmann::json::parse(line);
  }
  /// The next line of this type that `wanted` accepts; those before it are dropped. Null at the end of the output, or when
  /// none comes in time, however many others do.
  nlohmann::json next(
      const std::string& type,
      const std::function<bool(const nlohmann::json&)>& wanted = [](const auto&) { return true; }) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatienceMs);
    while (std::chrono::steady_clock::now() < end) {
      nlohmann::json line = next_line();
      if (line.is_null() || (line["type"] == type && wanted(line))) return line;
    }
    ADD_FAILURE() << "the program says no such " << type;
    return nullptr;
  }
  /// Whether it says nothing for so long.
  bool is_silent_for(int milliseconds) {
    pollfd more{.fd = lines, .events = POLLIN, .revents = 0};
    return received.empty() && ::poll(&more, 1, milliseconds) == 0;
  }
  /// The verdict, and in `findings` those that came before it.
  nlohmann::json check() {
    send("check");
    findings.clear();
    nlohmann::json line = next_line();
    for (; !line.is_null() && line["type"] != "verdict"; line = next_line()) {
      if (line["type"] == "finding") findings.push_back(line);
    }
    return line;
  }
  void quiesce(const char* how = "quiesce") {
    send(how);
    next("quiesced");
  }
  void resume() {
    send("resume");
    next("resumed");
  }
  /// A number that the ready line tells.
  std::uint64_t at(const char* name) const { return ready.at(name); }
  int wait_exit() {
    int status = 0;
    ::waitpid(pid, &status, 0);
    pid = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  /// What all threads of a process have used so far.
  static std::chrono::nanoseconds cpu_time(pid_t process) {
    clockid_t clock{};
    timespec time{};
    ::clock_getcpuclockid(process, &clock);
    ::clock_gettime(clock, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
  }
  /// Whether programs can tell the physical addresses of their pages here.
  static bool may_read_pagemap() {
    const int here = 0;
    return physical_address(reinterpret_cast<std::uintptr_t>(&here)).has_value();
  }
  /// Reads or changes a process's memory behind its back.
  std::string peek(pid_t process, std::uint64_t address, std::size_t count) {
    std::string bytes(count, '\0');
    const int memory = open_memory(process);
    EXPECT_EQ(::pread(memory, bytes.data(), count, static_cast<off_t>(address)), static_cast<ssize_t>(count));
    ::close(memory);
    return bytes;
  }
  void overwrite(pid_t process, std::uint64_t address, const std::string& bytes) {
    const int memory = open_memory(process);
    EXPECT_EQ(::pwrite(memory, bytes.data(), bytes.size(), static_cast<off_t>(address)),
              static_cast<ssize_t>(bytes.size()));
    ::close(memory);
  }

  pid_t pid = -1;
  int commands = -1;
  int lines = -1;
  std::string received;
  nlohmann::json ready;  ///< For the fixture to set.
  std::vector<nlohmann::json> findings;

 private:
  static int open_memory(pid_t process) {
    return ::open(("/proc/" + std::to_string(process) + "/mem").c_str(), O_RDWR | O_CLOEXEC);
  }
};

}  // namespace snaphammer::workload
