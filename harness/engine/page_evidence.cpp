#include "harness/engine/page_evidence.h"

#include <cstdlib>
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

nlohmann::json trace_events(const std::vector<uffd::TraceEvent>& trace, const std::vector<sandbox::PhaseTiming>& phases,
                            TimePoint start) {
  nlohmann::json events = nlohmann::json::array();
  const auto track = [&events](int process, const std::string& name, std::string_view what) {
    events.push_back({{"ph", "M"}, {"name", what}, {"pid", process}, {"tid", 0}, {"args", {{"name", name}}}});
  };
  track(1, "restore", "process_name");
  track(2, "page server", "process_name");
  for (const sandbox::PhaseTiming& phase : phases) {
    events.push_back({{"ph", "X"},
                      {"name", phase.name},
                      {"cat", "phase"},
                      {"pid", 1},
                      {"tid", 1},
                      {"ts", us(phase.start - start)},
                      {"dur", us(phase.took)}});
  }
  for (const uffd::TraceEvent& event : trace) {
    nlohmann::json entry{{"name", uffd::name_of(event.kind)},
                         {"cat", "page"},
                         {"pid", 2},
                         {"tid", static_cast<int>(event.kind) + 1},
                         {"ts", us(event.at - start)},
                         {"args", {{"offset", event.extent.offset}, {"length", event.extent.length}}}};
    if (event.duration > Duration(0)) {
      entry["ph"] = "X";
      entry["dur"] = us(event.duration);
    } else {
      entry["ph"] = "i";
      entry["s"] = "t";
    }
    events.push_back(std::move(entry));
  }
  return {{"displayTimeUnit", "ms"}, {"traceEvents", std::move(events)}};
}

}  // namespace snaphammer::engine
