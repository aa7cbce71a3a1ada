// The words of an enum in scenario files, each with its meaning. Declared beside the enum's binding, as an overload
// that argument-dependent lookup finds:
//
//   void describe(Choices<OnRemove>& words) {
//     words.add(OnRemove::kZero, "zero", "a removed page reads as zeros");
//     words.add(OnRemove::kIgnore, "ignore", "the event is read and forgotten", "wrenn, 2026-05-09");
//   }
//
// The enum itself stays a plain enum of lib/.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/scenario/document.h"
#include "harness/scenario/reader.h"
#include "harness/scenario/type_info.h"

namespace snaphammer::scenario {

/// The part that does not depend on the enum.
class Words {
 public:
  /// The index of the word in `node`. An unquoted (or YAML 1.1 style) true and false also stand for `on` and `off`.
  std::optional<std::size_t> read(Reader& reader, const Node& node) const;
  const std::vector<ChoiceInfo>& infos() const { return infos_; }
  TypeInfo info() const;

 protected:
  std::vector<ChoiceInfo> infos_;
};

template <class E>
class Choices : public Words {
 public:
  void add(E value, std::string name, std::string meaning, std::string seen_in = {}) {
    values_.push_back(value);
    infos_.push_back({std::move(name), std::move(meaning), std::move(seen_in)});
  }
  bool read(Reader& reader, const Node& node, E& value) const {
    const auto index = Words::read(reader, node);
    if (index) value = values_[*index];
    return index.has_value();
  }
  const std::string& name(E value) const {
    for (std::size_t i = 0; i < values_.size(); ++i) {
      if (values_[i] == value) return infos_[i].name;
    }
    static const std::string none = "?";
    return none;
  }

  static const Choices& of() {
    static const Choices choices = [] {
      Choices built;
      describe(built);
      return built;
    }();
    return choices;
  }

 private:
  std::vector<E> values_;
};

/// The word for an enum value in scenario files, results and messages.
template <class E>
const std::string& word_for(E value) {
  return Choices<E>::of().name(value);
}

}  // namespace snaphammer::scenario
