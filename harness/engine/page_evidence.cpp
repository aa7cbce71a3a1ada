#include "harness/engine/page_evidence.h"

#include <cstdlib>
#include <iterator>
#include <optional>

#include <fmt/format.h>

namespace snaphammer::engine {
namespace {

constexpr std::size_t kShownEvents = 32;

std::optional<std::uint64_t> physical_address(const nlohmann::json& evidence) {
  const auto found = evidence.find("physical");
  if (found == evidence.end() || !found->is_string()) return std::nullopt;
  const std::string text = found->get<std::string>();
  char* end = nullptr;
  const std::uint64_t address = std::strtoull(text.c_str(), &end, 16);
  if (text.empty() || *end != '\0') return std::nullopt;
  return address;
}

std::string_view state_of(uffd::PageServer& server, ByteCount offset) {
  for (const uffd::StateRun& run : server.page_states()) {
    if (offset < run.extent.end()) return uffd::name_of(run.state);
  }
  return "unknown";
}

double us(Duration duration) { return std::chrono::duration<double, std::micro>(duration).count(); }

}  // namespace

void add_page_history(nlohmann::json& evidence, sandbox::Incarnation& guest, const std::string& snapshot,
                      TimePoint start) {
  if (guest.page_server() == nullptr || !evidence.is_object()) return;
  const std::optional<std::uint64_t> physical = physical_address(evidence);
  if (!physical) return;
  const std::optional<ByteCount> offset = guest.vm().ram_offset(*physical / kPageSize * kPageSize);
  if (!offset) return;
  const std::vector<uffd::TraceEvent> history = uffd::history_of(guest.page_server()->trace(), *offset);
  nlohmann::json events = nlohmann::json::array();
  for (std::size_t i = history.size() - std::min(history.size(), kShownEvents); i < history.size(); ++i) {
    nlohmann::json event = {{"at_ms", to_ms(history[i].at - start)}, {"event", uffd::name_of(history[i].kind)}};
    if (history[i].duration > Duration(0)) event["took_ms"] = to_ms(history[i].duration);
    events.push_back(std::move(event));
  }
  evidence["host"] = {{"memory_offset", fmt::format("{:#x}", *offset)},
                      {"served_from", snapshot},
                      {"state", state_of(*guest.page_server(), *offset)},
                      {"history", std::move(events)}};
}

std::string trace_events(const std::vector<uffd::TraceEvent>& trace, const std::vector<sandbox::PhaseTiming>& phases,
                         TimePoint start) {
  // No name here needs escaping: all are constants of ours.
  std::string text = R"({"displayTimeUnit": "ms", "traceEvents": [
{"ph": "M", "name": "process_name", "pid": 1, "tid": 0, "args": {"name": "restore"}},
{"ph": "M", "name": "process_name", "pid": 2, "tid": 0, "args": {"name": "page server"}})";
  const auto out = std::back_inserter(text);
  for (const sandbox::PhaseTiming& phase : phases) {
    fmt::format_to(out,
                   ",\n"
                   R"({{"ph": "X", "name": "{}", "cat": "phase", "pid": 1, "tid": 1, "ts": {:.3f}, "dur": {:.3f}}})",
                   phase.name, us(phase.start - start), us(phase.took));
  }
  for (const uffd::TraceEvent& event : trace) {
    fmt::format_to(out,
                   ",\n"
                   R"({{"name": "{}", "cat": "page", "pid": 2, "tid": {}, "ts": {:.3f}, )",
                   uffd::name_of(event.kind), static_cast<int>(event.kind) + 1, us(event.at - start));
    if (event.duration > Duration(0)) {
      fmt::format_to(out, R"("ph": "X", "dur": {:.3f}, )", us(event.duration));
    } else {
      text += R"("ph": "i", "s": "t", )";
    }
    fmt::format_to(out, R"("args": {{"offset": {}, "length": {}}}}})", event.extent.offset, event.extent.length);
  }
  return text + "\n]}\n";
}

}  // namespace snaphammer::engine
