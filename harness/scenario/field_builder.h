// What can be said about a key after fields.add(...): each call adds a check and its explanation.
//
//   fields.add("from", &Restore::from, "The snapshot to restore.").required().refers_to("snapshot");
#pragma once

#include <concepts>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "harness/scenario/codec.h"
#include "harness/scenario/names.h"

namespace snaphammer::scenario {

template <class T>
struct Field;

/// The type inside of an optional, or the type itself.
template <class M>
struct Inside {
  using Type = M;
};
template <class M>
struct Inside<std::optional<M>> {
  using Type = M;
};

template <class T, class M>
class FieldBuilder {
 public:
  using Value = typename Inside<M>::Type;

  FieldBuilder(Field<T>& field, M T::*member) : field_(field), member_(member) {}

  FieldBuilder& required() {
    field_.required = true;
    return *this;
  }

  /// Both bounds are allowed values. For integers, sizes and durations; an optional is checked when it is there.
  FieldBuilder& between(Value low, Value high) {
    refine([low, high](TypeInfo& type) { limit_info(type, bound(type, low), bound(type, high)); });
    return check([low, high, type = field_.type](const Value& value, Reader& reader, const Node& node) {
      if (value < low || value > high) reader.expected(node, type().expects);
    });
  }

  /// Text (or each text of a list) must match all of `pattern`, which ECMAScript and POSIX (extended) read alike; `meaning` completes "expected ...".
  FieldBuilder& matching(std::string pattern, std::string meaning) {
    refine([pattern, meaning](TypeInfo& type) { limit_to_pattern(type, pattern, meaning); });
    return each_text([pattern, meaning](Reader& reader, const Node& node, const std::string& text) {
      check_pattern(reader, node, text, pattern, meaning);
    });
  }

  /// Text (or each text of a list) must name an entry of a catalogue: `in_catalog("workload", workloads_named)`.
  FieldBuilder& in_catalog(NameLookup lookup) {
    refine([lookup](TypeInfo& type) { limit_to_names(type, lookup); });
    return each_text([lookup](Reader& reader, const Node& node, const std::string& text) {
      check_name(reader, node, text, lookup);
    });
  }

  /// This text gives a name to what the step makes: a snapshot, a workload, a fault.
  FieldBuilder& declares(std::string space) {
    return each_text([space](Reader& reader, const Node& node, const std::string& text) {
      reader.declare(space, text, node.where);
    });
  }

  /// This text names what an earlier step declared, or is `word` ("all"), which then stands for all of them.
  FieldBuilder& refers_to(std::string space, std::string word = {}) {
    return each_text([space, word](Reader& reader, const Node& node, const std::string& text) {
      if (text != word) reader.refer(space, text, node.where, word);
    });
  }

  /// Like refers_to(); and afterwards the name may be declared again.
  FieldBuilder& releases(std::string space, std::string word = {}) {
    refers_to(space, word);
    return each_text([space, word](Reader& reader, const Node&, const std::string& text) {
      if (text != word) return reader.release(space, text);
      for (const std::string& name : reader.declared(space)) reader.release(space, name);
    });
  }

  /// Like refers_to(), whichever step declares it, also a later one.
  FieldBuilder& refers_to_any(std::string space) {
    return each_text([space](Reader& reader, const Node& node, const std::string& text) {
      reader.refer_to_any(space, text, node.where);
    });
  }

  /// What a missing key means, by the keys before it; gets the map's node, for its place.
  FieldBuilder& otherwise(std::function<void(T&, Reader&, const Node&)> complete) {
    field_.missing = [complete = std::move(complete)](Reader& reader, const Node& node, T& value) {
      const std::size_t errors = reader.diagnostics().size();
      complete(value, reader, node);
      return reader.diagnostics().size() == errors;
    };
    return *this;
  }

  /// Any other check of a value that was read well.
  FieldBuilder& check(auto check_value) {
    field_.read = [read = std::move(field_.read), member = member_, check_value](Reader& reader, const Node& node,
                                                                                 T& value) {
      if (!read(reader, node, value)) return false;
      const std::size_t errors = reader.diagnostics().size();
      const M& member_value = value.*member;
      if constexpr (requires { member_value.has_value(); }) {
        if (member_value) check_value(*member_value, reader, node);
      } else {
        check_value(member_value, reader, node);
      }
      return reader.diagnostics().size() == errors;
    };
    return *this;
  }

 private:
  void refine(std::function<void(TypeInfo&)> change) {
    field_.type = [type = std::move(field_.type), change = std::move(change)] {
      TypeInfo refined = type();
      change(refined);
      return refined;
    };
  }

  /// A bound as a value of the type is written.
  static nlohmann::json bound(const TypeInfo&, Duration duration) { return format_duration(duration); }
  template <std::integral I>
  static nlohmann::json bound(const TypeInfo& type, I number) {
    const bool is_size = type.schema.value("type", "") == "string";
    return is_size ? nlohmann::json(format_bytes(static_cast<ByteCount>(number))) : nlohmann::json(number);
  }
  static nlohmann::json bound(const TypeInfo&, double number) { return number; }

  FieldBuilder& each_text(std::function<void(Reader&, const Node&, const std::string&)> check_text) {
    return check([check_text](const auto& value, Reader& reader, const Node& node) {
      if constexpr (requires { value.begin()->size(); }) {
        for (std::size_t i = 0; i < value.size(); ++i) check_text(reader, node.items[i], value[i]);
      } else {
        check_text(reader, node, value);
      }
    });
  }

  Field<T>& field_;
  M T::*member_;
};

}  // namespace snaphammer::scenario
