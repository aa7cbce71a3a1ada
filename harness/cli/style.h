// Colours on a terminal.
#pragma once

#include <string>
#include <string_view>

#include "harness/report/results.h"

namespace snaphammer::cli {

enum class Style { kPlain, kGood, kDoubtful, kBad, kFaint };

class Painter {
 public:
  explicit Painter(bool enabled) : enabled_(enabled) {}
  std::string paint(Style style, std::string_view text) const;

 private:
  bool enabled_;
};

/// What a run's end looks like: good when it was as expected, whatever the verdict.
Style style_of(const report::RunResult& run);

}  // namespace snaphammer::cli
