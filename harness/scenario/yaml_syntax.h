// What is wrong with a text that is not YAML, in words that say what to write instead.
//
//   fail(places.of(error.mark), explain(error.msg, seen));
//
// yaml-cpp's messages name its parser's states ("end of map not found"). It says nothing of a quote that is never closed.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "harness/scenario/diagnostic.h"

namespace snaphammer::scenario {

/// What the parser had seen when it gave up.
struct YamlSeen {
  struct Bracket {
    char opening = '{';  ///< Or '['.
    Position where;
  };
  struct Quote {
    Position opened;
    std::uint32_t closed_in_line = 0;
  };

  std::string_view line;           ///< Where it gave up, from its beginning.
  std::string_view rest;           ///< The part of it that begins where it gave up.
  std::uint32_t line_number = 0;   ///< Its own.
  std::optional<Bracket> bracket;  ///< The innermost one that is open.
  std::optional<Quote> quote;      ///< The last text in quotes, when it has more than one line.
};

struct YamlFault {
  std::string message;
  std::string advice;
};

/// `message`: yaml-cpp's own.
YamlFault explain(std::string_view message, const YamlSeen& seen);

/// The byte after the closing quote of what begins at `start` with ' or "; npos when it is never closed.
std::size_t end_of_quoted(std::string_view text, std::size_t start);

}  // namespace snaphammer::scenario
