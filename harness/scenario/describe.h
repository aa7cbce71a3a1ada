// Help that follows from registrations: what `list` and `describe` print.
//
//   for (const Topic& topic : topics("faults")) print(topic.name, topic.summary);
//   std::cout << describe_topic("uffd.on_remove")->text;
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace snaphammer::scenario {

struct Topic {
  std::string kind;  ///< "step", "knob", "fault" ...
  std::string name;
  std::string summary;
  std::string text;     ///< In full, several lines.
  nlohmann::json json;  ///< The same as data.
};

/// What can be listed: steps, workloads, faults, knobs, oracles, findings, phases, measures, reports.
const std::vector<std::string>& listable();
/// All topics of one listable kind, by name.
std::vector<Topic> topics(std::string_view listable);
/// Every topic called `name`; empty when there is none.
std::vector<Topic> find_topics(std::string_view name);
/// All names that find_topics() knows, for suggestions and completion.
std::vector<std::string> topic_names();

}  // namespace snaphammer::scenario
