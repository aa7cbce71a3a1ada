// The bytes that a workload writes, as a function of a key: nothing has to be remembered to check them later, and old
// bytes tell which write they come from.
//
//   KeyedWords words(seed, key);          // key: whatever names the write, packed into 64 bits
//   words.at(i) == what the i-th 8 bytes of the write hold
//
// Plain 64-bit arithmetic: this runs on emulated CPUs. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>

namespace snaphammer::workload {

inline constexpr std::size_t kPageBytes = 4096;

/// 2^64 / golden ratio: odd, bits well spread.
inline constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15;

/// The finalizer of SplitMix64 (Steele, Lea, Flood 2014): nearby keys get unrelated patterns.
constexpr std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

class KeyedWords {
 public:
  constexpr KeyedWords(std::uint64_t seed, std::uint64_t key) : state_(mix(mix(seed + kGolden) ^ key)) {}

  constexpr std::uint64_t at(std::size_t i) const {
    const std::uint64_t word = state_ + (i + 1) * kGolden;
    return word ^ (word >> 32);
  }

 private:
  std::uint64_t state_;
};

/// A cheap generator for choices: SplitMix64.
class Choice {
 public:
  explicit constexpr Choice(std::uint64_t seed) : state_(seed) {}
  constexpr std::uint64_t next() { return mix(state_ += kGolden); }
  /// Below `bound`, which is at least 1; fair enough for bounds far below 2^32.
  constexpr std::uint64_t below(std::uint64_t bound) { return (next() >> 32) * bound >> 32; }

 private:
  std::uint64_t state_;
};

}  // namespace snaphammer::workload
