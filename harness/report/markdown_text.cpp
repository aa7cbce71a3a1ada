#include "harness/report/markdown_text.h"

namespace snaphammer::report {

std::string markdown_cell(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '|':
        result += "\\|";
        break;
      case '<':
        result += "&lt;";
        break;
      case '&':
        result += "&amp;";
        break;
      case '\n':
        result += ' ';
        break;
      default:
        result += c;
    }
  }
  return result.empty() ? "-" : result;
}

}  // namespace snaphammer::report
