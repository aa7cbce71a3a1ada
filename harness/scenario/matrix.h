// The matrix of a scenario: settings with several values. Every combination is a point, and a point is applied by
// writing its values into the document before that is read; so whatever can be written can be varied.
//
// Paths: `vm.memory`, `runtime.uffd.on_remove`, `limits.restore_to_healthy.max`, `timeout`; a step's option by its
// index from 0 (`steps.3.prefetch`), by the name it gives (`steps.s1.type`), or by its kind when there is only one
// such step (`freeze.at.hit`). Values: a list, or a range of whole numbers: `0..200`, `{from: 0, to: 200, step: 10}`.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "harness/scenario/codec.h"
#include "harness/scenario/document.h"

namespace snaphammer::scenario {

inline constexpr std::size_t kMaxAxisValues = 10'000;
inline constexpr std::size_t kMaxPoints = 100'000;

/// One combination: path and value, in the matrix's order. Values are canonical (`on`: true, `1024MiB`: "1GiB").
using Point = std::vector<std::pair<std::string, nlohmann::json>>;

/// One varied setting, as written.
struct Axis {
  std::string path;
  Position where;
  std::vector<Node> values;
};
struct Matrix {
  std::vector<Axis> axes;
};

template <>
struct Codec<Matrix> {
  static bool read(Reader& reader, const Node& node, Matrix& matrix);
  static nlohmann::json write(const Matrix& matrix);
  static TypeInfo info();
};

/// Writes `value` at `path` into the document `root`; maps on the way are made. Fails when the path leads nowhere that
/// a matrix may vary. Returns where it went, as keys and indices from the root.
Result<std::vector<std::string>> overlay(Node& root, const std::string& path, Position where, const Node& value);

/// The number of points, or nothing when it is beyond kMaxPoints.
std::optional<std::size_t> count_points(const std::vector<std::size_t>& axis_sizes);

/// The indices of point `number`: the first axis varies slowest.
std::vector<std::size_t> indices_of_point(std::size_t number, const std::vector<std::size_t>& axis_sizes);

}  // namespace snaphammer::scenario
