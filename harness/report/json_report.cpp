// results.json itself, wherever it is wanted.
#include <nlohmann/json.hpp>

#include "harness/report/reporter.h"

namespace snaphammer::report {

std::string render_json(const CampaignResult& campaign) { return to_json(campaign).dump(2) + "\n"; }

namespace {
const FormatRegistration registration{{"json", "results.json, for programs", render_json}};
}

}  // namespace snaphammer::report
