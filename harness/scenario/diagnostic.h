// What is wrong in a scenario file, and exactly where.
//
//   Diagnostic d{"a.yaml", {9, 10}, "unknown key 'on_remov' in runtime.uffd", "did you mean 'on_remove'?", "..."};
//   std::cerr << format(d);
//
//   a.yaml:9:10: unknown key 'on_remov' in runtime.uffd; did you mean 'on_remove'?
//      9 |   uffd: {on_remov: zero}
//        |          ^
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace snaphammer::scenario {

/// A place in a file; both count from 1, columns in characters. Line 0 means "not from a file".
struct Position {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  auto operator<=>(const Position&) const = default;
};

/// Whether a byte of UTF-8 only continues a character: such bytes count for no column.
constexpr bool continues_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

struct Diagnostic {
  std::string file;
  Position where;
  std::string message;      ///< What is wrong, and what was expected.
  std::string advice;       ///< What to write instead; empty when the message says it all.
  std::string source_line;  ///< The line of the file, for the caret.
  bool operator==(const Diagnostic&) const = default;
};

/// "FILE:LINE:COLUMN: message; advice", then the line and a caret under the place. Ends with a newline.
std::string format(const Diagnostic& diagnostic);
std::string format(std::span<const Diagnostic> diagnostics);

/// The name of `known` that `name` was most likely meant to be, or "" when none is near enough.
std::string_view nearest_name(std::string_view name, std::span<const std::string> known);

/// "did you mean 'x'? Known are: x, y, z", as advice for a name that is not among `known`.
std::string advise_names(std::string_view name, std::span<const std::string> known);

}  // namespace snaphammer::scenario
