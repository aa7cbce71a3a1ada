// What a person sees of a campaign while it runs.
//
//   const auto display = make_display({.out = std::cout, .kind = DisplayKind::kLines, .total = plans.size()});
//   run_campaign(plans, settings, *display);
#pragma once

#include <functional>
#include <memory>
#include <ostream>

#include "harness/cli/terminal.h"
#include "harness/engine/campaign.h"
#include "lib/base/async.h"

namespace snaphammer::cli {

enum class DisplayKind {
  kQuiet,  ///< Only runs that were not as expected.
  kLines,  ///< One line when a run ends: for logs.
  kLive,   ///< The same, and below it how far it is, as progress.h has it: for terminals.
};

struct DisplayOptions {
  std::ostream& out;
  DisplayKind kind = DisplayKind::kLines;
  bool color = false;
  std::function<TerminalSize()> terminal = terminal_size;  ///< Asked whenever live lines are drawn.
  std::size_t total = 0;                                   ///< These four as in ProgressOptions.
  std::size_t done = 0;
  unsigned parallel = 1;
  Duration expected{};
};

/// All calls on one thread; `out` outlives it.
std::unique_ptr<engine::CampaignListener> make_display(const DisplayOptions& options);

}  // namespace snaphammer::cli
