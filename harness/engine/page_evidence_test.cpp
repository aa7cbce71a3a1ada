#include "harness/engine/page_evidence.h"

#include <gtest/gtest.h>

namespace snaphammer::engine {
namespace {

using namespace std::chrono_literals;

const TimePoint kStart = TimePoint(1h);

TEST(TraceEvents, PhasesAndPagesShareOneClockAndHaveTracksOfTheirOwn) {
  const std::vector<sandbox::PhaseTiming> phases = {{"load", 4ms, kStart + 10ms}};
  const std::vector<uffd::TraceEvent> trace = {
      {.at = kStart + 12ms, .kind = uffd::TraceKind::kFault, .extent = {0x3000, 0x1000}, .duration = {}},
      {.at = kStart + 12ms, .kind = uffd::TraceKind::kCopy, .extent = {0x3000, 0x1000}, .duration = 20us}};
  const nlohmann::json json = nlohmann::json::parse(trace_events(trace, phases, kStart));
  std::map<std::string, nlohmann::json> by_name;
  for (const nlohmann::json& event : json.at("traceEvents")) by_name[event.at("name").get<std::string>()] = event;

  const nlohmann::json& load = by_name.at("load");
  EXPECT_EQ(load.at("ph"), "X");
  EXPECT_DOUBLE_EQ(load.at("ts").get<double>(), 10'000);
  EXPECT_DOUBLE_EQ(load.at("dur").get<double>(), 4'000);
  const nlohmann::json& fault = by_name.at("fault");
  EXPECT_EQ(fault.at("ph"), "i") << "a moment";
  EXPECT_DOUBLE_EQ(fault.at("ts").get<double>(), 12'000);
  EXPECT_NE(fault.at("pid"), load.at("pid"));
  const nlohmann::json& copy = by_name.at("copy");
  EXPECT_EQ(copy.at("ph"), "X") << "a stretch of time";
  EXPECT_DOUBLE_EQ(copy.at("dur").get<double>(), 20);
  EXPECT_EQ(copy.at("args").at("offset"), 0x3000);
  EXPECT_NE(copy.at("tid"), fault.at("tid"));
}

}  // namespace
}  // namespace snaphammer::engine
