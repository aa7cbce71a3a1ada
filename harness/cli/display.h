// What a person sees of a campaign while it runs.
//
//   const auto display = make_display({.out = std::cout, .kind = DisplayKind::kLines, .total = plans.size()});
//   run_campaign(plans, settings, *display);
#pragma once

#include <memory>
#include <ostream>

#include "harness/engine/campaign.h"

namespace snaphammer::cli {

enum class DisplayKind {
  kQuiet,  ///< Only runs that were not as expected.
  kLines,  ///< One line when a run ends: for logs.
  kLive,   ///< The same, and below it one line per worker with what it is at: for terminals.
};

struct DisplayOptions {
  std::ostream& out;
  DisplayKind kind = DisplayKind::kLines;
  bool color = false;
  std::size_t width = 100;  ///< Live lines are cut to it.
  std::size_t total = 0;    ///< Runs of the campaign.
  std::size_t done = 0;     ///< Of them, before a resume.
};

/// All calls on one thread; `out` outlives it.
std::unique_ptr<engine::CampaignListener> make_display(const DisplayOptions& options);

}  // namespace snaphammer::cli
