// What a struct looks like in a scenario file: one line per key. This is all that parsing, strict errors, defaults,
// the JSON Schema, `describe` and matrix paths need.
//
//   struct UffdKnobs { OnRemove on_remove = OnRemove::kZero; unsigned workers = 2; };   // plain, knows nothing
//
//   void describe(Fields<UffdKnobs>& fields) {                     // found by argument-dependent lookup
//     fields.add("on_remove", &UffdKnobs::on_remove, "What a REMOVE event does to its pages.");
//     fields.add("workers", &UffdKnobs::workers, "Threads that serve page faults.").between(1, 64);
//   }
//
// Defaults are those of a default-constructed T. `describe` must be visible where Codec<T> is first used.
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "harness/scenario/codec.h"
#include "harness/scenario/field_builder.h"

namespace snaphammer::scenario {

/// One key of T, with the types of its member erased. Most programs read a few keys and explain none, so what it takes
/// to explain one is made when it is asked for.
template <class T>
struct Field {
  std::string name;
  std::string doc;  ///< One line.
  bool required = false;
  std::function<TypeInfo()> type;
  std::function<bool(Reader&, const Node&, T&)> read;
  std::function<nlohmann::json(const T&)> write;
  /// What a missing key means, where that is more than the default; gets the map's node. May be empty.
  std::function<bool(Reader&, const Node&, T&)> missing = {};

  /// Null when there is none, or when it is required.
  nlohmann::json default_value() const { return required ? nlohmann::json() : write(T{}); }
  FieldInfo info() const { return {name, doc, required, default_value(), type()}; }
};

/// The errors of reading a map, which do not depend on its C++ type. All return false.
bool report_no_map(Reader& reader, const Node& node, const std::vector<FieldInfo>& fields);
bool report_unknown_keys(Reader& reader, const Node& node, const std::vector<FieldInfo>& fields);
bool report_missing(Reader& reader, const Node& node, const FieldInfo& field);
/// Keys of which a map has one and no other.
using Alternatives = std::vector<std::string>;
bool check_alternatives(Reader& reader, const Node& node, const Alternatives& keys);
TypeInfo struct_info(std::vector<FieldInfo> fields, const std::string& shorthand,
                     const std::vector<Alternatives>& alternatives);

template <class T>
class Fields {
 public:
  template <class M>
  FieldBuilder<T, M> add(std::string name, M T::*member, std::string doc) {
    return add_as<Codec<M>>(std::move(name), member, std::move(doc));
  }
  /// A size such as 256MiB; the member is a ByteCount, or an optional one.
  FieldBuilder<T, ByteCount> size(std::string name, ByteCount T::*member, std::string doc) {
    return add_as<SizeCodec>(std::move(name), member, std::move(doc));
  }
  FieldBuilder<T, std::optional<ByteCount>> size(std::string name, std::optional<ByteCount> T::*member,
                                                 std::string doc) {
    return add_as<OptionalCodec<ByteCount, SizeCodec>>(std::move(name), member, std::move(doc));
  }
  /// A member with a codec of its own.
  template <class C, class M>
  FieldBuilder<T, M> add_as(std::string name, M T::*member, std::string doc) {
    fields_.push_back(
        {std::move(name), std::move(doc), false, C::info,
         [member](Reader& reader, const Node& node, T& value) { return C::read(reader, node, value.*member); },
         [member](const T& value) { return C::write(value.*member); }});
    return FieldBuilder<T, M>(fields_.back(), member);
  }
  /// A key whose type depends on the value of a key before it: the arguments of what that names.
  void add(Field<T> field) { fields_.push_back(std::move(field)); }

  /// Takes over all keys of a described member, as if they were T's own.
  template <class M>
  void embed(M T::*member) {
    const Fields<M>& inner = Fields<M>::of();
    for (const Field<M>& field : inner.all()) {
      fields_.push_back({field.name, field.doc, field.required, field.type,
                         [member, read = field.read](Reader& reader, const Node& node, T& value) {
                           return read(reader, node, value.*member);
                         },
                         [member, write = field.write](const T& value) { return write(value.*member); }});
      if (!field.missing) continue;
      fields_.back().missing = [member, missing = field.missing](Reader& reader, const Node& node, T& value) {
        return missing(reader, node, value.*member);
      };
    }
    if (!inner.shorthand_.empty()) shorthand_ = inner.shorthand_;
    alternatives_.insert(alternatives_.end(), inner.alternatives_.begin(), inner.alternatives_.end());
    for (const auto& rule : inner.rules_) {
      rules_.push_back(
          [member, rule](T& value, Reader& reader, const Node& node) { rule(value.*member, reader, node); });
    }
  }

