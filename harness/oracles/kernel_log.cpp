#include "harness/oracles/kernel_log.h"

#include <array>

namespace snaphammer::oracles {
namespace {

constexpr std::string_view kSoftLockup = "soft lockup";
constexpr std::string_view kHungTask = "hung task";
constexpr std::string_view kRcuStall = "RCU stall";

struct Phrase {
  std::string_view text;
  std::string_view kind;
};

// The first that matches names the fault, so the exact ones stand before the general ones.
constexpr std::array<Phrase, 16> kPhrases{{
    {"watchdog: BUG: soft lockup", kSoftLockup},
    {"blocked for more than", kHungTask},
    {"detected stalls on CPUs", kRcuStall},
    {"self-detected stall on CPU", kRcuStall},
    {"BUG: Bad page state", "bad page state"},
    {"BUG: Bad rss-counter state", "bad page accounting"},
    {"kernel BUG at", "kernel BUG"},
    {"BUG: unable to handle", "kernel page fault"},
    {"BUG: kernel NULL pointer dereference", "kernel page fault"},
    {"BUG: ", "kernel BUG"},
    {"general protection fault", "general protection fault"},
    {"Oops: ", "kernel oops"},
    {"list_add corruption", "list corruption"},
    {"list_del corruption", "list corruption"},
    {"Kernel panic - not syncing", "kernel panic"},
    {"Out of memory: Killed process", "out of memory"},
}};

std::string_view kind_of(std::string_view line) {
  for (const Phrase& phrase : kPhrases) {
    if (line.find(phrase.text) != std::string_view::npos) return phrase.kind;
  }
  return {};
}

}  // namespace

bool is_stall(std::string_view kind) { return kind == kSoftLockup || kind == kHungTask || kind == kRcuStall; }

std::vector<KernelFault> find_kernel_faults(std::string_view log) {
  std::vector<KernelFault> faults;
  std::size_t excerpt_lines_left = 0;
  while (!log.empty()) {
    const std::size_t end = log.find('\n');
    std::string_view line = log.substr(0, end);
    log.remove_prefix(end == std::string_view::npos ? log.size() : end + 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);

    if (excerpt_lines_left > 0) {
      --excerpt_lines_left;
      faults.back().excerpt.append("\n").append(line);
    } else if (const std::string_view kind = kind_of(line); !kind.empty()) {
      faults.push_back({std::string(kind), std::string(line), std::string(line)});
      excerpt_lines_left = kExcerptLines - 1;
    }
  }
  return faults;
}

}  // namespace snaphammer::oracles
