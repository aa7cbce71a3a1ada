// What a loader says of a text, for tests: "LINE:COLUMN: message; advice", one line per error.
#pragma once

#include <span>
#include <string>

#include <fmt/format.h>

#include "harness/scenario/load.h"

namespace snaphammer::scenario {

inline std::string errors_of(std::span<const Diagnostic> diagnostics) {
  std::string text;
  for (const Diagnostic& diagnostic : diagnostics) {
    text += fmt::format("{}:{}: {}{}{}\n", diagnostic.where.line, diagnostic.where.column, diagnostic.message,
                        diagnostic.advice.empty() ? "" : "; ", diagnostic.advice);
  }
  return text;
}

inline std::string errors_of(const std::string& text, ReadOptions options = {}) {
  return errors_of(load_text("test.yaml", text, options).diagnostics);
}

}  // namespace snaphammer::scenario
