#include "guest-workloads/workloads/zero-pages/report.h"

#include <cerrno>
#include <cstdlib>

#include <unistd.h>

namespace snaphammer::zero_pages {
namespace {

constexpr std::size_t kFlushAt = 32 * 1024;
constexpr char kDigits[] = "0123456789abcdef";

std::string hex(std::uint64_t number) {
  std::string text;
  do {
    text.insert(text.begin(), kDigits[number & 15]);
    number >>= 4;
  } while (number != 0);
  return "0x" + text;
}

std::string hex(const std::uint8_t* bytes, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

std::string field(const char* name, std::uint64_t value) {
  return ",\"" + std::string(name) + "\":" + std::to_string(value);
}
std::string field(const char* name, const std::string& value) {
  return ",\"" + std::string(name) + "\":\"" + value + "\"";
}

std::string counter_fields(const Counters& counters) {
  return field("rounds", counters.rounds) + field("fresh_pages", counters.fresh_pages) +
         field("verified_pages", counters.verified_pages) + field("stale_pages", counters.stale) +
         field("lost_writes", counters.lost);
}

}  // namespace

std::string ready_line(std::size_t pages, std::uintptr_t address) {
  return "{\"type\":\"ready\"" + field("pages", pages) + field("address", address) + "}\n";
}

std::string beat_line(const char* phase, std::uint32_t round, const Counters& counters) {
  return "{\"type\":\"beat\"" + field("phase", std::string(phase)) + field("round", round) + counter_fields(counters) +
         "}\n";
}

std::string state_line(const char* type) { return "{\"type\":\"" + std::string(type) + "\"}\n"; }

std::string finding_line(const PageFinding& finding) {
  const bool stale = finding.defect == Defect::kStalePage;
  std::string message = "page " + std::to_string(finding.page) + " at " + hex(finding.address);
  message += stale ? ", fresh from the kernel, is not zero" : " lost what was written to it";
  if (finding.written_by) {
    message += ": it holds page " + std::to_string(finding.written_by->page) + " of round " +
               std::to_string(finding.written_by->round);
  }
  // The type first: the agent forwards such a line as it is.
  std::string line = "{\"type\":\"finding\"" + field("id", std::string(stale ? "stale-page" : "lost-write")) +
                     field("message", message) + ",\"evidence\":{\"page\":" + std::to_string(finding.page) +
                     field("round", finding.round) + field("address", hex(finding.address));
  if (finding.physical) line += field("physical", hex(*finding.physical));
  line += field("offset", finding.offset) + field("expected", hex(finding.expected, finding.shown)) +
          field("read", hex(finding.read, finding.shown));
  if (finding.written_by) {
    line += ",\"written_by\":{\"page\":" + std::to_string(finding.written_by->page) +
            field("round", finding.written_by->round) + "}";
  }
  return line + "}}\n";
}

std::string verdict_line(const Counters& counters, std::uint64_t fresh_age_ms) {
  const bool pass = counters.stale == 0 && counters.lost == 0;
  return std::string("{\"type\":\"verdict\",\"pass\":") + (pass ? "true" : "false") + counter_fields(counters) +
         field("fresh_age_ms", fresh_age_ms) + "}\n";
}

void Output::take(const PageFinding& finding) {
  ++(finding.defect == Defect::kStalePage ? counters_.stale : counters_.lost);
  write(finding_line(finding));
}

void Output::write(const std::string& line) {
  waiting_ += line;
  if (waiting_.size() >= kFlushAt) flush();
}

void Output::flush() {
  std::size_t done = 0;
  while (done < waiting_.size()) {
    const ssize_t n = ::write(STDOUT_FILENO, waiting_.data() + done, waiting_.size() - done);
    if (n < 0 && errno != EINTR) std::exit(1);
    if (n > 0) done += static_cast<std::size_t>(n);
  }
  waiting_.clear();
}

}  // namespace snaphammer::zero_pages
