#include "guest-workloads/workloads/zero-pages/report.h"

#include "guest-workloads/workloads/base/json_line.h"

namespace snaphammer::zero_pages {
namespace {

using workload::hex;
using workload::JsonObject;

JsonObject counter_fields(const Counters& counters) {
  return JsonObject()
      .add("rounds", counters.rounds)
      .add("fresh_pages", counters.fresh_pages)
      .add("verified_pages", counters.verified_pages)
      .add("taken_back_pages", counters.taken_back)
      .add("stale_pages", counters.stale)
      .add("lost_writes", counters.lost);
}

const char* what_is_wrong(Defect defect) {
  switch (defect) {
    case Defect::kStalePage:
      return ", fresh from the kernel, is not zero";
    case Defect::kResurrected:
      return ", which the host had discarded, is not zero";
    case Defect::kLostWrite:
      break;
  }
  return " lost what was written to it";
}

}  // namespace

std::string ready_line(std::size_t pages, std::uintptr_t address) {
  return JsonObject("ready").add("pages", pages).add("address", address).line();
}

std::string beat_line(const char* phase, std::uint32_t round, const Counters& counters) {
  return JsonObject("beat").add("phase", phase).add("round", round).add_all(counter_fields(counters)).line();
}

std::string finding_line(const PageFinding& finding) {
  std::string message = "page " + std::to_string(finding.page) + " at " + hex(finding.address);
  message += what_is_wrong(finding.defect);
  if (finding.written_by) {
    message += ": it holds page " + std::to_string(finding.written_by->page) + " of round " +
               std::to_string(finding.written_by->round);
  }
  JsonObject evidence;
  evidence.add("page", finding.page).add("round", finding.round).add("address", hex(finding.address));
  if (finding.physical) evidence.add("physical", hex(*finding.physical));
  evidence.add("offset", finding.offset)
      .add("expected", hex(std::span(finding.expected, finding.shown)))
      .add("read", hex(std::span(finding.read, finding.shown)));
  if (finding.written_by) {
    evidence.add("written_by",
                 JsonObject().add("page", finding.written_by->page).add("round", finding.written_by->round));
  }
  const bool lost = finding.defect == Defect::kLostWrite;
  return workload::finding_line(lost ? "lost-write" : "stale-page", message, evidence);
}

std::string verdict_line(const Counters& counters, std::uint64_t fresh_age_ms) {
  const bool pass = counters.stale == 0 && counters.lost == 0;
  return workload::verdict_line(pass, counter_fields(counters).add("fresh_age_ms", fresh_age_ms));
}

void Reporter::take(const PageFinding& finding) {
  ++(finding.defect == Defect::kLostWrite ? counters_.lost : counters_.stale);
  output_.write(finding_line(finding));
}

}  // namespace snaphammer::zero_pages