  /// Lets a value that is no map stand for this one key: `run_for: 2s` is `run_for: {for: 2s}`.
  void shorthand(std::string name) { shorthand_ = std::move(name); }

  /// A map has one of these keys and no other of them.
  void exactly_one_of(Alternatives keys) { alternatives_.push_back(std::move(keys)); }

  /// Adds what one key cannot check: called after all keys were read without an error, with the map's node. It may
  /// complete the value.
  void rule(std::function<void(T&, Reader&, const Node&)> rule) { rules_.push_back(std::move(rule)); }

  const std::vector<Field<T>>& all() const { return fields_; }
  std::vector<FieldInfo> infos() const {
    std::vector<FieldInfo> infos;
    for (const Field<T>& field : fields_) infos.push_back(field.info());
    return infos;
  }

  bool read(Reader& reader, const Node& node, T& value) const;
  /// Every key that has a value, defaults included; the shorthand when that says it all.
  nlohmann::json write(const T& value) const;
  TypeInfo info() const { return struct_info(infos(), shorthand_, alternatives_); }

  static const Fields& of() {
    static const Fields fields = [] {
      Fields built;
      describe(built);
      return built;
    }();
    return fields;
  }

 private:
  template <class U>
  friend class Fields;

  bool knows_keys_of(const Node& node) const {
    return std::all_of(node.keys.begin(), node.keys.end(), [this](const Node::Key& key) {
      return std::any_of(fields_.begin(), fields_.end(), [&](const Field<T>& field) { return field.name == key.name; });
    });
  }

  std::vector<Field<T>> fields_;
  std::string shorthand_;
  std::vector<Alternatives> alternatives_;
  std::vector<std::function<void(T&, Reader&, const Node&)>> rules_;
};

template <class T>
bool Fields<T>::read(Reader& reader, const Node& node, T& value) const {
  bool good = true;
  if (!shorthand_.empty() && !node.is_map() && !node.is_null()) {
    for (const Field<T>& field : fields_) {
      if (field.name == shorthand_) {
        good &= field.read(reader, node, value);
      } else if (field.missing) {
        good &= field.missing(reader, node, value);
      }
    }
  } else {
    if (!node.is_map() && !node.is_null()) return report_no_map(reader, node, infos());
    if (!knows_keys_of(node)) good = report_unknown_keys(reader, node, infos());
    for (const Field<T>& field : fields_) {
      if (const Node* inner = node.find(field.name)) {
        const Reader::Within within(reader, field.name);
        good &= field.read(reader, *inner, value);
      } else if (field.required) {
        good = report_missing(reader, node, field.info());
      } else if (field.missing) {
        good &= field.missing(reader, node, value);
      }
    }
    for (const Alternatives& keys : alternatives_) good &= check_alternatives(reader, node, keys);
  }
  const std::size_t errors = reader.diagnostics().size();
  if (good) {
    for (const auto& rule : rules_) rule(value, reader, node);
  }
  return good && reader.diagnostics().size() == errors;
}

template <class T>
nlohmann::json Fields<T>::write(const T& value) const {
  nlohmann::json json = nlohmann::json::object();
  bool short_form = !shorthand_.empty();
  for (const Field<T>& field : fields_) {
    nlohmann::json written = field.write(value);
    if (field.name != shorthand_ && written != field.default_value()) short_form = false;
    if (!written.is_null()) json[field.name] = std::move(written);
  }
  return short_form && json.contains(shorthand_) ? nlohmann::json(json[shorthand_]) : json;
}

template <Described T>
struct Codec<T> {
  static bool read(Reader& reader, const Node& node, T& value) { return Fields<T>::of().read(reader, node, value); }
  static nlohmann::json write(const T& value) { return Fields<T>::of().write(value); }
  static TypeInfo info() { return Fields<T>::of().info(); }
};

}  // namespace snaphammer::scenario
