// Text for people to paste into a shell.
#pragma once

#include <string>
#include <string_view>

namespace snaphammer {

/// `text` as one word of a POSIX shell: as it is when nothing in it has a meaning there, otherwise in single quotes.
std::string shell_word(std::string_view text);

}  // namespace snaphammer
