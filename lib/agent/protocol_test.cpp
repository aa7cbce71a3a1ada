#include "lib/agent/protocol.h"

#include <gmock/gmock.h>

#include "lib/agent/base64.h"
#include "lib/agent/json_fields.h"
#include "lib/agent/metrics_protocol.h"
#include "lib/agent/output_protocol.h"
#include "lib/agent/ports_protocol.h"
#include "lib/agent/workload_protocol.h"

namespace snaphammer::agent {
namespace {

using testing::HasSubstr;

template <class T>
std::string error_of(const Result<T>& result) {
  return result ? "(no error)" : result.error().message();
}

TEST(Base64, KnownValues) {
  // RFC 4648, section 10.
  const std::pair<std::string, std::string> known[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : known) {
    EXPECT_EQ(base64_encode(bytes), text);
    EXPECT_EQ(base64_decode(text).value(), bytes);
  }
}

TEST(Base64, EveryByteSurvives) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  EXPECT_EQ(base64_decode(base64_encode(bytes)).value(), bytes);
}

TEST(Base64, RefusesAnythingElse) {
  for (const char* text :
       {"Zg", "Zg=", "Zg===", "Z===", "====", "Zm8=Zm8=", "Z m=", "Zh==", "Zm9=", "Zm-v", "Zm9v\n"}) {
    EXPECT_FALSE(base64_decode(text)) << text;
  }
}

TEST(ParseJson, RefusesDepthThatWouldCostStack) {
  EXPECT_TRUE(parse_json(std::string(32, '[') + std::string(32, ']')));
  EXPECT_FALSE(parse_json(std::string(33, '[') + std::string(33, ']')));
  EXPECT_FALSE(parse_json(std::string(1'000'000, '[')));
  EXPECT_TRUE(parse_json("\"" + std::string(100, '[') + "\\\"[[[\"")) << "brackets in a string are no depth";
}

TEST(ParseJson, RefusesWhatFollows) {
  EXPECT_FALSE(parse_json("{} {}"));
  EXPECT_FALSE(parse_json(""));
  EXPECT_FALSE(parse_json("{\"a\":1,}"));
}

TEST(PrintJson, ReplacesBytesThatAreNotUtf8) { EXPECT_EQ(print_json({{"a", "x\xff"}}), "{\"a\":\"x\xef\xbf\xbd\"}"); }

TEST(JsonFields, TellsTheFirstThingThatIsWrong) {
  const nlohmann::json json = {{"a", 1}, {"b", "text"}, {"c", -1}, {"d", {{"k", 2}}}};
  const auto reading = [&](auto read) {
    JsonFields fields(json, "thing");
    read(fields);
    return error_of(fields.finish());
  };
  EXPECT_THAT(reading([](JsonFields& f) { f.text("a"); }), HasSubstr("thing: field 'a': expected it to be a string"));
  EXPECT_THAT(reading([](JsonFields& f) { f.text("x"); }), HasSubstr("'x': expected it to be there"));
  EXPECT_THAT(reading([](JsonFields& f) { f.count("c"); }), HasSubstr("'c'"));
  EXPECT_THAT(reading([](JsonFields& f) { f.boolean("b"); }), HasSubstr("'b'"));
  EXPECT_THAT(reading([](JsonFields& f) { f.text_map("d"); }), HasSubstr("'d'"));
  EXPECT_THAT(reading([](JsonFields& f) { f.texts("b"); }), HasSubstr("'b'"));
  EXPECT_THAT(reading([](JsonFields& f) {
                f.base64("b", "");
                f.text("a");
              }),
              HasSubstr("'a'"));
  EXPECT_THAT(reading([](JsonFields&) {}), HasSubstr("unknown field 'a'"));
}

TEST(JsonFields, KeepsNumbersInTheirRange) {
  const nlohmann::json json = {{"big", 18446744073709551615ULL}, {"real", 1.5}, {"int", 5'000'000'000}};
  JsonFields big(json, "thing");
  big.integer("big");
  EXPECT_THAT(error_of(big.finish()), HasSubstr("'big'"));
  JsonFields real(json, "thing");
  real.integer("real");
  EXPECT_THAT(error_of(real.finish()), HasSubstr("'real'"));
  JsonFields narrow(json, "thing");
  narrow.optional_int("int");
  EXPECT_THAT(error_of(narrow.finish()), HasSubstr("'int'"));
}

template <class T>
void expect_same_after_travel(const T& sent) {
  const auto json = parse_json(print_json(sent.to_json())).value();
  const Result<T> got = T::from_json(json);
  ASSERT_TRUE(got) << got.error().message();
  EXPECT_EQ(got->to_json(), sent.to_json());
}

TEST(Protocol, EverythingArrivesAsItWasSent) {
  expect_same_after_travel(HealthReport{"ok", "0.1", "b", "6.1", Duration(5), Duration(7), "g", 3, true, 18});
  expect_same_after_travel(InitRequest{"g",
                                       Duration(1),
                                       {"n", {{"K", "v"}}, "t"},
                                       std::string("\0\xff", 2),
                                       ListenerAfterReset::kDoubleRebind,
                                       {ClientLimits::kOff, AcceptLoop::kSerial, Forwarders::kAbandoned}});
  expect_same_after_travel(PrepareRequest{QuiesceGc::kFirst, false, QuiescePorts::kKeep, std::chrono::milliseconds(7),
                                          UndoneBy::kHealthCheck});
  expect_same_after_travel(Metrics{1, 2, 3, 4, 5, 6, 7, 8});
  expect_same_after_travel(
      PortsReport{true, {{80, PortState::kForwarded, 12, 3, ""}, {81, PortState::kFailed, 0, 0, "why"}}});
  expect_same_after_travel(InitReport{"g", Duration(-5), 32});
  expect_same_after_travel(
      ExecRequest{"id", {"a", "b"}, {{"K", "v"}}, "/tmp", std::string("in\0", 3), std::chrono::seconds(2)});
  expect_same_after_travel(ExecFrame{});
  expect_same_after_travel(ExecFrame{ExecEvent::kStdout, std::string("\0x", 2), {}, false, false, ""});
  expect_same_after_travel(ExecFrame{ExecEvent::kExit, "", {std::nullopt, 9}, true, true, "why"});
  expect_same_after_travel(StartWorkload{"zero-pages", "zp", {{"resident", "150MiB"}}, std::chrono::seconds(1)});
  expect_same_after_travel(WorkloadInfo{"zp", "zero-pages", 12, {1, std::nullopt}, "tail", 3, 4});
  expect_same_after_travel(SetAside{12, std::chrono::seconds(1)});
  expect_same_after_travel(PagesSetAside{{4096, 5_GiB}});
  expect_same_after_travel(TakeBack{PageContent::kZeros, std::chrono::seconds(1)});
  expect_same_after_travel(WorkloadInfo{
      "go", "go-heap", 12, {2, std::nullopt}, "tail", 0, 0, agent::Crash{"heap-corruption", "fatal error: x", "all"}});
  expect_same_after_travel(Finding{"stale-page", "m", {{"page", 1}}});
  expect_same_after_travel(CheckReport{true, {{"rounds", 2}}, {}, {}});
  expect_same_after_travel(CheckReport{false, nlohmann::json::object(), WorkloadInfo{}, {}});
  expect_same_after_travel(CheckReport{false, nlohmann::json::object(), {}, "late"});
  expect_same_after_travel(Ready{4, "boot", 18});
  expect_same_after_travel(OutputLine{3, "beat", {{"as", "zp"}}, 0});
}

TEST(Protocol, RefusesWhatNoSideWouldSend) {
  const auto exec = [](nlohmann::json change) {
    nlohmann::json json = {{"id", "x"}, {"command", {"ls"}}, {"timeout_ms", 5}};
    json.update(change);
    return error_of(ExecRequest::from_json(json));
  };
  EXPECT_EQ(exec(nlohmann::json::object()), "(no error)");
  EXPECT_THAT(exec({{"id", ""}}), HasSubstr("id"));
  EXPECT_THAT(exec({{"id", std::string(65, 'x')}}), HasSubstr("id"));
  EXPECT_THAT(exec({{"command", nlohmann::json::array()}}), HasSubstr("empty command"));
  EXPECT_THAT(exec({{"timeout_ms", 0}}), HasSubstr("timeout"));
  EXPECT_THAT(exec({{"timeout_ms", 86'400'001}}), HasSubstr("timeout"));
  EXPECT_THAT(exec({{"input", "?"}}), HasSubstr("input"));
  EXPECT_THAT(exec({{"comand", "x"}}), HasSubstr("unknown field 'comand'"));
  EXPECT_FALSE(InitRequest::from_json({{"generation", ""}}));
  EXPECT_FALSE(InitRequest::from_json({{"generation", "g"}, {"wall_clock_ns", -1}}));
  EXPECT_FALSE(ClockRequest::from_json({{"wall_clock_ns", 0}}));
  EXPECT_FALSE(ClockRequest::from_json(nlohmann::json::object()));
  EXPECT_FALSE(StartWorkload::from_json({{"workload", "../sh"}, {"as", "x"}}));
  EXPECT_FALSE(Finding::from_json({{"type", "finding"}, {"id", "Not An Id"}, {"message", ""}}));
  EXPECT_FALSE(PagesSetAside::from_json({{"pages", {4097}}}));
  EXPECT_FALSE(PagesSetAside::from_json({{"pages", 4096}}));
  EXPECT_FALSE(TakeBack::from_json({{"expected", "ones"}, {"timeout_ms", 1}}));
  EXPECT_FALSE(CheckReport::from_json({{"type", "verdict"}, {"pass", 1}}));
  EXPECT_FALSE(ExecFrame::from_json({{"type", "unheard"}}));
  EXPECT_FALSE(Metrics::from_json({{"threads", 1}}));
  EXPECT_FALSE(AgentPolicy::from_json({{"http_limits", "on"}, {"accept", "both"}, {"forwarders", "supervised"}}));
}

TEST(Protocol, RefusesPortsThatAreNone) {
  const auto port = [](nlohmann::json change) {
    nlohmann::json json = {{"port", 80}, {"state", "starting"}, {"pid", 0}, {"respawns", 0}};
    json.update(change);
    return error_of(PortsReport::from_json({{"running", true}, {"ports", {json}}}));
  };
  EXPECT_EQ(port(nlohmann::json::object()), "(no error)");
  EXPECT_THAT(port({{"port", 0}}), HasSubstr("port"));
  EXPECT_THAT(port({{"port", 65536}}), HasSubstr("port"));
  EXPECT_THAT(port({{"pid", -1}}), HasSubstr("pid"));
  EXPECT_THAT(port({{"pid", 1ULL << 31}}), HasSubstr("process"));
  EXPECT_THAT(port({{"state", "up"}}), HasSubstr("state"));
  EXPECT_FALSE(PortsReport::from_json({{"running", true}, {"ports", "none"}}));
}

TEST(ProcessEnd, SaysHow) {
  EXPECT_EQ((ProcessEnd{3, {}}).describe(), "exited with status 3");
  EXPECT_EQ((ProcessEnd{{}, 9}).describe(), "was killed by signal 9");
  EXPECT_EQ(ProcessEnd{}.describe(), "is still running");
}

}  // namespace
}  // namespace snaphammer::agent
