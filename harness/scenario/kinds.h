// What the harness's other parts register for scenarios to name. (Step kinds are in step.h.)
//
//   struct ZeroPages { ByteCount resident = 150_MiB; };
//   void describe(Fields<ZeroPages>& fields) { fields.size("resident", &ZeroPages::resident, "Memory that is mapped."); }
//   const Registration<WorkloadKind> zero_pages{
//       {"zero-pages", "Checks that fresh memory is zero.", "start: {workload: zero-pages}", args_of<ZeroPages>()}};
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/scenario/catalog.h"
#include "harness/scenario/fields.h"

namespace snaphammer::scenario {

/// The arguments of a workload or a fault: checked against the fields of a struct, kept as its canonical JSON (defaults
/// filled in; sizes and durations as text).
struct ArgsType {
  /// Reads `node` (null: no arguments given); errors go to the reader, and null is returned with them.
  std::function<nlohmann::json(Reader&, const Node&)> read;
  std::function<TypeInfo()> info;
};

/// Used in registrations, so nothing is described before main() runs.
template <class T>
ArgsType args_of() {
  return {[](Reader& reader, const Node& node) -> nlohmann::json {
            T args{};
            return Codec<T>::read(reader, node, args) ? Codec<T>::write(args) : nlohmann::json();
          },
          [] { return Codec<T>::info(); }};
}

/// Adds the key `args`, whose type is that of the kind that keys before it name: `kind_of(value)` finds it, or nothing
/// when it is not known, which is judged elsewhere. Without the key, its defaults are read.
template <class T, class KindOf>
void add_args(Fields<T>& fields, nlohmann::json T::*args, std::string doc, KindOf kind_of) {
  const auto read = [args, kind_of](Reader& reader, const Node& node, T& value) {
    const auto* kind = kind_of(value);
    if (kind == nullptr) return Codec<nlohmann::json>::read(reader, node, value.*args);
    const std::size_t errors = reader.diagnostics().size();
    value.*args = kind->args.read(reader, node);
    return reader.diagnostics().size() == errors;
  };
  fields.add(Field<T>{.name = "args",
                      .doc = std::move(doc),
                      .type = Codec<nlohmann::json>::info,
                      .read = read,
                      .write = [args](const T& value) { return value.*args; },
                      .missing =
                          [read](Reader& reader, const Node& map, T& value) {
                            Node none;
                            none.where = map.where;
                            const Reader::Within within(reader, "args");
                            return read(reader, none, value);
                          }});
}

/// A struct from the canonical JSON of its arguments, for who carries the step out.
template <class T>
T args_from(const nlohmann::json& json) {
  T args{};
  Reader reader("", "", {});
  const Node node = node_from_json(json);
  Codec<T>::read(reader, node, args);
  return args;
}

struct FindingKind {
  static constexpr std::string_view kNoun = "finding";
  std::string name;
  std::string summary;
};

struct WorkloadKind {
  static constexpr std::string_view kNoun = "workload";
  std::string name;
  std::string summary;
  std::string example;  ///< A step, in YAML.
  ArgsType args;
  /// Those of the arguments that are for the harness; the guest's program does not get them.
  std::vector<std::string> host_args = {};
  /// The argument that is how much of the guest's memory it takes; empty without one.
  std::string memory_arg = {};
};

class Course;
using FollowFault = std::function<void(const nlohmann::json& args, Course&)>;

struct FaultKind {
  static constexpr std::string_view kNoun = "fault";
  std::string name;
  std::string summary;
  std::string example;  ///< A step, in YAML.
  ArgsType args;
  std::string undo;                ///< What `heal` and the end of `for` do.
  std::vector<std::string> needs;  ///< Capabilities of the backend.
  std::string place = {};          ///< The argument that says at which phase it acts, if it must have it or `when`.
  FollowFault follow = {};         ///< What it needs when it acts at once; null when that is nothing.
  std::string acts_when = {};  ///< What it waits for once it has begun: "when ..."; empty: it acts at once or fails.
};

struct OracleKind {
  static constexpr std::string_view kNoun = "oracle";
  std::string name;
  std::string summary;
  std::vector<std::string> findings;  ///< What it can report.
};

/// A failpoint of the pause or restore sequence.
struct PhaseKind {
  static constexpr std::string_view kNoun = "phase";
  std::string name;
  std::string summary;
};

}  // namespace snaphammer::scenario
