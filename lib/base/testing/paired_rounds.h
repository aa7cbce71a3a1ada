// PairedRounds: a figure against its floor, both measured in the same run, as counters of a Google Benchmark.
//
//   PairedRounds rounds;
//   for (auto _ : state) rounds.add(measure_floor(), measure_ours());
//   rounds.report(state, Bound::at_most(1.15));
//
// A machine's speed drifts with its load: each round measures both within a moment, and what is reported is the median of
// the rounds' ratios, not the ratio of two averages. ci/bench prints the counters and judges the bound.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include <benchmark/benchmark.h>

namespace snaphammer {

inline double median_of(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// What a ratio (or a figure without a floor) must keep to.
struct Bound {
  const char* counter;
  double value;

  static Bound at_most(double value) { return {"at_most", value}; }
  static Bound at_least(double value) { return {"at_least", value}; }

  void report(benchmark::State& state) const { state.counters[counter] = value; }
};

class PairedRounds {
 public:
  void add(double floor, double ours) {
    floor_.push_back(floor);
    ours_.push_back(ours);
    ratio_.push_back(ours / floor);
  }
  /// Whether the next round measures our side first: neither side always comes second.
  bool ours_first() const { return ratio_.size() % 2 == 1; }

  void report(benchmark::State& state, Bound bound) const {
    state.counters["floor"] = median_of(floor_);
    state.counters["figure"] = median_of(ours_);
    state.counters["ratio"] = median_of(ratio_);
    bound.report(state);
  }

  /// Measures both sides once, in alternating order.
  template <class Floor, class Ours>
  void measure(Floor floor, Ours ours) {
    if (ours_first()) {
      const double mine = ours();
      add(floor(), mine);
    } else {
      const double bare = floor();
      add(bare, ours());
    }
  }

 private:
  std::vector<double> floor_, ours_, ratio_;
};

/// A figure that has no floor: the worst of its rounds.
inline void report_figure(benchmark::State& state, double figure, Bound bound) {
  state.counters["figure"] = figure;
  bound.report(state);
}

}  // namespace snaphammer
