// Text of anybody's in Markdown.
//
//   text += fmt::format("| {} | {} |\n", markdown_cell(scenario), markdown_cell(message));
#pragma once

#include <string>
#include <string_view>

namespace snaphammer::report {

/// A table's cell: one line, without what Markdown or HTML would act on; "-" for nothing.
std::string markdown_cell(std::string_view text);

}  // namespace snaphammer::report
