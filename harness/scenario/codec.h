// How each type of value is read from a scenario file, written back, and explained. A codec has
//
//   static bool read(Reader&, const Node&, T&);      false after recording an error
//   static nlohmann::json write(const T&);           the canonical form, which read() reads back
//   static TypeInfo info();
//
// Codec<T> is chosen by the C++ type: bool, integers, double, text, Duration, enums (choices.h), lists, optionals,
// described structs (fields.h), unions (union.h), free JSON. Sizes are integers in C++, so they name SizeCodec.
#pragma once

#include <concepts>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include <nlohmann/json.hpp>

#include "harness/scenario/choices.h"
#include "harness/scenario/document.h"
#include "harness/scenario/reader.h"
#include "harness/scenario/type_info.h"
#include "lib/base/units.h"

namespace snaphammer::scenario {

template <class T>
class Fields;

/// A struct that has a `void describe(Fields<T>&)`.
template <class T>
concept Described = std::is_class_v<T> && requires(Fields<T>& fields) {
  describe(fields);
};

template <class T>
struct Codec;

template <>
struct Codec<bool> {
  static bool read(Reader& reader, const Node& node, bool& value);
  static nlohmann::json write(bool value) { return value; }
  static TypeInfo info();
};

template <>
struct Codec<std::string> {
  static bool read(Reader& reader, const Node& node, std::string& value);
  static nlohmann::json write(const std::string& value) { return value; }
  static TypeInfo info();
};

template <>
struct Codec<double> {
  static bool read(Reader& reader, const Node& node, double& value);
  static nlohmann::json write(double value) { return value; }
  static TypeInfo info();
};

template <>
struct Codec<Duration> {
  static bool read(Reader& reader, const Node& node, Duration& value);
  static nlohmann::json write(Duration value) { return format_duration(value); }
  static TypeInfo info();
};

struct SizeCodec {
  static bool read(Reader& reader, const Node& node, ByteCount& value);
  static nlohmann::json write(ByteCount value) { return format_bytes(value); }
  static TypeInfo info();
};

template <>
struct Codec<nlohmann::json> {
  static bool read(Reader& reader, const Node& node, nlohmann::json& value);
  static nlohmann::json write(const nlohmann::json& value) { return value; }
  static TypeInfo info();
};

/// Whole numbers as 64 bits, checked against the range of their type.
bool read_integer(Reader& reader, const Node& node, std::int64_t min, std::uint64_t max, bool& negative,
                  std::uint64_t& magnitude);
TypeInfo integer_info(std::int64_t min, std::uint64_t max);

template <std::integral T>
requires(!std::same_as<T, bool>) struct Codec<T> {
  static constexpr std::int64_t kMin = std::is_signed_v<T> ? std::numeric_limits<T>::min() : 0;
  static constexpr std::uint64_t kMax = static_cast<std::uint64_t>(std::numeric_limits<T>::max());
  static bool read(Reader& reader, const Node& node, T& value) {
    bool negative = false;
    std::uint64_t magnitude = 0;
    if (!read_integer(reader, node, kMin, kMax, negative, magnitude)) return false;
    value = static_cast<T>(negative ? 0 - magnitude : magnitude);
    return true;
  }
  static nlohmann::json write(T value) { return value; }
  static TypeInfo info() { return integer_info(kMin, kMax); }
};

template <class E>
requires std::is_enum_v<E>
struct Codec<E> {
  static bool read(Reader& reader, const Node& node, E& value) { return Choices<E>::of().read(reader, node, value); }
  static nlohmann::json write(E value) { return word_for(value); }
  static TypeInfo info() { return Choices<E>::of().info(); }
};

/// An optional is absent when its key is; written as null, which the struct around it leaves out.
template <class T, class Inner = Codec<T>>
struct OptionalCodec {
  static bool read(Reader& reader, const Node& node, std::optional<T>& value) {
    T inner{};
    if (!Inner::read(reader, node, inner)) return false;
    value = std::move(inner);
    return true;
  }
  static nlohmann::json write(const std::optional<T>& value) { return value ? Inner::write(*value) : nlohmann::json(); }
  static TypeInfo info() { return Inner::info(); }
};
template <class T>
struct Codec<std::optional<T>> : OptionalCodec<T> {};

/// "a list of ..."
TypeInfo list_info(const TypeInfo& element);

template <class T>
struct Codec<std::vector<T>> {
  static bool read(Reader& reader, const Node& node, std::vector<T>& value) {
    if (!node.is_list()) return reader.expected(node, info().expects);
    std::vector<T> elements;
    bool good = true;
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      const Reader::Within within(reader, std::to_string(i));
      elements.emplace_back();
      good &= Codec<T>::read(reader, node.items[i], elements.back());
    }
    value = std::move(elements);
    return good;
  }
  static nlohmann::json write(const std::vector<T>& value) {
    nlohmann::json list = nlohmann::json::array();
    for (const T& element : value) list.push_back(Codec<T>::write(element));
    return list;
  }
  static TypeInfo info() { return list_info(Codec<T>::info()); }
};

}  // namespace snaphammer::scenario
