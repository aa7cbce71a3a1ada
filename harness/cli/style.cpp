#include "harness/cli/style.h"

namespace snaphammer::cli {
namespace {

std::string_view code_of(Style style) {
  switch (style) {
    case Style::kPlain:
      return "";
    case Style::kGood:
      return "\x1b[32m";
    case Style::kDoubtful:
      return "\x1b[33m";
    case Style::kBad:
      return "\x1b[31m";
    case Style::kFaint:
      return "\x1b[2m";
  }
  return "";
}

}  // namespace

std::string Painter::paint(Style style, std::string_view text) const {
  const std::string_view code = code_of(style);
  if (!enabled_ || code.empty()) return std::string(text);
  return std::string(code) + std::string(text) + "\x1b[0m";
}

Style style_of(const report::RunResult& run) {
  if (run.verdict == report::Verdict::kSkipped) return Style::kFaint;
  if (run.is_flaky() || !run.known.empty()) return Style::kDoubtful;
  if (run.expected) return Style::kGood;
  return run.verdict == report::Verdict::kInconclusive ? Style::kDoubtful : Style::kBad;
}

}  // namespace snaphammer::cli
