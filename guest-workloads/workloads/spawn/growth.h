// Does a figure grow with the rounds? Fitted by least squares over what was seen so far, the first rounds aside, as
// programs fill their caches then.
//
//   Growth descriptors(2);                 // a rise of no more, from the first third of the rounds to the last, is none
//   descriptors.add(count);                // once a round
//   if (const auto trend = descriptors.trend()) ... trend->per_round ...
//
// A figure that rose once and stays there is none: it must have risen from each third of the rounds to the next.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace snaphammer::spawn {

struct Trend {
  double per_round = 0;
  std::uint64_t rounds = 0;
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

class Growth {
 public:
  static constexpr std::size_t kWarmUp = 8;
  static constexpr std::size_t kLeast = 24;  ///< Rounds after the warm-up that a trend takes.

  explicit Growth(std::uint64_t tolerance) : tolerance_(tolerance) {}

  void add(std::uint64_t value);
  std::optional<Trend> trend() const;
  /// Begins anew: a trend that was told is told again only when it goes on.
  void restart() { samples_.clear(), seen_ = kWarmUp; }

 private:
  static constexpr std::size_t kKept = 512;

  struct Sample {
    std::uint64_t round;
    std::uint64_t value;
  };
  void thin_out();

  std::uint64_t tolerance_;
  std::uint64_t seen_ = 0;
  std::uint64_t every_ = 1;  ///< Of so many rounds one is kept.
  std::vector<Sample> samples_;
};

}  // namespace snaphammer::spawn
