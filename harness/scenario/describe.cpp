#include "harness/scenario/describe.h"

#include <algorithm>
#include <functional>
#include <map>

#include <fmt/format.h>

#include "harness/report/reporter.h"
#include "harness/scenario/kinds.h"
#include "harness/scenario/scenario.h"

namespace snaphammer::scenario {
namespace {

using nlohmann::json;

json to_json(const std::vector<FieldInfo>& fields) {
  json list = json::array();
  for (const FieldInfo& field : fields) {
    json entry{{"name", field.name}, {"doc", field.doc}, {"type", field.type.expects}, {"required", field.required}};
    if (!field.default_value.is_null()) entry["default"] = field.default_value;
    for (const ChoiceInfo& choice : field.type.choices) {
      json word{{"name", choice.name}, {"meaning", choice.meaning}};
      if (!choice.seen_in.empty()) word["seen_in"] = choice.seen_in;
      entry["choices"].push_back(std::move(word));
    }
    if (!field.type.fields.empty()) entry["fields"] = to_json(field.type.fields);
    list.push_back(std::move(entry));
  }
  return list;
}

std::string indented(const std::string& text) {
  std::string result = "  ";
  for (const char c : text) {
    result += c;
    if (c == '\n') result += "  ";
  }
  return result + "\n";
}

/// What every topic has; what it has besides is added by the functions below.
template <class Entry>
Topic begin_topic(const Entry& entry) {
  const std::string kind(Entry::kNoun);
  return {kind,
          entry.name,
          entry.summary,
          fmt::format("{} ({})\n{}\n", entry.name, kind, entry.summary),
          {{"kind", kind}, {"name", entry.name}, {"summary", entry.summary}}};
}

void add_example(Topic& topic, const std::string& example) {
  topic.text += "\nExample:\n" + indented("- " + example);
  topic.json["example"] = example;
}
void add_fields(Topic& topic, const char* title, const TypeInfo& type) {
  if (!type.fields.empty()) topic.text += fmt::format("\n{}:\n{}", title, help_for(type.fields));
  topic.json["fields"] = to_json(type.fields);
}
void add_list(Topic& topic, const char* title, const char* key, const std::vector<std::string>& names) {
  if (names.empty()) return;
  topic.text += fmt::format("\n{}: {}\n", title, fmt::join(names, ", "));
  topic.json[key] = names;
}

Topic topic_of(const StepKind& step) {
  Topic topic = begin_topic(step);
  if (!step.available) topic.text += "Not available in this build.\n";
  topic.json["available"] = step.available;
  add_fields(topic, "Options", step.info());
  add_example(topic, step.example);
  return topic;
}
Topic topic_of(const WorkloadKind& workload) {
  Topic topic = begin_topic(workload);
  add_fields(topic, "Arguments", workload.args.info());
  add_example(topic, workload.example);
  return topic;
}
Topic topic_of(const FaultKind& fault) {
  Topic topic = begin_topic(fault);
  add_fields(topic, "Arguments", fault.args.info());
  if (!fault.acts_when.empty()) topic.text += "\nActs: " + fault.acts_when + "\n";
  topic.json["acts"] = fault.acts_when.empty() ? "at once" : fault.acts_when;
  topic.text += "\nUndo: " + fault.undo + "\n";
  topic.json["undo"] = fault.undo;
  add_list(topic, "Needs", "needs", fault.needs);
  add_example(topic, fault.example);
  return topic;
}
Topic topic_of(const OracleKind& oracle) {
  Topic topic = begin_topic(oracle);
  add_list(topic, "Findings", "findings", oracle.findings);
  return topic;
}
Topic topic_of(const report::ReportFormat& format) {
  Topic topic = begin_topic(format);
  topic.text += fmt::format("\nExample:\n  snaphammer run PATH --report {}=FILE\n", format.name);
  return topic;
}
template <class Entry>
Topic topic_of(const Entry& entry) {
  return begin_topic(entry);
}

template <class Entry>
std::vector<Topic> topics_of() {
  std::vector<Topic> topics;
  for (const auto& [name, entry] : Catalog<Entry>::of().all()) topics.push_back(topic_of(entry));
  return topics;
}

/// A knob as if it were the only key of a map, under its path.
void add_knobs(const std::string& prefix, const std::vector<FieldInfo>& fields, std::vector<Topic>& topics) {
  for (const FieldInfo& field : fields) {
    if (!field.type.fields.empty()) {
      add_knobs(prefix + field.name + ".", field.type.fields, topics);
      continue;
    }
    FieldInfo whole = field;
    whole.name = prefix + field.name;
    topics.push_back({"knob", whole.name, field.doc,
                      fmt::format("runtime.{} (knob)\n{}", whole.name, help_for({whole}, 0)),
                      to_json({whole}).front()});
    topics.back().json["kind"] = "knob";
  }
}
std::vector<Topic> knob_topics() {
  std::vector<Topic> topics;
  add_knobs("", Fields<RuntimeKnobs>::of().infos(), topics);
  return topics;
}

std::vector<Topic> report_topics() {
  std::vector<Topic> topics;
  for (const report::ReportFormat& format : report::report_formats()) topics.push_back(topic_of(format));
  return topics;
}

const std::map<std::string, std::function<std::vector<Topic>()>, std::less<>>& sources() {
  static const std::map<std::string, std::function<std::vector<Topic>()>, std::less<>> sources{
      {"faults", topics_of<FaultKind>},
      {"findings", topics_of<FindingKind>},
      {"knobs", knob_topics},
      {"measures", topics_of<MeasureKind>},
      {"oracles", topics_of<OracleKind>},
      {"phases", topics_of<PhaseKind>},
      {"reports", report_topics},
      {"steps", topics_of<StepKind>},
      {"workloads", topics_of<WorkloadKind>},
  };
  return sources;
}

std::vector<Topic> all_topics() {
  std::vector<Topic> all;
  for (const auto& [name, source] : sources()) {
    for (Topic& topic : source()) all.push_back(std::move(topic));
  }
  return all;
}

}  // namespace

const std::vector<std::string>& listable() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> built;
    for (const auto& [name, source] : sources()) built.push_back(name);
    return built;
  }();
  return names;
}

std::vector<Topic> topics(std::string_view listable) {
  const auto source = sources().find(listable);
  return source == sources().end() ? std::vector<Topic>() : source->second();
}

std::vector<Topic> find_topics(std::string_view name) {
  // A knob is known with and without the part of the scenario that it is in.
  if (name.starts_with("runtime.")) name.remove_prefix(8);
  std::vector<Topic> found = all_topics();
  std::erase_if(found, [&](const Topic& topic) { return topic.name != name; });
  return found;
}

std::vector<std::string> topic_names() {
  std::vector<std::string> names;
  for (const Topic& topic : all_topics()) names.push_back(topic.name);
  return names;
}

}  // namespace snaphammer::scenario
