#include "harness/scenario/step.h"

#include <algorithm>

#include <fmt/format.h>

namespace snaphammer::scenario {
namespace {

using nlohmann::json;

bool is_control(const std::string& key) {
  return std::ranges::any_of(Fields<StepControl>::of().all(), [&](const auto& field) { return field.name == key; });
}

/// `- restore: {from: s1}`, its name and its options; a bare `- pause` has none.
struct StepForm {
  Node::Key name;
  Node options;
  Node control;  ///< The keys beside the name.
};

std::optional<StepForm> read_form(Reader& reader, const Node& node) {
  if (node.is_scalar()) {
    StepForm form{{node.text, node.where}, {}, {}};
    form.options.where = node.where;
    return form;
  }
  if (!node.is_map() || node.keys.empty()) {
    reader.expected(node, "a step such as `run_for: 2s`");
    return std::nullopt;
  }
  std::optional<StepForm> form;
  Node control;
  for (std::size_t i = 0; i < node.keys.size(); ++i) {
    const Node::Key& key = node.keys[i];
    if (is_control(key.name)) {
      control.set(key, node.items[i]);
    } else if (!form) {
      form = StepForm{key, node.items[i], {}};
    } else {
      reader.fail(key.where, fmt::format("a second step '{}' in one list entry", key.name),
                  fmt::format("begin it with its own dash, or indent it if it belongs to '{}'", form->name.name));
      return std::nullopt;
    }
  }
  if (!form) {
    reader.fail(node, "no step beside its options", "write its name first: `check: all`");
    return std::nullopt;
  }
  form->control = std::move(control);
  return form;
}

/// Whatever is said twice, among the options and beside the name, is an error.
bool read_control(Reader& reader, const StepForm& form, StepControl& control) {
  bool good = true;
  for (const Node::Key& key : form.control.keys) {
    if (form.options.find(key.name) == nullptr) continue;
    good = reader.fail(key.where, fmt::format("'{}' is given both beside the step and among its options", key.name));
  }
  return Codec<StepControl>::read(reader, form.control, control) && good;
}

std::shared_ptr<const Step> read_step(Reader& reader, const Node& node) {
  const std::optional<StepForm> form = read_form(reader, node);
  if (!form) return nullptr;
  const Catalog<StepKind>& kinds = Catalog<StepKind>::of();
  const StepKind* kind = kinds.find(form->name.name);
  if (kind == nullptr) {
    reader.fail(form->name.where, fmt::format("unknown step '{}'", form->name.name),
                advise_names(form->name.name, kinds.names()));
    reader.miss_names();
    return nullptr;
  }
  if (!kind->available && reader.options().require_available) {
    reader.fail(form->name.where, fmt::format("step '{}' is not available in this build", kind->name));
  }
  const Reader::Within within(reader, kind->name);
  std::unique_ptr<Step> step = kind->read(reader, form->options);
  StepControl beside = step ? step->control : StepControl{};
  if (!read_control(reader, *form, beside) || !step) return nullptr;
  step->control = beside;
  step->where = form->name.where;
  return step;
}

}  // namespace

void describe(Choices<OnError>& words) {
  words.add(OnError::kFail, "fail", "an error ends the run");
  words.add(OnError::kContinue, "continue", "an error is noted, and the next step runs");
}

void describe(Fields<StepControl>& fields) {
  fields.add("timeout", &StepControl::timeout, "How long the whole step may take.")
      .between(std::chrono::milliseconds(1), std::chrono::hours(24));
  fields.add("on_error", &StepControl::on_error, "What becomes of the run when the step fails.");
}

Duration expected_time(const StepList& steps) {
  Duration all{};
  for (const auto& step : steps) all += step->foreseen();
  return all;
}

bool Codec<StepList>::read(Reader& reader, const Node& node, StepList& steps) {
  if (!node.is_list()) return reader.expected(node, info().expects);
  bool good = true;
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    const Reader::Within within(reader, std::to_string(i));
    std::shared_ptr<const Step> step = read_step(reader, node.items[i]);
    good &= step != nullptr;
    steps.push_back(std::move(step));
  }
  return good;
}

json Codec<StepList>::write(const StepList& steps) {
  json list = json::array();
  for (const auto& step : steps) list.push_back({{std::string(step->name()), step->options()}});
  return list;
}

TypeInfo Codec<StepList>::info() {
  return {"a list of steps", {{"type", "array"}, {"items", {{"$ref", "#/$defs/step"}}}}, {}, {}};
}

json step_schema() {
  json forms = json::array();
  json bare = json::array();
  for (const auto& [name, kind] : Catalog<StepKind>::of().all()) {
    const TypeInfo info = kind.info();
    json properties = json::object();
    for (const FieldInfo& field : Fields<StepControl>::of().infos()) properties[field.name] = field.type.schema;
    properties[name] = info.schema;
    properties[name]["description"] = kind.summary;
    forms.push_back({{"type", "object"},
                     {"properties", std::move(properties)},
                     {"required", {name}},
                     {"additionalProperties", false}});
    const bool needs_options =
        std::any_of(info.fields.begin(), info.fields.end(), [](const FieldInfo& field) { return field.required; });
    if (!needs_options) bare.push_back(name);
  }
  if (!bare.empty()) forms.push_back({{"enum", bare}});
  return {{"anyOf", forms}};
}

}  // namespace snaphammer::scenario
