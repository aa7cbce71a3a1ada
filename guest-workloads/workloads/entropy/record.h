// What was drawn: whether it came before, and which were the first draws of a life.
//
//   Record record(16);                          // draws of each source to tell
//   if (!record.add(source, value)) ... it came before
//   record.begin_life();
//
// The last kRemembered draws are known. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <unordered_set>
#include <vector>

#include "guest-workloads/workloads/base/json_line.h"
#include "guest-workloads/workloads/entropy/sources.h"

namespace snaphammer::entropy {

class Record {
 public:
  static constexpr std::size_t kRemembered = 30'000;

  explicit Record(std::size_t told) : told_(told) {}

  /// False when that was drawn before, from whichever source.
  bool add(std::size_t source, const std::string& value);
  void begin_life();

  /// Whether there are as many draws of this life as are to be told.
  bool complete() const;
  std::uint64_t draws() const { return draws_; }
  std::uint64_t repeated() const { return repeated_; }
  std::uint64_t lives() const { return lives_; }
  /// {"getrandom": ["..."], ...}
  workload::JsonObject told() const;

 private:
  std::size_t told_;
  std::array<std::vector<std::string>, Sources::kNames.size()> of_this_life_;
  std::unordered_set<std::string> known_;
  std::deque<std::string> in_order_;
  std::uint64_t draws_ = 0;
  std::uint64_t repeated_ = 0;
  std::uint64_t lives_ = 1;
};

}  // namespace snaphammer::entropy
