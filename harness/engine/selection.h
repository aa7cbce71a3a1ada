// Which of the planned runs a campaign takes: `--filter` and `--shard`.
//
//   SNAP_ASSIGN(const Filter filter, Filter::parse("tag:uffd,on_remove=ignore"));
//   SNAP_ASSIGN(const Shard shard, Shard::parse("2/5"));
//   std::vector<RunPlan> chosen = select(std::move(plans), {filter}, shard);
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/scenario/plan.h"
#include "lib/base/result.h"

namespace snaphammer::engine {

/// Terms with commas between them, which must all hold; `!` before one inverts it:
///
///   stale              part of the run's id, which begins with the scenario's name
///   stale-*            a pattern (* ? [) for all of the scenario's name
///   tag:uffd           one of the scenario's tags, or a pattern for one
///   on_remove=ignore   the point's value of the setting whose path is, or ends with, this
class Filter {
 public:
  static Result<Filter> parse(std::string_view expression);
  bool matches(const scenario::RunPlan& plan) const;

 private:
  struct Term {
    enum class Kind { kText, kPattern, kTag, kPoint };
    Kind kind = Kind::kText;
    bool inverted = false;
    std::string key;  ///< Of kPoint.
    std::string value;
  };
  static bool holds(const Term& term, const scenario::RunPlan& plan);
  std::vector<Term> terms_;
};

/// Every `count`th run, from the `index`th (from 1): the shards of one plan are disjoint and together complete.
struct Shard {
  std::size_t index = 1;
  std::size_t count = 1;

  /// "I/N"
  static Result<Shard> parse(std::string_view text);
};

/// The runs that any of the filters accepts (all, without a filter), and of those the shard's.
std::vector<scenario::RunPlan> select(std::vector<scenario::RunPlan> plans, const std::vector<Filter>& filters,
                                      Shard shard);

}  // namespace snaphammer::engine
