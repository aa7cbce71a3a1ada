#include "harness/e2e/real_campaign.h"

#include <fstream>
#include <functional>
#include <thread>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include "lib/base/testing/run_async.h"

namespace snaphammer::e2e {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

// For a whole campaign, on a machine that is slow and busy with other tests: nothing but a hang takes longer.
constexpr auto kPatience = 10min;

UniqueFd create(const fs::path& path) {
  return UniqueFd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
}

// What other processes do can only be looked at again and again.
void await(const std::string& what, const std::function<bool()>& is_so) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (!is_so()) {
    ASSERT_LT(std::chrono::steady_clock::now(), until) << "waited in vain for " << what;
    std::this_thread::sleep_for(5ms);
  }
}

}  // namespace

std::string content_of(const fs::path& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

RealCampaign::RealCampaign() {
  fs::create_directory(file("run"));
  environment_ = {{"XDG_RUNTIME_DIR", file("run")}};
}

RealCampaign::~RealCampaign() {
  for (const engine::Process& process : processes()) ::kill(process.pid, SIGKILL);
}

fs::path RealCampaign::write(const std::string& name, const std::string& text) {
  std::ofstream(file(name)) << text;
  return file(name);
}

fs::path RealCampaign::write_scenario(const std::string& name, const std::string& body) {
  return write(name + ".yaml", "version: 1\nname: " + name + "\nseed: 1\ntimeout: 9m\n" + body);
}

fs::path RealCampaign::write_endless_scenario(const std::string& name) {
  return write_scenario(name, "steps:\n  - boot: {}\n  - snapshot: {id: s1}\n  - run_for: 8m\n");
}

ChildProcess RealCampaign::start(std::vector<std::string> arguments, std::vector<std::string> wrapper) {
  std::vector<std::string> argv = std::move(wrapper);
  argv.emplace_back(SNAPHAMMER);
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  const UniqueFd out = create(file("stdout"));
  const UniqueFd err = create(file("stderr"));
  return ChildProcess::spawn(
             {.argv = std::move(argv), .environment = environment_, .output = out.get(), .error = err.get()})
      .value();
}

int RealCampaign::wait_for_exit(ChildProcess& program) {
  const auto status = run_async(with_deadline(kPatience, "snaphammer", program.wait()));
  EXPECT_TRUE(status && status->code) << (status ? status->describe() : status.error().describe()) << "\n" << err();
  return status ? status->code.value_or(-1) : -1;
}

int RealCampaign::snaphammer(std::vector<std::string> arguments, std::vector<std::string> wrapper) {
  ChildProcess program = start(std::move(arguments), std::move(wrapper));
  return wait_for_exit(program);
}

int RealCampaign::run(std::vector<std::string> files, std::vector<std::string> wrapper) {
  files.insert(files.begin(), "run");
  files.insert(files.end(), {"--out", file("out")});
  return snaphammer(std::move(files), std::move(wrapper));
}

nlohmann::json RealCampaign::only_run() const {
  const nlohmann::json runs = results().at("runs");
  EXPECT_EQ(runs.size(), 1u);
  return runs.at(0);
}

nlohmann::json RealCampaign::finding(const std::string& id) const {
  const nlohmann::json findings = only_run().at("findings");
  for (const nlohmann::json& finding : findings) {
    if (finding.at("id") == id) return finding;
  }
  ADD_FAILURE() << "no finding " << id << " in " << findings.dump();
  return {{"message", ""}, {"oracle", ""}, {"evidence", nlohmann::json::object()}};
}

std::vector<engine::Process> RealCampaign::processes() const {
  return engine::processes_where([&](const engine::Process& process) {
    return process.has("XDG_RUNTIME_DIR", file("run").native()) && !process.command.starts_with("[");
  });
}

pid_t RealCampaign::await_process(const std::string& part) const {
  pid_t found = -1;
  await("a process '" + part + "'", [&] {
    for (const engine::Process& process : processes()) {
      if (process.command.find(part) != std::string::npos) found = process.pid;
    }
    return found != -1;
  });
  return found;
}

void RealCampaign::await_step(const std::string& step) const {
  await("step " + step, [&] {
    std::error_code error;
    for (const auto& entry : fs::recursive_directory_iterator(file("out"), error)) {
      if (entry.path().filename() == "worker.log" &&
          content_of(entry.path()).find("step " + step) != std::string::npos) {
        return true;
      }
    }
    return false;
  });
}

void RealCampaign::await_no_process() const {
  await("the end of all processes", [&] { return processes().empty(); });
}

std::vector<std::string> RealCampaign::runtime_directories() const {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(file("run/snaphammer"), error)) {
    if (entry.is_directory()) names.push_back(entry.path().filename());
  }
  return names;
}

void RealCampaign::expect_nothing_left() const {
  EXPECT_THAT(processes(), testing::IsEmpty());
  EXPECT_THAT(runtime_directories(), testing::IsEmpty());
  EXPECT_THAT(content_of("/proc/self/mountinfo"), testing::Not(testing::HasSubstr(directory_.path().native())));
}

}  // namespace snaphammer::e2e
